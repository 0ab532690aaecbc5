//! A DNS server on 127.0.0.1 (RFC 1035), UDP and TCP on one port, that knows the records a test gives it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

/// The server. Stops when dropped.
///
/// A zone is text, one record a line: name, type, data; no time to live, no class, `#` starts a comment, names have no final dot
/// and match in any case:
///
/// ```text
/// mail.example.com           A      127.0.0.1
/// mail.example.com           AAAA   ::1
/// www.example.com            CNAME  mail.example.com
/// example.com                MX     10 mail.example.com
/// _imaps._tcp.example.com    SRV    0 1 993 mail.example.com     (priority weight port target; the target . for "not offered")
/// example.com                TXT    any text to the end of the line
/// slow.example.com           DELAY  2000                         (milliseconds before any answer about this name)
/// dead.example.com           SILENT                              (no answer at all)
/// broken.example.com         FAIL                                (SERVFAIL)
/// big.example.com            TCP                                 (over UDP the answer is cut: it comes over TCP)
/// *.example.org              A      127.0.0.1                    (one name or more in place of *, where no other line has the name)
/// ```
///
/// Any other name does not exist (NXDOMAIN); a known name without records of the type asked for has an empty answer.
pub struct DnsServer {
    addr: SocketAddr,
    state: Arc<State>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct State {
    zone: Mutex<Vec<Line>>,
    queries: Mutex<Vec<(String, String)>>,
}

#[derive(Clone)]
struct Line {
    name: String,
    kind: String,
    data: String,
}

/// A question as it came.
struct Question {
    id: [u8; 2],
    /// Lower case, without the final dot.
    name: String,
    kind: u16,
    /// The question section's bytes, repeated in the answer.
    bytes: Vec<u8>,
}

const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("CNAME", 5),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
];

impl DnsServer {
    /// Starts on a free port with these records.
    ///
    /// # Panics
    /// When the zone cannot be read or no port is free.
    pub async fn start(zone: &str) -> Self {
        let state = Arc::new(State::default());
        *state.zone() = parse(zone);
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.expect("no free port");
            // The same port may be taken for TCP.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("an address")).await {
                break (udp, tcp);
            }
        };
        let addr = udp.local_addr().expect("a socket has an address");
        let tasks = [
            tokio::spawn(serve_udp(Arc::new(udp), Arc::clone(&state))),
            tokio::spawn(serve_tcp(tcp, Arc::clone(&state))),
        ];
        Self { addr, state, tasks }
    }

    /// Where it listens, for UDP and TCP.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Replaces all records.
    ///
    /// # Panics
    /// When the zone cannot be read.
    pub fn set(&self, zone: &str) {
        *self.state.zone() = parse(zone);
    }

    /// What was asked so far: name and type (`MX`; a number where the type has no name here).
    #[must_use]
    pub fn queries(&self) -> Vec<(String, String)> {
        self.state.queries().clone()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl State {
    fn zone(&self) -> MutexGuard<'_, Vec<Line>> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queries(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines of a name, or of the wildcard above it.
    fn lines(&self, name: &str) -> Vec<Line> {
        let zone = self.zone();
        let of = |wanted: &str| -> Vec<Line> {
            zone.iter()
                .filter(|line| line.name == wanted)
                .cloned()
                .collect()
        };
        let mut found = of(name);
        let mut rest = name;
        while found.is_empty() {
            let Some((_, parent)) = rest.split_once('.') else {
                break;
            };
            found = of(&format!("*.{parent}"));
            rest = parent;
        }
        found
    }

    /// The answer to a question; none for silence.
    async fn answer(&self, question: &Question, udp: bool) -> Option<Vec<u8>> {
        let kind = TYPES.iter().find(|(_, number)| *number == question.kind);
        let asked = kind.map_or_else(|| question.kind.to_string(), |(name, _)| (*name).to_owned());
        self.queries().push((question.name.clone(), asked.clone()));
        let mut lines = self.lines(&question.name);
        let known = !lines.is_empty();
        let has = |kind: &str| lines.iter().find(|line| line.kind == kind).cloned();
        if let Some(delay) = has("DELAY") {
            tokio::time::sleep(Duration::from_millis(number(&delay.data))).await;
        }
        if has("SILENT").is_some() {
            return None;
        }
        let (failed, cut) = (has("FAIL").is_some(), udp && has("TCP").is_some());
        let mut records: Vec<(String, Line)> = Vec::new();
        let mut owner = question.name.clone();
        // An alias is followed as far as this server knows it.
        while let Some(alias) = lines.iter().find(|line| line.kind == "CNAME").cloned()
            && asked != "CNAME"
            && records.len() < 8
        {
            let target = alias.data.to_ascii_lowercase();
            records.push((owner, alias));
            lines = self.lines(&target);
            owner = target;
        }
        let matching = lines.into_iter().filter(|line| line.kind == asked);
        records.extend(matching.map(|line| (owner.clone(), line)));
        if failed || cut {
            records.clear();
        }
        let code = match (failed, known) {
            (true, _) => 2,
            (false, true) => 0,
            (false, false) => 3,
        };
        let count = u16::try_from(records.len()).expect("few records");
        let mut out = question.id.to_vec();
        // QR, AA, RD; TC where it is cut. RA and the code.
        out.extend([0x85 | if cut { 0x02 } else { 0 }, 0x80 | code]);
        for section in [1, count, 0, 0] {
            out.extend(section.to_be_bytes());
        }
        out.extend(&question.bytes);
        for (owner, line) in &records {
            write_record(&mut out, owner, line);
        }
        Some(out)
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, state: Arc<State>) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let Some(question) = read_question(&buffer[..length]) else {
            continue;
        };
        let (socket, state) = (Arc::clone(&socket), Arc::clone(&state));
        tokio::spawn(async move {
            if let Some(answer) = state.answer(&question, true).await {
                let _ = socket.send_to(&answer, peer).await;
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let _ = connection(stream, &state).await;
        });
    }
}

async fn connection(mut stream: TcpStream, state: &State) -> io::Result<()> {
    loop {
        let mut message = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut message).await?;
        let Some(question) = read_question(&message) else {
            return Ok(());
        };
        if let Some(answer) = state.answer(&question, false).await {
            let length = u16::try_from(answer.len()).expect("a short answer");
            stream.write_u16(length).await?;
            stream.write_all(&answer).await?;
        }
    }
}

