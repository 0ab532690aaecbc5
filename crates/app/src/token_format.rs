//! The form in which tokens are exported (behaviour 2.1, 3): base64url of a msgpack map of the record
//! and its id; `created` is a msgpack timestamp (extension type -1).

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_URL_SAFE_NO_PAD,
};
use posthouse_model::{Timestamp, token::TokenRecord};
use rmpv::Value as Pack;
use serde_json::{Map, Value};

/// The extension type of timestamps in the msgpack specification.
const TIMESTAMP: i8 = -1;
/// Deeper values are refused.
const DEPTH: usize = 16;

/// Why an exported token cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadExport {
    #[error("it is not base64url text")]
    Base64,
    #[error("it is not a msgpack map")]
    Pack,
    #[error("its id is not 64 hex characters")]
    Id,
    #[error("its fields are not those of a token: {0}")]
    Record(String),
}

/// Writes a record.
pub(crate) fn export(record: &TokenRecord) -> Result<String, BadExport> {
    let bad = |error: &dyn std::fmt::Display| BadExport::Record(error.to_string());
    let Value::Object(fields) = serde_json::to_value(record).map_err(|error| bad(&error))? else {
        return Err(BadExport::Pack);
    };
    let fields = fields.into_iter().map(|(key, value)| {
        let value = match key.as_str() {
            "created" => timestamp(record.created),
            "expires" => record
                .expires
                .map_or(Pack::Nil, |time| Pack::from(time.millis())),
            _ => pack(value),
        };
        (Pack::from(key), value)
    });
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &Pack::Map(fields.collect()))
        .map_err(|error| bad(&error))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads a record. Without a readable `created` it is new.
pub(crate) fn import(text: &str) -> Result<TokenRecord, BadExport> {
    // With or without padding, in either alphabet, blanks and line breaks anywhere.
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            c => c,
        })
        .collect();
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&alphabet::URL_SAFE, config)
        .decode(text)
        .map_err(|_| BadExport::Base64)?;
    let mut rest = bytes.as_slice();
    let value =
        rmpv::decode::read_value_with_max_depth(&mut rest, DEPTH).map_err(|_| BadExport::Pack)?;
    let Some(Value::Object(mut fields)) = unpack(value).filter(|_| rest.is_empty()) else {
        return Err(BadExport::Pack);
    };
    fields.retain(|_, value| !value.is_null());
    let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
    if id.parse::<posthouse_model::token::TokenId>().is_err() {
        return Err(BadExport::Id);
    }
    let created = fields
        .get("created")
        .and_then(|value| serde_json::from_value::<Timestamp>(value.clone()).ok())
        .unwrap_or_else(Timestamp::now);
    fields.insert("created".to_owned(), created.millis().into());
    // As clients of the reference write "none".
    for key in ["restrictions", "account"] {
        if fields.get(key) == Some(&Value::Bool(false)) {
            fields.remove(key);
        }
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| BadExport::Record(error.to_string()))
}

/// A msgpack timestamp: seconds in 32 bits where they suffice, else nanoseconds and seconds in 64.
fn timestamp(time: Timestamp) -> Pack {
    let seconds = time.millis().div_euclid(1000);
    let nanos = u64::try_from(time.millis().rem_euclid(1000)).unwrap_or(0) * 1_000_000;
    let bytes = match (u32::try_from(seconds), u64::try_from(seconds)) {
        (Ok(seconds), _) if nanos == 0 => seconds.to_be_bytes().to_vec(),
        (_, Ok(seconds)) if seconds < 1 << 34 => (nanos << 34 | seconds).to_be_bytes().to_vec(),
        _ => {
            let mut bytes = u32::try_from(nanos).unwrap_or(0).to_be_bytes().to_vec();
            bytes.extend(seconds.to_be_bytes());
            bytes
        }
    };
    Pack::Ext(TIMESTAMP, bytes)
}

/// Milliseconds of a msgpack timestamp.
fn read_timestamp(bytes: &[u8]) -> Option<i64> {
    let (seconds, nanos) = match bytes.len() {
        4 => (i64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().ok()?);
            (i64::try_from(both & ((1 << 34) - 1)).ok()?, both >> 34)
        }
        12 => {
            let (nanos, seconds) = bytes.split_at_checked(4)?;
            let nanos = u32::from_be_bytes(nanos.try_into().ok()?);
            (
                i64::from_be_bytes(seconds.try_into().ok()?),
                u64::from(nanos),
            )
        }
        _ => return None,
    };
    seconds
        .checked_mul(1000)?
        .checked_add(i64::try_from(nanos / 1_000_000).ok()?)
}

