//! Bodies on their way out: what may go as it is, line ends, quoted-printable (RFC 2045).

use crate::encode::push_hex;

/// Whether a text may go as it is: ASCII without control characters, short lines, nothing that a mail
/// server on the way would touch.
pub(crate) fn is_seven_bit(text: &[u8]) -> bool {
    text.split(|&b| b == b'\n').all(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.len() <= 900
            && !line.starts_with(b"From ")
            && !line.starts_with(b"----=_")
            && !line.starts_with(b"------=_")
            && line
                .iter()
                .all(|&b| b == b'\t' || (b' '..0x7f).contains(&b))
    })
}

/// A line ends in LF alone, which no mail server may be sent.
pub(crate) fn has_bare_lf(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'\n')
        || bytes
            .windows(2)
            .any(|pair| matches!(pair, [before, b'\n'] if *before != b'\r'))
}

/// Line ends as CRLF, whatever they were.
pub(crate) fn crlf(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    let mut rest = text.as_bytes();
    let line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    while let Some(at) = rest.iter().position(line_end) {
        let (line, end) = rest.split_at(at);
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
        let length = if end.starts_with(b"\r\n") { 2 } else { 1 };
        rest = end.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Quoted-printable of a text with CRLF line ends (RFC 2045 section 6.7).
pub(crate) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut column = 0;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with(b"\r\n") {
            out.push_str("\r\n");
            column = 0;
            at += 2;
            continue;
        }
        // Most of most texts stands for itself, wherever it is in its line but at the beginning or the end.
        if column > 0 {
            let room = rest.get(..75usize.saturating_sub(column)).unwrap_or(rest);
            let plain = |byte: &&u8| matches!(byte, b' '..=b'~') && **byte != b'=';
            let run = room.iter().take_while(plain).count().saturating_sub(1);
            if let Some(Ok(run)) = rest.get(..run).map(std::str::from_utf8)
                && !run.is_empty()
            {
                out.push_str(run);
                column += run.len();
                at += run.len();
                continue;
            }
        }
        let last = rest.len() == 1 || rest.get(1..3) == Some(b"\r\n");
        let literal = match byte {
            b' ' | b'\t' => !last,
            b'=' => false,
            b'.' | b'-' => column > 0, // dots of SMTP, dashes of boundaries
            b'F' => column > 0 || !rest.starts_with(b"From "),
            other => (b'!'..=b'~').contains(&other),
        };
        let cost = if literal { 1 } else { 3 };
        // The line may be full only if it ends here; else it needs room for its `=`.
        if column + cost > 76 - usize::from(!last) {
            out.push_str("=\r\n");
            column = 0;
            continue;
        }
        if literal {
            out.push(char::from(byte));
        } else {
            push_hex(&mut out, '=', byte);
        }
        column += cost;
        at += 1;
    }
    out.into_bytes()
}
