//! Webhook routes: targets of their own, with a script that chooses events and one that reshapes them (behaviour 7.1).

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    AccountId, EventType, Timestamp, account::CustomHeader, made_id::made_id, secret::mask_url,
};

/// A route's id: base64url of 8 bytes of milliseconds and 4 of a counter, both with the first byte first (behaviour 9).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RouteId(Arc<str>);

impl RouteId {
    /// Of a route made then.
    #[must_use]
    pub fn new(time: Timestamp, counter: u32) -> Self {
        Self(made_id(time, counter, "").into())
    }

    /// Wraps an id that somebody names.
    #[must_use]
    pub fn named(id: &str) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A route's scripts: statements of `async (payload) => { ... }`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RouteContent {
    /// The filter: an event goes this way if its result is true. Without one none does.
    #[serde(rename = "fn", default)]
    pub filter: Option<String>,
    /// The map: its result takes the place of the body. Without one the body stays as it is.
    #[serde(default)]
    pub map: Option<String>,
}

/// What is chosen of a route. It holds secrets: storage seals it, answers mask it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteConfig {
    /// Name, for people.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Whether it is in use.
    pub enabled: bool,
    /// Where to; may hold a user name and a password.
    #[serde(default)]
    pub target_url: Option<String>,
    /// Headers that are added.
    #[serde(default)]
    pub custom_headers: Vec<CustomHeader>,
    /// The scripts.
    #[serde(default)]
    pub content: RouteContent,
}

impl RouteConfig {
    /// Its target, if events are offered to it: it is enabled, has a target and a filter.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        let target = self.target_url.as_deref().filter(|url| !url.is_empty())?;
        let filter = self.content.filter.as_deref()?;
        (self.enabled && !filter.trim().is_empty()).then_some(target)
    }
}

impl fmt::Debug for RouteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Scripts often have keys of other services in them.
        f.debug_struct("RouteConfig")
            .field("name", &self.name)
            .field("enabled", &self.enabled)
            .field("target_url", &self.target_url.as_deref().map(mask_url))
            .finish_non_exhaustive()
    }
}

/// A route as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookRoute {
    /// Id.
    pub id: RouteId,
    /// What is chosen.
    pub config: RouteConfig,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// Events that its filter let pass.
    pub tcount: u64,
    /// Counts its changes, from 1.
    pub v: i64,
    /// The last failure, until the next success.
    pub webhook_error_flag: Option<Value>,
}

/// An error of a route's script, in its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteFault {
    /// When.
    pub time: Timestamp,
    /// Type of the event.
    pub event: EventType,
    /// The event's id.
    pub event_id: String,
    /// The event's account.
    pub account: AccountId,
    /// In words; names the script, the line and the column where they are known. Partly the script's own text.
    pub message: String,
    /// What the script had logged, the last lines.
    #[serde(default)]
    pub logs: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_the_known_form_and_in_order_of_time() {
        let id = RouteId::new(Timestamp(1_700_000_000_000), 1);
        assert_eq!(id.as_str(), "AAABi8_laAAAAAAB");
        assert!(id < RouteId::new(Timestamp(1_700_000_000_001), 0));
    }

    #[test]
    fn a_route_without_a_filter_never_fires() {
        let mut config = RouteConfig {
            enabled: true,
            target_url: Some("http://u:p@h/".to_owned()),
            ..RouteConfig::default()
        };
        assert_eq!(config.target(), None);
        config.content.filter = Some(" \n".to_owned());
        assert_eq!(config.target(), None);
        config.content.filter = Some("return true".to_owned());
        assert_eq!(config.target(), Some("http://u:p@h/"));
        let shown = format!("{config:?}");
        assert!(
            !shown.contains("u:p") && !shown.contains("return"),
            "{shown}"
        );
        config.enabled = false;
        assert_eq!(config.target(), None);
    }
}
