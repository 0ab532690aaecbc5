//! One connection to the SMTP sink (RFC 5321; AUTH: RFC 4954).

use std::io;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::smtp_sink::{Auth, Fault, Phase, ReceivedMail, Shared};

/// How a session goes on after a phase.
enum Next {
    /// As usual: the caller gives its reply.
    Usual,
    /// The fault has replied.
    Replied { refused: bool },
    /// The connection is to be closed.
    Close,
    /// Only after `DATA`: take this many bytes, then close.
    CutAfter(usize),
}

struct Session<'a> {
    stream: BufReader<TcpStream>,
    shared: &'a Shared,
    connection: usize,
    auth: Option<Auth>,
    from: Option<(String, String)>,
    to: Vec<String>,
}

/// Speaks until the client quits or a fault ends it.
pub(crate) async fn run(stream: TcpStream, shared: &Shared, connection: usize) -> io::Result<()> {
    let stream = BufReader::new(stream);
    let mut session = Session {
        stream,
        shared,
        connection,
        auth: None,
        from: None,
        to: Vec::new(),
    };
    match session.reach(Phase::Connect).await? {
        Next::Usual => session.say("220 sink.example ESMTP").await?,
        Next::Replied { refused: false } => {}
        Next::Replied { refused: true } | Next::Close | Next::CutAfter(_) => return Ok(()),
    }
    while let Some(line) = session.line().await? {
        if !session.command(&line).await? {
            break;
        }
    }
    Ok(())
}

