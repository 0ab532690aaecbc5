//! Why a message failed, in the lines of a text.

use super::{
    MAX_REASON,
    lines::{Line, label},
    server::{mta, reply_at},
    words::{ASIDE, REASONS},
};
use crate::report::{delivery_status, reply::squeeze};

/// A line with a label that is neither of whom nor of why.
pub(super) fn is_aside(line: &Line<'_>) -> bool {
    label(line.bare).is_some_and(|(name, _)| ASIDE.contains(&name.as_str()))
}

/// The first server that one of these lines names.
pub(super) fn mta_in(lines: &[Line<'_>]) -> Option<String> {
    lines.iter().find_map(|line| mta(line.bare))
}

/// The first reply that begins on one of these lines, with the lines that go on with it.
pub(super) fn reply_in(lines: &[Line<'_>]) -> Option<String> {
    for (at, line) in lines.iter().enumerate() {
        if let Some(start) = reply_at(line.bare) {
            let mut joined = start;
            let more = lines.get(at + 1..).unwrap_or_default();
            let goes_on = |line: &&Line<'_>| {
                !line.bare.is_empty() && !line.bare.starts_with("--") && !is_aside(line)
            };
            for line in more.iter().take(MAX_REASON).take_while(goes_on) {
                joined.push(' ');
                joined.push_str(line.bare.trim_start_matches("<<< "));
            }
            return Some(ended(&joined));
        }
    }
    None
}

/// A reply without what programs put behind it.
pub(super) fn ended(reply: &str) -> String {
    let reply = squeeze(reply);
    let reply = reply.split(" Giving up on ").next().unwrap_or(&reply);
    let reply = reply.trim_end_matches(['#', ' ', '\'']);
    let is_open = reply.matches('<').count() < reply.matches('>').count();
    reply
        .strip_suffix('>')
        .filter(|_| is_open)
        .unwrap_or(reply)
        .to_owned()
}

/// What stands behind a label of reasons, on its line or below.
pub(super) fn labelled(lines: &[Line<'_>]) -> Option<String> {
    for (at, line) in lines.iter().enumerate() {
        let Some((name, value)) = label(line.bare) else {
            continue;
        };
        if REASONS.contains(&name.as_str()) {
            let below = lines
                .get(at + 1)
                .map(|line| line.bare)
                .filter(|_| value.is_empty());
            let value = below.unwrap_or(value);
            let text = delivery_status::typed(value).map(|typed| typed.value);
            if let Some(text) = text {
                return Some(squeeze(&text));
            }
        }
    }
    None
}
