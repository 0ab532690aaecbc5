//! The driver against scripted servers: login, streams, IDLE, uploads, failures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use posthouse_imap::driver::Connection;
use posthouse_imap::{
    Condition, Error, FetchItem, ListOptions, Notice, Observer, Options, Sasl, SearchKey,
    SequenceSet, StatusItem, StoreAction, StoreOptions, Untagged,
};
use tokio::io::DuplexStream;
use tokio::time::Instant;

use crate::scripted::{Step, open, options, serve};
use Step::{Body, Expect, Hang, Pause, Send};

const OK: &str = "OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 AUTH=LOGIN AUTH=OAUTHBEARER ID]";
const IN: &str =
    "PREAUTH [CAPABILITY IMAP4rev1 IDLE UIDPLUS LITERAL- ESEARCH LIST-EXTENDED LIST-STATUS]";

fn xoauth2() -> Sasl {
    Sasl::XOAuth2 {
        user: "me".into(),
        token: "t".into(),
    }
}

#[tokio::test]
async fn login_learns_capabilities_again() {
    let mut c = open(
        OK,
        vec![
            Expect("P1 LOGIN me \"p w\""),
            Send("P1 OK in\r\n"),
            Expect("P2 CAPABILITY"),
            Send("* CAPABILITY IMAP4rev1 IDLE\r\nP2 OK\r\n"),
            Expect("P3 LOGOUT"),
            Send("* BYE see you\r\n"),
        ],
    )
    .await;
    c.login("me", "p w").await.unwrap();
    assert!(c.is_authenticated() && c.has("IDLE"));
    c.logout().await.unwrap();
    assert!(!c.is_usable());
}

#[tokio::test]
async fn refusals_of_login_are_told_apart() {
    for (answer, is_auth) in [
        ("P1 NO [AUTHENTICATIONFAILED] nope\r\n", true),
        ("P1 NO Invalid credentials (Failure)\r\n", true),
        ("P1 NO [UNAVAILABLE] later\r\n", false),
        (
            "P1 NO [ALERT] Too many simultaneous connections. (Failure)\r\n",
            false,
        ),
        ("P1 BAD what\r\n", false),
    ] {
        let mut c = open(OK, vec![Expect("P1 LOGIN me x"), Send(answer), Hang]).await;
        let error = c.login("me", "x").await.unwrap_err();
        assert_eq!(
            matches!(error, Error::AuthFailed { .. }),
            is_auth,
            "{answer}"
        );
        assert!(error.is_refusal() && c.is_usable());
    }
    let mut c = open("OK [CAPABILITY IMAP4rev1 LOGINDISABLED]", vec![Hang]).await;
    assert!(matches!(
        c.login("a", "b").await,
        Err(Error::Unsupported("LOGIN"))
    ));
}

#[tokio::test]
async fn mechanisms() {
    let mut c = open(
        OK,
        vec![
            Expect("P1 AUTHENTICATE LOGIN"),
            Send("+ VXNlcm5hbWU6\r\n"),
            Expect("bWU="),
            Send("+ UGFzc3dvcmQ6\r\n"),
            Expect("cHc="),
            Send("* CAPABILITY IMAP4rev1\r\nP1 OK in\r\n"),
        ],
    )
    .await;
    let login = Sasl::Login {
        user: "me".into(),
        password: "pw".into(),
    };
    c.authenticate(&login).await.unwrap();

    let mut c = open(
        "OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN]",
        vec![
            Expect("P1 AUTHENTICATE PLAIN AG1lAHB3"),
            Send("P1 OK [CAPABILITY IMAP4rev1 MOVE] in\r\n"),
        ],
    )
    .await;
    let plain = Sasl::Plain {
        authzid: String::new(),
        user: "me".into(),
        password: "pw".into(),
    };
    c.authenticate(&plain).await.unwrap();
    assert!(c.has("MOVE"));
    assert!(matches!(
        c.authenticate(&xoauth2()).await,
        Err(Error::Unsupported("XOAUTH2"))
    ));
}

#[tokio::test]
async fn a_refused_token_tells_why() {
    let mut c = open(
        OK,
        vec![
            Expect("P1 AUTHENTICATE XOAUTH2"),
            Send("+ \r\n"),
            Expect("dXNlcj1tZQFhdXRoPUJlYXJlciB0AQE="),
            Send("+ eyJzdGF0dXMiOiI0MDAifQ==\r\n"),
            Expect(""),
            Send("P1 NO [AUTHENTICATIONFAILED] bad\r\n"),
            Hang,
        ],
    )
    .await;
    match c.authenticate(&xoauth2()).await {
        Err(Error::AuthFailed { code, refusal, .. }) => {
            assert_eq!(code.as_deref(), Some("AUTHENTICATIONFAILED"));
            assert_eq!(refusal.as_deref(), Some("{\"status\":\"400\"}"));
        }
        other => panic!("{other:?}"),
    }
    assert!(c.is_usable());
}

