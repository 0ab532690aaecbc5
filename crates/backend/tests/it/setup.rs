//! Connecting, logging in, and what is said when that fails.

use posthouse_backend::{BackendError, imap::verify_imap};
use posthouse_model::{account::TlsOptions, mailbox::SpecialUse};
use posthouse_testkit::{imaps_addr, unique_user};

use crate::{
    stub::{Rule, Stub},
    support::{config, network},
};

#[tokio::test]
async fn starttls_tls_and_the_folders() {
    let mut config = config(&unique_user());
    let network = network();
    let folders = verify_imap(&config, &network, true).await.unwrap();
    assert_eq!(folders[0].path, "INBOX");
    assert!(
        folders
            .iter()
            .any(|folder| folder.special_use == Some(SpecialUse::Sent))
    );
    let imap = config.imap.as_mut().unwrap();
    imap.port = Some(imaps_addr().port());
    imap.secure = true;
    assert!(
        verify_imap(&config, &network, false)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        network
            .counters
            .received
            .load(std::sync::atomic::Ordering::Relaxed)
            > 500
    );
    // A certificate that nobody vouches for.
    let strict = posthouse_backend::Network {
        ignore_certificates: false,
        ..network
    };
    let error = verify_imap(&config, &strict, false).await.unwrap_err();
    assert!(
        matches!(&error, BackendError::Connection { code, .. } if code == "ETLS"),
        "{error:?}"
    );
    let imap = config.imap.as_mut().unwrap();
    imap.port = Some(posthouse_testkit::imap_addr().port());
    imap.secure = false;
    // STARTTLS that nobody insists on is not worse with any certificate than without.
    verify_imap(&config, &strict, false).await.unwrap();
    config.imap.as_mut().unwrap().tls = Some(TlsOptions {
        reject_unauthorized: Some(true),
        ..TlsOptions::default()
    });
    let error = verify_imap(&config, &strict, false).await.unwrap_err();
    assert!(
        matches!(&error, BackendError::Connection { code, .. } if code == "ETLS"),
        "{error:?}"
    );
}

#[tokio::test]
async fn wrong_and_missing_credentials() {
    let mut config = config(&unique_user());
    let auth = config.imap.as_mut().unwrap().auth.as_mut().unwrap();
    auth.pass = Some("wrong".to_owned().into());
    let error = verify_imap(&config, &network(), false).await.unwrap_err();
    let BackendError::Authentication { code, response, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(code, "AUTHENTICATIONFAILED");
    assert!(!response.is_empty());
    config.imap.as_mut().unwrap().auth = None;
    let error = verify_imap(&config, &network(), false).await.unwrap_err();
    assert!(matches!(error, BackendError::Authentication { .. }));
}

#[tokio::test]
async fn nobody_listens_or_nobody_answers() {
    let mut config = config(&unique_user());
    config.imap.as_mut().unwrap().port = Some(posthouse_testkit::free_port());
    let error = verify_imap(&config, &network(), false).await.unwrap_err();
    assert!(matches!(&error, BackendError::Connection { code, .. } if code == "ECONNREFUSED"));
    // A server that accepts and stays silent.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    config.imap.as_mut().unwrap().port = Some(silent.local_addr().unwrap().port());
    let network = posthouse_backend::Network {
        connect_timeout: std::time::Duration::from_millis(300),
        ..network()
    };
    let error = verify_imap(&config, &network, false).await.unwrap_err();
    assert!(matches!(&error, BackendError::Connection { code, .. } if code == "ETIMEDOUT"));
}

/// What a server hears from the greeting to the farewell.
async fn conversation(
    greeting: &'static str,
    rules: &'static [Rule],
    imap: impl FnOnce(&mut posthouse_model::account::ImapConfig),
) -> Vec<String> {
    let stub = Stub::start(greeting, rules).await;
    let mut config = config("me");
    let settings = config.imap.as_mut().unwrap();
    settings.port = Some(stub.port);
    imap(settings);
    let network = posthouse_backend::Network {
        client_id: std::sync::Arc::new(vec![("name".to_owned(), "Posthouse".to_owned())]),
        ..network()
    };
    verify_imap(&config, &network, false).await.unwrap();
    stub.commands()
}

#[tokio::test]
async fn what_a_server_offers_after_login_is_switched_on_in_one_command() {
    let heard = conversation(
        "* OK hi\r\n",
        &[
            (
                "LOGIN",
                "{tag} OK [CAPABILITY IMAP4rev1 ID ENABLE CONDSTORE QRESYNC UTF8=ACCEPT] in\r\n",
            ),
            ("CAPABILITY", "* CAPABILITY IMAP4rev1\r\n{tag} OK x\r\n"),
            ("ID", "* ID NIL\r\n{tag} OK x\r\n"),
            ("ENABLE", "* ENABLED QRESYNC\r\n{tag} OK x\r\n"),
        ],
        |_| {},
    )
    .await;
    assert_eq!(
        heard,
        [
            "CAPABILITY",
            "LOGIN me pass",
            "ID (\"name\" \"Posthouse\")",
            "ENABLE CONDSTORE QRESYNC UTF8=ACCEPT",
            "LOGOUT"
        ]
    );
}

#[tokio::test]
async fn a_server_that_refuses_it_all_is_used_without() {
    let heard = conversation(
        "* OK [CAPABILITY IMAP4rev1] hi\r\n",
        &[
            (
                "CAPABILITY",
                "* CAPABILITY IMAP4rev1 ID ENABLE CONDSTORE\r\n{tag} OK x\r\n",
            ),
            ("ID", "{tag} BAD what\r\n"),
            ("ENABLE", "{tag} NO never\r\n"),
        ],
        |_| {},
    )
    .await;
    // What was said before the login does not hold after it.
    assert_eq!(heard[..2], ["LOGIN me pass", "CAPABILITY"]);
    assert_eq!(heard[3..], ["ENABLE CONDSTORE", "LOGOUT"]);
}

#[tokio::test]
async fn an_account_can_do_without_imap4rev2() {
    const GREETING: &str = "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 QRESYNC] hi\r\n";
    const RULES: &[Rule] = &[(
        "LOGIN",
        "{tag} OK [CAPABILITY IMAP4rev1 IMAP4rev2 QRESYNC] in\r\n",
    )];
    let heard = conversation(GREETING, RULES, |_| {}).await;
    assert_eq!(heard[1..], ["ENABLE CONDSTORE QRESYNC", "LOGOUT"]);
    let heard = conversation(GREETING, RULES, |imap| imap.disable_imap4rev2 = Some(true)).await;
    assert_eq!(heard[1..], ["LOGOUT"]);
}
