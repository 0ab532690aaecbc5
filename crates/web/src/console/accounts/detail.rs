//! One account: what is wrong and what to do, details, history, counters, where its webhooks go.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse, Redirect, Response},
};
use posthouse_app::{Advice, Transition, WebhookRouting};
use posthouse_model::Timestamp;
use serde_json::Value;

use super::{Head, find, words};
use crate::{
    fail::Failure,
    page::{Frame, Page, Room},
};

/// Transitions shown.
const HISTORY: u32 = 25;

/// A line of the details.
struct Line {
    label: &'static str,
    value: String,
}

/// A server of the account.
struct Server {
    protocol: &'static str,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "accounts/detail.html")]
struct Detail {
    frame: Frame,
    head: Head,
    place: &'static str,
    advice: Vec<Advice>,
    lines: Vec<Line>,
    servers: Vec<Server>,
    counters: Vec<(String, u64)>,
    history: Vec<Transition>,
    routing: WebhookRouting,
    logs: bool,
    now: Timestamp,
}

pub(super) async fn show(page: Page, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, account) = match find(&page, &id).await {
        // Addresses that look as if they added an account.
        Err(Failure(error)) if error.status == 404 && (id == "new" || id == "add") => {
            return Ok(Redirect::to("/admin/add-account").into_response());
        }
        found => found?,
    };
    let (advice, history, routing) = tokio::try_join!(
        page.app.account_advice(&head.id),
        page.app.account_history(&head.id, HISTORY),
        page.app.webhook_routing(&head.id),
    )?;
    let mut servers = Vec::new();
    for (key, protocol) in [("imap", "IMAP"), ("smtp", "SMTP")] {
        if account[key].is_object() {
            servers.push(server(&account[key], protocol));
        }
    }
    let events = account["counters"]["events"].as_object();
    let counters = events.into_iter().flatten();
    let counters = counters.map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0)));
    let frame = page
        .frame(head.title.clone(), Room::Accounts)
        .with_scripts(&["accounts.js"])
        .with_styles(&["accounts.css"]);
    Ok(page.render(&Detail {
        frame,
        place: "overview",
        advice,
        lines: lines(&account),
        servers,
        counters: counters.collect(),
        history,
        routing,
        logs: account["logs"] == true,
        now: page.now(),
        head,
    }))
}

fn lines(account: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |label, value: String| {
        if !value.is_empty() {
            lines.push(Line { label, value });
        }
    };
    let text = |key: &str| account[key].as_str().unwrap_or_default().to_owned();
    add("Id", text("account"));
    add("Address", text("email"));
    let kind = match text("type").as_str() {
        "imap" if !account["smtp"].is_object() => "IMAP, without sending".to_owned(),
        kind => words::kind(kind).to_owned(),
    };
    add("Type", kind);
    add(
        "Connections open",
        account["connections"].as_u64().unwrap_or(0).to_string(),
    );
    add(
        "Folders followed",
        match list(&account["path"]) {
            all if all.is_empty() || all == "*" => "All".to_owned(),
            some => some,
        },
    );
    add("Own connections", list(&account["subconnections"]));
    add("New messages from", moment(&text("notifyFrom")));
    add("Messages from", moment(&text("syncFrom")));
    add("Indexer", text("imapIndexer"));
    add(
        "Copies in Sent",
        match &account["copy"] {
            Value::Bool(true) => "Always".to_owned(),
            Value::Bool(false) => "Never".to_owned(),
            _ => "As the provider needs it".to_owned(),
        },
    );
    add("Proxy", text("proxy"));
    add("EHLO name", text("smtpEhloName"));
    add(
        "Most messages sent",
        match account["sendRate"].as_u64() {
            Some(0) => "Without bound".to_owned(),
            Some(rate) => format!("{rate} in the time that is set for all"),
            None => String::new(),
        },
    );
    add("Language", text("locale"));
    add("Time zone", text("tz"));
    lines
}

/// A time as people read it, to the minute: the API's is ISO 8601 in UTC.
fn moment(time: &str) -> String {
    match (time.get(..10), time.get(11..16)) {
        (Some(day), Some(clock)) => format!("{day} {clock} UTC"),
        _ => time.to_owned(),
    }
}

fn list(value: &Value) -> String {
    match value {
        Value::String(one) => one.clone(),
        Value::Array(many) => {
            let words: Vec<_> = many.iter().filter_map(Value::as_str).collect();
            words.join(", ")
        }
        _ => String::new(),
    }
}

fn server(server: &Value, protocol: &'static str) -> Server {
    let mut lines = Vec::new();
    let mut add = |label, value: String| {
        if !value.is_empty() {
            lines.push(Line { label, value });
        }
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let port = server["port"].as_u64();
    let port = port.map_or_else(String::new, |port| format!(", port {port}"));
    add("Host", format!("{}{port}", text(&server["host"])));
    let security = if server["secure"] == true {
        "TLS"
    } else {
        "STARTTLS where offered"
    };
    add("Encryption", security.to_owned());
    if server["tls"]["rejectUnauthorized"] == false {
        add("Certificate", "Not checked".to_owned());
    }
    add("User", text(&server["auth"]["user"]));
    let secret = |key: &str| server["auth"][key].is_string();
    if secret("accessToken") {
        add("Access token", "Set".to_owned());
    } else {
        let set = if secret("pass") { "Set" } else { "None" };
        add("Password", set.to_owned());
    }
    if server["disabled"] == true {
        add("Switched off", "Yes".to_owned());
    }
    for (key, label) in [
        ("sentMailPath", "Sent folder"),
        ("draftsMailPath", "Drafts folder"),
        ("junkMailPath", "Junk folder"),
        ("trashMailPath", "Trash folder"),
        ("archiveMailPath", "Archive folder"),
    ] {
        add(label, text(&server[key]));
    }
    Server { protocol, lines }
}
