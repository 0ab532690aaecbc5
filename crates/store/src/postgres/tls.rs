//! The address of a PostgreSQL server: what the driver does not parse, and TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::StoreError;

/// Reads the address. `sslmode` `require`, `verify-ca` and `verify-full` verify the certificate against the system's
/// roots or `sslrootcert=FILE`; `prefer` (the default) encrypts where the server offers it, as libpq does, without
/// proof of whom it talks to.
pub(super) fn parse(text: &str) -> Result<(tokio_postgres::Config, MakeRustlsConnect), StoreError> {
    let wrong = |error: &dyn std::fmt::Display| {
        StoreError::Config(format!(
            "the database address {} is wrong: {error}",
            redact(text)
        ))
    };
    let mut url = url::Url::parse(text).map_err(|error| wrong(&error))?;
    let mut verify = false;
    let mut roots = None;
    let mut kept = Vec::new();
    for (name, value) in url.query_pairs() {
        match (name.as_ref(), value.as_ref()) {
            ("sslmode", mode @ ("require" | "verify-ca" | "verify-full")) => {
                let _ = mode;
                verify = true;
                kept.push(("sslmode".to_owned(), "require".to_owned()));
            }
            ("sslrootcert", file) => roots = Some(file.to_owned()),
            _ => kept.push((name.into_owned(), value.into_owned())),
        }
    }
    if kept.is_empty() {
        url.set_query(None);
    } else {
        url.query_pairs_mut().clear().extend_pairs(kept);
        // The driver decodes %20 but not the form encoding's plus.
        let query = url.query().map(|query| query.replace('+', "%20"));
        url.set_query(query.as_deref());
    }
    let mut config: tokio_postgres::Config =
        url.as_str()
            .parse()
            .map_err(|error: tokio_postgres::Error| {
                StoreError::Config(format!(
                    "the database address {} is wrong: {}",
                    redact(text),
                    super::words(&error)
                ))
            })?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    if config.get_application_name().is_none() {
        config.application_name("posthouse");
    }
    config.keepalives_idle(Duration::from_secs(30));
    config.tcp_user_timeout(Duration::from_secs(15));
    // The server's own limits, so that a lost client does not keep locks.
    let own = "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=5000";
    let options = match config.get_options() {
        Some(given) => format!("{own} {given}"),
        None => own.to_owned(),
    };
    config.options(options);
    let tls = client(verify, roots.as_deref())?;
    Ok((config, MakeRustlsConnect::new(tls)))
}

fn client(verify: bool, roots: Option<&str>) -> Result<ClientConfig, StoreError> {
    let failed = |error: &dyn std::fmt::Display| StoreError::Config(format!("TLS: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    if let Some(file) = roots {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file)
            .map_err(|error| failed(&format!("{file}: {error}")))?
        {
            let certificate = certificate.map_err(|error| failed(&format!("{file}: {error}")))?;
            store.add(certificate).map_err(|error| failed(&error))?;
        }
        return Ok(builder.with_root_certificates(store).with_no_client_auth());
    }
    if verify {
        return Ok(builder
            .with_platform_verifier()
            .map_err(|error| failed(&error))?
            .with_no_client_auth());
    }
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth())
}

/// The address without its password, for messages.
pub(crate) fn redact(text: &str) -> String {
    url::Url::parse(text).map_or_else(
        |_| "postgres://…".to_owned(),
        |mut url| {
            if url.password().is_some() {
                let _ = url.set_password(Some("…"));
            }
            url.set_query(None);
            url.to_string()
        },
    )
}

/// Accepts every certificate: `sslmode=prefer` protects against listening only.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
