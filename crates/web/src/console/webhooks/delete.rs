//! Deleting a route, after saying what goes with it.

use askama::Template;
use axum::{extract::Path, response::Response};
use posthouse_model::route::WebhookRoute;

use super::{HERE, find};
use crate::{
    fail::Failure,
    flash::Flash,
    page::{Frame, Page, Room},
};

#[derive(Template)]
#[template(path = "webhooks/delete.html")]
struct Ask {
    frame: Frame,
    route: WebhookRoute,
}

pub(super) async fn ask(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let route = find(&page, &id).await?.route;
    Ok(page.render(&Ask {
        frame: page.frame("Delete webhook route", Room::Webhooks),
        route,
    }))
}

pub(super) async fn carry_out(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let route = find(&page, &id).await?.route;
    page.app.delete_route(page.caller(), &route.id).await?;
    let text = format!(
        "\u{201c}{}\u{201d} is deleted. No more events go this way.",
        route.config.name
    );
    Ok(page.redirect(HERE, Flash::ok(text)))
}
