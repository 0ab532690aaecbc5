//! What a token may do: scopes, actions, groups and the permissions record.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Declares a closed set of wire words as an enum with `ALL`, `as_str`, `FromStr` and serde.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::access::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == word)
                    .ok_or($crate::access::UnknownWord)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                word.parse().map_err(|_| {
                    serde::de::Error::custom(concat!("unknown ", stringify!($name), " value"))
                })
            }
        }
    };
}
pub(crate) use words;

/// A word outside its closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown value")]
pub struct UnknownWord;

words! {
    /// What a token opens.
    Scope {
        /// Every `/v1` route.
        Api = "api",
        /// `/metrics` only.
        Metrics = "metrics",
        /// Login to the SMTP submission server.
        Smtp = "smtp",
        /// Login to the IMAP proxy.
        ImapProxy = "imap-proxy",
        /// `/mcp`.
        Mcp = "mcp",
        /// Everything.
        All = "*",
    }
}

words! {
    /// What a request does.
    Action {
        /// Changes nothing.
        Read = "read",
        /// Changes state.
        Write = "write",
        /// Sends mail.
        Send = "send",
        /// Removes or resets something.
        Destructive = "destructive",
    }
}

words! {
    /// What a request is about.
    Group {
        /// Accounts: read, reconnect, sync, flush, delete.
        Account = "account",
        /// Folders.
        Mailbox = "mailbox",
        /// Messages.
        Message = "message",
        /// Sending.
        Submit = "submit",
        /// Queued messages.
        Outbox = "outbox",
        /// Exports.
        Export = "export",
        /// Templates.
        Template = "template",
        /// Suppression lists.
        Blocklist = "blocklist",
        /// Webhook routes.
        Webhook = "webhook",
        /// SMTP gateways.
        Gateway = "gateway",
        /// The change stream.
        Events = "events",
        /// Statistics, metrics, checks.
        Diagnostics = "diagnostics",
        /// Protocol logs.
        Logs = "logs",
        /// Administration; a narrowed token is never granted it.
        Admin = "admin",
    }
}

impl Group {
    /// Whether a permissions record may name this group.
    #[must_use]
    pub const fn is_grantable(self) -> bool {
        !matches!(self, Self::Admin)
    }
}

/// The permissions record of a token, subtractive: it only takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Permissions {
    /// No record: nothing is taken away.
    #[default]
    Unrestricted,
    /// Only what both axes name; an absent axis is unrestricted, an empty one grants nothing.
    Narrowed {
        /// Allowed actions, or all.
        actions: Option<Vec<Action>>,
        /// Allowed groups, or all but `admin`.
        groups: Option<Vec<Group>>,
    },
    /// A record with an unknown axis or value: denies everything.
    Malformed(Value),
}

/// Why a permissions record refuses a request; the word of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionDenied {
    /// The record cannot be read.
    Malformed,
    /// The operation is never open to narrowed tokens.
    Restricted,
    /// The action is missing.
    Action,
    /// The group is missing.
    Group,
}

impl PermissionDenied {
    /// The reason as the audit log writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Restricted => "restricted",
            Self::Action => "action",
            Self::Group => "group",
        }
    }
}

impl Permissions {
    /// Whether anything is taken away.
    #[must_use]
    pub const fn is_narrowed(&self) -> bool {
        !matches!(self, Self::Unrestricted)
    }

