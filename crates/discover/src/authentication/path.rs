//! The hop at which a message came to its receiver.
//!
//! Each server puts its `Received` above those that are there. The uppermost are the receiver's and can be believed; from some
//! line on downwards they are the sender's, who could write what he likes. The border is the last line of the receiver, that of
//! the server which took the message from the sender's: its client is the address that SPF is about. It is found from above:
//!
//! 1. A line without a client address, or with one that is not reached from outside (127.0.0.1, 10.0.0.1, fd00::1), tells of a
//!    hop inside the receiver's house: a content filter, LMTP.
//! 2. So does one whose client has a name in the domain of the server that wrote it: large providers hand a message from host to
//!    host of theirs by public addresses.
//! 3. The first line that is neither is the border.
//! 4. A line that tells of a submission with a password (`with ESMTPSA`, RFC 3848) is the sender's first: nothing is looked for
//!    from there on.
//!
//! Where the sender and the receiver are one house, rule 2 passes by every hop. Then the uppermost line with a public address is
//! taken, if there is one above the submission.

use std::net::IpAddr;

use mail_parser::{Header, HeaderName, HeaderValue, Host, Protocol, Received};

/// So many lines are looked at.
const MOST: usize = 50;

/// The border.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Border {
    /// The sending server.
    pub(super) client: IpAddr,
    /// What it called itself.
    pub(super) helo: String,
    /// The receiving server.
    pub(super) by: Option<String>,
    /// The number of the header.
    pub(super) place: usize,
}

impl Border {
    /// The border of a message, from its headers.
    pub(super) fn find(headers: &[Header<'_>]) -> Option<Self> {
        let mut inner = None;
        let lines = headers.iter().enumerate();
        let lines = lines.filter(|(_, header)| header.name == HeaderName::Received);
        for (place, header) in lines.take(MOST) {
            // A line in a form of its own tells of no address.
            let HeaderValue::Received(line) = &header.value else {
                continue;
            };
            if is_submission(line) {
                break;
            }
            let Some(client) = line.from_ip.or_else(|| address(line.from.as_ref())) else {
                continue;
            };
            let client = client.to_canonical();
            if !is_outside(client) {
                continue;
            }
            let name = |host: Option<&Host<'_>>| match host {
                Some(Host::Name(name)) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
                _ => None,
            };
            let (from, by) = (name(line.from.as_ref()), name(line.by.as_ref()));
            let reverse = line
                .from_iprev
                .as_ref()
                .map(|name| name.to_ascii_lowercase());
            let border = Self {
                client,
                helo: from.clone().unwrap_or_default(),
                by: by.clone(),
                place,
            };
            let inside = by.is_some_and(|by| {
                [from, reverse]
                    .iter()
                    .flatten()
                    .any(|host| same_house(host, &by))
            });
            if !inside {
                return Some(border);
            }
            inner.get_or_insert(border);
        }
        inner
    }
}

fn address(host: Option<&Host<'_>>) -> Option<IpAddr> {
    match host {
        Some(Host::IpAddr(address)) => Some(*address),
        _ => None,
    }
}

/// Taken from somebody who gave a password (RFC 3848, RFC 6531).
fn is_submission(line: &Received<'_>) -> bool {
    use Protocol::{ESMTPA, ESMTPSA, LMTPA, LMTPSA, UTF8LMTPA, UTF8LMTPSA, UTF8SMTPA, UTF8SMTPSA};
    matches!(
        line.with,
        Some(ESMTPA | ESMTPSA | LMTPA | LMTPSA | UTF8LMTPA | UTF8LMTPSA | UTF8SMTPA | UTF8SMTPSA)
    )
}

/// An address that is not only known within one house.
fn is_outside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            // 100.64.0.0/10: behind the address translation of a provider (RFC 6598).
            let shared = a == 100 && (64..128).contains(&b);
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_unspecified())
        }
    }
}

/// Whether two hosts are of one organisation, as far as their names tell: the last two labels agree, or three where the last but
/// one is so short that it may be part of a public suffix (`co.uk`).
pub(super) fn same_house(one: &str, other: &str) -> bool {
    fn house(name: &str) -> Option<String> {
        let labels: Vec<&str> = name.trim_matches('.').rsplit('.').collect();
        let count = if labels.get(1)?.len() > 3 { 2 } else { 3 };
        let own = labels.get(..count.min(labels.len()))?;
        Some(own.join(".").to_ascii_lowercase())
    }
    house(one).is_some_and(|own| house(other) == Some(own))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mail_parser::MessageParser;

    fn border(lines: &[&str]) -> Option<(String, String)> {
        let text: String = lines
            .iter()
            .map(|line| format!("Received: {line}\r\n"))
            .collect();
        let text = format!("{text}\r\n");
        let message = MessageParser::new().parse_headers(text.as_bytes()).unwrap();
        let found = Border::find(message.headers())?;
        Some((found.client.to_string(), found.helo))
    }

    const DATE: &str = "id 4XYZ; Sat, 28 Nov 2026 12:00:00 +0000 (UTC)";

    fn hop(from: &str, by: &str, with: &str) -> String {
        format!("from {from}\r\n\tby {by} (Postfix) with {with} {DATE}")
    }

    #[test]
    fn the_first_line_from_another_house_counts() {
        let filter = hop(
            "localhost (localhost [127.0.0.1])",
            "mx.receiver.net",
            "ESMTP",
        );
        let relay = hop(
            "front.receiver.net (front.receiver.net [198.51.100.7])",
            "store.receiver.net",
            "ESMTPS",
        );
        let taken = hop(
            "mail.sender.com (out1.sender.com [203.0.113.5])",
            "front.receiver.net",
            "ESMTPS",
        );
        let forged = hop(
            "evil.org (evil.org [192.0.2.66])",
            "mail.sender.com",
            "ESMTP",
        );
        let expected = Some(("203.0.113.5".to_owned(), "mail.sender.com".to_owned()));
        assert_eq!(border(&[&filter, &relay, &taken, &forged]), expected);
        assert_eq!(border(&[&taken]), expected);
        let six = "from a.b.org (a.b.org [IPv6:2001:db8::5]) by mx.receiver.net with ESMTPS id 1;\r\n Sat, 28 Nov 2026 12:00:00 +0000";
        assert_eq!(border(&[six]).unwrap().0, "2001:db8::5");
    }

    #[test]
    fn nothing_is_looked_for_below_a_submission() {
        let taken = hop(
            "laptop (home.isp.com [203.0.113.5])",
            "mail.sender.com",
            "ESMTPSA",
        );
        let forged = hop(
            "evil.org (evil.org [192.0.2.66])",
            "mail.sender.com",
            "ESMTP",
        );
        assert_eq!(border(&[&taken, &forged]), None);
        // One house: its own hop is the best there is.
        let own = hop(
            "out.sender.com (out.sender.com [203.0.113.9])",
            "mx.sender.com",
            "ESMTPS",
        );
        assert_eq!(border(&[&own, &taken]).unwrap().0, "203.0.113.9");
    }

    #[test]
    fn public_suffixes_are_no_house() {
        assert!(same_house("a.example.com", "b.c.example.com"));
        assert!(same_house("mx.bbc.co.uk", "out.bbc.co.uk"));
        assert!(!same_house("mail.sender.co.uk", "mx.receiver.co.uk"));
        assert!(!same_house("example.com", "example.org"));
        assert!(!same_house("localhost", "localhost"));
    }
}
