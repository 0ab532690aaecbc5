//! The addresses of this machine, to choose from for outgoing connections (behaviour 20).

use std::net::IpAddr;

use crate::App;

/// An address of this machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalAddress {
    /// Name of the network interface.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Whether it reaches this machine only.
    pub loopback: bool,
}

impl App {
    /// The addresses of this machine, those that others can see first; none when the system does not
    /// tell. Link-local ones are left out: a connection cannot come from them without naming an interface.
    #[must_use]
    pub fn local_addresses(&self) -> Vec<LocalAddress> {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
            tracing::warn!(%error, "the addresses of this machine cannot be listed");
            Vec::new()
        });
        let mut addresses: Vec<_> = interfaces
            .into_iter()
            .filter(|interface| !interface.is_link_local())
            .map(|interface| LocalAddress {
                address: interface.ip(),
                loopback: interface.is_loopback(),
                interface: interface.name,
            })
            .collect();
        addresses.sort_by(|a, b| {
            (a.loopback, a.address.is_ipv6(), a).cmp(&(b.loopback, b.address.is_ipv6(), b))
        });
        addresses.dedup();
        addresses
    }
}
