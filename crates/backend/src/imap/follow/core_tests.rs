#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

const NOON: i64 = 1_700_000_000_000;

fn counters(uid_validity: u32, uid_next: u32, messages: u32) -> Counters {
    Counters {
        uid_validity,
        uid_next,
        messages,
        highest_modseq: 0,
    }
}

fn known(path: &str, uid_validity: u32, uid_next: u32, messages: u32) -> ImapFolder {
    ImapFolder {
        path: path.to_owned(),
        uid_validity,
        uid_next,
        highest_modseq: 0,
        messages,
    }
}

/// A server as a table: path, counters, messages (UID, INTERNALDATE).
struct Server(Vec<Held>);

type Held = (&'static str, Counters, Vec<(u32, i64)>);

struct Run {
    core: Core,
    server: Server,
    list_status: bool,
    asked: Vec<String>,
    changes: Vec<String>,
    /// Every state that was committed, to start again from.
    state: Vec<ImapFolder>,
    outputs: Vec<Output>,
}

impl Run {
    fn new(notify_from: Option<i64>, state: Vec<ImapFolder>, server: Server) -> Self {
        let settings = Settings {
            notify_from: notify_from.map(Timestamp),
            paths: None,
        };
        Self {
            core: Core::new(settings, state.clone()),
            server,
            list_status: false,
            asked: Vec::new(),
            changes: Vec::new(),
            state,
            outputs: Vec::new(),
        }
    }

    fn folder(&self, path: &str) -> Option<&Held> {
        self.server.0.iter().find(|(known, ..)| *known == path)
    }

    /// Runs to the next idle, answering as the server would.
    fn feed(&mut self, input: Input) -> &mut Self {
        let mut input = input;
        for _ in 0..10_000 {
            let out = self.core.step(input);
            self.commit(&out);
            let open = self.core.open_path().map(str::to_owned);
            let messages = || {
                let path = open.as_deref().unwrap();
                self.server
                    .0
                    .iter()
                    .find(|(known, ..)| *known == path)
                    .unwrap()
                    .2
                    .clone()
            };
            self.asked.push(match &out.request {
                Request::Idle => return self,
                Request::Continue => {
                    input = Input::Continue;
                    continue;
                }
                Request::List => "list".to_owned(),
                Request::Status(path) => format!("status {path}"),
                Request::Open(path, _) => format!("open {path}"),
                Request::Since(_) => "since".to_owned(),
                Request::After(from) => format!("after {from}"),
                Request::Fetch(set) => format!("fetch {set}"),
            });
            input = match out.request {
                Request::List => Input::Listed {
                    folders: self.seen(),
                    labels: false,
                },
                Request::Status(path) => match self.folder(&path) {
                    Some((_, counters, _)) => Input::Status(*counters),
                    None => Input::Refused,
                },
                Request::Open(path, _) => match self.folder(&path) {
                    Some((_, counters, _)) => Input::Opened {
                        counters: *counters,
                        number: 7,
                    },
                    None => Input::Refused,
                },
                Request::Since(from) => Input::Found(set(messages()
                    .into_iter()
                    .filter(|(_, date)| *date >= from)
                    .map(|(uid, _)| uid))),
                Request::After(from) => Input::Found(set(messages()
                    .into_iter()
                    .map(|(uid, _)| uid)
                    .filter(|uid| *uid >= from))),
                Request::Fetch(set) => {
                    let all = messages();
                    let last = all.last().map(|(uid, _)| *uid);
                    Input::Fetched(
                        all.into_iter()
                            .rev()
                            // The last message always belongs to `n:*`.
                            .filter(|(uid, _)| set.contains(*uid) || Some(*uid) == last)
                            .map(|(uid, date)| (uid, Some(date)))
                            .collect(),
                    )
                }
                Request::Idle | Request::Continue => unreachable!(),
            };
        }
        panic!("no end: {:?}", self.asked);
    }

    fn seen(&self) -> Vec<Seen> {
        self.server
            .0
            .iter()
            .map(|(path, counters, _)| Seen {
                path: (*path).to_owned(),
                selectable: true,
                special_use: (*path == "INBOX").then_some(SpecialUse::Inbox),
                status: self.list_status.then_some(*counters),
            })
            .collect()
    }

    fn commit(&mut self, out: &Output) {
        assert!(out.changes.len() <= CHUNK + 10);
        for change in &out.changes {
            self.changes.push(match change {
                Change::MessageNew { path, uid, .. } => format!("{path} {}", uid.unwrap()),
                Change::MailboxNew { path, .. } => format!("+{path}"),
                Change::MailboxDeleted { path } => format!("-{path}"),
                Change::MailboxReset { path, previous, .. } => {
                    format!("!{path} was {}", previous.unwrap())
                }
            });
        }
        for delta in &out.deltas {
            match delta {
                StateDelta::ImapFolder(folder) => {
                    self.state.retain(|known| known.path != folder.path);
                    self.state.push(folder.clone());
                }
                StateDelta::ImapFolderGone { path } => {
                    self.state.retain(|known| known.path != *path)
                }
                StateDelta::Cursor(_) => panic!(),
            }
        }
        self.outputs.push(out.clone());
    }

    fn take(&mut self) -> Vec<String> {
        self.asked.clear();
        std::mem::take(&mut self.changes)
    }

    fn uid_next(&self, path: &str) -> u32 {
        self.state
            .iter()
            .find(|known| known.path == path)
            .unwrap()
            .uid_next
    }
}

fn set(uids: impl IntoIterator<Item = u32>) -> SequenceSet {
    let mut set = SequenceSet::new();
    for uid in uids {
        set.add(uid);
    }
    set
}

#[test]
fn a_first_sync_is_silent() {
    let server = Server(vec![
        (
            "Archive",
            counters(3, 9, 2),
            vec![(4, NOON - DAY), (8, NOON - 5 * DAY)],
        ),
        ("INBOX", counters(1, 5, 1), vec![(4, NOON - 1000)]),
        ("Sent", counters(2, 1, 0), vec![]),
    ]);
    let mut run = Run::new(Some(NOON), vec![], server);
    run.feed(Input::Connected);
    assert_eq!(
        run.changes,
        ["+Sent", "+Archive", "+INBOX"]
            .map(str::to_owned)
            .to_vec()
            .tap_sorted(&run.changes)
    );
    assert_eq!(run.uid_next("INBOX"), 5);
    assert_eq!(run.uid_next("Sent"), 1);
    assert_eq!(run.uid_next("Archive"), 9);
    assert_eq!(run.core.open_path(), Some("INBOX"));
}

trait Sorted {
    fn tap_sorted(self, other: &[String]) -> Vec<String>;
}

impl Sorted for Vec<String> {
    /// The same words as `other`, in its order: for tests that do not care about it.
    fn tap_sorted(mut self, other: &[String]) -> Vec<String> {
        let mut sorted = other.to_vec();
        sorted.sort();
        self.sort();
        if self == sorted { other.to_vec() } else { self }
    }
}

#[test]
fn a_first_sync_announces_from_notify_from() {
    let inbox = (1..=1200)
        .map(|uid| (uid, NOON + i64::from(uid) * 1000))
        .collect();
    let server = Server(vec![
        ("INBOX", counters(1, 1201, 1200), inbox),
        (
            "Archive",
            counters(3, 9, 2),
            vec![(4, NOON - 20 * DAY), (8, NOON + 5000)],
        ),
    ]);
    let mut run = Run::new(Some(NOON + 500_000), vec![], server);
    run.feed(Input::Connected);
    let news: Vec<_> = run
        .changes
        .iter()
        .filter(|c| c.starts_with("INBOX "))
        .collect();
    // Not 499, whose second is before; 500 lies in the same second.
    assert_eq!(news.first().unwrap().as_str(), "INBOX 500");
    assert_eq!(news.last().unwrap().as_str(), "INBOX 1200");
    assert_eq!(news.len(), 701);
    assert!(!run.changes.iter().any(|c| c.starts_with("Archive ")));
    assert_eq!((run.uid_next("INBOX"), run.uid_next("Archive")), (1201, 9));
}

#[test]
fn a_first_sync_cut_anywhere_is_taken_up() {
    let server = || {
        Server(vec![
            (
                "Archive",
                counters(3, 9, 2),
                vec![(4, NOON - 20 * DAY), (8, NOON + 5000)],
            ),
            (
                "INBOX",
                counters(1, 1301, 1300),
                (1..=1300).map(|uid| (uid, NOON + 1)).collect(),
            ),
        ])
    };
    let mut whole = Run::new(Some(NOON), vec![], server());
    whole.feed(Input::Connected);
    let expected = whole.changes.clone().tap_sorted(&[]);
    for cut in 0..whole.outputs.len() {
        let mut first = Run::new(Some(NOON), vec![], server());
        for out in &whole.outputs[..cut] {
            first.commit(out);
        }
        let mut second = Run::new(Some(NOON), first.state.clone(), server());
        second.feed(Input::Connected);
        let mut all = first.changes;
        all.extend(second.changes);
        all.sort();
        assert_eq!(all, expected, "cut after {cut}");
    }
}

#[test]
fn arrivals_while_away_are_found() {
    let server = Server(vec![
        (
            "INBOX",
            counters(1, 8, 3),
            vec![(2, NOON), (5, NOON - DAY), (7, NOON)],
        ),
        ("Sent", counters(2, 4, 3), vec![(3, NOON)]),
        ("Old", counters(3, 1, 0), vec![]),
    ]);
    let state = vec![
        known("INBOX", 1, 5, 1),
        known("Sent", 2, 3, 2),
        known("Old", 3, 1, 0),
    ];
    let mut run = Run::new(Some(NOON), state, server);
    run.feed(Input::Connected);
    assert_eq!(run.take(), ["INBOX 7", "Sent 3"]);
    // Again: nothing is announced twice, and folders without news are not opened.
    run.feed(Input::Compare);
    assert_eq!(
        run.asked,
        ["list", "open INBOX", "status Sent", "status Old"]
    );
    assert!(run.take().is_empty());
    // With LIST-STATUS there is no question left.
    run.list_status = true;
    run.feed(Input::Compare);
    assert_eq!(run.asked, ["list", "open INBOX"]);
}

#[test]
fn arrivals_while_idle() {
    let server = Server(vec![(
        "INBOX",
        counters(1, 3, 2),
        vec![(1, NOON), (2, NOON)],
    )]);
    let mut run = Run::new(None, vec![known("INBOX", 1, 3, 2)], server);
    run.feed(Input::Connected).take();
    run.server.0[0].2.push((3, NOON));
    run.feed(Input::Messages {
        exists: 3,
        arrived: true,
    });
    assert_eq!(run.asked, ["fetch 3:*"]);
    assert_eq!(run.take(), ["INBOX 3"]);
    // Said again without a new one.
    run.feed(Input::Messages {
        exists: 3,
        arrived: true,
    });
    assert!(run.take().is_empty());
    // Gone: only the count.
    let outputs = run.outputs.len();
    run.feed(Input::Messages {
        exists: 2,
        arrived: false,
    });
    assert!(run.asked.is_empty() && run.changes.is_empty());
    assert_eq!(
        run.outputs[outputs].deltas,
        [StateDelta::ImapFolder(known("INBOX", 1, 4, 2))]
    );
    // A flood is asked for first and comes in chunks.
    run.server.0[0].2.extend((4..=2004).map(|uid| (uid, NOON)));
    run.feed(Input::Messages {
        exists: 2003,
        arrived: true,
    });
    assert_eq!(run.asked[0], "after 4");
    assert_eq!(run.asked.len(), 6);
    assert_eq!(run.take().len(), 2001);
    assert_eq!(run.uid_next("INBOX"), 2005);
}

#[test]
fn a_server_that_tells_no_uidnext() {
    let server = Server(vec![(
        "INBOX",
        counters(1, 0, 2),
        vec![(1, NOON), (2, NOON)],
    )]);
    let mut run = Run::new(None, vec![known("INBOX", 1, 2, 1)], server);
    run.feed(Input::Connected);
    assert_eq!(run.take(), ["INBOX 2"]);
    run.feed(Input::Compare);
    assert!(run.take().is_empty());
}

#[test]
fn a_new_uidvalidity_resets_silently() {
    let server = Server(vec![
        ("INBOX", counters(1, 3, 2), vec![]),
        ("Sent", counters(9, 5, 4), vec![(1, NOON), (4, NOON)]),
    ]);
    let mut run = Run::new(
        Some(0),
        vec![known("INBOX", 1, 3, 2), known("Sent", 2, 3, 2)],
        server,
    );
    run.feed(Input::Connected);
    assert_eq!(run.take(), ["!Sent was 2"]);
    assert_eq!(run.uid_next("Sent"), 5);
    run.server.0[0].1 = counters(10, 1, 0);
    run.feed(Input::Compare);
    assert_eq!(run.take(), ["!INBOX was 1"]);
}

#[test]
fn folders_come_and_go() {
    let server = Server(vec![
        ("INBOX", counters(1, 3, 2), vec![]),
        ("New", counters(7, 5, 1), vec![(4, NOON)]),
    ]);
    let mut run = Run::new(
        Some(0),
        vec![known("INBOX", 1, 3, 2), known("Gone", 2, 3, 2)],
        server,
    );
    run.feed(Input::Connected);
    assert_eq!(run.take(), ["-Gone", "+New"]);
    assert!(!run.state.iter().any(|known| known.path == "Gone"));
    // A server that lists nothing is in trouble; nothing is forgotten.
    run.server.0.clear();
    run.feed(Input::Compare);
    assert!(run.take().is_empty());
    assert_eq!(run.state.len(), 2);
}

#[test]
fn a_folder_that_goes_between_list_and_status() {
    let server = Server(vec![("INBOX", counters(1, 3, 2), vec![])]);
    let mut run = Run::new(None, vec![known("INBOX", 1, 3, 2)], server);
    let out = run.core.step(Input::Connected);
    assert_eq!(out.request, Request::List);
    let mut seen = run.seen();
    seen.push(Seen {
        path: "Gone".to_owned(),
        ..seen[0].clone()
    });
    seen[1].special_use = None;
    run.feed(Input::Listed {
        folders: seen,
        labels: false,
    });
    assert!(run.take().is_empty());
    assert_eq!(run.core.open_path(), Some("INBOX"));
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
            notify_from: None,
            paths: paths.map(|paths| paths.into_iter().map(str::to_owned).collect()),
        };
        assert_eq!(
            [&inbox, &sent, &other].map(|folder| settings.admits(folder)),
            expected
        );
    }
}

#[test]
fn views_of_labels_are_not_followed() {
    let mut core = Core::new(Settings::default(), vec![]);
    core.step(Input::Connected);
    let seen = |path: &str, special_use| Seen {
        path: path.to_owned(),
        selectable: true,
        special_use,
        status: Some(counters(1, 1, 0)),
    };
    let out = core.step(Input::Listed {
        folders: vec![
            seen("INBOX", Some(SpecialUse::Inbox)),
            seen("[Gmail]/All Mail", Some(SpecialUse::All)),
            seen("[Gmail]/Sent Mail", Some(SpecialUse::Sent)),
            seen("[Gmail]/Spam", Some(SpecialUse::Junk)),
        ],
        labels: true,
    });
    assert_eq!(
        out.request,
        Request::Open("[Gmail]/All Mail".to_owned(), true)
    );
    assert_eq!(
        out.changes,
        [Change::MailboxNew {
            path: "[Gmail]/Spam".to_owned(),
            uid_validity: Some(1)
        }]
    );
}
