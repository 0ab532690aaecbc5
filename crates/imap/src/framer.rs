//! Bytes to response frames: lines joined with the literals they announce (RFC 9051 section 4.3).
//!
//! The framer never looks at meaning beyond what framing needs: is there a `{n}` at the end of the
//! line, may this line carry a literal at all, and is the literal a message body that the consumer
//! wants as a stream. It holds no memory while empty.

use bytes::{Bytes, BytesMut};

/// Longest line that is a list of numbers: a SEARCH that finds two million messages.
const NUMBERS_MAX: usize = 16 * 1024 * 1024;

/// Sizes above which the framer stops collecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest line in bytes, without literals. Replies that are one long list of numbers (SEARCH,
    /// ESEARCH, SORT, VANISHED) may grow to 16 MiB instead, or `literal` if that is less.
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
    /// A line grew beyond [`Limits::line`].
    #[error("the server sent a line longer than {0} bytes")]
    LineTooLong(usize),
    /// The lines of one response together grew beyond the limits.
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
}

/// The framer: feed bytes, take frames.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buf: BytesMut,
    /// Bytes of `buf` already known to hold no line end.
    scanned: usize,
    segments: Vec<Segment>,
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
        self.buf.is_empty() && self.segments.is_empty() && self.mode == Mode::Line
    }

    /// Bytes of buffer memory held at this moment; 0 when idle.
    pub fn held(&self) -> usize {
        self.buf.capacity() + self.segments.capacity() * size_of::<Segment>()
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
        let Some(end) = unseen.iter().position(|b| *b == b'\n') else {
            self.scanned = self.buf.len();
            self.check_line(self.buf.len())?;
            return Ok(Step::More);
        };
        let len = self.scanned + end + 1;
        self.check_line(len)?;
        self.scanned = 0;
        let mut line = self.buf.split_to(len).freeze();
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.truncate(line.len() - 1);
        }
        self.held_text += line.len();
        if self.held_text as u64 > self.limits.literal.saturating_add(self.limits.line as u64) {
            return Err(FrameError::ResponseTooLarge);
        }

        let Some((text_len, size)) = literal_suffix(&line).filter(|_| self.may_carry(&line)) else {
            self.segments.push(Segment::Text(line));
            self.held_text = 0;
            self.held_literal = 0;
            let segments = std::mem::take(&mut self.segments);
            return Ok(Step::Found(Frame::Response(RawResponse { segments })));
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
            _ => {
                self.segments.push(Segment::Omitted { size });
                self.mode = Mode::Skip(size);
            }
        }
        Ok(Step::Again)
    }

    fn check_line(&self, len: usize) -> Result<(), FrameError> {
        if len <= self.limits.line {
            return Ok(());
        }
        if len <= NUMBERS_MAX && len as u64 <= self.limits.literal && is_number_list(&self.buf) {
            return Ok(());
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
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn all(framer: &mut Framer) -> Vec<Frame> {
        let mut out = Vec::new();
        while let Some(f) = framer.next_frame().unwrap() {
            out.push(f);
        }
        out
    }

    #[test]
    fn literal_suffixes() {
        assert_eq!(literal_suffix(b"a {3}"), Some((2, 3)));
        assert_eq!(literal_suffix(b"a {3+}"), Some((2, 3)));
        assert_eq!(literal_suffix(b"a ~{3}"), Some((2, 3)));
        assert_eq!(literal_suffix(b"a {}"), None);
        assert_eq!(literal_suffix(b"a {-1}"), None);
        assert_eq!(literal_suffix(b"a {99999999999999999999}"), None);
    }

    #[test]
    fn human_text_is_never_a_literal() {
        let mut f = Framer::new(Limits::default());
        f.feed(b"* OK see section {3}\r\n+ go {4}\r\n* NO [BADCHARSET ({5}\r\nUTF-8)] bad\r\n");
        let frames = all(&mut f);
        assert_eq!(frames.len(), 3);
        assert!(f.is_empty());
        assert_eq!(f.held(), 0);
    }

    #[test]
    fn bodies_are_streamed_only_when_asked() {
        let wire = b"* 3 FETCH (UID 3 BODY[1.2]<0> {4}\r\nabcd FLAGS ())\r\n";
        let mut f = Framer::new(Limits::default());
        f.feed(wire);
        assert_eq!(all(&mut f).len(), 1);
        f.stream_bodies(true);
        f.feed(wire);
        let frames = all(&mut f);
        assert_eq!(
            frames[0],
            Frame::LiteralStart {
                target: BodyTarget {
                    seq: 3,
                    section: "1.2".into(),
                    origin: Some(0)
                },
                size: 4
            }
        );
        assert_eq!(frames[1], Frame::LiteralChunk(Bytes::from_static(b"abcd")));
        assert_eq!(frames[2], Frame::LiteralEnd);
        assert!(matches!(&frames[3], Frame::Response(r) if r.segments.len() == 3));
        assert_eq!(f.held(), 0);
    }

    #[test]
    fn other_literals_of_a_streaming_command_are_kept() {
        let mut f = Framer::new(Limits::default());
        f.stream_bodies(true);
        f.feed(b"* 3 FETCH (ENVELOPE (NIL {2}\r\nhi NIL) BODY[HEADER.FIELDS (FROM TO)] {2}\r\n\r\n RFC822.TEXT {1}\r\nx)\r\n");
        let frames = all(&mut f);
        let starts: Vec<_> = frames
            .iter()
            .filter_map(|f| match f {
                Frame::LiteralStart { target, .. } => Some(target.section.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(starts, ["HEADER.FIELDS (FROM TO)", "TEXT"]);
    }

    #[test]
    fn too_large_literals_are_dropped_and_the_line_goes_on() {
        let mut f = Framer::new(Limits {
            line: 100,
            literal: 3,
        });
        f.feed(b"* 1 FETCH (BODY[] {4}\r\nabcd UID 7)\r\n* OK next\r\n");
        let frames = all(&mut f);
        assert_eq!(frames.len(), 2);
        assert!(
            matches!(&frames[0], Frame::Response(r) if r.segments[1] == Segment::Omitted { size: 4 })
        );
    }

    #[test]
    fn long_lines_fail_but_number_lists_may_be_long() {
        let mut f = Framer::new(Limits {
            line: 10,
            literal: 1000,
        });
        f.feed(b"* SEARCH 1 2 3 4 5 6\r\n");
        assert_eq!(all(&mut f).len(), 1);
        f.feed(b"* XSEARCH 1 2 3");
        assert_eq!(f.next_frame(), Err(FrameError::LineTooLong(10)));
    }
}
