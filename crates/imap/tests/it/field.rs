//! Dialogues in the manner of servers of the field, as their users and developers describe them: one file a server in `dialogues`,
//! one section a deviation, named as in [`posthouse_imap::quirks::TOLERATED`].
//!
//! ```text
//! ## name of the deviation
//! # what is said of it
//! > call of the driver
//! C: line that the client must send
//! S: line of the server, with \xNN for any byte
//! S+ the same without the line end
//! S* 2000000 text that is sent again and again, so many bytes of it
//! = what the call gives, a line each
//! hang up
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use posthouse_imap::quirks::TOLERATED;
use posthouse_imap::{
    Address, Connection, Error, Fetch, FetchItem, ListOptions, MailboxStatus, Notice, Sasl,
    SearchKey, SectionData, SequenceSet, StatusItem, Untagged,
};
use tokio::io::DuplexStream;
use tokio::time::Instant;

use crate::scripted::{Step, options, serve};

const FILES: &[(&str, &str)] = &[
    ("courier", include_str!("dialogues/courier.txt")),
    ("cyrus", include_str!("dialogues/cyrus.txt")),
    ("domino", include_str!("dialogues/domino.txt")),
    ("dovecot", include_str!("dialogues/dovecot.txt")),
    ("exchange", include_str!("dialogues/exchange.txt")),
    ("gmail", include_str!("dialogues/gmail.txt")),
    ("icloud", include_str!("dialogues/icloud.txt")),
    ("netease", include_str!("dialogues/netease.txt")),
    ("others", include_str!("dialogues/others.txt")),
    ("qq", include_str!("dialogues/qq.txt")),
    ("yahoo", include_str!("dialogues/yahoo.txt")),
    ("yandex", include_str!("dialogues/yandex.txt")),
    ("zoho", include_str!("dialogues/zoho.txt")),
];

/// A section of a file.
struct Case {
    file: &'static str,
    name: &'static str,
    server: Vec<Step>,
    /// Each call, and what it must give.
    calls: Vec<(&'static str, Vec<&'static str>)>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (file, text) in FILES {
        let mut hung_up = true;
        for line in text.lines() {
            let end = |cases: &mut Vec<Case>, hung_up: bool| {
                if let Some(case) = cases.last_mut().filter(|_| !hung_up) {
                    case.server.push(Step::Hang);
                }
            };
            if let Some(name) = line.strip_prefix("## ") {
                end(&mut cases, hung_up);
                hung_up = false;
                cases.push(Case {
                    file,
                    name,
                    server: Vec::new(),
                    calls: Vec::new(),
                });
                continue;
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let case = cases.last_mut().expect("a section first");
            let (mark, rest) = line.split_at_checked(3).unwrap_or((line, ""));
            match mark {
                "C: " => case.server.push(Step::Expect(rest)),
                "S: " | "S:" => {
                    let mut bytes = bytes(rest);
                    bytes.extend_from_slice(b"\r\n");
                    case.server.push(Step::Raw(bytes.leak()));
                }
                "S+ " => case.server.push(Step::Raw(bytes(rest).leak())),
                "S* " => {
                    let (count, text) = rest.split_once(' ').unwrap();
                    let count: usize = count.parse().unwrap();
                    let all: Vec<u8> = text.bytes().cycle().take(count).collect();
                    case.server.push(Step::Raw(all.leak()));
                }
                _ if line == "hang up" => hung_up = true,
                _ if line.starts_with("> ") => case.calls.push((&line[2..], Vec::new())),
                _ if line.starts_with("= ") => {
                    case.calls
                        .last_mut()
                        .expect("a call first")
                        .1
                        .push(&line[2..]);
                }
                _ => panic!("{file}: {line:?}"),
            }
        }
        if let Some(case) = cases.last_mut().filter(|_| !hung_up) {
            case.server.push(Step::Hang);
        }
    }
    cases
}

fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        if rest.starts_with(b"\\x") && rest.len() >= 4 {
            let digits = std::str::from_utf8(&rest[2..4]).unwrap();
            out.push(u8::from_str_radix(digits, 16).expect("two hex digits"));
            rest = &rest[4..];
        } else {
            out.push(*first);
            rest = more;
        }
    }
    out
}

