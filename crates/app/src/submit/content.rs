//! Subject and texts of a message: as they were sent, or rendered from templates (behaviour 11.1, 15.1).

use posthouse_model::{
    AccountId, ApiError,
    account::AccountConfig,
    template::{TemplateContent, TemplateFormat},
};
use posthouse_store::templates;
use posthouse_template::{Account, Context, Format, Recipient, Service, Source, Template};
use serde_json::{Map, Value, json};

use crate::{App, input::Fields, internal, templates::template_not_found};

/// Where the subject and the texts of messages come from.
pub(super) enum Content {
    /// From the body, as they are.
    Fixed,
    /// From a stored template that is not rendered.
    Stored(TemplateContent),
    /// From templates.
    Rendered(Template),
}

impl App {
    /// What the body says of it. A stored template is taken in the place of all four parts.
    ///
    /// # Errors
    /// 404 `TemplateNotFound`; 422 for a template that cannot be read.
    pub(super) async fn content(
        &self,
        account: &AccountId,
        body: Fields<'_>,
    ) -> Result<Content, ApiError> {
        let stored = match body.filled("template") {
            None => None,
            Some(id) => {
                let template = templates::get(self.store(), id).await;
                let template = template.map_err(|error| internal("reading a template", &error))?;
                let own = template.filter(|template| {
                    template
                        .account
                        .as_ref()
                        .is_none_or(|owner| owner == account)
                });
                Some(own.ok_or_else(template_not_found)?)
            }
        };
        let refused = body.bool("render") == Some(false);
        let asked = body.fields("render").is_some() || body.value("mailMerge").is_some();
        if refused || !asked && stored.is_none() {
            return Ok(match stored {
                Some(stored) => Content::Stored(stored.content),
                None => Content::Fixed,
            });
        }
        let named = body
            .fields("render")
            .and_then(|render| render.text("format"));
        let markdown = match &stored {
            Some(stored) => stored.format == TemplateFormat::Markdown,
            None => named == Some("markdown"),
        };
        let content = stored.map_or_else(
            || TemplateContent {
                subject: body.text("subject").map(str::to_owned),
                text: body.filled("text").map(str::to_owned),
                html: body.filled("html").map(str::to_owned),
                preview_text: body.filled("previewText").map(str::to_owned),
            },
            |stored| stored.content,
        );
        let source = Source {
            subject: content.subject.as_deref(),
            text: content.text.as_deref(),
            html: content.html.as_deref(),
            preview_text: content.preview_text.as_deref(),
            format: if markdown {
                Format::Markdown
            } else {
                Format::Html
            },
        };
        Template::compile(&source)
            .map(Content::Rendered)
            .map_err(|error| unrendered(&error.to_string(), error.line, &error.reason))
    }

    /// What templates can name.
    pub(super) fn template_context(
        &self,
        config: &AccountConfig,
        params: Option<&Map<String, Value>>,
        recipient: Option<Recipient>,
        base: Option<&str>,
    ) -> Context {
        let settings = self.settings();
        let url = base.or_else(|| settings.text("serviceUrl"));
        Context {
            params: params.cloned().unwrap_or_default(),
            account: Account {
                name: Some(config.name.clone()),
                email: config.email.clone(),
            },
            service: Service {
                url: url.map(str::to_owned),
            },
            rcpt: recipient,
        }
    }
}

impl Content {
    /// Puts subject and texts into a body, which has none of its own unless they are fixed.
    ///
    /// # Errors
    /// 422 `SubmitFail` for a template that cannot be rendered.
    pub(super) fn fill(
        &self,
        body: &mut Map<String, Value>,
        context: impl FnOnce() -> Context,
    ) -> Result<(), ApiError> {
        let TemplateContent {
            subject,
            text,
            html,
            preview_text,
        } = match self {
            Self::Fixed => return Ok(()),
            Self::Stored(content) => content.clone(),
            Self::Rendered(template) => {
                let rendered = template
                    .render(&context())
                    .map_err(|error| unrendered(&error.to_string(), error.line, &error.reason))?;
                TemplateContent {
                    subject: rendered.subject,
                    text: rendered.text,
                    html: rendered.html,
                    // It is written into the message as text.
                    preview_text: rendered
                        .preview_text
                        .map(|text| posthouse_mime::html::unescape(&text)),
                }
            }
        };
        for (key, part) in [
            ("subject", subject),
            ("text", text),
            ("html", html),
            ("previewText", preview_text),
        ] {
            if let Some(part) = part {
                body.insert(key.to_owned(), json!(part));
            }
        }
        Ok(())
    }
}

fn unrendered(message: &str, line: u32, reason: &str) -> ApiError {
    ApiError::new(422, message)
        .code("SubmitFail")
        .with("details", json!({ "line": line, "reason": reason }))
}
