//! The numbers of the dashboard, the newest events, the change stream, trying a webhook target.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use posthouse_app::{
    EventStream, Place, Range, ReplyBody, Severity, StillAdmitted, WebhookTest,
    commands::IssueToken,
};
use posthouse_model::{
    AccountId, AccountState, Caller, EventType, Permissions, Secret, Timestamp,
    account::{AccountConfig, AccountStatus, CustomHeader},
    caller::Identity,
    token::{TokenRecord, TokenValue},
};
use posthouse_store::{Batch, accounts, settings, stats, tokens};
use posthouse_testkit::{HookReply, HookSink, eventually};
use serde_json::{Value, json};

use crate::support::{Hall, ask};

const LIMIT: Duration = Duration::from_secs(10);

both!(
    the_numbers,
    ten_thousand_of_each,
    what_is_wrong_with_a_target_ends_with_it,
    the_newest_events,
    changes_are_told,
    a_stream_ends_with_its_token,
    streams_are_bounded_and_end_with_the_server,
    a_trial_is_a_real_delivery,
    a_trial_says_what_went_wrong,
    trials_are_rationed
);

async fn the_numbers(hall: &Hall) {
    let now = hall.app.store().now();
    let mut batch = Batch::new();
    stats::add(&mut batch, "events:messageNew", now, 3);
    let earlier = now.before(Duration::from_secs(2 * 3600));
    stats::add(&mut batch, "events:messageNew", earlier, 4);
    hall.app.store().commit(batch).await.unwrap();
    hall.connected_account("ann").await;
    hall.sending_account("bob").await;
    hall.token(IssueToken::default()).await;
    let hour = eventually("the account's state", LIMIT, || async {
        let hour = hall.app.dashboard(Range::Hour).await.unwrap();
        (hour.in_state(AccountState::Connected) == 1).then_some(hour)
    })
    .await;
    assert_eq!(hour.account_total(), 2);
    assert_eq!(hour.in_state(AccountState::Unset), 1);
    assert_eq!(hour.tokens.total, 1);
    assert_eq!(hour.series.total("events:messageNew"), 3);
    assert_eq!(hour.series.of("events:messageNew").len(), 60);
    assert!(hour.versions.database_version.starts_with(char::is_numeric));
    assert!(hour.health.memory.unwrap().resident > 1 << 20);
    assert!(hour.health.database_bytes > 4096);
    for range in [Range::Day, Range::Week] {
        let later = hall.app.dashboard(range).await.unwrap();
        assert_eq!(later.series.total("events:messageNew"), 7);
        assert_eq!(later.series.of("events:messageNew").len(), range.points());
    }
    let places: Vec<_> = hour
        .attention
        .iter()
        .map(|finding| finding.place.as_ref())
        .collect();
    assert!(places.contains(&Some(&Place::Webhooks)), "{places:?}");
}

async fn ten_thousand_of_each(hall: &Hall) {
    let store = hall.app.store();
    let config = AccountConfig {
        name: "A name of ordinary length".to_owned(),
        email: Some("somebody@example.com".to_owned()),
        ..AccountConfig::default()
    };
    // Small batches: a commit has a deadline, and other tests write beside it.
    for page in 0..200 {
        let mut batch = Batch::new();
        for number in 0..50 {
            let id = AccountId::new(&format!("account-{page}-{number}"));
            let state = AccountState::ALL[number % AccountState::ALL.len()];
            let status = AccountStatus::default();
            accounts::insert(store, &mut batch, &id, &config, &status, state, None).unwrap();
            let record = TokenRecord {
                id: TokenValue::generate().unwrap().id(),
                created: Timestamp(1_000),
                expires: (number == 0).then(|| store.now().after(Duration::from_secs(3600))),
                account: None,
                ip: None,
                remote_address: None,
                scopes: Some(vec!["*".to_owned()]),
                description: Some("A token of the tests".to_owned()),
                restrictions: None,
                permissions: Permissions::Unrestricted,
                metadata: None,
            };
            tokens::put(&mut batch, &record).unwrap();
        }
        store.commit(batch).await.unwrap();
    }
    let mut times = Vec::new();
    for range in Range::ALL {
        // Longer than numbers are shared.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let began = Instant::now();
        let dashboard = hall.app.dashboard(range).await.unwrap();
        times.push(began.elapsed());
        assert_eq!(dashboard.account_total(), 10_000);
        assert_eq!(dashboard.tokens.total, 10_000);
        assert_eq!(dashboard.tokens.expiring, 200);
    }
    println!("{:?}: dashboards took {times:?}", store.dialect());
    times.sort();
    // Generous: other tests run beside it, and nothing is optimised.
    assert!(times[0] < Duration::from_millis(100), "{times:?}");
}

