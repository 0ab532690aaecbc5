//! A certificate authority for one test.

use std::sync::Arc;

use posthouse_net::TlsProfile;
use posthouse_net::tls::provider;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

pub struct Authority {
    pub acceptor: TlsAcceptor,
    /// Trusts the authority; `localhost` and 127.0.0.1 are certified.
    pub profile: TlsProfile,
    _folder: tempfile::TempDir,
}

pub fn authority() -> Authority {
    with(rustls::ALL_VERSIONS, &[])
}

pub fn with_versions(versions: &[&'static SupportedProtocolVersion]) -> Authority {
    with(versions, &[])
}

/// One whose server agrees on these application protocols.
pub fn with_protocols(protocols: &[&str]) -> Authority {
    with(rustls::ALL_VERSIONS, protocols)
}

fn with(versions: &[&'static SupportedProtocolVersion], protocols: &[&str]) -> Authority {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, ca_cert.pem()).unwrap();
    Authority {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        profile: TlsProfile {
            ca_file: Some(path),
            ..TlsProfile::default()
        },
        _folder: folder,
    }
}