#[tokio::test]
async fn starttls_forgets_what_was_said_before() {
    let c = open(
        "OK [CAPABILITY IMAP4rev1 STARTTLS EVIL]",
        vec![Expect("P1 STARTTLS"), Send("P1 OK go\r\n"), Hang],
    )
    .await;
    let c = c
        .starttls(|_plain| async {
            Ok::<_, std::io::Error>(serve(vec![
                Expect("P2 CAPABILITY"),
                Send("* CAPABILITY IMAP4rev1 GOOD\r\nP2 OK\r\n"),
            ]))
        })
        .await
        .unwrap();
    assert!(c.has("GOOD") && !c.has("EVIL"));
}

#[tokio::test]
async fn starttls_refuses_injected_answers() {
    let c = open(
        "OK [CAPABILITY IMAP4rev1 STARTTLS]",
        vec![
            Expect("P1 STARTTLS"),
            Send("P1 OK go\r\n* CAPABILITY EVIL\r\n"),
            Hang,
        ],
    )
    .await;
    let result = c
        .starttls(|plain: DuplexStream| async { Ok::<_, std::io::Error>(plain) })
        .await;
    assert!(matches!(result, Err(Error::StartTlsInjection)));
}

#[tokio::test]
async fn silence_ends_by_deadline_and_breaks_the_connection() {
    let late = Connection::open(serve(vec![Hang]), {
        let mut o = options();
        o.timeouts.greeting = Duration::from_millis(100);
        o
    })
    .await;
    assert!(matches!(late, Err(Error::Timeout)));

    let mut c = open(IN, vec![Expect("P1 NOOP"), Hang]).await;
    assert!(matches!(c.noop().await, Err(Error::Timeout)));
    assert!(!c.is_usable());
    assert!(matches!(c.noop().await, Err(Error::Broken)));
}

#[tokio::test]
async fn a_busy_line_is_not_silence() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 NOOP"),
            Pause(250),
            Send("* 1 EXISTS\r\n"),
            Pause(250),
            Send("* 2 EXISTS\r\n"),
            Pause(250),
            Send("P1 OK\r\n"),
        ],
    )
    .await;
    c.noop().await.unwrap();
    assert_eq!(c.take_notices().len(), 2);
}

#[tokio::test]
async fn a_dropped_command_breaks_the_connection() {
    let mut c = open(IN, vec![Expect("P1 NOOP"), Hang]).await;
    let dropped = tokio::time::timeout(Duration::from_millis(50), c.noop()).await;
    assert!(dropped.is_err());
    assert!(!c.is_usable());
    assert!(matches!(c.noop().await, Err(Error::Broken)));
}

#[tokio::test]
async fn bye_explains_the_end() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 NOOP"),
            Send("* BYE [UNAVAILABLE] restarting\r\n"),
        ],
    )
    .await;
    match c.noop().await {
        Err(Error::Bye { code, text }) => {
            assert_eq!(code.as_deref(), Some("UNAVAILABLE"));
            assert_eq!(text, "restarting");
        }
        other => panic!("{other:?}"),
    }
    let refused = Connection::open(serve(vec![Send("* BYE too many\r\n")]), options()).await;
    assert!(matches!(refused, Err(Error::Bye { .. })));
    let closed = Connection::open(serve(vec![]), options()).await;
    assert!(matches!(closed, Err(Error::Closed)));
}

#[tokio::test]
async fn fetch_keeps_news_apart() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 UID FETCH 4:5 (UID FLAGS BODY.PEEK[HEADER]<0.100>)"),
            Send("* 1 FETCH (UID 4 FLAGS () BODY[HEADER]<0> {2}\r\n\r\n)\r\n* 9 FETCH (FLAGS (\\Seen))\r\n* 10 EXISTS\r\n* 2 FETCH (X-NEW (1) UID 5 FLAGS (\\Seen))\r\nP1 OK\r\n"),
        ],
    )
    .await;
    let items = [
        FetchItem::Uid,
        FetchItem::Flags,
        FetchItem::Body {
            section: "HEADER".into(),
            partial: Some((0, 100)),
        },
    ];
    let got = c.fetch(SequenceSet::range(4, 5), &items).await.unwrap();
    assert_eq!(
        got.iter().map(|f| f.uid).collect::<Vec<_>>(),
        [Some(4), Some(5)]
    );
    assert!(got[1].has_flag("\\seen") && got[0].section("header").is_some());
    assert_eq!(c.take_notices().len(), 2);
}

