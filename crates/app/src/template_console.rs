//! Templates as the console shows them while they are written.

use posthouse_model::{
    AccountId, ApiError,
    template::{TemplateContent, TemplateFormat},
};
use posthouse_template::{
    Account, Context, Format, Recipient, Rendered, Service, Source, Template,
};
use serde_json::{Map, Value};

use crate::App;

/// Why a template has no preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewFault {
    /// The part that is wrong, by its name in the API; `params` for the values.
    pub key: &'static str,
    /// The line of that part, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl App {
    /// The parts of a message by a template, with these values, for an example of a recipient; `Err` inside says what is
    /// wrong with the template or the values. `params` is a JSON object, or empty.
    ///
    /// # Errors
    /// 404 when there is no such account; 500 when the store fails.
    pub async fn preview_template(
        &self,
        account: Option<&AccountId>,
        format: TemplateFormat,
        content: &TemplateContent,
        params: &str,
    ) -> Result<Result<Rendered, PreviewFault>, ApiError> {
        let account = match account {
            Some(id) => {
                let config = self.known_config(id).await?;
                Account {
                    name: Some(config.name.clone()),
                    email: config.email.clone(),
                }
            }
            None => Account {
                name: Some("Alice Adams".to_owned()),
                email: Some("alice@example.com".to_owned()),
            },
        };
        let settings = self.settings();
        let url = settings
            .text("serviceUrl")
            .unwrap_or("https://mail.example.com");
        let params = match params.trim() {
            "" => Map::new(),
            text => match serde_json::from_str::<Value>(text) {
                Ok(Value::Object(params)) => params,
                Ok(_) => return Ok(Err(bad_params(1, "a JSON object is needed".to_owned()))),
                Err(error) => {
                    return Ok(Err(bad_params(error.line() as u64, error.to_string())));
                }
            },
        };
        let context = Context {
            params,
            account,
            service: Service {
                url: Some(url.to_owned()),
            },
            rcpt: Some(Recipient {
                name: Some("Bob Brown".to_owned()),
                address: Some("bob@example.com".to_owned()),
                unsubscribe_url: Some(format!("{}/unsubscribe", url.trim_end_matches('/'))),
            }),
        };
        Ok(render(format, content, &context))
    }
}

fn bad_params(line: u64, reason: String) -> PreviewFault {
    PreviewFault {
        key: "params",
        line,
        reason,
    }
}

fn render(
    format: TemplateFormat,
    content: &TemplateContent,
    context: &Context,
) -> Result<Rendered, PreviewFault> {
    let source = Source {
        subject: content.subject.as_deref(),
        text: content.text.as_deref(),
        html: content.html.as_deref(),
        preview_text: content.preview_text.as_deref(),
        format: match format {
            TemplateFormat::Html => Format::Html,
            TemplateFormat::Markdown => Format::Markdown,
        },
    };
    let template = Template::compile(&source).map_err(|error| PreviewFault {
        key: error.key.as_str(),
        line: error.line.into(),
        reason: error.reason,
    })?;
    let mut rendered = template.render(context).map_err(|error| PreviewFault {
        key: error.key.as_str(),
        line: error.line.into(),
        reason: error.reason,
    })?;
    // It is written into messages as text.
    rendered.preview_text = rendered
        .preview_text
        .map(|text| posthouse_mime::html::unescape(&text));
    Ok(rendered)
}
