//! Names to addresses.

use std::fmt::Debug;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::error::NetError;

/// Addresses to come.
pub type LookedUp<'a> = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, NetError>> + Send + 'a>>;

/// Another source of addresses than the system's.
pub trait LookUp: Debug + Send + Sync {
    /// The addresses of a name in its ASCII form. The caller brings the deadline.
    fn look_up<'a>(&'a self, name: &'a str) -> LookedUp<'a>;
}

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
    resolve_by(None, host, port, deadline).await
}

/// As [`resolve`], asking `source` instead of the system.
pub(crate) async fn resolve_by(
    source: Option<&Arc<dyn LookUp>>,
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
    let lookup = async {
        match source {
            Some(source) => {
                let found = source.look_up(&name).await?;
                Ok(found
                    .into_iter()
                    .map(|address| SocketAddr::new(address, port))
                    .collect())
            }
            None => match tokio::net::lookup_host((name.as_str(), port)).await {
                Ok(found) => Ok(found.collect::<Vec<_>>()),
                Err(error) => Err(not_found(error.to_string())),
            },
        }
    };
    let found = match tokio::time::timeout(deadline, lookup).await {
        Ok(found) => found?,
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
