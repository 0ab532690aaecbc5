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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::config::values::Inputs;

    fn with(env: &[(&str, &str)]) -> (DiscoverConfig, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        let values = Values::gather(&Inputs {
            flags: Vec::new(),
            file: None,
            env: env.iter().map(own).collect(),
            folder: folder.path().to_owned(),
        });
        let mut faults = values.faults.clone();
        (read(&values, &mut faults), faults)
    }

    #[test]
    fn defaults_are_those_of_the_search_itself() {
        let (config, faults) = with(&[]);
        assert_eq!(
            format!("{config:?}"),
            format!("{:?}", DiscoverConfig::default())
        );
        assert!(faults.is_empty());
    }

    #[test]
    fn each_option_is_read() {
        let (config, faults) = with(&[
            ("POSTHOUSE_DISCOVER_DNS", "192.0.2.53, [::1]:5353 ::1"),
            ("POSTHOUSE_DISCOVER_ISPDB", "off"),
            ("POSTHOUSE_DISCOVER_EGRESS_POLICY", "off"),
            ("POSTHOUSE_DISCOVER_HTTP_PORT", "8080"),
            ("POSTHOUSE_DISCOVER_HTTPS_PORT", "8443"),
            ("POSTHOUSE_DISCOVER_CA_FILE", "ca.pem"),
        ]);
        assert!(faults.is_empty(), "{faults:?}");
        let servers: Vec<String> = config
            .dns
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(servers, ["192.0.2.53:53", "[::1]:5353", "[::1]:53"]);
        assert!(config.ispdb.is_none());
        assert_eq!(config.egress.to_string(), "off");
        assert_eq!((config.http_port, config.https_port), (8080, 8443));
        assert_eq!(config.ca_file.unwrap().to_str(), Some("ca.pem"));
    }

    #[test]
    fn faults_name_the_option() {
        let (_, faults) = with(&[
            ("POSTHOUSE_DISCOVER_DNS", "dns.example.com"),
            ("POSTHOUSE_DISCOVER_ISPDB", "ftp://example.com/"),
        ]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults.iter().all(|fault| fault.starts_with("discover.")));
    }
}
