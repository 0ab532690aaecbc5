//! A new service secret: asked about first, shown once.

use askama::Template;
use axum::response::Response;

use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
};

#[derive(Template)]
#[template(path = "config/secret.html")]
struct SecretPage {
    frame: Frame,
    /// The new one, right after it was made.
    made: Option<String>,
}

fn render(page: &Page, made: Option<String>) -> Response {
    let title = match made {
        Some(_) => "The new service secret",
        None => "Make a new service secret",
    };
    page.render(&SecretPage {
        frame: page.frame(title, Room::Settings),
        made,
    })
}

pub(super) async fn ask(page: Page) -> Response {
    render(&page, None)
}

pub(super) async fn renew(page: Page) -> Result<Response, Failure> {
    let secret = page.app.renew_service_secret(page.caller()).await?;
    Ok(render(&page, Some(secret.expose().to_owned())))
}