impl Session<'_> {
    /// Does one command; false ends the session.
    async fn command(&mut self, line: &str) -> io::Result<bool> {
        let upper = line.to_ascii_uppercase();
        let verb = upper.split(' ').next().unwrap_or_default();
        match verb {
            "EHLO" => {
                let mut names = self.shared.extensions();
                names.insert(0, "sink.example".to_owned());
                let last = names.len() - 1;
                let lines: Vec<_> = names
                    .iter()
                    .enumerate()
                    .map(|(n, name)| format!("250{}{name}", if n == last { ' ' } else { '-' }))
                    .collect();
                self.phase(Phase::Ehlo, &lines.join("\r\n")).await
            }
            "HELO" => self.phase(Phase::Ehlo, "250 sink.example").await,
            "AUTH" => self.authenticate(line).await,
            "MAIL" => self.mail(line).await,
            "RCPT" => self.rcpt(line).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.from = None;
                self.to.clear();
                self.say("250 2.0.0 reset").await.map(|()| true)
            }
            "NOOP" => self.say("250 2.0.0 ok").await.map(|()| true),
            "QUIT" => self
                .phase(Phase::Quit, "221 2.0.0 bye")
                .await
                .map(|_| false),
            _ => self.say("502 5.5.2 unknown command").await.map(|()| true),
        }
    }

    async fn authenticate(&mut self, line: &str) -> io::Result<bool> {
        let mut words = line.split(' ').skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        let initial = words.next().map(str::to_owned);
        let auth = match mechanism.as_str() {
            "PLAIN" => {
                let text = self.challenge(initial, "").await?;
                let mut parts = text.split('\0').skip(1).map(str::to_owned);
                Auth {
                    mechanism,
                    user: parts.next().unwrap_or_default(),
                    secret: parts.next().unwrap_or_default(),
                }
            }
            "LOGIN" => {
                let user = self.challenge(initial, "Username:").await?;
                Auth {
                    mechanism,
                    user,
                    secret: self.challenge(None, "Password:").await?,
                }
            }
            "XOAUTH2" => {
                let text = self.challenge(initial, "").await?;
                let field = |name: &str| {
                    text.split('\u{1}')
                        .find_map(|part| part.strip_prefix(name))
                        .unwrap_or_default()
                        .to_owned()
                };
                Auth {
                    mechanism,
                    user: field("user="),
                    secret: field("auth=Bearer "),
                }
            }
            _ => return self.say("504 5.5.4 unknown mechanism").await.map(|()| true),
        };
        match self.reach(Phase::Auth).await? {
            Next::Usual => {}
            Next::Replied { refused } => {
                self.auth = Some(auth).filter(|_| !refused);
                return Ok(true);
            }
            Next::Close | Next::CutAfter(_) => return Ok(false),
        }
        if self.shared.accepts(Some(&auth)) {
            self.auth = Some(auth);
            self.say("235 2.7.0 welcome").await?;
        } else {
            if auth.mechanism == "XOAUTH2" {
                // The provider's way: the reason as a challenge, which the client answers with an empty line.
                self.challenge(
                    None,
                    r#"{"status":"400","schemes":"bearer","scope":"https://mail.example/"}"#,
                )
                .await?;
            }
            self.say("535 5.7.8 credentials refused").await?;
        }
        Ok(true)
    }

    /// The client's answer to a challenge, or the initial response it came with; decoded.
    async fn challenge(&mut self, initial: Option<String>, prompt: &str) -> io::Result<String> {
        let answer = match initial.filter(|text| !text.is_empty()) {
            Some(text) => text,
            None => {
                self.say(&format!("334 {}", STANDARD.encode(prompt)))
                    .await?;
                self.line().await?.unwrap_or_default()
            }
        };
        let bytes = STANDARD.decode(answer.trim()).unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn mail(&mut self, line: &str) -> io::Result<bool> {
        if !self.shared.accepts(self.auth.as_ref()) {
            return self.say("530 5.7.0 log in first").await.map(|()| true);
        }
        let (address, parameters) = path(line);
        match self.reach(Phase::Mail).await? {
            Next::Usual => self.say("250 2.1.0 sender ok").await?,
            Next::Replied { refused: false } => {}
            Next::Replied { refused: true } => return Ok(true),
            Next::Close | Next::CutAfter(_) => return Ok(false),
        }
        self.from = Some((address, parameters));
        self.to.clear();
        Ok(true)
    }

    async fn rcpt(&mut self, line: &str) -> io::Result<bool> {
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await.map(|()| true);
        }
        let (address, _) = path(line);
        let next = match self.shared.refusal(&address) {
            Some(fault) => self.strike(fault).await?,
            None => self.reach(Phase::Rcpt).await?,
        };
        match next {
            Next::Usual => self.say("250 2.1.5 recipient ok").await?,
            Next::Replied { refused: false } => {}
            Next::Replied { refused: true } => return Ok(true),
            Next::Close | Next::CutAfter(_) => return Ok(false),
        }
        self.to.push(address);
        Ok(true)
    }

    async fn data(&mut self) -> io::Result<bool> {
        let next = self.reach(Phase::Data).await?;
        if matches!(next, Next::Replied { refused: true }) {
            return Ok(true);
        }
        if self.to.is_empty() && !matches!(next, Next::Close) {
            return self.say("503 5.5.1 RCPT first").await.map(|()| true);
        }
        let cut_after = match next {
            Next::Close => return Ok(false),
            Next::CutAfter(bytes) => Some(bytes),
            Next::Usual | Next::Replied { .. } => None,
        };
        if !matches!(next, Next::Replied { .. }) {
            self.say("354 go ahead").await?;
        }
        let Some(data) = self.content(cut_after).await? else {
            return Ok(false);
        };
        let (from, from_parameters) = self.from.take().unwrap_or_default();
        let to = std::mem::take(&mut self.to);
        let mail = ReceivedMail {
            from,
            from_parameters,
            to,
            data,
            auth: self.auth.clone(),
            at: SystemTime::now(),
            connection: self.connection,
        };
        match self.shared.reach(Phase::Dot) {
            Some(Fault::Reply(code, text)) if code >= 400 => {
                self.say(&format!("{code} {text}")).await?;
                Ok(true)
            }
            fault => {
                let number = self.shared.keep(mail);
                let next = match fault {
                    Some(fault) => self.strike(fault).await?,
                    None => Next::Usual,
                };
                if matches!(next, Next::Usual) {
                    self.say(&format!("250 2.0.0 queued as {number}")).await?;
                }
                Ok(!matches!(next, Next::Close | Next::CutAfter(_)))
            }
        }
    }

    /// The message up to the final dot; `None` when the client closed or the cut came first.
    async fn content(&mut self, cut_after: Option<usize>) -> io::Result<Option<Vec<u8>>> {
        let mut data = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            if line == b".\r\n" {
                return Ok(Some(data));
            }
            let unstuffed = line.strip_prefix(b".").unwrap_or(&line);
            data.extend_from_slice(unstuffed);
            if cut_after.is_some_and(|bytes| data.len() >= bytes) {
                return Ok(None);
            }
        }
    }

    /// A phase with nothing to do but to reply; false ends the session.
    async fn phase(&mut self, phase: Phase, reply: &str) -> io::Result<bool> {
        match self.reach(phase).await? {
            Next::Usual => self.say(reply).await.map(|()| true),
            Next::Replied { .. } => Ok(true),
            Next::Close | Next::CutAfter(_) => Ok(false),
        }
    }

    async fn reach(&mut self, phase: Phase) -> io::Result<Next> {
        match self.shared.reach(phase) {
            Some(fault) => self.strike(fault).await,
            None => Ok(Next::Usual),
        }
    }

    async fn strike(&mut self, fault: Fault) -> io::Result<Next> {
        match fault {
            Fault::Reply(code, text) => {
                self.say(&format!("{code} {text}")).await?;
                Ok(Next::Replied {
                    refused: code >= 400,
                })
            }
            Fault::Cut => Ok(Next::Close),
            // Ends with the sink: the caller waits for that as well.
            Fault::Stall => std::future::pending().await,
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                Ok(Next::Usual)
            }
            Fault::CutAfter(bytes) => Ok(Next::CutAfter(bytes)),
        }
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream
            .write_all(format!("{reply}\r\n").as_bytes())
            .await
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }
}

/// Address and parameters of `MAIL FROM:<a@b> X=Y`.
fn path(line: &str) -> (String, String) {
    let rest = line.split_once('<').map_or("", |(_, rest)| rest);
    let (address, parameters) = rest.split_once('>').unwrap_or((rest, ""));
    (address.to_owned(), parameters.trim().to_owned())
}