#[tokio::test]
async fn bodies_arrive_as_chunks() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 UID FETCH 7 (UID BODY.PEEK[1.2])"),
            Send("* 5 EXISTS\r\n* 3 FETCH (BODY[1.2] {300}\r\n"),
            Send("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"),
            Send("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"),
            Send("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"),
            Send(" UID 7)\r\nP1 OK\r\n"),
            Expect("P2 UID FETCH 8 (UID BODY.PEEK[])"),
            Send("P2 OK nothing\r\n"),
            Expect("P3 UID FETCH 9 (UID BODY.PEEK[2]<0.5>)"),
            Send("* 1 FETCH (UID 9 BODY[2]<0> \"short\")\r\nP3 OK\r\n"),
            Expect("P4 UID FETCH 9 (UID BODY.PEEK[3])"),
            Send("* 1 FETCH (UID 9 BODY[3] {0}\r\n)\r\nP4 OK\r\n"),
            Expect("P5 UID FETCH 9 (UID BODY.PEEK[])"),
            Send("* 1 FETCH (UID 9 BODY[] {10}\r\n0123"),
            Hang,
        ],
    )
    .await;
    let mut body = c.fetch_stream(7, "1.2", None).await.unwrap().unwrap();
    assert_eq!(body.size(), 300);
    let (mut bytes, mut chunks) = (0, 0);
    while let Some(chunk) = body.chunk().await.unwrap() {
        bytes += chunk.len();
        chunks += 1;
    }
    assert_eq!(bytes, 300);
    // The line is 64 bytes wide: nothing was gathered.
    assert!(chunks >= 4, "{chunks}");
    assert!(c.is_usable());
    assert_eq!(c.held(), c.take_notices().capacity() * size_of::<Notice>());

    assert!(c.fetch_stream(8, "", None).await.unwrap().is_none());
    let body = c.fetch_stream(9, "2", Some((0, 5))).await.unwrap().unwrap();
    assert_eq!(body.collect(100).await.unwrap(), b"short");
    let body = c.fetch_stream(9, "3", None).await.unwrap().unwrap();
    assert_eq!(body.collect(100).await.unwrap(), b"");
    assert!(c.is_usable());

    let mut body = c.fetch_stream(9, "", None).await.unwrap().unwrap();
    assert_eq!(body.chunk().await.unwrap().unwrap().len(), 4);
    drop(body);
    assert!(!c.is_usable());
}

#[tokio::test]
async fn idle_wakes_and_ends() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 IDLE"),
            Send("* 4 EXISTS\r\n+ idling\r\n"),
            Pause(50),
            Send("* 5 EXISTS\r\n* OK Still here\r\n"),
            Expect("DONE"),
            Send("* 1 EXPUNGE\r\nP1 OK done\r\n"),
            Expect("P2 IDLE"),
            Send("+ \r\nP2 OK enough\r\n"),
            Expect("P3 NOOP"),
            Send("P3 OK\r\n"),
            Expect("P4 IDLE"),
            Send("+ \r\n"),
        ],
    )
    .await;
    c.idle_start().await.unwrap();
    assert!(c.is_idling());
    assert!(matches!(c.noop().await, Err(Error::Idling)));
    let soon = || Instant::now() + Duration::from_millis(500);
    let mut seen = Vec::new();
    while let Some(notice) = c.idle_wait(soon()).await.unwrap() {
        seen.push(notice);
    }
    assert_eq!(
        seen[..2],
        [
            Notice::Untagged(Untagged::Exists(4)),
            Notice::Untagged(Untagged::Exists(5))
        ]
    );
    assert_eq!(seen.len(), 3);
    assert_eq!(c.held(), 0, "nothing is held while idle");

    c.idle_done().await.unwrap();
    assert_eq!(c.take_notices(), [Notice::Untagged(Untagged::Expunge(1))]);
    c.idle_start().await.unwrap();
    assert_eq!(c.idle_wait(soon()).await.unwrap(), Some(Notice::IdleEnded));
    c.idle_done().await.unwrap();
    c.noop().await.unwrap();

    c.idle_start().await.unwrap();
    assert!(matches!(c.idle_wait(soon()).await, Err(Error::Closed)));
    assert!(!c.is_usable());
}

