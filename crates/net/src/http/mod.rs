//! The HTTP client for user-given URLs: webhooks and other calls whose address we did not choose.
//!
//! Every connection is made by [`Dial`](crate::Dial): the name is resolved once, and only an address that the
//! [`EgressPolicy`](crate::EgressPolicy) allows is dialled, or asked of the proxy. A name that answers differently the second
//! time gains nothing.

mod client;
mod connector;
mod credentials;
mod error;
mod exchange;
mod redirect;

pub use client::{ClientOptions, EgressClient, Redirects};
pub use credentials::basic_auth;
pub use error::EgressError;
pub use exchange::{EgressRequest, EgressResponse};
pub use hyper::header::{HeaderMap, HeaderName};
pub use hyper::{Method, StatusCode};
