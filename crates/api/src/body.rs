//! Request bodies: how large, how long, how many at once.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use posthouse_app::Lifted;
use posthouse_contract::Operation;
use posthouse_model::{Action, ApiError, Group};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    ApiConfig,
    lift::{self, Lifter, Places},
};

/// Greatest body of an operation that carries no message, in bytes. Twice the greatest value that a
/// field may have (1 MiB), as JSON may need two bytes for one.
pub const SMALL_BODY: usize = 2 << 20;

/// The budget counts in blocks of this many bytes.
const BLOCK: usize = 1024;

/// How much of a body that nobody wants is read, so that the client sees the answer rather than a
/// reset connection, and for how long.
const DISCARD: usize = 4 << 20;
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// Reads bodies within their limits.
pub(crate) struct Bodies {
    budget: Arc<Semaphore>,
    blocks: u32,
    large: usize,
    patience: Duration,
    timeout: Duration,
}

/// A parsed body, and the part of the budget it occupies until it is dropped.
#[derive(Default)]
pub(crate) struct Parsed {
    /// The JSON; `None` for an empty body.
    pub(crate) value: Option<Value>,
    /// Contents that were taken out of it.
    pub(crate) lifted: Lifted,
    /// Held while the value lives.
    pub(crate) held: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    pub(crate) fn new(config: &ApiConfig) -> Self {
        let blocks = u32::try_from((config.body_budget / BLOCK).max(1))
            .unwrap_or(u32::MAX)
            .min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self {
            budget: Arc::new(Semaphore::new(blocks as usize)),
            blocks,
            large: config.max_body_size,
            patience: config.command_timeout,
            timeout: config.payload_timeout,
        }
    }

    /// The greatest body of this operation.
    pub(crate) fn limit(&self, operation: &Operation) -> usize {
        let carries_message = operation.action == Action::Send
            || (operation.group == Group::Message
                && matches!(operation.method, posthouse_contract::Method::Post)
                && operation.path.ends_with("/message"));
        if carries_message {
            self.large
        } else {
            SMALL_BODY.min(self.large)
        }
    }

    /// Reads and parses a body; long contents in these places are decoded meanwhile.
    ///
    /// # Errors
    /// 415, 413, 408, 400; 503 when the budget stays used up.
    pub(crate) async fn json(
        &self,
        headers: &HeaderMap,
        body: &mut Body,
        limit: usize,
        places: Places,
    ) -> Result<Parsed, ApiError> {
        let announced = body.size_hint().exact();
        if announced == Some(0) {
            return Ok(Parsed::default());
        }
        check_type(headers)?;
        if announced.is_some_and(|size| size > limit as u64) {
            return Err(too_large(limit));
        }
        // Of a chunked body nobody knows the size: its limit is set aside, so that two half-read
        // bodies can never wait for each other.
        let size = announced.map_or(limit, |size| usize::try_from(size).unwrap_or(limit));
        let held = self.reserve(size).await?;
        let lifts = !places.is_empty() && size > lift::UNLIFTED;
        let read = async {
            if lifts {
                lift(body, places, size, limit).await
            } else {
                let bytes = collect(body, announced, limit).await?;
                Ok((bytes, Lifted::default()))
            }
        };
        let (bytes, lifted) = match tokio::time::timeout(self.timeout, read).await {
            Ok(read) => read?,
            Err(_) => {
                return Err(ApiError::new(
                    408,
                    "The request body took too long to arrive",
                ));
            }
        };
        if bytes.is_empty() {
            return Ok(Parsed::default());
        }
        // What the parser says may quote the body, which may hold secrets.
        let value = serde_json::from_slice(&bytes)
            .map_err(|_| ApiError::new(400, "Invalid request payload JSON format"))?;
        Ok(Parsed {
            value: Some(value),
            lifted,
            held: Some(held),
        })
    }

    async fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let blocks = u32::try_from(bytes.div_ceil(BLOCK).max(1))
            .unwrap_or(u32::MAX)
            .min(self.blocks);
        let permit = Arc::clone(&self.budget).acquire_many_owned(blocks);
        match tokio::time::timeout(self.patience, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(
                ApiError::new(503, "Too many large requests at once, try again").code("ServerBusy"),
            ),
        }
    }
}