#[tokio::test]
async fn idle_futures_are_small() {
    let mut c = open(IN, vec![Hang]).await;
    let size = size_of_val(&c.idle_wait(Instant::now()));
    assert!(size < 600, "idle_wait is {size} bytes");
    let size = size_of_val(&c);
    assert!(size < 600, "a connection is {size} bytes");
}

#[tokio::test]
async fn append_streams_with_consent() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 APPEND \"Sent\" (\\Seen) \"17-Jul-1996 09:44:25 +0000\" {6000}"),
            Send("* 3 EXISTS\r\n+ go\r\n"),
            Body(&[b'x'; 6000]),
            Expect(""),
            Send("P1 OK [APPENDUID 5 77] done\r\n"),
            Expect("P2 APPEND \"Gone\" {6000}"),
            Send("P2 NO [TRYCREATE] no such\r\n"),
            Expect("P3 APPEND \"Small\" {3+}"),
            Body(b"abc\r\n"),
            Send("P3 OK done\r\n"),
        ],
    )
    .await;
    let message = [b'x'; 6000];
    let done = c
        .append(
            "Sent",
            &["\\Seen"],
            Some(837_596_665_000),
            6000,
            &mut &message[..],
        )
        .await
        .unwrap()
        .unwrap();
    assert_eq!((done.uid_validity, done.uid), (5, 77));
    let refused = c
        .append("Gone", &[""; 0], None, 6000, &mut &message[..])
        .await;
    assert_eq!(refused.unwrap_err().code(), Some("TRYCREATE"));
    assert!(c.is_usable());
    // More than announced is not sent.
    let done = c
        .append("Small", &[""; 0], None, 3, &mut &b"abcdef"[..])
        .await;
    assert_eq!(done.unwrap(), None);
}

#[tokio::test]
async fn a_short_source_breaks_the_connection() {
    let mut c = open(
        IN,
        vec![Expect("P1 APPEND \"x\" {9000}"), Send("+ \r\n"), Hang],
    )
    .await;
    let result = c.append("x", &[""; 0], None, 9000, &mut &b"abc"[..]).await;
    assert!(matches!(result, Err(Error::SourceShort)));
    assert!(!c.is_usable());
}

#[tokio::test]
async fn list_with_status_and_search() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 LIST \"\" \"*\" RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT))"),
            Send("* LIST (\\HasNoChildren) \"/\" INBOX\r\n* STATUS INBOX (MESSAGES 5 UIDNEXT 9)\r\n* LIST () \"/\" R&AOQ-\r\nP1 OK\r\n"),
            Expect("P2 UID SEARCH RETURN (ALL) UNSEEN SUBJECT \"x\""),
            Send("* ESEARCH (TAG \"P2\") UID ALL 3:5,9\r\nP2 OK\r\n"),
            Expect("P3 UID SEARCH RETURN (COUNT) CHARSET UTF-8 TEXT {2+}"),
            Body("ü\r\n".as_bytes()),
            Send("* SEARCH 1 2\r\nP3 OK\r\n"),
            Expect("P4 UID STORE 3 +FLAGS.SILENT (\\Seen $x)"),
            Send("P4 OK [MODIFIED 3] no\r\n"),
        ],
    )
    .await;
    let options = ListOptions {
        special_use: true,
        subscribed: true,
        status: &[StatusItem::Messages, StatusItem::UidNext],
    };
    let list = c.list("", "*", options).await.unwrap();
    assert_eq!(list[0].status.as_ref().unwrap().messages, Some(5));
    assert_eq!(
        (list[1].name.as_str(), list[1].status.is_none()),
        ("Rä", true)
    );
    let key = SearchKey::And(vec![
        SearchKey::NotFlag("\\Seen".into()),
        SearchKey::Subject("x".into()),
    ]);
    assert_eq!(c.search(&key).await.unwrap().to_string(), "3:5,9");
    let found = c
        .search_return(&SearchKey::Text("ü".into()), "COUNT")
        .await
        .unwrap();
    assert_eq!(found.all.unwrap().to_string(), "1:2");
    let silent = StoreOptions {
        silent: true,
        ..StoreOptions::default()
    };
    let stored = c
        .store(3, StoreAction::Add, &["\\Seen", "$x"], silent)
        .await
        .unwrap();
    assert!(stored.modified.contains(3));
}

