//! Markdown to HTML: CommonMark with tables, strikethrough and bare links, as GitHub has them.

mod autolink;

use std::fmt;

use pulldown_cmark::{Options, Parser, TextMergeStream, html::write_html_fmt};

use crate::limits::{MAX_MARKDOWN, MAX_OUTPUT};

/// Makes HTML. HTML in the Markdown stays as it is: it is the author's own, as values of a context have been escaped.
///
/// The error says what is too much.
pub(crate) fn html(markdown: &str) -> Result<String, String> {
    if markdown.len() > MAX_MARKDOWN {
        return Err(format!("more than {MAX_MARKDOWN} bytes of Markdown"));
    }
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = TextMergeStream::new(Parser::new_ext(markdown, options));
    let mut out = Bounded(String::new());
    write_html_fmt(&mut out, autolink::link(events))
        .map_err(|_| format!("more than {MAX_OUTPUT} bytes"))?;
    Ok(out.0)
}

/// Text that does not grow beyond what a template may come to.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_OUTPUT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}
