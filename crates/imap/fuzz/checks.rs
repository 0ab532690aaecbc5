//! What must hold for any bytes of a server. Shared by the fuzz targets here, by `examples/fuzz.rs` and by the property tests.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use posthouse_imap::command::Command;
use posthouse_imap::framer::{Frame, Framer, Limits};
use posthouse_imap::session::Session;
use posthouse_imap::{
    Connection, FetchItem, FetchOptions, Known, ListOptions, MailboxName, Options, Quirk, Sasl,
    SearchKey, SequenceSet, StatusItem, StoreAction, StoreOptions,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Limits small enough to be met.
fn limits() -> Limits {
    Limits {
        line: 600,
        literal: 4000,
    }
}

/// Any bytes, in pieces of any size: no panic, no more events than bytes, no more memory than what came.
pub fn session(data: &[u8]) {
    let (first, bytes) = data.split_first().unwrap_or((&0, data));
    let step = usize::from(first % 61) + 1;
    let mut session = Session::new(limits(), None);
    if first & 64 != 0 {
        session.feed(b"* OK [CAPABILITY IMAP4rev1 UTF8=ACCEPT] hi\r\n* ENABLED UTF8=ACCEPT\r\n");
    }
    session.add_quirks([Quirk::NoQresync].into_iter().collect());
    session.command(Command::new("NOOP"));
    let (mut events, mut fed) = (0, 0);
    for piece in bytes.chunks(step) {
        session.feed(piece);
        fed += piece.len();
        loop {
            match session.next_event() {
                Ok(Some(_)) => events += 1,
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(events <= fed + 3, "more events than bytes");
        // Buffers grow by doubling, and an empty literal of five bytes is two pieces.
        assert!(
            session.held() <= 40 * fed + 4096,
            "{} bytes held of {fed}",
            session.held()
        );
    }
}

/// How bytes are cut on their way changes nothing.
pub fn cuts(data: &[u8]) {
    let (first, bytes) = data.split_first().unwrap_or((&0, data));
    let read = |step: usize| {
        let mut framer = Framer::new(limits());
        framer.stream_bodies(first & 128 != 0);
        let mut out: Vec<Frame> = Vec::new();
        for piece in bytes.chunks(step) {
            framer.feed(piece);
            loop {
                match framer.next_frame() {
                    Ok(Some(Frame::LiteralChunk(more))) => match out.last_mut() {
                        Some(Frame::LiteralChunk(chunk)) => {
                            *chunk = [&chunk[..], &more[..]].concat().into();
                        }
                        _ => out.push(Frame::LiteralChunk(more)),
                    },
                    Ok(Some(frame)) => out.push(frame),
                    Ok(None) => break,
                    Err(error) => return (out, Some(error)),
                }
            }
        }
        (out, None)
    };
    assert!(
        read(bytes.len().max(1)) == read(usize::from(first % 61) + 1),
        "cuts matter"
    );
}

/// Names and sets of a server can be sent back.
pub fn words(data: &[u8]) {
    for utf8 in [false, true] {
        let name = MailboxName::from_wire(data, utf8);
        if !name.is_inbox() {
            assert!(
                name.to_wire(utf8) == data,
                "a name that cannot be sent back"
            );
        }
    }
    let set = SequenceSet::parse(data);
    assert!(
        SequenceSet::parse(set.to_string().as_bytes()) == set,
        "a set that reads otherwise"
    );
    let _ = posthouse_imap::date::parse_date_time(&String::from_utf8_lossy(data));
}

/// A server that says all it has to say at once, and then hangs up.
struct Recording<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl AsyncRead for Recording<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.step.min(buf.remaining()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        buf.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recording<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Every call of the driver ends, whatever a server says.
pub async fn driver(data: &[u8]) {
    let (first, bytes) = data.split_first().unwrap_or((&0, data));
    let io = Recording {
        bytes,
        step: usize::from(*first) + 1,
    };
    let options = Options {
        limits: limits(),
        ..Options::default()
    };
    let _ = talk(io, options).await;
}

/// A day in the life of a connection; ends with its first failure that is more than a refusal.
async fn talk(io: Recording<'_>, options: Options) -> Result<(), posthouse_imap::Error> {
    /// Goes on after a refusal.
    macro_rules! go {
        ($call:expr) => {
            match $call {
                Err(error) if !error.is_refusal() => return Err(error),
                other => other.ok(),
            }
        };
    }
    let mut c = Connection::open(io, options).await?;
    let (user, token) = ("me".to_owned(), "t".to_owned());
    go!(c.authenticate(&Sasl::XOAuth2 { user, token }).await);
    go!(c.login("me", "pw").await);
    go!(c.id(&[("name", "x")]).await);
    go!(c.enable(&["CONDSTORE", "QRESYNC", "UTF8=ACCEPT"]).await);
    go!(c.namespace().await);
    let items = [StatusItem::Messages, StatusItem::UidNext];
    let listing = ListOptions {
        special_use: true,
        subscribed: true,
        status: &items,
    };
    go!(c.list("", "*", listing).await);
    go!(c.lsub("", "*").await);
    go!(c.status("x", &items).await);
    go!(c.quota("INBOX").await);
    go!(c.select("INBOX", true).await);
    let known = Known {
        uid_validity: 1,
        mod_seq: 1,
    };
    go!(c.select_known("INBOX", known, drop).await);
    go!(c
        .fetch(SequenceSet::all(), &[FetchItem::Uid, FetchItem::Envelope])
        .await);
    let since = FetchOptions {
        changed_since: Some(1),
        ..FetchOptions::default()
    };
    go!(c
        .fetch_with(SequenceSet::all(), &[FetchItem::Flags], since, drop)
        .await);
    go!(c.search(&SearchKey::Subject("ü".into())).await);
    go!(c.search_return(&SearchKey::All, "COUNT").await);
    if let Some(Some(mut body)) = go!(c.fetch_stream(1, "", None).await) {
        while body.chunk().await?.is_some() {}
    }
    let silent = StoreOptions::default();
    go!(c
        .store(SequenceSet::one(1), StoreAction::Add, &["\\Seen"], silent)
        .await);
    go!(c.uid_move(&SequenceSet::one(1), "x").await);
    go!(c.append("x", &["\\Seen"], None, 3, &mut &b"abc"[..]).await);
    go!(c.idle_start().await);
    while c.is_idling() {
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
        c.idle_wait(until).await?;
    }
    c.take_notices();
    c.logout().await
}
