//! Links to the hosted form: made, opened, tried, used once.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use posthouse_app::{
    AppConfig, CreateError, Field, Link, LinkError, ServerEntry, ServerInput, Trouble, Why,
};
use posthouse_model::{AccountId, ApiError, Secret};
use posthouse_store::{Batch, accounts, hosted};
use posthouse_testkit::{Fault, Phase, SmtpSink, free_port};
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use crate::support::{Hall, ask, sqlite, sqlite_config};

both!(
    a_link_says_what_was_asked,
    links_of_others_and_of_yesterday,
    an_account_for_a_link_once,
    two_at_once_make_one_account,
    fifty_trials_a_link,
);

const SECRET: &str = "a service secret";

async fn set_up(hall: &Hall) {
    let body = json!({"serviceUrl": "https://mail.example.com", "serviceSecret": SECRET});
    hall.call("postV1Settings", ask().body(body)).await.unwrap();
}

async fn make(hall: &Hall, body: Value) -> Result<Url, ApiError> {
    let answer = hall
        .call("postV1AuthenticationForm", ask().body(body))
        .await?;
    Ok(answer["url"].as_str().unwrap().parse().unwrap())
}

fn part(url: &Url, name: &str) -> Option<String> {
    let pair = url.query_pairs().find(|(key, _)| key == name);
    pair.map(|(_, value)| value.into_owned())
}

fn said(url: &Url) -> Value {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part(url, "data").unwrap());
    serde_json::from_slice(&json.unwrap()).unwrap()
}

fn signed(data: &Value) -> (String, String) {
    let json = data.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(json.as_bytes());
    (
        BASE64_URL_SAFE_NO_PAD.encode(&json),
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()),
    )
}

async fn open(hall: &Hall, url: &Url) -> Result<Link, LinkError> {
    let (data, sig) = (part(url, "data").unwrap(), part(url, "sig").unwrap());
    hall.app.open_link(&data, &sig).await
}

async fn link(hall: &Hall, body: Value) -> Link {
    open(hall, &make(hall, body).await.unwrap()).await.unwrap()
}

fn sending(sink: &SmtpSink) -> ServerInput {
    ServerInput {
        name: "Ann".to_owned(),
        email: "ann@example.com".to_owned(),
        tz: "Europe/Tallinn".to_owned(),
        imap_disabled: true,
        smtp: ServerEntry {
            user: "ann@example.com".to_owned(),
            pass: Secret::new("right"),
            host: "127.0.0.1".to_owned(),
            port: sink.addr().port().to_string(),
            secure: false,
        },
        ..ServerInput::default()
    }
}

async fn a_link_says_what_was_asked(hall: &Hall) {
    let body = json!({
        "redirectUrl": "https://app.example.com/done", "path": ["INBOX"], "account": " ann ",
        "name": "Ann", "email": "ann@example.com", "expectedEmail": "ann@example.com",
        "delegated": true, "notifyFrom": "now", "syncFrom": "2024-01-02T03:04:05.000Z",
        "subconnections": ["Sent"], "type": "imap",
    });
    let error = make(hall, body.clone()).await.unwrap_err();
    assert_eq!(
        (error.status, error.code_str()),
        (500, Some("MissingServiceURLSetup"))
    );
    set_up(hall).await;
    let url = make(hall, body).await.unwrap();
    assert!(
        url.as_str()
            .starts_with("https://mail.example.com/accounts/new?data="),
        "{url}"
    );
    let names: Vec<_> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(names, ["data", "sig", "type"]);
    assert_eq!(part(&url, "type").as_deref(), Some("imap"));
    let said = said(&url);
    let keys: Vec<&str> = said
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "account",
            "name",
            "email",
            "expectedEmail",
            "syncFrom",
            "notifyFrom",
            "subconnections",
            "redirectUrl",
            "delegated",
            "path",
            "n",
            "t"
        ]
    );
    assert_eq!(said["account"], "ann");
    assert_eq!(said["syncFrom"], "2024-01-02T03:04:05.000Z");
    // What the secret's owner computes is what was sent.
    assert_eq!(
        signed(&said),
        (part(&url, "data").unwrap(), part(&url, "sig").unwrap())
    );
    assert_eq!(open(hall, &url).await.unwrap().account(), Some("ann"));

    // Empty values are left out, all folders need no naming, an unknown kind is passed over.
    let few = json!({"redirectUrl": "http://127.0.0.1:9/", "name": "", "path": ["A", "*"],
        "type": "AAABkPHL", "delegated": false});
    let url = make(hall, few).await.unwrap();
    let said = self::said(&url);
    let keys: Vec<&str> = said
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, ["redirectUrl", "n", "t"]);
    assert_eq!(part(&url, "type").as_deref(), Some("imap"));

    for bad in ["javascript:alert(1)", "ftp://x/", "//host/x", "x", ""] {
        let error = make(hall, json!({ "redirectUrl": bad })).await.unwrap_err();
        assert_eq!(error.status, 400, "{bad}");
        assert_eq!(error.extra["fields"][0]["key"], "redirectUrl");
    }
}

