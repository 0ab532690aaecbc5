//! What the first bytes of a text say against its label.

/// So many bytes are looked at.
pub(crate) const LOOKED_AT: usize = 1024;

/// Whether a text that is said to be base64 is plainly none: words with spaces between them, of any length. What an editor or a
/// broken filter does to real base64 (other line breaks, indentation, spaces, a stray sign) leaves it in whole groups of four.
pub(crate) fn is_no_base64(start: &[u8]) -> bool {
    let is_of_base64 = |byte: &&u8| **byte == b'=' || crate::decode::base64_value(**byte).is_some();
    let (mut words, mut odd) = (0, 0);
    let mut lines_of_words = 0;
    for line in start.split(|b| *b == b'\n') {
        let mut in_line = 0;
        for word in line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
        {
            in_line += 1;
            odd += usize::from(word.iter().filter(is_of_base64).count() % 4 != 0);
        }
        words += in_line;
        lines_of_words += usize::from(in_line > 2);
    }
    lines_of_words > 0 && odd * 2 >= words
}

/// The charset that the head of an HTML document names in a `meta` element (HTML, section 4.2.5.4).
pub(crate) fn html_charset(start: &[u8]) -> String {
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    for tag in start.split("<meta").skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let Some((_, rest)) = tag.split_once("charset") else {
            continue;
        };
        let Some(value) = rest.trim_start().strip_prefix('=') else {
            continue;
        };
        let value =
            value.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/');
        let label = value.split(end).next().unwrap_or_default();
        // The sender could not have written the element in these.
        if label.starts_with("utf-16") || label.starts_with("utf-7") {
            return String::new();
        }
        return label.to_owned();
    }
    String::new()
}
