//! The parts of a message as templates.

use crate::{
    Context, Key, RenderError, TemplateError,
    error::Fault,
    language::{self, Program},
    limits::MAX_TEMPLATE,
    markdown, render,
};

/// What `html` is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// HTML.
    #[default]
    Html,
    /// Markdown; it becomes HTML after the tags are rendered.
    Markdown,
}

/// The templates of a message, as their author wrote them. What is not there is not made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    /// The subject.
    pub subject: Option<&'a str>,
    /// The plain text.
    pub text: Option<&'a str>,
    /// The HTML, or the Markdown that it is made of.
    pub html: Option<&'a str>,
    /// What mail programs show beside the subject.
    pub preview_text: Option<&'a str>,
    /// What `html` is written in.
    pub format: Format,
}

/// Templates of a message, ready to be rendered any number of times.
#[derive(Debug)]
pub struct Template {
    parts: Vec<(Key, Program)>,
    format: Format,
}

/// What came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: Option<String>,
    /// The plain text.
    pub text: Option<String>,
    /// HTML, whatever the format was.
    pub html: Option<String>,
    /// Escaped for HTML.
    pub preview_text: Option<String>,
}

impl Template {
    /// Reads templates.
    ///
    /// # Errors
    ///
    /// The first part that cannot be read, with its line: a tag that does not end, blocks that do not match, partials, or more of
    /// anything than the limits of this crate.
    pub fn compile(source: &Source<'_>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        for (key, text) in [
            (Key::Subject, source.subject),
            (Key::Text, source.text),
            (Key::Html, source.html),
            (Key::PreviewText, source.preview_text),
        ] {
            let Some(text) = text else { continue };
            let program = if text.len() > MAX_TEMPLATE {
                Err(Fault::new(1, format!("more than {MAX_TEMPLATE} bytes")))
            } else {
                language::parse(text)
            };
            let Fault { line, reason } = match program {
                Ok(program) => {
                    parts.push((key, program));
                    continue;
                }
                Err(fault) => fault,
            };
            return Err(TemplateError { key, line, reason });
        }
        Ok(Self {
            parts,
            format: source.format,
        })
    }

    /// Renders them with a context.
    ///
    /// # Errors
    ///
    /// The first part that fails, with its line: a helper that does not exist or gets what it cannot use, or more steps or bytes than
    /// the limits of this crate.
    pub fn render(&self, context: &Context) -> Result<Rendered, RenderError> {
        let root = context.root();
        let mut rendered = Rendered::default();
        for (key, program) in &self.parts {
            let key = *key;
            let fault = |Fault { line, reason }| RenderError { key, line, reason };
            let escape = matches!(key, Key::Html | Key::PreviewText);
            let text = render::render(program, &root, escape).map_err(fault)?;
            match key {
                Key::Subject => rendered.subject = Some(one_line(&text)),
                Key::Text => rendered.text = Some(text),
                Key::Html => {
                    rendered.html = Some(match self.format {
                        Format::Html => text,
                        Format::Markdown => {
                            markdown::html(&text).map_err(|reason| fault(Fault::new(1, reason)))?
                        }
                    });
                }
                Key::PreviewText => rendered.preview_text = Some(text),
            }
        }
        Ok(rendered)
    }
}

/// A subject has no line breaks and no other control characters: what follows one could pass for a header. A space stands for them.
fn one_line(text: &str) -> String {
    let broken = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let parts: Vec<&str> = text
        .split(broken)
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" ")
}
