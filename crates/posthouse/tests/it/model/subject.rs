//! One account of a run: its mailbox as the second client changes it, and what was told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use posthouse_testkit::mailbox_model::{
    Checker, Fault, FaultKind, Flags, Mailbox, Span, Told, When, flags,
};
use posthouse_testkit::{FaultProxy, Hook, ImapClient, mail, unique_user};

use super::mail_server::MailServer;

/// An account, its mailbox, and the network between Posthouse and the mail server.
pub(crate) struct Subject {
    pub(crate) user: String,
    pub(crate) proxy: FaultProxy,
    pub(crate) mailbox: Mailbox,
    pub(crate) checker: Checker,
    /// What was told since the last checkpoint.
    pub(crate) told: Vec<Told>,
    /// The period in which Posthouse cannot look, if this is one.
    pub(crate) hidden: Option<u32>,
    pub(crate) cut: bool,
    server: MailServer,
    client: ImapClient,
    /// The folder that the client has open, as the server writes it.
    open: Option<String>,
    moves: bool,
    began: Instant,
    periods: u32,
    messages: u32,
    /// What arrives now is newer than the account's `notifyFrom`.
    pub(crate) announced: bool,
    /// Events by their id, with a sum of what they said.
    seen: BTreeMap<String, u64>,
}

impl Subject {
    pub(crate) async fn new(server: MailServer, began: Instant) -> Self {
        let user = unique_user();
        let mut client = server.login(&user).await;
        let moves = client
            .capabilities()
            .await
            .iter()
            .any(|word| word == "MOVE");
        let mut subject = Self {
            user,
            proxy: FaultProxy::start(server.addr).await,
            mailbox: Mailbox::default(),
            checker: Checker::default(),
            told: Vec::new(),
            hidden: None,
            cut: false,
            server,
            client,
            open: None,
            moves,
            began,
            periods: 0,
            messages: 0,
            announced: false,
            seen: BTreeMap::new(),
        };
        subject.adopt().await;
        subject
    }

    /// Takes in folders that the server made by itself: those of every mailbox, and at some servers parents of new ones.
    async fn adopt(&mut self) {
        let sent = self.millis();
        let known = self.mailbox.content();
        for folder in self.client.folders().await {
            let path = self.path(&folder);
            if !known.contains_key(&path) {
                let uid_validity = self.client.uid_validity(&folder).await;
                let when = self.done(sent);
                self.mailbox.create(&path, uid_validity, when);
            }
        }
    }

    /// Nobody looks from now on.
    pub(crate) fn hide(&mut self) {
        if self.hidden.is_none() {
            self.periods += 1;
            self.hidden = Some(self.periods);
        }
    }

    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn done(&self, sent: u64) -> When {
        let span = Span {
            from: sent,
            to: self.millis(),
        };
        When {
            span,
            hidden: self.hidden,
        }
    }

    fn path(&self, wire: &str) -> String {
        let named = self.server.folders.iter().find(|(name, _)| *name == wire);
        named.map_or(wire, |(_, path)| path).to_owned()
    }

    fn wire(&self, path: &str) -> String {
        let named = self.server.folders.iter().find(|(_, known)| *known == path);
        named.map_or(path, |(wire, _)| wire).to_owned()
    }

