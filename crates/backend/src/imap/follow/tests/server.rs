//! A mail server as a table.

use std::collections::{BTreeMap, BTreeSet};

use posthouse_imap::SequenceSet;

use super::super::input::News;
use crate::imap::sync::{Fact, FolderStatus, Offers};

pub(super) const NOON: i64 = 1_700_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) uid: u32,
    pub(super) date: i64,
    pub(super) flags: BTreeSet<String>,
    pub(super) modseq: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Folder {
    pub(super) validity: u32,
    pub(super) uid_next: u32,
    modseq: u64,
    pub(super) messages: Vec<Held>,
    gone: Vec<(u32, u64)>,
    /// Listed, but it does not open.
    pub(super) phantom: bool,
    /// It opens, but gives nothing.
    pub(super) broken: bool,
}

impl Folder {
    pub(super) fn status(&self, condstore: bool) -> FolderStatus {
        FolderStatus {
            uid_validity: self.validity,
            uid_next: self.uid_next,
            messages: u32::try_from(self.messages.len()).unwrap(),
            highest_modseq: if condstore { self.modseq } else { 0 },
        }
    }
}

/// Messages as a client was told of them: UIDs and flags.
pub(super) type Told = Vec<(u32, BTreeSet<String>)>;

/// What a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Plain,
    Condstore,
    Qresync,
}

#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) folders: BTreeMap<String, Folder>,
    pub(super) level: Level,
    pub(super) list_status: bool,
    pub(super) labels: bool,
    /// FETCH news come without UIDs.
    pub(super) bare: bool,
    next_validity: u32,
    /// The open folder, as far as the client was told of it.
    pub(super) view: Option<(String, u32, Told)>,
}

impl Server {
    pub(super) fn new(level: Level) -> Self {
        Self {
            folders: BTreeMap::new(),
            level,
            list_status: false,
            labels: false,
            bare: false,
            next_validity: 1,
            view: None,
        }
    }

    pub(super) fn create(&mut self, path: &str) -> &mut Folder {
        let validity = self.next_validity;
        self.next_validity += 1;
        self.folders.entry(path.to_owned()).or_insert(Folder {
            validity,
            uid_next: 1,
            modseq: 1,
            ..Folder::default()
        })
    }

    pub(super) fn append(&mut self, path: &str, flags: &[&str], date: i64) -> u32 {
        let folder = self.folders.get_mut(path).unwrap();
        folder.modseq += 1;
        let uid = folder.uid_next;
        folder.uid_next += 1;
        folder.messages.push(Held {
            uid,
            date,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            modseq: folder.modseq,
        });
        uid
    }

    pub(super) fn expunge(&mut self, path: &str, at: usize) {
        let folder = self.folders.get_mut(path).unwrap();
        if at < folder.messages.len() {
            folder.modseq += 1;
            let gone = folder.messages.remove(at);
            folder.gone.push((gone.uid, folder.modseq));
        }
    }

    pub(super) fn toggle(&mut self, path: &str, at: usize, flag: &str) {
        let folder = self.folders.get_mut(path).unwrap();
        folder.modseq += 1;
        let modseq = folder.modseq;
        if let Some(held) = folder.messages.get_mut(at) {
            if !held.flags.remove(flag) {
                held.flags.insert(flag.to_owned());
            }
            held.modseq = modseq;
        }
    }

    pub(super) fn condstore(&self) -> bool {
        self.level != Level::Plain
    }

    pub(super) fn offers(&self) -> Offers {
        Offers {
            condstore: self.condstore(),
            qresync: self.level == Level::Qresync,
        }
    }

    pub(super) fn fact(held: &Held) -> Fact {
        Fact {
            uid: held.uid,
            flags: Some(held.flags.iter().cloned().collect()),
            labels: None,
        }
    }

    /// What the server says of the open folder since it last spoke; none when it is gone.
    pub(super) fn news(&mut self) -> Option<News> {
        let level = self.level;
        let bare = self.bare;
        let (path, validity, told) = self.view.as_mut()?;
        let folder = self
            .folders
            .get(path)
            .filter(|folder| folder.validity == *validity)?;
        let mut news = News::default();
        let there: BTreeSet<u32> = folder.messages.iter().map(|held| held.uid).collect();
        let mut at = 0;
        told.retain(|(uid, _)| {
            at += 1;
            let kept = there.contains(uid);
            if !kept {
                if level == Level::Qresync {
                    news.vanished.add(*uid);
                } else {
                    news.gone_from.get_or_insert(at);
                }
            }
            kept
        });
        for (at, held) in folder.messages.iter().enumerate() {
            let number = u32::try_from(at + 1).unwrap();
            match told.get_mut(at) {
                Some((_, flags)) if *flags != held.flags => {
                    flags.clone_from(&held.flags);
                    if bare {
                        news.numbers.add(number);
                    } else {
                        news.facts.push(Self::fact(held));
                    }
                }
                Some(_) => {}
                None => {
                    told.push((held.uid, held.flags.clone()));
                    news.arrived = true;
                }
            }
        }
        if bare && news.gone_from.is_some() && !news.numbers.is_empty() {
            news.blind = true;
            news.numbers = SequenceSet::new();
        }
        news.exists = u32::try_from(told.len()).unwrap();
        Some(news)
    }

    pub(super) fn open(&mut self, path: &str) -> Option<&Folder> {
        let folder = self.folders.get(path).filter(|folder| !folder.phantom)?;
        let told = folder
            .messages
            .iter()
            .map(|held| (held.uid, held.flags.clone()))
            .collect();
        self.view = Some((path.to_owned(), folder.validity, told));
        Some(folder)
    }

    pub(super) fn opened(&self) -> Option<&Folder> {
        let (path, validity, _) = self.view.as_ref()?;
        self.folders
            .get(path)
            .filter(|folder| folder.validity == *validity && !folder.broken)
    }
}

pub(super) fn gone_since(folder: &Folder, since: Option<u64>) -> SequenceSet {
    let Some(since) = since else {
        return SequenceSet::new();
    };
    let gone = folder.gone.iter().filter(|(_, modseq)| *modseq > since);
    gone.map(|(uid, _)| *uid).collect()
}
