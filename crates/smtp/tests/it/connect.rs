//! Greeting, EHLO, STARTTLS and the small commands.

use std::time::{Duration, Instant};

use posthouse_net::Security;
use posthouse_smtp::{ConnectOptions, Phase, Session, SmtpError, StartTls};

use crate::script::*;

#[track_caller]
fn expect(result: Result<Session, SmtpError>, code: &str, phase: Phase, permanent: bool) {
    let error = result.map(|_| ()).unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
    assert_eq!(error.phase(), Some(phase), "{error:?}");
    assert_eq!(error.is_permanent(), permanent, "{error:?}");
}

#[tokio::test]
async fn capabilities_are_read() {
    let (session, server) = session(
        "250-mx hello\r\n250-SIZE 1000\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 DSN",
        vec![Hear("NOOP"), Say("250 ok"), Hear("QUIT"), Say("221 bye")],
    )
    .await;
    let offered = session.capabilities();
    assert!(offered.pipelining && offered.dsn && !offered.start_tls);
    assert_eq!(offered.size_limit(), Some(1000));
    assert_eq!(session.greeting().text(), "hi");
    assert!(!session.is_tls());
    let mut session = session;
    session.noop().await.unwrap();
    session.quit().await;
    assert!(server.heard.await.unwrap().rest.is_empty());
}

#[tokio::test]
async fn helo_serves_where_ehlo_is_unknown() {
    let server = serve(vec![
        Say("220 old"),
        Hear("EHLO me.example"),
        Say("502 what?"),
        Hear("HELO me.example"),
        Say("250 ok"),
    ])
    .await;
    let session = connect(&server).await.unwrap();
    assert_eq!(session.capabilities(), &Default::default());
    let server = serve(vec![
        Say("220 old"),
        Hear("EHLO me.example"),
        Say("502 what?"),
        Hear("HELO me.example"),
        Say("550 no"),
    ])
    .await;
    expect(connect(&server).await, "EPROTOCOL", Phase::Ehlo, true);
}

#[tokio::test]
async fn failures_at_the_greeting() {
    for (script, code, permanent) in [
        (vec![Say("421 busy")], "EPROTOCOL", false),
        (vec![Say("554 go away")], "EPROTOCOL", true),
        (vec![Say("* OK IMAP4rev1")], "EPROTOCOL", true),
        (vec![], "ECONNECTION", false),
        (vec![Stall], "ETIMEDOUT", false),
        (vec![Say("220-half"), Stall], "ETIMEDOUT", false),
    ] {
        let server = serve(script).await;
        expect(connect(&server).await, code, Phase::Greeting, permanent);
    }
}

#[tokio::test]
async fn failures_at_ehlo() {
    for (script, code, permanent) in [
        (vec![Say("421 busy")], "EPROTOCOL", false),
        (vec![Say("451 later")], "EPROTOCOL", false),
        (vec![], "ECONNECTION", false),
        (vec![Stall], "ETIMEDOUT", false),
        (vec![Say("nonsense")], "EPROTOCOL", true),
    ] {
        let mut whole = vec![Say("220 hi"), Hear("EHLO me.example")];
        whole.extend(script);
        let server = serve(whole).await;
        expect(connect(&server).await, code, Phase::Ehlo, permanent);
    }
}

#[tokio::test]
async fn starttls_upgrades_and_asks_again() {
    let (session, _server) = session(
        "250-mx\r\n250-STARTTLS\r\n250 PIPELINING",
        vec![
            Hear("STARTTLS"),
            Say("220 go"),
            Tls,
            Hear("EHLO me.example"),
            Say("250-mx\r\n250 AUTH PLAIN"),
            Hear("RSET"),
            Say("250 ok"),
        ],
    )
    .await;
    assert!(session.is_tls());
    assert!(!session.capabilities().pipelining);
    assert!(session.capabilities().offers_auth("PLAIN"));
    let mut session = session;
    session.rset().await.unwrap();
    assert!(session.is_usable());
}

#[tokio::test]
async fn failures_at_starttls() {
    for (script, code, permanent) in [
        (vec![Say("454 not now")], "ETLS", false),
        (vec![Say("501 no")], "ETLS", true),
        (vec![], "ECONNECTION", false),
        (vec![Stall], "ETIMEDOUT", false),
        // An attacker's plain text must not be taken for the server's.
        (vec![Say("220 go\r\n250 injected"), Stall], "ETLS", true),
    ] {
        let mut whole = vec![Hear("STARTTLS")];
        whole.extend(script);
        let server = serve_after("250-mx\r\n250 STARTTLS", whole).await;
        expect(connect(&server).await, code, Phase::StartTls, permanent);
    }
    // Failures of the handshake itself belong to the connection.
    let server = serve_after(
        "250-mx\r\n250 STARTTLS",
        vec![Hear("STARTTLS"), Say("220 go"), Part(5), Say("garbage")],
    )
    .await;
    expect(connect(&server).await, "ETLS", Phase::Connect, true);
    let server = serve_after(
        "250-mx\r\n250 STARTTLS",
        vec![Hear("STARTTLS"), Say("220 go")],
    )
    .await;
    expect(connect(&server).await, "ESOCKET", Phase::Connect, false);
}

#[tokio::test]
async fn tls_can_be_required_or_left_out() {
    let server = serve_after("250-mx\r\n250 DSN", vec![]).await;
    let required = ConnectOptions {
        start_tls: StartTls::Required,
        ..options(server.port)
    };
    let result = Session::connect(&required).await;
    expect(result, "ETLS", Phase::StartTls, true);
    let server = serve_after("250-mx\r\n250 STARTTLS", vec![Stall]).await;
    let never = ConnectOptions {
        start_tls: StartTls::Never,
        ..options(server.port)
    };
    assert!(!Session::connect(&never).await.unwrap().is_tls());
}

#[tokio::test]
async fn implicit_tls_needs_no_starttls() {
    let server = serve(vec![
        Tls,
        Say("220 hi"),
        Hear("EHLO me.example"),
        Say("250-mx\r\n250 STARTTLS"),
    ])
    .await;
    let mut options = options(server.port);
    options.dial.security = Security::Tls;
    assert!(Session::connect(&options).await.unwrap().is_tls());
}

#[tokio::test]
async fn a_refused_connection_has_its_code() {
    let server = serve(vec![]).await;
    server.heard.abort();
    server.heard.await.ok();
    expect(
        Session::connect(&options(server.port)).await,
        "ESOCKET",
        Phase::Connect,
        false,
    );
}

#[tokio::test]
async fn a_lost_session_is_not_used_again() {
    let (mut session, _server) = session("250 mx", vec![Hear("NOOP")]).await;
    let error = session.noop().await.unwrap_err();
    assert_eq!(
        (error.code(), error.command()),
        ("ECONNECTION", Some("NOOP"))
    );
    assert!(!session.is_usable());
    assert!(matches!(session.rset().await, Err(SmtpError::Closed)));
    let start = Instant::now();
    session.quit().await;
    assert!(start.elapsed() < Duration::from_secs(1));
}
