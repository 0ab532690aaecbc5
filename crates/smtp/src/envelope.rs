//! Addresses, DSN and the commands they become.

use std::fmt::Write as _;

use crate::capabilities::Capabilities;
use crate::error::SmtpError;

/// The longest address that is sent, in bytes; RFC 5321 section 4.5.3.1 demands 64 + 1 + 255.
const MAX_ADDRESS: usize = 1000;

/// Who a message is from and for, on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The return path; empty for the null path `<>`.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The header needs SMTPUTF8 (RFC 6531). Addresses that need it are noticed anyway.
    pub smtputf8: bool,
    /// The message has bytes above 127.
    pub eight_bit: bool,
    /// The message's size in bytes, where known: declared, and checked against the server's limit.
    pub size: Option<u64>,
    /// Delivery status notifications to ask for. Dropped where the server knows none.
    pub dsn: Option<Dsn>,
}

/// A request for delivery status notifications (RFC 3461).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dsn {
    /// What a notification returns of the message.
    pub ret: Option<Ret>,
    /// The envelope id that notifications repeat.
    pub envid: Option<String>,
    /// When to notify; empty leaves it to the server.
    pub notify: Vec<Notify>,
    /// The original recipient to name, in place of each recipient itself.
    pub orcpt: Option<String>,
}

/// What a notification returns of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ret {
    /// Everything.
    Full,
    /// The header alone.
    Headers,
}

/// When to notify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notify {
    /// Never; excludes the others.
    Never,
    /// On delivery.
    Success,
    /// On failure.
    Failure,
    /// On delay.
    Delay,
}

impl Notify {
    fn keyword(self) -> &'static str {
        match self {
            Self::Never => "NEVER",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Delay => "DELAY",
        }
    }
}

/// The commands of one transaction up to DATA, without line ends.
pub(crate) struct Commands {
    pub mail: String,
    pub rcpt: Vec<String>,
}

impl Envelope {
    /// Checks everything that can be checked before anything is sent.
    pub(crate) fn commands(&self, offered: &Capabilities) -> Result<Commands, SmtpError> {
        if self.to.is_empty() {
            return Err(SmtpError::Envelope("there is no recipient".to_owned()));
        }
        if let (Some(size), Some(limit)) = (self.size, offered.size_limit())
            && size > limit
        {
            return Err(SmtpError::TooLarge { size, limit });
        }
        let from = if self.from.is_empty() {
            String::new()
        } else {
            wire_address(&self.from)?
        };
        let to = self
            .to
            .iter()
            .map(|address| wire_address(address))
            .collect::<Result<Vec<_>, _>>()?;
        let smtputf8 =
            self.smtputf8 || !from.is_ascii() || to.iter().any(|address| !address.is_ascii());
        if smtputf8 && !offered.smtputf8 {
            return Err(SmtpError::Envelope(
                "the server does not take internationalized addresses (SMTPUTF8)".to_owned(),
            ));
        }

        let mut mail = format!("MAIL FROM:<{from}>");
        if let (Some(size), true) = (self.size, offered.size.is_some()) {
            let _ = write!(mail, " SIZE={size}");
        }
        if (self.eight_bit || smtputf8) && offered.eight_bit_mime {
            mail.push_str(" BODY=8BITMIME");
        }
        if smtputf8 {
            mail.push_str(" SMTPUTF8");
        }
        let dsn = self.dsn.as_ref().filter(|_| offered.dsn);
        if let Some(dsn) = dsn {
            match dsn.ret {
                Some(Ret::Full) => mail.push_str(" RET=FULL"),
                Some(Ret::Headers) => mail.push_str(" RET=HDRS"),
                None => {}
            }
            if let Some(envid) = dsn.envid.as_deref().filter(|id| !id.is_empty()) {
                let _ = write!(mail, " ENVID={}", xtext(envid));
            }
        }
        let rcpt = to
            .iter()
            .map(|address| {
                let mut line = format!("RCPT TO:<{address}>");
                if let Some(dsn) = dsn {
                    dsn.rcpt_parameters(&mut line);
                }
                line
            })
            .collect();
        Ok(Commands { mail, rcpt })
    }
}

impl Dsn {
    fn rcpt_parameters(&self, line: &mut String) {
        if self.notify.contains(&Notify::Never) {
            line.push_str(" NOTIFY=NEVER");
        } else if !self.notify.is_empty() {
            let words: Vec<_> = self.notify.iter().map(|when| when.keyword()).collect();
            let _ = write!(line, " NOTIFY={}", words.join(","));
        }
        if let Some(address) = self.orcpt.as_deref().filter(|address| !address.is_empty()) {
            let kind = if address.is_ascii() {
                "rfc822"
            } else {
                "utf-8"
            };
            let _ = write!(line, " ORCPT={kind};{}", xtext(address));
        }
    }
}

