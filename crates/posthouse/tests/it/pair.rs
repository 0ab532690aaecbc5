//! Two servers on one database: they share what is to be delivered, and one goes on with it when the other dies. Each follows
//! the accounts that were registered with it.

use std::collections::BTreeMap;
use std::time::Duration;

use posthouse_model::{
    RouteId, Timestamp,
    route::{RouteConfig, RouteContent},
};
use posthouse_store::{Batch, Database, Store, StoreConfig, routes};
use posthouse_testkit::{
    HookSink, Server, ServerBuilder, eventually, imap_append, mail, unique_user,
};
use serde_json::json;

use crate::{BINARY, LIMIT, account, postgres::schema};

const SECRET: &str = "a secret of the tests";
/// What a dead server had in hand is another's after half a minute.
const TAKEN_OVER: Duration = Duration::from_secs(90);
/// Messages of each account while both servers run, and after.
const BEFORE: usize = 20;
const AFTER: usize = 10;

fn builder(url: &str) -> ServerBuilder {
    Server::builder(BINARY)
        .database(url)
        .env("EENGINE_SECRET", SECRET)
}

/// A route to the sink's `/route` that has new messages alone, each with its subject alone.
async fn route(url: &str, hooks: &HookSink) {
    let url = url.to_owned();
    let mut config = StoreConfig::new(Database::Postgres { url });
    config.secret = Some(SECRET.to_owned());
    let store = Store::open(config).await.unwrap();
    let route = RouteConfig {
        name: "new messages".to_owned(),
        enabled: true,
        target_url: Some(hooks.url("/route")),
        content: RouteContent {
            filter: Some("return payload.event === 'messageNew'".to_owned()),
            map: Some(
                "payload.data = { subject: payload.data.subject }; return payload".to_owned(),
            ),
        },
        ..RouteConfig::default()
    };
    let id = RouteId::new(store.now(), 1);
    let mut batch = Batch::new();
    routes::insert(&store, &mut batch, &id, &route, Timestamp::now()).unwrap();
    store.commit(batch).await.unwrap();
    store.close().await.unwrap();
}

async fn fill(users: &[String], numbers: std::ops::Range<usize>) {
    let filled = users.iter().cloned().map(|user| {
        let numbers = numbers.clone();
        tokio::spawn(async move {
            for number in numbers {
                let id = format!("{number}.{user}@example.com");
                let message = mail::plain(&id, &number.to_string(), "x\r\n");
                imap_append(&user, "INBOX", &message).await;
            }
        })
    });
    for task in filled.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// The new messages that came to a path, by account, as they came.
fn arrived(hooks: &HookSink, path: &str) -> BTreeMap<String, Vec<String>> {
    let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for hook in hooks.hooks() {
        let event = hook.json();
        if hook.path != path || event["event"] != "messageNew" {
            continue;
        }
        if path == "/route" {
            let data = event["data"].as_object().unwrap();
            assert_eq!(data.len(), 1, "as the map makes it: {event}");
        }
        let account = event["account"].as_str().unwrap().to_owned();
        let subject = event["data"]["subject"].as_str().unwrap().to_owned();
        accounts.entry(account).or_default().push(subject);
    }
    accounts
}

/// Waits until each account's messages came to both paths.
async fn all_arrive(hooks: &HookSink, users: &[String], count: usize, limit: Duration) {
    for path in ["/route", "/default"] {
        eventually(
            &format!("{count} of each account at {path}"),
            limit,
            || async {
                let arrived = arrived(hooks, path);
                let of = |user: &String| {
                    let mut subjects = arrived.get(user).cloned().unwrap_or_default();
                    subjects.sort_unstable();
                    subjects.dedup();
                    subjects.len()
                };
                users.iter().all(|user| of(user) >= count).then_some(())
            },
        )
        .await;
    }
}

async fn delivered(server: &mut Server) -> u64 {
    let client = server.client().await;
    let metrics = client.get("/metrics").await.text();
    let line = metrics.lines().find(|line| {
        line.starts_with("queues_processed{")
            && line.contains("queue=\"notify\"")
            && line.contains("status=\"completed\"")
    });
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_the_deliveries_of_a_route() {
    let hooks = HookSink::start().await;
    let url = schema().await;
    let mut one = builder(&url).start().await;
    route(&url, &hooks).await;
    one.restart().await;
    let mut two = builder(&url).start().await;
    let settings = json!({ "webhooksEnabled": true, "webhooks": hooks.url("/default") });
    one.client()
        .await
        .post("/v1/settings", &settings)
        .await
        .ok();
    let users: Vec<_> = (0..6).map(|_| unique_user()).collect();
    for (at, user) in users.iter().enumerate() {
        let server = if at % 2 == 0 { &mut one } else { &mut two };
        let client = server.client().await;
        client.post("/v1/account", &account(user)).await.ok();
    }
    for user in &users {
        hooks
            .wait_for_event(user, "accountInitialized", LIMIT)
            .await;
    }

    fill(&users, 0..BEFORE).await;
    all_arrive(&hooks, &users, BEFORE, LIMIT).await;
    for path in ["/route", "/default"] {
        let arrived = arrived(&hooks, path);
        for user in &users {
            let expected: Vec<_> = (0..BEFORE).map(|number| number.to_string()).collect();
            assert_eq!(arrived[user], expected, "once each, in order, at {path}");
        }
    }
    let shares = (delivered(&mut one).await, delivered(&mut two).await);
    assert!(shares.0 > 0 && shares.1 > 0, "both delivered: {shares:?}");

    // What one had in hand is the other's; what came to its accounts meanwhile is told once it is there again.
    let filling = tokio::spawn({
        let users = users.clone();
        async move { fill(&users, BEFORE..BEFORE + AFTER).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    one.kill();
    filling.await.unwrap();
    let of_two: Vec<_> = users.iter().skip(1).step_by(2).cloned().collect();
    all_arrive(&hooks, &of_two, BEFORE + AFTER, TAKEN_OVER).await;
    one.restart().await;
    all_arrive(&hooks, &users, BEFORE + AFTER, TAKEN_OVER).await;
    for path in ["/route", "/default"] {
        for (user, subjects) in arrived(&hooks, path) {
            // Each for the first time: what was under way at the kill may come twice.
            let mut first: Vec<_> = Vec::new();
            for subject in subjects {
                if !first.contains(&subject) {
                    first.push(subject);
                }
            }
            let expected: Vec<_> = (0..BEFORE + AFTER).map(|n| n.to_string()).collect();
            assert_eq!(first, expected, "{user} at {path}");
        }
    }
}
