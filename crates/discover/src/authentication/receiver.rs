//! What the receiving server says itself: `Authentication-Results` (RFC 8601) and `Received-SPF` (RFC 7208 section 9.1).
//!
//! A sender can write such fields too. Believed is what stands above the first `Received` below the border (there the receiver's
//! own fields end), and of `Authentication-Results` only those whose first word names a host of the receiver's house, or, where
//! the border is not known, of the server that wrote the uppermost `Received`.

use mail_parser::{Header, HeaderName, HeaderValue, Host};

use super::{path::Border, path::same_house, report::ReceiverVerdicts};

/// What it says.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdicts {
    pub(super) spf: Option<String>,
    dkim: Option<String>,
    dmarc: Option<String>,
}

impl Verdicts {
    /// Reads them from the fields that can be believed.
    pub(super) fn read(headers: &[Header<'_>], raw: &[u8], border: Option<&Border>) -> Self {
        let lines = |after: usize| {
            headers
                .iter()
                .enumerate()
                .skip(after)
                .find(|(_, header)| header.name == HeaderName::Received)
                .map(|(place, header)| (place, &header.value))
        };
        let uppermost = lines(0);
        let (own, host) = match (border, &uppermost) {
            (Some(border), _) => (border.place, border.by.clone()),
            (None, Some((place, HeaderValue::Received(line)))) => (
                *place,
                match &line.by {
                    Some(Host::Name(name)) => Some(name.to_string()),
                    _ => None,
                },
            ),
            _ => return Self::default(),
        };
        let end = lines(own + 1).map_or(headers.len(), |(place, _)| place);
        let mut found = Self::default();
        for header in headers.get(..end).unwrap_or_default() {
            let value = raw.get(header.offset_start as usize..header.offset_end as usize);
            let value = value.map(String::from_utf8_lossy).unwrap_or_default();
            let name = header.name();
            if name.eq_ignore_ascii_case("Authentication-Results") {
                found.add(&value, host.as_deref());
            } else if name.eq_ignore_ascii_case("Received-SPF") {
                let word = value.split_whitespace().next().and_then(word);
                found.spf = found.spf.take().or(word);
            }
        }
        found
    }

    /// Takes one field in; what an upper one says counts.
    fn add(&mut self, value: &str, host: Option<&str>) {
        let value = without_comments(value);
        let mut parts = value.split(';');
        let by = parts.next().unwrap_or_default();
        let by = by.split_whitespace().next().unwrap_or_default();
        if !host.is_some_and(|host| by.eq_ignore_ascii_case(host) || same_house(by, host)) {
            return;
        }
        for part in parts {
            let first = part.split_whitespace().next().unwrap_or_default();
            let Some((method, result)) = first.split_once('=') else {
                continue;
            };
            let place = match method.to_ascii_lowercase().as_str() {
                "spf" => &mut self.spf,
                "dkim" => &mut self.dkim,
                "dmarc" => &mut self.dmarc,
                _ => continue,
            };
            // Of several signatures one that holds is enough.
            match (place.as_deref(), word(result)) {
                (None, some) => *place = some,
                (Some(_), Some(pass)) if pass == "pass" && method.eq_ignore_ascii_case("dkim") => {
                    *place = Some(pass);
                }
                _ => {}
            }
        }
    }

    pub(super) fn report(self, border: Option<&Border>) -> ReceiverVerdicts {
        ReceiverVerdicts {
            host: border.and_then(|border| border.by.clone()),
            spf: self.spf,
            dkim: self.dkim,
            dmarc: self.dmarc,
        }
    }
}

/// A result as a word in lower case; nothing else that may stand in its place.
fn word(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let plain = !text.is_empty()
        && text.len() <= 20
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| text.to_ascii_lowercase())
}

/// A value without what stands in parentheses; there may be semicolons in it.
fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    value
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => {
                    let inside = depth > 0;
                    depth = depth.saturating_sub(1);
                    return !inside;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mail_parser::MessageParser;

    fn read(text: &str) -> ReceiverVerdicts {
        let message = MessageParser::new().parse_headers(text.as_bytes()).unwrap();
        let border = Border::find(message.headers());
        Verdicts::read(message.headers(), text.as_bytes(), border.as_ref()).report(border.as_ref())
    }

    #[test]
    fn only_the_receivers_own_fields_count() {
        let found = read(
            "Authentication-Results: evil.org; spf=pass; dmarc=pass\r\n\
             Authentication-Results: mx.receiver.net;\r\n\tdkim=fail (a; b) header.d=x.org;\r\n\tdkim=pass header.d=sender.com;\r\n\tspf=softfail smtp.mailfrom=a@sender.com\r\n\
             Received: from mail.sender.com (mail.sender.com [203.0.113.5]) by mx1.receiver.net with ESMTPS id 1;\r\n Sat, 28 Nov 2026 12:00:00 +0000\r\n\
             Received-SPF: pass (x)\r\n\
             Received: from a (a [203.0.113.77]) by mail.sender.com with ESMTP id 2;\r\n Sat, 28 Nov 2026 12:00:00 +0000\r\n\
             Authentication-Results: mx.receiver.net; dmarc=pass\r\n\r\n",
        );
        assert_eq!(found.host.as_deref(), Some("mx1.receiver.net"));
        assert_eq!(found.dkim.as_deref(), Some("pass"));
        assert_eq!(found.spf.as_deref(), Some("softfail"));
        assert_eq!(found.dmarc, None, "that field is the sender's");
    }
}
