//! Commands, read leniently.

/// A part of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// An atom, a quoted string or a literal.
    Text(Vec<u8>),
    /// What stood in parentheses.
    List(Vec<Item>),
}

impl Item {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Self::List(_) => String::new(),
        }
    }

    pub(crate) fn upper(&self) -> String {
        self.text().to_ascii_uppercase()
    }

    /// What is in it; itself when it is no list.
    pub(crate) fn items(&self) -> Vec<Item> {
        match self {
            Self::List(items) => items.clone(),
            Self::Text(_) => vec![self.clone()],
        }
    }
}

/// The size of the literal that a command announces at its end, and whether it waits for a go.
pub(crate) fn literal(command: &[u8]) -> Option<(usize, bool)> {
    let line = command.strip_suffix(b"}\r\n")?;
    let start = line.iter().rposition(|byte| *byte == b'{')?;
    let digits = std::str::from_utf8(&line[start + 1..]).ok()?;
    let bare = digits.strip_suffix('+').unwrap_or(digits);
    Some((bare.parse().ok()?, bare == digits))
}

/// All parts of a command.
pub(crate) fn items(command: &[u8]) -> Vec<Item> {
    let mut at = 0;
    list(command, &mut at)
}

fn list(bytes: &[u8], at: &mut usize) -> Vec<Item> {
    let mut items = Vec::new();
    while let Some(byte) = bytes.get(*at) {
        match byte {
            b' ' | b'\r' | b'\n' => *at += 1,
            b')' => {
                *at += 1;
                break;
            }
            b'(' => {
                *at += 1;
                items.push(Item::List(list(bytes, at)));
            }
            b'"' => items.push(Item::Text(quoted(bytes, at))),
            b'{' => items.push(Item::Text(inline(bytes, at))),
            _ => items.push(Item::Text(atom(bytes, at))),
        }
    }
    items
}

fn quoted(bytes: &[u8], at: &mut usize) -> Vec<u8> {
    let mut text = Vec::new();
    *at += 1;
    while let Some(byte) = bytes.get(*at) {
        *at += 1;
        match byte {
            b'"' => break,
            b'\\' => {
                text.extend(bytes.get(*at));
                *at += 1;
            }
            other => text.push(*other),
        }
    }
    text
}

fn inline(bytes: &[u8], at: &mut usize) -> Vec<u8> {
    let rest = &bytes[*at..];
    let line = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(rest.len(), |end| end + 1);
    let size = literal(&rest[..line]).map_or(0, |(size, _)| size);
    let start = *at + line;
    let end = (start + size).min(bytes.len());
    *at = end;
    bytes.get(start..end).unwrap_or_default().to_vec()
}

/// `BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.100>` is one.
fn atom(bytes: &[u8], at: &mut usize) -> Vec<u8> {
    let start = *at;
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(*at) {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b' ' | b')' | b'(' if depth == 0 => break,
            b'\r' | b'\n' => break,
            _ => {}
        }
        *at += 1;
    }
    bytes[start..*at].to_vec()
}

/// Whether a number is in a set such as `1:3,7,9:*`; `last` stands for `*`.
pub(crate) fn in_set(set: &str, number: u32, last: u32) -> bool {
    let value = |word: &str| match word {
        "*" => last,
        digits => digits.parse().unwrap_or(0),
    };
    set.split(',').any(|range| {
        let (first, end) = range.split_once(':').unwrap_or((range, range));
        let (first, end) = (value(first), value(end));
        (first.min(end)..=first.max(end)).contains(&number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_cut_into_parts() {
        let text = |text: &str| Item::Text(text.as_bytes().to_vec());
        let parts = items(
            b"UID FETCH 1:* (FLAGS BODY[HEADER.FIELDS (A B)]<0.9>) \"a \\\" b\" {3}\r\nx y\r\n",
        );
        let list = Item::List(vec![text("FLAGS"), text("BODY[HEADER.FIELDS (A B)]<0.9>")]);
        assert_eq!(
            parts,
            [
                text("UID"),
                text("FETCH"),
                text("1:*"),
                list,
                text("a \" b"),
                text("x y")
            ]
        );
        assert_eq!(literal(b"a {12}\r\n"), Some((12, true)));
        assert_eq!(literal(b"a {12+}\r\n"), Some((12, false)));
        assert!(in_set("3,5:*", 7, 9) && in_set("12:*", 9, 9) && !in_set("3,5:*", 4, 9));
    }
}
