//! The product from outside: the real binary, a real IMAP server, sinks for mail and webhooks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod attachments;
mod bounces;
mod bystanders;
mod cli;
mod console;
mod corpus;
mod delivery_test;
mod drafts;
mod events;
mod faults;
mod fleet;
mod floors;
mod golden;
mod independent;
mod keys;
mod model;
mod moves;
mod network;
mod operations;
mod outbox;
mod pair;
mod pausing;
mod postfix;
mod postgres;
mod process;
mod quoting;
mod reading;
mod round_trip;
mod routes;
mod senders;
mod sending;
mod servers;
mod submits;
mod webhooks;

use std::time::Duration;

use posthouse_testkit::{HookSink, Server, SmtpSink, imap_addr};
use serde_json::{Value, json};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_posthouse");
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The body that registers a mailbox of the test's own.
fn account(user: &str) -> Value {
    let imap = imap_addr();
    json!({
        "account": user, "name": "Test", "email": format!("{user}@example.com"),
        "imap": { "host": imap.ip().to_string(), "port": imap.port(), "secure": false,
                  "auth": { "user": user, "pass": "pass" } },
    })
}

/// The same with a server for outgoing mail.
fn with_smtp(mut account: Value, sink: &SmtpSink) -> Value {
    let smtp = sink.addr();
    account["smtp"] = json!({
        "host": smtp.ip().to_string(), "port": smtp.port(), "secure": false,
        "auth": { "user": "u", "pass": "p" },
    });
    account
}

/// Sends every webhook of the server to the sink.
async fn webhooks_to(server: &mut Server, hooks: &HookSink) {
    let settings = json!({
        "webhooksEnabled": true, "webhooks": hooks.url("/hook"), "webhookEvents": ["*"],
    });
    server
        .client()
        .await
        .post("/v1/settings", &settings)
        .await
        .ok();
}
