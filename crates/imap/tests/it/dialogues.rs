//! Dialogues without a socket.

use posthouse_imap::command::Command;
use posthouse_imap::framer::Limits;
use posthouse_imap::session::{Event, Output, Session, State};
use posthouse_imap::{Code, Condition, SearchKey, Untagged};

/// Takes all that may be written now, as text.
fn written(session: &mut Session) -> String {
    let mut out = Vec::new();
    while let Some(Output::Bytes(bytes)) = session.output() {
        // In small steps, as a slow socket would.
        let step = bytes.len().min(7);
        out.extend_from_slice(&bytes[..step]);
        session.wrote(step);
    }
    String::from_utf8(out).unwrap()
}

fn events(session: &mut Session, wire: &str) -> Vec<Event> {
    session.feed(wire.as_bytes());
    let mut out = Vec::new();
    while let Some(event) = session.next_event().unwrap() {
        out.push(event);
    }
    out
}

fn greeted(capabilities: &str) -> Session {
    let mut session = Session::new(Limits::default(), None);
    let got = events(
        &mut session,
        &format!("* OK [CAPABILITY IMAP4rev1 {capabilities}] hi\r\n"),
    );
    assert!(matches!(&got[..], [Event::Greeting(s)] if s.condition == Condition::Ok));
    assert_eq!(session.state(), State::NotAuthenticated);
    session
}

#[test]
fn greeting_without_capabilities_asks_for_them() {
    let mut session = Session::new(Limits::default(), None);
    events(&mut session, "* OK hi\r\n");
    assert!(session.needs_capabilities());
    session.command(Command::new("CAPABILITY"));
    assert_eq!(written(&mut session), "P1 CAPABILITY\r\n");
    events(&mut session, "* CAPABILITY IMAP4rev1 IDLE \r\nP1 OK\r\n");
    assert!(!session.needs_capabilities());
    assert!(session.capabilities().has("idle"));
    assert!(session.is_quiet());
    assert_eq!(session.held(), 0);
}

#[test]
fn preauth_and_bye_greetings() {
    let mut session = Session::new(Limits::default(), None);
    events(&mut session, "\r\n* PREAUTH welcome\r\n");
    assert_eq!(session.state(), State::Authenticated);
    let mut session = Session::new(Limits::default(), None);
    events(&mut session, "* BYE [UNAVAILABLE] full\r\n");
    assert_eq!(session.state(), State::Bye);
    assert_eq!(session.bye().unwrap().text, "full");
}

#[test]
fn literals_wait_for_consent_one_by_one() {
    let mut session = greeted("");
    session.command(Command::new("LOGIN").astring("mé").secret("pä"));
    assert_eq!(written(&mut session), "P1 LOGIN {3}\r\n");
    // News between the literals change nothing.
    events(&mut session, "* OK still here\r\n");
    assert_eq!(written(&mut session), "");
    assert_eq!(events(&mut session, "+ go\r\n"), []);
    assert_eq!(written(&mut session), "mé {3}\r\n");
    events(&mut session, "+\r\n");
    assert_eq!(written(&mut session), "pä\r\n");
    let got = events(&mut session, "P1 NO no\r\n");
    assert!(matches!(&got[..], [Event::Done { status, .. }] if status.condition == Condition::No));
}

#[test]
fn a_refused_literal_is_not_sent() {
    let mut session = greeted("");
    let search = SearchKey::Subject("ü".into()).write(Command::new("UID SEARCH").charset_utf8());
    let first = session.command(search);
    let second = session.command(Command::new("NOOP"));
    assert_eq!(
        written(&mut session),
        "P1 UID SEARCH CHARSET UTF-8 SUBJECT {2}\r\n"
    );
    let got = events(&mut session, "P1 NO [BADCHARSET (US-ASCII)] no\r\n");
    assert!(matches!(&got[..], [Event::Done { tag, .. }] if *tag == first));
    assert_eq!(written(&mut session), "P2 NOOP\r\n");
    let got = events(&mut session, "p2 ok fine\r\n");
    assert!(matches!(&got[..], [Event::Done { tag, .. }] if *tag == second));
    assert!(session.is_quiet());
}

#[test]
fn pipelined_commands_end_in_any_order() {
    let mut session = greeted("LITERAL+");
    let a = session.command(Command::new("STATUS").mailbox("a").word("(MESSAGES)"));
    let b = session.command(Command::new("LOGIN").astring("ü").secret("x"));
    assert_eq!(
        written(&mut session),
        "P1 STATUS \"a\" (MESSAGES)\r\nP2 LOGIN {2+}\r\nü x\r\n"
    );
    let got = events(
        &mut session,
        "P2 OK x\r\n* STATUS a (MESSAGES 3)\r\nP9 OK stray\r\nP1 OK y\r\n",
    );
    assert!(matches!(&got[0], Event::Done { tag, .. } if *tag == b));
    assert!(matches!(
        &got[1],
        Event::Untagged(Untagged::MailboxStatus(_))
    ));
    assert!(matches!(&got[2], Event::Untagged(Untagged::Status(_))));
    assert!(matches!(&got[3], Event::Done { tag, .. } if *tag == a));
}

