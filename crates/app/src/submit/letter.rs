//! What messages of one call share, and what each has of its own.

use posthouse_mime::raw::{self, HeaderEdits};
use posthouse_model::{
    AccountId, ApiError,
    account::AccountConfig,
    message::Address,
    outbox::{Job, JobReference},
};
use posthouse_template::Recipient;
use serde_json::{Map, Value, json};

use super::{
    compose::{self, Composed, Given, author},
    content::Content,
    reference::Parent,
};
use crate::{App, input::Fields, tracking::Links};

/// What is no part of a single message.
const SHARED: &[&str] = &["attachments", "raw", "mailMerge", "template", "render"];
/// The same, and what is made anew for each.
const MADE: &[&str] = &[
    "attachments",
    "raw",
    "mailMerge",
    "template",
    "render",
    "subject",
    "text",
    "html",
    "previewText",
];

/// What all messages of a call have in common.
pub(super) struct Letter<'a> {
    pub(super) app: &'a App,
    pub(super) account: &'a AccountId,
    pub(super) config: &'a AccountConfig,
    pub(super) body: Fields<'a>,
    pub(super) parent: Option<&'a Parent>,
    pub(super) given: Given,
    pub(super) content: Content,
    /// The gateway that the body names.
    pub(super) gateway: Option<String>,
    pub(super) reference: Option<JobReference>,
    pub(super) key: Option<String>,
    /// Nothing is sent: what only readers would follow is left out.
    pub(super) dry: bool,
}

/// What one message has of its own.
#[derive(Default)]
pub(super) struct Personal<'a> {
    /// Its only recipient.
    pub(super) to: Option<Address>,
    /// The entry of a mail merge.
    pub(super) entry: Option<Fields<'a>>,
    /// The list that its recipient can leave.
    pub(super) list: Option<&'a str>,
}

