//! What an IMAP server says, line by line, with some lines left out.

/// What of the news is left out that a server tells while a client idles (RFC 2177): as if it had forgotten to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// `EXISTS` and `RECENT`: new messages.
    Arrivals,
    /// Those, and `EXPUNGE`, `VANISHED` and `FETCH`: everything.
    All,
}

impl News {
    fn hides(self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line).to_ascii_uppercase();
        let Some(rest) = line.strip_prefix("* ") else {
            return false;
        };
        let number = rest.starts_with(|first: char| first.is_ascii_digit());
        let verb = rest.split([' ', '\r', '\n']).nth(usize::from(number));
        match verb.unwrap_or_default() {
            "EXISTS" | "RECENT" => number,
            "EXPUNGE" | "FETCH" => number && self == Self::All,
            "VANISHED" => self == Self::All,
            _ => rest.starts_with("VANISHED") && self == Self::All,
        }
    }
}

/// Cuts a stream into lines; literals pass as they are.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Of a line whose end has not come.
    begun: Vec<u8>,
    /// Bytes of a literal that are still to come.
    literal: usize,
    /// The line under way, with a literal in it, is left out.
    hiding: bool,
}

impl Lines {
    /// What is to be forwarded of this piece.
    pub(super) fn pass(&mut self, mut piece: &[u8], hide: Option<News>) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len());
        while !piece.is_empty() {
            if self.literal > 0 {
                let (literal, rest) = piece.split_at(self.literal.min(piece.len()));
                self.literal -= literal.len();
                piece = rest;
                if !self.hiding {
                    out.extend_from_slice(literal);
                }
                continue;
            }
            let Some(end) = piece.iter().position(|byte| *byte == b'\n') else {
                self.begun.extend_from_slice(piece);
                break;
            };
            let (last, rest) = piece.split_at(end + 1);
            piece = rest;
            self.begun.extend_from_slice(last);
            let line = std::mem::take(&mut self.begun);
            self.hiding |= hide.is_some_and(|news| news.hides(&line));
            if !self.hiding {
                out.extend_from_slice(&without_starttls(line.clone()));
            }
            self.literal = literal(&line).unwrap_or(0);
            if self.literal == 0 {
                self.hiding = false;
            }
        }
        out
    }
}

/// A client that is not offered TLS goes on without, where its lines can be seen.
fn without_starttls(line: Vec<u8>) -> Vec<u8> {
    let word = b" STARTTLS";
    let capability = line.windows(10).any(|window| window == b"CAPABILITY");
    match line.windows(word.len()).position(|window| window == word) {
        Some(at) if capability => [&line[..at], &line[at + word.len()..]].concat(),
        _ => line,
    }
}

/// The size in `{12}` or `{12+}` at the end of a line.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_suffix(b"}")?;
    let start = line.iter().rposition(|byte| *byte == b'{')?;
    let digits = std::str::from_utf8(line.get(start + 1..)?).ok()?;
    digits.trim_end_matches('+').parse().ok()
}

/// Whether the client idles, by what it says.
#[derive(Debug, Default)]
pub(super) struct Idling {
    begun: Vec<u8>,
}

impl Idling {
    /// Takes what the client said; whether it began or ended to idle.
    pub(super) fn hear(&mut self, piece: &[u8]) -> Option<bool> {
        let mut idles = None;
        for byte in piece {
            // Commands are short; what is longer is a message on its way.
            if self.begun.len() < 4096 {
                self.begun.push(*byte);
            }
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&self.begun).to_ascii_uppercase();
                let line = line.trim_end();
                if line == "DONE" {
                    idles = Some(false);
                } else if line.split(' ').nth(1) == Some("IDLE") {
                    idles = Some(true);
                }
                self.begun.clear();
            }
        }
        idles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pieces: &[&str], hide: Option<News>) -> String {
        let mut lines = Lines::default();
        let passed = pieces
            .iter()
            .flat_map(|piece| lines.pass(piece.as_bytes(), hide));
        String::from_utf8(passed.collect()).unwrap()
    }

    #[test]
    fn news_are_left_out_and_the_rest_is_whole() {
        let said = [
            "* OK hi\r\n* 3 EXI",
            "STS\r\n* 1 RECENT\r\n* 2 EXPUNGE\r\n",
            "* VANISHED 5:7\r\n* 9 FETCH (FLAGS ())\r\n+ idling\r\n",
        ];
        assert_eq!(passed(&said, None), said.concat());
        assert_eq!(
            passed(&said, Some(News::Arrivals)),
            "* OK hi\r\n* 2 EXPUNGE\r\n* VANISHED 5:7\r\n* 9 FETCH (FLAGS ())\r\n+ idling\r\n"
        );
        assert_eq!(passed(&said, Some(News::All)), "* OK hi\r\n+ idling\r\n");
    }

    #[test]
    fn literals_are_not_lines() {
        let said = [
            "* 1 FETCH (BODY[] {14}\r\n* 3 E",
            "XISTS\r\n\r\n)\r\nt1 OK\r\n",
        ];
        assert_eq!(passed(&said, Some(News::Arrivals)), said.concat());
        assert_eq!(passed(&said, Some(News::All)), "t1 OK\r\n");
    }

    #[test]
    fn starttls_is_not_offered() {
        let said = ["* OK [CAPABILITY IMAP4rev1 STARTTLS IDLE] hi\r\n"];
        assert_eq!(
            passed(&said, None),
            "* OK [CAPABILITY IMAP4rev1 IDLE] hi\r\n"
        );
    }

    #[test]
    fn idling_is_heard() {
        let mut idling = Idling::default();
        assert_eq!(idling.hear(b"a1 SELECT INBOX\r\na2 ID"), None);
        assert_eq!(idling.hear(b"LE\r\n"), Some(true));
        assert_eq!(idling.hear(b"DONE\r\n"), Some(false));
    }
}
