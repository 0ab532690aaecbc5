//! Users, folders and messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// Names of the folders that every user has, with what they are for.
pub(crate) const FOLDERS: [(&str, &str); 6] = [
    ("INBOX", ""),
    ("Sent", "\\Sent"),
    ("Drafts", "\\Drafts"),
    ("Trash", "\\Trash"),
    ("Junk", "\\Junk"),
    ("Archive", "\\Archive"),
];

/// One message.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) uid: u32,
    pub(crate) modseq: u64,
    /// Seconds since 1970.
    pub(crate) date: u64,
    pub(crate) flags: Vec<Box<str>>,
    pub(crate) raw: Arc<[u8]>,
}

/// One folder. UIDVALIDITY is 1 everywhere.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) uid_next: u32,
    pub(crate) modseq: u64,
    pub(crate) messages: Vec<Message>,
}

impl Folder {
    pub(crate) fn append(&mut self, raw: Arc<[u8]>, flags: Vec<Box<str>>, date: u64) -> u32 {
        self.modseq += 1;
        let uid = self.uid_next;
        self.uid_next += 1;
        let modseq = self.modseq;
        self.messages.push(Message {
            uid,
            modseq,
            date,
            flags,
            raw,
        });
        uid
    }
}

/// A user's mailbox.
pub(crate) struct User {
    folders: Mutex<Vec<Folder>>,
    /// Counts changes.
    pub(crate) changes: watch::Sender<u32>,
}

impl User {
    pub(crate) fn folders(&self) -> MutexGuard<'_, Vec<Folder>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who idle look again.
    pub(crate) fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// All users, made when they first log in.
pub(crate) struct Store {
    users: Mutex<HashMap<String, Arc<User>>>,
    template: Vec<Folder>,
    pub(crate) condstore: bool,
}

impl Store {
    /// Every INBOX holds so many messages.
    pub(crate) fn new(messages: u32, condstore: bool) -> Self {
        let folder = Folder {
            uid_next: 1,
            modseq: 1,
            messages: Vec::new(),
        };
        let mut template = vec![folder; FOLDERS.len()];
        for number in 0..messages {
            let raw = format!(
                "From: Stub <stub@example.org>\r\nTo: you@example.com\r\nSubject: Message {number}\r\n\
                 Date: Tue, 01 Sep 2026 10:00:00 +0000\r\nMessage-ID: <{number}@stub.example>\r\n\r\nHello\r\n"
            );
            template[0].append(raw.into_bytes().into(), Vec::new(), 1_788_256_800);
        }
        Self {
            users: Mutex::new(HashMap::new()),
            template,
            condstore,
        }
    }

    pub(crate) fn user(&self, name: &str) -> Arc<User> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let user = users.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(User {
                folders: Mutex::new(self.template.clone()),
                changes: watch::Sender::new(0),
            })
        });
        Arc::clone(user)
    }
}

pub(crate) fn number(name: &str) -> Option<usize> {
    FOLDERS.iter().position(|(known, _)| {
        *known == name || *known == "INBOX" && name.eq_ignore_ascii_case("INBOX")
    })
}

pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map(|time| time.as_secs()).unwrap_or_default()
}