async fn what_is_wrong_with_a_target_ends_with_it(hall: &Hall) {
    let store = hall.app.store();
    let ann = AccountId::new("ann");
    hall.sending_account("ann").await;
    let flag = json!({ "event": "messageNew", "message": "500", "url": "http://old.example/" });
    let mut batch = Batch::new();
    accounts::set_webhook_error(&mut batch, &ann, Some(&flag)).unwrap();
    settings::set(store, &mut batch, "webhookErrorFlag", &flag, true).unwrap();
    store.commit(batch).await.unwrap();
    let target = async |url: &str| {
        let webhooks = json!({ "webhooksEnabled": true, "webhooks": url });
        let set = hall.call("postV1Settings", ask().body(webhooks));
        set.await.unwrap();
    };
    // Numbers are shared for a second.
    let problems = async |expected: &[Place]| {
        let found = async || {
            let dashboard = hall.app.dashboard(Range::Hour).await.unwrap();
            let problems = dashboard.attention.into_iter();
            let problems = problems.filter(|finding| finding.severity == Severity::Problem);
            problems.filter_map(|finding| finding.place).collect()
        };
        let mut places: Vec<Place> = found().await;
        for _ in 0..100 {
            if places == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            places = found().await;
        }
        assert_eq!(places, expected);
    };
    let failing = [Place::Webhooks, Place::Account(ann.clone())];
    target("http://old.example/").await;
    problems(&failing).await;
    target("http://new.example/").await;
    problems(&failing[1..]).await;
    let own = ask()
        .path("account", "ann")
        .body(json!({ "webhooks": "http://own.example/" }));
    hall.call("putV1AccountAccount", own).await.unwrap();
    problems(&[]).await;
}

async fn hooks(hall: &Hall, sink: &HookSink) {
    hall.call(
        "postV1Settings",
        ask().body(json!({
            "webhooksEnabled": true, "webhooks": sink.url("/all"), "webhookEvents": ["*"],
            "serviceSecret": "a secret of the tests",
            "webhooksCustomHeaders": [{ "key": "X-Key", "value": "hunter2" }],
        })),
    )
    .await
    .unwrap();
}

async fn the_newest_events(hall: &Hall) {
    let sink = HookSink::start().await;
    hooks(hall, &sink).await;
    assert_eq!(hall.app.recent_events(5).await.unwrap(), []);
    hall.connected_account("ann").await;
    sink.wait_for_event("ann", "accountInitialized", LIMIT)
        .await;
    sink.reply(HookReply::status(500));
    hall.sending_account("bob").await;
    let recent = eventually("a failed delivery", LIMIT, || async {
        let recent = hall.app.recent_events(50).await.unwrap();
        let tried = recent.iter().any(|event| {
            event
                .deliveries
                .iter()
                .any(|delivery| delivery.attempts > 0)
        });
        tried.then_some(recent)
    })
    .await;
    let newest = &recent[0];
    assert_eq!(newest.event, EventType::AccountAdded);
    assert_eq!(newest.account.as_str(), "bob");
    assert!(newest.excerpt.starts_with("{\"serviceUrl\""));
    let delivery = &newest.deliveries[0];
    assert_eq!(delivery.target, Some(sink.url("/all")));
    assert!(delivery.error.as_deref().unwrap().contains("500"));
    assert!(!delivery.failed);
    let login = recent
        .iter()
        .find(|event| event.event == EventType::AuthenticationSuccess)
        .unwrap();
    assert_eq!(login.about.as_deref(), Some("ann"));
    assert_eq!(login.deliveries, []);
    assert!(recent.is_sorted_by(|a, b| a.created >= b.created));
    assert_eq!(hall.app.recent_events(2).await.unwrap().len(), 2);
}

fn always() -> StillAdmitted {
    Box::new(|| async { true }.boxed())
}

