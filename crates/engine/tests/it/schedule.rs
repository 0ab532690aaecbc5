//! What a receiver does, and the attempts that follow from it: how many, when to the millisecond, in which order. The
//! test's clock stands still between attempts.

use std::time::Duration;

use posthouse_engine::EngineConfig;
use posthouse_model::{Timestamp, account::AccountConfig};
use posthouse_store::{Batch, ManualClock, deliveries, deliveries::Logged};
use posthouse_testkit::{HookReply, eventually, free_port, imap_addr, imaps_addr};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{House, LIMIT, Process};

both!(each_receiver_gets_its_exact_attempts);

/// A receiver and what is expected of its first event.
struct Case {
    name: &'static str,
    /// What the sink answers; none where the receiver is another.
    reply: Option<HookReply>,
    /// Another receiver than the sink.
    url: Option<String>,
    /// Status and code of every attempt.
    outcome: (Option<u16>, Option<&'static str>),
    /// The shortest and longest wait before each further attempt, ms.
    waits: &'static [(u64, u64)],
    /// How it ends.
    state: &'static str,
}

/// With 20 % of jitter.
const DOUBLING: &[(u64, u64)] = &[(4000, 6000), (8000, 12_000)];

fn case(
    name: &'static str,
    reply: HookReply,
    outcome: (Option<u16>, Option<&'static str>),
    waits: &'static [(u64, u64)],
    state: &'static str,
) -> Case {
    Case {
        name,
        reply: Some(reply),
        url: None,
        outcome,
        waits,
        state,
    }
}

fn elsewhere(name: &'static str, url: String, code: &'static str) -> Case {
    Case {
        name,
        reply: None,
        url: Some(url),
        outcome: (None, Some(code)),
        waits: DOUBLING,
        state: "failed",
    }
}

fn cases(house: &House) -> Vec<Case> {
    let status = HookReply::status;
    let slow = status(200).after(Duration::from_millis(300));
    let asking = |code, seconds| status(code).with_header("Retry-After", seconds);
    let redirect = HookReply::redirect(&house.hooks.url("/elsewhere"));
    vec![
        case("ok", status(200), (Some(200), None), &[], "done"),
        case("empty", status(204), (Some(204), None), &[], "done"),
        case("slow", slow, (Some(200), None), &[], "done"),
        case(
            "huge",
            status(200).with_body(vec![b'x'; 8 << 20]),
            (Some(200), None),
            &[],
            "done",
        ),
        case("bad", status(400), (Some(400), None), DOUBLING, "failed"),
        case("broken", status(500), (Some(500), None), DOUBLING, "failed"),
        case("gone", status(410), (Some(410), None), &[], "failed"),
        case(
            "busy",
            status(429),
            (Some(429), None),
            &[(5000, 6000), (8000, 12_000)],
            "failed",
        ),
        case(
            "asking",
            asking(429, "120"),
            (Some(429), None),
            &[(120_000, 120_000), (120_000, 120_000)],
            "failed",
        ),
        case(
            "resting",
            asking(503, "7"),
            (Some(503), None),
            // What it asks for counts where it is longer than the schedule.
            &[(7000, 7000), (8000, 12_000)],
            "failed",
        ),
        case(
            "cut",
            HookReply::cut(),
            (None, Some("ESOCKET")),
            DOUBLING,
            "failed",
        ),
        case(
            "stalled",
            HookReply::stall(),
            (None, Some("ETIMEDOUT")),
            DOUBLING,
            "failed",
        ),
        case(
            "redirect",
            redirect,
            (Some(302), Some("EREDIRECTNOTFOLLOWED")),
            &[],
            "failed",
        ),
        elsewhere("plain", format!("https://{}/hook", imap_addr()), "ETLS"),
        elsewhere("unknown", format!("https://{}/hook", imaps_addr()), "ETLS"),
        elsewhere(
            "closed",
            format!("http://127.0.0.1:{}/hook", free_port()),
            "ECONNREFUSED",
        ),
    ]
}

/// A process, its clock, and an account whose receiver always answers.
struct Bench<'a> {
    house: &'a House,
    process: &'a Process,
    clock: ManualClock,
    canary: Uuid,
}

impl Bench<'_> {
    /// Sets the clock and waits until the workers have looked for what is due then: what is due with all else is claimed
    /// with it, so that whatever was not delivered is not due.
    async fn look_at(&self, time: Timestamp) {
        self.clock.set(time);
        let heard = || self.house.hooks.hooks().into_iter();
        let canaries = || heard().filter(|hook| hook.path == "/canary").count();
        let before = canaries();
        let mut batch = Batch::new();
        deliveries::repeat(&mut batch, &self.canary, "default", time, time);
        self.process.store().commit(batch).await.unwrap();
        self.process.wake_webhooks();
        eventually("the canary", LIMIT, || async {
            (canaries() > before).then_some(())
        })
        .await;
    }

