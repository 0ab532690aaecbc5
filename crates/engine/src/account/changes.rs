//! What a step found, as events and as what is remembered of messages.
//!
//! A deletion is held back for a while where the message has a name of its own: if one of that name arrives in another
//! folder meanwhile, and only one did, it was moved, and both events say so. What is not known to be a move is never
//! told for one.

use std::collections::{BTreeMap, HashMap, HashSet};

use posthouse_backend::{Change, MarkChange, Place, StateDelta, Step};
use posthouse_model::{
    AccountId, EventType, Timestamp,
    index::{Identity, ThreadKey},
    origin::Origin,
};
use posthouse_store::{
    Batch, Store, StoreError, announce as markers,
    departures::{self, Departure},
    identities::{self, Entry},
    index, mailboxes,
};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{announce::Pending, arrivals::Arrivals, conversations::Conversations, memory};
use crate::{Recorder, event::NewEvent};

/// From where to where a message was moved: paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    /// Folder before.
    pub(crate) from: String,
    /// Folder now.
    pub(crate) to: String,
}

/// What was read of the store before the batch is made.
#[derive(Default)]
struct Known {
    /// Of messages that are gone or changed, by folder number and UID.
    entries: HashMap<(u32, u32), Entry>,
    /// Messages that went lately, by identity.
    departures: Vec<Departure>,
    conversations: Conversations,
    /// Message-IDs that some message has already.
    seen: HashSet<[u8; 6]>,
    /// Identities that some message has already.
    identities: HashSet<Identity>,
    /// Messages that are still to be announced, of those that changed or went.
    unannounced: HashSet<String>,
    /// What folders are for.
    special: HashMap<String, String>,
}

/// What came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// There are messages to announce.
    pub(super) announce: bool,
    /// Messages may have been moved: the other folders are to be looked at.
    pub(super) look: bool,
    /// Deletions are held back.
    pub(super) held: bool,
}

/// Turns a step into statements and events.
pub(super) struct Writer<'a> {
    pub(super) store: &'a Store,
    pub(super) account: &'a AccountId,
    pub(super) config: &'a posthouse_model::account::AccountConfig,
    pub(super) window: std::time::Duration,
    /// The first comparison since the account was connected: folders are seen in any order, so a move may show by its
    /// destination first. Later a message that is elsewhere when it goes was copied there.
    pub(super) first: bool,
    pub(super) now: Timestamp,
}

