//! Deleting a template, after saying what that means.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::{TEMPLATES, find};
use crate::{
    fail::Failure,
    flash::Flash,
    page::{Frame, Input, Page, Room},
};

#[derive(Template)]
#[template(path = "templates/delete.html")]
struct Ask {
    frame: Frame,
    id: String,
    name: String,
}

pub(super) async fn ask(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let template = find(&page, &id).await?;
    Ok(page.render(&Ask {
        frame: page.frame("Delete template", Room::Templates),
        name: template["name"].as_str().unwrap_or_default().to_owned(),
        id,
    }))
}

pub(super) async fn carry_out(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let template = find(&page, &id).await?;
    let input = Input {
        path: &[("template", &id)],
        ..Input::default()
    };
    page.call("deleteV1TemplatesTemplateTemplate", input)
        .await?;
    let name = template["name"].as_str().unwrap_or_default();
    let text = format!("\u{201c}{name}\u{201d} is deleted.");
    Ok(page.redirect(TEMPLATES, Flash::ok(text)))
}
