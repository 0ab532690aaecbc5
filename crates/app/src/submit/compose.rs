//! From a body to a message: built from its parts, or a finished one with its header edited.

use bytes::Bytes;
use posthouse_mime::{
    BuildError, Built, Outgoing, OutgoingAttachment, build,
    raw::{self, Edited, Mode},
};
use posthouse_model::{
    ApiError, Timestamp, account::AccountConfig, message::Address, outbox::SmtpEnvelope,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    content,
    finished::{edits, finish},
    override_envelope,
    reference::Parent,
    send_at,
};
use crate::{Lifted, input::Fields};

/// A message that is ready to be queued.
#[derive(Debug)]
pub(super) struct Composed {
    content: Content,
    /// With its angle brackets.
    pub(super) message_id: String,
    pub(super) subject: Option<String>,
    pub(super) envelope: SmtpEnvelope,
    pub(super) send_at: Option<Timestamp>,
    /// Attempts that the message itself asks for.
    pub(super) attempts: Option<u32>,
    /// The gateway that the message itself asks for.
    pub(super) gateway: Option<String>,
}

#[derive(Debug)]
enum Content {
    Built(Built),
    Raw {
        edited: Edited,
        original: Bytes,
    },
    /// As it came.
    Exact(Bytes),
}

impl Composed {
    /// The message in pieces.
    pub(super) fn chunks(&self) -> Box<dyn Iterator<Item = Bytes> + Send + '_> {
        match &self.content {
            Content::Built(built) => Box::new(built.chunks()),
            Content::Raw { edited, original } => Box::new(edited.chunks(original).into_iter()),
            Content::Exact(message) => Box::new(std::iter::once(message.clone())),
        }
    }

    /// Bytes of the whole message.
    pub(super) fn size(&self) -> u64 {
        self.chunks().map(|chunk| chunk.len() as u64).sum()
    }

    /// The whole message.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.chunks().fold(Vec::new(), |mut all, chunk| {
            all.extend_from_slice(&chunk);
            all
        })
    }
}

/// What a message is made of, beside the body of the call.
#[derive(Debug, Clone)]
pub(super) enum Given {
    /// A finished message.
    Raw(Bytes),
    /// Attachments.
    Parts(Vec<OutgoingAttachment>),
}

/// Makes the message.
pub(super) fn compose(
    body: Fields<'_>,
    config: &AccountConfig,
    parent: Option<&Parent>,
    given: Given,
) -> Result<Composed, ApiError> {
    let composed = match given {
        Given::Raw(raw) => from_raw(body, config, parent, raw)?,
        Given::Parts(attachments) => from_parts(body, config, parent, attachments)?,
    };
    if composed.envelope.to.is_empty() {
        return Err(ApiError::invalid_field(
            "to",
            "\"to\" is required: the message has no recipients at all",
        ));
    }
    Ok(composed)
}

/// Makes a message that is stored, not sent: it needs no recipients, and a finished one that nothing is changed in stays as
/// it is, byte for byte.
pub(super) fn compose_stored(
    body: Fields<'_>,
    config: &AccountConfig,
    parent: Option<&Parent>,
    given: Given,
) -> Result<Composed, ApiError> {
    let message = match given {
        Given::Raw(message) => message,
        Given::Parts(attachments) => return from_parts(body, config, parent, attachments),
    };
    let changes = [
        "from",
        "replyTo",
        "to",
        "cc",
        "bcc",
        "subject",
        "messageId",
        "headers",
    ];
    if parent.is_some() || changes.iter().any(|key| body.value(key).is_some()) {
        return from_raw(body, config, parent, message);
    }
    let header = message.slice(..posthouse_mime::raw::body_offset(&message));
    let parsed = posthouse_mime::parse_headers(&header);
    let ids = parsed.text("Message-ID").unwrap_or_default();
    Ok(Composed {
        message_id: posthouse_mime::header::parse_ids(ids.as_bytes())
            .into_iter()
            .next()
            .unwrap_or_default(),
        subject: parsed.text("Subject"),
        envelope: envelope(&header),
        send_at: None,
        attempts: None,
        gateway: None,
        content: Content::Exact(message),
    })
}

/// The finished message that the body brings.
///
/// # Errors
/// 400 for what is no base64.
pub(super) fn given_raw(body: Fields<'_>, lifted: &Lifted) -> Result<Option<Bytes>, ApiError> {
    let Some(raw) = body.filled("raw") else {
        return Ok(None);
    };
    let message = "\"raw\" must be a valid base64 string";
    let decoded = content(lifted, raw).ok_or_else(|| ApiError::invalid_field("raw", message))?;
    Ok(Some(decoded))
}

