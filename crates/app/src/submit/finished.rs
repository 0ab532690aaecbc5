//! Messages that were written elsewhere: what their header is given to be sent.

use posthouse_mime::raw::{self, Edited, HeaderEdits, Mode};
use posthouse_model::{ApiError, Timestamp, account::AccountConfig, outbox::SmtpEnvelope};

use super::{
    compose::{addresses, author, envelope, headers, new_id, refused},
    reference::Parent,
};
use crate::input::Fields;

/// A message that was written elsewhere, with the header that it is sent with.
pub(super) struct Finished {
    pub(super) edited: Edited,
    pub(super) message_id: String,
    pub(super) subject: Option<String>,
    pub(super) envelope: SmtpEnvelope,
    pub(super) send_at: Option<Timestamp>,
}

/// Gives a message, or the header of one, what it needs to be sent: a date and an id. `send_at` is when the call wants it
/// to be sent, the message may wish for a time itself; where neither does, `dated` says what becomes of its date.
///
/// # Errors
/// 400 for what cannot be written.
pub(super) fn finish(
    original: &[u8],
    mut edits: HeaderEdits,
    send_at: Option<Timestamp>,
    dated: Mode,
) -> Result<Finished, ApiError> {
    let first = raw::edit_headers(original, &edits);
    let send_at = send_at.or(first.wishes.send_at);
    match send_at {
        Some(time) => {
            edits.forget("Date");
            edits.date(Mode::Replace, "Date", time).map_err(refused)?;
        }
        None if edits.replaces("Date") => {}
        None => {
            edits
                .date(dated, "Date", Timestamp::now())
                .map_err(refused)?;
        }
    }
    let header = posthouse_mime::parse_headers(&first.header);
    if first.message_id.is_none() {
        let author = header.addresses("From").into_iter().next();
        edits
            .ids(Mode::Replace, "Message-ID", &[new_id(author.as_ref())])
            .map_err(refused)?;
    }
    let edited = raw::edit_headers(original, &edits);
    Ok(Finished {
        message_id: edited.message_id.clone().unwrap_or_default(),
        subject: header.text("Subject"),
        envelope: envelope(&edited.header),
        send_at,
        edited,
    })
}

/// Fields that say how the body of a message is to be read.
const STRUCTURE: [&str; 4] = [
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
];

/// What the body changes in the header of a finished message.
pub(super) fn edits(
    body: Fields<'_>,
    config: &AccountConfig,
    parent: Option<&Parent>,
) -> Result<HeaderEdits, ApiError> {
    let mut edits = HeaderEdits::new();
    if let Some(from) = author(body, config)? {
        let mode = if body.value("from").is_some() {
            Mode::Replace
        } else {
            Mode::IfMissing
        };
        edits.addresses(mode, "From", &[from]).map_err(refused)?;
    }
    for (key, name) in [
        ("replyTo", "Reply-To"),
        ("to", "To"),
        ("cc", "Cc"),
        ("bcc", "Bcc"),
    ] {
        if body.value(key).is_some() {
            let list = addresses(body, key)?;
            edits
                .addresses(Mode::Replace, name, &list)
                .map_err(refused)?;
        }
    }
    if let Some(subject) = body.text("subject") {
        let subject = subject.replace(['\r', '\n', '\0'], " ");
        edits
            .text(Mode::Replace, "Subject", &subject)
            .map_err(refused)?;
    }
    if let Some(id) = body.filled("messageId") {
        edits
            .ids(Mode::Replace, "Message-ID", &[id])
            .map_err(refused)?;
    }
    if let Some(parent) = parent {
        edits
            .ids(Mode::Replace, "References", &parent.references)
            .map_err(refused)?;
        if let Some(id) = &parent.in_reply_to {
            edits
                .ids(Mode::Replace, "In-Reply-To", &[id])
                .map_err(refused)?;
        }
        edits
            .text(Mode::IfMissing, "Subject", &parent.subject)
            .map_err(refused)?;
    }
    let mut custom = headers(body)?;
    // What has a field of its own in the body wins; how the message is made up is not for a field to say.
    custom.retain(|(name, _)| {
        let name = name.trim();
        !edits.replaces(name) && !STRUCTURE.iter().any(|own| own.eq_ignore_ascii_case(name))
    });
    for (name, value) in custom {
        edits.text(Mode::Replace, &name, &value).map_err(refused)?;
    }
    Ok(edits)
}
