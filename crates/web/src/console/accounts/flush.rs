//! Dropping what is known of an account's messages, after saying what that means.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use posthouse_model::ApiError;
use serde_json::{Map, Value, json};

use super::{Head, find, form::faults_of};
use crate::{
    console::faults::Faults,
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
};

#[derive(Template)]
#[template(path = "accounts/flush.html")]
struct Ask {
    frame: Frame,
    head: Head,
    notify_from: String,
    sync_from: String,
    indexer: String,
    faults: Faults,
}

impl Ask {
    fn of(page: &Page, head: Head, account: &Value) -> Self {
        let text = |key: &str| account[key].as_str().unwrap_or_default().to_owned();
        Self {
            frame: page
                .frame("Flush account", Room::Accounts)
                .with_styles(&["accounts.css"]),
            head,
            notify_from: String::new(),
            sync_from: text("syncFrom"),
            indexer: text("imapIndexer"),
            faults: Faults::default(),
        }
    }
}

pub(super) async fn ask(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, account) = find(&page, &id).await?;
    Ok(page.render(&Ask::of(&page, head, &account)))
}

pub(super) async fn carry_out(
    page: Page,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let (head, account) = find(&page, &id).await?;
    let mut body = Map::new();
    body.insert("flush".to_owned(), json!(true));
    let notify_from = form.filled("notifyFrom").unwrap_or("now");
    body.insert("notifyFrom".to_owned(), json!(notify_from));
    let sync_from = form.filled("syncFrom");
    body.insert("syncFrom".to_owned(), json!(sync_from));
    if let Some(indexer) = form.filled("imapIndexer") {
        body.insert("imapIndexer".to_owned(), json!(indexer));
    }
    let input = Input {
        path: &[("account", head.id.as_str())],
        body: Some(body.into()),
        ..Input::default()
    };
    match page.call("putV1AccountAccountFlush", input).await {
        Ok(_) => {
            let flash =
                Flash::ok("What was known is dropped. The mailbox is followed again in 5 seconds.");
            Ok(page.redirect(&head.path(""), flash))
        }
        Err(error) => Ok(again(&page, head, &account, &form, &error)),
    }
}

fn again(page: &Page, head: Head, account: &Value, form: &Form, error: &ApiError) -> Response {
    let mut ask = Ask::of(page, head, account);
    ask.notify_from = form.text("notifyFrom").to_owned();
    ask.sync_from = form.text("syncFrom").to_owned();
    ask.indexer = form.text("imapIndexer").to_owned();
    ask.faults = faults_of(error);
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    page.render_as(status, &ask)
}