async fn links_of_others_and_of_yesterday(hall: &Hall) {
    set_up(hall).await;
    let now = hall.app.store().now().millis();
    let open = async |data: Value| {
        let (data, sig) = signed(&data);
        hall.app.open_link(&data, &sig).await.map(drop)
    };
    let nonce = "AAECAwQFBgcICQoLDA0ODw";
    let day = 24 * 3_600_000;
    assert_eq!(open(json!({"n": nonce, "t": now})).await, Ok(()));
    assert_eq!(
        open(json!({"n": nonce, "t": now - day + 65_000})).await,
        Ok(())
    );
    for data in [
        json!({"n": nonce, "t": now - day + 60_000}),
        json!({"n": nonce, "t": now + day}),
        json!({"t": now}),
        json!({"act": "open", "acc": "a", "msg": "m"}),
        json!({"n": nonce, "t": now, "redirectUrl": "javascript:alert(1)"}),
        json!({"n": nonce, "t": now, "redirectUrl": "data:text/html,x"}),
        json!({"n": nonce, "t": now, "redirectUrl": "https://"}),
    ] {
        assert_eq!(open(data.clone()).await, Err(LinkError::Expired), "{data}");
    }
    let url = make(hall, json!({"redirectUrl": "https://app.example.com/"}))
        .await
        .unwrap();
    let (data, sig) = (part(&url, "data").unwrap(), part(&url, "sig").unwrap());
    let other = signed(&json!({"n": nonce, "t": now}));
    for (data, sig) in [
        (other.0.as_str(), sig.as_str()),
        (data.as_str(), other.1.as_str()),
        (data.as_str(), ""),
        ("", sig.as_str()),
        ("", ""),
    ] {
        let error = hall.app.open_link(data, sig).await.unwrap_err();
        let error = ApiError::from(error);
        assert_eq!(
            (error.status, error.message.as_str()),
            (403, "Signature validation failed")
        );
    }
    // A new secret ends every link.
    let body = json!({"serviceSecret": "another"});
    hall.call("postV1Settings", ask().body(body)).await.unwrap();
    assert_eq!(
        hall.app.open_link(&data, &sig).await,
        Err(LinkError::Signature)
    );
}

