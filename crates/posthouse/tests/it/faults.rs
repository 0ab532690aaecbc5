//! Bad networks between Posthouse and some of its mail servers: every fault is found, nothing is lost or invented, nobody is hammered,
//! and other accounts do not feel it.

use std::time::{Duration, Instant};

use posthouse_testkit::{ImapClient, Mode, News, env, imap_addr};
use serde_json::{Value, json};

use crate::fleet::Fleet;

/// Within that time of being poked, a dead connection is known to be dead.
const DEADLINE: Duration = Duration::from_secs(60);
/// From the end of a fault until everything is told.
const RECOVERY: Duration = Duration::from_secs(60);

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test]
async fn half_open_connections_are_found_when_probed() {
    let mut fleet = Fleet::start(3, false, Value::Null).await;
    let before = fleet.attempts();
    fleet
        .patients
        .iter()
        .for_each(|patient| patient.proxy.vanish_all());
    fleet.mail().await;
    fleet.sync().await;
    let found = fleet.found(&before, DEADLINE).await;
    eprintln!("half-open connections found after {found:?}");
    fleet.told_once(RECOVERY).await;
}

#[tokio::test]
async fn stalled_connections_are_found_and_not_hammered() {
    let mut fleet = Fleet::start(2, false, Value::Null).await;
    let before = fleet.attempts();
    fleet.set(Mode::Blackhole);
    fleet.mail().await;
    fleet.sync().await;
    let found = fleet.found(&before, DEADLINE).await;
    eprintln!("stalled connections found after {found:?}");
    let stalled = fleet.attempts();
    seconds(20).await;
    for (before, after) in stalled.iter().zip(fleet.attempts()) {
        assert!(after - before <= 6, "{} attempts in 20 s", after - before);
    }
    fleet.set(Mode::Pass);
    fleet.sync().await;
    fleet.told_once(RECOVERY).await;
}

#[tokio::test]
async fn refused_connections_are_tried_ever_later_and_come_back_by_themselves() {
    let mut fleet = Fleet::start(3, false, Value::Null).await;
    for patient in &fleet.patients {
        patient.proxy.set(Mode::Refuse);
        patient.proxy.cut_all();
    }
    let before = fleet.attempts();
    fleet.mail().await;
    seconds(20).await;
    // 2 s, then half as much again each time, and up to a second of jitter: at most 2 + 3 + 4.5 + 6.75 s for the first four.
    for (before, after) in before.iter().zip(fleet.attempts()) {
        let attempts = after - before;
        assert!((2..=5).contains(&attempts), "{attempts} attempts in 20 s");
    }
    fleet.set(Mode::Pass);
    fleet.told_once(RECOVERY).await;
}

#[tokio::test]
async fn news_that_the_server_forgot_to_tell_are_found_by_the_sweep() {
    let mut fleet = Fleet::start(3, true, json!({ "resyncDelay": 3 })).await;
    for patient in &fleet.patients {
        patient.proxy.set(Mode::Forget(News::Arrivals));
    }
    let start = Instant::now();
    fleet.mail().await;
    fleet.told_once(Duration::from_secs(20)).await;
    eprintln!("forgotten arrivals told within {:?}", start.elapsed());
    // Flags and ends as well.
    fleet.hooks.clear();
    for patient in &fleet.patients {
        patient.proxy.set(Mode::Forget(News::All));
        let mut other = ImapClient::login_at(imap_addr(), &patient.user, env::IMAP_PASSWORD).await;
        other.command("SELECT INBOX").await;
        other.command("UID STORE 2 +FLAGS.SILENT (\\Flagged)").await;
        other.command("UID STORE 1 +FLAGS.SILENT (\\Deleted)").await;
        other.command("UID EXPUNGE 1").await;
    }
    let limit = Duration::from_secs(25);
    for patient in &fleet.patients {
        for (event, uid) in [("messageUpdated", 2), ("messageDeleted", 1)] {
            let about = |hook: &posthouse_testkit::Hook| {
                hook.account() == patient.user
                    && hook.event() == event
                    && hook.json()["data"]["uid"] == uid
            };
            fleet.hooks.wait_for(limit, about).await;
        }
    }
    seconds(2).await;
    for (user, told) in fleet.told() {
        let counts: Vec<_> = told.values().copied().collect();
        // The deleted one may have been seen flagged \Deleted first.
        assert!(
            counts.iter().all(|count| *count == 1) && counts.len() <= 3,
            "{user}: {told:?}"
        );
    }
}

#[tokio::test]
async fn corrupted_tls_ends_the_connection_and_invents_nothing() {
    let mut fleet = Fleet::start(3, false, Value::Null).await;
    let before = fleet.attempts();
    fleet.set(Mode::Corrupt(300));
    for _ in 0..4 {
        fleet.mail().await;
        fleet.sync().await;
        seconds(2).await;
    }
    fleet.found(&before, DEADLINE).await;
    for (before, after) in before.iter().zip(fleet.attempts()) {
        // Asking for a comparison tries at once, and begins a new row of attempts.
        assert!(
            after - before <= 16,
            "{} attempts in 8 s, four of them asked for",
            after - before
        );
    }
    fleet.set(Mode::Pass);
    fleet.sync().await;
    fleet.told_once(RECOVERY).await;
}

/// Without TLS nobody can know which bytes are wrong; but what follows the garbage is followed again.
#[tokio::test]
async fn garbage_without_tls_is_survived() {
    let mut fleet = Fleet::start(3, true, Value::Null).await;
    fleet.set(Mode::Corrupt(60));
    let before = fleet.attempts();
    for _ in 0..4 {
        fleet.mail().await;
        fleet.sync().await;
        seconds(2).await;
    }
    for (before, after) in before.iter().zip(fleet.attempts()) {
        assert!(
            after - before <= 16,
            "{} attempts in 8 s, four of them asked for",
            after - before
        );
    }
    for patient in &fleet.patients {
        patient.proxy.set(Mode::Pass);
        patient.proxy.cut_all();
    }
    fleet.sync().await;
    seconds(3).await;
    fleet.mail().await;
    for patient in &fleet.patients {
        let last = format!("<4.{}@example.org>", patient.user);
        let about = |hook: &posthouse_testkit::Hook| {
            hook.event() == "messageNew" && hook.json()["data"]["messageId"] == last.as_str()
        };
        fleet.hooks.wait_for(RECOVERY, about).await;
        let told = &fleet.told()[&patient.user];
        assert_eq!(told[&format!("messageNew {last}")], 1);
    }
    assert!(!fleet.server.log().contains("panicked"));
}

#[tokio::test]
async fn connections_that_break_anywhere_lose_nothing() {
    let mut fleet = Fleet::start(3, false, Value::Null).await;
    for bytes in [1, 60, 300, 900, 2500, 6000, 12_000] {
        fleet.mail().await;
        for patient in &fleet.patients {
            patient.proxy.set(Mode::CutAfter(bytes));
            patient.proxy.cut_all();
        }
        fleet.sync().await;
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    fleet.set(Mode::Pass);
    fleet.sync().await;
    fleet.told_once(RECOVERY).await;
}

#[tokio::test]
async fn slow_connections_are_followed_all_the_same() {
    let mut fleet = Fleet::start(2, false, Value::Null).await;
    for patient in &fleet.patients {
        patient.proxy.set(Mode::Dribble(Duration::from_millis(1)));
        patient.proxy.cut_all();
    }
    fleet.mail().await;
    fleet.sync().await;
    fleet.told_once(Duration::from_secs(90)).await;
}