async fn piece(stream: &mut EventStream) -> Option<String> {
    let piece = tokio::time::timeout(LIMIT, stream.next()).await.unwrap()?;
    let bytes: Bytes = piece.unwrap();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

async fn changes_are_told(hall: &Hall) {
    let mut stream = hall.app.changes(always(), None).unwrap();
    let greeting = piece(&mut stream).await.unwrap();
    assert_eq!(
        greeting,
        format!(": Posthouse v{}\n\n", env!("CARGO_PKG_VERSION"))
    );
    hall.connected_account("ann").await;
    let mut keys = Vec::new();
    let (mut last, mut first) = (String::new(), String::new());
    while keys.last().is_none_or(|key| key != "connected") {
        let text = piece(&mut stream).await.unwrap();
        let data = text
            .strip_prefix("event: message\ndata: ")
            .and_then(|text| text.strip_suffix("\n\n")?.rsplit_once("\nid: "))
            .map(|(data, id)| {
                id.clone_into(&mut last);
                data
            })
            .unwrap_or_else(|| panic!("{text:?}"));
        let change: Value = serde_json::from_str(data).unwrap();
        assert_eq!(change["account"], "ann");
        assert_eq!(change["type"], "state");
        assert_eq!(change["payload"], Value::Null);
        assert!(change["stateLabel"]["name"].is_string());
        keys.push(change["key"].as_str().unwrap().to_owned());
        if first.is_empty() {
            first.clone_from(&last);
        }
    }
    assert_eq!(keys[0], "connecting");
    // Whoever was cut off after the first one gets the others, and no reset.
    let mut again = hall.app.changes(always(), Some(&first)).unwrap();
    assert!(!piece(&mut again).await.unwrap().contains("reset"));
    for key in &keys[1..] {
        assert!(
            piece(&mut again)
                .await
                .unwrap()
                .contains(&format!("\"key\":\"{key}\""))
        );
    }
    let mut stranger = hall.app.changes(always(), Some("another-7")).unwrap();
    let greeting = piece(&mut stranger).await.unwrap();
    assert!(
        greeting.ends_with("event: reset\ndata: {}\n\n"),
        "{greeting:?}"
    );
}

async fn a_stream_ends_with_its_token(hall: &Hall) {
    let token: TokenValue = hall.token(IssueToken::default()).await.parse().unwrap();
    let caller = Caller {
        identity: Identity::Token(token.id()),
        ..Caller::system()
    };
    let reply = hall.reply_as(&caller, "getV1Changes", ask()).await.unwrap();
    let ReplyBody::Events(mut stream) = reply.body else {
        panic!("no stream")
    };
    piece(&mut stream).await.unwrap();
    // Another token goes: the stream stays.
    let other: TokenValue = hall.token(IssueToken::default()).await.parse().unwrap();
    for id in [other.id(), token.id()] {
        assert!(stream.next().now_or_never().is_none());
        tokio::time::sleep(Duration::from_millis(600)).await;
        hall.call("deleteV1TokensToken", ask().path("token", &id.to_string()))
            .await
            .unwrap();
    }
    let began = Instant::now();
    assert_eq!(piece(&mut stream).await, None);
    assert!(began.elapsed() < Duration::from_secs(2));
}

async fn streams_are_bounded_and_end_with_the_server(hall: &Hall) {
    let mut streams: Vec<_> = (0..256)
        .map(|_| hall.app.changes(always(), None).unwrap())
        .collect();
    assert_eq!(hall.app.changes(always(), None).unwrap_err().status, 503);
    streams.pop();
    let mut last = hall.app.changes(always(), None).unwrap();
    piece(&mut last).await.unwrap();
    hall.app.close_streams();
    assert_eq!(piece(&mut last).await, None);
}

async fn a_trial_is_a_real_delivery(hall: &Hall) {
    let sink = HookSink::start().await;
    hooks(hall, &sink).await;
    hall.sending_account("bob").await;
    let real = sink.wait_for_event("bob", "accountAdded", LIMIT).await;
    sink.reply(HookReply::status(200));
    let test = WebhookTest {
        event: Some(EventType::AccountAdded),
        ..WebhookTest::default()
    };
    let result = hall.app.test_webhook(test).await.unwrap();
    assert!(result.delivered, "{result:?}");
    assert_eq!(result.status, Some(200));
    assert_eq!(result.problem, None);
    let tried = sink.wait_for_event("example", "accountAdded", LIMIT).await;
    for name in [
        "X-EE-Wh-Id",
        "X-EE-Wh-Event-Id",
        "X-EE-Wh-Queued-Time",
        "Content-Length",
    ] {
        assert!(
            tried.header(name).is_some() && real.header(name).is_some(),
            "{name}"
        );
    }
    for name in [
        "X-Key",
        "User-Agent",
        "Content-Type",
        "X-EE-Wh-Attempts-Made",
    ] {
        assert_eq!(tried.header(name), real.header(name), "{name}");
    }
    let body: Value = serde_json::from_str(&result.sent).unwrap();
    assert_eq!(tried.json(), body);
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&tried.json()), keys(&real.json()));
    let signature = |(name, value): &(String, Option<String>)| {
        (name == "x-ee-wh-signature").then(|| value.clone().unwrap())
    };
    assert_eq!(
        result.headers.iter().find_map(signature).as_deref(),
        tried.header("X-EE-Wh-Signature")
    );
    assert!(!format!("{result:?}").contains("hunter2"), "{result:?}");
    // It is not counted; the other is once its result is written.
    let counted = eventually("a delivery that counts", LIMIT, || async {
        let dashboard = hall.app.dashboard(Range::Hour).await.unwrap();
        let counted = dashboard.series.total("webhooks:success");
        (counted > 0).then_some(counted)
    });
    assert_eq!(counted.await, 1);
}

