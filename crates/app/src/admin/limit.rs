//! How often one may try (behaviour 22).

use std::{net::IpAddr, time::Duration};

use posthouse_model::{ApiError, Timestamp};

use super::Console;
use crate::rate::Window;

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

/// Who is counted: an address, or the network of 64 bits that an IPv6 host chooses its addresses in.
pub(super) fn source(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            let network = address.to_bits() >> 64;
            format!("{network:x}/64")
        }
        Some(address) => address.to_string(),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let of = |text: &str| source(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
