//! Many events through many kills: each is received, in order, under one id, with what the event log holds; and whoever
//! follows the log by its cursors misses none.
//!
//! `make events EVENTS=100000 SEED=7` makes as many as wanted. The changes come from another client of a real IMAP server,
//! so that each is known: a keyword on a message is one event.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use posthouse_testkit::{
    Client, Hook, HookReply, HookSink, ImapClient, Random, Server, eventually, mail, unique_user,
};
use serde_json::Value;

use crate::model::asked;
use crate::{BINARY, LIMIT, account, postgres::schema, webhooks_to};

/// Kills at random points of a short run.
const KILLS: usize = 6;
/// Rounds of changes; each changes every message once.
const ROUNDS: usize = 10;

/// Sizes of a run.
#[derive(Clone, Copy, Debug)]
struct Plan {
    accounts: usize,
    messages: usize,
    kills: usize,
    seed: u64,
}

impl Plan {
    fn new(events: usize, kills: usize, seed: u64) -> Self {
        let accounts = (events / 500).clamp(5, 25);
        let messages = events.div_ceil(accounts * ROUNDS).max(1);
        Self {
            accounts,
            messages,
            kills,
            seed,
        }
    }

    fn round(self) -> usize {
        self.accounts * self.messages
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_received_through_kills() {
    let events = asked("POSTHOUSE_TEST_EVENTS").unwrap_or(3000);
    let seed = asked("POSTHOUSE_TEST_SEED").unwrap_or(1);
    // A long run is killed more often.
    let events = usize::try_from(events).unwrap();
    let plan = Plan::new(events, KILLS.max(events / 4000), seed);
    run(Server::start(BINARY).await, plan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_received_through_kills_on_postgres() {
    let server = Server::builder(BINARY)
        .database(&schema().await)
        .env("EENGINE_SECRET", "a secret of the tests");
    // The lanes of a process that died are free after half a minute.
    run(server.start().await, Plan::new(1000, 2, 2)).await;
}

/// A mailbox with so many messages, open.
async fn fill(user: String, messages: usize) -> ImapClient {
    let mut client = ImapClient::login(&user).await;
    for number in 0..messages {
        let raw = mail::plain(&format!("{number}.{user}"), "s", "x\r\n");
        client.append("INBOX", "", &raw).await;
    }
    client.command("SELECT INBOX").await;
    client
}

async fn run(mut server: Server, plan: Plan) {
    println!("{plan:?}");
    let began = Instant::now();
    let hooks = HookSink::start().await;
    webhooks_to(&mut server, &hooks).await;
    let users: Vec<_> = (0..plan.accounts).map(|_| unique_user()).collect();
    // All at once: the mail server takes its time for each message.
    let filled: Vec<_> = users
        .iter()
        .map(|user| tokio::spawn(fill(user.clone(), plan.messages)))
        .collect();
    let mut clients = Vec::new();
    for client in filled {
        clients.push(client.await.unwrap());
    }
    let client = server.client().await;
    for user in &users {
        client.post("/v1/account", &account(user)).await.ok();
    }
    for user in &users {
        server.wait_state(user, "connected", LIMIT).await;
        hooks
            .wait_for_event(user, "accountInitialized", LIMIT)
            .await;
    }
    let follower = Follower::start(server.client().await);

    let mut random = Random::new(plan.seed);
    let whole = ROUNDS * plan.round();
    let mut kills: Vec<_> = (0..plan.kills).map(|_| random.below(whole)).collect();
    kills.sort_unstable();
    let mut kills = kills.into_iter().peekable();
    let before = hooks.count();
    for round in 0..ROUNDS {
        if round % 4 == 1 {
            hooks.reply_next(2, &HookReply::cut());
            hooks.reply_next(2, &HookReply::status(500));
        }
        let command = format!("STORE 1:* +FLAGS.SILENT (round{round})");
        for client in &mut clients {
            client.command(&command).await;
        }
        // The next round begins before this one is told whole: what is under way is killed, too. A message that is
        // changed twice before somebody looks has both changes in one event.
        let enough = hooks.count() + plan.round() * 3 / 4;
        while hooks.count() < enough {
            let next = kills.peek().map_or(usize::MAX, |at| before + at);
            wait_count(&hooks, enough.min(next)).await;
            if hooks.count() >= next {
                kills.next();
                server.restart().await;
            }
        }
    }
    for _ in kills {
        server.restart().await;
    }

    let client = server.client().await;
    let log = whole_log(&client, whole).await;
    let told = all_received(&client, &hooks).await;
    let followed = follower.stop(log.len()).await;
    check(&plan, &users, &log, &told);
    let ids: Vec<_> = log.iter().map(id).collect();
    assert_eq!(followed, ids, "what followed the log by cursors");
    println!("{} events in {:?}", log.len(), began.elapsed());
}

/// Waits until so many requests have arrived; repeats count, so that it comes to an end a little early.
async fn wait_count(hooks: &HookSink, count: usize) {
    eventually("deliveries", LIMIT * 4, || async {
        (hooks.count() >= count).then_some(())
    })
    .await;
}

fn id(entry: &Value) -> String {
    entry["id"].as_str().unwrap().to_owned()
}

/// One page of the log after a cursor; none while the server is down.
async fn page(client: &Client, cursor: Option<&str>, payload: bool) -> Option<Value> {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let path = format!("/v1/events?pageSize=500&payload={payload}{cursor}");
    let answer = client.try_request("GET", &path, &[], None).await.ok()?;
    (answer.status == 200).then(|| answer.json())
}

/// Waits until no delivery waits; what was received.
async fn all_received(client: &Client, hooks: &HookSink) -> Vec<Hook> {
    eventually("an empty queue", LIMIT * 4, || async {
        let stats = client.get("/v1/stats").await.ok();
        (stats["queues"]["notify"]["total"] == 0).then_some(())
    })
    .await;
    hooks.take()
}

/// The keywords that an event tells of.
fn added(entry: &Value) -> impl Iterator<Item = String> {
    let added = entry["payload"]["data"]["changes"]["flags"]["added"].as_array();
    added.into_iter().flatten().map(Value::to_string)
}

/// Reads the log from its beginning until it tells of so many changes.
async fn whole_log(client: &Client, changes: usize) -> Vec<Value> {
    let (mut log, mut found, mut cursor) = (Vec::new(), 0, None::<String>);
    let mut ends = Instant::now() + LIMIT * 4;
    while found < changes {
        let page = page(client, cursor.as_deref(), true).await.unwrap();
        cursor = page["cursor"].as_str().map(str::to_owned);
        let events = page["events"].as_array().unwrap();
        found += events
            .iter()
            .map(|entry| added(entry).count())
            .sum::<usize>();
        log.extend(events.iter().cloned());
        if !events.is_empty() {
            ends = Instant::now() + LIMIT * 4;
        } else {
            assert!(
                Instant::now() < ends,
                "{found} of {changes} changes are told"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    log
}

/// Somebody who follows the event log from its beginning, whether or not the server is there.
struct Follower {
    task: tokio::task::JoinHandle<Vec<String>>,
    stop: Arc<AtomicBool>,
    seen: Arc<std::sync::atomic::AtomicUsize>,
}

impl Follower {
    fn start(client: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (stopped, counted) = (stop.clone(), seen.clone());
        let task = tokio::spawn(async move {
            let (mut ids, mut cursor) = (Vec::new(), None::<String>);
            while !stopped.load(Ordering::SeqCst) {
                let Some(page) = page(&client, cursor.as_deref(), false).await else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                ids.extend(page["events"].as_array().unwrap().iter().map(id));
                counted.store(ids.len(), Ordering::SeqCst);
                cursor = page["cursor"].as_str().map(str::to_owned);
                if page["more"] != true {
                    // Nothing new: a follower asks again in a while.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            ids
        });
        Self { task, stop, seen }
    }

    /// Ends when so many were seen; their ids in order.
    async fn stop(self, wanted: usize) -> Vec<String> {
        eventually("the follower", LIMIT, || async {
            (self.seen.load(Ordering::SeqCst) >= wanted).then_some(())
        })
        .await;
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap()
    }
}

fn check(plan: &Plan, users: &[String], log: &[Value], told: &[Hook]) {
    let by_id: HashMap<_, _> = log.iter().map(|entry| (id(entry), entry)).collect();
    assert_eq!(by_id.len(), log.len(), "an event twice in the log");

    // What happened is in the log, each change in one event.
    let mut changes: BTreeMap<(&str, u64, String), usize> = BTreeMap::new();
    for entry in log {
        for flag in added(entry) {
            let account = entry["account"].as_str().unwrap();
            let uid = entry["payload"]["data"]["uid"].as_u64().unwrap();
            let change = (account, uid, flag);
            *changes.entry(change).or_default() += 1;
        }
        // What the registration of an account brings with it.
        let beside = [
            "accountAdded",
            "authenticationSuccess",
            "mailboxNew",
            "accountInitialized",
        ];
        let invented = match entry["type"].as_str().unwrap() {
            "messageUpdated" => added(entry).count() == 0,
            kind => !beside.contains(&kind),
        };
        assert!(!invented, "invented: {entry}");
    }
    assert_eq!(
        changes.len(),
        ROUNDS * plan.round(),
        "changes that are told"
    );
    let twice: Vec<_> = changes.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "told twice: {twice:?}");

    // Numbers have no gap, and the log keeps them in order.
    let mut numbers: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in log {
        let last = numbers
            .entry(entry["account"].as_str().unwrap())
            .or_default();
        assert_eq!(entry["seq"], *last + 1, "{entry}");
        *last += 1;
    }

    // What was received is what the log holds, under one delivery each, and first attempts are in order.
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    let mut deliveries: HashMap<&str, &str> = HashMap::new();
    for hook in told {
        let event = hook.header("x-ee-wh-event-id").unwrap();
        assert_eq!(hook.header("webhook-id"), Some(event));
        let entry = by_id
            .get(event)
            .expect("an event that the log does not hold");
        assert_eq!(hook.json(), entry["payload"], "{event}");
        let delivery = hook.header("x-ee-wh-id").unwrap();
        if let Some(known) = deliveries.insert(event, delivery) {
            assert_eq!(known, delivery, "another id of the same delivery");
            continue;
        }
        let account = entry["account"].as_str().unwrap();
        let last = first.entry(account).or_default();
        assert_eq!(entry["seq"], *last + 1, "out of order: {entry}");
        *last += 1;
    }
    let received: BTreeSet<_> = deliveries.keys().copied().collect();
    let missing: Vec<_> = by_id
        .keys()
        .filter(|id| !received.contains(id.as_str()))
        .collect();
    assert!(missing.is_empty(), "never received: {missing:?}");
    assert_eq!(first.len(), users.len());
    println!("{} deliveries of {} events", told.len(), log.len());
}
