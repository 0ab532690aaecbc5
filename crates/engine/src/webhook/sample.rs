//! Samples of events: what their receiver has to expect, with made-up data (behaviour 7.3).

use std::{collections::HashMap, sync::LazyLock};

use posthouse_model::EventType;
use serde::Deserialize;
use serde_json::Value;

/// A sample as the file has it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sample {
    path: Option<String>,
    special_use: Option<String>,
    data: Value,
}

static SAMPLES: LazyLock<HashMap<String, Sample>> = LazyLock::new(|| {
    // A test holds that it can be read.
    serde_json::from_str(include_str!("samples.json")).unwrap_or_default()
});

/// The data of a sample, its folder and the folder's special use.
pub(super) fn of(event: EventType) -> (Value, Option<String>, Option<String>) {
    match SAMPLES.get(event.as_str()) {
        Some(sample) => (
            sample.data.clone(),
            sample.path.clone(),
            sample.special_use.clone(),
        ),
        None => (Value::Object(serde_json::Map::new()), None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_sample() {
        for event in EventType::ALL {
            let sample = SAMPLES.get(event.as_str());
            assert!(
                sample.is_some_and(|sample| sample
                    .data
                    .as_object()
                    .is_some_and(|map| !map.is_empty())),
                "{event}"
            );
        }
        assert_eq!(SAMPLES.len(), EventType::ALL.len());
    }

    #[test]
    fn the_new_message_is_one() {
        let (data, ..) = of(EventType::MessageNew);
        let message: Result<posthouse_model::message::Message, _> = serde_json::from_value(data);
        assert!(message.is_ok(), "{message:?}");
    }
}
