//! The core of following, held against a server that changes between any two questions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod server;

use posthouse_model::{Timestamp, mailbox::SpecialUse};
use proptest::prelude::*;

use self::{
    client::Client,
    server::{Level, NOON, Server},
};
use super::{
    input::{Input, Moment, News, Request, Seen, Settings},
    run::{CHUNK, DAY},
};

fn full() -> Settings {
    Settings::default()
}

fn server(level: Level, folders: &[(&str, u32)]) -> Server {
    let mut server = Server::new(level);
    for (path, messages) in folders {
        server.create(path);
        for _ in 0..*messages {
            server.append(path, &["\\Seen"], NOON);
        }
    }
    server
}

const LEVELS: [Level; 3] = [Level::Plain, Level::Condstore, Level::Qresync];

#[test]
fn a_first_sync_is_silent() {
    for level in LEVELS {
        let mut client = Client::new(
            full(),
            server(level, &[("INBOX", 3), ("Sent", 0), ("A", 2)]),
        );
        client.connect().assert_equal();
        let mut told = client.take();
        told.sort();
        assert_eq!(told, ["+A", "+INBOX", "+Sent"]);
        assert_eq!(client.core.open_path(), Some("INBOX"));
        // Again: nothing, and folders without news are not opened.
        client.feed(Input::Compare);
        assert!(client.changes.is_empty());
        assert_eq!(client.asked[2..], ["status A", "status Sent"]);
        client.server.list_status = true;
        client.take();
        client.feed(Input::Compare);
        assert_eq!(client.asked.len(), 2, "{:?}", client.asked);
    }
}

#[test]
fn a_first_sync_announces_from_notify_from_in_the_inbox() {
    let mut server = server(Level::Condstore, &[("INBOX", 0), ("Archive", 0)]);
    for uid in 1..=1200 {
        server.append("INBOX", &[], NOON + uid * 1000);
        server.append("Archive", &[], NOON + uid * 1000);
    }
    let settings = Settings {
        notify_from: Some(Timestamp(NOON + 500_000)),
        ..full()
    };
    let mut client = Client::new(settings, server);
    client.connect().assert_equal();
    let news: Vec<_> = client
        .changes
        .iter()
        .filter(|word| word.contains(' '))
        .collect();
    assert_eq!(news.first().unwrap().as_str(), "INBOX 500");
    assert_eq!(news.last().unwrap().as_str(), "INBOX 1200");
    assert_eq!(news.len(), 701);
}

#[test]
fn what_is_older_is_not_indexed() {
    let mut server = server(Level::Plain, &[("INBOX", 0)]);
    for day in 0..10 {
        server.append("INBOX", &[], NOON + day * DAY);
    }
    let settings = Settings {
        sync_from: Some(Timestamp(NOON + 6 * DAY)),
        ..full()
    };
    let mut client = Client::new(settings, server);
    client.connect();
    let uids = |client: &Client| client.indexes[&1].uids().iter().collect::<Vec<_>>();
    assert_eq!(
        uids(&client),
        [6, 7, 8, 9, 10],
        "a day more, as SEARCH knows days only"
    );
    client.take();
    // Old ones change and go without a word; young ones do not.
    client.server.expunge("INBOX", 0);
    client.server.toggle("INBOX", 0, "$x");
    client.server.expunge("INBOX", 6);
    client.server.append("INBOX", &[], NOON + 11 * DAY);
    client.feed(Input::Compare);
    assert_eq!(client.take(), ["INBOX 8 gone", "INBOX 11"]);
    client.server.expunge("INBOX", 1);
    client.feed(Input::Compare);
    assert!(client.take().is_empty());
}

#[test]
fn what_happened_while_away() {
    for level in LEVELS {
        let mut client = Client::new(full(), server(level, &[("INBOX", 4), ("Box", 3)]));
        client.connect().take();
        for path in ["INBOX", "Box"] {
            client.server.expunge(path, 1);
            client.server.toggle(path, 0, "$work");
            client.server.append(path, &[], NOON);
        }
        client.connect().assert_equal();
        let mut told = client.take();
        told.sort();
        let expected = [
            "Box 1 $work,\\Seen",
            "Box 2 gone",
            "Box 4",
            "INBOX 1 $work,\\Seen",
            "INBOX 2 gone",
            "INBOX 5",
        ];
        assert_eq!(told, expected, "{level:?}");
        // Told once.
        assert!(client.connect().take().is_empty());
    }
}

