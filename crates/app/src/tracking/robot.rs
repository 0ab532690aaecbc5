//! Readers that are no people: programs that open messages and follow links before, or instead of, a recipient.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks of Google's crawlers (developers.google.com/search/docs/crawling-indexing/verifying-googlebot). The proxy
/// through which Gmail shows images lies beside them and is not among them: behind it is a reader.
const CRAWLERS: &[&str] = &[
    "66.249.64.0/20",
    "192.178.4.0/22",
    "34.22.85.0/27",
    "34.64.82.64/28",
    "34.65.242.112/28",
    "34.80.50.80/28",
    "34.88.194.0/28",
    "34.89.10.80/28",
    "34.89.198.80/28",
    "34.96.162.48/28",
    "34.100.182.96/28",
    "34.101.50.144/28",
    "34.118.66.0/28",
    "34.118.254.0/28",
    "34.126.178.96/28",
    "34.146.150.144/28",
    "34.147.110.144/28",
    "34.151.74.144/28",
    "34.152.50.64/28",
    "34.154.114.144/28",
    "34.155.98.32/28",
    "34.165.18.176/28",
    "34.175.160.64/28",
    "34.176.130.16/28",
    "35.247.243.240/28",
    "2001:4860:4801::/48",
];

/// Names under which filters of mail look at links.
const FILTERS: [&str; 2] = ["barracuda.com", "spfbl.net"];

/// Whether an address is a crawler's.
pub(super) fn is_crawler(address: IpAddr) -> bool {
    let address = address.to_canonical();
    CRAWLERS
        .iter()
        .filter_map(|network| network.parse::<IpNet>().ok())
        .any(|network| network.contains(&address))
}

/// Whether the name of an address is a filter's.
pub(super) fn is_filter(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    FILTERS.iter().any(|filter| {
        name.strip_suffix(filter)
            .is_some_and(|host| host.is_empty() || host.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn crawlers_and_filters() {
        for network in CRAWLERS {
            network.parse::<IpNet>().unwrap();
        }
        for (address, crawler) in [
            ("66.249.66.1", true),
            ("::ffff:66.249.66.1", true),
            ("2001:4860:4801:10::1", true),
            ("66.249.84.5", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(is_crawler(address.parse().unwrap()), crawler, "{address}");
        }
        for (name, filter) in [
            ("d123.ess.barracuda.com.", true),
            ("Matrix.SPFBL.net", true),
            ("barracuda.com", true),
            ("notbarracuda.com", false),
            ("barracuda.com.example.org", false),
        ] {
            assert_eq!(is_filter(name), filter, "{name}");
        }
    }
}
