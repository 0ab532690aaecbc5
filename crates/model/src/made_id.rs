//! Ids of what is made here: routes, templates (behaviour 9).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::Timestamp;

/// base64url of 8 bytes of milliseconds and 4 of a counter, both with the first byte first, and of what else the id holds.
#[must_use]
pub fn made_id(time: Timestamp, counter: u32, rest: &str) -> String {
    let mut bytes = time.millis().to_be_bytes().to_vec();
    bytes.extend(counter.to_be_bytes());
    bytes.extend(rest.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
