//! Templates of messages.
//!
//! A template is written in the Handlebars language, as Handlebars.js 4.7 understands it: what users wrote for a server that runs it
//! must come out the same here. `tests/cases.json` holds templates with what they give; both this crate and Handlebars.js are held
//! against it. The language is interpreted here and not taken from a library, as those for Rust do not know sections (`{{#name}}`,
//! `{{^name}}`) and bound neither steps nor memory.
//!
//! * [`Template`]: the parts of a message, compiled once, rendered with a [`Context`].
//! * `language`: from text to a tree. Words, grammar, whitespace.
//! * `value`: what values are to JavaScript: text, numbers, comparisons.
//! * `render`: from a tree and a context to text; the helpers.
//! * `date`: dates as moment.js writes them.
//! * `markdown`: from Markdown to HTML.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod context;
mod date;
mod error;
mod language;
mod limits;
mod markdown;
mod render;
mod template;
mod value;

pub use context::{Account, Context, Recipient, Service};
pub use error::{Key, RenderError, TemplateError};
pub use limits::{MAX_DEPTH, MAX_MARKDOWN, MAX_OUTPUT, MAX_PIECES, MAX_STEPS, MAX_TEMPLATE};
pub use template::{Format, Rendered, Source, Template};
