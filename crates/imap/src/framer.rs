//! Bytes to response frames: lines joined with the literals they announce (RFC 9051 section 4.3).
//!
//! The framer never looks at meaning beyond what framing needs: is there a `{n}` at the end of the
//! line, may this line carry a literal at all, and is the literal a message body that the consumer
//! wants as a stream. It holds no memory while empty.

use bytes::{Bytes, BytesMut};

/// Longest line that is a list of numbers: a SEARCH that finds two million messages.
const NUMBERS_MAX: usize = 16 * 1024 * 1024;

/// Pieces of one response, text and literals. More come only from somebody who wants memory: each
/// piece costs some dozens of bytes, an empty literal five on the wire.
const PIECES_MAX: usize = 1 << 16;

/// Sizes above which the framer stops collecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest line in bytes, without literals. A longer one is cut: what is beyond is read and dropped,
    /// `literal` bytes at most. Replies that are one long list of numbers (SEARCH, ESEARCH, SORT,
    /// VANISHED) may grow to 16 MiB instead, or `literal` if that is less, and are never cut: a number
    /// too few would be a message too few.
    pub line: usize,
    /// Most literal bytes kept for one response. A larger literal that is not streamed is read and
    /// dropped, and stands in the response as [`Segment::Omitted`].
    pub literal: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 1024 * 1024,
            literal: 64 * 1024 * 1024,
        }
    }
}

/// A framing failure. Nothing sensible can be read from the connection afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A list of numbers grew beyond the limits, or any line beyond all measure.
    #[error("the server sent a line longer than {0} bytes")]
    LineTooLong(usize),
    /// The lines of one response together grew beyond the limits, or their number.
    #[error("the server sent a response that is too large")]
    ResponseTooLarge,
}

/// A piece of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text of a line, without the line end and without the `{n}` that announces a literal.
    Text(Bytes),
    /// The bytes of a literal.
    Literal(Bytes),
    /// A literal whose bytes are not here: it was streamed, or it was too large to keep.
    Omitted {
        /// Announced length in bytes.
        size: u64,
    },
}

/// One whole response: text and literals in order. The last segment is always text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawResponse {
    /// The pieces in order of arrival.
    pub segments: Vec<Segment>,
}

/// Which body a streamed literal holds, as far as the text before it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyTarget {
    /// Message sequence number.
    pub seq: u32,
    /// What stood between the brackets, upper-cased: `""`, `1.2`, `HEADER`, `1.MIME`.
    pub section: String,
    /// First byte of a partial fetch.
    pub origin: Option<u64>,
}

/// What the framer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A whole response.
    Response(RawResponse),
    /// A body literal begins; its bytes follow as chunks. The response it belongs to comes after
    /// [`Frame::LiteralEnd`], with [`Segment::Omitted`] in its place.
    LiteralStart {
        /// The body it belongs to.
        target: BodyTarget,
        /// Announced length in bytes.
        size: u64,
    },
    /// Some bytes of the literal, never empty.
    LiteralChunk(Bytes),
    /// The literal is complete.
    LiteralEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Line,
    Keep(usize),
    Stream(u64),
    Skip(u64),
    /// Dropping the rest of a line that is too long, of which so much is dropped already.
    Cut(u64),
}

/// Bytes at the end of a line that is cut among which a `{n}` is looked for.
const TAIL: usize = 64;

/// The framer: feed bytes, take frames.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buf: BytesMut,
    /// Bytes of `buf` already known to hold no line end.
    scanned: usize,
    segments: Vec<Segment>,
    /// A line that ended inside a quoted string, until the next one shows whether it goes on.
    unfinished: Option<BytesMut>,
    held_text: usize,
    held_literal: u64,
    mode: Mode,
    stream_bodies: bool,
}

