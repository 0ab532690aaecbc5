//! Errors as pages.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use posthouse_model::ApiError;

/// An error of a page; rendered as a page of its own.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    status: u16,
    title: &'a str,
    message: &'a str,
    back: &'a str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        error_page(self.0.status, &self.0.message, "/admin")
    }
}

/// A page that says what went wrong and where to go on.
pub(crate) fn error_page(status: u16, message: &str, back: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = match status.as_u16() {
        400 => "That did not work",
        403 => "Not allowed",
        404 => "Nothing here",
        413 => "Too large",
        429 => "Too many tries",
        501 => "Not built yet",
        503 => "Not available now",
        504 => "That took too long",
        500.. => "Something broke",
        _ => "That did not work",
    };
    let page = ErrorPage {
        status: status.as_u16(),
        title,
        message,
        back,
    };
    rendered(status, &page)
}

/// A template as a response.
pub(crate) fn rendered(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
                "This page cannot be shown\n",
            )
                .into_response()
        }
    }
}