    async fn logged(&self, event: &Uuid) -> Logged {
        let logged = deliveries::of_event(self.process.store(), event).await;
        logged.unwrap().remove(0)
    }

    /// The delivery after so many attempts.
    async fn attempted(&self, case: &str, event: &Uuid, attempts: u32) -> Logged {
        eventually(
            &format!("{case}: attempt {attempts}"),
            LIMIT,
            || async move {
                let logged = self.logged(event).await;
                (logged.attempts >= attempts).then_some(logged)
            },
        )
        .await
    }

    async fn run(&self, case: &Case, account: &AccountConfig) {
        let name = case.name;
        let event = self.process.record(account, json!({ "number": 1 })).await;
        // One that waits for longer than a minute does not hold its lane.
        let holds = case.waits.iter().all(|(_, most)| *most < 60_000);
        let second = if case.reply.is_some() && holds {
            Some(self.process.record(account, json!({ "number": 2 })).await)
        } else {
            None
        };
        let mut logged = self.attempted(name, &event, 1).await;
        for (number, (least, most)) in (2..).zip(case.waits) {
            let waited = logged.due.since(self.clock.now());
            let waited = u64::try_from(waited.as_millis()).unwrap();
            assert!(
                (*least..=*most).contains(&waited),
                "{name}: {waited} ms before attempt {number}"
            );
            let due = logged.due;
            self.look_at(due.before(Duration::from_millis(1))).await;
            let early = self.logged(&event).await;
            assert_eq!(early.attempts, number - 1, "{name}: early");
            self.look_at(due).await;
            logged = self.attempted(name, &event, number).await;
            let history = logged.history.as_ref().unwrap();
            let last = history.as_array().unwrap().last().unwrap();
            assert_eq!(last["time"], json!(due), "{name}: late");
        }
        assert_eq!(logged.state, case.state, "{name}: {logged:?}");
        let history = logged.history.unwrap();
        let history = history.as_array().unwrap();
        assert_eq!(history.len(), case.waits.len() + 1, "{name}");
        for (number, attempt) in (1..).zip(history) {
            let got = (&attempt["status"], &attempt["code"]);
            let wanted: (Value, Value) = (case.outcome.0.into(), case.outcome.1.into());
            assert_eq!(got, (&wanted.0, &wanted.1), "{name}: {attempt}");
            assert_eq!(attempt["attempt"], number, "{name}");
            assert!(attempt["answer"].as_str().unwrap().len() <= 512, "{name}");
        }
        if let Some(second) = second {
            self.held(case, &event, &second).await;
        }
    }

    /// The event behind it was delivered after its last attempt, and not before.
    async fn held(&self, case: &Case, first: &Uuid, second: &Uuid) {
        let path = format!("/{}", case.name);
        let mut wanted = vec![first.to_string(); case.waits.len() + 1];
        wanted.push(second.to_string());
        // The receiver may have asked for a pause.
        self.look_at(self.clock.now().after(Duration::from_secs(10)))
            .await;
        let told = eventually("the event behind", LIMIT, || async {
            let hooks = self.house.hooks.hooks().into_iter();
            let told: Vec<_> = hooks
                .filter(|hook| hook.path == path)
                .map(|hook| hook.header("webhook-id").unwrap().to_owned())
                .take(wanted.len())
                .collect();
            (told.len() == wanted.len()).then_some(told)
        })
        .await;
        assert_eq!(told, wanted, "{}", case.name);
    }
}

async fn each_receiver_gets_its_exact_attempts(house: &House) {
    house
        .set(&[
            ("webhookAttempts", json!(3)),
            ("webhookRetryHorizon", json!(0)),
        ])
        .await;
    // Ahead of the database's clock, by which events are written.
    let clock = ManualClock::new(Timestamp::now().after(Duration::from_secs(3600)));
    let config = EngineConfig {
        webhook_timeout: Duration::from_secs(3),
        ..EngineConfig::default()
    };
    let process = house.start_at(&clock, config).await;
    let account = |name: &str, url: String| AccountConfig {
        name: name.to_owned(),
        webhooks: Some(url),
        ..AccountConfig::default()
    };
    let canary = account("canary", house.hooks.url("/canary"));
    process.register(&canary).await;
    let bench = Bench {
        house,
        canary: process.record(&canary, json!({})).await,
        process: &process,
        clock,
    };
    for case in cases(house) {
        let path = format!("/{}", case.name);
        if let Some(reply) = &case.reply {
            house.hooks.reply_at(&path, reply.clone());
        }
        let url = case.url.clone().unwrap_or_else(|| house.hooks.url(&path));
        let account = account(case.name, url);
        process.register(&account).await;
        bench.run(&case, &account).await;
    }
    let elsewhere = house.hooks.hooks().into_iter();
    assert_eq!(
        elsewhere.filter(|hook| hook.path == "/elsewhere").count(),
        0
    );
}
