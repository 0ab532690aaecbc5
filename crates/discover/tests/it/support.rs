//! A small internet: names, web servers with and without TLS, and somebody who looks for mail servers in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use posthouse_discover::{DiscoverConfig, Discovered, Discoverer, Server};
use posthouse_net::{EgressPolicy, tls::provider};
use posthouse_testkit::{DnsServer, Page, WebServer, Website};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub const WELL_KNOWN: &str = "/.well-known/autoconfig/mail/config-v1.1.xml";
pub const AUTOCONFIG: &str = "/mail/config-v1.1.xml";
pub const AUTODISCOVER: &str = "/autodiscover/autodiscover.xml";

/// Every name but those of the zone leads to the web servers.
const BASE: &str = "
example.com          A 127.0.0.1
*.example.com        A 127.0.0.1
example.org          A 127.0.0.1
*.example.org        A 127.0.0.1
xn--bcher-kva.example   A 127.0.0.1
*.xn--bcher-kva.example A 127.0.0.1
";

pub struct Internet {
    pub dns: DnsServer,
    pub http: Website,
    pub https: Website,
    pub config: DiscoverConfig,
    pub http_port: u16,
    pub https_port: u16,
    _http: WebServer,
    tls: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Internet {
    fn drop(&mut self) {
        self.tls.abort();
    }
}

impl Internet {
    pub async fn with(zone: &str) -> Self {
        let dns = DnsServer::start(&format!("{BASE}{zone}")).await;
        let (http, https) = (Website::default(), Website::default());
        let server = http.listen().await;
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        let acceptor = acceptor(&ca_file);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let https_port = listener.local_addr().unwrap().port();
        let site = https.clone();
        let tls = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (site, acceptor) = (site.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = site.serve(stream).await;
                    }
                });
            }
        });
        let http_port = server.addr().port();
        let config = DiscoverConfig {
            dns: Some(vec![dns.addr()]),
            ispdb: Some(
                format!("http://ispdb.example.org:{http_port}/v1.1/")
                    .parse()
                    .unwrap(),
            ),
            egress: EgressPolicy::LinkLocal,
            http_port,
            https_port,
            ca_file: Some(ca_file),
            step: Duration::from_secs(10),
            ..DiscoverConfig::default()
        };
        Self {
            dns,
            http,
            https,
            config,
            http_port,
            https_port,
            _http: server,
            tls,
            _folder: folder,
        }
    }

    pub async fn find(&self, email: &str) -> Discovered {
        let discoverer = Discoverer::new(self.config.clone()).unwrap();
        discoverer.discover(email).await.unwrap()
    }

    /// A file on the domain's own web server.
    pub fn well_known(&self, page: Page) {
        self.http.put("GET", "example.com", WELL_KNOWN, page);
    }

    /// The names and types that were asked for.
    pub fn asked(&self, name: &str, kind: &str) -> bool {
        self.dns
            .queries()
            .contains(&(name.to_owned(), kind.to_owned()))
    }
}

fn acceptor(ca_file: &PathBuf) -> TlsAcceptor {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(ca_file, ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let names = [
        "example.com",
        "*.example.com",
        "example.org",
        "*.example.org",
        "xn--bcher-kva.example",
        "*.xn--bcher-kva.example",
    ];
    let certificate = CertificateParams::new(names.map(str::to_owned))
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// `user@host:port`, with `+tls` where it starts at once; `-` for none.
pub fn short(server: &Option<Server>) -> String {
    match server {
        None => "-".to_owned(),
        Some(server) => format!(
            "{} {}:{}{}",
            server.auth.user,
            server.host,
            server.port,
            if server.secure { "+tls" } else { "" }
        ),
    }
}

#[track_caller]
pub fn expect(found: &Discovered, source: &str, imap: &str, smtp: &str) {
    let got = (found.source, short(&found.imap), short(&found.smtp));
    assert_eq!(got, (source, imap.to_owned(), smtp.to_owned()));
}

/// A configuration file with one server each on this host.
pub fn config(host: &str) -> String {
    config_of(&format!(
        "<incomingServer type='imap'><hostname>imap.{host}</hostname><port>993</port><socketType>SSL</socketType>\
         <username>%EMAILADDRESS%</username></incomingServer>\
         <outgoingServer type='smtp'><hostname>smtp.{host}</hostname><port>587</port><socketType>STARTTLS</socketType>\
         <username>%EMAILLOCALPART%</username></outgoingServer>"
    ))
}

pub fn config_of(servers: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\"><emailProvider id=\"example.com\">\
         <domain>example.com</domain>{servers}</emailProvider></clientConfig>"
    )
}
