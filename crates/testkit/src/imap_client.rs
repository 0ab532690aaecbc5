//! A plain IMAP client (RFC 3501) for the Dovecot of the tests: puts messages into mailboxes and looks at what is there.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::env::{IMAP_PASSWORD, imap_addr};

/// A message as the IMAP server holds it.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// UID in its folder.
    pub uid: u32,
    /// Flags and keywords as the server writes them, `\Seen`.
    pub flags: Vec<String>,
    /// The whole message, CRLF line ends.
    pub raw: Vec<u8>,
}

/// A session of one user. Every command waits at most 30 s and must be answered with `OK`.
pub struct ImapClient {
    stream: BufReader<TcpStream>,
    tag: u32,
    addr: SocketAddr,
    /// The command that logs in.
    login: String,
    /// The command that opened the folder that is open.
    open: Option<String>,
}

/// After so many refusals that pass they are the session's own trouble: a new one has none of it.
const STUCK: u32 = 10;

/// Appends one message to a folder of `user` at the Dovecot of the tests; returns its UID.
///
/// # Panics
/// When the server refuses.
pub async fn imap_append(user: &str, folder: &str, raw: &[u8]) -> u32 {
    ImapClient::login(user).await.append(folder, "", raw).await
}

/// All messages of a folder of `user` at the Dovecot of the tests, by UID. Sets no `\Seen`.
///
/// # Panics
/// When the server refuses.
pub async fn imap_messages(user: &str, folder: &str) -> Vec<StoredMessage> {
    ImapClient::login(user).await.messages(folder).await
}

async fn connect(addr: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(addr)
        .await
        .unwrap_or_else(|error| panic!("IMAP at {addr}: {error}"));
    stream.set_nodelay(true).expect("a TCP option");
    BufReader::new(stream)
}

/// Whether it is enough to ask again: Dovecot refuses so in a folder that was made again while another session had the old
/// one open, also when it has just thrown the old one's index away.
fn passes(refusal: &str) -> bool {
    refusal.contains("deleted under us") || refusal.contains("[SERVERBUG]")
}

impl ImapClient {
    /// Connects to the Dovecot of the tests as this user.
    ///
    /// # Panics
    /// When it is not there or refuses.
    pub async fn login(user: &str) -> Self {
        Self::login_at(imap_addr(), user, IMAP_PASSWORD).await
    }

    /// Connects to any IMAP server without TLS.
    ///
    /// # Panics
    /// When it is not there or refuses.
    pub async fn login_at(addr: SocketAddr, user: &str, password: &str) -> Self {
        let mut client = Self {
            stream: connect(addr).await,
            tag: 0,
            addr,
            login: format!("LOGIN {} {}", quoted(user), quoted(password)),
            open: None,
        };
        client.begin().await;
        client
    }

    /// Greeting, login, and the folder that was open before.
    async fn begin(&mut self) {
        self.response().await;
        for command in [Some(self.login.clone()), self.open.clone()]
            .into_iter()
            .flatten()
        {
            let tag = self.send(&command).await;
            let lines = self.answer(&tag).await;
            let last = String::from_utf8_lossy(lines.last().map_or(&[], Vec::as_slice));
            assert!(last.starts_with(&format!("{tag} OK")), "{command}: {last}");
        }
    }

