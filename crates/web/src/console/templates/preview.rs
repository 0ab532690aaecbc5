//! What a template gives: a page that is shown in a frame of the form.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use posthouse_app::{PreviewFault, Rendered};
use posthouse_model::AccountId;

use super::form::TemplateForm;
use crate::{
    fail::{Failure, rendered},
    form::Form,
    page::Page,
};

/// Messages bring styles of their own. Nothing runs, nothing is loaded from elsewhere, only our own pages frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'none'; \
     frame-ancestors 'self'; base-uri 'none'",
);

#[derive(Template)]
#[template(path = "templates/preview.html")]
struct Preview {
    theme: &'static str,
    outcome: Result<Rendered, PreviewFault>,
}

pub(super) async fn show(page: Page, form: Form) -> Result<Response, Failure> {
    let typed = TemplateForm::typed(&form);
    let account = Some(typed.account.as_str()).filter(|account| !account.is_empty());
    let account = account.map(AccountId::new);
    let (format, content) = (typed.format(), typed.content());
    let outcome = page
        .app
        .preview_template(account.as_ref(), format, &content, &typed.params);
    let outcome = match outcome.await {
        Err(error) if error.status == 404 => Err(PreviewFault {
            key: "account",
            line: 1,
            reason: "There is no account with this id.".to_owned(),
        }),
        outcome => outcome?,
    };
    let preview = Preview {
        theme: page.theme,
        outcome,
    };
    let mut response = rendered(StatusCode::OK, &preview);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(
        header::X_FRAME_OPTIONS,
        HeaderValue::from_static("SAMEORIGIN"),
    );
    Ok(response)
}