impl Writer<'_> {
    /// Adds all of a step but what concerns the account itself.
    pub(super) async fn write(
        &self,
        recorder: &mut Recorder<'_>,
        arrivals: &mut Arrivals,
        step: &Step,
    ) -> Result<Outcome, StoreError> {
        let known = self.read(step).await?;
        let mut dropped = HashSet::new();
        for delta in &step.deltas {
            dropped.extend(self.remember(&mut recorder.batch, delta).await?);
        }
        if let Some(listing) = &step.mailboxes {
            mailboxes::set_listing(&mut recorder.batch, self.account, listing, self.now)?;
        }
        let mut writing = Writing {
            writer: self,
            recorder,
            arrivals,
            step,
            known,
            coming: BTreeMap::new(),
            put: BTreeMap::new(),
            removed: BTreeMap::new(),
            marked: self.now,
            outcome: Outcome::default(),
        };
        writing.count_arrivals();
        for change in &step.changes {
            writing.change(change)?;
        }
        let Writing {
            put,
            removed,
            outcome,
            ..
        } = writing;
        let folders: HashSet<u32> = put.keys().chain(removed.keys()).copied().collect();
        // Of a folder that is dropped nothing is left to be remembered.
        for folder in folders.difference(&dropped).copied() {
            let none = RoaringBitmap::new();
            let put = put.get(&folder).map_or(&[][..], Vec::as_slice);
            let removed = removed.get(&folder).unwrap_or(&none);
            let batch = &mut recorder.batch;
            identities::apply(self.store, batch, self.account, folder, put, removed).await?;
        }
        Ok(outcome)
    }

    /// Writes what a backend remembers; the numbers of folders whose messages are forgotten.
    async fn remember(
        &self,
        batch: &mut Batch,
        delta: &StateDelta,
    ) -> Result<Vec<u32>, StoreError> {
        let (store, account) = (self.store, self.account);
        match delta {
            StateDelta::ImapIndex { mailbox, delta } => {
                let revision = index::revision(store, account, *mailbox).await?;
                index::apply(store, batch, account, *mailbox, revision, delta).await?;
            }
            StateDelta::ImapIndexGone { path } | StateDelta::ImapFolderGone { path } => {
                let numbers = mailboxes::numbers(store, account, path).await?;
                for number in &numbers {
                    index::drop_mailbox(batch, account, *number);
                    identities::drop_mailbox(batch, account, *number);
                }
                if matches!(delta, StateDelta::ImapFolderGone { .. }) {
                    mailboxes::forget(batch, account, path);
                }
                return Ok(numbers);
            }
            other => memory::record(batch, account, other)?,
        }
        Ok(Vec::new())
    }

    async fn read(&self, step: &Step) -> Result<Known, StoreError> {
        let (store, account) = (self.store, self.account);
        let mut known = Known::default();
        let mut gone: BTreeMap<u32, RoaringBitmap> = BTreeMap::new();
        let mut touched: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        let mut origins: Vec<&Origin> = Vec::new();
        for change in &step.changes {
            match change {
                Change::MessageDeleted { place } | Change::MessageUpdated { place, .. } => {
                    touched.entry(place.mailbox).or_default().push(&place.id);
                    if let Some(uid) = place.uid {
                        gone.entry(place.mailbox).or_default().insert(uid);
                    }
                }
                Change::MessageNew { origin, .. } => origins.extend(origin.as_deref()),
                Change::MessageKnown { origin, .. } => origins.push(origin),
                _ => {}
            }
        }
        for (mailbox, uids) in &gone {
            for entry in identities::get(store, account, *mailbox, uids).await? {
                known.entries.insert((*mailbox, entry.uid), entry);
            }
        }
        for (mailbox, ids) in &touched {
            let pending = markers::pending(store, account, *mailbox, ids).await?;
            known.unannounced.extend(pending);
        }
        if !origins.is_empty() {
            self.read_names(&origins, &mut known).await?;
        }
        // New messages say what their folders are for when they are read.
        let told_now = |change: &Change| {
            !matches!(
                change,
                Change::MessageNew { .. } | Change::MessageKnown { .. }
            )
        };
        if step.changes.iter().any(told_now) || !known.departures.is_empty() {
            let listing = match &step.mailboxes {
                Some(listing) => listing.clone(),
                None => mailboxes::listing(store, account)
                    .await?
                    .map_or_else(Vec::new, |(listing, _)| listing),
            };
            known.special = listing
                .into_iter()
                .filter_map(|mailbox| Some((mailbox.path, mailbox.special_use?.to_string())))
                .collect();
        }
        Ok(known)
    }

    /// What is known of messages with the names of those that arrived.
    async fn read_names(&self, origins: &[&Origin], known: &mut Known) -> Result<(), StoreError> {
        let (store, account) = (self.store, self.account);
        let wanted: Vec<Identity> = origins
            .iter()
            .filter_map(|origin| origin.identity)
            .collect();
        known.departures = departures::find(store, account, &wanted).await?;
        let all = origins.iter().copied();
        let (conversations, found) = Conversations::around(store, account, all).await?;
        known.conversations = conversations;
        for identity in found.iter().filter_map(|located| located.entry.identity) {
            known.seen.insert(identity.prefix());
            known.identities.insert(identity);
        }
        // A provider's ids say nothing of Message-IDs.
        let provided: Vec<Identity> = origins
            .iter()
            .filter_map(|origin| {
                origin
                    .identity
                    .filter(|identity| !is_of_header(origin, *identity))
            })
            .collect();
        for located in identities::find(store, account, &provided).await? {
            known.identities.extend(located.entry.identity);
        }
        Ok(())
    }
}

/// Whether the identity was made of the Message-ID.
fn is_of_header(origin: &Origin, identity: Identity) -> bool {
    origin
        .message_id
        .as_deref()
        .and_then(Identity::message_prefix)
        .is_some_and(|prefix| identity.prefix() == prefix)
}

/// One step on its way into a batch.
struct Writing<'a, 'r, 'e> {
    writer: &'a Writer<'a>,
    recorder: &'a mut Recorder<'r>,
    arrivals: &'a mut Arrivals,
    step: &'e Step,
    known: Known,
    /// How often an identity arrives in this step.
    coming: BTreeMap<Identity, u32>,
    put: BTreeMap<u32, Vec<Entry>>,
    removed: BTreeMap<u32, RoaringBitmap>,
    marked: Timestamp,
    outcome: Outcome,
}