impl Framer {
    /// An empty framer.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buf: BytesMut::new(),
            scanned: 0,
            segments: Vec::new(),
            unfinished: None,
            held_text: 0,
            held_literal: 0,
            mode: Mode::Line,
            stream_bodies: false,
        }
    }

    /// Whether body literals of FETCH replies are handed out as a stream. Takes effect with the
    /// next literal.
    pub fn stream_bodies(&mut self, on: bool) {
        self.stream_bodies = on;
    }

    /// Adds bytes from the wire.
    pub fn feed(&mut self, data: &[u8]) {
        self.buf.extend_from_slice(data);
    }

    /// True when nothing is buffered: neither bytes nor part of a response.
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
            && self.segments.is_empty()
            && self.unfinished.is_none()
            && self.mode == Mode::Line
    }

    /// Bytes of buffer memory held at this moment; 0 when idle.
    pub fn held(&self) -> usize {
        let unfinished = self.unfinished.as_ref().map_or(0, BytesMut::capacity);
        self.buf.capacity() + self.segments.capacity() * size_of::<Segment>() + unfinished
    }

    /// The next frame, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError`] when a limit is passed; the connection is of no use afterwards.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let found = self.step();
        if self.buf.is_empty() && self.buf.capacity() > 0 {
            self.buf = BytesMut::new();
        }
        found
    }

    fn step(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            match self.mode {
                Mode::Line => match self.line()? {
                    Step::More => return Ok(None),
                    Step::Again => {}
                    Step::Found(frame) => return Ok(Some(frame)),
                },
                Mode::Cut(dropped) => match self.cut(dropped)? {
                    Step::More => return Ok(None),
                    Step::Again => {}
                    Step::Found(frame) => return Ok(Some(frame)),
                },
                Mode::Keep(size) => {
                    if self.buf.len() < size {
                        return Ok(None);
                    }
                    let data = self.buf.split_to(size).freeze();
                    self.segments.push(Segment::Literal(data));
                    self.mode = Mode::Line;
                }
                Mode::Stream(0) => {
                    self.mode = Mode::Line;
                    return Ok(Some(Frame::LiteralEnd));
                }
                Mode::Stream(left) => {
                    let n = take_len(self.buf.len(), left);
                    if n == 0 {
                        return Ok(None);
                    }
                    self.mode = Mode::Stream(left - n as u64);
                    return Ok(Some(Frame::LiteralChunk(self.buf.split_to(n).freeze())));
                }
                Mode::Skip(0) => self.mode = Mode::Line,
                Mode::Skip(left) => {
                    let n = take_len(self.buf.len(), left);
                    if n == 0 {
                        return Ok(None);
                    }
                    let _ = self.buf.split_to(n);
                    self.mode = Mode::Skip(left - n as u64);
                }
            }
        }
    }

    fn line(&mut self) -> Result<Step, FrameError> {
        let unseen = self.buf.get(self.scanned..).unwrap_or_default();
        let end = unseen.iter().position(|b| *b == b'\n');
        let len = end.map_or(self.buf.len(), |end| self.scanned + end + 1);
        if end.is_some() && self.unfinished.is_some() && starts_response(&self.buf) {
            // The line before was no more than it was.
            let line = self.unfinished.take().unwrap_or_default();
            return Ok(self.whole(line.freeze()));
        }
        if len > self.limits.line && !self.is_long_list(len)? {
            if let Some(line) = self.unfinished.take() {
                return Ok(self.whole(line.freeze()));
            }
            self.scanned = 0;
            let line = self.buf.split_to(self.limits.line).freeze();
            self.held_text += line.len();
            self.segments.push(Segment::Text(line));
            self.mode = Mode::Cut(0);
            return Ok(Step::Again);
        }
        if end.is_none() {
            self.scanned = self.buf.len();
            return Ok(Step::More);
        }
        self.scanned = 0;
        let mut line = without_end(self.buf.split_to(len).freeze());
        // Whether the line ends inside a quoted string; each byte is looked at once, however often
        // lines go on.
        let inside = self.unfinished.is_some();
        let mut open = (inside || is_fetch(self.first_text(&line))) && is_open(&line, inside);
        if let Some(mut start) = self.unfinished.take() {
            start.extend_from_slice(b"\n");
            start.extend_from_slice(&line);
            if open && start.len() < self.limits.line && literal_suffix(&line).is_none() {
                self.unfinished = Some(start);
                return Ok(Step::Again);
            }
            open = false;
            line = start.freeze();
        }
        self.held_text += line.len();
        let most = self.limits.literal.saturating_add(self.limits.line as u64);
        if self.held_text as u64 > most || self.segments.len() >= PIECES_MAX {
            return Err(FrameError::ResponseTooLarge);
        }

        let Some((text_len, size)) = literal_suffix(&line).filter(|_| self.may_carry(&line)) else {
            if open {
                self.held_text -= line.len();
                self.unfinished = Some(BytesMut::from(&line[..]));
                return Ok(Step::Again);
            }
            return Ok(self.whole(line));
        };
        let text = line.slice(..text_len);
        let target = if self.stream_bodies {
            body_target(self.first_text(&text), &text)
        } else {
            None
        };
        self.segments.push(Segment::Text(text));
        if let Some(target) = target {
            self.segments.push(Segment::Omitted { size });
            self.mode = Mode::Stream(size);
            return Ok(Step::Found(Frame::LiteralStart { target, size }));
        }
        match usize::try_from(size) {
            Ok(keep) if self.held_literal.saturating_add(size) <= self.limits.literal => {
                self.held_literal += size;
                self.mode = Mode::Keep(keep);
            }
            _ => self.skip(size),
        }
        Ok(Step::Again)
    }

    /// Drops the rest of a line that is too long, but not the literal it may end in.
    fn cut(&mut self, dropped: u64) -> Result<Step, FrameError> {
        let end = self.buf.iter().position(|b| *b == b'\n');
        let keep = end.map_or_else(|| self.buf.len().min(TAIL), |end| end + 1);
        let drop = match end {
            Some(end) => (end + 1).saturating_sub(TAIL),
            None => self.buf.len() - keep,
        };
        let dropped = dropped.saturating_add(drop as u64);
        if dropped > self.limits.literal {
            return Err(FrameError::LineTooLong(self.limits.line));
        }
        let _ = self.buf.split_to(drop);
        let Some(end) = end else {
            self.mode = Mode::Cut(dropped);
            return Ok(Step::More);
        };
        let tail = without_end(self.buf.split_to(end + 1 - drop).freeze());
        self.mode = Mode::Line;
        match literal_suffix(&tail).filter(|_| self.may_carry(&tail)) {
            Some((_, size)) => {
                self.skip(size);
                Ok(Step::Again)
            }
            None => Ok(self.done()),
        }
    }

    fn skip(&mut self, size: u64) {
        self.segments.push(Segment::Omitted { size });
        self.mode = Mode::Skip(size);
    }

    /// The response that ends with this line.
    fn whole(&mut self, line: Bytes) -> Step {
        self.segments.push(Segment::Text(line));
        self.done()
    }

    fn done(&mut self) -> Step {
        self.held_text = 0;
        self.held_literal = 0;
        let segments = std::mem::take(&mut self.segments);
        Step::Found(Frame::Response(RawResponse { segments }))
    }

    /// May the line at the front be so long, because it is a list of numbers? An error where it is one
    /// and is too long even so.
    fn is_long_list(&self, len: usize) -> Result<bool, FrameError> {
        if !self.segments.is_empty() || !is_number_list(&self.buf) {
            return Ok(false);
        }
        if len <= NUMBERS_MAX && len as u64 <= self.limits.literal {
            return Ok(true);
        }
        Err(FrameError::LineTooLong(self.limits.line))
    }

    fn first_text<'a>(&'a self, line: &'a Bytes) -> &'a [u8] {
        match self.segments.first() {
            Some(Segment::Text(text)) => text,
            _ => line,
        }
    }

    /// Human text may end in something that looks like a literal; only an open response code may
    /// really carry one there.
    fn may_carry(&self, line: &Bytes) -> bool {
        let first = self.first_text(line);
        if first.starts_with(b"+") {
            return false;
        }
        let mut words = first.splitn(3, |b| *b == b' ').skip(1);
        let keyword = words.next().unwrap_or_default();
        let is_status = [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"]
            .iter()
            .any(|k| keyword.eq_ignore_ascii_case(k));
        if !is_status {
            return true;
        }
        let rest = words.next().unwrap_or_default();
        rest.starts_with(b"[") && !rest.contains(&b']') && !line.contains(&b']')
    }
}

