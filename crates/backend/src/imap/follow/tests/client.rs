//! A follower whose outputs are recorded as the engine does, and what must hold of each of them.

use std::collections::{BTreeMap, BTreeSet};

use posthouse_imap::SequenceSet;
use posthouse_model::{Timestamp, index::MessageIndex, mailbox::SpecialUse, origin::Origin};

use super::{
    super::{
        core::Core,
        input::{Arrival, Input, Moment, News, Output, Request, Seen, Settings},
    },
    server::{Held, NOON, Server, gone_since},
};
use crate::{Change, ImapFolder, StateDelta, imap::sync::Fact};

/// A follower whose outputs are recorded.
pub(super) struct Client {
    pub(super) core: Core,
    settings: Settings,
    pub(super) server: Server,
    pub(super) asked: Vec<String>,
    /// What was announced, as words.
    pub(super) changes: Vec<String>,
    pub(super) state: Vec<ImapFolder>,
    pub(super) indexes: BTreeMap<u32, MessageIndex>,
    numbers: Vec<(String, u32)>,
    /// Folders that were told of.
    pub(super) told: BTreeSet<String>,
    /// What was heard while a question was under way.
    waiting: Vec<News>,
    pub(super) outputs: usize,
    pub(super) now: i64,
}

impl Client {
    pub(super) fn new(settings: Settings, server: Server) -> Self {
        Self {
            core: Core::new(settings.clone(), Vec::new()),
            settings,
            server,
            asked: Vec::new(),
            changes: Vec::new(),
            state: Vec::new(),
            indexes: BTreeMap::new(),
            numbers: Vec::new(),
            told: BTreeSet::new(),
            waiting: Vec::new(),
            outputs: 0,
            now: NOON,
        }
    }

    pub(super) fn number(&mut self, path: &str, validity: u32) -> u32 {
        let wanted = (path.to_owned(), validity);
        let at = self.numbers.iter().position(|known| *known == wanted);
        let at = at.unwrap_or_else(|| {
            self.numbers.push(wanted);
            self.numbers.len() - 1
        });
        u32::try_from(at + 1).unwrap()
    }

    fn moment(&self) -> Moment {
        Moment {
            now: Timestamp(self.now),
            exists: self
                .server
                .view
                .as_ref()
                .map_or(0, |(_, _, told)| u32::try_from(told.len()).unwrap()),
            quiet: self.waiting.is_empty(),
        }
    }

    /// The connection is lost, or the process: what was not recorded is forgotten.
    pub(super) fn restart(&mut self) -> Input {
        self.core = Core::new(self.settings.clone(), self.state.clone());
        self.server.view = None;
        self.waiting.clear();
        Input::Connected(self.server.offers())
    }

    fn hear(&mut self) {
        if let Some(news) = self.server.news().filter(News::any) {
            self.waiting.push(news);
        }
    }

    /// Goes on to the next idle. `between` may change the server before each answer; when it says so, the follower is
    /// started anew (true: what it just said was recorded).
    pub(super) fn run(
        &mut self,
        input: Input,
        mut between: impl FnMut(&mut Server, usize) -> Option<bool>,
    ) {
        let mut input = input;
        for step in 0..20_000 {
            let out = self.core.step(input, self.moment());
            match between(&mut self.server, step) {
                Some(recorded) => {
                    if recorded {
                        self.commit(&out);
                    }
                    input = self.restart();
                    continue;
                }
                None => self.commit(&out),
            }
            let request = out.request.clone();
            if request == Request::Idle {
                self.hear();
                if self.waiting.is_empty() {
                    return;
                }
                let news = self.waiting.remove(0);
                input = Input::News(Box::new(news));
                continue;
            }
            input = self.answer(request);
            self.hear();
        }
        panic!("no end: {:?}", &self.asked[self.asked.len() - 40..]);
    }

    /// Goes on to the next idle while nothing happens.
    pub(super) fn feed(&mut self, input: Input) -> &mut Self {
        self.run(input, |_, _| None);
        self
    }

    /// Connects.
    pub(super) fn connect(&mut self) -> &mut Self {
        let input = self.restart();
        self.feed(input)
    }