fn read_question(message: &[u8]) -> Option<Question> {
    let id = [*message.first()?, *message.get(1)?];
    let mut labels: Vec<String> = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = message.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
    Some(Question {
        id,
        name: labels.join("."),
        kind,
        bytes: message.get(12..at + 4)?.to_vec(),
    })
}

fn parse(zone: &str) -> Vec<Line> {
    let lines = zone
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, rest) = line.split_once(char::is_whitespace).expect(line);
            let rest = rest.trim();
            let (kind, data) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let special = ["DELAY", "SILENT", "FAIL", "TCP"].contains(&kind);
            assert!(
                special || TYPES.iter().any(|(own, _)| *own == kind),
                "no such type in a zone: {line}"
            );
            Line {
                name: name.to_ascii_lowercase(),
                kind: kind.to_owned(),
                data: data.trim().to_owned(),
            }
        })
        .collect()
}

fn write_record(out: &mut Vec<u8>, owner: &str, line: &Line) {
    let (_, kind) = TYPES
        .iter()
        .find(|(own, _)| *own == line.kind)
        .expect("a known type");
    write_name(out, owner);
    out.extend(kind.to_be_bytes());
    out.extend(1_u16.to_be_bytes());
    // Not to be kept: a test may change the zone.
    out.extend(0_u32.to_be_bytes());
    let data = data_of(line);
    out.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
    out.extend(data);
}

fn data_of(line: &Line) -> Vec<u8> {
    let mut out = Vec::new();
    let mut words = line.data.split_whitespace();
    let mut word = || {
        words
            .next()
            .unwrap_or_else(|| panic!("too little data: {}", line.data))
    };
    match line.kind.as_str() {
        "A" => out.extend(word().parse::<Ipv4Addr>().expect("an address").octets()),
        "AAAA" => out.extend(word().parse::<Ipv6Addr>().expect("an address").octets()),
        "CNAME" => write_name(&mut out, word()),
        "MX" => {
            out.extend(short(word()));
            write_name(&mut out, word());
        }
        "SRV" => {
            for _ in 0..3 {
                out.extend(short(word()));
            }
            write_name(&mut out, word());
        }
        _ => {
            for piece in line.data.as_bytes().chunks(255) {
                out.push(u8::try_from(piece.len()).expect("at most 255"));
                out.extend(piece);
            }
        }
    }
    out
}

fn short(word: &str) -> [u8; 2] {
    word.parse::<u16>().expect("a number").to_be_bytes()
}

fn number(word: &str) -> u64 {
    word.parse().expect("a number")
}

fn write_name(out: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).expect("a short label"));
        out.extend(label.as_bytes());
    }
    out.push(0);
}
