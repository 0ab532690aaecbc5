//! How often one may try (behaviour 22).

use std::{net::IpAddr, time::Duration};

use posthouse_model::{ApiError, Timestamp};

use super::Console;
use crate::rate::{Window, network};

/// The window of all limits here.
const WINDOW: Duration = Duration::from_secs(60);

impl Console<'_> {
    /// Counts an attempt; refuses it when there were more than `most` in this minute.
    pub(super) async fn limit(&self, key: &str, most: u64) -> Result<(), ApiError> {
        let now = Timestamp::now();
        let window = Window::at(now, WINDOW);
        let count = self
            .app
            .rates()
            .count(&format!("console:{key}"), window)
            .await?;
        if count <= most {
            return Ok(());
        }
        let ttl = window.ends_in(now).as_secs().max(1);
        Err(ApiError::new(
            429,
            format!("Too many attempts, try again in {ttl} seconds"),
        )
        .with("ttl", ttl))
    }
}

/// Who is counted.
pub(super) fn source(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "unknown".to_owned(), network)
}
