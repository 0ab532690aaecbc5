//! The message that a message refers to: reply, reply to all, forward.

use posthouse_mime::quote::{Original, Purpose, Quote};
use posthouse_model::{
    ApiError, Caller,
    account::AccountConfig,
    command::{Answer, Command},
    message::{Address, Attachment, HeaderChoice, Message, MessageOptions, TextType},
    outbox::JobReference,
};
use serde_json::{Value, json};

use super::compose::author;
use crate::{App, CallInput, input::Fields, internal, reading::unexpected};

/// What became of a reference.
pub(super) struct Reference {
    /// What the answer says of it.
    pub(super) answer: Value,
    /// The message, if it was found.
    pub(super) parent: Option<Parent>,
    /// What is done to it after sending.
    pub(super) job: Option<JobReference>,
}

/// What a message takes from the one it refers to.
#[derive(Debug, Default)]
pub(super) struct Parent {
    pub(super) references: Vec<String>,
    pub(super) in_reply_to: Option<String>,
    pub(super) subject: String,
    pub(super) to: Vec<Address>,
    pub(super) cc: Vec<Address>,
    /// Attachments to be forwarded, and what the quotation shows.
    pub(super) attachments: Vec<Attachment>,
    /// The message itself, to stand below what is written.
    pub(super) quote: Option<Quote>,
}

/// So many bytes of each text of a message are quoted.
const MAX_QUOTED: u64 = 1 << 20;

impl App {
    /// Looks up the message that the body refers to.
    pub(super) async fn reference(
        &self,
        caller: &Caller,
        input: &CallInput,
        config: &AccountConfig,
        body: Fields<'_>,
    ) -> Result<Option<Reference>, ApiError> {
        let Some(wanted) = body.fields("reference") else {
            return Ok(None);
        };
        let Some(message) = wanted.filled("message") else {
            return Ok(None);
        };
        let forgiving = wanted.is("ignoreMissing");
        let inline = wanted.is("inline");
        if inline && body.filled("raw").is_some() {
            let message = "\"reference.inline\" has no place in a message that is given as \"raw\"";
            return Err(ApiError::invalid_field("inline", message));
        }
        let command = Command::GetMessage {
            message: message.to_owned(),
            options: MessageOptions {
                headers: HeaderChoice::Named(vec![
                    "references".to_owned(),
                    "in-reply-to".to_owned(),
                    "date".to_owned(),
                ]),
                text_type: if inline {
                    TextType::All
                } else {
                    TextType::None
                },
                max_bytes: inline.then_some(MAX_QUOTED),
                ..MessageOptions::default()
            },
        };
        let missing =
            || ApiError::not_found("The referenced message was not found", "ReferenceNotFound");
        let found = match self.ask(caller, input, command).await {
            Ok(answered) => match answered.answer {
                Answer::Message(found) => Some(found).filter(|found| {
                    wanted.filled("messageId").is_none_or(|id| {
                        let bare = |id: &str| id.trim_matches(['<', '>', ' ']).to_owned();
                        found.message_id.as_deref().map(bare) == Some(bare(id))
                    })
                }),
                _ => return Err(unexpected()),
            },
            Err(error) if error.code_str() == Some("MessageNotFound") => None,
            Err(error) => return Err(error),
        };
        let Some(found) = found else {
            if !forgiving {
                return Err(missing());
            }
            return Ok(Some(Reference {
                answer: json!({ "message": message, "success": false, "error": missing().message }),
                parent: None,
                job: None,
            }));
        };
        let action = wanted.text("action").unwrap_or("reply");
        let own: Vec<String> = author(body, config)?
            .into_iter()
            .map(|author| author.address)
            .chain(config.email.clone())
            .collect();
        let mut parent = Parent::of(&found, action, &own);
        let all = wanted.is("forwardAttachments");
        if inline {
            let settings = self.settings();
            let of = |key: &str, own: &Option<String>, setting: &str| {
                let named = body
                    .filled(key)
                    .or(own.as_deref().filter(|own| !own.is_empty()));
                named
                    .or_else(|| settings.text(setting))
                    .unwrap_or_default()
                    .to_owned()
            };
            let locale = of("locale", &config.locale, "locale");
            let tz = of("tz", &config.tz, "timezone");
            parent.quote = Some(quoted(found.clone(), action == "forward", locale, tz).await?);
        }
        let carried = found.attachments.iter();
        parent.attachments = carried
            .filter(|attachment| all || parent.shows(attachment))
            .cloned()
            .collect();
        let mut add_flags = vec!["\\Answered".to_owned()];
        if action == "forward" {
            add_flags.push("$Forwarded".to_owned());
        }
        Ok(Some(Reference {
            answer: json!({ "message": message, "success": true }),
            parent: Some(parent),
            job: Some(JobReference {
                message: message.to_owned(),
                add_flags,
            }),
        }))
    }
}

/// Quotes the message.
async fn quoted(
    message: Box<Message>,
    forward: bool,
    locale: String,
    tz: String,
) -> Result<Quote, ApiError> {
    // A long document takes a while.
    let work = tokio::task::spawn_blocking(move || {
        let text = message.text.as_ref();
        let sent = message.headers.as_ref().and_then(|headers| {
            let date = headers.get("date")?.get(0)?.as_str()?;
            posthouse_mime::parse_date(date)
        });
        let original = Original {
            from: message.from.as_ref(),
            to: &message.to,
            cc: &message.cc,
            subject: message.subject.as_deref(),
            date: sent.or(message.date),
            plain: text.and_then(|text| text.plain.as_deref()),
            html: text.and_then(|text| text.html.as_deref()),
            cut: text.is_some_and(|text| text.has_more == Some(true)),
        };
        let purpose = if forward {
            Purpose::Forward
        } else {
            Purpose::Reply
        };
        Quote::of(&original, purpose, &locale, &tz)
    });
    let done = work.await;
    done.map_err(|error| internal("quoting a message", &error))
}