fn pack(value: Value) -> Pack {
    match value {
        Value::Null => Pack::Nil,
        Value::Bool(value) => value.into(),
        Value::Number(number) => number
            .as_u64()
            .map(Pack::from)
            .or_else(|| number.as_i64().map(Pack::from))
            .or_else(|| number.as_f64().map(Pack::from))
            .unwrap_or(Pack::Nil),
        Value::String(text) => text.into(),
        Value::Array(list) => Pack::Array(list.into_iter().map(pack).collect()),
        Value::Object(map) => Pack::Map(
            map.into_iter()
                .map(|(key, value)| (key.into(), pack(value)))
                .collect(),
        ),
    }
}

/// The value as JSON; none for what JSON has no word for.
fn unpack(value: Pack) -> Option<Value> {
    Some(match value {
        Pack::Nil => Value::Null,
        Pack::Boolean(value) => value.into(),
        Pack::Integer(number) => number
            .as_u64()
            .map(Value::from)
            .or_else(|| number.as_i64().map(Value::from))?,
        Pack::F32(number) => whole(f64::from(number)),
        Pack::F64(number) => whole(number),
        Pack::String(text) => text.into_str()?.into(),
        Pack::Binary(bytes) => String::from_utf8(bytes).ok()?.into(),
        Pack::Array(list) => Value::Array(list.into_iter().map(unpack).collect::<Option<_>>()?),
        Pack::Map(map) => {
            let mut fields = Map::new();
            for (key, value) in map {
                let Value::String(key) = unpack(key)? else {
                    return None;
                };
                fields.insert(key, unpack(value)?);
            }
            Value::Object(fields)
        }
        Pack::Ext(TIMESTAMP, bytes) => read_timestamp(&bytes)?.into(),
        // JavaScript's `undefined`, and other types that a token does not need.
        Pack::Ext(..) => Value::Null,
    })
}

/// A number, as an integer where it is one: JavaScript writes large integers as floats.
fn whole(number: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        (number as i64).into()
    } else {
        number.into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use posthouse_model::{Action, Group};

    #[test]
    fn timestamps_of_all_sizes() {
        for millis in [
            0,
            1_700_000_000_000,
            1_700_000_000_123,
            20_000_000_000_000,
            17_179_869_184_000,
            -1500,
        ] {
            let Pack::Ext(-1, bytes) = timestamp(Timestamp(millis)) else {
                unreachable!()
            };
            assert_eq!(read_timestamp(&bytes), Some(millis), "{bytes:?}");
        }
        assert_eq!(read_timestamp(&[0; 5]), None);
    }

    fn imported(fields: &[(&str, Pack)]) -> Result<TokenRecord, BadExport> {
        let id = ("id".into(), "ab".repeat(32).into());
        let fields = fields
            .iter()
            .map(|(key, value)| ((*key).into(), value.clone()));
        let map = Pack::Map([id].into_iter().chain(fields).collect());
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &map).unwrap();
        import(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    #[test]
    fn plain_numbers_and_texts_are_read() {
        for created in [
            Pack::from(1_700_000_000_123_i64),
            Pack::from(1_700_000_000_123.0),
            Pack::from("2023-11-14T22:13:20.123Z"),
        ] {
            let record = imported(&[
                ("created", created),
                ("scopes", Pack::Array(vec!["api".into()])),
                ("account", Pack::Nil),
                ("unknown", Pack::Ext(0, vec![0])),
            ])
            .unwrap();
            assert_eq!(record.created, Timestamp(1_700_000_000_123));
            assert_eq!(record.account, None);
            assert_eq!(import(&export(&record).unwrap()).unwrap(), record);
        }
        // What restricts a token is never overlooked because it cannot be read.
        let record = imported(&[("permissions", false.into())]).unwrap();
        assert!(
            record
                .permissions
                .check(Action::Read, Group::Account)
                .is_err()
        );
        assert!(matches!(
            imported(&[("scopes", false.into())]),
            Err(BadExport::Record(_))
        ));
        assert_eq!(import("%%%"), Err(BadExport::Base64));
        assert_eq!(import("AAAA"), Err(BadExport::Pack));
        assert_eq!(import("gA"), Err(BadExport::Id));
    }
}