async fn an_account_for_a_link_once(hall: &Hall) {
    set_up(hall).await;
    let sink = SmtpSink::start().await;
    sink.require_secret("right");
    let body = json!({
        "redirectUrl": "https://app.example.com/done?x=1", "account": "ann", "path": ["INBOX"],
        "expectedEmail": "ANN@example.com", "syncFrom": "2024-01-02T03:04:05.000Z",
        "subconnections": ["Sent"], "notifyFrom": "2024-02-03T00:00:00.000Z",
    });
    let url = make(hall, body.clone()).await.unwrap();
    let link = open(hall, &url).await.unwrap();

    // What cannot be used is named, and what does not work is told; the link stays good.
    let mut wrong = sending(&sink);
    "bob@example.com".clone_into(&mut wrong.email);
    "0".clone_into(&mut wrong.smtp.port);
    let CreateError::Input(faults) = hall.app.create_from_link(&link, &wrong).await.unwrap_err()
    else {
        panic!("the input is wrong")
    };
    let faults: Vec<_> = faults
        .iter()
        .map(|fault| (fault.field, fault.why))
        .collect();
    assert_eq!(
        faults,
        [
            (Field::Email, Why::OtherAddress),
            (Field::SmtpPort, Why::Invalid)
        ]
    );
    let mut wrong = sending(&sink);
    wrong.smtp.pass = Secret::new("wrong");
    let CreateError::Trial(trial) = hall.app.create_from_link(&link, &wrong).await.unwrap_err()
    else {
        panic!("the password is wrong")
    };
    assert_eq!(trial.smtp.trouble, Some(Trouble::Credentials));
    assert_eq!(trial.imap, None);
    assert!(open(hall, &url).await.is_ok());

    let made = hall
        .app
        .create_from_link(&link, &sending(&sink))
        .await
        .unwrap();
    assert_eq!((made.account.as_str(), made.state), ("ann", "new"));
    assert_eq!(
        made.target,
        "https://app.example.com/done?x=1&account=ann&state=new"
    );
    let stored = accounts::get(hall.app.store(), &AccountId::new("ann"))
        .await
        .unwrap()
        .unwrap();
    let config = serde_json::to_value(&stored.account.config).unwrap();
    for (key, value) in [
        ("name", json!("Ann")),
        ("email", json!("ann@example.com")),
        ("expectedEmail", json!("ANN@example.com")),
        ("path", json!("INBOX")),
        ("subconnections", json!(["Sent"])),
        ("syncFrom", json!("2024-01-02T03:04:05.000Z")),
        ("notifyFrom", json!("2024-02-03T00:00:00.000Z")),
        ("tz", json!("Europe/Tallinn")),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    assert_eq!(config["smtp"]["auth"]["pass"], "right");

    // Used: it does not open, and one opened before makes nothing.
    assert_eq!(open(hall, &url).await, Err(LinkError::Expired));
    assert_eq!(
        hall.app.create_from_link(&link, &sending(&sink)).await,
        Err(CreateError::Link(LinkError::Expired))
    );
    // Its use is remembered as long as it would be valid.
    let nonce = said(&url)["n"].as_str().unwrap().to_owned();
    let now = hall.app.store().now();
    for (hours, used) in [(23, true), (25, false)] {
        let mut batch = Batch::new();
        hosted::sweep(&mut batch, now.after(Duration::from_secs(hours * 3600)));
        hall.app.store().commit(batch).await.unwrap();
        let known = hosted::is_used(hall.app.store(), &nonce).await.unwrap();
        assert_eq!(known, used, "{hours} h");
    }
    // Another link for the same account changes it.
    let link = self::link(hall, body).await;
    let made = hall
        .app
        .create_from_link(&link, &sending(&sink))
        .await
        .unwrap();
    assert_eq!(made.state, "existing");
    assert!(made.target.ends_with("&account=ann&state=existing"));
    // A link without an id makes one.
    let link = self::link(hall, json!({"redirectUrl": "https://app.example.com/"})).await;
    let made = hall
        .app
        .create_from_link(&link, &sending(&sink))
        .await
        .unwrap();
    assert_eq!(made.account.as_str().len(), 16);
    // A link of an older program may name no target.
    let now = hall.app.store().now().millis();
    let (data, sig) = signed(&json!({"account": "b/c", "n": "BAECAwQFBgcICQoLDA0ODw", "t": now}));
    let link = hall.app.open_link(&data, &sig).await.unwrap();
    let made = hall
        .app
        .create_from_link(&link, &sending(&sink))
        .await
        .unwrap();
    assert_eq!(made.target, "/admin/accounts/b%2Fc");
}

async fn two_at_once_make_one_account(hall: &Hall) {
    set_up(hall).await;
    let sink = SmtpSink::start().await;
    for body in [
        json!({"redirectUrl": "https://app.example.com/"}),
        json!({"redirectUrl": "https://app.example.com/", "account": "same"}),
    ] {
        let before = count(hall).await;
        let link = link(hall, body).await;
        let input = sending(&sink);
        let tries = (0..6).map(|_| hall.app.create_from_link(&link, &input));
        let results = futures_util::future::join_all(tries).await;
        let made = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(made, 1, "{results:?}");
        for result in results {
            assert!(
                matches!(result, Ok(_) | Err(CreateError::Link(LinkError::Expired))),
                "{result:?}"
            );
        }
        assert_eq!(count(hall).await, before + 1);
    }
}

async fn count(hall: &Hall) -> u64 {
    let accounts = hall.call("getV1Accounts", ask()).await.unwrap();
    accounts["total"].as_u64().unwrap()
}

async fn fifty_trials_a_link(hall: &Hall) {
    set_up(hall).await;
    let link = link(hall, json!({"redirectUrl": "https://app.example.com/"})).await;
    let mut input = ServerInput {
        imap_disabled: true,
        ..ServerInput::default()
    };
    input.smtp = ServerEntry {
        user: "ann".to_owned(),
        pass: Secret::new("x"),
        host: "127.0.0.1".to_owned(),
        port: free_port().to_string(),
        secure: false,
    };
    let form = input.check_servers(&link).unwrap();
    for _ in 0..50 {
        let trial = hall.app.try_servers(&link, &form).await.unwrap();
        assert_eq!(trial.smtp.trouble, Some(Trouble::Unreachable));
        assert_eq!(trial.smtp.response, None);
    }
    let error = hall.app.try_servers(&link, &form).await.unwrap_err();
    assert_eq!(error.status, 429);
    assert!(error.extra["ttl"].as_u64().unwrap() > 80_000);
    // Making the account tries too.
    "ann@example.com".clone_into(&mut input.email);
    let CreateError::Failed(error) = hall.app.create_from_link(&link, &input).await.unwrap_err()
    else {
        panic!("too many trials")
    };
    assert_eq!(error.status, 429);
    // Another link has trials of its own.
    let link = self::link(hall, json!({"redirectUrl": "https://app.example.com/"})).await;
    hall.app.try_servers(&link, &form).await.unwrap();
}

#[tokio::test]
async fn what_a_server_says_is_not_passed_on_unless_it_refuses_a_login() {
    let hall = sqlite().await;
    set_up(&hall).await;
    let link = link(&hall, json!({"redirectUrl": "https://app.example.com/"})).await;
    let sink = SmtpSink::start().await;
    sink.require_secret("right");
    let mut input = sending(&sink);
    input.smtp.pass = Secret::new("wrong");
    let form = input.check_servers(&link).unwrap();
    let trial = hall.app.try_servers(&link, &form).await.unwrap();
    assert_eq!(trial.smtp.trouble, Some(Trouble::Credentials));
    assert!(trial.smtp.response.is_some());
    sink.fail(
        Phase::Connect,
        Fault::Reply(554, "inner host 10.0.0.7".to_owned()),
    );
    let trial = hall.app.try_servers(&link, &form).await.unwrap();
    assert_eq!(trial.smtp.trouble, Some(Trouble::Protocol));
    assert_eq!(trial.smtp.response, None);
    assert!(!format!("{trial:?}").contains("10.0.0.7"));
}

#[tokio::test]
async fn a_visitor_cannot_tell_what_there_is_in_our_network() {
    let (store, folder) = sqlite_config();
    let mut config = AppConfig::default();
    config.engine.connect_timeout = Duration::from_millis(400);
    let hall = Hall::with(store, folder, config).await;
    set_up(&hall).await;
    let link = link(&hall, json!({"redirectUrl": "https://app.example.com/"})).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = silent.local_addr().unwrap().port();
    let mut outcomes = Vec::new();
    for (host, port) in [
        ("127.0.0.1", free_port()),
        ("127.0.0.1", silent),
        ("169.254.169.254", 80),
        ("::ffff:169.254.169.254", 25),
        ("100.100.100.200", 25),
    ] {
        let server = ServerEntry {
            user: "ann".to_owned(),
            pass: Secret::new("x"),
            host: host.to_owned(),
            port: port.to_string(),
            secure: false,
        };
        let input = ServerInput {
            imap: server.clone(),
            smtp: server,
            ..ServerInput::default()
        };
        let form = input.check_servers(&link).unwrap();
        let trial = hall.app.try_servers(&link, &form).await.unwrap();
        outcomes.extend([trial.imap.unwrap(), trial.smtp]);
    }
    let first = &outcomes[0];
    assert_eq!(first.trouble, Some(Trouble::Unreachable));
    assert!(
        outcomes.iter().all(|outcome| outcome == first),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn forms_of_one_address_are_counted() {
    let hall = sqlite().await;
    let address = "192.0.2.1".parse().unwrap();
    let mut refused = 0;
    // The window may turn once while we count.
    for _ in 0..122 {
        refused += u32::from(hall.app.admit_visitor(address).await.is_err());
    }
    assert!(refused > 0);
    assert!(
        hall.app
            .admit_visitor("192.0.2.2".parse().unwrap())
            .await
            .is_ok()
    );
}
