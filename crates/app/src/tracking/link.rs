//! What a link in a sent message says: whose message it was in, and what follows when it is opened.

use bytes::Bytes;
use posthouse_model::ApiError;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    App,
    signed::{self, Broken},
};

/// The order of the fields is their order on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "lowercase")]
pub(super) enum Action {
    /// The message is shown.
    Open { acc: String, msg: String },
    /// A link of the message is followed.
    Click {
        url: String,
        acc: String,
        msg: String,
    },
    /// A recipient leaves a list.
    Unsub {
        acc: String,
        list: String,
        rcpt: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        msg: Option<String>,
    },
}

/// Why a link does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// Its parts are not what such a link has.
    #[error("The link is damaged: it was not copied whole")]
    Malformed,
    /// It was not signed here, or was changed.
    #[error("The signature of the link does not fit")]
    Signature,
}

impl LinkFault {
    /// The status to answer with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Signature => 403,
        }
    }
}

impl From<Broken> for LinkFault {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Malformed => Self::Malformed,
            Broken::Signature => Self::Signature,
        }
    }
}

/// Makes the links of one message.
pub(crate) struct Links<'a> {
    base: Url,
    secret: String,
    account: &'a str,
    message_id: &'a str,
}

impl<'a> Links<'a> {
    /// Links below `base`, or below the instance's own address.
    ///
    /// # Errors
    /// 500 `MissingServiceURLSetup` where there is neither; 400 for a base that is no URL.
    pub(crate) fn new(
        app: &App,
        base: Option<&str>,
        account: &'a str,
        message_id: &'a str,
    ) -> Result<Self, ApiError> {
        let settings = app.settings();
        let Some(base) = base.or_else(|| settings.text("serviceUrl")) else {
            let message =
                "The setting \"serviceUrl\" is needed to make links: set it, or give \"baseUrl\"";
            return Err(ApiError::new(500, message).code("MissingServiceURLSetup"));
        };
        let base = Url::parse(base)
            .map_err(|_| ApiError::invalid_field("baseUrl", "\"baseUrl\" must be a valid uri"))?;
        Ok(Self {
            base,
            secret: settings
                .text("serviceSecret")
                .unwrap_or_default()
                .to_owned(),
            account,
            message_id,
        })
    }

    fn link(&self, path: &str, action: &Action) -> Result<String, ApiError> {
        let (data, sig) = signed::sign(&self.secret, action)?;
        let mut url = self.base.join(path).map_err(|_| ApiError::internal())?;
        url.set_query(Some(&format!("data={data}&sig={sig}")));
        Ok(url.into())
    }

    /// The image by which it is seen that a message is shown.
    pub(crate) fn open(&self) -> Result<String, ApiError> {
        let action = Action::Open {
            acc: self.account.to_owned(),
            msg: self.message_id.to_owned(),
        };
        self.link("/open.gif", &action)
    }

    /// The link that leads to `url` and tells of it.
    pub(crate) fn click(&self, url: &str) -> Result<String, ApiError> {
        let action = Action::Click {
            url: url.to_owned(),
            acc: self.account.to_owned(),
            msg: self.message_id.to_owned(),
        };
        self.link("/redirect", &action)
    }

    /// The link by which a recipient leaves a list.
    pub(crate) fn unsubscribe(&self, list: &str, recipient: &str) -> Result<String, ApiError> {
        let action = Action::Unsub {
            acc: self.account.to_owned(),
            list: list.to_owned(),
            rcpt: recipient.to_owned(),
            msg: Some(self.message_id.to_owned()),
        };
        self.link("/unsubscribe", &action)
    }

    /// The host that names lists.
    pub(crate) fn host(&self) -> &str {
        self.base.host_str().unwrap_or("localhost")
    }

    /// Puts the trackers into an HTML text.
    ///
    /// # Errors
    /// As [`Links::new`].
    pub(crate) fn track(&self, html: &str, opens: bool, clicks: bool) -> Result<String, ApiError> {
        let mut failed = None;
        let mut html = if clicks {
            posthouse_mime::links::rewrite_links(html, |address| {
                // The links of this message that are ours already.
                if address.starts_with(self.base.as_str()) && address.contains("&sig=") {
                    return None;
                }
                self.click(address)
                    .map_err(|error| failed = Some(error))
                    .ok()
            })
        } else {
            html.to_owned()
        };
        if let Some(error) = failed {
            return Err(error);
        }
        if opens {
            let image = posthouse_mime::html::escape(&self.open()?);
            let image = format!("<img src=\"{image}\" width=\"1\" height=\"1\" alt=\"\">");
            html = posthouse_mime::links::append_to_body(&html, &image);
        }
        Ok(html)
    }

    /// Puts the trackers into the HTML of a finished message; none where it has none that may be changed.
    ///
    /// # Errors
    /// As [`Links::new`].
    pub(crate) fn track_message(
        &self,
        message: &[u8],
        mut opens: bool,
        clicks: bool,
    ) -> Result<Option<Bytes>, ApiError> {
        let mut failed = None;
        let tracked = posthouse_mime::rewrite_html(message, |html| {
            // One image is enough, however many texts are shown.
            self.track(html, std::mem::take(&mut opens), clicks)
                .map_err(|error| failed = Some(error))
                .ok()
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(tracked.map(Bytes::from)),
        }
    }
}

/// What a link says.
pub(super) fn open(app: &App, data: &str, sig: &str) -> Result<Action, LinkFault> {
    let settings = app.settings();
    let secret = settings
        .text("serviceSecret")
        .filter(|secret| !secret.is_empty())
        .ok_or(LinkFault::Signature)?;
    let json = signed::open(secret, data, sig)?;
    serde_json::from_slice(&json).map_err(|_| LinkFault::Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_form_on_the_wire() {
        let text = |action: &Action| serde_json::to_string(action).unwrap();
        let click = Action::Click {
            url: "http://a/?b=c&d".to_owned(),
            acc: "me".to_owned(),
            msg: "<1@x>".to_owned(),
        };
        assert_eq!(
            text(&click),
            r#"{"act":"click","url":"http://a/?b=c&d","acc":"me","msg":"<1@x>"}"#
        );
        let unsub = r#"{"act":"unsub","acc":"me","list":"news","rcpt":"b@x.com"}"#;
        let read: Action = serde_json::from_str(unsub).unwrap();
        assert_eq!(text(&read), unsub);
        // Whatever else stands there, and in any order.
        let open = r#"{"msg":"<1@x>","extra":1,"acc":"me","act":"open"}"#;
        let read: Action = serde_json::from_str(open).unwrap();
        assert_eq!(text(&read), r#"{"act":"open","acc":"me","msg":"<1@x>"}"#);
        for bad in [r#"{"act":"open"}"#, r#"{"act":"other"}"#, "[]", ""] {
            assert!(serde_json::from_str::<Action>(bad).is_err(), "{bad}");
        }
    }
}