/// Addresses of a field; an empty name is none.
pub(super) fn addresses(body: Fields<'_>, key: &str) -> Result<Vec<Address>, ApiError> {
    let list: Vec<Address> = body.parse(key)?.unwrap_or_default();
    Ok(list.into_iter().map(tidy).collect())
}

fn tidy(mut address: Address) -> Address {
    address.name = address.name.filter(|name| !name.is_empty());
    address
}

/// The author: as given, or the account.
pub(super) fn author(
    body: Fields<'_>,
    config: &AccountConfig,
) -> Result<Option<Address>, ApiError> {
    if let Some(from) = body.parse::<Address>("from")? {
        return Ok(Some(tidy(from)));
    }
    let login = || {
        let user = &config.smtp.as_ref()?.auth.as_ref()?.user;
        user.contains('@').then(|| user.clone())
    };
    let address = config.email.clone().or_else(login);
    Ok(address.map(|address| {
        tidy(Address {
            name: Some(config.name.clone()),
            address,
        })
    }))
}

fn from_parts(
    body: Fields<'_>,
    config: &AccountConfig,
    parent: Option<&Parent>,
    attachments: Vec<OutgoingAttachment>,
) -> Result<Composed, ApiError> {
    let headers = headers(body)?;
    let from = author(body, config)?;
    let named = |name: &str| {
        headers
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    if from.is_none() && !named("From") {
        return Err(ApiError::invalid_field(
            "from",
            "\"from\" is required: the account has no email address",
        ));
    }
    let send_at = send_at(body)?;
    let mut message = Outgoing {
        from,
        reply_to: addresses(body, "replyTo")?,
        to: addresses(body, "to")?,
        cc: addresses(body, "cc")?,
        bcc: addresses(body, "bcc")?,
        subject: body.text("subject").map(str::to_owned),
        text: body.filled("text").map(str::to_owned),
        html: body.filled("html").map(str::to_owned),
        preview_text: body.filled("previewText").map(str::to_owned),
        attachments,
        message_id: body.filled("messageId").map(str::to_owned),
        headers,
        date: send_at,
        ..Outgoing::default()
    };
    if let Some(parent) = parent {
        message.references.clone_from(&parent.references);
        message.in_reply_to.clone_from(&parent.in_reply_to);
        if message.subject.is_none() {
            message.subject = Some(parent.subject.clone());
        }
        if let Some(quote) = &parent.quote {
            let (text, html) = quote.below(message.text.as_deref(), message.html.as_deref());
            (message.text, message.html) = (Some(text), html);
        }
        if message.to.is_empty() {
            message.to.clone_from(&parent.to);
            if message.cc.is_empty() {
                message.cc.clone_from(&parent.cc);
            }
        }
    }
    let built = build(&message).map_err(refused)?;
    let envelope = envelope(&built.header());
    Ok(Composed {
        message_id: built.message_id().to_owned(),
        subject: message.subject,
        envelope: override_envelope(envelope, body),
        send_at,
        attempts: None,
        gateway: None,
        content: Content::Built(built),
    })
}

fn from_raw(
    body: Fields<'_>,
    config: &AccountConfig,
    parent: Option<&Parent>,
    original: Bytes,
) -> Result<Composed, ApiError> {
    let edits = edits(body, config, parent)?;
    let finished = finish(&original, edits, send_at(body)?, Mode::IfMissing)?;
    Ok(Composed {
        message_id: finished.message_id,
        subject: finished.subject,
        envelope: override_envelope(finished.envelope, body),
        send_at: finished.send_at,
        attempts: finished.edited.wishes.delivery_attempts,
        gateway: finished.edited.wishes.gateway.clone(),
        content: Content::Raw {
            edited: finished.edited,
            original,
        },
    })
}

/// The custom headers: texts, numbers, booleans, or lists of these.
pub(super) fn headers(body: Fields<'_>) -> Result<Vec<(String, String)>, ApiError> {
    let mut headers = Vec::new();
    let Some(Value::Object(given)) = body.value("headers") else {
        return Ok(headers);
    };
    for (name, value) in given {
        let values = match value {
            Value::Null => continue,
            Value::Array(list) => list.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => {
                    let message = format!("\"headers.{name}\" must be a string");
                    return Err(ApiError::invalid_field(name, &message));
                }
            };
            headers.push((name.clone(), text));
        }
    }
    Ok(headers)
}

/// The envelope as the header says.
pub(super) fn envelope(header: &[u8]) -> SmtpEnvelope {
    let raw::Envelope { from, to } = raw::envelope_of(header);
    SmtpEnvelope {
        from: from.unwrap_or_default(),
        to,
    }
}