type Session = Connection<DuplexStream>;

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn failure(error: &Error) -> String {
    let coded = |kind: &str, code: &Option<String>, text: &str| {
        format!("{kind} {} {text}", code.as_deref().unwrap_or("-"))
            .trim_end()
            .to_owned()
    };
    match error {
        Error::AuthFailed { code, text, .. } => coded("auth", code, text),
        Error::No { code, text, .. } => coded("no", code, text),
        Error::Bad { code, text, .. } => coded("bad", code, text),
        Error::Bye { code, text } => coded("bye", code, text),
        Error::Closed => "closed".to_owned(),
        Error::Timeout => "timeout".to_owned(),
        other => format!("error {other}"),
    }
}

fn address(address: &Address) -> String {
    match address {
        Address::Mailbox { name, local, host } => {
            let name = name.as_deref().map(text).unwrap_or_default();
            format!("{name}<{}@{}>", text(local), text(host))
        }
        other => format!("{other:?}"),
    }
}

fn fetched(fetch: &Fetch) -> String {
    let mut out = format!("{}:", fetch.seq);
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.push_str(&format!(" {name}={value}"));
        }
    };
    let list = |list: &Vec<Address>| {
        let all: Vec<String> = list.iter().map(address).collect();
        (!all.is_empty()).then(|| all.join(","))
    };
    add("uid", fetch.uid.map(|n| n.to_string()));
    add(
        "flags",
        fetch
            .flags
            .as_ref()
            .map(|flags| format!("({})", flags.join(" "))),
    );
    add("size", fetch.size.map(|n| n.to_string()));
    add("date", fetch.internal_date.map(|n| n.to_string()));
    add("modseq", fetch.mod_seq.map(|n| n.to_string()));
    add(
        "labels",
        fetch.gm_labels.as_ref().map(|labels| format!("{labels:?}")),
    );
    if let Some(envelope) = &fetch.envelope {
        add("subject", envelope.subject.as_deref().map(text));
        add("from", list(&envelope.from));
        add("to", list(&envelope.to));
        add("bcc", list(&envelope.bcc));
        add("in-reply-to", envelope.in_reply_to.as_deref().map(text));
        add("id", envelope.message_id.as_deref().map(text));
    }
    for part in fetch.body_structure.iter().flat_map(|part| part.walk()) {
        let encoding = part.encoding.as_deref().unwrap_or("-");
        let kind = format!("{}/{}", part.media_type, part.subtype);
        let size = part.size.map_or("-".to_owned(), |n| n.to_string());
        add(
            "part",
            Some(format!("{}:{kind}:{encoding}:{size}", part.part)),
        );
        for (name, value) in &part.params {
            add(name, Some(text(value)));
        }
        if let Some(disposition) = &part.disposition {
            add("disposition", Some(disposition.kind.clone()));
        }
    }
    for section in &fetch.sections {
        let data = match &section.data {
            SectionData::Bytes(data) => text(data),
            other => format!("{other:?}"),
        };
        add(&format!("[{}]", section.name), Some(data));
    }
    for (name, _) in &fetch.other {
        add("other", Some(name.clone()));
    }
    out
}

fn counters(status: &MailboxStatus) -> String {
    let mut out = String::from("status");
    for (name, value) in [
        ("messages", status.messages.map(u64::from)),
        ("unseen", status.unseen.map(u64::from)),
        ("uidnext", status.uid_next.map(u64::from)),
        ("uidvalidity", status.uid_validity),
        ("size", status.size),
        ("modseq", status.highest_mod_seq),
    ] {
        if let Some(value) = value {
            out.push_str(&format!(" {name}={value}"));
        }
    }
    out
}

fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Untagged(Untagged::Exists(n)) => format!("exists {n}"),
        Notice::Untagged(Untagged::Recent(n)) => format!("recent {n}"),
        Notice::Untagged(Untagged::Expunge(n)) => format!("expunge {n}"),
        Notice::Untagged(Untagged::Fetch(fetch)) => format!("fetch {}", fetched(fetch)),
        Notice::Untagged(Untagged::Vanished { earlier, uids }) => {
            format!("vanished {uids}{}", if *earlier { " earlier" } else { "" })
        }
        Notice::Untagged(Untagged::Status(status)) => {
            let code = status.code.as_ref().map_or("-", |code| code.name());
            format!("{} {code} {}", status.condition.as_str(), status.text)
        }
        Notice::Untagged(Untagged::Unknown(tokens)) => format!("unknown {}", tokens.len()),
        Notice::Untagged(other) => {
            let all = format!("{other:?}");
            all.split(['(', ' '])
                .next()
                .unwrap_or_default()
                .to_lowercase()
        }
        other => format!("{other:?}").to_lowercase(),
    }
}

async fn call(session: &mut Option<Session>, line: &str) -> Result<Vec<String>, Error> {
    let words: Vec<&str> = line.split(' ').collect();
    let c = session.as_mut().expect("open");
    let done = || Ok(vec!["ok".to_owned()]);
    match words[..] {
        ["login", user, password] => c.login(user, password).await.and_then(|()| done()),
        ["token", user, token] => {
            let (user, token) = (user.to_owned(), token.to_owned());
            c.authenticate(&Sasl::XOAuth2 { user, token })
                .await
                .and_then(|()| done())
        }
        ["capabilities"] => {
            let all: Vec<&str> = c.capabilities().iter().collect();
            Ok(vec![all.join(" ")])
        }
        ["enable", ref names @ ..] => {
            let enabled = c.enable(names).await?;
            let known: Vec<_> = names
                .iter()
                .filter(|name| c.is_enabled(name))
                .copied()
                .collect();
            assert_eq!(enabled.is_empty(), known.is_empty());
            Ok(vec![
                format!("enabled {}", known.join(" ")).trim_end().to_owned(),
            ])
        }
        ["id"] => {
            let fields = c.id(&[("name", "x")]).await?;
            let show = |(name, value): &(String, Option<String>)| {
                format!("{name}={}", value.as_deref().unwrap_or("-"))
            };
            Ok(fields.iter().map(show).collect())
        }
        ["namespace"] => {
            let all = c.namespace().await?;
            let show = |kind: &str, list: &[posthouse_imap::Namespace]| -> Vec<String> {
                list.iter()
                    .map(|n| format!("{kind} {:?} {:?}", n.prefix, n.delimiter))
                    .collect()
            };
            let mut out = show("personal", &all.personal);
            out.extend(show("other", &all.other_users));
            out.extend(show("shared", &all.shared));
            Ok(out)
        }
        ["select", mailbox] => {
            let s = c.select(mailbox.replace('_', " "), false).await?;
            let number =
                |name: &str, n: Option<u64>| n.map(|n| format!(" {name}={n}")).unwrap_or_default();
            let only = if s.read_only { " read-only" } else { "" };
            Ok(vec![format!(
                "exists={}{}{}{}{only}",
                s.exists,
                number("uidvalidity", s.uid_validity),
                number("uidnext", s.uid_next.map(u64::from)),
                number("modseq", s.highest_mod_seq),
            )])
        }
        ["flags"] => {
            let s = c.selected().expect("selected");
            let list = |words: &posthouse_imap::Words| words.iter().collect::<Vec<_>>().join(" ");
            let kept = s.permanent_flags.as_ref().map_or("any".to_owned(), list);
            Ok(vec![
                format!("used {}", list(&s.flags)),
                format!("kept {kept}"),
            ])
        }
        ["exists"] => Ok(vec![c.selected().expect("selected").exists.to_string()]),
        ["list"] => {
            let entries = c.list("", "*", ListOptions::default()).await?;
            Ok(entries
                .iter()
                .map(|entry| {
                    let delimiter = entry.delimiter.map_or("-".to_owned(), String::from);
                    format!(
                        "{} {delimiter} ({})",
                        entry.name,
                        entry.attributes.join(" ")
                    )
                })
                .collect())
        }
        ["status", mailbox] => {
            let items = [StatusItem::Messages, StatusItem::UidNext];
            Ok(vec![counters(&c.status(mailbox, &items).await?)])
        }
        ["search"] => {
            let found = c.search(&SearchKey::All).await?;
            Ok(vec![format!("found {found}").trim_end().to_owned()])
        }
        ["fetch", uids] => {
            let items = [FetchItem::Uid, FetchItem::Flags];
            let found = c.fetch(SequenceSet::parse(uids.as_bytes()), &items).await?;
            Ok(found.iter().map(fetched).collect())
        }
        ["stream", uid] => match c.fetch_stream(uid.parse().unwrap(), "", None).await? {
            None => Ok(vec!["nothing".to_owned()]),
            Some(mut body) => {
                let size = body.size();
                let (mut count, mut start) = (0, Vec::new());
                while let Some(chunk) = body.chunk().await? {
                    count += chunk.len();
                    let room = 20usize.saturating_sub(start.len());
                    start.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                Ok(vec![format!("{count} of {size}: {}", text(&start))])
            }
        },
        ["move", uid, mailbox] => {
            let set = SequenceSet::parse(uid.as_bytes());
            let moved = c.uid_move(&set, mailbox).await?;
            let pairs: Vec<_> = moved.iter().flat_map(|m| m.pairs()).collect();
            Ok(vec![format!("moved {pairs:?}")])
        }
        ["noop"] => c.noop().await.and_then(|()| done()),
        ["idle"] => c.idle_start().await.and_then(|()| done()),
        ["wait"] => {
            let until = Instant::now() + Duration::from_secs(5);
            let news = c.idle_wait(until).await?;
            Ok(vec![news.as_ref().map_or("nothing".to_owned(), notice)])
        }
        ["done"] => c.idle_done().await.and_then(|()| done()),
        ["notices"] => Ok(c.take_notices().iter().map(notice).collect()),
        ["usable"] => Ok(vec![c.is_usable().to_string()]),
        _ => panic!("no such call: {line:?}"),
    }
}

/// What went otherwise than it should.
async fn run(case: Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let io = serve(case.server);
    let mut session = None;
    let mut io = Some(io);
    for (line, expected) in case.calls {
        let got = if line == "open" {
            match Connection::open(io.take().expect("one open"), options()).await {
                Ok(opened) => {
                    session = Some(opened);
                    Ok(vec!["ok".to_owned()])
                }
                Err(error) => Err(error),
            }
        } else {
            call(&mut session, line).await
        };
        let got = got.unwrap_or_else(|error| vec![failure(&error)]);
        if got != expected {
            let (got, expected) = (got.join("\n= "), expected.join("\n= "));
            let Case { file, name, .. } = case;
            wrong.push(format!(
                "{file}, {name}, {line}\n= {got}\nand not\n= {expected}\n"
            ));
        }
    }
    wrong
}

#[tokio::test]
async fn every_dialogue_goes_as_it_should() {
    let cases = cases();
    assert!(cases.len() >= TOLERATED.len());
    let mut running = tokio::task::JoinSet::new();
    for case in cases {
        running.spawn(run(case));
    }
    let wrong: Vec<String> = running.join_all().await.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_deviation_has_a_dialogue_and_every_dialogue_a_deviation() {
    let mut shown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for case in cases() {
        assert!(
            !case.calls.is_empty(),
            "{}: {} calls nothing",
            case.file,
            case.name
        );
        shown.entry(case.name).or_default().push(case.file);
    }
    let known: BTreeMap<&str, &str> = TOLERATED.iter().map(|t| (t.name, t.what)).collect();
    assert_eq!(known.len(), TOLERATED.len(), "a name stands twice");
    let shown: Vec<&str> = shown.into_keys().collect();
    let known: Vec<&str> = known.into_keys().collect();
    assert_eq!(shown, known);
}