fn without_end(mut line: Bytes) -> Bytes {
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.truncate(line.len() - 1);
    }
    line
}

fn is_fetch(line: &[u8]) -> bool {
    let mut words = line.splitn(4, |b| *b == b' ').skip(2);
    line.starts_with(b"* ")
        && words
            .next()
            .is_some_and(|w| w.eq_ignore_ascii_case(b"FETCH"))
}

/// Does the text end inside a quoted string? `open` tells whether it begins in one.
fn is_open(text: &[u8], mut open: bool) -> bool {
    let mut bytes = text.iter();
    while let Some(b) = bytes.next() {
        match b {
            b'"' => open = !open,
            b'\\' if open => {
                bytes.next();
            }
            _ => {}
        }
    }
    open
}

/// Does a response begin here, rather than a line go on?
fn starts_response(text: &[u8]) -> bool {
    let mut words = text.splitn(3, |b| matches!(b, b' ' | b'\r' | b'\n'));
    let first = words.next().unwrap_or_default();
    let mut tagged = || {
        first.iter().all(u8::is_ascii_alphanumeric)
            && words.next().is_some_and(|word| {
                [&b"OK"[..], b"NO", b"BAD"]
                    .iter()
                    .any(|k| word.eq_ignore_ascii_case(k))
            })
    };
    matches!(first, b"*" | b"+") || tagged()
}

