//! What is done to an account at once, and deleting it after saying what that means.

use askama::Template;
use axum::{extract::Path, response::Response};
use serde_json::json;

use super::{Head, find, path};
use crate::{
    fail::Failure,
    flash::Flash,
    page::{Frame, Input, Page, Room},
};

pub(super) async fn reconnect(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let input = Input {
        path: &[("account", &id)],
        body: Some(json!({ "reconnect": true })),
        ..Input::default()
    };
    page.call("putV1AccountAccountReconnect", input).await?;
    let flash = Flash::ok("The connection is closed and set up again.");
    Ok(page.redirect(&path(&id, ""), flash))
}

pub(super) async fn sync(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let input = Input {
        path: &[("account", &id)],
        body: Some(json!({ "sync": true })),
        ..Input::default()
    };
    page.call("putV1AccountAccountSync", input).await?;
    let flash = Flash::ok("The mailbox is being compared with what is known.");
    Ok(page.redirect(&path(&id, ""), flash))
}

#[derive(Template)]
#[template(path = "accounts/delete.html")]
struct Ask {
    frame: Frame,
    head: Head,
    email: String,
}

pub(super) async fn ask_delete(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, account) = find(&page, &id).await?;
    Ok(page.render(&Ask {
        frame: page
            .frame("Delete account", Room::Accounts)
            .with_styles(&["accounts.css"]),
        email: account["email"].as_str().unwrap_or_default().to_owned(),
        head,
    }))
}

pub(super) async fn delete(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, _) = find(&page, &id).await?;
    let input = Input {
        path: &[("account", head.id.as_str())],
        ..Input::default()
    };
    page.call("deleteV1AccountAccount", input).await?;
    let text = format!("\u{201c}{}\u{201d} is deleted.", head.title);
    Ok(page.redirect("/admin/accounts", Flash::ok(text)))
}