mod selected {
    use super::*;
    use crate::scripted::{Step, open};
    use posthouse_imap::driver::Connection;

    const SELECT: &str = "* FLAGS (\\Seen $x)\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n* 12 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 4294967296123] x\r\n* OK [UIDNEXT 99] x\r\n* OK [HIGHESTMODSEQ 715] x\r\n* OK [MAILBOXID (F22)] x\r\nP1 OK [READ-WRITE] done\r\n";

    async fn selected(after: &'static [Step]) -> Connection<tokio::io::DuplexStream> {
        let mut steps = vec![
            Step::Expect("P1 SELECT \"INBOX\" (CONDSTORE)"),
            Step::Send(SELECT),
        ];
        steps.extend_from_slice(after);
        let mut c = open(
            "PREAUTH [CAPABILITY IMAP4rev1 CONDSTORE UIDPLUS MOVE]",
            steps,
        )
        .await;
        let s = c.select("inbox", true).await.unwrap();
        assert_eq!(s.exists, 12);
        assert_eq!(s.uid_validity, Some(4_294_967_296_123));
        assert_eq!(s.uid_next, Some(99));
        assert_eq!(s.highest_mod_seq, Some(715));
        assert_eq!(s.mailbox_id.as_deref(), Some("F22"));
        assert!(s.permanent_flags.as_ref().unwrap().has("\\*"));
        assert!(!s.read_only);
        assert_eq!(c.state(), State::Selected);
        assert!(c.take_notices().is_empty());
        c
    }

    #[tokio::test]
    async fn select_and_news() {
        let mut c = selected(&[
            Step::Expect("P2 NOOP"),
            Step::Send("* 13 EXISTS\r\n* 2 EXPUNGE\r\n* VANISHED 5:6\r\n* VANISHED (EARLIER) 1:9\r\n* 1 FETCH (FLAGS (\\Seen))\r\nP2 OK x\r\n"),
            Step::Expect("P3 SELECT \"gone\""),
            Step::Send("* OK [CLOSED] x\r\nP3 NO no such\r\n"),
        ])
        .await;
        c.noop().await.unwrap();
        assert_eq!(c.selected().unwrap().exists, 10);
        assert_eq!(c.take_notices().len(), 5);
        assert!(c.select("gone", false).await.is_err());
        assert_eq!(c.state(), State::Authenticated);
        assert!(c.selected().is_none());
        assert!(c.is_usable());
    }

    #[tokio::test]
    async fn read_only_is_seen() {
        let mut c = open(
            "PREAUTH [CAPABILITY IMAP4rev1]",
            vec![
                Step::Expect("P1 SELECT \"x\""),
                Step::Send(
                    "* OK [UIDNEXT 0] x\r\n* OK [HIGHESTMODSEQ 0] x\r\nP1 OK [READ-ONLY] x\r\n",
                ),
            ],
        )
        .await;
        let s = c.select("x", true).await.unwrap();
        assert!(s.read_only);
        assert_eq!((s.uid_next, s.highest_mod_seq), (None, None));
    }
}

#[test]
fn names_are_utf8_only_once_enabled() {
    let mut session = greeted("ENABLE UTF8=ACCEPT");
    let name = |session: &mut Session| match &events(session, "* LIST () \"/\" \"R&AOQ-\"\r\n")[..]
    {
        [Event::Untagged(Untagged::List(entry))] => entry.name.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(name(&mut session), "Rä");
    events(&mut session, "* ENABLED UTF8=ACCEPT\r\n");
    assert!(session.utf8());
    assert_eq!(name(&mut session), "R&AOQ-");
    session.command(Command::new("SELECT").mailbox("Rä"));
    assert_eq!(written(&mut session), "P1 SELECT \"Rä\"\r\n");
}

#[test]
fn codes_of_unknown_tags_are_still_heard() {
    let mut session = greeted("");
    let got = events(&mut session, "zz OK [CAPABILITY X1] hm\r\n");
    assert!(
        matches!(&got[..], [Event::Untagged(Untagged::Status(s))] if matches!(s.code, Some(Code::Capability(_))))
    );
}

#[test]
fn what_is_enabled_is_known() {
    let mut session = greeted("ENABLE CONDSTORE QRESYNC");
    assert!(!session.is_enabled("CONDSTORE"));
    events(&mut session, "* ENABLED qresync X-NEW\r\n* ENABLED\r\n");
    assert!(session.is_enabled("QRESYNC") && session.is_enabled("condstore"));
    assert!(!session.is_enabled("UTF8=ACCEPT") && !session.utf8());
}

#[test]
fn hidden_capabilities_stay_hidden() {
    let mut session = greeted("QRESYNC IDLE");
    session.hide(&["qresync"]);
    assert!(!session.capabilities().has("QRESYNC") && session.capabilities().has("IDLE"));
    events(&mut session, "* CAPABILITY IMAP4rev1 QRESYNC IDLE MOVE\r\n");
    session.hide(&["IDLE"]);
    events(&mut session, "* OK [CAPABILITY IDLE QRESYNC MOVE] x\r\n");
    assert_eq!(session.capabilities().iter().collect::<Vec<_>>(), ["MOVE"]);
}
