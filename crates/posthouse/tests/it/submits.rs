//! Many messages through kills and a mail server that fails at random: none is lost, and one that arrives twice was said to be
//! in doubt.
//!
//! `make submits SUBMITS=10000 SEED=7` sends as many as wanted, by each way to deal with messages in doubt.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use posthouse_testkit::{Client, Phase, Random, Server, SmtpSink, eventually, unique_user};
use serde_json::{Value, json};

use crate::model::asked;
use crate::{BINARY, LIMIT, postgres::schema};

/// Clients that submit at once.
const CLIENTS: usize = 16;
/// So many of a thousand phases of SMTP go wrong.
const FAULTS: usize = 12;

/// A run.
#[derive(Clone, Debug)]
struct Plan {
    messages: usize,
    accounts: usize,
    kills: usize,
    seed: u64,
    /// The setting `ambiguousDelivery`.
    doubtful: &'static str,
}

impl Plan {
    fn asked(doubtful: &'static str) -> Self {
        let messages = usize::try_from(asked("POSTHOUSE_TEST_SUBMITS").unwrap_or(400)).unwrap();
        Self {
            messages,
            accounts: 8,
            // A long run is killed more often.
            kills: (messages / 250).max(3),
            seed: asked("POSTHOUSE_TEST_SEED").unwrap_or(1),
            doubtful,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_lost_and_one_that_is_doubled_was_in_doubt() {
    run(Server::start(BINARY).await, Plan::asked("retry")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_lost_nor_doubled_where_those_in_doubt_are_held() {
    run(Server::start(BINARY).await, Plan::asked("hold")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_lost_on_postgres() {
    let server = Server::builder(BINARY)
        .database(&schema().await)
        .env("EENGINE_SECRET", "a secret of the tests");
    let plan = Plan {
        kills: 2,
        ..Plan::asked("retry")
    };
    run(server.start().await, plan).await;
}

/// What became of a message.
#[derive(Debug, Default)]
struct Fate {
    received: usize,
    sent: usize,
    failed: usize,
    /// An event says that it may have been delivered before.
    doubted: bool,
}

async fn run(mut server: Server, plan: Plan) {
    println!("{plan:?}");
    let began = Instant::now();
    let sink = SmtpSink::start().await;
    let client = server.client().await;
    let setting = json!({ "ambiguousDelivery": plan.doubtful });
    client.post("/v1/settings", &setting).await.ok();
    let accounts: Vec<_> = (0..plan.accounts).map(|_| unique_user()).collect();
    for account in &accounts {
        let smtp = sink.addr();
        let body = json!({
            "account": account, "name": "Test", "email": format!("{account}@example.com"),
            "smtp": { "host": smtp.ip().to_string(), "port": smtp.port(), "secure": false,
                      "auth": { "user": "u", "pass": "p" } },
        });
        client.post("/v1/account", &body).await.ok();
    }
    sink.fail_at_random(plan.seed, FAULTS);

    // Submits go on through the kills, each until it is answered.
    let queued: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let next = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, accounts) = (client.clone(), accounts.clone());
            let (queued, next, messages) = (queued.clone(), next.clone(), plan.messages);
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(account) = accounts.get(number % accounts.len()) else {
                        return;
                    };
                    if number >= messages {
                        return;
                    }
                    let id = submit(&client, account, number).await;
                    let before = queued.lock().unwrap().insert(id, number);
                    assert_eq!(before, None, "two messages under one queue id");
                }
            })
        })
        .collect();

    // Kills while messages are on their way, at random points of the whole.
    let mut random = Random::new(plan.seed);
    let mut kills: Vec<_> = (0..plan.kills)
        .map(|_| random.below(plan.messages * 4 / 5))
        .collect();
    kills.sort_unstable();
    for kill in kills {
        eventually("messages at the sink", LIMIT * 10, || async {
            (sink.count(Phase::Dot) >= kill).then_some(())
        })
        .await;
        server.restart().await;
    }
    for task in clients {
        task.await.unwrap();
    }
    let queued = std::mem::take(&mut *queued.lock().unwrap());
    assert_eq!(queued.len(), plan.messages);
    let accepted = began.elapsed();

    let client = server.client().await;
    eventually("an outbox without work", LIMIT * 20, || async {
        let queue = client.get("/v1/settings/queue/submit").await.ok();
        let jobs = &queue["jobs"];
        let open = ["active", "waiting", "delayed"];
        open.iter().all(|kind| jobs[*kind] == 0).then_some(())
    })
    .await;
    let fates = fates(&client, &sink, &queued).await;
    check(&plan, &fates);
    println!("accepted in {accepted:?}, all in {:?}", began.elapsed());
}

/// Submits until it is answered; the queue id.
async fn submit(client: &Client, account: &str, number: usize) -> String {
    let body = json!({
        "to": [{ "address": format!("rcpt{number}@example.net") }],
        "subject": format!("message {number}"), "text": "hello world ".repeat(40),
        "headers": { "X-Number": number.to_string() }, "deliveryAttempts": 20,
    });
    let path = format!("/v1/account/{account}/submit");
    let key = format!("key-{account}-{number}");
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key.as_str()),
    ];
    let ends = Instant::now() + LIMIT * 10;
    while Instant::now() < ends {
        let bytes = body.to_string().into_bytes();
        // While the server is down.
        let answer = client
            .try_request("POST", &path, &headers, Some(bytes))
            .await;
        match answer {
            Ok(answer) if answer.status < 500 => {
                return answer.ok()["queueId"].as_str().unwrap().to_owned();
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("message {number} was never accepted");
}

/// What the sink and the event log have of each message.
async fn fates(
    client: &Client,
    sink: &SmtpSink,
    queued: &HashMap<String, usize>,
) -> BTreeMap<usize, Fate> {
    let mut fates: BTreeMap<usize, Fate> = BTreeMap::new();
    for number in queued.values() {
        fates.insert(*number, Fate::default());
    }
    for mail in sink.mails() {
        let number = mail.header("X-Number").unwrap().parse().unwrap();
        fates.get_mut(&number).expect("a message of ours").received += 1;
    }
    let (mut cursor, mut ended) = (None::<String>, 0);
    let ends = Instant::now() + LIMIT * 4;
    while ended < queued.len() {
        assert!(Instant::now() < ends, "the end of {ended} messages is told");
        let from = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let path = format!("/v1/events?pageSize=500&payload=true{from}");
        let page = client.get(&path).await.ok();
        for entry in page["events"].as_array().unwrap() {
            ended += note(entry, queued, &mut fates);
        }
        cursor = page["cursor"].as_str().map(str::to_owned);
        if page["more"] != true {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    fates
}

/// Notes what an event says; 1 if it ends a message.
fn note(
    entry: &Value,
    queued: &HashMap<String, usize>,
    fates: &mut BTreeMap<usize, Fate>,
) -> usize {
    let data = &entry["payload"]["data"];
    let kind = entry["type"].as_str().unwrap();
    if !matches!(
        kind,
        "messageSent" | "messageFailed" | "messageDeliveryError"
    ) {
        return 0;
    }
    let number = queued[data["queueId"].as_str().unwrap()];
    let fate = fates.get_mut(&number).unwrap();
    fate.doubted |= data["ambiguous"] == true;
    match kind {
        "messageSent" => fate.sent += 1,
        "messageFailed" => fate.failed += 1,
        _ => return 0,
    }
    1
}

fn check(plan: &Plan, fates: &BTreeMap<usize, Fate>) {
    let (mut doubled, mut doubted, mut failed) = (0, 0, 0);
    for (number, fate) in fates {
        let told = || format!("message {number}: {fate:?}");
        assert_eq!(fate.sent + fate.failed, 1, "told once: {}", told());
        if fate.sent == 1 {
            assert!(fate.received >= 1, "lost: {}", told());
        } else if !fate.doubted {
            assert_eq!(fate.received, 0, "arrived, and failed: {}", told());
        }
        if fate.received > 1 {
            assert!(fate.doubted, "doubled without a word: {}", told());
            assert_eq!(plan.doubtful, "retry", "doubled: {}", told());
        }
        doubled += usize::from(fate.received > 1);
        doubted += usize::from(fate.doubted);
        failed += fate.failed;
    }
    println!(
        "{} messages, {failed} failed, {doubted} in doubt, {doubled} doubled, none lost",
        fates.len()
    );
}
