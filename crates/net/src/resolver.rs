//! Names to addresses.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::error::NetError;

/// The addresses of `host` in the system's order of preference, each with `port`. Literal addresses, also in brackets, are
/// returned as they are; names outside ASCII are asked for in their IDNA form (RFC 5891).
///
/// # Errors
/// [`NetError::NotFound`] when there is no address, [`NetError::Timeout`] when the system does not answer in time.
pub async fn resolve(
    host: &str,
    port: u16,
    deadline: Duration,
) -> Result<Vec<SocketAddr>, NetError> {
    let host = bare(host);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let not_found = |reason: String| NetError::NotFound {
        host: host.to_owned(),
        reason,
    };
    let name = if host.is_ascii() {
        host.to_owned()
    } else {
        url::Host::parse(host)
            .map_err(|error| not_found(error.to_string()))?
            .to_string()
    };
    if name.is_empty() {
        return Err(not_found("the name is empty".to_owned()));
    }
    let lookup = tokio::net::lookup_host((name.as_str(), port));
    let found = match tokio::time::timeout(deadline, lookup).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(not_found(error.to_string())),
        Err(_) => return Err(NetError::timeout(format!("resolving {host}"), deadline)),
    };
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(not_found("no address".to_owned()));
    }
    Ok(addresses)
}

/// A host without the brackets of an IPv6 literal.
pub(crate) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}