pub(super) fn new_id(author: Option<&Address>) -> String {
    let domain = author
        .and_then(|author| author.address.rsplit_once('@'))
        .map(|(_, domain)| domain)
        .filter(|domain| {
            !domain.is_empty()
                && domain
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        })
        .unwrap_or("localhost");
    format!("<{}@{domain}>", Uuid::new_v4())
}

/// What cannot be written into a message.
pub(super) fn refused(error: BuildError) -> ApiError {
    let key = match &error {
        BuildError::Address(_) => "address",
        BuildError::HeaderName(_) | BuildError::HeaderValue(_) => "headers",
        BuildError::MessageId(_) => "messageId",
    };
    ApiError::invalid_field(key, &error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde_json::json;

    fn config() -> AccountConfig {
        AccountConfig {
            name: "Ann".to_owned(),
            email: Some("ann@example.com".to_owned()),
            ..AccountConfig::default()
        }
    }

    fn made(body: &Value) -> Result<(Composed, String), ApiError> {
        let fields = Fields::of(body);
        let given =
            given_raw(fields, &Lifted::default())?.map_or(Given::Parts(Vec::new()), Given::Raw);
        let composed = compose(fields, &config(), None, given)?;
        let text = String::from_utf8(composed.to_bytes()).unwrap();
        Ok((composed, text))
    }

    #[test]
    fn from_the_account_to_all_recipients() {
        let (composed, text) = made(&json!({
            "to": [{"name": "", "address": "b@example.net"}], "cc": [{"address": "B@example.net"}],
            "bcc": [{"address": "c@example.net"}], "subject": "Hi", "text": "x",
            "headers": {"x-one": 1, "X-Two": ["a", "b"]}, "sendAt": "2030-01-02T03:04:05.000Z",
        }))
        .unwrap();
        assert_eq!(composed.envelope.from, "ann@example.com");
        assert_eq!(composed.envelope.to, ["b@example.net", "c@example.net"]);
        for line in [
            "From: Ann <ann@example.com>\r\n",
            "Bcc: c@example.net\r\n",
            "Subject: Hi\r\n",
            "X-One: 1\r\n",
            "X-Two: a\r\n",
            "X-Two: b\r\n",
            "Date: Wed, 02 Jan 2030 03:04:05 +0000\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains(&composed.message_id));
    }

    #[test]
    fn the_envelope_can_be_given() {
        let (composed, _) = made(&json!({
            "to": [{"address": "b@example.net"}],
            "envelope": {"from": "bounce@example.com", "to": ["other@example.net"]},
        }))
        .unwrap();
        assert_eq!(composed.envelope.from, "bounce@example.com");
        assert_eq!(composed.envelope.to, ["other@example.net"]);
    }

    #[test]
    fn a_finished_message_keeps_its_body() {
        let raw = "From: x@example.org\r\nTo: y@example.net\r\nX-EE-Delivery-Attempts: 3\r\n\
            X-EE-Send-At: 2030-01-02T03:04:05Z\r\nSubject: old\r\n\r\nBody  \r\n.\r\n";
        let raw = BASE64_STANDARD.encode(raw);
        let (composed, text) = made(&json!({ "raw": raw, "subject": "new" })).unwrap();
        assert!(text.ends_with("\r\n\r\nBody  \r\n.\r\n"), "{text}");
        assert!(
            text.contains("Subject: new\r\n") && !text.contains("X-EE-"),
            "{text}"
        );
        assert!(
            text.contains("Date: Wed, 02 Jan 2030 03:04:05 +0000"),
            "{text}"
        );
        assert_eq!(composed.attempts, Some(3));
        assert!(composed.send_at.is_some());
        assert_eq!(composed.envelope.from, "x@example.org");
        assert_eq!(composed.subject.as_deref(), Some("new"));
        assert!(
            composed.message_id.ends_with("@example.org>"),
            "{}",
            composed.message_id
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for body in [
            json!({"text": "x"}),
            json!({"to": [{"address": "a@exa mple.com"}]}),
            json!({"to": [{"address": "a@example.com"}], "headers": {"Bad Name": "x"}}),
            json!({"to": [{"address": "a@example.com"}], "headers": {"X": "a\r\nBcc: b@example.com"}}),
            json!({"to": [{"address": "a@example.com"}], "headers": {"X": {}}}),
            json!({"to": [{"address": "a@example.com"}], "raw": "%%%"}),
        ] {
            assert_eq!(made(&body).unwrap_err().status, 400, "{body}");
        }
    }
}
