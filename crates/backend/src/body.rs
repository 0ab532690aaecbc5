//! Bodies: message sources and attachments, as streams with back-pressure.

use std::{fmt, io};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream::BoxStream};
use posthouse_model::command::BodyHead;

use crate::BackendError;

/// Chunks of a body; it is read from the server only as fast as it is taken.
pub type BodyStream = BoxStream<'static, io::Result<Bytes>>;

/// A body and what is known of it before its first byte.
pub struct Body {
    /// Media type, name, size.
    pub head: BodyHead,
    /// The bytes.
    pub stream: BodyStream,
}

impl Body {
    /// Its first bytes, up to so many; what stands behind them is left.
    ///
    /// # Errors
    /// [`BackendError::Connection`] if it breaks off before.
    pub async fn beginning(mut self, limit: usize) -> Result<Bytes, BackendError> {
        let mut kept = BytesMut::new();
        while kept.len() < limit
            && let Some(data) = self.stream.next().await
        {
            let mut data = data.map_err(|error| BackendError::Connection {
                response: error.to_string(),
                code: "ESOCKET".to_owned(),
            })?;
            data.truncate(limit - kept.len());
            kept.extend_from_slice(&data);
        }
        Ok(kept.freeze())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}
