//! Provider profiles: what differs between providers stands in one data file, `profiles.toml`.

use std::sync::OnceLock;

use serde::Deserialize;

/// What is known of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name, for people.
    pub name: String,
    /// Names of its servers.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Sessions that callers may use at once.
    #[serde(default = "sessions")]
    pub sessions: usize,
    /// It files sent mail by itself.
    #[serde(default)]
    pub files_sent: bool,
    /// Folders are views of labels.
    #[serde(default)]
    pub labels: bool,
}

fn sessions() -> usize {
    3
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            hosts: Vec::new(),
            sessions: sessions(),
            files_sent: false,
            labels: false,
        }
    }
}

#[derive(Deserialize)]
struct File {
    profile: Vec<Profile>,
}

struct Profiles {
    known: Vec<Profile>,
    default: Profile,
}

fn profiles() -> &'static Profiles {
    static PROFILES: OnceLock<Profiles> = OnceLock::new();
    PROFILES.get_or_init(|| {
        // A test holds the file readable; a build that broke it still works, without profiles.
        let known = toml::from_str::<File>(include_str!("profiles.toml"))
            .map(|file| file.profile)
            .unwrap_or_default();
        Profiles {
            known,
            default: Profile::default(),
        }
    })
}

impl Profile {
    /// The profile of a server.
    #[must_use]
    pub fn of(host: &str) -> &'static Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let profiles = profiles();
        let is = |name: &String| {
            host.strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        profiles
            .known
            .iter()
            .find(|profile| profile.hosts.iter().any(is))
            .unwrap_or(&profiles.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_match_by_whole_labels() {
        assert!(profiles().known.len() > 5);
        assert!(Profile::of("imap.gmail.com").labels);
        assert!(Profile::of("IMAP.GMAIL.COM.").files_sent);
        assert!(!Profile::of("imap.notgmail.com").labels);
        assert_eq!(Profile::of("imap.163.com").sessions, 2);
        assert_eq!(Profile::of("127.0.0.1"), &Profile::default());
        assert!(profiles().known.iter().all(|profile| profile.sessions > 0));
    }
}
