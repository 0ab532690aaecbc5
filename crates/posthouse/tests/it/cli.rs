//! The command line: help, configuration, tokens beside a running server.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use posthouse_testkit::{Server, eventually};
use serde_json::{Value, json};

use crate::BINARY;

/// Runs the binary in a folder, with these variables and no others of its kind.
fn run(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(BINARY)
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_script_worker_is_hidden_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(folder.path(), &["--help"], &[]);
    assert!(!stdout(&help).contains("script-worker"));
    let output = run(folder.path(), &["script-worker"], &[]);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn help_teaches() {
    let folder = tempfile::tempdir().unwrap();
    for (args, parts) in [
        (
            &["--help"][..],
            &[
                "posthouse serve",
                "tokens issue",
                "EENGINE_*",
                "Exit status",
                "--data-dir",
            ][..],
        ),
        (&["help", "serve"], &["SIGTERM", "--port", "key file"]),
        (
            &["help", "tokens"],
            &["issue", "revoke", "while the server runs"],
        ),
        (
            &["tokens", "issue", "--help"],
            &["--expires", "imap-proxy", "TOKEN=$("],
        ),
        (&["config", "--help"], &["default", "check"]),
    ] {
        let output = run(folder.path(), args, &[]);
        assert!(output.status.success(), "{args:?}");
        for part in parts {
            assert!(
                stdout(&output).contains(part),
                "{part:?} in the help of {args:?}:\n{}",
                stdout(&output)
            );
        }
    }
    for args in [&["version"][..], &["--version"], &["-v"]] {
        let output = run(folder.path(), args, &[]);
        assert!(output.status.success());
        let expected = format!(
            "Posthouse v{} (MIT OR Apache-2.0)\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(stdout(&output), expected, "{args:?}");
    }
    let wrong = run(folder.path(), &["sevre"], &[]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        stderr(&wrong).contains("serve"),
        "no suggestion: {}",
        stderr(&wrong)
    );
    assert!(
        !folder.path().join("data").exists(),
        "asking for help leaves nothing behind"
    );
}

#[test]
fn configuration_has_an_order_and_the_printed_defaults_pass_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let port = |args: &[&str], env: &[(&str, &str)]| {
        let output = run(at, &[args, &["config", "check"]].concat(), env);
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stdout(&output);
        let line = text.lines().find(|line| line.contains("api.port")).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(port(&[], &[]), "3000");
    let defaults = run(at, &["config", "default"], &[]);
    let file = at.join("posthouse.toml");
    std::fs::write(&file, stdout(&defaults)).unwrap();
    assert_eq!(port(&[], &[]), "3000");
    std::fs::write(&file, "[api]\nport = 3001\n").unwrap();
    assert_eq!(port(&[], &[]), "3001");
    std::fs::write(at.join(".env"), "EENGINE_PORT=3002").unwrap();
    assert_eq!(port(&[], &[]), "3002");
    std::fs::write(at.join("port"), "3003\n").unwrap();
    assert_eq!(port(&[], &[("EENGINE_PORT_FILE", "port")]), "3003");
    assert_eq!(
        port(
            &[],
            &[("EENGINE_PORT_FILE", "port"), ("POSTHOUSE_PORT", "3004")]
        ),
        "3004"
    );
    assert_eq!(
        port(&["--port", "3005"], &[("POSTHOUSE_PORT", "3004")]),
        "3005"
    );
    assert_eq!(port(&["--api.port=3006"], &[]), "3006");
    std::fs::write(at.join("other.toml"), "[api]\nport = 3007\n").unwrap();
    std::fs::remove_file(at.join(".env")).unwrap();
    assert_eq!(port(&["--config", "other.toml"], &[]), "3007");
}

#[test]
fn a_wrong_configuration_is_refused_whole_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let env = [
        ("EENGINE_PORT", "many"),
        ("EENGINE_TIMEOUT", "soon"),
        ("EENGINE_SECRET", "hunter2"),
        ("EENGINE_SETTINGS", "{hunter2"),
        ("EENGINE_REDIS", "redis://u:hunter2@x"),
    ];
    for args in [&["config", "check"][..], &["serve"], &["tokens", "list"]] {
        let output = run(folder.path(), args, &env);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let text = stderr(&output);
        for name in ["EENGINE_PORT", "EENGINE_TIMEOUT", "EENGINE_SETTINGS"] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!(text + &stdout(&output)).contains("hunter2"), "{args:?}");
    }
    assert!(!folder.path().join("data").exists());
}

