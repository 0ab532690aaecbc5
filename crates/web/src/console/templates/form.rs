//! A template as a form: from what is stored, from what was typed, and back to a body of the API.

use posthouse_model::{
    ApiError,
    template::{TemplateContent, TemplateFormat},
};
use serde_json::{Value, json};

use crate::{console::faults::Faults, form::Form};

/// The fields with their texts.
#[derive(Debug, Clone, Default)]
pub(super) struct TemplateForm {
    /// Whose it is; empty for a shared one.
    pub(super) account: String,
    /// Name.
    pub(super) name: String,
    /// Description.
    pub(super) description: String,
    /// The HTML is written in Markdown.
    pub(super) markdown: bool,
    /// Source of the subject.
    pub(super) subject: String,
    /// Source of what is shown beside the subject.
    pub(super) preview_text: String,
    /// Source of the HTML.
    pub(super) html: String,
    /// Source of the plain text.
    pub(super) text: String,
    /// Values for the preview, JSON; they are not stored.
    pub(super) params: String,
}

impl TemplateForm {
    /// From what the API shows of a template.
    pub(super) fn stored(template: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let content = &template["content"];
        Self {
            account: text(&template["account"]),
            name: text(&template["name"]),
            description: text(&template["description"]),
            markdown: template["format"] == "markdown",
            subject: text(&content["subject"]),
            preview_text: text(&content["previewText"]),
            html: text(&content["html"]),
            text: text(&content["text"]),
            params: String::new(),
        }
    }

    /// What was typed.
    pub(super) fn typed(form: &Form) -> Self {
        // Browsers end lines in forms with both characters.
        let lines = |name: &str| form.raw(name).replace("\r\n", "\n");
        Self {
            account: form.text("account").to_owned(),
            name: form.text("name").to_owned(),
            description: form.text("description").to_owned(),
            markdown: form.text("format") == "markdown",
            subject: form.text("subject").to_owned(),
            preview_text: form.text("previewText").to_owned(),
            html: lines("html"),
            text: lines("text"),
            params: lines("params"),
        }
    }

    /// The body for the API, without the account.
    pub(super) fn body(&self) -> Value {
        json!({
            "name": self.name, "description": self.description,
            "format": if self.markdown { "markdown" } else { "html" },
            "content": {
                "subject": self.subject, "text": self.text, "html": self.html,
                "previewText": self.preview_text,
            },
        })
    }

    /// What its HTML is written in.
    pub(super) const fn format(&self) -> TemplateFormat {
        if self.markdown {
            TemplateFormat::Markdown
        } else {
            TemplateFormat::Html
        }
    }

    /// The sources of its parts.
    pub(super) fn content(&self) -> TemplateContent {
        let part = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        TemplateContent {
            subject: part(&self.subject),
            text: part(&self.text),
            html: part(&self.html),
            preview_text: part(&self.preview_text),
        }
    }
}

/// What is wrong with the form.
pub(super) fn faults_of(error: &ApiError) -> Faults {
    Faults::of(error, |label| {
        let field = label.strip_prefix("content.").unwrap_or(label);
        matches!(
            field,
            "account" | "name" | "description" | "subject" | "text" | "html" | "previewText"
        )
        .then(|| field.to_owned())
    })
}
