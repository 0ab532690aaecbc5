//! Messages that Posthouse builds, read by a parser that is not ours: Python's `email`.

use std::process::Stdio;

use posthouse_testkit::{Server, SmtpSink, unique_user};

use crate::{BINARY, account, with_smtp};

/// Messages of one run.
const COUNT: u32 = 500;

#[tokio::test]
async fn what_comes_out_is_what_went_in() {
    let seed: u32 = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 7,
    };
    let sink = SmtpSink::start().await;
    let mut server = Server::start(BINARY).await;
    let client = server.client().await;
    let user = unique_user();
    // Nothing is sent, nothing is read.
    let mut body = with_smtp(account(&user), &sink);
    body.as_object_mut().map(|map| map.remove("imap"));
    client.post("/v1/account", &body).await.ok();
    let token = server.issue_token("api", None).await;
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/tools/mail_property.py"
    );
    let output = tokio::process::Command::new("python3")
        .args([script, &client.base_url(), &token, &user])
        .args([seed.to_string(), COUNT.to_string()])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}\n{failed}");
    assert_eq!(told.trim(), format!("{COUNT} messages, seed {seed}"));
}
