//! Messages.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use posthouse_smtp::{Accepted, Envelope, Phase, SendFailure, Session, SmtpError};
use tokio::io::{AsyncRead, ReadBuf};

use crate::script::*;

const PLAIN: &str = "250 mx";
const PIPELINED: &str = "250-mx\r\n250-PIPELINING\r\n250 SIZE 5000";
const BODY: &[u8] = b"Subject: x\r\n\r\nhello\r\n.hidden\r\n";
const MAIL: Step = Hear("MAIL FROM:<me@example.com>");
const RCPT_A: Step = Hear("RCPT TO:<a@example.com>");
const RCPT_B: Step = Hear("RCPT TO:<b@example.com>");

type Outcome = Result<Accepted, SendFailure<Infallible>>;

async fn send(session: &mut Session, envelope: &Envelope) -> Outcome {
    session.send(envelope, BODY, async || Ok(())).await
}

fn to_a() -> Vec<Step> {
    vec![MAIL, Say("250 ok"), RCPT_A, Say("250 ok")]
}

fn to_data() -> Vec<Step> {
    let mut steps = to_a();
    steps.extend([Hear("DATA"), Say("354 go")]);
    steps
}

async fn send_to_a(ehlo: &'static str, script: Vec<Step>) -> (Outcome, Session, Server) {
    let (mut session, server) = session(ehlo, script).await;
    let outcome = send(&mut session, &envelope(&["a@example.com"])).await;
    (outcome, session, server)
}

