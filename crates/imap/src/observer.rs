//! What a caller may watch: traffic, response counters, the protocol log.

use crate::framer::{RawResponse, Segment};
use crate::status::Condition;

/// Hooks called while a connection works. All have empty defaults; none may block.
pub trait Observer: Send + Sync {
    /// Bytes read from the stream.
    fn bytes_in(&self, _count: usize) {}
    /// Bytes written to the stream.
    fn bytes_out(&self, _count: usize) {}
    /// A status response arrived, tagged or not: its condition and the name of its code.
    fn response(&self, _condition: Condition, _code: Option<&str>) {}
    /// Whether [`Observer::sent`] and [`Observer::received`] are wanted; lines are only built then.
    fn logs(&self) -> bool {
        false
    }
    /// A line of the client. Secrets stand as `***`, long literals as their length.
    fn sent(&self, _line: &str) {}
    /// A response of the server. Literals stand as their length.
    fn received(&self, _line: &str) {}
}

/// A response as the protocol log shows it: one line, at most about 1,000 bytes of each text.
pub(crate) fn log_line(raw: &RawResponse) -> String {
    let mut out = String::new();
    for segment in &raw.segments {
        match segment {
            Segment::Text(text) => {
                let shown = text.get(..text.len().min(1000)).unwrap_or_default();
                out.push_str(&String::from_utf8_lossy(shown));
                if shown.len() < text.len() {
                    out.push_str("...");
                }
            }
            Segment::Literal(data) => out.push_str(&format!("{{{}}}", data.len())),
            Segment::Omitted { size } => out.push_str(&format!("{{{size}}}")),
        }
    }
    out
}
