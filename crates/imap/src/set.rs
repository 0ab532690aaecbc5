//! Sets of UIDs or sequence numbers (RFC 9051 `sequence-set`), kept as ranges.

use std::fmt;

use crate::token::parse_u64;

/// The end of a range that is open upwards, written `*`. (0 is never a UID.)
const OPEN: u32 = 0;

/// A set of message numbers: ordered, disjoint ranges; possibly open upwards (`7:*`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SequenceSet {
    ranges: Vec<(u32, u32)>,
}

impl SequenceSet {
    /// The empty set. Not a legal argument of a command.
    pub fn new() -> Self {
        Self::default()
    }

    /// One number.
    pub fn one(number: u32) -> Self {
        Self::range(number, number)
    }

    /// All numbers from `first` to `last`, both included, in any order.
    pub fn range(first: u32, last: u32) -> Self {
        let mut set = Self::new();
        set.add_range(first, last);
        set
    }

    /// `first:*`. Mind RFC 9051: the last message always belongs to it, even when its number is
    /// below `first`.
    pub fn from(first: u32) -> Self {
        Self {
            ranges: vec![(first.max(1), OPEN)],
        }
    }

    /// `1:*`.
    pub fn all() -> Self {
        Self::from(1)
    }

    /// Reads a set as a server sends it. Pieces that make no sense are left out.
    pub fn parse(text: &[u8]) -> Self {
        let mut set = Self::new();
        let mut open_from: Option<u32> = None;
        for piece in text.split(|b| matches!(b, b',' | b' ')) {
            let mut ends = piece.splitn(2, |b| *b == b':');
            let Some(first) = ends.next().and_then(number) else {
                continue;
            };
            let last = match ends.next() {
                Some(b"*") => {
                    open_from = Some(open_from.map_or(first, |f| f.min(first)));
                    continue;
                }
                Some(end) => match number(end) {
                    Some(last) => last,
                    None => continue,
                },
                None => first,
            };
            set.ranges.push((first.min(last), first.max(last)));
        }
        set.normalise();
        if let Some(first) = open_from {
            set.ranges.retain(|(a, _)| *a < first);
            set.ranges.push((first, OPEN));
        }
        set
    }

    /// Reads a set as a caller writes it (RFC 9051 `sequence-set`); `None` for anything else.
    pub fn parse_strict(text: &str) -> Option<Self> {
        let mut set = Self::new();
        let mut open_from: Option<u32> = None;
        for piece in text.split(',') {
            let (first, last) = piece.split_once(':').unwrap_or((piece, piece));
            let end = |text: &str| match text {
                "*" => Some(OPEN),
                _ if text.bytes().all(|b| b.is_ascii_digit()) => number(text.as_bytes()),
                _ => None,
            };
            match (end(first)?, end(last)?) {
                // `*` alone: a range that begins above all still has the last message in it.
                (OPEN, OPEN) => open_from = open_from.or(Some(u32::MAX)),
                (OPEN, a) | (a, OPEN) => open_from = Some(open_from.map_or(a, |b| b.min(a))),
                (a, b) => set.ranges.push((a.min(b), a.max(b))),
            }
        }
        set.normalise();
        if let Some(first) = open_from {
            set.ranges.push((first, OPEN));
            set.normalise();
        }
        Some(set)
    }

    /// The set where `last` is the largest number there is: `*` stands for it, and what is above is left out.
    pub fn resolve(&self, last: u32) -> Self {
        let mut set = Self::new();
        for &(a, b) in self.ranges.iter().filter(|_| last > 0) {
            match b {
                OPEN => set.add_range(a.min(last), last),
                _ if a <= last => set.add_range(a, b.min(last)),
                _ => {}
            }
        }
        set
    }

    /// Adds one number; 0 is ignored.
    pub fn add(&mut self, number: u32) {
        self.add_range(number, number);
    }

    /// Adds a range, both ends included, in any order; 0 is ignored.
    pub fn add_range(&mut self, first: u32, last: u32) {
        let (a, b) = (first.min(last), first.max(last));
        if b == 0 {
            return;
        }
        let a = a.max(1);
        match self.ranges.last_mut() {
            Some((_, end)) if *end != OPEN && a > *end => {
                if *end + 1 == a {
                    *end = b;
                } else {
                    self.ranges.push((a, b));
                }
            }
            None => self.ranges.push((a, b)),
            Some(_) => {
                self.ranges.push((a, b));
                self.normalise();
            }
        }
    }

