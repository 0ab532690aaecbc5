//! What the server offered.

use crate::reply::Reply;

/// The service extensions in an answer to EHLO (RFC 5321 section 4.1.1.1). After HELO all are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// STARTTLS (RFC 3207).
    pub start_tls: bool,
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// CHUNKING (RFC 3030). Known, not used: DATA streams as well, goes out in one flight with the envelope, and stops before
    /// its last bytes, where the outcome becomes unknown; BDAT would spare the doubled dots alone.
    pub chunking: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_status_codes: bool,
    /// SIZE (RFC 1870): whether it is offered, and the limit in bytes where one is named.
    pub size: Option<Option<u64>>,
    /// AUTH mechanisms (RFC 4954) in upper case, in the server's order.
    pub auth: Vec<String>,
}

impl Capabilities {
    pub(crate) fn from_ehlo(reply: &Reply) -> Self {
        let mut found = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // Old servers write AUTH=LOGIN.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            match words.next().unwrap_or_default() {
                "STARTTLS" => found.start_tls = true,
                "PIPELINING" => found.pipelining = true,
                "8BITMIME" => found.eight_bit_mime = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "CHUNKING" => found.chunking = true,
                "DSN" => found.dsn = true,
                "ENHANCEDSTATUSCODES" => found.enhanced_status_codes = true,
                "SIZE" => {
                    let limit = words.next().and_then(|word| word.parse().ok());
                    found.size = Some(limit.filter(|&limit| limit > 0));
                }
                "AUTH" => {
                    for word in words {
                        if !found.auth.iter().any(|known| known == word) {
                            found.auth.push(word.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The largest message the server takes, in bytes, where it says so.
    pub fn size_limit(&self) -> Option<u64> {
        self.size.flatten()
    }

    /// Whether an AUTH mechanism is offered (upper case).
    pub fn offers_auth(&self, mechanism: &str) -> bool {
        self.auth.iter().any(|known| known == mechanism)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_read_in_any_spelling() {
        let lines = [
            "mx.example greets you",
            "PIPELINING",
            "size 35882577",
            "8bitmime",
            "AUTH LOGIN PLAIN",
            "AUTH=LOGIN xoauth2",
            "SMTPUTF8",
            "DSN",
            "X-UNKNOWN a b",
            "",
        ];
        let reply = Reply {
            code: 250,
            lines: lines.map(str::to_owned).to_vec(),
        };
        let found = Capabilities::from_ehlo(&reply);
        assert!(found.pipelining && found.eight_bit_mime && found.smtputf8 && found.dsn);
        assert!(!found.start_tls && !found.chunking);
        assert_eq!(found.size_limit(), Some(35_882_577));
        assert_eq!(found.auth, ["LOGIN", "PLAIN", "XOAUTH2"]);
        assert!(found.offers_auth("XOAUTH2"));
    }

    #[test]
    fn the_servers_name_is_no_extension_and_size_zero_no_limit() {
        let lines = ["STARTTLS", "SIZE 0"];
        let reply = Reply {
            code: 250,
            lines: lines.map(str::to_owned).to_vec(),
        };
        let found = Capabilities::from_ehlo(&reply);
        assert!(!found.start_tls);
        assert_eq!((found.size, found.size_limit()), (Some(None), None));
    }
}
