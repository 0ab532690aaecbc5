//! What an operation answers.

use posthouse_backend::Body;
use serde::Serialize;

use crate::EventStream;

/// A successful answer.
#[derive(Debug)]
pub struct Reply {
    /// The body.
    pub body: ReplyBody,
    /// The body holds a secret: nothing on the way may store it.
    pub no_store: bool,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// JSON text.
    Json(Vec<u8>),
    /// Bytes that are streamed; offered as a download under the name of its head.
    Download(Body),
    /// Server-sent events.
    Events(EventStream),
    /// Plain text, offered as a download under a name.
    Text {
        /// Content.
        text: String,
        /// File name.
        filename: String,
    },
}

impl Reply {
    /// An answer in JSON.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, posthouse_model::ApiError> {
        match serde_json::to_vec(value) {
            Ok(json) => Ok(Self {
                body: ReplyBody::Json(json),
                no_store: false,
            }),
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Err(posthouse_model::ApiError::internal())
            }
        }
    }

    /// A streamed download.
    #[must_use]
    pub const fn download(body: Body) -> Self {
        Self {
            body: ReplyBody::Download(body),
            no_store: false,
        }
    }

    /// The answer holds a secret.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.no_store = true;
        self
    }
}
