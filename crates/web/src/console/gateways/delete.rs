//! Deleting a gateway, after saying what that means.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::{Record, find};
use crate::{
    fail::Failure,
    flash::Flash,
    page::{Frame, Input, Page, Room},
};

#[derive(Template)]
#[template(path = "gateways/delete.html")]
struct Ask {
    frame: Frame,
    record: Record,
}

pub(super) async fn ask(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let record = Record::of(&find(&page, &id).await?);
    Ok(page.render(&Ask {
        frame: page.frame("Delete gateway", Room::Gateways),
        record,
    }))
}

pub(super) async fn carry_out(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let record = Record::of(&find(&page, &id).await?);
    let input = Input {
        path: &[("gateway", &id)],
        ..Input::default()
    };
    page.call("deleteV1GatewayGateway", input).await?;
    let text = format!("\u{201c}{}\u{201d} is deleted.", record.title());
    Ok(page.redirect("/admin/gateways", Flash::ok(text)))
}
