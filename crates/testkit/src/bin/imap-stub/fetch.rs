//! What FETCH says of a message.

use super::mailbox::Message;

/// The value of a header field, unfolded.
fn header<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    let head = raw.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn string(value: Option<&str>) -> String {
    match value {
        Some(value) => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        None => "NIL".to_owned(),
    }
}

fn addresses(value: Option<&str>) -> String {
    let Some(value) = value else {
        return "NIL".to_owned();
    };
    let (name, address) = match value.split_once('<') {
        Some((name, rest)) => (Some(name.trim()), rest.trim_end_matches('>')),
        None => (None, value),
    };
    let (local, host) = address.split_once('@').unwrap_or((address, ""));
    format!(
        "(({} NIL {} {}))",
        string(name),
        string(Some(local)),
        string(Some(host))
    )
}

fn envelope(raw: &str) -> String {
    let from = addresses(header(raw, "From"));
    format!(
        "({} {} {from} {from} {from} {} NIL NIL {} {})",
        string(header(raw, "Date")),
        string(header(raw, "Subject")),
        addresses(header(raw, "To")),
        string(header(raw, "In-Reply-To")),
        string(header(raw, "Message-ID")),
    )
}

/// Everything is plain text here.
fn structure(raw: &str) -> String {
    let body = raw.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let lines = body.matches('\n').count();
    format!(
        "(\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL \"8bit\" {} {lines} NIL NIL NIL NIL)",
        body.len()
    )
}

/// Seconds since 1970 as `01-Sep-2026 10:00:00 +0000`.
pub(crate) fn date(seconds: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 {
        (month + 2, era * 400 + year)
    } else {
        (month - 10, era * 400 + year + 1)
    };
    let name = usize::try_from(month)
        .ok()
        .and_then(|month| MONTHS.get(month))
        .copied();
    format!(
        "{day:02}-{}-{year:04} {:02}:{:02}:{:02} +0000",
        name.unwrap_or("Jan"),
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

/// A section of a message: all, the header, some fields of it, the text.
fn section(raw: &[u8], section: &str) -> Vec<u8> {
    let split = raw
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map_or(raw.len(), |at| at + 4);
    let (head, body) = raw.split_at(split);
    let upper = section.to_ascii_uppercase();
    match upper.as_str() {
        "" => raw.to_vec(),
        "TEXT" | "1" => body.to_vec(),
        "HEADER" | "1.MIME" | "MIME" => head.to_vec(),
        fields if fields.starts_with("HEADER.FIELDS") => {
            let inside = fields
                .split_once('(')
                .map_or("", |(_, rest)| rest.trim_end_matches(')'));
            let wanted: Vec<&str> = inside
                .split_whitespace()
                .map(|word| word.trim_matches('"'))
                .collect();
            let not = fields.starts_with("HEADER.FIELDS.NOT");
            let head = String::from_utf8_lossy(head);
            let lines = head.split_inclusive("\r\n").filter(|line| {
                let name = line
                    .split(':')
                    .next()
                    .unwrap_or_default()
                    .to_ascii_uppercase();
                line.contains(':') && wanted.contains(&name.as_str()) != not
            });
            let mut out: Vec<u8> = lines.collect::<String>().into_bytes();
            out.extend_from_slice(b"\r\n");
            out
        }
        _ => Vec::new(),
    }
}

/// One item of a FETCH, with its name.
pub(crate) fn item(message: &Message, name: &str, out: &mut Vec<u8>) {
    let upper = name.to_ascii_uppercase();
    let raw = String::from_utf8_lossy(&message.raw);
    let text = match upper.as_str() {
        "UID" => format!("UID {}", message.uid),
        "FLAGS" => format!("FLAGS ({})", message.flags.join(" ")),
        "INTERNALDATE" => format!("INTERNALDATE \"{}\"", date(message.date)),
        "RFC822.SIZE" => format!("RFC822.SIZE {}", message.raw.len()),
        "MODSEQ" => format!("MODSEQ ({})", message.modseq),
        "ENVELOPE" => format!("ENVELOPE {}", envelope(&raw)),
        "BODYSTRUCTURE" | "BODY" => format!("{upper} {}", structure(&raw)),
        _ => String::new(),
    };
    if !text.is_empty() {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let inside = name
        .split_once('[')
        .and_then(|(_, rest)| rest.rsplit_once(']'));
    let (inside, partial) = inside.unwrap_or(("", ""));
    let mut content = section(&message.raw, inside);
    let mut origin = String::new();
    let range = partial
        .strip_prefix('<')
        .and_then(|range| range.strip_suffix('>'));
    if let Some((from, size)) = range.and_then(|range| range.split_once('.')) {
        let from: usize = from.parse().unwrap_or(0);
        let size: usize = size.parse().unwrap_or(0);
        content = content.into_iter().skip(from).take(size).collect();
        origin = format!("<{from}>");
    }
    out.extend_from_slice(format!("BODY[{inside}]{origin} {{{}}}\r\n", content.len()).as_bytes());
    out.extend_from_slice(&content);
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates() {
        assert_eq!(super::date(0), "01-Jan-1970 00:00:00 +0000");
        assert_eq!(super::date(1_788_256_800), "01-Sep-2026 10:00:00 +0000");
        assert_eq!(super::date(1_709_164_801), "29-Feb-2024 00:00:01 +0000");
    }
}
