//! Provider profiles: what differs between providers stands in one data file, `profiles.toml`.

use std::{sync::OnceLock, time::Duration};

use posthouse_imap::{Quirk, Quirks};
use serde::{Deserialize, Deserializer, de::Error};

/// What is known of a provider, or of a server product.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Name, for people.
    pub name: String,
    /// Names of its servers, lower case; a domain stands for all names below it.
    pub hosts: Vec<String>,
    /// Words in its greeting, for products that run under the names of customers.
    pub greeting: Vec<String>,
    /// Words in the `name` or `vendor` of its answer to ID (RFC 2971).
    pub id: Vec<String>,
    /// Sessions that callers may use at once, beside the one that follows the mailbox.
    pub sessions: usize,
    /// Connections that may be set up at once, over all accounts of one host.
    pub connecting: Option<usize>,
    /// Milliseconds between two connections being set up, over all accounts of the profile.
    pause_ms: u64,
    /// It files sent mail by itself.
    pub files_sent: bool,
    /// It puts a `Message-ID` of its own into what is sent.
    pub rewrites_ids: bool,
    /// Folders are views of labels.
    pub labels: bool,
    /// What its servers do wrong.
    #[serde(deserialize_with = "quirks")]
    pub quirks: Quirks,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            hosts: Vec::new(),
            greeting: Vec::new(),
            id: Vec::new(),
            sessions: 3,
            connecting: None,
            pause_ms: 0,
            files_sent: false,
            rewrites_ids: false,
            labels: false,
            quirks: Quirks::default(),
        }
    }
}

fn quirks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Quirks, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|name| {
            Quirk::find(name).ok_or_else(|| D::Error::custom(format!("no quirk named {name}")))
        })
        .collect()
}

#[derive(Deserialize)]
struct File {
    profile: Vec<Profile>,
}

struct Profiles {
    known: Vec<Profile>,
    default: Profile,
}

const DATA: &str = include_str!("profiles.toml");

fn profiles() -> &'static Profiles {
    static PROFILES: OnceLock<Profiles> = OnceLock::new();
    PROFILES.get_or_init(|| {
        // A test holds the file readable; a build that broke it still works, without profiles.
        let known = toml::from_str::<File>(DATA)
            .map(|file| file.profile)
            .unwrap_or_default();
        Profiles {
            known,
            default: Profile::default(),
        }
    })
}

impl Profile {
    /// The time between two connections being set up.
    #[must_use]
    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.pause_ms)
    }

    /// The profile of a server; one without particulars where none is known.
    #[must_use]
    pub fn of(host: &str) -> &'static Self {
        Self::by_host(host).unwrap_or(&profiles().default)
    }

    /// The profile of a provider's server.
    #[must_use]
    pub fn by_host(host: &str) -> Option<&'static Self> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is = |name: &String| {
            host.strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        Self::first(|profile| profile.hosts.iter().any(is))
    }

    /// The profile of a product that greets so.
    #[must_use]
    pub fn by_greeting(greeting: &str) -> Option<&'static Self> {
        Self::first(|profile| {
            profile
                .greeting
                .iter()
                .any(|words| greeting.contains(words))
        })
    }

    /// The profile of a product that says so of itself.
    #[must_use]
    pub fn by_id(fields: &[(String, Option<String>)]) -> Option<&'static Self> {
        let said = |words: &String| {
            fields.iter().any(|(key, value)| {
                (key.eq_ignore_ascii_case("name") || key.eq_ignore_ascii_case("vendor"))
                    && value.as_ref().is_some_and(|value| value.contains(words))
            })
        };
        Self::first(|profile| profile.id.iter().any(said))
    }

    fn first(is: impl Fn(&Self) -> bool) -> Option<&'static Self> {
        profiles().known.iter().find(|profile| is(profile))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_file_is_read_and_sound() {
        let file: File = toml::from_str(DATA).unwrap();
        assert!(file.profile.len() > 20);
        let mut hosts = std::collections::HashSet::new();
        for profile in &file.profile {
            let Profile { name, .. } = profile;
            assert!(
                profile.sessions > 0 && profile.connecting != Some(0),
                "{name}"
            );
            assert!(profile.pause() < Duration::from_secs(1), "{name}");
            let ways = profile.hosts.len() + profile.greeting.len() + profile.id.len();
            assert!(ways > 0, "{name} is never found");
            for host in &profile.hosts {
                assert_eq!(host, &host.to_ascii_lowercase());
                assert!(hosts.insert(host), "{host} stands twice");
                assert_eq!(Profile::of(host).name, *name, "{host} is found as another");
            }
        }
    }

    #[test]
    fn a_quirk_that_does_not_exist_is_refused() {
        let wrong = "[[profile]]\nname = \"x\"\nquirks = [\"no_sense\"]\n";
        assert!(toml::from_str::<File>(wrong).is_err());
    }

    #[test]
    fn hosts_match_by_whole_labels() {
        assert!(Profile::of("imap.gmail.com").labels);
        assert!(Profile::of("IMAP.GMAIL.COM.").files_sent);
        assert!(!Profile::of("imap.gmail.com").rewrites_ids);
        assert!(Profile::of("outlook.office365.com").rewrites_ids);
        assert!(!Profile::of("imap.notgmail.com").labels);
        assert_eq!(Profile::of("imap.163.com").sessions, 2);
        assert!(Profile::of("imap.163.com").quirks.has(Quirk::IdNeeded));
        assert!(
            Profile::of("p04-imap.mail.me.com")
                .quirks
                .has(Quirk::NoQresync)
        );
        assert_eq!(Profile::of("127.0.0.1").name, "default");
        assert_eq!(Profile::of("127.0.0.1").sessions, 3);
        assert!(Profile::by_host("mail.example.com").is_none());
    }

    #[test]
    fn products_are_known_by_their_words() {
        let greeting = |words: &str| Profile::by_greeting(words).map(|found| found.name.as_str());
        assert_eq!(
            greeting("The Microsoft Exchange IMAP4 service is ready."),
            Some("Microsoft Exchange")
        );
        assert_eq!(
            greeting("Courier-IMAP ready. Copyright 1998-2022 Double Precision, Inc."),
            Some("Courier")
        );
        assert_eq!(greeting("IMAP4 ready"), None);
        let id = |name: &str| {
            let fields = [
                ("NAME".to_owned(), Some(name.to_owned())),
                ("os".to_owned(), None),
            ];
            Profile::by_id(&fields).map(|found| found.name.as_str())
        };
        assert_eq!(
            id("Microsoft.Exchange.Imap4.Imap4Server"),
            Some("Microsoft Exchange")
        );
        assert_eq!(id("hMailServer"), Some("hMailServer"));
        assert_eq!(id("Dovecot"), None);
    }
}