/// An address fit for a command: no line ends, no control characters, no brackets; domain in ASCII where the local part is.
fn wire_address(address: &str) -> Result<String, SmtpError> {
    let wrong = |why: &str| SmtpError::Envelope(format!("malformed address {address:?}: {why}"));
    if address.is_empty() {
        return Err(wrong("it is empty"));
    }
    if address.len() > MAX_ADDRESS {
        return Err(wrong("it is too long"));
    }
    if address.chars().any(char::is_control) {
        return Err(wrong("it has a control character"));
    }
    let mut quoted = false;
    let mut escaped = false;
    for letter in address.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' | '>' | ' ' if !quoted => return Err(wrong("it has a space or a bracket")),
            _ => {}
        }
    }
    if quoted {
        return Err(wrong("a quotation has no end"));
    }
    match address.rsplit_once('@') {
        Some((local, domain)) if local.is_ascii() && !domain.is_ascii() => {
            let domain = url::Host::parse(domain).map_err(|_| wrong("the domain is invalid"))?;
            Ok(format!("{local}@{domain}"))
        }
        _ => Ok(address.to_owned()),
    }
}

/// The xtext form of RFC 3461 section 4.
fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (b'!'..=b'~').contains(&byte) && byte != b'+' && byte != b'=' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "+{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn envelope(from: &str, to: &str) -> Envelope {
        Envelope {
            from: from.into(),
            to: vec![to.into()],
            ..Envelope::default()
        }
    }

    fn all() -> Capabilities {
        Capabilities {
            eight_bit_mime: true,
            smtputf8: true,
            dsn: true,
            size: Some(Some(1000)),
            ..Capabilities::default()
        }
    }

    #[test]
    fn line_ends_and_other_tricks_in_addresses_are_refused() {
        for bad in [
            "a@example.com\r\nRCPT TO:<x@example.com>",
            "a\n@example.com",
            "a\0@example.com",
            "a@example.com> SIZE=1",
            "<a@example.com>",
            "a b@example.com",
            "\"a@example.com",
            "a\u{85}@example.com",
            "",
        ] {
            let error = envelope("me@example.com", bad)
                .commands(&all())
                .err()
                .unwrap();
            assert_eq!(error.code(), "EENVELOPE", "{bad:?}");
            assert!(error.is_permanent());
            if !bad.is_empty() {
                assert!(envelope(bad, "me@example.com").commands(&all()).is_err());
            }
        }
        for good in [
            "\"a b\"@example.com",
            "\"<\\\">\"@example.com",
            "postmaster",
        ] {
            assert!(envelope("", good).commands(&all()).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn parameters_follow_what_is_offered() {
        let mut full = envelope("me@example.com", "you@example.com");
        full.size = Some(999);
        full.eight_bit = true;
        full.dsn = Some(Dsn {
            ret: Some(Ret::Headers),
            envid: Some("id+1 =x".into()),
            notify: vec![Notify::Success, Notify::Delay],
            orcpt: Some("o@example.com".into()),
        });
        let commands = full.commands(&all()).unwrap();
        assert_eq!(
            commands.mail,
            "MAIL FROM:<me@example.com> SIZE=999 BODY=8BITMIME RET=HDRS ENVID=id+2B1+20+3Dx"
        );
        assert_eq!(
            commands.rcpt,
            ["RCPT TO:<you@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o@example.com"]
        );
        let plain = full.commands(&Capabilities::default()).unwrap();
        assert_eq!(plain.mail, "MAIL FROM:<me@example.com>");
        assert_eq!(plain.rcpt, ["RCPT TO:<you@example.com>"]);
        full.size = Some(1001);
        assert_eq!(full.commands(&all()).err().unwrap().code(), "EMESSAGE");
    }

    #[test]
    fn only_a_local_part_outside_ascii_needs_smtputf8() {
        let domain = envelope("", "you@bücher.example");
        let commands = domain.commands(&Capabilities::default()).unwrap();
        assert_eq!(commands.mail, "MAIL FROM:<>");
        assert_eq!(commands.rcpt, ["RCPT TO:<you@xn--bcher-kva.example>"]);
        let local = envelope("", "jürgen@bücher.example");
        assert!(local.commands(&Capabilities::default()).is_err());
        let commands = local.commands(&all()).unwrap();
        assert_eq!(commands.mail, "MAIL FROM:<> BODY=8BITMIME SMTPUTF8");
        assert_eq!(commands.rcpt, ["RCPT TO:<jürgen@bücher.example>"]);
    }
}
