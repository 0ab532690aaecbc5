//! Connecting, logging in, and what is said when that fails.

use posthouse_backend::{BackendError, Mailbox, imap::verify_imap};
use posthouse_model::{account::TlsOptions, mailbox::SpecialUse};
use posthouse_testkit::{imaps_addr, unique_user};

use crate::{
    stub::{Rule, Stub},
    support::{Numbers, collect, config, mailbox_of, network, page},
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

#[tokio::test]
async fn folders_of_namespaces_that_are_not_listed_are_asked_for() {
    const RULES: &[Rule] = &[
        (
            "LIST \"\" \"*\"",
            "* LIST () \".\" INBOX\r\n* LIST () \".\" INBOX.Sent\r\n{tag} OK x\r\n",
        ),
        (
            "LIST \"\" \"#shared.*\"",
            "* LIST () \".\" \"#shared.Team\"\r\n{tag} OK x\r\n",
        ),
        ("LIST \"\" \"Others.*\"", "{tag} NO not yours\r\n"),
        (
            "NAMESPACE",
            "* NAMESPACE ((\"INBOX.\" \".\")) ((\"Others.\" \".\")) ((\"#shared.\" \".\"))\r\n{tag} OK x\r\n",
        ),
    ];
    let stub = Stub::start(
        "* PREAUTH [CAPABILITY IMAP4rev1 NAMESPACE] Courier-IMAP ready\r\n",
        RULES,
    )
    .await;
    let mut config = config("me");
    config.imap.as_mut().unwrap().port = Some(stub.port);
    let listed = verify_imap(&config, &network(), true).await.unwrap();
    let paths: Vec<_> = listed.iter().map(|folder| folder.path.as_str()).collect();
    assert_eq!(paths, ["INBOX", "INBOX.Sent", "#shared.Team"]);
}

#[tokio::test]
async fn a_server_that_allows_fewer_sessions_is_shared() {
    let stub = Stub::limited(
        "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
        &[("LIST", "* LIST () \"/\" INBOX\r\n{tag} OK x\r\n")],
        1,
    )
    .await;
    let mut config = config("me");
    config.imap.as_mut().unwrap().port = Some(stub.port);
    let mailbox = mailbox_of(config);
    let list = || mailbox.list_mailboxes(false);
    let (a, b, c) = tokio::join!(list(), list(), list());
    for listed in [a, b, c] {
        assert_eq!(listed.unwrap().len(), 1);
    }
    assert_eq!(mailbox.resting_sessions(), 1);
}

#[tokio::test]
async fn a_server_with_wrong_chunks_is_read_at_once() {
    const RULES: &[Rule] = &[
        ("ID", "* ID (\"name\" \"hMailServer\")\r\n{tag} OK x\r\n"),
        (
            "SELECT",
            "* 1 EXISTS\r\n* OK [UIDVALIDITY 5] x\r\n{tag} OK x\r\n",
        ),
        (
            "UID FETCH 1 (UID RFC822.SIZE)",
            "* 1 FETCH (UID 1 RFC822.SIZE 11)\r\n{tag} OK x\r\n",
        ),
        (
            "UID FETCH 1 (UID BODY.PEEK[])",
            "* 1 FETCH (UID 1 BODY[] {11}\r\nA: b\r\n\r\nc\r\n)\r\n{tag} OK x\r\n",
        ),
        ("UID FETCH", "{tag} BAD not like this\r\n"),
    ];
    let stub = Stub::start("* PREAUTH [CAPABILITY IMAP4rev1 ID] IMAPrev1\r\n", RULES).await;
    let mut config = config("me");
    config.imap.as_mut().unwrap().port = Some(stub.port);
    let memory = std::sync::Arc::new(Numbers::default());
    let folder = posthouse_backend::Folder {
        path: "INBOX".to_owned(),
        uid_validity: 5,
    };
    let number = posthouse_backend::Memory::number(&*memory, &folder)
        .await
        .unwrap();
    let network = posthouse_backend::Network {
        client_id: std::sync::Arc::new(vec![("name".to_owned(), "Posthouse".to_owned())]),
        ..network()
    };
    let mailbox =
        posthouse_backend::imap::ImapMailbox::new(std::sync::Arc::new(config), network, memory);
    let id = posthouse_backend::imap::MessageId {
        folder: number,
        uid: 1,
    };
    let body = mailbox.source(&id.encode()).await.unwrap();
    assert_eq!(collect(body).await, b"A: b\r\n\r\nc\r\n");
}

#[tokio::test]
async fn what_a_product_does_wrong_is_known_by_its_words() {
    // ID is needed even where nobody is named, and offers that go wrong are not taken.
    let heard = conversation(
        "* OK [CAPABILITY IMAP4rev1 ID ENABLE QRESYNC] Coremail System IMap Server Ready(x)\r\n",
        &[("LOGIN", "{tag} OK [CAPABILITY IMAP4rev1 ID] in\r\n")],
        |_| {},
    )
    .await;
    assert_eq!(heard[1..], ["ID (\"name\" \"Posthouse\")", "LOGOUT"]);
    let stub = Stub::start(
        "* PREAUTH [CAPABILITY IMAP4rev1 ID] Coremail System IMap Server Ready(x)\r\n",
        &[],
    )
    .await;
    let mut config = config("me");
    config.imap.as_mut().unwrap().port = Some(stub.port);
    verify_imap(&config, &network(), false).await.unwrap();
    assert_eq!(stub.commands(), ["ID (\"name\" \"Posthouse\")", "LOGOUT"]);
}

/// A name that breaks the encoding is opened as the server wrote it, also by a session that listed nothing.
#[tokio::test]
async fn names_that_break_the_encoding_are_sent_back_as_they_came() {
    const RULES: &[Rule] = &[
        (
            "LIST",
            "* LIST () \"/\" INBOX\r\n* LIST () \"/\" \"R & D\"\r\n* LIST () \"/\" \"Q &- A\"\r\n{tag} OK x\r\n",
        ),
        (
            "SELECT \"R & D\"",
            "* 0 EXISTS\r\n* OK [UIDVALIDITY 5] x\r\n{tag} OK x\r\n",
        ),
        (
            "SELECT \"Q &- A\"",
            "* 0 EXISTS\r\n* OK [UIDVALIDITY 6] x\r\n{tag} OK x\r\n",
        ),
        ("SELECT", "{tag} NO no such mailbox\r\n"),
    ];
    let greeting = "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n";
    let stub = Stub::start(greeting, RULES).await;
    let mut config = config("me");
    config.imap.as_mut().unwrap().port = Some(stub.port);
    let mailbox = mailbox_of(config);
    let listed = mailbox.list_mailboxes(false).await.unwrap();
    let paths: Vec<_> = listed.iter().map(|folder| folder.path.as_str()).collect();
    assert_eq!(paths, ["INBOX", "Q & A", "R & D"]);
    // More sessions than the one that listed.
    let pages = [
        page("R & D", 0, 20),
        page("Q & A", 0, 20),
        page("R & D", 0, 20),
    ];
    let (one, two, three) = tokio::join!(
        mailbox.list_messages(&pages[0]),
        mailbox.list_messages(&pages[1]),
        mailbox.list_messages(&pages[2]),
    );
    for page in [one, two, three] {
        assert_eq!(page.unwrap().total, 0);
    }
    assert!(stub.sessions() > 1);
}
