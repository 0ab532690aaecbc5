//! MX, SRV and address records.

use std::cmp::Reverse;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use posthouse_net::NetError;
use posthouse_net::resolver::{LookUp, LookedUp};

/// Records kept while they are valid.
const CACHE: u64 = 512;

/// A resolver. What cannot be asked, is not answered or does not exist reads as no record.
#[derive(Clone)]
pub(crate) struct Dns(Option<TokioResolver>);

/// Where a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

impl Dns {
    /// Asks these servers, or the system's. An answer is waited for as long as `step`, with repetitions.
    pub(crate) fn new(servers: Option<&[SocketAddr]>, step: Duration) -> Self {
        let builder = match servers {
            Some(servers) => {
                let servers = servers.iter().map(name_server).collect();
                let config = ResolverConfig::from_name_servers(servers);
                Ok(TokioResolver::builder_with_config(
                    config,
                    TokioRuntimeProvider::default(),
                ))
            }
            None => TokioResolver::builder_tokio(),
        };
        let resolver = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            options.timeout = step / 3;
            options.attempts = 2;
            options.cache_size = CACHE;
            builder.build()
        });
        match resolver {
            Ok(resolver) => Self(Some(resolver)),
            Err(error) => {
                tracing::warn!(%error, "the system names no DNS server: mail servers are not found by DNS");
                Self(None)
            }
        }
    }

    /// The resolver itself, for whoever must tell apart why there is no record.
    pub(crate) fn into_resolver(self) -> Option<TokioResolver> {
        self.0
    }

    /// The mail exchangers of a domain, the preferred first, in lower case without the final dot.
    pub(crate) async fn mx(&self, domain: &str) -> Vec<String> {
        let mut found: Vec<(u16, String)> = self
            .records(domain, RecordType::MX)
            .await
            .into_iter()
            .filter_map(|record| match record {
                RData::MX(mx) => Some((mx.preference, text(&mx.exchange)?)),
                _ => None,
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, host)| host).collect()
    }

    /// The target of a service (`_imaps._tcp`) with the lowest priority, among equals the one with most weight (RFC 2782). None
    /// where the service is not offered, which a domain may also say by the target ".".
    pub(crate) async fn srv(&self, service: &str, domain: &str) -> Option<Target> {
        self.records(&format!("{service}.{domain}"), RecordType::SRV)
            .await
            .into_iter()
            .filter_map(|record| match record {
                RData::SRV(srv) if srv.port != 0 => {
                    let host = text(&srv.target)?;
                    Some((srv.priority, Reverse(srv.weight), host, srv.port))
                }
                _ => None,
            })
            .min()
            .map(|(_, _, host, port)| Target { host, port })
    }

    /// The first name of an address.
    pub(crate) async fn ptr(&self, address: IpAddr) -> Option<String> {
        let zone = Name::from(address).to_ascii();
        let records = self.records(zone.trim_end_matches('.'), RecordType::PTR);
        records.await.iter().find_map(|record| match record {
            RData::PTR(name) => text(name),
            _ => None,
        })
    }

    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        let Some(resolver) = &self.0 else {
            return Vec::new();
        };
        // The final dot: the system's search list has no say here.
        match resolver.lookup(format!("{name}."), kind).await {
            Ok(found) => found
                .answers()
                .iter()
                .map(|record| record.data.clone())
                .collect(),
            Err(error) => {
                tracing::debug!(name, %kind, %error, "no record");
                Vec::new()
            }
        }
    }
}

impl LookUp for Dns {
    fn look_up<'a>(&'a self, name: &'a str) -> LookedUp<'a> {
        Box::pin(async move {
            let not_found = |reason: String| NetError::NotFound {
                host: name.to_owned(),
                reason,
            };
            let resolver = self
                .0
                .as_ref()
                .ok_or_else(|| not_found("no DNS server".to_owned()))?;
            let found = resolver
                .lookup_ip(format!("{}.", name.trim_end_matches('.')))
                .await
                .map_err(|error| not_found(error.to_string()))?;
            Ok(found.iter().collect())
        })
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// A name without its final dot; none for the root.
fn text(name: &Name) -> Option<String> {
    let text = name.to_ascii().to_ascii_lowercase();
    let text = text.trim_end_matches('.');
    (!text.is_empty()).then(|| text.to_owned())
}
