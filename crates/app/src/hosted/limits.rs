//! How often a visitor may do what costs something.

use std::{net::IpAddr, time::Duration};

use posthouse_model::ApiError;
use posthouse_store::hosted;

use super::Link;
use crate::{
    App, internal,
    rate::{Window, network},
};

/// Trials of settings with one link.
const PROBES: u64 = 50;
/// Searches for servers with one link, an hour.
const DETECTIONS: u64 = 30;
/// Forms from one address, a minute.
const FORMS: u64 = 60;

impl App {
    /// Counts a form sent by a visitor.
    ///
    /// # Errors
    /// 429 when the address sends too many.
    pub async fn admit_visitor(&self, address: IpAddr) -> Result<(), ApiError> {
        let key = format!("hosted:form:{}", network(address));
        self.limit(&key, FORMS, Duration::from_secs(60)).await
    }

    /// Counts a search for servers.
    pub(super) async fn admit_detection(&self, link: &Link) -> Result<(), ApiError> {
        let key = format!("hosted:detect:{}", link.nonce());
        self.limit(&key, DETECTIONS, Duration::from_secs(3600))
            .await
    }

    /// Counts a trial of settings; durable, so that a restart gives no new trials.
    pub(super) async fn admit_probe(&self, link: &Link) -> Result<(), ApiError> {
        let count = hosted::count_probe(self.store(), link.nonce(), link.remembered_until())
            .await
            .map_err(|error| internal("counting a trial", &error))?;
        if count <= PROBES {
            return Ok(());
        }
        let left = link.remembered_until().since(self.store().now());
        Err(too_many(left))
    }

    async fn limit(&self, key: &str, limit: u64, length: Duration) -> Result<(), ApiError> {
        let now = self.store().now();
        let window = Window::at(now, length);
        if self.rates().count(key, window).await? <= limit {
            return Ok(());
        }
        Err(too_many(window.ends_in(now)))
    }
}

fn too_many(wait: Duration) -> ApiError {
    ApiError::new(429, "Too many attempts, try again later").with("ttl", wait.as_secs().max(1))
}