impl Writing<'_, '_, '_> {
    fn count_arrivals(&mut self) {
        for change in &self.step.changes {
            let origin = match change {
                Change::MessageNew { origin, .. } => origin.as_deref(),
                Change::MessageKnown { origin, .. } => Some(&**origin),
                _ => None,
            };
            if let Some(identity) = origin.and_then(|origin| origin.identity) {
                *self.coming.entry(identity).or_default() += 1;
            }
        }
    }

    fn change(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::MessageNew { place, origin } => {
                self.arrived(place, origin.as_deref(), true)?;
            }
            Change::MessageKnown { place, origin } => {
                self.arrived(place, Some(origin), false)?;
            }
            Change::MessageUpdated {
                place,
                flags,
                labels,
            } => self.updated(place, flags.as_ref(), labels.as_ref()),
            Change::MessageDeleted { place } => self.deleted(place),
            Change::MailboxNew { path, uid_validity } => {
                let mut data = self.folder(path);
                data.insert("uidValidity".to_owned(), json!(uid_validity));
                self.folder_event(EventType::MailboxNew, path, data);
            }
            Change::MailboxDeleted { path } => {
                let data = self.folder(path);
                self.folder_event(EventType::MailboxDeleted, path, data);
            }
            Change::MailboxReset {
                path,
                uid_validity,
                previous,
                reason,
            } => {
                let or_false = |value: &Option<u32>| value.map_or(json!(false), Into::into);
                let mut data = self.folder(path);
                data.insert("uidValidity".to_owned(), or_false(uid_validity));
                data.insert("prevUidValidity".to_owned(), or_false(previous));
                data.insert("reason".to_owned(), json!(reason));
                self.folder_event(EventType::MailboxReset, path, data);
            }
        }
        Ok(())
    }

    fn folder(&self, path: &str) -> Map<String, Value> {
        let listing = self.step.mailboxes.iter().flatten();
        let mut listing = listing.filter(|mailbox| mailbox.path == path);
        let name = listing
            .next()
            .map_or_else(|| path.to_owned(), |mailbox| mailbox.name.clone());
        let special = self.known.special.get(path);
        let special = special.map_or(json!(false), |special| json!(special));
        let fields = [
            ("path", json!(path)),
            ("name", json!(name)),
            ("specialUse", special),
        ];
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }

    fn folder_event(&mut self, event: EventType, path: &str, data: Map<String, Value>) {
        self.event(event, path, Value::Object(data));
    }

    fn event(&mut self, event: EventType, path: &str, data: Value) {
        let event = NewEvent {
            path: Some(path.to_owned()),
            special_use: self.known.special.get(path).cloned(),
            ..NewEvent::new(event, data)
        };
        let writer = self.writer;
        self.recorder
            .event(writer.account, Some(writer.config), event);
    }

    fn arrived(
        &mut self,
        place: &Place,
        origin: Option<&Origin>,
        announce: bool,
    ) -> Result<(), StoreError> {
        let mut pending = Pending {
            uid: place.uid,
            path: place.path.clone(),
            ..Pending::default()
        };
        if let Some(origin) = origin {
            let moved = self.explained(place, origin);
            let thread = match &moved {
                Some((departure, _)) if departure.thread.is_some() => departure.thread,
                _ => self.known.conversations.of(origin),
            };
            pending.seen = moved.is_some() || self.is_seen(origin);
            // The same message is in another folder: it may have gone from there.
            let elsewhere = |identity| self.known.identities.contains(&identity);
            self.outcome.look |= moved.is_none() && origin.identity.is_some_and(elsewhere);
            pending.moved = moved.map(|(_, moved)| moved);
            pending.thread = thread.map(|thread| thread.to_string());
            self.name(place, origin, thread);
        }
        if announce {
            // Markers are taken in order of their times: those of one step in its order.
            let batch = &mut self.recorder.batch;
            let account = self.writer.account;
            markers::put(
                batch,
                account,
                place.mailbox,
                &place.id,
                &pending,
                self.marked,
            )?;
            self.marked = self.marked.after(std::time::Duration::from_millis(1));
            self.outcome.announce = true;
        }
        Ok(())
    }

    /// The departure that this arrival explains, if it is the only one and this the only arrival. Its deletion is
    /// announced now, unless it was before.
    fn explained(&mut self, place: &Place, origin: &Origin) -> Option<(Departure, Moved)> {
        let identity = origin.identity?;
        let fits = |departure: &Departure| departure.identity == identity;
        let mut candidates = self
            .known
            .departures
            .iter()
            .filter(|departure| fits(departure));
        let departure = match (candidates.next(), candidates.next()) {
            (Some(departure), None) if departure.path != place.path => departure.clone(),
            _ => return None,
        };
        if self.coming.get(&identity) != Some(&1) {
            return None;
        }
        self.known.departures.retain(|departure| !fits(departure));
        departures::claim(&mut self.recorder.batch, self.writer.account, &departure);
        let moved = Moved {
            from: departure.path.clone(),
            to: place.path.clone(),
        };
        if departure.due.is_some() {
            let data = deleted(&departure.reference, departure.uid, Some(&moved));
            self.event(EventType::MessageDeleted, &departure.path, data);
        }
        Some((departure, moved))
    }

    fn is_seen(&self, origin: &Origin) -> bool {
        let prefix = origin
            .message_id
            .as_deref()
            .and_then(Identity::message_prefix);
        prefix.is_some_and(|prefix| self.known.seen.contains(&prefix))
            || origin
                .identity
                .is_some_and(|identity| self.known.identities.contains(&identity))
    }

    /// Remembers what names a message.
    fn name(&mut self, place: &Place, origin: &Origin, thread: Option<ThreadKey>) {
        if let Some(prefix) = origin
            .message_id
            .as_deref()
            .and_then(Identity::message_prefix)
        {
            self.known.seen.insert(prefix);
        }
        self.known.conversations.note(origin, thread);
        self.known.identities.extend(origin.identity);
        if let Some(identity) = origin.identity.filter(|_| self.writer.first) {
            self.arrivals.note(identity, &place.path);
        }
        // Where folders have no numbers, the provider's ids name messages well enough.
        if let Some(uid) = place.uid.filter(|_| place.mailbox > 0) {
            let entry = Entry {
                uid,
                identity: origin.identity,
                thread,
            };
            self.put.entry(place.mailbox).or_default().push(entry);
        }
    }

    fn updated(&mut self, place: &Place, flags: Option<&MarkChange>, labels: Option<&MarkChange>) {
        // It is read when it is announced, which will tell this.
        if self.known.unannounced.contains(&place.id) {
            return;
        }
        let mut changes = Map::new();
        for (name, change) in [("flags", flags), ("labels", labels)] {
            let Some(change) = change else { continue };
            let mut shown = Map::new();
            for (name, words) in [("added", &change.added), ("deleted", &change.deleted)] {
                if !words.is_empty() {
                    shown.insert(name.to_owned(), json!(words));
                }
            }
            shown.insert("value".to_owned(), json!(change.value));
            changes.insert(name.to_owned(), Value::Object(shown));
        }
        let mut data = json!({ "id": place.id, "uid": place.uid });
        if let Some(thread) = self.entry(place).and_then(|entry| entry.thread) {
            data["threadId"] = json!(thread.to_string());
        }
        data["changes"] = Value::Object(changes);
        self.event(EventType::MessageUpdated, &place.path, data);
    }

    fn entry(&self, place: &Place) -> Option<Entry> {
        let uid = place.uid?;
        // One that arrived in this very step is not stored yet.
        let new = self.put.get(&place.mailbox);
        let new = new.and_then(|new| new.iter().rfind(|entry| entry.uid == uid));
        new.or_else(|| self.known.entries.get(&(place.mailbox, uid)))
            .copied()
    }

    fn deleted(&mut self, place: &Place) {
        let entry = self.entry(place);
        if let Some(uid) = place.uid.filter(|_| place.mailbox > 0) {
            self.removed.entry(place.mailbox).or_default().insert(uid);
            if let Some(new) = self.put.get_mut(&place.mailbox) {
                new.retain(|entry| entry.uid != uid);
            }
        }
        // It went before it could be read: that it was there is told all the same.
        if self.known.unannounced.remove(&place.id) {
            let batch = &mut self.recorder.batch;
            markers::remove(batch, self.writer.account, place.mailbox, &place.id);
            let data = json!({
                "id": place.id, "uid": place.uid, "missingRetries": 0, "missingDelay": 0,
            });
            self.event(EventType::MessageMissing, &place.path, data);
        }
        let identity = entry.and_then(|entry| entry.identity);
        let Some(identity) = identity.filter(|_| !self.writer.window.is_zero()) else {
            let data = deleted(&place.id, place.uid, None);
            return self.event(EventType::MessageDeleted, &place.path, data);
        };
        // It may have been seen elsewhere before it was missed here.
        if self.writer.first
            && let Some(to) = self.arrivals.take_elsewhere(identity, &place.path)
        {
            let moved = Moved {
                from: place.path.clone(),
                to,
            };
            let data = deleted(&place.id, place.uid, Some(&moved));
            return self.event(EventType::MessageDeleted, &place.path, data);
        }
        let departure = Departure {
            mailbox: place.mailbox,
            reference: place.id.clone(),
            uid: place.uid,
            path: place.path.clone(),
            identity,
            thread: entry.and_then(|entry| entry.thread),
            gone: self.writer.now,
            due: Some(self.writer.now.after(self.writer.window)),
        };
        departures::put(&mut self.recorder.batch, self.writer.account, &departure);
        self.known.departures.push(departure);
        self.outcome.held = true;
        self.outcome.look = true;
    }
}

/// The data of `messageDeleted`.
pub(super) fn deleted(id: &str, uid: Option<u32>, moved: Option<&Moved>) -> Value {
    let mut data = json!({ "id": id });
    if let Some(uid) = uid {
        data["uid"] = json!(uid);
    }
    if let Some(moved) = moved {
        data["moved"] = json!(moved);
    }
    data
}
