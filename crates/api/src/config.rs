//! What the process decides about the HTTP server.

use std::time::Duration;

use ipnet::IpNet;

/// Limits, times and trust of the HTTP server.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// How long an operation may take when the caller does not ask for longer by `x-ee-timeout`.
    pub command_timeout: Duration,
    /// Greatest body of `submit` and message upload, in bytes; other operations take
    /// [`SMALL_BODY`](crate::SMALL_BODY).
    pub max_body_size: usize,
    /// How long a body may take to arrive.
    pub payload_timeout: Duration,
    /// Bytes of request bodies in memory at once, over all requests. Who finds none left waits.
    pub body_budget: usize,
    /// How long a connection may take to send a whole request head, also while it is idle between
    /// two requests.
    pub header_timeout: Duration,
    /// Greatest request head, in bytes.
    pub max_header_size: usize,
    /// Connections at once; more wait to be accepted.
    pub max_connections: usize,
    /// How long requests in flight may take to finish once the server stops.
    pub drain: Duration,
    /// Whose `X-Forwarded-For` is believed. `None`: everybody's, and then the leftmost entry counts,
    /// which any client can make up.
    pub proxies: Option<Vec<IpNet>>,
    /// Cross-origin access; `None` for none.
    pub cors: Option<CorsConfig>,
}

/// Which pages of other origins may call the API.
#[derive(Debug, Clone)]
pub struct CorsConfig {
    /// Origins as browsers send them; `*` for any.
    pub origins: Vec<String>,
    /// How long a browser may keep the answer to a preflight.
    pub max_age: Duration,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            command_timeout: Duration::from_secs(10),
            max_body_size: 50 << 20,
            payload_timeout: Duration::from_secs(10),
            body_budget: 64 << 20,
            header_timeout: Duration::from_secs(30),
            max_header_size: 32 << 10,
            max_connections: 8192,
            drain: Duration::from_secs(8),
            proxies: None,
            cors: None,
        }
    }
}