    fn answer(&mut self, request: Request) -> Input {
        let refused = || Input::Refused {
            response: "no".to_owned(),
            code: None,
        };
        let condstore = self.server.condstore();
        self.asked.push(match &request {
            Request::Idle | Request::Continue => return Input::Continue,
            Request::List => "list".to_owned(),
            Request::Status(path) => format!("status {path}"),
            Request::Open { path, known, .. } => match known {
                Some(known) => format!("open {path} since {}", known.mod_seq),
                None => format!("open {path}"),
            },
            Request::Index(number) => {
                let index = self.indexes.get(number).cloned().unwrap_or_default();
                return Input::Index(Some(Box::new(index)));
            }
            Request::Since(_) => "since".to_owned(),
            Request::Uids(from) => format!("uids {from}"),
            Request::Range(range) => format!("range {}-{}", range.start(), range.end()),
            Request::Changed { since, .. } => format!("changed {since}"),
            Request::Numbers(set) => format!("numbers {set}"),
            Request::Arrivals(set) => format!("arrivals {set}"),
        });
        if let Request::Open { path, known, .. } = request {
            let Some(folder) = self.server.open(&path).cloned() else {
                self.server.view = None;
                return refused();
            };
            self.waiting.clear();
            let known = known.filter(|known| known.uid_validity == u64::from(folder.validity));
            let since = known.map(|known| known.mod_seq);
            let changed = |held: &&Held| since.is_some_and(|since| held.modseq > since);
            return Input::Opened {
                status: folder.status(condstore),
                number: self.number(&path, folder.validity),
                facts: folder
                    .messages
                    .iter()
                    .filter(changed)
                    .map(Server::fact)
                    .collect(),
                vanished: gone_since(&folder, since),
            };
        }
        let folders = &self.server.folders;
        match request {
            Request::List => {
                let list_status = self.server.list_status;
                let seen = folders.iter().map(|(path, folder)| Seen {
                    path: path.clone(),
                    selectable: true,
                    special_use: match path.as_str() {
                        "INBOX" => Some(SpecialUse::Inbox),
                        "All" => Some(SpecialUse::All),
                        _ => None,
                    },
                    status: list_status.then(|| folder.status(condstore)),
                });
                return Input::Listed {
                    folders: seen.collect(),
                    labels: self.server.labels,
                };
            }
            Request::Status(path) => {
                return match folders.get(&path).filter(|folder| !folder.phantom) {
                    Some(folder) => Input::Status(folder.status(condstore)),
                    None => refused(),
                };
            }
            _ => {}
        }
        // A folder that went while it was open: servers end the connection or refuse.
        let Some(folder) = self.server.opened() else {
            return refused();
        };
        let facts = |fits: &dyn Fn(&Held) -> bool| -> Vec<Fact> {
            let messages = folder.messages.iter();
            messages
                .filter(|held| fits(held))
                .map(Server::fact)
                .collect()
        };
        let last = folder.messages.last().map(|held| held.uid);
        match request {
            Request::Since(from) => {
                let young = folder.messages.iter().filter(|held| held.date >= from);
                Input::Found(young.map(|held| held.uid).collect())
            }
            Request::Uids(from) => {
                let fits = |uid: &u32| *uid >= from || Some(*uid) == last;
                let all = folder.messages.iter().map(|held| held.uid);
                Input::Found(all.filter(fits).collect())
            }
            Request::Range(range) => Input::Facts {
                facts: facts(&|held| range.contains(&held.uid) || Some(held.uid) == last),
                vanished: SequenceSet::new(),
            },
            Request::Changed {
                from,
                since,
                vanished,
            } => Input::Facts {
                facts: facts(&|held| held.modseq > since && held.uid >= from),
                vanished: gone_since(folder, vanished.then_some(since)),
            },
            Request::Numbers(set) => {
                let at = |(at, held): (usize, &Held)| {
                    let number = u32::try_from(at + 1).unwrap();
                    set.contains(number).then(|| Server::fact(held))
                };
                Input::Facts {
                    facts: folder.messages.iter().enumerate().filter_map(at).collect(),
                    vanished: SequenceSet::new(),
                }
            }
            Request::Arrivals(set) => {
                let fits = |held: &&Held| set.contains(held.uid) || Some(held.uid) == last;
                let arrivals = folder
                    .messages
                    .iter()
                    .rev()
                    .filter(fits)
                    .map(|held| Arrival {
                        uid: held.uid,
                        flags: held.flags.iter().cloned().collect(),
                        labels: Vec::new(),
                        date: Some(Timestamp(held.date)),
                        origin: Origin::default(),
                    });
                Input::Arrivals(arrivals.collect())
            }
            _ => unreachable!(),
        }
    }

