//! How mail servers are looked for, from its options.

use std::net::{IpAddr, SocketAddr};

use posthouse_app::DiscoverConfig;

use super::{option::words, values::Values};

/// The port of name servers (RFC 1035 section 4.2).
const DNS: u16 = 53;

/// Reads the section `discover`; what is wrong is added to the faults.
pub(crate) fn read(values: &Values, faults: &mut Vec<String>) -> DiscoverConfig {
    let mut config = DiscoverConfig::default();
    let text = |name: &str| values.text(&format!("discover.{name}"));
    if let Some(list) = text("dns") {
        let mut servers = Vec::new();
        for word in words(list) {
            match name_server(word) {
                Some(server) => servers.push(server),
                None => faults.push(format!(
                    "discover.dns: {word:?} is neither an address nor an address and a port"
                )),
            }
        }
        config.dns = Some(servers);
    }
    config.ispdb = match text("ispdb") {
        None | Some("off") => None,
        Some(url) => match url.parse::<url::Url>() {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            _ => {
                faults.push("discover.ispdb: not an http or https URL, nor off".to_owned());
                None
            }
        },
    };
    // The words were checked with all others.
    if let Some(Ok(policy)) = text("egressPolicy").map(str::parse) {
        config.egress = policy;
    }
    let port = |name: &str, usual| {
        text(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    config.http_port = port("httpPort", config.http_port);
    config.https_port = port("httpsPort", config.https_port);
    config.ca_file = text("caFile").map(Into::into);
    config
}

fn name_server(word: &str) -> Option<SocketAddr> {
    let address = || Some(SocketAddr::new(word.parse::<IpAddr>().ok()?, DNS));
    word.parse().ok().or_else(address)
}
