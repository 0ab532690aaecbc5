//! Lines of a text, and addresses in them.

/// A line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Without white space around it, and without the sign of a quotation or of a list.
    pub(super) bare: &'a str,
    lower: String,
    /// It goes on with what the line before began.
    pub(super) is_inside: bool,
    /// It is drawn with dashes.
    is_drawn: bool,
}

/// A line that is longer holds no address that is alone in it.
const MAX_ALONE: usize = 320;

impl<'a> Line<'a> {
    /// A line after `before`.
    pub(super) fn new(line: &'a str, before: Option<&Line<'_>>) -> Self {
        let is_indented = line.starts_with([' ', '\t']);
        let bare = line.trim().trim_matches(['*', '•', '·']);
        let bare = bare
            .strip_prefix("- ")
            .or_else(|| bare.strip_prefix("-- "))
            .or_else(|| bare.strip_prefix("> "))
            .unwrap_or(bare)
            .trim();
        Self {
            is_drawn: line.trim_start().starts_with("--") || line.trim_start().starts_with("=="),
            is_inside: is_indented && before.is_some_and(|before| !before.bare.is_empty()),
            bare,
            lower: bare.to_lowercase(),
        }
    }

    /// One of these phrases is in it.
    pub(super) fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.lower.contains(phrase))
    }

    /// It parts a text from what follows: drawn with dashes, or a heading.
    pub(super) fn is_rule(&self) -> bool {
        self.is_drawn || self.bare.ends_with(':') && self.bare.len() < 45
    }
}

/// It looks like an address: something, `@`, a domain with a dot.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_plain = |c: char| {
        !c.is_whitespace()
            && !c.is_control()
            && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"' | ':' | '\\')
    };
    let is_domain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    !local.is_empty()
        && local.len() <= 128
        && domain.len() <= 255
        && local.chars().all(is_plain)
        && !local.contains('@')
        && !local.contains("..")
        && domain.contains('.')
        && domain.chars().all(is_domain)
        && !domain.starts_with('.')
}

fn trimmed(word: &str) -> &str {
    let around = |c: char| {
        matches!(
            c,
            '<' | '>'
                | '('
                | ')'
                | '['
                | ']'
                | '"'
                | '\''
                | '“'
                | '”'
                | '‘'
                | '’'
                | '«'
                | '»'
                | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '*'
                | '|'
        )
    };
    word.trim_matches(around)
        .trim_end_matches('.')
        .trim_matches(around)
}

/// What may stand before an address without white space between.
const KINDS: [&str; 4] = ["mailto", "smtp", "rfc822", "to"];

/// The address of a word like `<address>`, `'address',` or `mailto:address`.
fn of_word(word: &str) -> Option<&str> {
    // `address<mailto:address>`, `TO:<address>`, `[SMTP:address]`, `dda:SMTP=address;`, `rfc822;address`.
    let pieces = word.split(['<', '>']).map(trimmed);
    let bare = pieces.map(|piece| {
        let typed = piece.rsplit_once(['=', ':', ';']).filter(|(kind, _)| {
            let kind = kind.to_ascii_lowercase();
            KINDS.iter().any(|known| kind.ends_with(known))
        });
        typed.map_or(piece, |(_, address)| trimmed(address))
    });
    let mut addresses = bare.filter(|piece| is_address(piece));
    addresses.next()
}

/// All addresses of a line.
pub(super) fn addresses_in(line: &str) -> Vec<String> {
    let words = line.split_whitespace().filter(|word| word.contains('@'));
    words
        .take(20)
        .filter_map(of_word)
        .map(str::to_owned)
        .collect()
}

/// `<address>` at the begin of a line, and what follows it: a colon and the reason, or nothing.
pub(super) fn in_angles(line: &str) -> Option<(String, &str)> {
    let (address, rest) = line.strip_prefix('<')?.split_once('>')?;
    let rest = rest.trim_start();
    // `<a> (expanded from <b>): reason`
    let rest = match rest.strip_prefix('(') {
        Some(note) => note
            .split_once(')')
            .map_or(rest, |(_, rest)| rest.trim_start()),
        None => rest,
    };
    let is_head = rest.is_empty() || rest.starts_with(':') || rest.starts_with("...");
    let rest = rest.trim_start_matches([':', '.']).trim_start();
    (is_head && is_address(address)).then(|| (address.to_owned(), rest))
}

/// An address that is alone on its line, or the first word with what is said of it in brackets or after a dash, colon or comma.
pub(super) fn address_alone(line: &str) -> Option<(String, &str)> {
    if line.len() > MAX_ALONE && !line.contains('@') {
        return None;
    }
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let address = of_word(first);
    if let Some(address) = address {
        let rest = rest.trim();
        let is_head = rest.is_empty()
            || first.ends_with([':', ','])
            || rest.starts_with(['(', '-', ':', '–', ',', '['])
            || rest.starts_with("on ");
        let is_again = addresses_in(rest).iter().any(|other| other == address);
        // `address on 02.03.2026`, `address<mailto:address>`: no reason.
        let rest = if is_again || rest.starts_with("on ") {
            ""
        } else {
            rest.trim_start_matches(['-', ':', '–', ',', ' '])
        };
        return (is_head || is_again).then(|| (address.to_owned(), rest));
    }
    let before = line.split(['<', '(']).next().unwrap_or(line);
    if before.contains([':', '：']) {
        return None;
    }
    // `Name (address)` and `Name<mailto:address>`, as Exchange has them.
    let mut found = addresses_in(line).into_iter();
    let only = found.next()?;
    let is_last = line
        .trim_end_matches([')', '>', '.', ':'])
        .ends_with(only.as_str());
    let has_bracket = line.contains(['(', '<']);
    (is_last
        && has_bracket
        && line.split_whitespace().count() <= 6
        && found.all(|other| other == only))
    .then_some((only, ""))
}

/// `Label: value`, the label in lower case.
pub(super) fn label(line: &str) -> Option<(String, &str)> {
    let at = line.find([':', '：'])?;
    let (name, rest) = line.split_at_checked(at)?;
    let name = name.trim().trim_matches('*').to_lowercase();
    let mut rest = rest.chars();
    rest.next();
    (!name.is_empty() && name.len() <= 60).then_some((name, rest.as_str().trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_their_places() {
        assert_eq!(
            addresses_in("to <a@x.example>, 'b@x.example'. And c@x"),
            ["a@x.example", "b@x.example"]
        );
        assert_eq!(addresses_in("RCPT TO:<a@x.example>:"), ["a@x.example"]);
        let got = in_angles("<a@x.example> (expanded from <b@x.example>): host m said: 550");
        assert_eq!(got, Some(("a@x.example".to_owned(), "host m said: 550")));
        assert_eq!(in_angles("<a@x.example> wrote"), None);
        assert_eq!(
            address_alone("  a@x.example".trim()),
            Some(("a@x.example".to_owned(), ""))
        );
        assert_eq!(
            address_alone("Ann Other (a@x.example)<mailto:a@x.example>"),
            Some(("a@x.example".to_owned(), ""))
        );
        assert_eq!(address_alone("write to a@x.example for help with it"), None);
    }
}
