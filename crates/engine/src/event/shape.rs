//! How much of a new message its event carries (behaviour 7.3).

use posthouse_model::AccountId;
use posthouse_model::mailbox::SpecialUse;
use posthouse_model::message::{HeaderChoice, Message, MessageOptions, TextType};
use serde_json::{Value, json};

use crate::{Settings, account::Pending};

/// What to read of a new message, by the settings.
#[must_use]
pub fn options(settings: &Settings) -> MessageOptions {
    let headers = settings.words("notifyHeaders");
    MessageOptions {
        text_type: if settings.bool("notifyText") {
            TextType::All
        } else {
            TextType::None
        },
        max_bytes: settings.number("notifyTextSize").filter(|size| *size > 0),
        headers: if headers.iter().any(|name| name == "*") {
            HeaderChoice::All
        } else if headers.is_empty() {
            HeaderChoice::None
        } else {
            HeaderChoice::Named(headers.iter().map(|name| name.to_lowercase()).collect())
        },
        attachments: settings.bool("notifyAttachments").then(|| {
            let limit = settings.number("notifyAttachmentSize");
            limit.filter(|size| *size > 0).unwrap_or(u64::MAX)
        }),
        calendar_events: settings.bool("notifyCalendarEvents"),
        web_safe: settings.bool("notifyWebSafeHtml"),
        embed_images: settings.bool("notifyWebSafeHtml"),
        ..MessageOptions::default()
    }
}

/// Tells the log of attachments that the settings do not bound and that are not carried all the same.
pub(crate) fn note_left_out(account: &AccountId, message: &Message, settings: &Settings) {
    if options(settings).attachments != Some(u64::MAX) {
        return;
    }
    let attachments = message.attachments.iter();
    let left_out = attachments.filter(|one| one.content.is_none()).count();
    if left_out > 0 {
        let message = &message.id;
        tracing::warn!(%account, message, left_out, "attachments are too large to be announced with their content");
    }
}

/// The `data` of a `messageNew` event.
#[must_use]
pub(crate) fn message_new(
    message: &Message,
    missing: Option<(u32, u64)>,
    pending: &Pending,
) -> Value {
    let mut data = serde_json::to_value(message).unwrap_or_default();
    let Value::Object(map) = &mut data else {
        return data;
    };
    // What one sends oneself is never new.
    if message.message_special_use != Some(SpecialUse::Sent) && !pending.seen {
        map.insert("seemsLikeNew".to_owned(), true.into());
    }
    if let Some(thread) = pending
        .thread
        .as_ref()
        .filter(|_| message.thread_id.is_none())
    {
        map.insert("threadId".to_owned(), thread.clone().into());
    }
    if let Some(moved) = &pending.moved {
        map.insert("moved".to_owned(), json!(moved));
    }
    if let Some((retries, delay)) = missing {
        map.insert("missingRetries".to_owned(), retries.into());
        map.insert("missingDelay".to_owned(), delay.into());
    }
    data
}
