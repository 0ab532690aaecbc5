//! Logging in.

use posthouse_smtp::{Credentials, Phase};

use crate::script::*;

fn password() -> Credentials {
    Credentials::Password {
        user: "tim".into(),
        pass: "tanstaaf".into(),
    }
}

fn oauth() -> Credentials {
    Credentials::OAuth {
        user: "someuser@example.com".into(),
        token: "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg".into(),
    }
}

/// The user names prompts of LOGIN ask for.
const USERNAME: &str = "334 VXNlcm5hbWU6";
const PASSWORD: &str = "334 UGFzc3dvcmQ6";

#[tokio::test]
async fn plain_sends_one_line() {
    let (mut session, server) = session(
        "250-mx\r\n250 AUTH LOGIN PLAIN",
        vec![
            Hear("AUTH PLAIN AHRpbQB0YW5zdGFhZg=="),
            Say("235 2.7.0 welcome"),
        ],
    )
    .await;
    let reply = session.authenticate(&password()).await.unwrap();
    assert_eq!(reply.to_string(), "235 2.7.0 welcome");
    server.heard.await.unwrap();
}

#[tokio::test]
async fn login_answers_both_prompts() {
    let (mut session, server) = session(
        "250-mx\r\n250 AUTH=LOGIN",
        vec![
            Hear("AUTH LOGIN"),
            Say(USERNAME),
            Hear("dGlt"),
            Say(PASSWORD),
            Hear("dGFuc3RhYWY="),
            Say("235 ok"),
        ],
    )
    .await;
    session.authenticate(&password()).await.unwrap();
    server.heard.await.unwrap();
}

#[tokio::test]
async fn cram_md5_is_preferred_in_the_clear() {
    let credentials = Credentials::Password {
        user: "tim".into(),
        pass: "tanstaaftanstaaf".into(),
    };
    let (mut session, server) = session(
        "250-mx\r\n250 AUTH PLAIN CRAM-MD5",
        vec![
            Hear("AUTH CRAM-MD5"),
            Say("334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"),
            Hear("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"),
            Say("235 ok"),
        ],
    )
    .await;
    session.authenticate(&credentials).await.unwrap();
    server.heard.await.unwrap();
}

#[tokio::test]
async fn xoauth2_sends_the_token_and_hears_the_refusal_out() {
    const LINE: &str = "AUTH XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==";
    let (mut good, server) = session(
        "250-mx\r\n250 AUTH PLAIN XOAUTH2 OAUTHBEARER",
        vec![Hear(LINE), Say("235 ok")],
    )
    .await;
    good.authenticate(&oauth()).await.unwrap();
    server.heard.await.unwrap();
    let (mut bad, server) = session(
        "250-mx\r\n250 AUTH PLAIN XOAUTH2",
        vec![
            Hear(LINE),
            Say("334 eyJzdGF0dXMiOiI0MDEifQ=="),
            Hear(""),
            Say("535 5.7.8 token expired"),
        ],
    )
    .await;
    let error = bad.authenticate(&oauth()).await.unwrap_err();
    assert_eq!((error.code(), error.response_code()), ("EAUTH", Some(535)));
    assert!(error.is_permanent());
    assert!(!error.to_string().contains("ya29"));
    assert!(bad.is_usable());
    server.heard.await.unwrap();
}

#[tokio::test]
async fn oauthbearer_names_host_and_port() {
    let server = serve_after("250-mx\r\n250 AUTH OAUTHBEARER", vec![Stall]).await;
    let port = server.port;
    let mut session = connect(&server).await.unwrap();
    assert!(session.authenticate(&oauth()).await.is_err()); // The script does not answer.
    drop(session);
    let line = String::from_utf8(server.heard.await.unwrap().rest).unwrap();
    let message = line
        .strip_prefix("AUTH OAUTHBEARER ")
        .unwrap()
        .trim()
        .to_owned();
    let expected = format!(
        "n,a=someuser@example.com,\x01host=127.0.0.1\x01port={port}\x01auth=Bearer \
         ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"
    );
    assert_eq!(message, base64(expected.as_bytes()));
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for index in 0..4 {
            if index <= chunk.len() {
                out.push(char::from(
                    LETTERS[(bits >> (18 - 6 * index)) as usize & 63],
                ));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[tokio::test]
async fn an_unknown_mechanism_gives_way_to_the_next() {
    let (mut session, server) = session(
        "250-mx\r\n250 AUTH PLAIN LOGIN",
        vec![
            Hear("AUTH PLAIN AHRpbQB0YW5zdGFhZg=="),
            Say("504 5.5.4 unknown"),
            Hear("AUTH LOGIN"),
            Say(USERNAME),
            Hear("dGlt"),
            Say(PASSWORD),
            Hear("dGFuc3RhYWY="),
            Say("235 ok"),
        ],
    )
    .await;
    session.authenticate(&password()).await.unwrap();
    server.heard.await.unwrap();
}

#[tokio::test]
async fn failures_have_their_codes() {
    for (script, code, permanent) in [
        (vec![Say("535 5.7.8 wrong")], "EAUTH", true),
        (vec![Say("454 4.7.0 later")], "EAUTH", false),
        (vec![Say("421 bye")], "EAUTH", false),
        (vec![Say("what")], "EPROTOCOL", true),
        (vec![], "ECONNECTION", false),
        (vec![Stall], "ETIMEDOUT", false),
    ] {
        let mut whole = vec![Hear("AUTH PLAIN AHRpbQB0YW5zdGFhZg==")];
        whole.extend(script);
        let (mut session, _server) = session("250-mx\r\n250 AUTH PLAIN", whole).await;
        let error = session.authenticate(&password()).await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert_eq!(error.phase(), Some(Phase::Auth));
        assert_eq!(error.is_permanent(), permanent, "{error:?}");
        assert!(!error.to_string().contains("tanstaaf"));
    }
}

#[tokio::test]
async fn nothing_is_sent_without_a_fitting_offer_or_credentials() {
    let (mut session, server) = session("250-mx\r\n250 AUTH GSSAPI XOAUTH2", vec![]).await;
    let error = session.authenticate(&password()).await.unwrap_err();
    assert_eq!(error.code(), "EAUTH");
    assert!(error.to_string().contains("GSSAPI XOAUTH2"));
    let empty = Credentials::Password {
        user: "tim".into(),
        pass: String::new(),
    };
    let error = session.authenticate(&empty).await.unwrap_err();
    assert_eq!(error.code(), "ENOAUTH");
    let framed = Credentials::OAuth {
        user: "a\x01auth=Bearer x".into(),
        token: "t".into(),
    };
    let error = session.authenticate(&framed).await.unwrap_err();
    assert_eq!(error.code(), "ENOAUTH");
    drop(session);
    assert!(server.heard.await.unwrap().rest.is_empty());
}