fn not_sent(outcome: Outcome) -> SmtpError {
    match outcome {
        Err(SendFailure::NotSent(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_arrives_and_the_session_serves_again() {
    let mut script = to_data();
    script.extend([Message, Say("250 2.0.0 queued as 1")]);
    script.extend(to_data());
    script.extend([Part(5), Message, Say("250 ok")]);
    let (outcome, mut session, server) = send_to_a(PLAIN, script).await;
    let accepted = outcome.unwrap();
    assert_eq!(accepted.response(), "250 2.0.0 queued as 1");
    assert_eq!(accepted.accepted, ["a@example.com"]);
    assert!(accepted.rejected.is_empty());
    assert!(session.is_usable());
    send(&mut session, &envelope(&["a@example.com"]))
        .await
        .unwrap();
    let heard = server.heard.await.unwrap();
    let text = b"Subject: x\r\n\r\nhello\r\n..hidden\r\n.\r\n";
    assert_eq!(heard.message[..text.len()], text[..]);
}

#[tokio::test]
async fn pipelining_sends_the_envelope_at_once_and_reports_partial_refusals() {
    let (mut session, server) = session(
        PIPELINED,
        vec![
            Hear("MAIL FROM:<me@example.com> SIZE=31"),
            RCPT_A,
            RCPT_B,
            Hear("RCPT TO:<c@example.com>"),
            Say("250 ok\r\n550 5.1.1 who?\r\n451 4.7.1 greylisted\r\n250 ok"),
            Hear("DATA"),
            Say("354 go"),
            Message,
            Say("250 ok"),
        ],
    )
    .await;
    let mut envelope = envelope(&["a@example.com", "b@example.com", "c@example.com"]);
    envelope.size = Some(31);
    let accepted = send(&mut session, &envelope).await.unwrap();
    assert_eq!(accepted.accepted, ["c@example.com"]);
    let refused: Vec<_> = accepted
        .rejected
        .iter()
        .map(|one| (one.address.as_str(), one.reply.code))
        .collect();
    assert_eq!(refused, [("a@example.com", 550), ("b@example.com", 451)]);
    server.heard.await.unwrap();
}

#[tokio::test]
async fn pipelining_takes_data_along() {
    let mut script = vec![
        MAIL,
        RCPT_A,
        Hear("DATA"),
        Say("250 ok\r\n250 ok\r\n354 go"),
    ];
    script.extend([Message, Say("250 ok")]);
    // The answer to DATA counts, whatever was said before.
    script.extend([
        MAIL,
        RCPT_A,
        Hear("DATA"),
        Say("250 ok\r\n250 ok\r\n451 later"),
    ]);
    script.extend([Hear("RSET"), Say("250 ok")]);
    // Nobody is to get it: a server that wants it all the same gets an empty message, for nobody.
    script.extend([
        MAIL,
        RCPT_A,
        Hear("DATA"),
        Say("250 ok\r\n550 who?\r\n354 go"),
    ]);
    script.extend([
        Hear("."),
        Say("554 no recipients"),
        Hear("RSET"),
        Say("250 ok"),
    ]);
    script.extend([
        MAIL,
        RCPT_A,
        Hear("DATA"),
        Say("250 ok\r\n550 who?\r\n503 no"),
    ]);
    script.extend([Hear("RSET"), Say("250 ok")]);
    script.extend([
        MAIL,
        RCPT_A,
        Hear("DATA"),
        Say("550 no\r\n503 no\r\n354 go"),
    ]);
    script.extend([Hear("."), Say("503 no"), Stall]);
    let (mut session, server) = session("250-mx\r\n250 PIPELINING", script).await;
    let envelope = envelope(&["a@example.com"]);
    send(&mut session, &envelope).await.unwrap();
    let error = not_sent(send(&mut session, &envelope).await);
    assert_eq!(error.phase(), Some(Phase::Data));
    assert!(!error.is_permanent());
    for phase in [Phase::Rcpt, Phase::Rcpt, Phase::Mail] {
        let error = not_sent(send(&mut session, &envelope).await);
        assert_eq!(error.phase(), Some(phase), "{error:?}");
        assert_eq!(error.response_code(), Some(550));
        assert!(session.is_usable());
    }
    drop(session);
    server.heard.await.unwrap();
}

#[tokio::test]
async fn an_idle_session_that_is_not_silent_is_over() {
    for end in [
        vec![Say("421 4.4.2 idle for too long")],
        vec![Say("250 ok")],
        vec![Cut],
    ] {
        let mut script = to_data();
        script.extend([Message, Say("250 ok"), Hear("NOOP"), Say("250 ok")]);
        script.extend(end);
        let (outcome, mut session, server) = send_to_a(PLAIN, script).await;
        outcome.unwrap();
        assert!(session.is_silent().await);
        session.noop().await.unwrap();
        server.heard.await.unwrap();
        assert!(!session.is_silent().await);
        assert!(!session.is_usable());
    }
}

#[tokio::test]
async fn many_recipients_go_in_windows() {
    let mut script = vec![MAIL];
    let recipients: Vec<String> = (0..120).map(|n| format!("r{n}@example.com")).collect();
    let lines: Vec<&'static str> = recipients
        .iter()
        .map(|one| &*format!("RCPT TO:<{one}>").leak())
        .collect();
    for (index, line) in lines.iter().enumerate() {
        script.push(Hear(line));
        // 49 beside MAIL, then 50, then the rest.
        if index == 48 {
            script.extend((0..50).map(|_| Say("250 ok")));
        } else if index == 98 {
            script.extend((0..50).map(|_| Say("250 ok")));
        }
    }
    script.extend((0..21).map(|_| Say("250 ok")));
    script.extend([Hear("DATA"), Say("354 go"), Message, Say("250 ok")]);
    let (mut session, _server) = session(PIPELINED, script).await;
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let accepted = send(&mut session, &envelope(&recipients)).await.unwrap();
    assert_eq!(accepted.accepted.len(), 120);
}

#[tokio::test]
async fn failures_at_mail() {
    for ehlo in [PLAIN, PIPELINED] {
        let pipelined = ehlo == PIPELINED;
        for (answer, code, permanent, usable) in [
            (Some("550 5.7.1 no"), "EENVELOPE", true, true),
            (Some("451 later"), "EENVELOPE", false, true),
            (Some("503 bad sequence"), "EENVELOPE", false, true),
            (Some("421 bye"), "EENVELOPE", false, false),
            (None, "ECONNECTION", false, false),
        ] {
            let mut script = vec![MAIL];
            if pipelined {
                script.extend([RCPT_A, Hear("DATA")]);
            }
            if let Some(answer) = answer {
                script.push(Say(answer));
                if pipelined {
                    script.extend([Say("503 need MAIL"), Say("503 need MAIL")]);
                }
            }
            if usable {
                script.extend([Hear("RSET"), Say("250 ok"), MAIL]);
            }
            let (outcome, mut session, server) = send_to_a(ehlo, script).await;
            let error = not_sent(outcome);
            assert_eq!(error.code(), code, "{error:?}");
            assert_eq!(error.phase(), Some(Phase::Mail), "{error:?}");
            assert_eq!(error.is_permanent(), permanent, "{error:?}");
            assert_eq!(session.is_usable(), usable, "{error:?}");
            if usable {
                // The next message starts clean.
                send(&mut session, &envelope(&["b@example.com"]))
                    .await
                    .unwrap_err();
            }
            server.heard.await.unwrap();
        }
    }
    let (outcome, _session, _server) = send_to_a(PLAIN, vec![MAIL, Stall]).await;
    assert_eq!(not_sent(outcome).code(), "ETIMEDOUT");
}

#[tokio::test]
async fn failures_at_rcpt() {
    for (answer, code, permanent) in [
        (Some("550 5.1.1 who?"), "EENVELOPE", true),
        (Some("450 4.2.0 greylisted"), "EENVELOPE", false),
        (Some("421 bye"), "EENVELOPE", false),
        (None, "ECONNECTION", false),
    ] {
        let mut script = vec![MAIL, Say("250 ok"), RCPT_A];
        script.extend(answer.map(Say));
        let (outcome, _session, _server) = send_to_a(PLAIN, script).await;
        let error = not_sent(outcome);
        assert_eq!(error.code(), code, "{error:?}");
        assert_eq!(error.phase(), Some(Phase::Rcpt));
        assert_eq!(error.is_permanent(), permanent, "{error:?}");
    }
    let (outcome, _session, _server) =
        send_to_a(PLAIN, vec![MAIL, Say("250 ok"), RCPT_A, Stall]).await;
    assert_eq!(not_sent(outcome).code(), "ETIMEDOUT");
}

#[tokio::test]
async fn one_deferred_recipient_makes_the_whole_temporary() {
    let (mut session, _server) = session(
        PLAIN,
        vec![
            MAIL,
            Say("250 ok"),
            RCPT_A,
            Say("550 who?"),
            RCPT_B,
            Say("450 greylisted"),
        ],
    )
    .await;
    let envelope = envelope(&["a@example.com", "b@example.com"]);
    let error = not_sent(send(&mut session, &envelope).await);
    assert!(!error.is_permanent());
    assert_eq!(error.response().unwrap(), "450 greylisted");
    let SmtpError::AllRejected { rejected, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(rejected.len(), 2);
}

#[tokio::test]
async fn failures_at_data() {
    for (answer, code, permanent) in [
        (Some("554 no"), "EMESSAGE", true),
        (Some("451 later"), "EMESSAGE", false),
        (Some("250 what?"), "EPROTOCOL", true),
        (None, "ECONNECTION", false),
    ] {
        let mut script = to_a();
        script.push(Hear("DATA"));
        script.extend(answer.map(Say));
        let (outcome, _session, _server) = send_to_a(PLAIN, script).await;
        let error = not_sent(outcome);
        assert_eq!(error.code(), code, "{error:?}");
        assert_eq!(error.phase(), Some(Phase::Data));
        assert_eq!(error.is_permanent(), permanent, "{error:?}");
    }
    let mut script = to_a();
    script.extend([Hear("DATA"), Stall]);
    let (outcome, _session, _server) = send_to_a(PLAIN, script).await;
    assert_eq!(not_sent(outcome).code(), "ETIMEDOUT");
}

/// More than any socket buffer.
fn large() -> Vec<u8> {
    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n".repeat(300_000)
}

#[tokio::test]
async fn a_cut_or_stall_inside_the_message_is_an_ordinary_failure() {
    let body = large();
    for (end, code) in [
        (vec![Part(100_000), Cut], "ECONNECTION"),
        (vec![Part(100_000), Deaf], "ETIMEDOUT"),
        // What the server said before it stopped reading is the reason.
        (
            vec![Part(100_000), Say("552 5.3.4 too big"), Deaf],
            "EMESSAGE",
        ),
    ] {
        let mut script = to_data();
        script.extend(end);
        let (mut session, _server) = session(PLAIN, script).await;
        let hook = AtomicBool::new(false);
        let outcome: Outcome = session
            .send(&envelope(&["a@example.com"]), &body[..], async || {
                hook.store(true, Ordering::SeqCst);
                Ok(())
            })
            .await;
        let error = not_sent(outcome);
        assert_eq!(error.code(), code, "{error:?}");
        assert_eq!(error.phase(), Some(Phase::Body));
        assert!(!hook.load(Ordering::SeqCst));
        assert!(!session.is_usable());
    }
}

#[tokio::test]
async fn refusals_after_the_dot_are_refusals() {
    for (answer, permanent, usable) in [
        ("554 5.7.1 spam", true, true),
        ("451 4.3.0 later", false, true),
        ("421 4.3.0 bye", false, false),
    ] {
        let mut script = to_data();
        script.extend([Message, Say(answer)]);
        let (outcome, session, _server) = send_to_a(PLAIN, script).await;
        let error = not_sent(outcome);
        assert_eq!(error.code(), "EMESSAGE");
        assert_eq!(error.phase(), Some(Phase::End));
        assert_eq!(error.is_permanent(), permanent);
        assert_eq!(session.is_usable(), usable);
    }
}

#[tokio::test]
async fn after_the_dot_a_cut_a_stall_or_nonsense_is_unknown() {
    for (end, code) in [
        (vec![], "ECONNECTION"),
        (vec![Stall], "ETIMEDOUT"),
        (vec![Say("what a day")], "EPROTOCOL"),
        (vec![Say("354 more?")], "EMESSAGE"),
    ] {
        let mut script = to_data();
        script.push(Message);
        script.extend(end);
        let (outcome, _session, _server) = send_to_a(PLAIN, script).await;
        let Err(SendFailure::Unknown(error)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(error.code(), code, "{error:?}");
        assert_eq!(error.phase(), Some(Phase::End));
    }
}

#[tokio::test]
async fn the_hook_runs_when_all_but_the_dot_is_out_and_can_stop_it() {
    let mut script = to_data();
    script.push(Stall);
    let (mut session, server) = session(PLAIN, script).await;
    let outcome = session
        .send(&envelope(&["a@example.com"]), BODY, async || {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Err("the lease is lost")
        })
        .await;
    assert!(matches!(
        outcome,
        Err(SendFailure::Hook("the lease is lost"))
    ));
    assert!(!session.is_usable());
    session.quit().await;
    let heard = server.heard.await.unwrap();
    assert_eq!(heard.rest, b"Subject: x\r\n\r\nhello\r\n..hidden\r\n");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_never_ended() {
    struct Broken;
    impl AsyncRead for Broken {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::Error::other("disk")))
        }
    }
    let mut script = to_data();
    script.push(Stall);
    let (mut session, server) = session(PLAIN, script).await;
    let body = tokio::io::AsyncReadExt::chain(&b"half a message"[..], Broken);
    let outcome: Outcome = session
        .send(&envelope(&["a@example.com"]), body, async || Ok(()))
        .await;
    let error = not_sent(outcome);
    assert_eq!(error.code(), "ESTREAM");
    assert!(!error.is_permanent());
    drop(session);
    assert_eq!(server.heard.await.unwrap().rest, b"half a message");
}

#[tokio::test]
async fn a_dropped_send_leaves_no_usable_session() {
    let mut script = to_data();
    script.push(Stall);
    let (mut session, server) = session(PLAIN, script).await;
    let envelope = envelope(&["a@example.com"]);
    let forever =
        session.send::<_, _, Infallible>(&envelope, BODY, async || std::future::pending().await);
    assert!(
        tokio::time::timeout(Duration::from_millis(200), forever)
            .await
            .is_err()
    );
    assert!(!session.is_usable());
    session.quit().await;
    assert!(!server.heard.await.unwrap().rest.ends_with(b".\r\n"));
}

#[tokio::test]
async fn impossible_envelopes_are_refused_before_a_word_is_said() {
    let (mut session, server) = session(PIPELINED, vec![]).await;
    let mut big = envelope(&["a@example.com"]);
    big.size = Some(5001);
    for (envelope, code) in [
        (envelope(&[]), "EENVELOPE"),
        (envelope(&["a@example.com\r\nDATA"]), "EENVELOPE"),
        (envelope(&["jürgen@example.com"]), "EENVELOPE"),
        (big, "EMESSAGE"),
    ] {
        let error = not_sent(send(&mut session, &envelope).await);
        assert_eq!(error.code(), code);
        assert!(error.is_permanent());
        assert!(session.is_usable());
    }
    drop(session);
    assert!(server.heard.await.unwrap().rest.is_empty());
}

#[tokio::test]
async fn a_large_message_arrives_whole_over_tls_from_a_spawned_task() {
    let mut script = vec![
        Tls,
        Say("220 hi"),
        Hear("EHLO me.example"),
        Say(PIPELINED),
        MAIL,
        RCPT_A,
        Say("250 ok\r\n250 ok"),
        Hear("DATA"),
        Say("354 go"),
    ];
    script.extend([Message, Say("250 ok")]);
    let server = serve(script).await;
    let mut options = options(server.port);
    options.dial.security = posthouse_net::Security::Tls;
    options.timeouts = posthouse_smtp::Timeouts::all(Duration::from_secs(30));
    let body = Arc::new(large());
    let copy = Arc::clone(&body);
    tokio::spawn(async move {
        let mut session = Session::connect(&options).await.unwrap();
        let outcome: Outcome = session
            .send(&envelope(&["a@example.com"]), &copy[..], async || Ok(()))
            .await;
        outcome.unwrap();
    })
    .await
    .unwrap();
    let heard = server.heard.await.unwrap();
    assert_eq!(heard.message.len(), body.len() + 3);
    assert!(heard.message[..body.len()] == body[..]);
}