    /// Checks one request.
    ///
    /// # Errors
    /// The first reason for which the record refuses it.
    pub fn check(&self, action: Action, group: Group) -> Result<(), PermissionDenied> {
        match self {
            Self::Unrestricted => Ok(()),
            Self::Malformed(_) => Err(PermissionDenied::Malformed),
            Self::Narrowed { .. } if !group.is_grantable() => Err(PermissionDenied::Restricted),
            Self::Narrowed { actions, groups } => {
                if actions.as_ref().is_some_and(|list| !list.contains(&action)) {
                    Err(PermissionDenied::Action)
                } else if groups.as_ref().is_some_and(|list| !list.contains(&group)) {
                    Err(PermissionDenied::Group)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn parse(value: &Value) -> Option<Self> {
        let map = value.as_object()?;
        let (mut actions, mut groups) = (None, None);
        for (axis, values) in map {
            let words = || {
                values
                    .as_array()?
                    .iter()
                    .map(Value::as_str)
                    .collect::<Option<Vec<_>>>()
            };
            match axis.as_str() {
                "actions" => {
                    actions = Some(
                        words()?
                            .into_iter()
                            .map(Action::from_str)
                            .collect::<Result<_, _>>()
                            .ok()?,
                    );
                }
                "groups" => {
                    let list: Vec<Group> = words()?
                        .into_iter()
                        .map(Group::from_str)
                        .collect::<Result<_, _>>()
                        .ok()?;
                    if list.iter().any(|group| !group.is_grantable()) {
                        return None;
                    }
                    groups = Some(list);
                }
                _ => return None,
            }
        }
        (actions.is_some() || groups.is_some()).then_some(Self::Narrowed { actions, groups })
    }

    /// The record as it stands on the wire; `None` when there is none.
    #[must_use]
    pub fn to_value(&self) -> Option<Value> {
        match self {
            Self::Unrestricted => None,
            Self::Malformed(value) => Some(value.clone()),
            Self::Narrowed { actions, groups } => {
                let mut map = serde_json::Map::new();
                if let Some(actions) = actions {
                    map.insert(
                        "actions".into(),
                        actions.iter().map(|a| a.as_str()).collect(),
                    );
                }
                if let Some(groups) = groups {
                    map.insert("groups".into(), groups.iter().map(|g| g.as_str()).collect());
                }
                Some(Value::Object(map))
            }
        }
    }
}

impl From<Option<Value>> for Permissions {
    fn from(value: Option<Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Unrestricted,
            Some(value) => Self::parse(&value).unwrap_or(Self::Malformed(value)),
        }
    }
}

impl Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Value>::deserialize(deserializer)?.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn permission_records() {
        let table = [
            (json!(null), Ok(())),
            (json!({"actions": ["read"]}), Ok(())),
            (json!({"groups": ["message"]}), Ok(())),
            (json!({"actions": []}), Err(PermissionDenied::Action)),
            (json!({"groups": []}), Err(PermissionDenied::Group)),
            (
                json!({"actions": ["write"], "groups": ["message"]}),
                Err(PermissionDenied::Action),
            ),
            (
                json!({"actions": ["read"], "groups": ["account"]}),
                Err(PermissionDenied::Group),
            ),
            (json!({}), Err(PermissionDenied::Malformed)),
            (
                json!({"actions": ["fly"]}),
                Err(PermissionDenied::Malformed),
            ),
            (
                json!({"groups": ["admin"]}),
                Err(PermissionDenied::Malformed),
            ),
            (
                json!({"actions": ["read"], "colour": []}),
                Err(PermissionDenied::Malformed),
            ),
            (json!([]), Err(PermissionDenied::Malformed)),
        ];
        for (record, expected) in table {
            let permissions = Permissions::from(Some(record.clone()));
            assert_eq!(
                permissions.check(Action::Read, Group::Message),
                expected,
                "{record}"
            );
        }
    }

    #[test]
    fn a_narrowed_token_never_reaches_admin() {
        let permissions = Permissions::from(Some(json!({"actions": ["read", "write"]})));
        assert_eq!(
            permissions.check(Action::Read, Group::Admin),
            Err(PermissionDenied::Restricted)
        );
    }

    #[test]
    fn records_keep_their_wire_form() {
        for text in [
            r#"{"actions":["read"]}"#,
            r#"{"groups":["submit","outbox"]}"#,
            "null",
            r#"{"x":1}"#,
        ] {
            let permissions: Permissions = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&permissions).unwrap(), text);
        }
    }
}
