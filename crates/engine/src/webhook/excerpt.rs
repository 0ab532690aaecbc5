//! The beginning of a receiver's answer, as text that can be shown.

/// At most so many bytes of it, without control characters, and without the half of a character at its end.
#[must_use]
pub fn of(body: &[u8], most: usize) -> String {
    let bytes = body.get(..most).unwrap_or(body);
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.get(..error.valid_up_to()),
        _ => None,
    };
    String::from_utf8_lossy(whole.unwrap_or(bytes))
        .chars()
        .map(|char| match char {
            '\n' | '\t' => char,
            char if char.is_control() => '\u{fffd}',
            char => char,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_text() {
        assert_eq!(of("ok\r\n".as_bytes(), 100), "ok\u{fffd}\n");
        assert_eq!(of("aé".as_bytes(), 2), "a");
        assert_eq!(of(b"a\xffb\0", 100), "a\u{fffd}b\u{fffd}");
        assert_eq!(of(b"abc", 2), "ab");
    }
}
