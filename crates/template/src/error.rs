//! What is wrong with a template, and where.

use std::fmt;

/// The part of a message that a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `subject`
    Subject,
    /// `text`
    Text,
    /// `html`
    Html,
    /// `previewText`
    PreviewText,
}

impl Key {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
            Self::PreviewText => "previewText",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A template that cannot be read. Its text is what the API answers; `line` and `reason` are for whoever writes the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Failed rendering {key} template")]
pub struct TemplateError {
    /// The part that is broken.
    pub key: Key,
    /// The line of that part, from 1.
    pub line: u32,
    /// What is wrong with it. It may quote names of the template, and nothing of a context.
    pub reason: String,
}

/// A template that failed with this context. Its text is what the API answers; `line` and `reason` are for whoever writes the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Failed rendering {key} template")]
pub struct RenderError {
    /// The part that failed.
    pub key: Key,
    /// The line of that part, from 1.
    pub line: u32,
    /// What went wrong. It may quote names of the template, and nothing of a context.
    pub reason: String,
}

/// A fault within one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub line: u32,
    pub reason: String,
}

impl Fault {
    pub(crate) fn new(line: u32, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }
}