/// Reads on for a moment a body that was refused. Not when the client waits for `100 Continue`: it has
/// not sent it yet.
pub(crate) async fn discard(headers: &HeaderMap, body: &mut Body) {
    if body.is_end_stream() || headers.contains_key(header::EXPECT) {
        return;
    }
    let reading = async {
        let mut left = DISCARD;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(size) else {
                break;
            };
            left = rest;
        }
    };
    // Both ends are fine: what is left unread closes the connection.
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}

/// The next piece of a body, whose size so far is counted.
async fn next(body: &mut Body, size: &mut usize, limit: usize) -> Result<Option<Bytes>, ApiError> {
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| ApiError::new(400, "The request body ended before it was whole"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        *size += data.len();
        if *size > limit {
            return Err(too_large(limit));
        }
        return Ok(Some(data));
    }
    Ok(None)
}

async fn collect(body: &mut Body, announced: Option<u64>, limit: usize) -> Result<Bytes, ApiError> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut size = 0;
    while let Some(data) = next(body, &mut size, limit).await? {
        // Most bodies are one piece: that one is not copied.
        match (&first, rest.is_empty()) {
            (None, true) => first = Some(data),
            (Some(head), true) => {
                let capacity =
                    announced.map_or(size * 2, |all| usize::try_from(all).unwrap_or(size));
                rest.reserve(capacity.min(limit));
                rest.extend_from_slice(head);
                rest.extend_from_slice(&data);
            }
            _ => rest.extend_from_slice(&data),
        }
    }
    Ok(if rest.is_empty() {
        first.unwrap_or_default()
    } else {
        rest.freeze()
    })
}

/// Reads a body of at most `most` bytes, as far as it is known, and decodes its contents meanwhile.
async fn lift(
    body: &mut Body,
    places: Places,
    most: usize,
    limit: usize,
) -> Result<(Bytes, Lifted), ApiError> {
    let mut lifter = Lifter::new(places, most);
    let mut size = 0;
    while let Some(data) = next(body, &mut size, limit).await? {
        lifter.push(&data);
    }
    let (json, lifted) = lifter.finish();
    Ok((json.into(), lifted))
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        413,
        format!("Payload content length greater than maximum allowed: {limit}"),
    )
}

/// JSON in UTF-8, without content coding. No `Content-Type` counts as JSON.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let unsupported = |what: &str| {
        Err(ApiError::new(
            415,
            format!("Unsupported Media Type: {what}; send application/json"),
        ))
    };
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return unsupported("content codings are not accepted");
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let value = value.to_str().unwrap_or_default();
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let essence = essence.trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 17
            && essence
                .get(..12)
                .is_some_and(|start| start.eq_ignore_ascii_case("application/"))
            && essence
                .get(essence.len() - 5..)
                .is_some_and(|end| end.eq_ignore_ascii_case("+json")));
    if !is_json {
        return unsupported("the body is not JSON");
    }
    for parameter in parameters.split(';') {
        if let Some((name, charset)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8", "us-ascii"]
                .iter()
                .any(|own| charset.trim().trim_matches('"').eq_ignore_ascii_case(own))
        {
            return unsupported("the charset is not UTF-8");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn media_types() {
        for (value, good) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=UTF-8"), true),
            (Some("application/vnd.api+json"), true),
            (None, true),
            (Some("application/json; charset=latin1"), false),
            (Some("text/plain"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("multipart/form-data; boundary=x"), false),
            (Some(""), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            }
            assert_eq!(check_type(&headers).is_ok(), good, "{value:?}");
        }
    }

    #[tokio::test]
    async fn the_budget_makes_bodies_wait() {
        let config = ApiConfig {
            body_budget: 4096,
            command_timeout: Duration::from_millis(50),
            ..ApiConfig::default()
        };
        let bodies = Bodies::new(&config);
        let headers = HeaderMap::new();
        let text = format!("{{\"a\":\"{}\"}}", "x".repeat(3000));
        let first = bodies
            .json(
                &headers,
                &mut Body::from(text.clone()),
                10_000,
                Places::default(),
            )
            .await
            .unwrap();
        let second = bodies
            .json(
                &headers,
                &mut Body::from(text.clone()),
                10_000,
                Places::default(),
            )
            .await;
        assert_eq!(second.err().unwrap().status, 503);
        drop(first);
        assert!(
            bodies
                .json(&headers, &mut Body::from(text), 10_000, Places::default())
                .await
                .is_ok()
        );
    }
}
