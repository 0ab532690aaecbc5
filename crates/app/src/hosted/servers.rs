//! What a visitor typed into the server form, and the check of it. Every fault is named at once.

use std::net::IpAddr;

use posthouse_contract::{RawInput, operation};
use posthouse_model::{
    Secret,
    account::{AccountConfig, ImapConfig, ServerAuth, SmtpConfig},
    secret::MASK,
};
use serde_json::{Value, json};

use super::Link;

/// Longest user name and password, as the contract has it.
const MAX_LOGIN: usize = 256;
/// Longest host name (RFC 1035 section 2.3.4).
const MAX_HOST: usize = 253;

/// One server as it was typed.
#[derive(Debug, Clone, Default)]
pub struct ServerEntry {
    /// User name.
    pub user: String,
    /// Password.
    pub pass: Secret,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: String,
    /// TLS from the first byte.
    pub secure: bool,
}

/// The form as it was typed.
#[derive(Debug, Clone, Default)]
pub struct ServerInput {
    /// Display name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Time zone of the visitor.
    pub tz: String,
    /// Where mail is read.
    pub imap: ServerEntry,
    /// Mail is only sent.
    pub imap_disabled: bool,
    /// Where mail is sent; an empty login means that of `imap`, also when mail is only sent.
    pub smtp: ServerEntry,
}

/// One server that can be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// User name.
    pub user: String,
    /// Password.
    pub pass: Secret,
    /// Host name in ASCII, or an address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS from the first byte.
    pub secure: bool,
}

/// Servers that can be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerForm {
    /// Where mail is read, unless mail is only sent.
    pub imap: Option<MailServer>,
    /// Where mail is sent.
    pub smtp: MailServer,
}

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// `name`.
    Name,
    /// `email`.
    Email,
    /// `tz`.
    Tz,
    /// `imap_auth_user`.
    ImapUser,
    /// `imap_auth_pass`.
    ImapPass,
    /// `imap_host`.
    ImapHost,
    /// `imap_port`.
    ImapPort,
    /// `smtp_auth_user`.
    SmtpUser,
    /// `smtp_auth_pass`.
    SmtpPass,
    /// `smtp_host`.
    SmtpHost,
    /// `smtp_port`.
    SmtpPort,
}

impl Field {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::Tz => "tz",
            Self::ImapUser => "imap_auth_user",
            Self::ImapPass => "imap_auth_pass",
            Self::ImapHost => "imap_host",
            Self::ImapPort => "imap_port",
            Self::SmtpUser => "smtp_auth_user",
            Self::SmtpPass => "smtp_auth_pass",
            Self::SmtpHost => "smtp_host",
            Self::SmtpPort => "smtp_port",
        }
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is empty.
    Missing,
    /// It cannot be what it should be.
    Invalid,
    /// It is too long.
    TooLong,
    /// The link is for another address.
    OtherAddress,
}

/// A field with what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub field: Field,
    /// Why.
    pub why: Why,
}

