//! Client TLS profiles. TLS below 1.2 is not spoken.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use crate::ciphers;
use crate::error::NetError;

/// A version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// How the other side of a TLS connection is checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsProfile {
    /// Check the certificate. `false` accepts any certificate from anyone.
    pub verify: bool,
    /// The name to ask for and to check, where it is not the host dialled.
    pub server_name: Option<String>,
    /// The lowest version accepted.
    pub min_version: TlsVersion,
    /// The highest version accepted.
    pub max_version: TlsVersion,
    /// The cipher suites to offer, as OpenSSL writes them (see [`ciphers`](crate::ciphers)); none means all.
    pub ciphers: Option<String>,
    /// A wish that cannot be met: every connection fails with these words.
    pub unusable: Option<String>,
    /// A PEM file of certificate authorities trusted in addition to the system's. Read once per process.
    pub ca_file: Option<PathBuf>,
    /// The application protocols to offer, the best first (RFC 7301); none means that nothing is said of them.
    pub protocols: &'static [&'static str],
}

impl Default for TlsProfile {
    fn default() -> Self {
        Self {
            verify: true,
            server_name: None,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            ciphers: None,
            unusable: None,
            ca_file: None,
            protocols: &[],
        }
    }
}

/// What a shared configuration depends on: the profile without the name.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    verify: bool,
    versions: (TlsVersion, TlsVersion),
    ciphers: Option<String>,
    ca_file: Option<PathBuf>,
    protocols: &'static [&'static str],
}

/// Shared configurations that are kept; accounts may name any number of lists of ciphers.
const KEPT: usize = 256;

type Cache = Mutex<HashMap<Key, Arc<ClientConfig>>>;

fn cache() -> &'static Cache {
    static CACHE: std::sync::OnceLock<Cache> = std::sync::OnceLock::new();
    CACHE.get_or_init(Cache::default)
}

impl TlsProfile {
    /// A profile that accepts any certificate.
    pub fn insecure() -> Self {
        Self {
            verify: false,
            ..Self::default()
        }
    }

    /// The configuration for this profile, shared by every connection that uses an equal profile. The first use loads the
    /// trust roots (some milliseconds of file reads).
    ///
    /// # Errors
    /// The CA file or the system's roots cannot be read, or the profile asks for what there is not.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, NetError> {
        if let Some(wish) = &self.unusable {
            return Err(NetError::TlsProfile(wish.clone()));
        }
        let key = Key {
            verify: self.verify,
            versions: (self.min_version, self.max_version),
            ciphers: self.ciphers.clone(),
            ca_file: self.ca_file.clone(),
            protocols: self.protocols,
        };
        if let Some(config) = lock().get(&key) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.build()?);
        let mut cache = lock();
        if cache.len() >= KEPT {
            cache.retain(|_, config| Arc::strong_count(config) > 1);
        }
        if cache.len() >= KEPT {
            return Ok(config);
        }
        // Two callers may have built at once: the first one in wins, so that sessions are resumed from one store.
        Ok(Arc::clone(cache.entry(key).or_insert(config)))
    }

    /// The name to check: the override, else `host`. Names are taken in their ASCII form.
    ///
    /// # Errors
    /// Neither a DNS name nor an address.
    pub fn name_for(&self, host: &str) -> Result<ServerName<'static>, NetError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let name = name.trim_end_matches('.');
        let ascii = if name.is_ascii() {
            name.to_owned()
        } else {
            match url::Host::parse(name) {
                Ok(host) => host.to_string(),
                Err(_) => name.to_owned(),
            }
        };
        ServerName::try_from(ascii)
            .map_err(|_| NetError::TlsProfile(format!("{name:?} is not a server name")))
    }

    fn build(&self) -> Result<ClientConfig, NetError> {
        let mut provider = provider();
        if let Some(list) = &self.ciphers {
            let mut own = (*provider).clone();
            own.cipher_suites = ciphers::choose(list, &own.cipher_suites)?;
            provider = Arc::new(own);
        }
        let wanted = |version| self.min_version <= version && version <= self.max_version;
        let versions: Vec<&rustls::SupportedProtocolVersion> = [
            (TlsVersion::Tls13, &rustls::version::TLS13),
            (TlsVersion::Tls12, &rustls::version::TLS12),
        ]
        .into_iter()
        .filter(|(version, spoken)| {
            let mut suites = provider.cipher_suites.iter();
            wanted(*version) && suites.any(|suite| suite.version() == *spoken)
        })
        .map(|(_, spoken)| spoken)
        .collect();
        if versions.is_empty() {
            return Err(NetError::TlsProfile(
                "no TLS version fits both the versions and the ciphers asked for".to_owned(),
            ));
        }
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(profile_error)?;
        let verifier: Arc<dyn ServerCertVerifier> = if self.verify {
            let extra = match &self.ca_file {
                Some(path) => read_ca(path)?,
                None => Vec::new(),
            };
            Arc::new(
                rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider)
                    .map_err(profile_error)?,
            )
        } else {
            warn_once();
            Arc::new(AcceptAny { provider })
        };
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let offered = self.protocols.iter();
        config.alpn_protocols = offered.map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

/// The one provider of cryptography, without a process-wide default.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

fn lock() -> std::sync::MutexGuard<'static, HashMap<Key, Arc<ClientConfig>>> {
    cache().lock().unwrap_or_else(PoisonError::into_inner)
}

fn profile_error(error: rustls::Error) -> NetError {
    NetError::TlsProfile(error.to_string())
}

fn read_ca(path: &Path) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let wrong = |reason: String| NetError::TlsProfile(format!("{}: {reason}", path.display()));
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("no certificate in this file".to_owned()));
    }
    Ok(certificates)
}

fn warn_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::warn!("certificate checks are switched off for at least one connection profile");
    });
}

/// Accepts every certificate. Signatures are not checked either: with an unknown peer they prove nothing, and old servers
/// send certificates that a strict parser refuses.
#[derive(Debug)]
struct AcceptAny {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
