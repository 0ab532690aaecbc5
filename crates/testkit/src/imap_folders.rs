//! Folders of the IMAP client of the tests: list, look, and what the server says of copies.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::imap_client::{ImapClient, quoted};

impl ImapClient {
    /// Capabilities, as the server writes them.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn capabilities(&mut self) -> Vec<String> {
        let lines = self.command("CAPABILITY").await;
        let line = lines.iter().map(|line| String::from_utf8_lossy(line));
        let line = line
            .into_iter()
            .find(|line| line.starts_with("* CAPABILITY "));
        let line = line.unwrap_or_default().into_owned();
        line.split(' ').skip(2).map(str::to_owned).collect()
    }

    /// All folders that can be opened, as the server writes them (modified UTF-7).
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn folders(&mut self) -> Vec<String> {
        let lines = self.command("LIST \"\" \"*\"").await;
        lines.iter().filter_map(|line| listed(line)).collect()
    }

    /// UIDVALIDITY of a folder.
    ///
    /// # Panics
    /// When the server refuses or does not say.
    pub async fn uid_validity(&mut self, folder: &str) -> u32 {
        let command = format!("STATUS {} (UIDVALIDITY)", quoted(folder));
        for _ in 0..50 {
            let lines = self.command(&command).await;
            let found = lines.iter().find_map(|line| {
                let line = String::from_utf8_lossy(line).into_owned();
                let rest = line.split("UIDVALIDITY ").nth(1)?;
                rest.split([' ', ')']).next()?.parse().ok()
            });
            match found {
                // Dovecot says so while somebody else opens a new folder.
                Some(0) => tokio::time::sleep(Duration::from_millis(20)).await,
                Some(found) => return found,
                None => break,
            }
        }
        panic!("no UIDVALIDITY of {folder}")
    }

    /// Opens a folder (`EXAMINE`) and returns the flags of each message by UID.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn flags_by_uid(&mut self, folder: &str) -> BTreeMap<u32, Vec<String>> {
        self.command(&format!("EXAMINE {}", quoted(folder))).await;
        let lines = self.command("UID FETCH 1:* (UID FLAGS)").await;
        lines
            .iter()
            .filter_map(|line| uid_and_flags(line))
            .collect()
    }

    /// Which UID each message got, from the answer to a `COPY` or `MOVE` (`COPYUID`, RFC 4315 and 6851).
    #[must_use]
    pub fn copied(answer: &[Vec<u8>]) -> Vec<(u32, u32)> {
        let lines = answer.iter().map(|line| String::from_utf8_lossy(line));
        let found = lines.into_iter().find_map(|line| {
            let rest = line.split("COPYUID ").nth(1)?.split(']').next()?.to_owned();
            let mut words = rest.split(' ').skip(1);
            Some((numbers(words.next()?), numbers(words.next()?)))
        });
        let (from, to) = found.unwrap_or_default();
        from.into_iter().zip(to).collect()
    }
}

/// `1:3,7` as numbers.
fn numbers(set: &str) -> Vec<u32> {
    let ranges = set.split(',').filter_map(|range| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        Some(first.min(last)..=first.max(last))
    });
    ranges.flatten().collect()
}

/// The name in `* LIST (\HasNoChildren) "/" "Sent"`; none when the folder cannot be opened.
fn listed(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let rest = line.strip_prefix("* LIST (")?;
    let (attributes, rest) = rest.split_once(") ")?;
    let attributes = attributes.to_lowercase();
    if attributes.contains("\\noselect") || attributes.contains("\\nonexistent") {
        return None;
    }
    let (_, name) = rest.split_once(' ')?;
    let bare = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    Some(match bare {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    })
}

fn uid_and_flags(line: &[u8]) -> Option<(u32, Vec<String>)> {
    let line = String::from_utf8_lossy(line);
    if !line.contains(" FETCH (") {
        return None;
    }
    let uid = line.split("UID ").nth(1)?.split([' ', ')']).next()?;
    let flags = line.split("FLAGS (").nth(1)?.split(')').next()?;
    let flags = flags.split_whitespace().map(str::to_owned).collect();
    Some((uid.parse().ok()?, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        assert_eq!(numbers("1:3,7"), [1, 2, 3, 7]);
        let answer = vec![
            b"* OK [COPYUID 9 1:2,5 7,8,9] Moved".to_vec(),
            b"t1 OK".to_vec(),
        ];
        assert_eq!(ImapClient::copied(&answer), [(1, 7), (2, 8), (5, 9)]);
        assert_eq!(
            listed(b"* LIST (\\HasNoChildren) \"/\" \"A \\\" B\""),
            Some("A \" B".to_owned())
        );
        assert_eq!(listed(b"* LIST (\\NoSelect) \"/\" A"), None);
        assert_eq!(
            uid_and_flags(b"* 3 FETCH (UID 9 FLAGS (\\Seen Work))"),
            Some((9, vec!["\\Seen".to_owned(), "Work".to_owned()]))
        );
    }
}
