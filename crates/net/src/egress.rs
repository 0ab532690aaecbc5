//! Which addresses a user-given URL may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::LazyLock;

use ipnet::{Ipv4Net, Ipv6Net};

/// How far outgoing HTTP to user-given URLs may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EgressPolicy {
    /// Anywhere. Redirects are followed.
    Off,
    /// Not to link-local and cloud metadata addresses.
    #[default]
    LinkLocal,
    /// Only to public unicast addresses.
    Private,
}

/// An address that the policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("address {address} is blocked by the egress policy {policy}")]
pub struct Blocked {
    /// The address, as it would have been dialled.
    pub address: IpAddr,
    /// The policy in force.
    pub policy: EgressPolicy,
}

/// A name that is none of `off`, `link-local`, `private`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an egress policy is one of off, link-local, private")]
pub struct UnknownPolicy;

impl FromStr for EgressPolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        match text.trim().to_ascii_lowercase().as_str() {
            "off" => Ok(Self::Off),
            "link-local" => Ok(Self::LinkLocal),
            "private" => Ok(Self::Private),
            _ => Err(UnknownPolicy),
        }
    }
}

impl std::fmt::Display for EgressPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
        })
    }
}

struct Nets {
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

impl Nets {
    fn new(v4: &[&str], v6: &[&str]) -> Self {
        // The lists are constants; a test holds that every entry parses.
        Self {
            v4: v4.iter().filter_map(|net| net.parse().ok()).collect(),
            v6: v6.iter().filter_map(|net| net.parse().ok()).collect(),
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.iter().any(|net| net.contains(&address)),
            IpAddr::V6(address) => self.v6.iter().any(|net| net.contains(&address)),
        }
    }
}

/// Link-local (RFC 3927, RFC 4291) and the metadata services of clouds that live elsewhere.
const LINK_LOCAL_V4: &[&str] = &["169.254.0.0/16", "100.100.100.200/32"];
const LINK_LOCAL_V6: &[&str] = &["fe80::/10", "fd00:ec2::254/128"];

/// What is not public unicast, from the IANA special-purpose registries (RFC 6890).
const PRIVATE_V4: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
const PRIVATE_V6: &[&str] = &[
    "::/128",
    "::1/128",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:2::/48",
    "2001:10::/28",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fec0::/10",
    "ff00::/8",
];

static LINK_LOCAL: LazyLock<Nets> = LazyLock::new(|| Nets::new(LINK_LOCAL_V4, LINK_LOCAL_V6));
static PRIVATE: LazyLock<Nets> = LazyLock::new(|| Nets::new(PRIVATE_V4, PRIVATE_V6));

impl EgressPolicy {
    /// Checks an address. IPv6 forms that carry an IPv4 address are judged by both.
    ///
    /// # Errors
    /// [`Blocked`] when the policy does not allow it.
    pub fn check(self, address: IpAddr) -> Result<(), Blocked> {
        let blocked = match self {
            Self::Off => false,
            Self::LinkLocal => any_form(address, |form| LINK_LOCAL.contains(form)),
            Self::Private => any_form(address, |form| {
                LINK_LOCAL.contains(form) || PRIVATE.contains(form)
            }),
        };
        if blocked {
            Err(Blocked {
                address,
                policy: self,
            })
        } else {
            Ok(())
        }
    }
}

fn any_form(address: IpAddr, test: impl Fn(IpAddr) -> bool) -> bool {
    if test(address) {
        return true;
    }
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => embedded(address)
            .into_iter()
            .flatten()
            .any(|inner| test(IpAddr::V4(inner))),
    }
}

/// The IPv4 addresses that an IPv6 address leads to.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let join = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match (a, b) {
        // IPv4-compatible and IPv4-mapped (RFC 4291), IPv4-translated (RFC 7915); :: and ::1 are judged as they are.
        (0, 0) if (c, d) == (0, 0) && matches!((e, f), (0, 0) | (0, 0xffff) | (0xffff, 0)) => {
            let low = join(g, h);
            [(u32::from(low) > 1).then_some(low), None]
        }
        // NAT64 (RFC 6052).
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => [Some(join(g, h)), None],
        // 6to4 (RFC 3056).
        (0x2002, _) => [Some(join(b, c)), None],
        // Teredo (RFC 4380): server, and client with its bits inverted.
        (0x2001, 0) => [Some(join(c, d)), Some(join(!g, !h))],
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn every_listed_network_parses() {
        assert_eq!(LINK_LOCAL.v4.len(), LINK_LOCAL_V4.len());
        assert_eq!(LINK_LOCAL.v6.len(), LINK_LOCAL_V6.len());
        assert_eq!(PRIVATE.v4.len(), PRIVATE_V4.len());
        assert_eq!(PRIVATE.v6.len(), PRIVATE_V6.len());
    }

    #[track_caller]
    fn expect(policy: EgressPolicy, address: &str, allowed: bool) {
        let got = policy.check(address.parse().unwrap()).is_ok();
        assert_eq!(got, allowed, "{address} under {policy}");
    }

    #[test]
    fn link_local_blocks_metadata_and_nothing_private() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
        ] {
            expect(EgressPolicy::LinkLocal, address, false);
            expect(EgressPolicy::Private, address, false);
            expect(EgressPolicy::Off, address, true);
        }
        for address in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "8.8.8.8"] {
            expect(EgressPolicy::LinkLocal, address, true);
        }
    }

    #[test]
    fn private_blocks_all_that_is_not_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:c0a8:1::1",
            "2001:0:4136:e378:8000:63bf:80ff:fffe", // Teredo, client 127.0.0.1
        ] {
            expect(EgressPolicy::Private, address, false);
        }
        for address in [
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::8.8.8.8",
            "::ffff:8.8.8.8",
            "2002:808:808::1",
        ] {
            expect(EgressPolicy::Private, address, true);
        }
    }

    #[test]
    fn disguised_hosts_of_urls_become_addresses() {
        for (url, address) in [
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http://0177.0.0.1/", "127.0.0.1"),
            ("http://0x7f000001/", "127.0.0.1"),
            ("http://127.1/", "127.0.0.1"),
            ("http://[::ffff:7f00:1]/", "::ffff:127.0.0.1"),
            ("http://%31%32%37.0.0.1/", "127.0.0.1"),
            ("http://１２７.0.0.1/", "127.0.0.1"),
            ("http://0xa9fea9fe/", "169.254.169.254"),
        ] {
            let parsed = url::Url::parse(url).unwrap();
            let found: IpAddr = match parsed.host().unwrap() {
                url::Host::Ipv4(address) => address.into(),
                url::Host::Ipv6(address) => address.into(),
                url::Host::Domain(name) => panic!("{url} is the name {name}"),
            };
            assert_eq!(found, address.parse::<IpAddr>().unwrap(), "{url}");
            assert!(EgressPolicy::Private.check(found).is_err(), "{url}");
        }
    }
}
