//! The address of the client behind proxies (behaviour 1).

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::{IpNet, Ipv4Net};

/// The client's address.
///
/// With `enabled` off the peer of the socket. Without a list of proxies the leftmost entry of
/// `X-Forwarded-For`; with one, and only when the peer is on it, the rightmost entry that is not. What
/// is no address leaves the peer. An IPv4 address in IPv6 form counts as IPv4.
pub(crate) fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    enabled: bool,
    proxies: Option<&[IpNet]>,
) -> IpAddr {
    let peer = peer.to_canonical();
    if !enabled || !headers.contains_key(FORWARDED_FOR) {
        return peer;
    }
    let entries = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(parse);
    let found = match proxies {
        None => entries.into_iter().next().flatten(),
        Some(proxies) if is_listed(peer, proxies) => {
            let entries: Vec<_> = entries.collect();
            entries
                .into_iter()
                .rev()
                .find(|entry| entry.is_none_or(|address| !is_listed(address, proxies)))
                .flatten()
        }
        Some(_) => None,
    };
    found.unwrap_or(peer)
}

/// Whether what this peer says in `X-Forwarded-*` is believed.
pub(crate) fn is_trusted(peer: IpAddr, enabled: bool, proxies: Option<&[IpNet]>) -> bool {
    enabled && proxies.is_none_or(|proxies| is_listed(peer.to_canonical(), proxies))
}

const FORWARDED_FOR: &str = "x-forwarded-for";

fn parse(text: &str) -> Option<IpAddr> {
    text.trim().parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

fn is_listed(address: IpAddr, nets: &[IpNet]) -> bool {
    nets.iter().any(|net| match (canonical(net), address) {
        (IpNet::V4(net), IpAddr::V4(address)) => net.contains(&address),
        (IpNet::V6(net), IpAddr::V6(address)) => net.contains(&address),
        _ => false,
    })
}

/// A network of IPv4-mapped addresses as the IPv4 network it stands for (RFC 4291 section 2.5.5.2).
fn canonical(net: &IpNet) -> IpNet {
    if let IpNet::V6(v6) = net
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = Ipv4Net::new(v4, length)
    {
        return IpNet::V4(v4);
    }
    *net
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    type Words = &'static [&'static str];
    /// Peer, `X-Forwarded-For` headers, enabled, proxies, expected.
    type Case = (&'static str, Words, bool, Option<Words>, &'static str);

    const OFF: Option<Words> = None;

    #[test]
    fn addresses() {
        let list: Option<Words> = Some(&["10.0.0.0/8", "2001:db8::1/128"]);
        let mapped: Option<Words> = Some(&["::ffff:10.0.0.0/104"]);
        let table: &[Case] = &[
            ("192.0.2.1", &[], true, OFF, "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], false, OFF, "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], true, OFF, "198.51.100.7"),
            (
                "192.0.2.1",
                &["198.51.100.7, 10.1.1.1"],
                true,
                OFF,
                "198.51.100.7",
            ),
            (
                "192.0.2.1",
                &["198.51.100.7", "203.0.113.1"],
                true,
                OFF,
                "198.51.100.7",
            ),
            (
                "192.0.2.1",
                &["unknown, 198.51.100.7"],
                true,
                OFF,
                "192.0.2.1",
            ),
            ("192.0.2.1", &[""], true, OFF, "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7:80"], true, OFF, "192.0.2.1"),
            (
                "192.0.2.1",
                &["::ffff:198.51.100.7"],
                true,
                OFF,
                "198.51.100.7",
            ),
            ("::ffff:192.0.2.1", &[], true, OFF, "192.0.2.1"),
            ("192.0.2.1", &["2001:db8::5"], true, OFF, "2001:db8::5"),
            // With a list: the peer must be on it.
            ("192.0.2.1", &["198.51.100.7"], true, list, "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.7"], true, list, "198.51.100.7"),
            (
                "::ffff:10.0.0.1",
                &["198.51.100.7"],
                true,
                list,
                "198.51.100.7",
            ),
            ("2001:db8::1", &["198.51.100.7"], true, list, "198.51.100.7"),
            // The rightmost that is not a proxy; what stands left of it may be made up.
            (
                "10.0.0.1",
                &["1.1.1.1, 198.51.100.7, 10.2.2.2"],
                true,
                list,
                "198.51.100.7",
            ),
            (
                "10.0.0.1",
                &["1.1.1.1", "198.51.100.7", "10.2.2.2"],
                true,
                list,
                "198.51.100.7",
            ),
            (
                "10.0.0.1",
                &["1.1.1.1, ::ffff:10.2.2.2"],
                true,
                list,
                "1.1.1.1",
            ),
            ("10.0.0.1", &["10.2.2.2, 10.3.3.3"], true, list, "10.0.0.1"),
            (
                "10.0.0.1",
                &["198.51.100.7, nonsense"],
                true,
                list,
                "10.0.0.1",
            ),
            ("10.0.0.1", &[], true, list, "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], false, list, "10.0.0.1"),
            // A network written in IPv6 form.
            ("10.9.9.9", &["198.51.100.7"], true, mapped, "198.51.100.7"),
            ("11.9.9.9", &["198.51.100.7"], true, mapped, "11.9.9.9"),
        ];
        for (peer, sent, enabled, proxies, expected) in table {
            let mut headers = HeaderMap::new();
            for value in *sent {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            let proxies: Option<Vec<IpNet>> =
                proxies.map(|list| list.iter().map(|net| net.parse().unwrap()).collect());
            let address = client_address(
                peer.parse().unwrap(),
                &headers,
                *enabled,
                proxies.as_deref(),
            );
            assert_eq!(
                address.to_string(),
                *expected,
                "{peer} {sent:?} {enabled} {proxies:?}"
            );
        }
    }
}
