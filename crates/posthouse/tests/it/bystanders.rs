//! What accounts feel of the faults of others: nothing. Measured in turns with and without the fault, on whatever machine this is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use posthouse_testkit::{ImapClient, Mode, env, imap_addr, mail};
use serde_json::Value;

use crate::fleet::Fleet;

/// Turns with and turns without a fault.
const TURNS: usize = 14;
/// How long one lasts.
const TURN: Duration = Duration::from_millis(1500);

/// Times by whether there was a fault, milliseconds.
#[derive(Default)]
struct Times {
    without: Vec<f64>,
    with: Vec<f64>,
}

impl Times {
    fn push(&mut self, fault: bool, time: Duration) {
        let side = if fault {
            &mut self.with
        } else {
            &mut self.without
        };
        side.push(time.as_secs_f64() * 1000.0);
    }

    /// p50 and p99 without and with the fault, printed; whether the fault is felt.
    fn felt(&mut self, what: &str, slack: f64) -> bool {
        let without = (
            quantile(&mut self.without, 0.5),
            quantile(&mut self.without, 0.99),
        );
        let with = (
            quantile(&mut self.with, 0.5),
            quantile(&mut self.with, 0.99),
        );
        let change = |before: f64, after: f64| (after / before - 1.0) * 100.0;
        eprintln!(
            "{what}: p50 {:.1} -> {:.1} ms ({:+.0} %), p99 {:.1} -> {:.1} ms ({:+.0} %), {} and {} samples",
            without.0,
            with.0,
            change(without.0, with.0),
            without.1,
            with.1,
            change(without.1, with.1),
            self.without.len(),
            self.with.len(),
        );
        with.0 > without.0 * 1.25 + slack / 4.0 || with.1 > without.1 * 1.5 + slack
    }
}

fn quantile(times: &mut [f64], part: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let last = times.len().saturating_sub(1);
    times[(last as f64 * part).round() as usize]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_do_not_feel_the_faults_of_some() {
    let fleet = Fleet::start(3, false, Value::Null).await;
    let (fault, end) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let listings = Arc::new(Mutex::new(Times::default()));
    let appended = Arc::new(Mutex::new(Vec::new()));

    let mut tasks = Vec::new();
    for user in fleet.others.iter().take(2) {
        let (fault, end, listings) = (Arc::clone(&fault), Arc::clone(&end), Arc::clone(&listings));
        let client = fleet.client.clone();
        let path = format!("/v1/account/{user}/messages?path=INBOX&pageSize=20");
        tasks.push(tokio::spawn(async move {
            while !end.load(Ordering::SeqCst) {
                let (bad, start) = (fault.load(Ordering::SeqCst), Instant::now());
                client.get(&path).await.ok();
                listings.lock().unwrap().push(bad, start.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }));
    }
    // New mail to all others in turn, so that each is idle again when the next one comes.
    let (news, stop, sent) = (Arc::clone(&fault), Arc::clone(&end), Arc::clone(&appended));
    let others = fleet.others.clone();
    tasks.push(tokio::spawn(async move {
        let mut clients = Vec::new();
        for user in &others {
            clients.push(ImapClient::login_at(imap_addr(), user, env::IMAP_PASSWORD).await);
        }
        let mut number = 0;
        while !stop.load(Ordering::SeqCst) {
            let at = number % clients.len();
            let id = format!("{number}.{}", others[at]);
            clients[at]
                .append("INBOX", "", &mail::plain(&id, "News", "x\n"))
                .await;
            let bad = news.load(Ordering::SeqCst);
            sent.lock()
                .unwrap()
                .push((format!("<{id}@example.org>"), bad, Instant::now()));
            number += 1;
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }));

    tokio::time::sleep(TURN).await;
    *listings.lock().unwrap() = Times::default();
    for turn in 0..TURNS {
        for patient in &fleet.patients {
            let proxy = &patient.proxy;
            match turn % 7 {
                0 => proxy.vanish_all(),
                1 => proxy.set(Mode::Blackhole),
                2 => proxy.set(Mode::Refuse),
                3 => proxy.set(Mode::Dribble(Duration::from_millis(1))),
                4 => proxy.set(Mode::Corrupt(200)),
                5 => proxy.set(Mode::CutAfter(700)),
                _ => proxy.set(Mode::HalfClose),
            }
            if turn % 7 > 1 {
                proxy.cut_all();
            }
        }
        fault.store(true, Ordering::SeqCst);
        fleet.sync().await;
        tokio::time::sleep(TURN).await;
        for patient in &fleet.patients {
            patient.proxy.set(Mode::Pass);
            patient.proxy.cut_all();
        }
        fleet.sync().await;
        // Coming back is work too, and part of the fault.
        tokio::time::sleep(TURN / 4).await;
        fault.store(false, Ordering::SeqCst);
        tokio::time::sleep(TURN).await;
    }
    end.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3)).await;

    let mut news = Times::default();
    let hooks = fleet.hooks.hooks();
    let appended = appended.lock().unwrap();
    for (id, bad, at) in appended.iter() {
        let mut told = hooks
            .iter()
            .filter(|hook| hook.json()["data"]["messageId"] == id.as_str());
        let first = told.next().unwrap_or_else(|| panic!("{id} was not told"));
        assert!(told.next().is_none(), "{id} was told twice");
        news.push(*bad, first.at.saturating_duration_since(*at));
    }
    let slow_listing = listings.lock().unwrap().felt("listing", 25.0);
    let slow_news = news.felt("messageNew after APPEND", 150.0);
    assert!(!slow_listing && !slow_news);
}