#[tokio::test]
async fn moving_without_move_uses_uidplus() {
    let mut c = open(
        IN,
        vec![
            Expect("P1 UID COPY 3:4 \"Trash\""),
            Send("P1 OK [COPYUID 9 3:4 11:12] x\r\n"),
            Expect("P2 UID STORE 3:4 +FLAGS.SILENT (\\Deleted)"),
            Send("P2 OK\r\n"),
            Expect("P3 UID EXPUNGE 3:4"),
            Send("* 1 EXPUNGE\r\nP3 OK\r\n"),
        ],
    )
    .await;
    let moved = c
        .uid_move(&SequenceSet::range(3, 4), "Trash")
        .await
        .unwrap();
    assert_eq!(moved.unwrap().destination, [11, 12]);
    let mut c = open("PREAUTH [CAPABILITY IMAP4rev1]", vec![Hang]).await;
    let refused = c.uid_move(&SequenceSet::one(1), "x").await;
    assert!(matches!(refused, Err(Error::Unsupported("MOVE"))));
}

#[tokio::test]
async fn bad_arguments_are_not_sent() {
    let mut c = open(IN, vec![Expect("P1 NOOP"), Send("P1 OK\r\n")]).await;
    let empty = c.fetch(SequenceSet::new(), &[FetchItem::Uid]).await;
    assert!(matches!(empty, Err(Error::Invalid(_))));
    let items = [FetchItem::body("1]\r\nP9 LOGOUT")];
    assert!(matches!(c.fetch(1, &items).await, Err(Error::Invalid(_))));
    let none = StoreOptions::default();
    assert!(matches!(
        c.store(1, StoreAction::Add, &["a b"], none).await,
        Err(Error::Invalid(_))
    ));
    c.noop().await.unwrap();
}

#[tokio::test]
async fn notices_do_not_pile_up_without_end() {
    let mut news = String::new();
    for i in 0..5000 {
        news.push_str(&format!("* {i} EXISTS\r\n"));
    }
    news.push_str("P1 OK\r\n");
    let news: &'static str = Box::leak(news.into_boxed_str());
    let mut c = open(IN, vec![Expect("P1 NOOP"), Send(news)]).await;
    c.noop().await.unwrap();
    let notices = c.take_notices();
    assert!(notices.len() < 5000);
    assert_eq!(notices[0], Notice::Overflow);
}

#[derive(Default)]
struct Watch {
    lines: Mutex<Vec<String>>,
    counts: Mutex<(usize, usize)>,
}

impl Observer for Watch {
    fn bytes_in(&self, count: usize) {
        self.counts.lock().unwrap().0 += count;
    }
    fn bytes_out(&self, count: usize) {
        self.counts.lock().unwrap().1 += count;
    }
    fn response(&self, condition: Condition, code: Option<&str>) {
        let line = format!("# {} {}", condition.as_str(), code.unwrap_or("-"));
        self.lines.lock().unwrap().push(line);
    }
    fn logs(&self) -> bool {
        true
    }
    fn sent(&self, line: &str) {
        self.lines.lock().unwrap().push(format!("C: {line}"));
    }
    fn received(&self, line: &str) {
        self.lines.lock().unwrap().push(format!("S: {line}"));
    }
}

#[tokio::test]
async fn observers_see_everything_but_secrets() {
    let watch = Arc::new(Watch::default());
    let io = serve(vec![
        Send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n"),
        Expect("P1 LOGIN me hunter2"),
        Send("P1 NO [AUTHENTICATIONFAILED] no\r\n"),
        Expect("P2 AUTHENTICATE PLAIN AG1lAGh1bnRlcjI="),
        Send("P2 OK [CAPABILITY IMAP4rev1] in\r\n"),
    ]);
    let options = Options {
        observer: Some(watch.clone()),
        ..options()
    };
    let mut c = Connection::open(io, options).await.unwrap();
    assert!(c.login("me", "hunter2").await.is_err());
    let plain = Sasl::Plain {
        authzid: String::new(),
        user: "me".into(),
        password: "hunter2".into(),
    };
    c.authenticate(&plain).await.unwrap();
    let lines = watch.lines.lock().unwrap().join("\n");
    assert!(!lines.contains("hunter2") && !lines.contains("AG1lAGh1bnRlcjI"));
    assert!(lines.contains("C: P1 LOGIN \"me\" ***"), "{lines}");
    assert!(lines.contains("C: P2 AUTHENTICATE PLAIN ***"));
    assert!(lines.contains("S: P2 OK [CAPABILITY IMAP4rev1] in"));
    assert!(lines.contains("# NO AUTHENTICATIONFAILED"));
    assert_eq!(
        watch.counts.lock().unwrap().1,
        "P1 LOGIN me hunter2\r\nP2 AUTHENTICATE PLAIN AG1lAGh1bnRlcjI=\r\n".len()
    );
}