impl Letter<'_> {
    /// The message of a recipient.
    ///
    /// # Errors
    /// 400 for what cannot be written into a message, 422 for templates that cannot be rendered, 500
    /// `MissingServiceURLSetup`.
    pub(super) fn write(&self, personal: &Personal<'_>) -> Result<Composed, ApiError> {
        let shared = self.body;
        let base = shared.filled("baseUrl");
        let finished = match &self.given {
            Given::Raw(raw) => Some(raw::edit_headers(raw, &HeaderEdits::new())),
            Given::Parts(_) => None,
        };
        let wish = finished
            .as_ref()
            .and_then(|finished| finished.wishes.tracking_enabled);
        let (opens, clicks) = self.trackers(wish);
        let tracked = (opens || clicks) && !self.dry;
        let compose = |body, given| compose::compose(body, self.config, self.parent, given);
        // Most messages are written as they were sent.
        if matches!(self.content, Content::Fixed) && personal.to.is_none() && !tracked {
            return compose(shared, self.given.clone());
        }
        let mut body = shared.without(match self.content {
            Content::Fixed => SHARED,
            _ => MADE,
        });
        if let (Some(to), Some(entry)) = (&personal.to, personal.entry) {
            body.insert("to".to_owned(), json!([to]));
            for key in ["messageId", "sendAt"] {
                match entry.value(key) {
                    Some(value) => body.insert(key.to_owned(), value.clone()),
                    // Those of the whole call are no good for many.
                    None if key == "messageId" => body.remove(key),
                    None => None,
                };
            }
        }
        // Links name the message that they stand in.
        let named = Fields::map(&body).filled("messageId").map(str::to_owned);
        let named = named.or_else(|| finished.and_then(|finished| finished.message_id));
        let id = match named {
            Some(id) => id,
            None if personal.list.is_some() || tracked => {
                let id = self.new_id()?;
                body.insert("messageId".to_owned(), json!(id));
                id
            }
            None => String::new(),
        };
        let links = (personal.list.is_some() || tracked)
            .then(|| Links::new(self.app, base, self.account.as_str(), &id))
            .transpose()?;
        let leave = match (personal.list, &personal.to, &links) {
            (Some(list), Some(to), Some(links)) => {
                let url = links.unsubscribe(list, &to.address)?;
                add_headers(
                    &mut body,
                    &[
                        ("List-ID", format!("<{list}.{}>", links.host())),
                        ("List-Unsubscribe", format!("<{url}>")),
                        (
                            "List-Unsubscribe-Post",
                            "List-Unsubscribe=One-Click".to_owned(),
                        ),
                    ],
                );
                Some(url)
            }
            _ => None,
        };
        let recipient = leave.map(|url| Recipient {
            name: personal.to.as_ref().and_then(|to| to.name.clone()),
            address: personal.to.as_ref().map(|to| to.address.clone()),
            unsubscribe_url: Some(url),
        });
        let params = match personal.entry {
            Some(entry) => entry.value("params"),
            None => shared
                .fields("render")
                .and_then(|render| render.value("params")),
        };
        self.content.fill(&mut body, || {
            self.app.template_context(
                self.config,
                params.and_then(Value::as_object),
                recipient,
                base,
            )
        })?;
        if tracked
            && let Some(links) = &links
            && let Some(html) = Fields::map(&body).filled("html")
        {
            let tracked = links.track(html, opens, clicks)?;
            // The text beside it shows where links lead to, as their author wrote them.
            if Fields::map(&body).filled("text").is_none() {
                let text = posthouse_mime::html::html_to_text(html);
                body.insert("text".to_owned(), json!(text));
            }
            body.insert("html".to_owned(), json!(tracked));
        }
        let mut given = self.given.clone();
        if tracked
            && let (Some(links), Given::Raw(raw)) = (&links, &mut given)
            && let Some(tracked) = links.track_message(raw, opens, clicks)?
        {
            *raw = tracked;
        }
        compose(Fields::map(&body), given)
    }

    /// Whether opens and clicks are told: as the body says, else as the message wishes, else as the settings do.
    fn trackers(&self, wish: Option<bool>) -> (bool, bool) {
        let settings = self.app.settings();
        let both = self.body.bool("trackingEnabled");
        let of = |key: &str| {
            let own = self.body.bool(key).or(both).or(wish);
            own.unwrap_or_else(|| {
                // The former switch of both counts where the later ones were never touched.
                let stored = settings.is_stored(key);
                settings.bool(if stored { key } else { "trackSentMessages" })
            })
        };
        (of("trackOpens"), of("trackClicks"))
    }

    fn new_id(&self) -> Result<String, ApiError> {
        let author = author(self.body, self.config)?;
        Ok(compose::new_id(author.as_ref()))
    }

    /// What a worker needs beside the message.
    pub(super) fn job(&self, composed: &Composed) -> Job {
        Job {
            message_id: composed.message_id.clone(),
            envelope: composed.envelope.clone(),
            subject: composed.subject.clone(),
            gateway: self.gateway.clone(),
            reference: self.reference.clone(),
            idempotency_key: self.key.clone(),
            ..asked_job(self.body)
        }
    }
}

/// What a body asks of the worker.
pub(super) fn asked_job(body: Fields<'_>) -> Job {
    let text = |key: &str| body.filled(key).map(str::to_owned);
    Job {
        copy: body.bool("copy"),
        sent_mail_path: text("sentMailPath"),
        proxy: text("proxy"),
        local_address: text("localAddress"),
        dsn: body.value("dsn").cloned(),
        ..Job::default()
    }
}

/// Adds headers to those of a body, in the place of its own of the same name.
fn add_headers(body: &mut Map<String, Value>, added: &[(&str, String)]) {
    let given = body.remove("headers");
    let mut headers = match given {
        Some(Value::Object(headers)) => headers,
        _ => Map::new(),
    };
    headers.retain(|name, _| !added.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)));
    for (name, value) in added {
        headers.insert((*name).to_owned(), json!(value));
    }
    body.insert("headers".to_owned(), headers.into());
}
