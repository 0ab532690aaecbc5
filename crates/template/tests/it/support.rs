//! What tests share.

use posthouse_template::{Account, Context, Recipient, Rendered, Service, Source, Template};
use serde_json::{Map, Value};

/// The context of `tests/browser/lib/handlebars.mjs`.
pub fn context(params: &Value) -> Context {
    Context {
        params: params.as_object().cloned().unwrap_or_else(Map::new),
        account: Account {
            name: Some("Ann Example".into()),
            email: Some("ann@example.com".into()),
        },
        service: Service {
            url: Some("https://mail.example.com".into()),
        },
        rcpt: Some(Recipient {
            name: Some("O'Hara".into()),
            address: Some("ohara@example.com".into()),
            unsubscribe_url: Some("https://mail.example.com/unsubscribe?data=a&sig=b".into()),
        }),
    }
}

/// What a message comes to, or the text, line and reason of the error.
pub fn render(source: &Source<'_>, context: &Context) -> Result<Rendered, (String, u32, String)> {
    let template = Template::compile(source)
        .map_err(|error| (error.to_string(), error.line, error.reason.clone()))?;
    template
        .render(context)
        .map_err(|error| (error.to_string(), error.line, error.reason.clone()))
}

/// What a template of HTML gives.
pub fn html(template: &str, params: &Value) -> Result<String, String> {
    let source = Source {
        html: Some(template),
        ..Source::default()
    };
    render(&source, &context(params))
        .map(|rendered| rendered.html.unwrap())
        .map_err(|(_, _, reason)| reason)
}
