#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeSet, fs};

use super::{
    Config,
    option::Status,
    print,
    table::OPTIONS,
    values::{Inputs, Values},
};

fn inputs(folder: &tempfile::TempDir, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Inputs {
    let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    Inputs {
        flags: flags.iter().map(own).collect(),
        file: None,
        env: env.iter().map(own).collect(),
        folder: folder.path().to_owned(),
    }
}

#[test]
fn later_sources_win() {
    let folder = tempfile::tempdir().unwrap();
    let port = |env: &[(&str, &str)], flags: &[(&str, &str)]| {
        Config::load(&inputs(&folder, env, flags)).unwrap().port
    };
    assert_eq!(port(&[], &[]), 3000);
    fs::write(folder.path().join("posthouse.toml"), "[api]\nport = 1\n").unwrap();
    assert_eq!(port(&[], &[]), 1);
    fs::write(folder.path().join(".env"), "EENGINE_PORT=2\n").unwrap();
    assert_eq!(port(&[], &[]), 2);
    assert_eq!(port(&[("PORT", "3")], &[]), 3);
    assert_eq!(port(&[("PORT", "3"), ("EENGINE_PORT", "4")], &[]), 4);
    let all = [("EENGINE_PORT", "4"), ("POSTHOUSE_PORT", "5")];
    assert_eq!(port(&all, &[]), 5);
    assert_eq!(port(&all, &[("api.port", "6")]), 6);
    assert_eq!(
        port(&[("POSTHOUSE_PORT", "")], &[]),
        2,
        "empty is not given"
    );
}

#[test]
fn a_variable_may_name_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "hunter2\n").unwrap();
    let path = path.to_str().unwrap();
    let secret = |env: &[(&str, &str)]| {
        let config = Config::load(&inputs(&folder, env, &[])).unwrap();
        config.secret.map(|secret| secret.expose().to_owned())
    };
    assert_eq!(
        secret(&[("EENGINE_SECRET_FILE", path)]).as_deref(),
        Some("hunter2")
    );
    let both = [("EENGINE_SECRET_FILE", path), ("EENGINE_SECRET", "own")];
    assert_eq!(secret(&both).as_deref(), Some("own"));
    let faults = Config::load(&inputs(
        &folder,
        &[("POSTHOUSE_SECRET_FILE", "/no/such")],
        &[],
    ))
    .unwrap_err();
    assert!(faults[0].starts_with("POSTHOUSE_SECRET_FILE"), "{faults:?}");
}

#[test]
fn all_faults_come_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = "[api]\nport = 70000\nprot = 1\n[log]\nlevel = \"loud\"\n[nothing]\nat = 1\n";
    fs::write(folder.path().join("posthouse.toml"), file).unwrap();
    let env = [
        ("EENGINE_TIMEOUT", "soon"),
        ("EENGINE_SETTINGS", "{\"serviceSecret\":hunter2}"),
        ("EENGINE_API_PROXY_ADDRESSES", "10.0.0.0/8, me"),
        ("POSTHOUSE_DATABASE", "mysql://root:hunter2@x"),
    ];
    let faults = Config::load(&inputs(&folder, &env, &[("api.hots", "x")])).unwrap_err();
    let all = faults.join("\n");
    for part in [
        "api.port",
        "api.prot",
        "log.level",
        "nothing.at",
        "EENGINE_TIMEOUT",
        "EENGINE_SETTINGS",
        "EENGINE_API_PROXY_ADDRESSES",
        "store.database",
        "api.hots",
    ] {
        assert!(all.contains(part), "{part} in\n{all}");
    }
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn units_and_lists() {
    let folder = tempfile::tempdir().unwrap();
    let env = [
        ("EENGINE_TIMEOUT", "2500"),
        ("EENGINE_MAX_BODY_SIZE", "25MB"),
        ("EENGINE_REQUIRE_API_AUTH", "false"),
        ("EENGINE_API_PROXY_ADDRESSES", "10.0.0.0/8 127.0.0.1"),
        ("EENGINE_CORS_ORIGIN", "https://a.example https://b.example"),
        ("EENGINE_TOKEN_LOG_AGE", "60"),
    ];
    let config = Config::load(&inputs(&folder, &env, &[])).unwrap();
    assert_eq!(config.command_timeout.as_millis(), 2500);
    assert_eq!(config.max_body_size, 25 << 20);
    assert_eq!(config.require_api_auth, Some(false));
    assert_eq!(config.api_proxy, None);
    assert_eq!(config.proxy_addresses.unwrap().len(), 2);
    assert_eq!(config.cors_origins.len(), 2);
    assert_eq!(config.token_log_age.as_secs(), 60);
}

#[test]
fn the_printed_defaults_are_a_file_that_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let before = Config::load(&inputs(&folder, &[], &[])).unwrap();
    let text = print::default_file();
    fs::write(folder.path().join("posthouse.toml"), &text).unwrap();
    let after = Config::load(&inputs(&folder, &[], &[])).unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    for option in OPTIONS
        .iter()
        .filter(|option| option.status == Status::Used)
    {
        assert!(text.contains(option.help), "{}", option.key);
    }
}

#[test]
fn reports_mask_secrets_and_sort_out_names() {
    let folder = tempfile::tempdir().unwrap();
    let env = [
        ("EENGINE_SECRET", "hunter2"),
        ("EENGINE_SETTINGS", "{\"serviceSecret\":\"hunter2\"}"),
        ("POSTHOUSE_DATABASE", "postgres://me:hunter2@db/mail"),
        ("EENGINE_HTTP_PROXY_URL", "http://me:hunter2@proxy"),
        ("EENGINE_REDIS", "redis://me:hunter2@x"),
        ("EENGINE_SMTP_TLS_KEY", "hunter2"),
        ("EENGINE_TYPO", "hunter2"),
    ];
    let values = Values::gather(&inputs(&folder, &env, &[]));
    assert_eq!(values.faults, [""; 0]);
    let report = print::report(&values);
    assert!(!report.contains("hunter2"), "{report}");
    let (used, rest) = report.split_once("Kept, not used yet").unwrap();
    assert!(used.contains("EENGINE_SECRET") && used.contains("postgres://******:******@db/mail"));
    let (kept, rest) = rest.split_once("Ignored").unwrap();
    assert!(kept.contains("EENGINE_HTTP_PROXY_URL") && kept.contains("EENGINE_SMTP_TLS_KEY"));
    let (ignored, unknown) = rest.split_once("Not known").unwrap();
    assert!(ignored.contains("EENGINE_REDIS: there is no Redis"));
    assert!(unknown.contains("EENGINE_TYPO"));
}

#[test]
fn names_are_given_once_and_defaults_can_be_read() {
    let mut seen = BTreeSet::new();
    for option in OPTIONS {
        assert!(seen.insert(option.key), "{}", option.key);
        for name in option.env {
            assert!(seen.insert(name), "{name}");
        }
        if !option.default.is_empty() {
            option.check(option.default).unwrap();
        }
    }
}
