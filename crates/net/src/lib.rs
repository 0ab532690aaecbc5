//! Dialling, TLS, proxies, HTTP client profiles and the egress filter.
//!
//! This crate knows how to reach a host and nothing about why: no accounts, no meaning of a URL.
//!
//! | Module | What |
//! |---|---|
//! | [`stream`] | one byte stream, plain or TLS, that costs little while idle |
//! | [`tls`] | client TLS profiles and their shared configurations |
//! | [`ciphers`] | cipher suites by the names people write |
//! | [`local`] | which of this machine's addresses to connect from |
//! | [`dial`] | from host and port to a [`Stream`], directly or through a proxy |
//! | [`proxy`] | SOCKS4, SOCKS4a, SOCKS5 and HTTP CONNECT |
//! | [`resolver`] | names to addresses, with a deadline |
//! | [`egress`] | which addresses user-given URLs may reach |
//! | [`http`] | the HTTP client for user-given URLs |
//! | [`error`] | what goes wrong, in stable codes |

pub mod ciphers;
pub mod dial;
pub mod egress;
pub mod error;
pub mod http;
pub mod local;
pub mod proxy;
pub mod resolver;
pub mod stream;
pub mod tls;

pub use dial::{Dial, Security};
pub use egress::EgressPolicy;
pub use error::NetError;
pub use http::{EgressClient, EgressError, EgressRequest, EgressResponse};
pub use proxy::Proxy;
pub use stream::Stream;
pub use tls::TlsProfile;
