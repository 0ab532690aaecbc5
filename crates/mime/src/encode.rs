//! What a header needs on its way out: encoded words, addresses, parameters, folding.

use posthouse_model::message::Address;

use crate::build::BuildError;

/// Lines are folded at this width where they can be (RFC 5322 section 2.1.1).
const WIDTH: usize = 76;
/// A single word longer than this could break the limit of 998, so it is written as encoded words.
const MAX_WORD: usize = 900;
/// Longest encoded word: leaves room for a name on the first line (RFC 2047 allows 75).
const MAX_ENCODED: usize = 60;

/// Line breaks and other control characters become single spaces; trimmed.
pub(crate) fn one_line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.trim().to_owned()
}

/// The value of an unstructured field (RFC 2047 section 5 (1)).
pub(crate) fn unstructured(text: &str) -> String {
    let text = one_line(text);
    let words: Vec<&str> = text.split(' ').collect();
    let needs = |word: &&str| !word.is_ascii() || word.contains("=?") || word.len() > MAX_WORD;
    let (Some(first), Some(last)) = (words.iter().position(needs), words.iter().rposition(needs))
    else {
        return text;
    };
    let mut out: Vec<String> = Vec::new();
    out.extend(words.iter().take(first).map(|&word| word.to_owned()));
    out.push(encoded_words(
        &words.get(first..=last).unwrap_or_default().join(" "),
    ));
    out.extend(words.iter().skip(last + 1).map(|&word| word.to_owned()));
    out.join(" ")
}

/// The display name of an address: atoms, a quoted string, or encoded words.
fn phrase(name: &str) -> String {
    let name = one_line(name);
    if !name.is_ascii() || name.contains("=?") || name.len() > MAX_WORD {
        return encoded_words(&name);
    }
    let atoms = name
        .split(' ')
        .all(|word| !word.is_empty() && word.bytes().all(is_atext));
    if atoms { name } else { quote(&name) }
}

fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Safe in an encoded word of a phrase too (RFC 2047 section 5 (3)).
fn is_q_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte)
}

/// UTF-8 encoded words separated by spaces, no character split.
pub(crate) fn encoded_words(text: &str) -> String {
    let q_len = |c: char| {
        let mut buffer = [0; 4];
        c.encode_utf8(&mut buffer)
            .bytes()
            .map(|b| if is_q_safe(b) || b == b' ' { 1 } else { 3 })
            .sum::<usize>()
    };
    let total: usize = text.chars().map(q_len).sum();
    let quoted = total <= text.len().div_ceil(3) * 4;
    let room = MAX_ENCODED - "=?utf-8?Q??=".len();
    let room = if quoted { room } else { room / 4 * 3 };
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut used = 0;
    let close = |word: &mut String, words: &mut Vec<String>| {
        let word = std::mem::take(word);
        if word.is_empty() {
            return;
        }
        words.push(if quoted {
            format!("=?utf-8?Q?{}?=", q_encode(&word))
        } else {
            format!("=?utf-8?B?{}?=", base64_text(word.as_bytes()))
        });
    };
    for c in text.chars() {
        let cost = if quoted { q_len(c) } else { c.len_utf8() };
        if used + cost > room {
            close(&mut word, &mut words);
            used = 0;
        }
        word.push(c);
        used += cost;
    }
    close(&mut word, &mut words);
    words.join(" ")
}

fn q_encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('_'),
            safe if is_q_safe(safe) => out.push(char::from(safe)),
            other => push_hex(&mut out, '=', other),
        }
    }
    out
}

pub(crate) fn push_hex(out: &mut String, sign: char, byte: u8) {
    out.push(sign);
    for digit in [byte >> 4, byte & 15] {
        out.push(
            char::from_digit(u32::from(digit), 16)
                .unwrap_or('0')
                .to_ascii_uppercase(),
        );
    }
}

