//! Reading validated input: the contract has checked types, so what has another type reads as absent.

use posthouse_model::{AccountId, ApiError, Timestamp};
use posthouse_store::Paging;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::CallInput;

/// The fields of an object; of none if it is not an object.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    /// The fields of a body.
    pub(crate) fn of(value: &'a Value) -> Self {
        Self(value.as_object())
    }

    /// The fields of a map.
    pub(crate) const fn map(map: &'a Map<String, Value>) -> Self {
        Self(Some(map))
    }

    /// A field that is there and not null.
    pub(crate) fn value(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key).filter(|value| !value.is_null())
    }

    /// Whether the field is there, if only as null.
    pub(crate) fn has(self, key: &str) -> bool {
        self.0.is_some_and(|map| map.contains_key(key))
    }

    /// A text.
    pub(crate) fn text(self, key: &str) -> Option<&'a str> {
        self.value(key)?.as_str()
    }

    /// A text that is not empty.
    pub(crate) fn filled(self, key: &str) -> Option<&'a str> {
        self.text(key).filter(|text| !text.is_empty())
    }

    /// A boolean.
    pub(crate) fn bool(self, key: &str) -> Option<bool> {
        self.value(key)?.as_bool()
    }

    /// Whether the field is true.
    pub(crate) fn is(self, key: &str) -> bool {
        self.bool(key) == Some(true)
    }

    /// A whole number from 0.
    pub(crate) fn number(self, key: &str) -> Option<u64> {
        self.value(key)?.as_u64()
    }

    /// The fields but for these.
    pub(crate) fn without(self, left_out: &[&str]) -> Map<String, Value> {
        let fields = self.0.into_iter().flatten();
        fields
            .filter(|(key, _)| !left_out.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// A list of texts.
    pub(crate) fn strings(self, key: &str) -> Option<Vec<String>> {
        let list = self.value(key)?.as_array()?;
        let words = list
            .iter()
            .filter_map(|word| word.as_str().map(str::to_owned));
        Some(words.collect())
    }

    /// A list.
    pub(crate) fn list(self, key: &str) -> &'a [Value] {
        self.value(key)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// An object.
    pub(crate) fn fields(self, key: &str) -> Option<Self> {
        self.value(key)?.as_object().map(Self::map)
    }

    /// A date.
    pub(crate) fn time(self, key: &str) -> Result<Option<Timestamp>, ApiError> {
        self.parse(key)
    }

    /// A value of a type of our own.
    pub(crate) fn parse<T: DeserializeOwned>(self, key: &str) -> Result<Option<T>, ApiError> {
        self.value(key)
            .map(|value| {
                T::deserialize(value)
                    .map_err(|_| ApiError::invalid_field(key, &format!("\"{key}\" cannot be read")))
            })
            .transpose()
    }

    /// The page that is asked for.
    pub(crate) fn paging(self) -> Paging {
        Paging {
            page: self.number("page").unwrap_or(0),
            size: self.number("pageSize").unwrap_or(20).clamp(1, 1000),
        }
    }
}

impl CallInput {
    pub(crate) fn path(&self) -> Fields<'_> {
        Fields::map(&self.valid.path)
    }

    pub(crate) fn query(&self) -> Fields<'_> {
        Fields::map(&self.valid.query)
    }

    pub(crate) fn body(&self) -> Fields<'_> {
        Fields::of(&self.valid.body)
    }

    /// The account in the path.
    pub(crate) fn account(&self) -> Result<AccountId, ApiError> {
        self.path()
            .filled("account")
            .map(AccountId::new)
            .ok_or_else(ApiError::account_not_found)
    }
}
