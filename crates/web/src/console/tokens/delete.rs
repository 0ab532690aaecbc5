//! Deleting a token, after saying what will stop working.

use askama::Template;
use axum::{extract::Path, response::Response};
use posthouse_app::TokenView;
use posthouse_model::Timestamp;

use super::{detail::find, words};
use crate::{
    fail::Failure,
    flash::Flash,
    page::{Frame, Page, Room},
};

#[derive(Template)]
#[template(path = "tokens/delete.html")]
struct Ask {
    frame: Frame,
    token: TokenView,
    now: Timestamp,
}

pub(super) async fn ask(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (_, token) = find(&page, &id).await?;
    Ok(page.render(&Ask {
        frame: page
            .frame("Delete token", Room::Tokens)
            .with_styles(&["tokens.css"]),
        token,
        now: page.now(),
    }))
}

pub(super) async fn carry_out(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (id, token) = find(&page, &id).await?;
    page.app.delete_console_token(page.caller(), id).await?;
    let text = format!(
        "\u{201c}{}\u{201d} is deleted. Requests with it are refused from now on.",
        words::title(&token)
    );
    Ok(page.redirect("/admin/tokens", Flash::ok(text)))
}