    /// Paths that are there.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.mailbox.content().into_keys().collect()
    }

    /// Paths that a script may make.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.server.folders.iter();
        names.map(|(_, path)| (*path).to_owned()).collect()
    }

    /// Whether the model can tell what comes of it.
    pub(crate) fn may_rename(&self, from: &str, to: &str) -> bool {
        self.mailbox.may_rename(from, to, self.hidden)
    }

    /// UIDs and flags of a folder.
    pub(crate) fn messages(&self, path: &str) -> BTreeMap<u32, Flags> {
        let mut content = self.mailbox.content();
        content
            .remove(path)
            .map(|(_, messages)| messages)
            .unwrap_or_default()
    }

    pub(crate) async fn append(&mut self, path: &str, with: &[&str]) {
        self.messages += 1;
        let id = format!("{}.{}", self.messages, self.user);
        let raw = mail::plain(&id, &format!("Message {}", self.messages), "Hello\n");
        let (sent, wire) = (self.millis(), self.wire(path));
        let uid = self.client.append(&wire, &with.join(" "), &raw).await;
        let key = format!("<{id}@example.org>");
        let when = self.done(sent);
        self.mailbox
            .append(path, uid, &key, self.announced, flags(with), when);
    }

    /// `action` is `+`, `-` or nothing (replace).
    pub(crate) async fn store(&mut self, path: &str, uids: &[u32], action: &str, words: &[&str]) {
        self.select(path).await;
        let sent = self.millis();
        let command = format!(
            "UID STORE {} {action}FLAGS.SILENT ({})",
            set(uids),
            words.join(" ")
        );
        self.client.command(&command).await;
        let when = self.done(sent);
        let words = flags(words);
        let known = self.messages(path);
        for uid in uids {
            let before = &known[uid];
            let after = match action {
                "+" => before.union(&words).cloned().collect(),
                "-" => before.difference(&words).cloned().collect(),
                _ => words.clone(),
            };
            self.mailbox.store(path, *uid, after, when);
        }
    }

    pub(crate) async fn expunge(&mut self, path: &str, uids: &[u32]) {
        self.store(path, uids, "+", &["\\Deleted"]).await;
        let sent = self.millis();
        self.client
            .command(&format!("UID EXPUNGE {}", set(uids)))
            .await;
        let when = self.done(sent);
        for uid in uids {
            self.mailbox.expunge(path, *uid, when);
        }
    }

    /// Copies, or moves.
    pub(crate) async fn copy(&mut self, from: &str, uids: &[u32], to: &str, moves: bool) {
        self.select(from).await;
        let verb = if moves && self.moves { "MOVE" } else { "COPY" };
        let sent = self.millis();
        let command = format!("UID {verb} {} \"{}\"", set(uids), self.wire(to));
        let answer = self.client.command(&command).await;
        let when = self.done(sent);
        let copied = ImapClient::copied(&answer);
        assert_eq!(copied.len(), uids.len(), "{command}: COPYUID {copied:?}");
        let known = self.messages(from);
        for (uid, copy) in copied {
            let (key, announced) = self.mailbox.identity(from, uid).unwrap();
            let flags = known[&uid].clone();
            self.mailbox.append(to, copy, &key, announced, flags, when);
            if verb == "MOVE" {
                self.mailbox.expunge(from, uid, when);
            }
        }
        if moves && !self.moves {
            self.expunge(from, uids).await;
        }
    }

    pub(crate) async fn create(&mut self, path: &str) {
        let (sent, wire) = (self.millis(), self.wire(path));
        self.client.command(&format!("CREATE \"{wire}\"")).await;
        let uid_validity = self.client.uid_validity(&wire).await;
        let when = self.done(sent);
        self.mailbox.create(path, uid_validity, when);
        self.adopt().await;
    }

    pub(crate) async fn delete(&mut self, path: &str) {
        self.close().await;
        let sent = self.millis();
        let command = format!("DELETE \"{}\"", self.wire(path));
        self.client.command(&command).await;
        let when = self.done(sent);
        self.mailbox.delete(path, when);
    }

    pub(crate) async fn rename(&mut self, from: &str, to: &str) {
        self.close().await;
        let (sent, to_wire) = (self.millis(), self.wire(to));
        let command = format!("RENAME \"{}\" \"{to_wire}\"", self.wire(from));
        self.client.command(&command).await;
        let when = self.done(sent);
        self.mailbox.rename(from, to, when);
        self.adopt().await;
    }

    async fn select(&mut self, path: &str) {
        let wire = self.wire(path);
        if self.open.as_ref() != Some(&wire) {
            self.client.command(&format!("SELECT \"{wire}\"")).await;
            self.open = Some(wire);
        }
    }

    /// Leaves the open folder without expunging.
    async fn close(&mut self) {
        if self.open.take().is_some() {
            self.client.command("UNSELECT").await;
        }
    }

    /// Keeps what a webhook says, once.
    pub(crate) fn hear(&mut self, hook: &Hook) -> Result<(), String> {
        let id = hook.header("x-ee-wh-event-id").unwrap_or_default();
        let mut sum = DefaultHasher::new();
        hook.body.hash(&mut sum);
        let sum = sum.finish();
        if let Some(first) = self.seen.insert(id.to_owned(), sum) {
            let same = first == sum;
            let error = || format!("event {id} says something else the second time");
            return same.then_some(()).ok_or_else(error);
        }
        let at = hook.at.saturating_duration_since(self.began).as_millis();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        self.told.extend(Told::read(at, &hook.json())?);
        Ok(())
    }

    /// What is outstanding or wrong now.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.checker.check(&self.mailbox, &self.told)
    }

    /// Whether something was told that is wrong whatever comes.
    pub(crate) fn is_wrong(&self) -> bool {
        self.faults()
            .iter()
            .any(|fault| fault.kind != FaultKind::Lost)
    }

    /// A message into INBOX and into every folder that was seen first since the last checkpoint: once they are told, what came before
    /// them is settled.
    pub(crate) async fn mark(&mut self) -> usize {
        let mut paths: BTreeSet<String> = self.mailbox.fresh().into_iter().collect();
        paths.insert("INBOX".to_owned());
        let marks = paths.len();
        for path in paths {
            self.append(&path, &[]).await;
        }
        marks
    }

    /// The model must be what the server holds: else the script is wrong, not the follower.
    pub(crate) async fn compare_with_server(&mut self) {
        let mut client = self.server.login(&self.user).await;
        let mut content = BTreeMap::new();
        for folder in client.folders().await {
            let uid_validity = client.uid_validity(&folder).await;
            let held = client.flags_by_uid(&folder).await;
            let held: BTreeMap<u32, Flags> = held
                .into_iter()
                .map(|(uid, words)| (uid, flags(words)))
                .collect();
            content.insert(self.path(&folder), (uid_validity, held));
        }
        assert_eq!(
            content,
            self.mailbox.content(),
            "{}: the model is not what the server holds",
            self.user
        );
    }

    /// Ends the period since the last checkpoint.
    pub(crate) fn settle(&mut self) {
        let now = self.millis();
        self.checker.settle(&mut self.mailbox, &self.told, now);
        self.told.clear();
    }
}

fn set(uids: &[u32]) -> String {
    let uids: Vec<_> = uids.iter().map(u32::to_string).collect();
    uids.join(",")
}