    /// Records an output as one batch, and holds it to what must be true of every one.
    pub(super) fn commit(&mut self, out: &Output) {
        self.outputs += 1;
        let mut added: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut removed = added.clone();
        for change in &out.changes {
            self.changes.push(match change {
                Change::MessageNew { place, .. } => {
                    let uid = place.uid.unwrap();
                    assert!(added.entry(place.mailbox).or_default().insert(uid));
                    format!("{} {uid}", place.path)
                }
                Change::MessageKnown { place, .. } => {
                    added
                        .entry(place.mailbox)
                        .or_default()
                        .insert(place.uid.unwrap());
                    continue;
                }
                Change::MessageDeleted { place } => {
                    let uid = place.uid.unwrap();
                    assert!(removed.entry(place.mailbox).or_default().insert(uid));
                    format!("{} {uid} gone", place.path)
                }
                Change::MessageUpdated { place, flags, .. } => {
                    let flags = flags.as_ref().unwrap();
                    let uid = place.uid.unwrap();
                    format!("{} {uid} {}", place.path, flags.value.join(","))
                }
                Change::MailboxNew { path, .. } => {
                    self.told.insert(path.clone());
                    format!("+{path}")
                }
                Change::MailboxDeleted { path } => {
                    assert!(self.told.remove(path), "{path} was not told of");
                    format!("-{path}")
                }
                Change::MailboxReset { path, previous, .. } => {
                    assert!(self.told.contains(path), "{path} was not told of");
                    format!("!{path} was {previous:?}")
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
                    self.state.retain(|known| known.path != *path);
                    self.forget(path);
                }
                StateDelta::ImapIndexGone { path } => self.forget(path),
                StateDelta::ImapIndex { mailbox, delta } => {
                    let (path, _) = self.numbers[*mailbox as usize - 1].clone();
                    let known = self.state.iter().find(|known| known.path == path).unwrap();
                    // What was there before the folder was followed is taken in silently.
                    let silent =
                        |uid: &u32| !known.indexed && (known.silent || *uid < known.uid_next);
                    let index = self.indexes.entry(*mailbox).or_default();
                    let came: BTreeSet<u32> = delta.added.iter().collect();
                    let went: BTreeSet<u32> = delta.removed.iter().collect();
                    for uid in &came {
                        assert!(!index.uids().contains(*uid), "{path} {uid} came twice");
                    }
                    for uid in &went {
                        assert!(index.uids().contains(*uid), "{path} {uid} went twice");
                    }
                    let loud = |uids: BTreeSet<u32>| -> BTreeSet<u32> {
                        uids.into_iter().filter(|uid| !silent(uid)).collect()
                    };
                    let told = |map: &mut BTreeMap<u32, BTreeSet<u32>>| {
                        map.remove(mailbox).unwrap_or_default()
                    };
                    assert_eq!(loud(came), told(&mut added), "{path} came");
                    assert_eq!(loud(went), told(&mut removed), "{path} went");
                    index.apply(delta);
                }
                StateDelta::Cursor(_) => panic!("a cursor"),
            }
        }
        if !self.settings.fast {
            assert!(added.is_empty() && removed.is_empty(), "told, not recorded");
        }
    }

    fn forget(&mut self, path: &str) {
        for (at, (known, _)) in self.numbers.iter().enumerate() {
            if known == path {
                self.indexes.remove(&(u32::try_from(at).unwrap() + 1));
            }
        }
    }

    /// What is recorded equals what the server has.
    pub(super) fn assert_equal(&mut self) {
        let folders = self.server.folders.clone();
        for (path, folder) in folders.iter().filter(|(_, folder)| !folder.phantom) {
            let number = self.number(path, folder.validity);
            let known = self.state.iter().find(|known| known.path == *path);
            let known = known.unwrap_or_else(|| panic!("{path} is not known"));
            assert!(
                known.indexed && known.uid_validity == folder.validity,
                "{known:?}"
            );
            let index = self.indexes.get(&number).cloned().unwrap_or_default();
            let held: Vec<u32> = folder.messages.iter().map(|held| held.uid).collect();
            assert_eq!(index.uids().iter().collect::<Vec<_>>(), held, "{path}");
            for held in &folder.messages {
                let keys = index.keys_of(held.uid).unwrap();
                let flags: BTreeSet<String> =
                    keys.iter().map(|key| key.name().to_owned()).collect();
                assert_eq!(flags, held.flags, "{path} {}", held.uid);
            }
        }
        let there: BTreeSet<String> = folders.keys().cloned().collect();
        let phantoms = folders.iter().filter(|(_, folder)| folder.phantom);
        let phantoms: BTreeSet<String> = phantoms.map(|(path, _)| path.clone()).collect();
        assert_eq!(&self.told | &phantoms, there, "told of");
        for known in &self.state {
            assert!(!known.silent);
            assert!(folders.contains_key(&known.path), "{} is gone", known.path);
        }
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        self.asked.clear();
        std::mem::take(&mut self.changes)
    }
}
