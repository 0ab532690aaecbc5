//! One message for the next page, carried by a cookie that the next page takes away. It is sealed: other servers of the same
//! host or domain can set cookies of any name, and must not speak for the console.

use axum::http::{HeaderMap, HeaderValue, header};
use posthouse_app::App;
use serde::{Deserialize, Serialize};

use crate::cookie::cookie;

/// What the cookie is sealed for.
const PLACE: &str = "cookie.flash";

/// How the message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tone {
    Ok,
    Info,
    Warn,
    Bad,
}

impl Tone {
    /// The class of the style sheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// The message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flash {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

impl Flash {
    pub(crate) fn ok(text: impl Into<String>) -> Self {
        Self {
            tone: Tone::Ok,
            text: text.into(),
        }
    }

    /// The message that came with a request.
    pub(crate) fn read(app: &App, headers: &HeaderMap) -> Option<Self> {
        let text = app.open_text(PLACE, cookie(headers, "flash")?)?;
        serde_json::from_str(&text).ok()
    }

    /// The cookie that carries it.
    pub(crate) fn cookie(&self, app: &App, secure: bool) -> Option<HeaderValue> {
        let mut kept = self.clone();
        // Browsers drop cookies above 4 KiB.
        if let Some((end, _)) = kept.text.char_indices().nth(600) {
            kept.text.truncate(end);
            kept.text.push('\u{2026}');
        }
        let text = serde_json::to_string(&kept).ok()?;
        let text = app.seal_text(PLACE, &text).ok()?;
        let secure = if secure { "; Secure" } else { "" };
        format!("flash={text}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax{secure}")
            .try_into()
            .ok()
    }

    /// Takes the cookie away.
    pub(crate) fn clear(headers: &mut HeaderMap) {
        headers.append(
            header::SET_COOKIE,
            HeaderValue::from_static("flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"),
        );
    }
}
