//! The protocol log of an account.

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Query},
    http::{HeaderValue, header},
    response::Response,
};
use posthouse_app::{LogLine, ReplyBody};
use posthouse_model::ApiError;
use serde::Deserialize;
use serde_json::json;

use super::{Head, find, path, words};
use crate::{
    fail::Failure,
    flash::Flash,
    form::Form,
    page::{Frame, Input, Page, Room},
};

/// Lines shown unless more are asked for, and at most.
const LINES: u32 = 200;
const MOST: u32 = 2000;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    lines: String,
}

#[derive(Template)]
#[template(path = "accounts/log.html")]
struct Log {
    frame: Frame,
    head: Head,
    place: &'static str,
    /// The account's own switch.
    on: bool,
    /// The logs of all accounts are kept.
    all: bool,
    lines: Vec<LogLine>,
    more: Option<u32>,
    kept: u64,
}

pub(super) async fn show(
    page: Page,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let (head, account) = find(&page, &id).await?;
    let wanted = asked.lines.parse().unwrap_or(LINES).clamp(1, MOST);
    let lines = page.app.account_log_tail(&head.id, wanted).await?;
    let setting = page.app.settings().value("logs");
    let full = u32::try_from(lines.len()).is_ok_and(|count| count >= wanted);
    let frame = page
        .frame(format!("Protocol log of {}", head.title), Room::Accounts)
        .with_scripts(&["accounts.js"])
        .with_styles(&["accounts.css"]);
    Ok(page.render(&Log {
        frame,
        head,
        place: "log",
        on: account["logs"] == true,
        all: setting["all"] == true,
        more: Some(MOST).filter(|most| full && wanted < *most),
        lines,
        kept: setting["maxLogLines"].as_u64().unwrap_or(10_000),
    }))
}

pub(super) async fn switch(
    page: Page,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let on = form.is("on");
    let input = Input {
        path: &[("account", &id)],
        body: Some(json!({ "logs": on })),
        ..Input::default()
    };
    page.call("putV1AccountAccount", input).await?;
    let text = if on {
        "The protocol log is on. Reconnect to see a login from its beginning."
    } else {
        "The protocol log is off. What was written stays until it is cleared."
    };
    Ok(page.redirect(&path(&id, "/log"), Flash::ok(text)))
}

pub(super) async fn clear(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, _) = find(&page, &id).await?;
    page.app.clear_account_log(&head.id).await?;
    Ok(page.redirect(&head.path("/log"), Flash::ok("The protocol log is empty.")))
}

pub(super) async fn download(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let input = Input {
        path: &[("account", &id)],
        ..Input::default()
    };
    let body = match page.reply("getV1LogsAccount", input).await?.body {
        ReplyBody::Text { text, .. } => Body::from(text),
        ReplyBody::Download(body) => Body::from_stream(body.stream),
        _ => return Err(ApiError::internal().into()),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    // Ids are any text; in the name of a file only what every system takes.
    let name: String = id
        .chars()
        .map(|char| {
            if char.is_ascii_alphanumeric() || "-_.@".contains(char) {
                char
            } else {
                '_'
            }
        })
        .collect();
    let disposition = format!("attachment; filename=\"logs.{name}.txt\"");
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Who said a line.
fn speaker(line: &LogLine) -> (&'static str, &'static str) {
    match line.source.as_str() {
        "c" => ("client", "Posthouse"),
        "s" => ("server", "Server"),
        _ => ("note", "Note"),
    }
}
