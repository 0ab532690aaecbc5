//! The embedded files and their shape as far as this crate reads it. A new file of operations needs
//! one line in [`DOCUMENTED`]. Names, summaries and descriptions of operations are borrowed from the
//! text, so they must be free of escapes.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::ContractError;

/// One embedded file: its name and text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        &[$(Source { name: $name, text: include_str!(concat!("../openapi/", $name, ".json")) }),*]
    };
}

/// Title, security, licence: the frame of the document.
pub(crate) const BASE: &str = include_str!("../openapi/base.json");

/// Files of the served document, in the order of its tags.
pub(crate) const DOCUMENTED: &[Source] = sources![
    "account",
    "mailbox",
    "message",
    "multi-message",
    "submit",
    "outbox",
    "templates",
    "delivery-test",
    "export",
    "blocklists",
    "webhooks",
    "events",
    "tokens",
    "oauth2",
    "gateway",
    "settings",
    "logs",
    "stats",
    "license",
    "common",
];

/// Files that are routed and classified but not served.
pub(crate) const HIDDEN: &[Source] = sources!["aliases"];

impl Source {
    /// Reads the file's outline; contents stay raw text.
    pub(crate) fn outline<T: Deserialize<'static>>(self) -> Result<T, ContractError> {
        serde_json::from_str(self.text).map_err(|source| ContractError::Json {
            file: self.name,
            source,
        })
    }
}

/// An object in the order of the text. Keys are borrowed, so they must be free of escapes.
#[derive(Debug)]
pub(crate) struct Pairs<'a, T>(pub Vec<(&'a str, T)>);

impl<T> Default for Pairs<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Pairs<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Pairs<'de, T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(0));
                while let Some(key) = map.next_key::<&'de str>()? {
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Read(PhantomData))
    }
}

/// A file with its contents as raw text.
#[derive(Debug, Deserialize)]
pub(crate) struct File<'a> {
    #[serde(default)]
    #[serde(borrow)]
    pub tags: Vec<&'a RawValue>,
    #[serde(default)]
    #[serde(borrow)]
    pub paths: Pairs<'a, Pairs<'a, &'a RawValue>>,
    #[serde(default)]
    #[serde(borrow)]
    pub components: Components<'a>,
}

/// The named schemas of a file.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Components<'a> {
    #[serde(default)]
    #[serde(borrow)]
    pub schemas: Pairs<'a, &'a RawValue>,
}

/// One operation as written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawOperation<'a> {
    pub operation_id: &'a str,
    #[serde(borrow)]
    pub tags: [&'a str; 1],
    pub summary: &'a str,
    pub description: &'a str,
    #[serde(borrow)]
    pub parameters: Vec<RawParameter<'a>>,
    #[serde(borrow)]
    pub request_body: Option<RawBody<'a>>,
    #[serde(borrow)]
    pub responses: Pairs<'a, RawResponse<'a>>,
    #[serde(rename = "x-action")]
    pub action: &'a str,
    #[serde(rename = "x-group")]
    pub group: &'a str,
    #[serde(rename = "x-narrowed-token")]
    pub narrowed_token: &'a str,
    #[serde(rename = "x-token-scopes")]
    #[serde(borrow)]
    pub scopes: Vec<&'a str>,
    #[serde(rename = "x-session-token")]
    pub session_token: bool,
    #[serde(rename = "x-mcp-surface")]
    pub mcp_surface: bool,
    #[serde(rename = "x-posthouse-extension", default)]
    pub extension: bool,
    #[serde(rename = "x-posthouse-alias-of")]
    #[serde(borrow)]
    pub alias_of: Option<&'a str>,
}

/// One parameter as written.
#[derive(Debug, Deserialize)]
pub(crate) struct RawParameter<'a> {
    pub name: &'a str,
    #[serde(rename = "in")]
    pub place: &'a str,
    #[serde(default)]
    pub required: bool,
    #[serde(borrow)]
    pub schema: &'a RawValue,
}

/// A request body as written.
#[derive(Debug, Deserialize)]
pub(crate) struct RawBody<'a> {
    #[serde(borrow)]
    pub content: Pairs<'a, RawMedia<'a>>,
}

/// A response as written.
#[derive(Debug, Deserialize)]
pub(crate) struct RawResponse<'a> {
    #[serde(default)]
    #[serde(borrow)]
    pub content: Pairs<'a, RawMedia<'a>>,
}

/// A media type as written.
#[derive(Debug, Deserialize)]
pub(crate) struct RawMedia<'a> {
    #[serde(borrow)]
    pub schema: Option<&'a RawValue>,
}

/// A schema as written, one level deep.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawSchema<'a> {
    #[serde(rename = "$ref")]
    #[serde(borrow)]
    pub reference: Option<&'a str>,
    #[serde(rename = "type")]
    #[serde(borrow)]
    pub kind: Option<&'a str>,
    #[serde(default)]
    pub nullable: bool,
    #[serde(default, deserialize_with = "present")]
    pub default: Option<Value>,
    #[serde(borrow)]
    pub format: Option<&'a str>,
    #[serde(rename = "enum")]
    pub one_of: Option<Vec<Value>>,
    pub pattern: Option<String>,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub min_items: Option<usize>,
    pub min_properties: Option<usize>,
    #[serde(borrow)]
    pub items: Option<&'a RawValue>,
    #[serde(borrow)]
    pub properties: Option<Pairs<'a, &'a RawValue>>,
    #[serde(default)]
    #[serde(borrow)]
    pub required: Vec<&'a str>,
    #[serde(borrow)]
    pub any_of: Option<Vec<&'a RawValue>>,
    #[serde(rename = "x-trim", default)]
    pub trim: bool,
    #[serde(rename = "x-case")]
    #[serde(borrow)]
    pub case: Option<&'a str>,
    #[serde(rename = "x-ip")]
    #[serde(borrow)]
    pub ip: Option<RawIp<'a>>,
    #[serde(rename = "x-uri-schemes", default)]
    #[serde(borrow)]
    pub uri_schemes: Vec<&'a str>,
    #[serde(rename = "x-accept-single", default)]
    pub accept_single: bool,
    #[serde(rename = "x-accept-now", default)]
    pub accept_now: bool,
    #[serde(rename = "x-allow-empty", default)]
    pub allow_empty: bool,
    #[serde(rename = "x-length")]
    pub length: Option<usize>,
}

/// The address rule of a string.
#[derive(Debug, Deserialize)]
pub(crate) struct RawIp<'a> {
    #[serde(borrow)]
    pub versions: Vec<&'a str>,
    pub cidr: &'a str,
}

/// Tells `"default": null` from no default.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