enum Step {
    More,
    Again,
    Found(Frame),
}

fn take_len(have: usize, left: u64) -> usize {
    usize::try_from(left).map_or(have, |left| left.min(have))
}

fn is_number_list(line: &[u8]) -> bool {
    let mut words = line.splitn(3, |b| *b == b' ');
    let (first, second) = (words.next(), words.next());
    first == Some(b"*")
        && second.is_some_and(|w| {
            [&b"SEARCH"[..], b"ESEARCH", b"SORT", b"VANISHED"]
                .iter()
                .any(|k| w.eq_ignore_ascii_case(k))
        })
}

/// `{n}`, `{n+}`, `{n-}` or `~{n}` at the end: where the text before it ends, and n.
fn literal_suffix(line: &[u8]) -> Option<(usize, u64)> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|b| *b == b'{')?;
    let digits = inner.get(open + 1..)?;
    let digits = digits
        .strip_suffix(b"+")
        .or_else(|| digits.strip_suffix(b"-"))
        .unwrap_or(digits);
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let size = crate::token::parse_u64(digits)?;
    let text = inner.get(..open)?;
    let text = text.strip_suffix(b"~").unwrap_or(text);
    Some((text.len(), size))
}

/// Is the literal after `text` a message body of a FETCH reply that begins with `first`?
fn body_target(first: &[u8], text: &[u8]) -> Option<BodyTarget> {
    let mut words = first.split(|b| *b == b' ').filter(|w| !w.is_empty());
    if words.next()? != b"*" {
        return None;
    }
    let seq = u32::try_from(crate::token::parse_u64(words.next()?)?).ok()?;
    if !words.next()?.eq_ignore_ascii_case(b"FETCH") {
        return None;
    }
    let mut text = text.trim_ascii_end();
    let mut origin = None;
    if let Some(inner) = text.strip_suffix(b">") {
        let open = inner.iter().rposition(|b| *b == b'<')?;
        origin = Some(crate::token::parse_u64(inner.get(open + 1..)?)?);
        text = inner.get(..open)?;
    }
    let (name, section) = if let Some(inner) = text.strip_suffix(b"]") {
        let open = inner.iter().rposition(|b| *b == b'[')?;
        (inner.get(..open)?, inner.get(open + 1..)?)
    } else {
        (text, &b""[..])
    };
    let word = name.rsplit(|b| matches!(b, b' ' | b'(')).next()?;
    let legacy: &[u8] = if word.eq_ignore_ascii_case(b"RFC822.TEXT") {
        b"TEXT"
    } else if word.eq_ignore_ascii_case(b"RFC822.HEADER") {
        b"HEADER"
    } else {
        section
    };
    let known = if text.ends_with(b"]") {
        word.eq_ignore_ascii_case(b"BODY") || word.eq_ignore_ascii_case(b"BINARY")
    } else {
        word.eq_ignore_ascii_case(b"RFC822") || legacy != section
    };
    known.then(|| BodyTarget {
        seq,
        section: String::from_utf8_lossy(legacy).to_ascii_uppercase(),
        origin,
    })
}

#[cfg(test)]
mod tests;