impl ServerInput {
    /// Checks name and address against the contract and the link.
    ///
    /// # Errors
    /// Every fault.
    pub fn check_person(&self, link: &Link) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        let mut fault = |field, why| faults.push(Fault { field, why });
        let email = self.email.trim();
        if email.is_empty() {
            fault(Field::Email, Why::Missing);
        }
        if self.tz.len() > 100 {
            fault(Field::Tz, Why::TooLong);
        }
        let mut person = json!({ "account": null, "name": self.name.trim() });
        if !email.is_empty() {
            person["email"] = email.into();
        }
        for key in contract_faults(person) {
            match key.as_str() {
                "email" => fault(Field::Email, Why::Invalid),
                // Any text is a name unless it is too long or holds what a store cannot.
                _ if self.name.trim().chars().count() > 256 => fault(Field::Name, Why::TooLong),
                _ => fault(Field::Name, Why::Invalid),
            }
        }
        if faults.is_empty() && !is_expected(link, email) {
            faults.push(Fault {
                field: Field::Email,
                why: Why::OtherAddress,
            });
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    /// Checks the servers.
    ///
    /// # Errors
    /// Every fault.
    pub fn check_servers(&self, link: &Link) -> Result<ServerForm, Vec<Fault>> {
        let mut faults = Vec::new();
        let imap = (!self.imap_disabled).then(|| {
            let fields = [
                Field::ImapUser,
                Field::ImapPass,
                Field::ImapHost,
                Field::ImapPort,
            ];
            self.imap.check(fields, link, &mut faults)
        });
        let mut smtp = self.smtp.clone();
        let mut fields = [
            Field::SmtpUser,
            Field::SmtpPass,
            Field::SmtpHost,
            Field::SmtpPort,
        ];
        let [user_field, pass_field, ..] = &mut fields;
        let (own, shared) = (smtp.user.trim(), self.imap.user.trim());
        if smtp.pass.is_empty() && (own.is_empty() || own == shared) {
            smtp.pass = self.imap.pass.clone();
            *pass_field = Field::ImapPass;
        }
        if own.is_empty() {
            smtp.user.clone_from(&self.imap.user);
            *user_field = Field::ImapUser;
        }
        let mut more = Vec::new();
        let smtp = smtp.check(fields, link, &mut more);
        // One login for both has its faults once.
        more.retain(|fault| !faults.contains(fault));
        faults.extend(more);
        if faults.is_empty() {
            Ok(ServerForm { imap, smtp })
        } else {
            Err(faults)
        }
    }
}

impl ServerEntry {
    fn check(&self, fields: [Field; 4], link: &Link, faults: &mut Vec<Fault>) -> MailServer {
        let [user_field, pass_field, host_field, port_field] = fields;
        let mut fault = |field, why| faults.push(Fault { field, why });
        let user = self.user.trim();
        match user {
            "" => fault(user_field, Why::Missing),
            _ if user.chars().count() > MAX_LOGIN => fault(user_field, Why::TooLong),
            _ if user.contains(char::is_control) => fault(user_field, Why::Invalid),
            // A login that is an address tells whose mailbox it is.
            _ if user.contains('@') && !link.delegated() && !is_expected(link, user) => {
                fault(user_field, Why::OtherAddress);
            }
            _ => {}
        }
        let pass = self.pass.expose();
        if pass.is_empty() {
            fault(pass_field, Why::Missing);
        } else if pass.chars().count() > MAX_LOGIN {
            fault(pass_field, Why::TooLong);
        } else if pass == MASK || pass.contains('\0') {
            // The mask stands for a stored secret, which a visitor has none of.
            fault(pass_field, Why::Invalid);
        }
        let host = self.host.trim();
        let ascii = ascii_host(host);
        if host.is_empty() {
            fault(host_field, Why::Missing);
        } else if ascii.is_none() {
            fault(host_field, Why::Invalid);
        }
        let port = self.port.trim();
        let number = port.parse::<u16>().ok().filter(|number| *number > 0);
        if port.is_empty() {
            fault(port_field, Why::Missing);
        } else if number.is_none() {
            fault(port_field, Why::Invalid);
        }
        MailServer {
            user: user.to_owned(),
            pass: self.pass.clone(),
            host: ascii.unwrap_or_default(),
            port: number.unwrap_or_default(),
            secure: self.secure,
        }
    }
}

impl ServerForm {
    /// The servers as the configuration that is tried.
    pub(super) fn config(&self) -> AccountConfig {
        AccountConfig {
            imap: self.imap.as_ref().map(|server| ImapConfig {
                auth: Some(server.auth()),
                host: Some(server.host.clone()),
                port: Some(server.port),
                secure: server.secure,
                ..ImapConfig::default()
            }),
            smtp: Some(SmtpConfig {
                auth: Some(self.smtp.auth()),
                host: Some(self.smtp.host.clone()),
                port: Some(self.smtp.port),
                secure: self.smtp.secure,
                ..SmtpConfig::default()
            }),
            ..AccountConfig::default()
        }
    }
}

impl MailServer {
    fn auth(&self) -> ServerAuth {
        ServerAuth {
            user: self.user.clone(),
            pass: Some(self.pass.clone()),
            access_token: None,
        }
    }

