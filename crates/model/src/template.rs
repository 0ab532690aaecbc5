//! Stored templates of outgoing messages (behaviour 15.1).

use serde::{Deserialize, Serialize};

use crate::{AccountId, Timestamp, access::words};

words! {
    /// What the HTML of a template is written in.
    TemplateFormat {
        /// HTML.
        Html = "html",
        /// Markdown, rendered to HTML.
        Markdown = "markdown",
    }
}

/// Sources of the parts of a message; what is not there renders nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateContent {
    /// Subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// HTML, or Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// What a list of messages shows beside the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_text: Option<String>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Id: 16 characters, ordered by time (behaviour 9).
    pub id: String,
    /// The account it belongs to; none for a shared one.
    pub account: Option<AccountId>,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// What its HTML is written in.
    pub format: TemplateFormat,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Sources; empty in listings.
    pub content: TemplateContent,
}
