//! Dialling, TLS, proxies, HTTP client profiles and the egress filter.
pub mod error;
pub mod stream;
pub mod tls;
pub use error::NetError;
pub use stream::Stream;
pub use tls::TlsProfile;