impl Parent {
    /// Whether the quotation shows an attachment.
    pub(super) fn shows(&self, attachment: &Attachment) -> bool {
        let quote = self.quote.as_ref();
        let id = attachment.content_id.as_deref();
        quote.is_some_and(|quote| id.is_some_and(|id| quote.shows(id)))
    }

    /// What an answer to, or a copy of, a message takes from it. `own` are the sender's addresses.
    fn of(message: &Message, action: &str, own: &[String]) -> Self {
        let forward = action == "forward";
        let mut parent = Self {
            references: references(message),
            subject: subject(message.subject.as_deref().unwrap_or_default(), forward),
            ..Self::default()
        };
        if forward {
            return parent;
        }
        parent.in_reply_to.clone_from(&message.message_id);
        let mut seen: Vec<String> = own.iter().map(|own| own.to_lowercase()).collect();
        let mut fresh = |list: &[Address]| -> Vec<Address> {
            list.iter()
                .filter(|address| {
                    let key = address.address.to_lowercase();
                    // The name of a group has no address.
                    let new = !key.is_empty() && !seen.contains(&key);
                    if new {
                        seen.push(key);
                    }
                    new
                })
                .cloned()
                .collect()
        };
        let back = if message.reply_to.is_empty() {
            message.from.as_slice()
        } else {
            message.reply_to.as_slice()
        };
        if action == "reply-all" {
            parent.to = fresh(back);
            parent.to.extend(fresh(&message.to));
            parent.cc = fresh(&message.cc);
        }
        // An answer to oneself goes to oneself.
        if parent.to.is_empty() && parent.cc.is_empty() {
            parent.to = back.to_vec();
        }
        parent
    }
}

/// The ids of the thread, oldest first (RFC 5322 section 3.6.4).
fn references(message: &Message) -> Vec<String> {
    let header = |name: &str| -> Vec<String> {
        let values = message
            .headers
            .as_ref()
            .and_then(|headers| headers.get(name));
        let values = values.and_then(Value::as_array).into_iter().flatten();
        values
            .filter_map(Value::as_str)
            .flat_map(|value| posthouse_mime::header::parse_ids(value.as_bytes()))
            .collect()
    };
    let mut ids = header("references");
    ids.extend(header("in-reply-to"));
    ids.extend(message.in_reply_to.clone());
    ids.extend(message.message_id.clone());
    let mut seen = std::collections::HashSet::new();
    // The last place of an id is the right one for the parent's own.
    let mut unique: Vec<_> = ids
        .into_iter()
        .rev()
        .filter(|id| seen.insert(id.clone()))
        .collect();
    unique.reverse();
    unique
}

/// The subject with its prefix.
fn subject(subject: &str, forward: bool) -> String {
    let (prefix, known): (&str, &[&str]) = if forward {
        ("Fwd: ", &["fwd:", "fw:"])
    } else {
        ("Re: ", &["re:"])
    };
    let start = subject.trim_start().to_lowercase();
    if known.iter().any(|known| start.starts_with(known)) {
        subject.to_owned()
    } else {
        format!("{prefix}{subject}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn message() -> Message {
        serde_json::from_value(json!({
            "id": "x", "subject": "Plan", "messageId": "<3@x>", "inReplyTo": "<2@x>",
            "from": {"address": "boss@example.com"},
            "to": [{"address": "Me@example.com"}, {"address": "a@example.com"}],
            "cc": [{"address": "b@example.com"}, {"address": "boss@example.com"}],
            "bcc": [{"address": "secret@example.com"}],
            "headers": {"references": ["<1@x> <2@x>"], "in-reply-to": ["<2@x>"]},
        }))
        .unwrap()
    }

    fn list(addresses: &[Address]) -> Vec<&str> {
        addresses
            .iter()
            .map(|address| address.address.as_str())
            .collect()
    }

    #[test]
    fn replies_and_forwards() {
        let own = ["me@example.com".to_owned()];
        let reply = Parent::of(&message(), "reply", &own);
        assert_eq!(reply.references, ["<1@x>", "<2@x>", "<3@x>"]);
        assert_eq!(reply.in_reply_to.as_deref(), Some("<3@x>"));
        assert_eq!(reply.subject, "Re: Plan");
        assert_eq!(list(&reply.to), ["boss@example.com"]);
        let all = Parent::of(&message(), "reply-all", &own);
        assert_eq!(list(&all.to), ["boss@example.com", "a@example.com"]);
        assert_eq!(list(&all.cc), ["b@example.com"]);
        let forward = Parent::of(&message(), "forward", &own);
        assert_eq!(forward.subject, "Fwd: Plan");
        assert_eq!((forward.in_reply_to, forward.to.len()), (None, 0));
        assert_eq!(subject("RE: x", false), "RE: x");
        assert_eq!(subject("FW: x", true), "FW: x");
    }

    #[test]
    fn reply_to_wins_and_oneself_is_answered() {
        let mut message = message();
        message.reply_to = vec![Address {
            name: None,
            address: "list@example.com".to_owned(),
        }];
        assert_eq!(
            list(&Parent::of(&message, "reply", &[]).to),
            ["list@example.com"]
        );
        message.reply_to.clear();
        let own = ["boss@example.com".to_owned()];
        assert_eq!(
            list(&Parent::of(&message, "reply", &own).to),
            ["boss@example.com"]
        );
    }
}
