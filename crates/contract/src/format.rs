//! What a text must look like to be an address, a URI, a host name.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::schema::{IpRule, StringFormat};

/// Longest mail address, RFC 5321 section 4.5.3.1 with room for a long domain.
const MAX_EMAIL: usize = 320;
/// Longest local part, RFC 5321 section 4.5.3.1.1.
const MAX_LOCAL: usize = 64;
/// Longest domain, RFC 1035 section 2.3.4.
const MAX_DOMAIN: usize = 253;
/// Longest label, RFC 1035 section 2.3.4.
const MAX_LABEL: usize = 63;

/// Why a text does not have this format, as the end of a sentence. Dates are converted elsewhere.
pub(crate) fn refusal(
    format: StringFormat,
    schemes: &[&str],
    text: &str,
) -> Option<Cow<'static, str>> {
    let (good, reason) = match format {
        StringFormat::DateTime => return None,
        StringFormat::Email => (is_email(text), "must be a valid email"),
        StringFormat::Hostname => (is_hostname(text), "must be a valid hostname"),
        StringFormat::Uuid => (is_uuid(text), "must be a valid GUID"),
        StringFormat::Ip(rule) if rule.cidr => (
            is_ip(text, rule),
            "must be a valid ip address with an optional CIDR",
        ),
        StringFormat::Ip(rule) => (
            is_ip(text, rule),
            "must be a valid ip address with a forbidden CIDR",
        ),
        StringFormat::Uri if schemes.is_empty() => (is_uri(text, schemes), "must be a valid uri"),
        StringFormat::Uri => {
            return (!is_uri(text, schemes)).then(|| {
                let schemes = schemes.join("|");
                format!("must be a valid uri with a scheme matching the {schemes} pattern").into()
            });
        }
    };
    (!good).then_some(Cow::Borrowed(reason))
}

/// A mail address: RFC 5321 `Mailbox` with RFC 6531 letters, any syntactically valid domain.
fn is_email(text: &str) -> bool {
    if text.len() > MAX_EMAIL {
        return false;
    }
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    is_local_part(local) && is_mail_domain(domain)
}

fn is_local_part(local: &str) -> bool {
    if local.is_empty() || local.len() > MAX_LOCAL {
        return false;
    }
    if let Some(inner) = local
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        return is_quoted_inner(inner);
    }
    local.split('.').all(|atom| {
        !atom.is_empty()
            && atom.chars().all(|c| {
                c.is_ascii_alphanumeric()
                    || "!#$%&'*+-/=?^_`{|}~".contains(c)
                    || (!c.is_ascii() && !c.is_control() && !c.is_whitespace())
            })
    })
}

fn is_quoted_inner(inner: &str) -> bool {
    let mut escaped = false;
    for c in inner.chars() {
        if c.is_control() || (!escaped && c == '"') {
            return false;
        }
        escaped = !escaped && c == '\\';
    }
    !escaped
}

fn is_mail_domain(domain: &str) -> bool {
    match domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(literal) => match literal.strip_prefix("IPv6:") {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => literal.parse::<Ipv4Addr>().is_ok(),
        },
        None => is_domain(domain),
    }
}

fn is_domain(domain: &str) -> bool {
    !domain.is_empty()
        && domain.len() <= MAX_DOMAIN
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= MAX_LABEL
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|c| c == '-' || c == '_' || c.is_alphanumeric())
        })
}

/// A host name, with or without the final dot, or an IP address.
fn is_hostname(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let bracketed = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    if let Some(address) = bracketed {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    is_domain(text.strip_suffix('.').unwrap_or(text))
}

/// An absolute URI whose scheme is one of `schemes`, if any are given.
fn is_uri(text: &str, schemes: &[&str]) -> bool {
    if text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
    {
        return false;
    }
    let Ok(url) = url::Url::parse(text) else {
        return false;
    };
    if !schemes.is_empty() && !schemes.contains(&url.scheme()) {
        return false;
    }
    url.scheme() == "mailto" || url.host_str().is_some_and(|host| !host.is_empty())
}

/// A UUID in its hyphenated form, any version.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// An IP address, or a network where the rule admits a prefix length.
fn is_ip(text: &str, rule: IpRule) -> bool {
    let address = match text.split_once('/') {
        None => text,
        Some(_) if !rule.cidr => return false,
        Some((address, _)) => {
            if text.parse::<ipnet::IpNet>().is_err() {
                return false;
            }
            address
        }
    };
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => rule.v4,
        Ok(IpAddr::V6(_)) => rule.v6,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses() {
        for good in [
            "a@b",
            "user@example.com",
            "x@host.example",
            "x@y.invalid",
            "first.last+tag@sub.example.test",
            "\"odd name\"@example.com",
            "m@[127.0.0.1]",
            "m@[IPv6:::1]",
            "jõgeva@dõmain.ee",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "nope",
            "@example.com",
            "a@",
            "a b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a@-x.com",
            "a@x..com",
            "a@[1.2.3]",
            "a\r\nb@example.com",
            "\"a\"b\"@example.com",
            "\"a\\\"@example.com",
            "<a@example.com>",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn uris() {
        let web = ["http", "https"];
        for good in [
            "https://example.com",
            "http://u:p@127.0.0.1:8080/x?y#z",
            "http://[::1]/",
        ] {
            assert!(is_uri(good, &web), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://a b/",
            "https:\\\\x",
        ] {
            assert!(!is_uri(bad, &web), "{bad}");
        }
        assert!(is_uri("socks5://localhost:1080", &["socks5"]));
        assert!(is_uri("mailto:a@example.com", &["mailto"]));
    }

    #[test]
    fn hosts_and_addresses() {
        for good in [
            "localhost",
            "imap.example.com.",
            "test-list",
            "127.0.0.1",
            "::1",
            "[::1]",
        ] {
            assert!(is_hostname(good), "{good}");
        }
        for bad in ["", ".", "a..b", "-a", "a b", "a/b", "http://a"] {
            assert!(!is_hostname(bad), "{bad}");
        }
        let rule = IpRule {
            v4: true,
            v6: true,
            cidr: true,
        };
        assert!(is_ip("10.0.0.0/8", rule) && is_ip("::1", rule) && is_ip("fd00::/8", rule));
        assert!(!is_ip("10.0.0.0/33", rule) && !is_ip("10.0.0/8", rule) && !is_ip("x", rule));
        let single = IpRule {
            cidr: false,
            ..rule
        };
        assert!(is_ip("10.1.2.3", single) && !is_ip("10.0.0.0/8", single));
        assert!(is_uuid("6420a6ad-7f82-4e4f-8112-82a9dad1f34d") && !is_uuid("6420a6ad"));
    }
}