    /// As the body of `POST /v1/account` has it.
    pub(super) fn json(&self) -> Value {
        json!({
            "auth": { "user": self.user, "pass": self.pass.expose() },
            "host": self.host,
            "port": self.port,
            "secure": self.secure,
        })
    }
}

/// Whether the link takes this address.
fn is_expected(link: &Link, email: &str) -> bool {
    link.expected_email()
        .is_none_or(|expected| expected.to_lowercase() == email.to_lowercase())
}

/// The keys that `POST /v1/account` finds fault with.
fn contract_faults(body: Value) -> Vec<String> {
    let Some(operation) = operation("postV1Account") else {
        return Vec::new();
    };
    let checked = operation.validate(RawInput {
        path: &[],
        query: &[],
        header: &|_| None,
        body: Some(body),
    });
    let faults = checked.err().unwrap_or_default();
    faults.into_iter().filter_map(|fault| fault.key).collect()
}

/// A host name in ASCII (RFC 5890), or an address; none if it is neither.
fn ascii_host(host: &str) -> Option<String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let name = match url::Host::parse(host).ok()? {
        url::Host::Domain(name) => name,
        url::Host::Ipv4(address) => address.to_string(),
        url::Host::Ipv6(address) => address.to_string(),
    };
    (name.len() <= MAX_HOST && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hosted::link::LinkData;

    fn input() -> ServerInput {
        ServerInput {
            name: " Ann ".to_owned(),
            email: "ann@example.com".to_owned(),
            tz: "Europe/Tallinn".to_owned(),
            imap: ServerEntry {
                user: " ann@example.com ".to_owned(),
                pass: Secret::new(" pass "),
                host: "IMAP.Example.com".to_owned(),
                port: "993".to_owned(),
                secure: true,
            },
            imap_disabled: false,
            smtp: ServerEntry {
                host: "smtp.bücher.example".to_owned(),
                port: " 587 ".to_owned(),
                ..ServerEntry::default()
            },
        }
    }

    fn expecting(email: &str, delegated: bool) -> Link {
        Link(LinkData {
            expected_email: Some(email.to_owned()),
            delegated,
            ..LinkData::default()
        })
    }

    fn any() -> Link {
        Link(LinkData::default())
    }

    #[test]
    fn what_can_be_tried() {
        let form = input().check_servers(&any()).unwrap();
        let imap = form.imap.clone().unwrap();
        assert_eq!(
            (imap.user.as_str(), imap.pass.expose(), imap.host.as_str()),
            ("ann@example.com", " pass ", "imap.example.com")
        );
        // One login serves both, unless sending has its own.
        assert_eq!(
            (form.smtp.user.as_str(), form.smtp.pass.expose()),
            ("ann@example.com", " pass ")
        );
        assert_eq!(form.smtp.host, "smtp.xn--bcher-kva.example");
        assert_eq!(form.smtp.port, 587);
        assert!(input().check_person(&any()).is_ok());
        assert!(!format!("{form:?}").contains(" pass "));
    }

    #[test]
    fn all_faults_at_once() {
        let nothing = ServerInput::default();
        let faults = nothing.check_servers(&any()).unwrap_err();
        assert_eq!(faults.len(), 6, "{faults:?}");
        assert!(faults.iter().all(|fault| fault.why == Why::Missing));
        let faults = nothing.check_person(&any()).unwrap_err();
        assert_eq!(
            faults,
            [Fault {
                field: Field::Email,
                why: Why::Missing
            }]
        );
        let only_sending = ServerInput {
            imap_disabled: true,
            ..input()
        };
        let form = only_sending.check_servers(&any()).unwrap();
        assert_eq!((form.imap, form.smtp.pass.expose()), (None, " pass "));
        // Another user has another password.
        let mut other = input();
        "bob".clone_into(&mut other.smtp.user);
        let faults = other.check_servers(&any()).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.name()).collect();
        assert_eq!(fields, ["smtp_auth_pass"]);
    }

    #[test]
    fn ports_and_hosts_and_masks() {
        for port in [
            "0",
            "65536",
            "-1",
            "x",
            "99999999999999999999",
            "1 2",
            "0x1",
        ] {
            let mut input = input();
            port.clone_into(&mut input.imap.port);
            assert!(input.check_servers(&any()).is_err(), "{port}");
        }
        for host in [
            "a b", "http://x", "x/y", "a@b", "<b>", "x\r\ny", "[::1", "a..b%",
        ] {
            assert_eq!(ascii_host(host), None, "{host}");
        }
        for (host, ascii) in [("::1", "::1"), ("[::1]", "::1"), ("127.0.0.1", "127.0.0.1")] {
            assert_eq!(ascii_host(host).as_deref(), Some(ascii));
        }
        for pass in ["******", "a\0b"] {
            let mut input = input();
            input.imap.pass = Secret::new(pass);
            assert!(input.check_servers(&any()).is_err());
        }
    }

    #[test]
    fn the_expected_address() {
        assert!(
            input()
                .check_person(&expecting("ANN@example.com", false))
                .is_ok()
        );
        let other = expecting("bob@example.com", false);
        let faults = input().check_person(&other).unwrap_err();
        assert_eq!(faults.first().unwrap().why, Why::OtherAddress);
        let faults = input().check_servers(&other).unwrap_err();
        assert_eq!(faults.first().unwrap().field, Field::ImapUser);
        // Somebody with access to a shared mailbox logs in under an own name.
        assert!(
            input()
                .check_servers(&expecting("bob@example.com", true))
                .is_ok()
        );
        let mut input = input();
        "ann".clone_into(&mut input.imap.user);
        assert!(input.check_servers(&other).is_ok());
    }

    #[test]
    fn names_and_addresses() {
        for email in [
            "ann",
            "ann@",
            "@example.com",
            "a b@example.com",
            "a@b@c.d\r\n",
        ] {
            let mut input = input();
            email.clone_into(&mut input.email);
            assert!(input.check_person(&any()).is_err(), "{email}");
        }
        let mut input = input();
        input.name = "n".repeat(257);
        let faults = input.check_person(&any()).unwrap_err();
        assert_eq!(faults.first().unwrap().why, Why::TooLong);
    }
}
