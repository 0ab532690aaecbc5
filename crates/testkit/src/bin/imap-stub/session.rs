//! One connection.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::mailbox::{FOLDERS, Folder, Message, Store, User, now, number};
use super::parse::{self, Item};

/// The open folder and the messages that this client knows in it, with the MODSEQ that it has seen of them.
pub(crate) struct Open {
    pub(crate) folder: usize,
    pub(crate) known: Vec<u32>,
    pub(crate) seen: u64,
}

/// One connection and what it has open.
pub(crate) struct Session {
    stream: TcpStream,
    store: Arc<Store>,
    user: Option<Arc<User>>,
    pub(crate) open: Option<Open>,
    /// Read and not used. Empty while idle.
    pending: Vec<u8>,
    pub(crate) out: Vec<u8>,
}

/// Serves a connection until it ends.
pub(crate) async fn run(stream: TcpStream, store: Arc<Store>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut session = Session {
        stream,
        store,
        user: None,
        open: None,
        pending: Vec::new(),
        out: Vec::new(),
    };
    let greeting = format!("* OK [CAPABILITY {}] stub\r\n", session.capabilities());
    session.out.extend_from_slice(greeting.as_bytes());
    loop {
        session.flush().await?;
        let command = session.command().await?;
        if !session.obey(&command).await? {
            return session.flush().await;
        }
    }
}

impl Session {
    fn capabilities(&self) -> String {
        let condstore = if self.store.condstore {
            " CONDSTORE"
        } else {
            ""
        };
        format!(
            "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT LIST-EXTENDED LIST-STATUS SPECIAL-USE{condstore} AUTH=PLAIN"
        )
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        self.stream.write_all(&out).await
    }

