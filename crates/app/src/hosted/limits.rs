//! How often a visitor may do what costs something.

use std::{net::IpAddr, time::Duration};

use posthouse_model::ApiError;
use posthouse_store::hosted;

use super::Link;
use crate::{App, internal, rate::Window};

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

/// Who counts as one: an IPv4 address, or the /64 that an IPv6 host picks its addresses from.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) >> 64 << 64;
            std::net::Ipv6Addr::from(prefix).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_ipv6_host_has_one_count() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
    }
}