async fn a_trial_says_what_went_wrong(hall: &Hall) {
    let sink = HookSink::start().await;
    let test = |url: &str| WebhookTest {
        url: Some(url.to_owned()),
        ..WebhookTest::default()
    };
    let none = hall.app.test_webhook(WebhookTest::default()).await;
    assert_eq!(none.unwrap_err().extra["fields"][0]["key"], "url");
    hooks(hall, &sink).await;
    let masked = hall.app.test_webhook(test("http://******@h/")).await;
    assert_eq!(masked.unwrap_err().status, 400);
    let headers = WebhookTest {
        headers: Some(vec![CustomHeader {
            key: "X-Other".to_owned(),
            value: Secret::new("******"),
        }]),
        ..WebhookTest::default()
    };
    let headers = hall.app.test_webhook(headers).await;
    assert_eq!(headers.unwrap_err().extra["fields"][0]["key"], "headers");

    // Stored values of headers go to the stored target alone.
    let other = HookSink::start().await;
    let key = |value: &str| CustomHeader {
        key: "X-Key".to_owned(),
        value: Secret::new(value),
    };
    for headers in [None, Some(vec![key("******")])] {
        let test = WebhookTest {
            headers,
            ..test(&other.url("/all"))
        };
        let error = hall.app.test_webhook(test).await.unwrap_err();
        assert_eq!(error.extra["fields"][0]["key"], "headers");
        let said = error.extra["fields"][0]["message"].as_str().unwrap();
        assert!(
            said.contains("X-Key") && !said.contains("hunter2"),
            "{said}"
        );
    }
    assert!(other.hooks().is_empty());
    let typed = WebhookTest {
        headers: Some(vec![key("typed")]),
        ..test(&other.url("/all"))
    };
    assert!(hall.app.test_webhook(typed).await.unwrap().delivered);
    assert_eq!(other.hooks()[0].header("X-Key"), Some("typed"));
    sink.reply(HookReply::status(403));
    let refused = hall.app.test_webhook(test(&sink.url("/x"))).await.unwrap();
    assert!(!refused.delivered);
    assert_eq!((refused.status, refused.code), (Some(403), None));
    assert!(refused.problem.unwrap().contains("header"));
    for (url, code) in [
        ("http://169.254.169.254/latest", "EEGRESSBLOCKED"),
        ("http://127.0.0.1:9/", "ECONNREFUSED"),
        ("no url", "EINVALIDREQUEST"),
        ("ftp://127.0.0.1/", "EINVALIDREQUEST"),
    ] {
        let test = WebhookTest {
            headers: Some(Vec::new()),
            ..test(url)
        };
        let result = hall.app.test_webhook(test).await.unwrap();
        assert_eq!(result.code.as_deref(), Some(code), "{url}");
        assert!(
            result
                .problem
                .unwrap()
                .ends_with(|char: char| char.is_alphanumeric())
        );
    }
}

async fn trials_are_rationed(hall: &Hall) {
    let mut refused = 0;
    for _ in 0..62 {
        let test = WebhookTest {
            url: Some("no url".to_owned()),
            ..WebhookTest::default()
        };
        refused += u64::from(
            hall.app
                .test_webhook(test)
                .await
                .is_err_and(|e| e.status == 429),
        );
    }
    // The minute may turn meanwhile.
    assert!((2..=32).contains(&refused), "{refused}");
}
