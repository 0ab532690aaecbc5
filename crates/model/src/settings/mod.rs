//! The registry of run-time settings (behaviour 19, appendix B): every key with its default, how it
//! is shown and edited, and what it is for. Types and limits stand in the contract
//! (`POST /v1/settings`).
//!
//! | Module | Noun |
//! |---|---|
//! | `registry` | one row a setting |
//! | `group` | the pages of the console they stand on |
//! | `edit` | how a value is edited where its type does not say |

mod edit;
mod group;
mod registry;

use serde_json::Value;

pub use edit::{Edit, Language};
pub use group::Group;
pub use registry::SETTINGS;

use crate::secret::{MASK, mask_url};

/// How a stored value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// As it is.
    Open,
    /// User name and password of the URL masked.
    Url,
    /// Values of the headers masked.
    Headers,
    /// As a boolean: whether there is one. Sealed in the store.
    Secret,
    /// Never over the API. Sealed in the store.
    Internal,
    /// Not over the API; a switch that the console shows with a warning.
    Console,
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Key on the wire.
    pub key: &'static str,
    /// Default, as JSON.
    default: &'static str,
    /// How it is shown.
    pub showing: Showing,
    /// Whether something acts on it; a setting whose feature is to come is kept and listed as such.
    pub served: bool,
    /// The page of the console it stands on; none for what the console does not show.
    pub group: Option<Group>,
    /// Heading on that page under which it stands; empty for the first.
    pub section: &'static str,
    /// How it is edited.
    pub edit: Edit,
    /// Its name for people.
    pub label: &'static str,
    /// What it is for, and its unit; one or two sentences.
    pub help: &'static str,
    /// A value as an example; empty for none.
    pub example: &'static str,
    /// What to think of before changing it; empty for nothing.
    pub warning: &'static str,
}

impl Setting {
    /// The value when none is stored.
    #[must_use]
    pub fn default(&self) -> Value {
        serde_json::from_str(self.default).unwrap_or_default()
    }

    /// Whether it is sealed in the store.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        // Headers and URLs may hold credentials.
        !matches!(self.showing, Showing::Open | Showing::Console)
    }

    /// Whether the API reads and writes it.
    #[must_use]
    pub const fn is_public(&self) -> bool {
        !matches!(self.showing, Showing::Internal | Showing::Console)
    }

    /// The value as the API shows it.
    #[must_use]
    pub fn show(&self, value: &Value) -> Value {
        match self.showing {
            Showing::Open | Showing::Internal | Showing::Console => value.clone(),
            Showing::Secret => Value::Bool(value.as_str().is_some_and(|text| !text.is_empty())),
            Showing::Url => value
                .as_str()
                .map_or_else(|| value.clone(), |url| mask_url(url).into()),
            Showing::Headers => mask_headers(value),
        }
    }
}

/// The headers with their values masked; empty values stay empty.
#[must_use]
pub fn mask_headers(value: &Value) -> Value {
    let mut value = value.clone();
    for header in value.as_array_mut().into_iter().flatten() {
        if let Some(Value::String(text)) = header.get_mut("value")
            && !text.is_empty()
        {
            MASK.clone_into(text);
        }
    }
    value
}

/// The setting of this key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_unique_and_defaults_are_json() {
        let keys: HashSet<_> = SETTINGS.iter().map(|setting| setting.key).collect();
        assert_eq!(keys.len(), SETTINGS.len());
        for setting in SETTINGS {
            serde_json::from_str::<Value>(setting.default).unwrap();
        }
    }

    #[test]
    fn what_is_shown_has_a_place_a_label_and_a_help() {
        let mut labels = HashSet::new();
        for setting in SETTINGS {
            let key = setting.key;
            if matches!(setting.showing, Showing::Internal) {
                assert_eq!(setting.group, None, "{key}");
                continue;
            }
            let group = setting.group.expect(key);
            assert!(!setting.label.is_empty(), "{key}");
            assert!(
                setting.label.len() < 60 && !setting.label.ends_with('.'),
                "{key}"
            );
            assert!(setting.help.ends_with('.'), "{key}");
            assert!(
                labels.insert((group, setting.label)),
                "{key}: the label is taken"
            );
        }
    }

    #[test]
    fn pages_are_told_apart_and_none_is_empty() {
        let slugs: HashSet<_> = Group::ALL.iter().map(|group| group.slug()).collect();
        assert_eq!(slugs.len(), Group::ALL.len());
        for group in Group::ALL {
            assert_eq!(Group::of_slug(group.slug()), Some(*group));
            assert!(group.settings().next().is_some(), "{group:?}");
        }
        assert_eq!(Group::of_slug("nonsense"), None);
    }

    #[test]
    fn secrets_are_not_shown() {
        let show = |key: &str, value: &str| {
            find(key)
                .unwrap()
                .show(&serde_json::from_str(value).unwrap())
                .to_string()
        };
        assert_eq!(show("serviceSecret", r#""abc""#), "true");
        assert_eq!(show("serviceSecret", "null"), "false");
        assert_eq!(
            show("webhooks", r#""https://u:p@h/""#),
            r#""https://******:******@h/""#
        );
        assert_eq!(
            show(
                "webhooksCustomHeaders",
                r#"[{"key":"A","value":"s"},{"key":"B","value":""}]"#
            ),
            r#"[{"key":"A","value":"******"},{"key":"B","value":""}]"#
        );
    }
}
