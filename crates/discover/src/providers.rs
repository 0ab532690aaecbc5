//! The table of known providers and of app passwords.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{
    address::Address,
    found::{AppPassword, Server},
};

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // The file is part of the program; a test holds that it can be read.
    toml::from_str(include_str!("providers.toml")).unwrap_or_default()
});

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    provider: Vec<Provider>,
    #[serde(rename = "app-password")]
    app_password: Vec<Hint>,
}

/// A provider that is known by its mail exchangers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provider {
    /// Ends of host names; `*` stands for any one label.
    mx: Vec<String>,
    /// The domain whose service records say more than this table.
    pub(crate) srv: Option<String>,
    imap: Endpoint,
    smtp: Endpoint,
}

/// A server; `*` in its name is what `*` stood for in the exchanger's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoint {
    host: String,
    port: u16,
    secure: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    provider: String,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    mx: Vec<String>,
    required: bool,
    instructions: String,
    warning: Option<String>,
}

/// A provider, found.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) provider: &'static Provider,
    /// What `*` stood for.
    label: String,
}

impl Known {
    /// The provider of the first exchanger that is known.
    pub(crate) fn by_mx(exchangers: &[String]) -> Option<Self> {
        exchangers.iter().find_map(|host| {
            TABLE.provider.iter().find_map(|provider| {
                let label = provider.mx.iter().find_map(|end| matches(end, host))?;
                Some(Self { provider, label })
            })
        })
    }

    pub(crate) fn imap(&self, address: &Address) -> Option<Server> {
        self.server(&self.provider.imap, address)
    }

    pub(crate) fn smtp(&self, address: &Address) -> Option<Server> {
        self.server(&self.provider.smtp, address)
    }

    fn server(&self, endpoint: &Endpoint, address: &Address) -> Option<Server> {
        let host = endpoint.host.replace('*', &self.label);
        Server::new(
            address.text().to_owned(),
            &host,
            endpoint.port,
            endpoint.secure,
        )
    }
}

/// What the provider of a domain, or of its exchangers, wants instead of the usual password.
pub(crate) fn app_password(domain: &str, exchangers: &[String]) -> Option<AppPassword> {
    let by_domain = |hint: &&Hint| hint.domains.iter().any(|own| own == domain);
    let by_mx = |hint: &&Hint| {
        let hosts = || exchangers.iter();
        hint.mx
            .iter()
            .any(|end| hosts().any(|host| matches(end, host).is_some()))
    };
    let hints = || TABLE.app_password.iter();
    let hint = hints().find(by_domain).or_else(|| hints().find(by_mx))?;
    Some(AppPassword {
        required: hint.required,
        provider: hint.provider.clone(),
        instructions: hint.instructions.trim().to_owned(),
        warning: hint.warning.as_ref().map(|text| text.trim().to_owned()),
    })
}

/// Whether a host ends in these labels; what `*` stood for, or nothing.
fn matches(end: &str, host: &str) -> Option<String> {
    let mut label = String::new();
    let mut own = host.rsplit('.');
    for wanted in end.rsplit('.') {
        let own = own.next()?;
        if wanted == "*" {
            own.clone_into(&mut label);
        } else if wanted != own {
            return None;
        }
    }
    Some(label)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_table_can_be_read_and_names_servers() {
        let table: Table = toml::from_str(include_str!("providers.toml")).unwrap();
        assert!(table.provider.len() > 20);
        assert!(table.app_password.len() >= 6);
        let address = Address::parse("a@example.com").unwrap();
        for provider in &TABLE.provider {
            for end in &provider.mx {
                let host = format!("mx.{}", end.replace('*', "some-where-1"));
                let known = Known::by_mx(&[host]).unwrap();
                assert!(
                    known.imap(&address).is_some() && known.smtp(&address).is_some(),
                    "{end}"
                );
                assert!(end.split('.').count() >= 2, "{end} is too wide");
            }
        }
    }

    #[test]
    fn ends_match_whole_labels() {
        assert_eq!(matches("zoho.eu", "mx.zoho.eu").as_deref(), Some(""));
        assert_eq!(matches("zoho.eu", "zoho.eu").as_deref(), Some(""));
        assert_eq!(matches("zoho.eu", "mx.notzoho.eu"), None);
        assert_eq!(matches("zoho.eu", "eu"), None);
        assert_eq!(
            matches(
                "inbound-smtp.*.amazonaws.com",
                "inbound-smtp.eu-west-1.amazonaws.com"
            )
            .as_deref(),
            Some("eu-west-1")
        );
    }
}
