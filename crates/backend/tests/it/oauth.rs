//! Logging in with an access token: XOAUTH2, and OAUTHBEARER (RFC 7628) where that is all there is.

use std::net::SocketAddr;

use posthouse_backend::{BackendError, Mailbox};
use posthouse_model::account::AccountConfig;
use posthouse_testkit::{
    access_token, env::IMAP_PASSWORD, imap_addr, imap_append, mail, unique_user,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{config, mailbox_of, page};

fn with_token(user: &str, token: &str) -> AccountConfig {
    let mut config = config(user);
    if let Some(auth) = config.imap.as_mut().and_then(|imap| imap.auth.as_mut()) {
        auth.access_token = Some(token.to_owned().into());
        auth.pass = None;
    }
    config
}

#[tokio::test]
async fn an_access_token_opens_the_mailbox() {
    let user = unique_user();
    imap_append(&user, "INBOX", &mail::plain("one", "One", "Hello\r\n")).await;
    let mailbox = mailbox_of(with_token(&user, &access_token(&user, 60)));
    let listed = mailbox.list_messages(&page("INBOX", 0, 10)).await.unwrap();
    assert_eq!(listed.total, 1);
}

#[tokio::test]
async fn a_token_wins_over_a_password() {
    let user = unique_user();
    let mut config = with_token(&user, "not a token");
    if let Some(auth) = config.imap.as_mut().and_then(|imap| imap.auth.as_mut()) {
        auth.pass = Some(IMAP_PASSWORD.to_owned().into());
    }
    let error = mailbox_of(config).list_mailboxes(false).await.unwrap_err();
    assert!(
        matches!(error, BackendError::Authentication { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_expired_token_is_refused_as_credentials() {
    let user = unique_user();
    let mailbox = mailbox_of(with_token(&user, &access_token(&user, -60)));
    match mailbox.list_mailboxes(false).await {
        Err(BackendError::Authentication { response, code, .. }) => {
            assert_eq!(code, "AUTHENTICATIONFAILED", "{response}");
            assert!(
                !response.contains("eyJ"),
                "the token is not told: {response}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_of_somebody_else_is_refused() {
    let user = unique_user();
    let mailbox = mailbox_of(with_token(&user, &access_token(&unique_user(), 60)));
    let error = mailbox.list_mailboxes(false).await.unwrap_err();
    assert!(
        matches!(error, BackendError::Authentication { .. }),
        "{error:?}"
    );
}

/// In front of Dovecot: a server that offers neither XOAUTH2 nor STARTTLS, so that the words can be seen.
async fn without_xoauth2() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(imap_addr()).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
            });
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
                    let said = String::from_utf8_lossy(&buffer[..read])
                        .replace("AUTH=XOAUTH2", "AUTH=XOTHER")
                        .replace("STARTTLS", "XSTART");
                    if to_client.write_all(said.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    addr
}

#[tokio::test]
async fn oauthbearer_is_used_where_xoauth2_is_not_offered() {
    let user = unique_user();
    let addr = without_xoauth2().await;
    let at = |token: &str| {
        let mut config = with_token(&user, token);
        if let Some(imap) = &mut config.imap {
            imap.port = Some(addr.port());
        }
        mailbox_of(config)
    };
    let folders = at(&access_token(&user, 60)).list_mailboxes(false).await;
    assert!(folders.unwrap().iter().any(|folder| folder.path == "INBOX"));
    let refused = at(&access_token(&user, -60)).list_mailboxes(false).await;
    let error = refused.unwrap_err();
    assert!(
        matches!(error, BackendError::Authentication { .. }),
        "{error:?}"
    );
}