    fn normalise(&mut self) {
        self.ranges
            .sort_unstable_by_key(|(a, b)| (*a, if *b == OPEN { u32::MAX } else { *b }));
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.ranges.len());
        for &(a, b) in &self.ranges {
            match merged.last_mut() {
                Some((_, OPEN)) => {}
                Some((_, end)) if a <= end.saturating_add(1) => {
                    *end = if b == OPEN { OPEN } else { (*end).max(b) };
                }
                _ => merged.push((a, b)),
            }
        }
        merged.shrink_to_fit();
        self.ranges = merged;
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers it holds; an open range counts as `u64::MAX`.
    pub fn len(&self) -> u64 {
        self.ranges.iter().fold(0u64, |n, (a, b)| {
            if *b == OPEN {
                u64::MAX
            } else {
                n.saturating_add(u64::from(*b - *a) + 1)
            }
        })
    }

    /// Is `number` in it?
    pub fn contains(&self, number: u32) -> bool {
        let at = self.ranges.partition_point(|(a, _)| *a <= number);
        at.checked_sub(1)
            .and_then(|i| self.ranges.get(i))
            .is_some_and(|(_, b)| *b == OPEN || number <= *b)
    }

    /// What of it is less than `end`.
    pub fn below(&self, end: u32) -> Self {
        let last = end.saturating_sub(1);
        let ranges = self.ranges.iter().filter(|(a, _)| *a <= last);
        Self {
            ranges: ranges
                .map(|(a, b)| (*a, if *b == OPEN { last } else { last.min(*b) }))
                .collect(),
        }
    }

    /// The ranges in order; the end of an open one is `None`.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = (u32, Option<u32>)> + '_ {
        self.ranges
            .iter()
            .map(|(a, b)| (*a, (*b != OPEN).then_some(*b)))
    }

    /// Every number in order. Of an open range only its first, as the rest is not known here.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.ranges
            .iter()
            .flat_map(|(a, b)| *a..=(if *b == OPEN { *a } else { *b }))
    }

    /// Cuts the set into sets whose text is at most `max` bytes, as servers limit their command
    /// lines (RFC 7162 section 4 recommends that clients stay under 8,192).
    pub fn split(&self, max: usize) -> Vec<SequenceSet> {
        let mut out: Vec<SequenceSet> = Vec::new();
        let mut len = 0;
        for &(a, b) in &self.ranges {
            let piece = range_text(a, b).len() + 1;
            match out.last_mut() {
                Some(set) if len + piece <= max => {
                    set.ranges.push((a, b));
                    len += piece;
                }
                _ => {
                    out.push(SequenceSet {
                        ranges: vec![(a, b)],
                    });
                    len = piece;
                }
            }
        }
        out
    }
}

fn number(text: &[u8]) -> Option<u32> {
    parse_u64(text)
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| *n > 0)
}

fn range_text(a: u32, b: u32) -> String {
    match b {
        OPEN => format!("{a}:*"),
        _ if a == b => a.to_string(),
        _ => format!("{a}:{b}"),
    }
}

impl FromIterator<u32> for SequenceSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self {
            ranges: numbers
                .into_iter()
                .filter(|n| *n > 0)
                .map(|n| (n, n))
                .collect(),
        };
        set.normalise();
        set
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (a, b)) in self.ranges.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(&range_text(*a, *b))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn sets_print_and_parse() {
        for (input, output, len) in [
            ("4:18,21,28", "4:18,21,28", 17),
            ("3:1,2", "1:3", 3),
            ("5,5,6", "5:6", 2),
            ("", "", 0),
            ("x,0,7", "7", 1),
            ("9:*", "9:*", u64::MAX),
            ("1,12,9:*", "1,9:*", u64::MAX),
        ] {
            let set = SequenceSet::parse(input.as_bytes());
            assert_eq!(set.to_string(), output);
            assert_eq!(set.len(), len);
        }
    }

    #[test]
    fn adding_keeps_order() {
        let mut set = SequenceSet::new();
        for n in [5, 6, 9, 1, 7, 8, 0] {
            set.add(n);
        }
        assert_eq!(set.to_string(), "1,5:9");
        assert!(set.contains(6) && !set.contains(2) && !set.contains(10));
        let open = SequenceSet::from(7);
        assert!(open.contains(1000) && !open.contains(6));
        assert_eq!(
            [9, 3, 4].into_iter().collect::<SequenceSet>().to_string(),
            "3:4,9"
        );
    }

    #[test]
    fn splitting_keeps_everything() {
        let set: SequenceSet = (1..2000).step_by(2).collect();
        let parts = set.split(100);
        assert!(parts.iter().all(|p| p.to_string().len() <= 100));
        let back: SequenceSet = parts
            .iter()
            .flat_map(|p| p.iter().collect::<Vec<_>>())
            .collect();
        assert_eq!(back, set);
    }
}