    /// Reads more. No buffer is held while there is nothing.
    async fn more(&mut self) -> io::Result<()> {
        let mut piece = [0; 4096];
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut piece) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.pending.extend_from_slice(&piece[..read]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A line, with its end.
    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let rest = self.pending.split_off(end + 1);
                return Ok(std::mem::replace(&mut self.pending, rest));
            }
            self.more().await?;
        }
    }

    /// A command with its literals.
    async fn command(&mut self) -> io::Result<Vec<u8>> {
        let mut command = self.line().await?;
        while let Some((size, waits)) = parse::literal(&command) {
            if waits {
                self.say("+ go on");
                self.flush().await?;
            }
            while self.pending.len() < size {
                self.more().await?;
            }
            let rest = self.pending.split_off(size);
            command.append(&mut self.pending);
            self.pending = rest;
            command.extend(self.line().await?);
        }
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
        Ok(command)
    }

    /// Does what a command says; false at the end.
    async fn obey(&mut self, command: &[u8]) -> io::Result<bool> {
        let items = parse::items(command);
        let [tag, verb, args @ ..] = items.as_slice() else {
            self.say("* BAD what?");
            return Ok(true);
        };
        let (tag, mut verb, mut args) = (tag.text(), verb.upper(), args);
        let by_uid = verb == "UID";
        if let ([first, rest @ ..], true) = (args, by_uid) {
            (verb, args) = (first.upper(), rest);
        }
        let text = |index: usize| args.get(index).map(Item::text).unwrap_or_default();
        let mut done = "OK done".to_owned();
        match verb.as_str() {
            "CAPABILITY" => self.say(&format!("* CAPABILITY {}", self.capabilities())),
            "ID" => self.say("* ID (\"name\" \"stub\")"),
            "NOOP" | "CHECK" => self.news(),
            "ENABLE" => self.say("* ENABLED CONDSTORE"),
            "NAMESPACE" => self.say("* NAMESPACE ((\"\" \"/\")) NIL NIL"),
            "SUBSCRIBE" | "UNSUBSCRIBE" => {}
            "LOGIN" => self.user = Some(self.store.user(&text(0))),
            "AUTHENTICATE" => {
                let mut answer = text(1);
                if answer.is_empty() {
                    self.say("+ ");
                    self.flush().await?;
                    answer = String::from_utf8_lossy(&self.line().await?)
                        .trim()
                        .to_owned();
                }
                self.user = Some(self.store.user(&plain_user(&answer)));
            }
            "LOGOUT" => {
                self.say("* BYE");
                self.say(&format!("{tag} OK bye"));
                return Ok(false);
            }
            _ => match self.user.clone() {
                Some(user) => done = self.mail(&user, &verb, by_uid, args).await?,
                None => done = "NO log in first".to_owned(),
            },
        }
        self.say(&format!("{tag} {done}"));
        Ok(true)
    }

    /// Commands that need a user.
    async fn mail(
        &mut self,
        user: &Arc<User>,
        verb: &str,
        by_uid: bool,
        args: &[Item],
    ) -> io::Result<String> {
        let text = |index: usize| args.get(index).map(Item::text).unwrap_or_default();
        let done = "OK done".to_owned();
        match verb {
            "LIST" | "LSUB" => self.list(user, verb, args),
            "STATUS" => {
                let Some(folder) = number(&text(0)) else {
                    return Ok("NO no such folder".to_owned());
                };
                let line = status(
                    &user.folders()[folder],
                    folder,
                    &args.get(1).map(Item::items).unwrap_or_default(),
                );
                self.say(&line);
            }
            "SELECT" | "EXAMINE" => {
                self.open = None;
                let Some(folder) = number(&text(0)) else {
                    return Ok("NO no such folder".to_owned());
                };
                self.select(&user.folders()[folder], folder);
                return Ok("OK [READ-WRITE] open".to_owned());
            }
            "CLOSE" | "UNSELECT" => self.open = None,
            "IDLE" => self.idle(user).await?,
            "APPEND" => {
                let Some(folder) = number(&text(0)) else {
                    return Ok("NO [TRYCREATE] no such folder".to_owned());
                };
                let flags = args.iter().find_map(|item| match item {
                    Item::List(flags) => {
                        Some(flags.iter().map(|flag| flag.text().into()).collect())
                    }
                    Item::Text(_) => None,
                });
                let raw = match args.last() {
                    Some(Item::Text(raw)) => raw.as_slice().into(),
                    _ => Arc::default(),
                };
                let uid = user.folders()[folder].append(raw, flags.unwrap_or_default(), now());
                user.changed();
                self.news();
                return Ok(format!("OK [APPENDUID 1 {uid}] kept"));
            }
            "FETCH" | "STORE" | "SEARCH" | "COPY" | "MOVE" | "EXPUNGE" => {
                let Some(folder) = self.open.as_ref().map(|open| open.folder) else {
                    return Ok("NO nothing is open".to_owned());
                };
                return Ok(self.selected(user, folder, verb, by_uid, args));
            }
            _ => return Ok("BAD unknown command".to_owned()),
        }
        Ok(done)
    }

    fn list(&mut self, user: &User, verb: &str, args: &[Item]) {
        let wants = args
            .iter()
            .skip_while(|item| item.upper() != "RETURN")
            .nth(1);
        let wants = wants.map(Item::items).unwrap_or_default();
        let asked = wants
            .iter()
            .skip_while(|item| item.upper() != "STATUS")
            .nth(1);
        let pattern = args
            .iter()
            .rev()
            .map(Item::text)
            .find(|text| !text.is_empty());
        let one = pattern
            .as_deref()
            .and_then(number)
            .filter(|_| args.len() == 2);
        for (index, (name, special)) in FOLDERS.iter().enumerate() {
            if one.is_some_and(|one| one != index) {
                continue;
            }
            let space = if special.is_empty() { "" } else { " " };
            self.say(&format!(
                "* {verb} (\\HasNoChildren{space}{special}) \"/\" {name}"
            ));
            if let Some(asked) = asked {
                let line = status(&user.folders()[index], index, &asked.items());
                self.say(&line);
            }
        }
    }

    fn select(&mut self, folder: &Folder, number: usize) {
        self.say("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)");
        self.say("* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] flags");
        self.say(&format!("* {} EXISTS", folder.messages.len()));
        self.say("* 0 RECENT");
        self.say("* OK [UIDVALIDITY 1] valid");
        self.say(&format!("* OK [UIDNEXT {}] next", folder.uid_next));
        if self.store.condstore {
            self.say(&format!("* OK [HIGHESTMODSEQ {}] highest", folder.modseq));
        }
        self.open = Some(Open {
            folder: number,
            known: folder.messages.iter().map(|message| message.uid).collect(),
            seen: folder.modseq,
        });
    }

    /// Tells what changed in the open folder since this client was told.
    pub(crate) fn news(&mut self) {
        let (Some(user), Some(mut open)) = (self.user.clone(), self.open.take()) else {
            return;
        };
        let folders = user.folders();
        let folder = &folders[open.folder];
        let mut index = 0;
        while let Some(uid) = open.known.get(index) {
            if folder.messages.iter().any(|message| message.uid == *uid) {
                index += 1;
            } else {
                open.known.remove(index);
                self.say(&format!("* {} EXPUNGE", index + 1));
            }
        }
        for message in folder
            .messages
            .iter()
            .filter(|message| message.modseq > open.seen)
        {
            if let Some(at) = open.known.iter().position(|uid| *uid == message.uid) {
                self.say(&format!(
                    "* {} FETCH (UID {} FLAGS ({}))",
                    at + 1,
                    message.uid,
                    message.flags.join(" ")
                ));
            }
        }
        let known = open.known.len();
        let newest = open.known.last().copied().unwrap_or(0);
        open.known.extend(
            folder
                .messages
                .iter()
                .map(|message| message.uid)
                .filter(|uid| *uid > newest),
        );
        if open.known.len() > known {
            self.say(&format!("* {} EXISTS", open.known.len()));
        }
        open.seen = folder.modseq;
        self.open = Some(open);
    }

    async fn idle(&mut self, user: &Arc<User>) -> io::Result<()> {
        let mut changes = user.changes.subscribe();
        self.say("+ idling");
        loop {
            self.news();
            self.flush().await?;
            tokio::select! {
                line = self.line() => {
                    line?;
                    return Ok(());
                }
                _ = changes.changed() => {}
            }
        }
    }
}

fn status(folder: &Folder, number: usize, wanted: &[Item]) -> String {
    let parts: Vec<String> = wanted
        .iter()
        .filter_map(|item| {
            let name = item.upper();
            let value = match name.as_str() {
                "MESSAGES" => folder.messages.len() as u64,
                "UIDNEXT" => u64::from(folder.uid_next),
                "UIDVALIDITY" => 1,
                "RECENT" => 0,
                "UNSEEN" => {
                    let seen =
                        |message: &&Message| message.flags.iter().any(|flag| &**flag == "\\Seen");
                    (folder.messages.len() - folder.messages.iter().filter(seen).count()) as u64
                }
                "HIGHESTMODSEQ" => folder.modseq,
                "SIZE" => folder
                    .messages
                    .iter()
                    .map(|message| message.raw.len() as u64)
                    .sum(),
                _ => return None,
            };
            Some(format!("{name} {value}"))
        })
        .collect();
    format!("* STATUS {} ({})", FOLDERS[number].0, parts.join(" "))
}

/// The user in the answer to PLAIN: base64 of authorization, user and password, with NUL between them.
fn plain_user(answer: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(answer)
        .unwrap_or_default();
    let user = bytes.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    String::from_utf8_lossy(user).into_owned()
}