#[test]
fn what_is_heard_while_idle() {
    for (level, bare) in [
        (Level::Plain, true),
        (Level::Plain, false),
        (Level::Condstore, true),
        (Level::Qresync, false),
    ] {
        let mut client = Client::new(full(), server(level, &[("INBOX", 5)]));
        client.server.bare = bare;
        client.connect().take();
        client.server.append("INBOX", &["a"], NOON);
        client.feed(Input::Continue);
        assert_eq!(client.take(), ["INBOX 6"]);
        client.server.toggle("INBOX", 2, "b");
        client.feed(Input::Continue);
        assert_eq!(client.take(), ["INBOX 3 \\Seen,b"]);
        client.server.expunge("INBOX", 3);
        client.server.expunge("INBOX", 1);
        client.feed(Input::Continue);
        assert_eq!(client.take(), ["INBOX 2 gone", "INBOX 4 gone"]);
        client.assert_equal();
        // One that goes before it could be asked for.
        client.server.append("INBOX", &[], NOON);
        client.server.expunge("INBOX", 4);
        client.feed(Input::Continue);
        assert!(client.take().is_empty());
        client.assert_equal();
    }
}

#[test]
fn much_at_once_comes_in_parts() {
    for level in LEVELS {
        let mut client = Client::new(full(), server(level, &[("INBOX", 12_000)]));
        client.connect().assert_equal();
        client.take();
        for at in 0..2_000 {
            client.server.toggle("INBOX", at, "$new");
        }
        for _ in 0..1_500 {
            client.server.expunge("INBOX", 3_000);
            client.server.append("INBOX", &[], NOON);
        }
        let before = client.outputs;
        client.connect().assert_equal();
        assert_eq!(client.take().len(), 5_000);
        assert!(client.outputs - before >= 5_000 / CHUNK);
    }
}

#[test]
fn a_new_uidvalidity_resets() {
    let mut client = Client::new(full(), server(Level::Qresync, &[("INBOX", 2), ("Box", 3)]));
    client.connect().take();
    client.server.folders.remove("Box");
    client.server.create("Box");
    for _ in 0..2 {
        client.server.append("Box", &[], NOON);
    }
    client.feed(Input::Compare).assert_equal();
    assert_eq!(client.take(), ["!Box was Some(2)", "+Box"]);
    client.server.folders.remove("INBOX");
    client.server.create("INBOX");
    client.connect().assert_equal();
    assert_eq!(client.take(), ["!INBOX was Some(1)", "+INBOX"]);
}

#[test]
fn a_lost_index_is_made_anew() {
    let mut client = Client::new(full(), server(Level::Condstore, &[("INBOX", 3)]));
    client.connect().take();
    client.server.append("INBOX", &[], NOON);
    let mut out = client.core.step(
        Input::News(Box::new(News {
            exists: 4,
            arrived: true,
            ..News::default()
        })),
        Moment::default(),
    );
    assert_eq!(out.request, Request::Index(1));
    out = client.core.step(Input::Index(None), Moment::default());
    client.commit(&out);
    assert!(client.take().is_empty(), "told before it is taken in");
    client.connect().assert_equal();
    assert_eq!(client.take(), ["!INBOX was None", "+INBOX"]);
}

#[test]
fn folders_come_and_go() {
    let mut client = Client::new(full(), server(Level::Plain, &[("INBOX", 3), ("Gone", 2)]));
    client.connect().take();
    client.server.folders.remove("Gone");
    client.server.create("New");
    client.server.append("New", &[], NOON);
    client.feed(Input::Compare).assert_equal();
    assert_eq!(client.take(), ["-Gone", "+New"]);
    // A server that lists nothing is in trouble; nothing is forgotten.
    let folders = std::mem::take(&mut client.server.folders);
    client.feed(Input::Compare);
    assert!(client.take().is_empty());
    assert_eq!(client.state.len(), 2);
    client.server.folders = folders;
    client.connect().assert_equal();
}

#[test]
fn phantoms_are_passed_over_and_broken_folders_tried_again() {
    let folders = [("INBOX", 1), ("Phantom", 0), ("Bad", 2)];
    let mut client = Client::new(full(), server(Level::Plain, &folders));
    client.server.folders.get_mut("Phantom").unwrap().phantom = true;
    client.server.folders.get_mut("Bad").unwrap().broken = true;
    client.connect();
    assert!(!client.state.iter().any(|known| known.path == "Phantom"));
    let due = client.core.retry_at().expect("a retry");
    assert_eq!(due.millis(), NOON + 1000);
    client.server.folders.get_mut("Bad").unwrap().broken = false;
    client.now = due.millis();
    client.feed(Input::Retry).assert_equal();
    assert_eq!(client.core.retry_at(), None);
}