fn base64_text(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// An address as a field carries it, and whether it needs SMTPUTF8 (RFC 6531): a local part outside
/// ASCII. Other international domains are written in their ASCII form.
pub(crate) fn address(address: &Address) -> Result<(String, bool), BuildError> {
    let name = address
        .name
        .as_deref()
        .map(one_line)
        .filter(|name| !name.is_empty());
    let raw = address.address.trim();
    if raw.is_empty() {
        // An entry without an address is the name of a group.
        return Ok((
            name.map(|name| format!("{}:;", phrase(&name)))
                .unwrap_or_default(),
            false,
        ));
    }
    let (spec, utf8) = addr_spec(raw)?;
    Ok((
        match name {
            Some(name) => format!("{} <{spec}>", phrase(&name)),
            None => spec,
        },
        utf8,
    ))
}

/// `local@domain` in the form that goes on the wire, and whether that needs SMTPUTF8.
pub(crate) fn addr_spec(raw: &str) -> Result<(String, bool), BuildError> {
    let bad = || BuildError::Address(one_line(raw));
    if raw.chars().any(char::is_control) || raw.len() > 998 {
        return Err(bad());
    }
    let (local, domain) = match raw.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (raw, None),
    };
    if local.is_empty() {
        return Err(bad());
    }
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let atoms = local.split('.').all(|atom| {
        !atom.is_empty()
            && atom
                .chars()
                .all(|c| !c.is_ascii() || u8::try_from(c).is_ok_and(is_atext))
    });
    let local = if quoted {
        let inner = local.get(1..local.len() - 1).unwrap_or_default();
        quote(&inner.replace("\\\"", "\"").replace("\\\\", "\\"))
    } else if atoms {
        local.to_owned()
    } else {
        quote(local)
    };
    let utf8 = !local.is_ascii();
    let Some(domain) = domain else {
        return Ok((local, utf8));
    };
    let domain = if utf8 || domain.is_ascii() {
        domain.to_owned()
    } else {
        idna::domain_to_ascii(domain).map_err(|_| bad())?
    };
    let valid = !domain.is_empty()
        && domain
            .chars()
            .all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || ".-_[]:".contains(c));
    if valid {
        Ok((format!("{local}@{domain}"), utf8))
    } else {
        Err(bad())
    }
}

/// An address list as one value.
pub(crate) fn addresses(list: &[Address]) -> Result<(String, bool), BuildError> {
    let mut out = Vec::with_capacity(list.len());
    let mut utf8 = false;
    for entry in list {
        let (text, needs) = address(entry)?;
        utf8 |= needs;
        if !text.is_empty() {
            out.push(text);
        }
    }
    Ok((out.join(", "), utf8))
}

/// A message id with its angle brackets.
pub(crate) fn message_id(id: &str) -> Result<String, BuildError> {
    let inner = id
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>')
        .trim();
    let valid = !inner.is_empty()
        && inner.len() < 900
        && inner
            .chars()
            .all(|c| c.is_ascii_graphic() && !"<>,".contains(c));
    if valid {
        Ok(format!("<{inner}>"))
    } else {
        Err(BuildError::MessageId(one_line(id)))
    }
}

/// The canonical writing of a field's name: each word capitalised, a few names as their RFCs write them.
///
/// # Errors
/// The name has characters that no field name may have (RFC 5322 section 2.2).
pub(crate) fn field_name(name: &str) -> Result<String, BuildError> {
    let name = name.trim();
    let valid = !name.is_empty()
        && name.len() <= 76
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if !valid {
        return Err(BuildError::HeaderName(one_line(name)));
    }
    let words: Vec<String> = name
        .split('-')
        .map(|word| match word.to_ascii_lowercase().as_str() {
            "id" => "ID".to_owned(),
            "mime" => "MIME".to_owned(),
            "dkim" => "DKIM".to_owned(),
            "spf" => "SPF".to_owned(),
            "arc" => "ARC".to_owned(),
            lower => {
                let mut chars = lower.chars();
                chars
                    .next()
                    .map(|first| first.to_ascii_uppercase())
                    .into_iter()
                    .chain(chars)
                    .collect()
            }
        })
        .collect();
    Ok(words.join("-"))
}

/// Writes `name: value` folded at spaces, with its line end.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut column = name.len() + 1;
    let mut solid = false; // the line has more than the name
    if !value.is_empty() {
        for word in value.split(' ') {
            if solid && !word.is_empty() && column + 1 + word.len() > WIDTH {
                out.extend_from_slice(b"\r\n");
                column = 0;
            }
            out.push(b' ');
            out.extend_from_slice(word.as_bytes());
            column += 1 + word.len();
            solid |= !word.is_empty();
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// A parameter, `; ` before it: a token, a quoted string, or RFC 2231 sections.
pub(crate) fn param(name: &str, value: &str) -> String {
    let value = one_line(value);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&b);
    if value.is_ascii() && value.len() <= 60 {
        return if !value.is_empty() && value.bytes().all(token) {
            format!("; {name}={value}")
        } else {
            format!("; {name}={}", quote(&value))
        };
    }
    let mut sections: Vec<String> = vec![String::new()];
    for c in value.chars() {
        let mut buffer = [0; 4];
        let mut piece = String::new();
        for byte in c.encode_utf8(&mut buffer).bytes() {
            if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
                piece.push(char::from(byte));
            } else {
                push_hex(&mut piece, '%', byte);
            }
        }
        // Room for the name, the number, the charset and the semicolon.
        if sections
            .last()
            .is_some_and(|section| section.len() + piece.len() > 46)
        {
            sections.push(String::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push_str(&piece);
        }
    }
    if let [only] = sections.as_slice() {
        return format!("; {name}*=utf-8''{only}");
    }
    let mut out = String::new();
    for (index, section) in sections.iter().enumerate() {
        let charset = if index == 0 { "utf-8''" } else { "" };
        out.push_str(&format!("; {name}*{index}*={charset}{section}"));
    }
    out
}
