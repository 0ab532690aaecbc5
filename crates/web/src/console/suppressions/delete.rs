//! Deleting a list, after saying what that means.

use askama::Template;
use axum::{extract::Path, response::Response};
use posthouse_model::ApiError;

use super::LISTS;
use crate::{
    fail::Failure,
    flash::Flash,
    page::{Frame, Input, Page, Room},
};

#[derive(Template)]
#[template(path = "suppressions/delete.html")]
struct Ask {
    frame: Frame,
    list: String,
    count: u64,
}

pub(super) async fn ask(page: Page, Path(list): Path<String>) -> Result<Response, Failure> {
    let input = Input {
        path: &[("listId", &list)],
        ..Input::default()
    };
    let found = page.call("getV1BlocklistListid", input).await?;
    Ok(page.render(&Ask {
        frame: page.frame("Delete suppression list", Room::Suppressions),
        count: found["total"].as_u64().unwrap_or(0),
        list,
    }))
}

pub(super) async fn carry_out(page: Page, Path(list): Path<String>) -> Result<Response, Failure> {
    if page.app.delete_suppression_list(&list).await? == 0 {
        return Err(ApiError::new(404, "There is no such list, or nobody is on it.").into());
    }
    let text = format!("\u{201c}{list}\u{201d} is deleted.");
    Ok(page.redirect(LISTS, Flash::ok(text)))
}