#[test]
fn fast_follows_new_messages_only() {
    let settings = Settings {
        fast: true,
        ..full()
    };
    let mut client = Client::new(settings.clone(), server(Level::Qresync, &[("INBOX", 5)]));
    client.connect().take();
    client.server.expunge("INBOX", 0);
    client.server.toggle("INBOX", 0, "x");
    client.server.append("INBOX", &[], NOON);
    client.feed(Input::Continue);
    assert_eq!(client.take(), ["INBOX 6"]);
    for _ in 0..1_200 {
        client.server.append("INBOX", &[], NOON);
    }
    client.connect();
    assert_eq!(client.take().len(), 1_200);
    assert!(client.indexes.is_empty());
    // Another indexer from now on: what is there is taken in, and nothing announced again.
    let mut state = client.state.clone();
    let mut later = Client::new(full(), client.server.clone());
    later.number("INBOX", 1);
    later.state.append(&mut state);
    later.told.insert("INBOX".to_owned());
    later.server.append("INBOX", &[], NOON);
    later.connect().assert_equal();
    assert_eq!(later.take(), ["INBOX 1207"]);
    let mut back = Client::new(settings, later.server.clone());
    back.number("INBOX", 1);
    back.state.clone_from(&later.state);
    back.indexes.clone_from(&later.indexes);
    back.connect();
    assert!(back.indexes.is_empty() && back.take().is_empty());
}

#[test]
fn views_of_labels_are_not_followed() {
    let folders = [("All", 2), ("INBOX", 1), ("Label", 1)];
    let mut client = Client::new(full(), server(Level::Condstore, &folders));
    client.server.labels = true;
    client.connect();
    assert_eq!(client.core.open_path(), Some("All"));
    assert_eq!(client.take(), ["+All"]);
}

#[test]
fn the_path_filter() {
    let seen = |path: &str, special_use| Seen {
        path: path.to_owned(),
        selectable: true,
        special_use,
        status: None,
    };
    let inbox = seen("INBOX", Some(SpecialUse::Inbox));
    let sent = seen("Gesendet", Some(SpecialUse::Sent));
    let other = seen("Other", None);
    for (paths, expected) in [
        (None, [true, true, true]),
        (Some(vec!["*"]), [true, true, true]),
        (Some(vec!["inbox"]), [true, false, false]),
        (Some(vec!["\\Inbox", "Other"]), [true, false, true]),
        (Some(vec!["\\sent"]), [false, true, false]),
        (Some(vec![]), [false, false, false]),
    ] {
        let settings = Settings {
            paths: paths.map(|paths| paths.into_iter().map(str::to_owned).collect()),
            ..full()
        };
        assert_eq!(
            [&inbox, &sent, &other].map(|folder| settings.admits(folder)),
            expected
        );
    }
}

/// One change at the server, by a number.
fn change(server: &mut Server, op: u32) {
    let (op, rest) = (op % 16, (op / 16) as usize);
    let paths: Vec<String> = server.folders.keys().cloned().collect();
    let path = paths[rest % paths.len()].clone();
    let at = rest / 8;
    let held = server.folders[&path].messages.len().max(1);
    match op {
        0..=4 => {
            server.append(&path, &[["a", "b", "\\Seen"][at % 3]], NOON);
        }
        5..=8 => server.expunge(&path, at % held),
        9..=12 => server.toggle(&path, at % held, ["a", "$Long", "\\Seen"][rest % 3]),
        13 => {
            let name = format!("F{}", at % 4);
            if !server.folders.contains_key(&name) {
                server.create(&name);
            }
        }
        14 if path != "INBOX" => {
            server.folders.remove(&path);
        }
        15 if path != "INBOX" => {
            server.folders.remove(&path);
            server.create(&path);
            server.append(&path, &[], NOON);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever happens, and whenever the follower breaks off, every message that comes and goes is told once.
    #[test]
    fn nothing_is_lost_or_repeated(
        level in 0..3_usize,
        list_status in any::<bool>(),
        bare in any::<bool>(),
        rounds in prop::collection::vec(
            (prop::collection::vec(any::<u32>(), 0..8), 0..40_usize, 0..4_u8),
            1..25,
        ),
    ) {
        let mut server = server(LEVELS[level], &[("INBOX", 3), ("Box", 2)]);
        server.list_status = list_status;
        server.bare = bare;
        let mut client = Client::new(full(), server);
        client.connect();
        for (ops, when, what) in rounds {
            let mut ops = Some(ops);
            let input = match what {
                0 => Input::Compare,
                1 => Input::Check("Box".to_owned()),
                2 => client.restart(),
                _ => Input::Continue,
            };
            client.now += 1_000_000;
            client.run(input, |server, step| {
                if step != when % 12 && step != 0 {
                    return None;
                }
                for op in ops.take().unwrap_or_default() {
                    change(server, op);
                }
                // Some of them are cut off in the middle.
                (what == 2 && step == when % 12 && when > 12).then_some(when % 2 == 0)
            });
        }
        client.now += 1_000_000_000;
        client.connect();
        client.feed(Input::Compare);
        client.assert_equal();
        client.take();
        client.connect();
        prop_assert!(client.changes.is_empty(), "told again: {:?}", client.changes);
    }
}
