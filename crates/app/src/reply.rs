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
    /// Set under an idempotency key: whether this was answered before.
    pub repeat: Option<Repeat>,
}

/// Whether a call under an idempotency key was carried out before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It was carried out now.
    Miss,
    /// It was carried out before; the answer is the one given then.
    Hit,
}

impl Repeat {
    /// Its name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Miss => "MISS",
            Self::Hit => "HIT",
        }
    }
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
                repeat: None,
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
            repeat: None,
        }
    }

    /// The answer was given under an idempotency key.
    #[must_use]
    pub(crate) const fn under_key(mut self, repeat: Repeat) -> Self {
        self.repeat = Some(repeat);
        self
    }

    /// The answer holds a secret.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.no_store = true;
        self
    }
}