#[test]
fn what_cannot_be_served_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (env, part) in [
        (("EENGINE_API_TLS", "true"), "TLS"),
        (("EENGINE_PREPARED_TOKEN", "nonsense"), "prepared token"),
        (
            ("EENGINE_SETTINGS", "{\"webhooksEnabled\":\"maybe\"}"),
            "webhooksEnabled",
        ),
        (
            ("POSTHOUSE_DATABASE", "postgres://u:hunter2@127.0.0.1:1/x"),
            "secret",
        ),
    ] {
        let output = run(folder.path(), &["serve", "--port", "0"], &[env]);
        assert_eq!(output.status.code(), Some(1), "{env:?}");
        let text = stderr(&output);
        assert!(text.contains(part), "{part:?} in {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn tokens_are_managed_beside_a_running_server() {
    let mut server = Server::start(BINARY).await;
    let token = server
        .command(&[
            "tokens",
            "issue",
            "-d",
            "shop",
            "-s",
            "api",
            "--expires",
            "1h",
        ])
        .await;
    assert_eq!(
        token.len(),
        64,
        "the token alone, without a newline: {token:?}"
    );
    let client = server.anonymous().with_token(&token);
    assert_eq!(client.get("/v1/stats").await.status, 200);
    assert_eq!(client.get("/metrics").await.status, 403);

    let list: Value =
        serde_json::from_str(&server.command(&["tokens", "list", "--json"]).await).unwrap();
    let record = list
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["token"])
        .find(|record| record["description"] == "shop")
        .unwrap();
    assert_eq!(record["scopes"], json!(["api"]));
    assert!(record["expires"].is_string());
    assert!(!list.to_string().contains(&token));
    let table = server.command(&["tokens", "list"]).await;
    assert!(table.contains("shop") && !table.contains(&token));

    let exported = server.command(&["tokens", "export", "-t", &token]).await;
    assert!(!exported.ends_with('\n') && !exported.contains(&token));
    assert_eq!(server.command(&["tokens", "revoke", &token]).await, "");
    eventually("the revocation holds", Duration::from_secs(1), || async {
        (client.get("/v1/stats").await.status == 401).then_some(())
    })
    .await;
    server.command(&["tokens", "import", "-t", &exported]).await;
    eventually(
        "the imported token works",
        Duration::from_secs(6),
        || async { (client.get("/v1/stats").await.status == 200).then_some(()) },
    )
    .await;

    let data = server.data_dir();
    let command = |args: &[&str]| {
        let place = ["--data-dir", data.to_str().unwrap()];
        run(&data, &[args, &place].concat(), &[])
    };
    for (args, part) in [
        (&["tokens", "issue", "-s", "nothing"][..], "not a scope"),
        (&["tokens", "issue", "--expires", "soon"], "--expires"),
        (&["tokens", "issue", "--expires", "2001-01-01"], "future"),
        (&["tokens", "revoke", "nothing"], "no such token"),
        (&["tokens", "import", "-t", "nothing"], "cannot be read"),
    ] {
        let output = command(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{args:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_prepared_token_opens_a_fresh_store() {
    let mut first = Server::start(BINARY).await;
    let token = first.issue_token("api", None).await;
    let exported = first.command(&["tokens", "export", &token]).await;
    let second = Server::builder(BINARY)
        .env("EENGINE_PREPARED_TOKEN", &exported)
        .env(
            "EENGINE_SETTINGS",
            "{\"serviceUrl\":\"https://mail.example.com\"}",
        )
        .start()
        .await;
    let client = second.anonymous().with_token(&token);
    let settings = client.get("/v1/settings?serviceUrl=true").await;
    assert_eq!(settings.json()["serviceUrl"], "https://mail.example.com");
    assert!(
        !second.log().contains("First access token"),
        "one token was prepared already"
    );
    first.stop().await;
}
