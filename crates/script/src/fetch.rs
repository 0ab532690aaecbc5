//! Requests that scripts make, and who makes them for the scripts.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;

/// One `fetch` of a script. A sound worker sends an absolute `http:` or `https:` URL and a well-formed method and
/// header fields (RFC 9110). The host believes none of it: what runs foreign code may have been broken by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// In capitals where the method is one of the usual ones.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names in small letters, in order.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<Bytes>,
    /// What to do about redirects.
    pub redirect: Redirect,
    /// The answer's body may have so many bytes; the host stops reading there and fails.
    pub max_body: usize,
    /// The whole exchange may take so long; the pool gives up then.
    pub timeout: Duration,
    /// [`crate::Call::tag`] of the run.
    pub tag: Arc<str>,
}

/// `redirect` of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirect {
    /// Follow them.
    #[default]
    Follow,
    /// A redirect is an error.
    Error,
    /// A redirect is the answer.
    Manual,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchResponse {
    /// Status code.
    pub status: u16,
    /// Reason phrase, may be empty.
    pub status_text: String,
    /// The URL that answered, after redirects.
    pub url: String,
    /// At least one redirect was followed.
    pub redirected: bool,
    /// Header fields, in order.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Bytes,
}

/// The future of [`Host::fetch`].
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<FetchResponse, String>> + Send + 'a>>;

/// What a script can reach of the world outside, and all of it.
pub trait Host: Send + Sync + 'static {
    /// Makes the request, or says in a sentence for the script's author why not. Dropped when it takes too long.
    fn fetch(&self, request: FetchRequest) -> Fetching<'_>;
}