    /// Waits a moment after a refusal that passes; after some of them with a new session.
    async fn wait(&mut self, refusals: u32) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if refusals % STUCK == STUCK - 1 {
            self.stream = connect(self.addr).await;
            self.begin().await;
        }
    }

    /// Sends one command line and returns the untagged responses and the tagged one, whole, with their literals, without final CRLF.
    ///
    /// # Panics
    /// Unless the answer is `OK`.
    pub async fn command(&mut self, command: &str) -> Vec<Vec<u8>> {
        for refusals in 0..50 {
            let tag = self.send(command).await;
            let lines = self.answer(&tag).await;
            let last = lines.last().map_or(&[][..], Vec::as_slice);
            if last.starts_with(format!("{tag} OK").as_bytes()) {
                match command.split(' ').next() {
                    Some("SELECT" | "EXAMINE") => self.open = Some(command.to_owned()),
                    Some("CLOSE" | "UNSELECT") => self.open = None,
                    _ => {}
                }
                return lines;
            }
            let last = String::from_utf8_lossy(last);
            assert!(passes(&last), "{command}: {last}");
            self.wait(refusals).await;
        }
        panic!("{command}: refused over and over")
    }

    /// `APPEND` with a synchronising literal; `flags` such as `\Seen \Flagged`. Returns the UID from `APPENDUID` (RFC 4315).
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn append(&mut self, folder: &str, flags: &str, raw: &[u8]) -> u32 {
        let command = format!("APPEND {} ({flags}) {{{}}}", quoted(folder), raw.len());
        for refusals in 0..50 {
            let last = self.try_append(&command, raw).await;
            let uid = last
                .split("APPENDUID ")
                .nth(1)
                .and_then(|rest| rest.split([' ', ']']).nth(1))
                .and_then(|uid| uid.parse().ok());
            match uid {
                Some(uid) => return uid,
                None if passes(&last) => self.wait(refusals).await,
                None => panic!("{command}: {last}"),
            }
        }
        panic!("{command}: refused over and over")
    }

    /// The tagged answer to an `APPEND`.
    async fn try_append(&mut self, command: &str, raw: &[u8]) -> String {
        let tag = self.send(command).await;
        let mut response = self.response().await;
        if response.starts_with(b"+") {
            self.write(raw).await;
            self.write(b"\r\n").await;
            response = self.response().await;
        }
        let tagged = format!("{tag} ");
        while !response.starts_with(tagged.as_bytes()) {
            response = self.response().await;
        }
        String::from_utf8_lossy(&response).into_owned()
    }

    /// All messages of a folder, by UID.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn messages(&mut self, folder: &str) -> Vec<StoredMessage> {
        self.command(&format!("EXAMINE {}", quoted(folder))).await;
        let lines = self.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[])").await;
        let mut messages: Vec<_> = lines.iter().filter_map(|line| parse_fetch(line)).collect();
        messages.sort_by_key(|message| message.uid);
        messages
    }

    async fn send(&mut self, command: &str) -> String {
        self.tag += 1;
        let tag = format!("t{}", self.tag);
        self.write(format!("{tag} {command}\r\n").as_bytes()).await;
        tag
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .await
            .expect("IMAP connection lost while writing");
    }

    /// The responses up to the tagged one.
    async fn answer(&mut self, tag: &str) -> Vec<Vec<u8>> {
        let tagged = format!("{tag} ");
        let mut lines = Vec::new();
        loop {
            let line = self.response().await;
            let last = line.starts_with(tagged.as_bytes());
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    /// One response with its literals, without the final CRLF.
    async fn response(&mut self) -> Vec<u8> {
        let read = tokio::time::timeout(Duration::from_secs(30), self.read_response()).await;
        read.expect("no IMAP response within 30 s")
    }

    async fn read_response(&mut self) -> Vec<u8> {
        let mut response = Vec::new();
        loop {
            let read = self
                .stream
                .read_until(b'\n', &mut response)
                .await
                .expect("IMAP connection lost");
            assert!(
                read > 0 && response.ends_with(b"\r\n"),
                "the IMAP server closed the connection"
            );
            let Some(size) = literal(&response) else {
                response.truncate(response.len() - 2);
                return response;
            };
            let start = response.len();
            response.resize(start + size, 0);
            self.stream
                .read_exact(&mut response[start..])
                .await
                .expect("IMAP connection lost in a literal");
        }
    }
}

/// The size of the literal that a line announces at its end, `{12}`.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let start = line.iter().rposition(|&byte| byte == b'{')?;
    std::str::from_utf8(&line[start + 1..]).ok()?.parse().ok()
}

/// `* 1 FETCH (UID 5 FLAGS (\Seen) BODY[] {12}...)`, items in any order.
fn parse_fetch(line: &[u8]) -> Option<StoredMessage> {
    let open = line.windows(7).position(|window| window == b"BODY[] ")?;
    let body = &line[open + 7..];
    let crlf = body.windows(2).position(|window| window == b"\r\n")?;
    let size = literal(&body[..crlf + 2])?;
    let raw = body.get(crlf + 2..crlf + 2 + size)?.to_vec();
    let mut rest = String::from_utf8_lossy(&line[..open]).into_owned();
    rest.push_str(&String::from_utf8_lossy(&body[crlf + 2 + size..]));
    if !rest.starts_with("* ") || !rest.contains(" FETCH (") {
        return None;
    }
    let uid = rest
        .split("UID ")
        .nth(1)?
        .split([' ', ')'])
        .next()?
        .parse()
        .ok()?;
    let flags = rest.split("FLAGS (").nth(1)?.split(')').next()?;
    Some(StoredMessage {
        uid,
        flags: flags.split_whitespace().map(str::to_owned).collect(),
        raw,
    })
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
