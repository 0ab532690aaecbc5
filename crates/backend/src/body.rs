//! Bodies: message sources and attachments, as streams with back-pressure.

use std::{fmt, io};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use posthouse_model::command::BodyHead;

/// Chunks of a body; it is read from the server only as fast as it is taken.
pub type BodyStream = BoxStream<'static, io::Result<Bytes>>;

/// A body and what is known of it before its first byte.
pub struct Body {
    /// Media type, name, size.
    pub head: BodyHead,
    /// The bytes.
    pub stream: BodyStream,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}
