//! A mail address.

use url::Host;

/// Longest local part, in bytes (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// Longest domain, in bytes (RFC 1035 section 2.3.4, as text).
const MAX_DOMAIN: usize = 253;

/// An address whose domain can be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// As it was given.
    text: String,
    /// Where the local part ends.
    at: usize,
    /// The domain in IDNA form, lower case.
    ascii: String,
}

impl Address {
    /// Reads an address; none when it is no address, or its domain is no name that DNS can hold.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let at = text.rfind('@')?;
        let (local, domain) = (text.get(..at)?, text.get(at + 1..)?);
        if !is_local(local) || domain.contains('%') {
            return None;
        }
        let Ok(Host::Domain(ascii)) = Host::parse(domain) else {
            return None;
        };
        is_name(&ascii).then(|| Self {
            text: text.to_owned(),
            at,
            ascii,
        })
    }

    /// The whole address, as it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The domain in IDNA form.
    pub(crate) fn ascii(&self) -> &str {
        &self.ascii
    }

    /// Fills the placeholders of configuration files in.
    pub(crate) fn fill(&self, template: &str) -> String {
        let local = self.text.get(..self.at).unwrap_or_default();
        let domain = self.text.get(self.at + 1..).unwrap_or_default();
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        // In one pass: what is filled in is not searched again.
        while let Some(start) = rest.find('%') {
            let (before, from) = rest.split_at(start);
            filled.push_str(before);
            let known = [
                ("%EMAILADDRESS%", self.text.as_str()),
                ("%EMAILLOCALPART%", local),
                ("%EMAILDOMAIN%", domain),
            ];
            let hit = known
                .iter()
                .find_map(|(name, value)| Some((from.strip_prefix(name)?, value)));
            rest = match hit {
                Some((after, value)) => {
                    filled.push_str(value);
                    after
                }
                None => {
                    filled.push('%');
                    from.strip_prefix('%').unwrap_or_default()
                }
            };
        }
        filled.push_str(rest);
        filled
    }
}

fn is_local(local: &str) -> bool {
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let plain = |c: char| !c.is_whitespace() && !"@\"(),:;<>[\\]".contains(c);
    !local.is_empty()
        && local.len() <= MAX_LOCAL
        && !local.chars().any(char::is_control)
        && (quoted || local.chars().all(plain))
}

fn is_name(ascii: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    ascii.len() <= MAX_DOMAIN && ascii.split('.').all(label)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn domains_take_their_idna_form() {
        let ascii = |text| Address::parse(text).map(|address| address.ascii);
        assert_eq!(ascii("a@Example.COM").as_deref(), Some("example.com"));
        assert_eq!(
            ascii("a@bücher.example").as_deref(),
            Some("xn--bcher-kva.example")
        );
        assert_eq!(ascii("\"a b\"@example.com").as_deref(), Some("example.com"));
        for bad in [
            "",
            "a",
            "@example.com",
            "a@",
            "a b@example.com",
            "a@exa mple.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@0x7f.1",
            "a@example.com.",
            "a@a..b",
            "a@exa%6dple.com",
            "a@example.com/x",
            "a@example.com:80",
            "a@x?y",
            "a@b@c@",
            "a\r\n@example.com",
            "a@ex\u{0}ample.com",
        ] {
            assert_eq!(ascii(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn placeholders_are_filled_once() {
        let address = Address::parse("%EMAILDOMAIN%@example.com").unwrap();
        assert_eq!(
            address.fill("%EMAILADDRESS%|%EMAILLOCALPART%|%EMAILDOMAIN%|%REALNAME%|100%"),
            "%EMAILDOMAIN%@example.com|%EMAILDOMAIN%|example.com|%REALNAME%|100%"
        );
    }
}
