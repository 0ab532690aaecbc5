use std::collections::BTreeSet;
use std::time::Duration;

use posthouse_model::outbox::{Job, Progress, ProgressStatus, QueueId, SmtpEnvelope, Source};
use posthouse_model::{AccountId, Timestamp};
use posthouse_store::outbox::{self, After, Lease, NewMessage, Work};
use posthouse_store::{Batch, Paging, Store, blob};

use crate::support::{Fresh, number};

both!(
    message_round_trip,
    leases,
    ambiguous_attempt_is_remembered,
    listing_and_counts,
    workers_never_share_a_message,
    leaving_takes_the_blob_along,
    a_paced_account_gives_one_message_a_turn,
    who_waits_behind_others_is_found,
    what_was_sent_is_work_of_its_own,
    what_failed_can_be_sent_again,
);

const LEASE: Duration = Duration::from_secs(30);

fn progress(status: ProgressStatus) -> Progress {
    Progress {
        status,
        response: None,
        error: None,
        ambiguous: None,
    }
}

fn job() -> Job {
    Job {
        message_id: "<1@example.com>".to_owned(),
        envelope: SmtpEnvelope {
            from: "a@example.com".to_owned(),
            to: vec!["b@example.com".to_owned()],
        },
        proxy: Some("socks5://user:hunter2@proxy".to_owned()),
        ..Job::default()
    }
}

async fn enqueue(store: &Store, account: &str, scheduled: Timestamp, body: &[u8]) -> QueueId {
    let id = QueueId::generate(store.now()).unwrap();
    let message = blob::write(store, body).await.unwrap();
    let mut batch = Batch::new();
    outbox::enqueue(
        store,
        &mut batch,
        &NewMessage {
            id: &id,
            account: &AccountId::new(account),
            source: Source::Api,
            scheduled,
            attempts: 10,
            progress: &progress(ProgressStatus::Queued),
            job: &job(),
            blob: &message,
        },
    )
    .unwrap();
    store.commit(batch).await.unwrap();
    id
}

async fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    store.commit(batch).await.unwrap();
}

async fn refused(store: &Store, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    assert!(
        store
            .commit(batch)
            .await
            .unwrap_err()
            .is_guard(outbox::LEASE_GUARD)
    );
}

async fn message_round_trip(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let id = enqueue(store, "ann", now, b"Subject: x\r\n\r\nbody").await;
    let found = outbox::get(store, &id).await.unwrap().unwrap();
    assert_eq!(found.entry.id, id);
    assert_eq!(found.entry.account.as_str(), "ann");
    assert_eq!(found.entry.job, job());
    assert_eq!(found.entry.next_attempt, Some(now));
    assert_eq!((found.entry.attempts_made, found.entry.attempts), (0, 10));
    assert_eq!(
        (found.lease, found.sending_attempt, found.held, found.failed),
        (None, None, false, false)
    );
    let message = blob::open(store, &found.blob).await.unwrap().unwrap();
    assert_eq!(
        message.bytes(1000).await.unwrap(),
        b"Subject: x\r\n\r\nbody"[..]
    );
    let row = store
        .query_one("SELECT job FROM outbox", vec![])
        .await
        .unwrap()
        .unwrap();
    assert!(
        !row.blob(0)
            .unwrap()
            .windows(7)
            .any(|part| part == b"hunter2")
    );
    let absent: QueueId = "0".repeat(19).parse().unwrap();
    assert!(outbox::get(store, &absent).await.unwrap().is_none());
}

async fn leases(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let id = enqueue(store, "ann", now, b"x").await;
    enqueue(store, "ann", now.after(Duration::from_secs(60)), b"x").await;
    let claimed = outbox::claim(store, Work::Send, "w1", now, LEASE, 10, &[])
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1, "the other one is not due");
    let (lost, message) = claimed.into_iter().next().unwrap();
    assert_eq!(lost.id, id);
    assert_eq!(message.entry.next_attempt, None);
    assert_eq!(
        message.lease.as_ref().map(|(owner, _)| owner.as_str()),
        Some("w1")
    );
    assert!(
        outbox::claim(store, Work::Send, "w2", now, LEASE, 10, &[])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        outbox::next_due(store, Work::Send, now).await.unwrap(),
        Some(now.after(Duration::from_secs(60))),
        "what is leased is nobody's to wait for"
    );
    commit(store, |batch| {
        outbox::renew(batch, &lost, now.after(LEASE * 2))
    })
    .await;
    let over = now.after(LEASE).after(Duration::from_millis(1));
    assert!(
        outbox::claim(store, Work::Send, "w2", over, LEASE, 10, &[])
            .await
            .unwrap()
            .is_empty(),
        "renewed"
    );

    let over = now.after(LEASE * 2);
    refused(store, |batch| outbox::mark_sending(batch, &lost, over)).await;
    // The second message has become due meanwhile.
    let claimed = outbox::claim(store, Work::Send, "w2", over, LEASE, 10, &[])
        .await
        .unwrap();
    assert_eq!(claimed.len(), 2);
    let lease = &claimed[0].0;
    assert_eq!(lease.id, id);
    let state = progress(ProgressStatus::Error);
    refused(store, |batch| outbox::renew(batch, &lost, over)).await;
    refused(store, |batch| outbox::mark_sending(batch, &lost, now)).await;
    refused(store, |batch| outbox::finish(batch, &lost, &message.blob)).await;
    refused(store, |batch| outbox::release(batch, &lost, now)).await;
    refused(store, |batch| {
        outbox::set_progress(batch, &lost, &state).unwrap()
    })
    .await;
    refused(store, |batch| {
        outbox::give_up_attempt(batch, &lost, After::Fail, &state, now).unwrap();
    })
    .await;
    commit(store, |batch| {
        outbox::set_progress(batch, lease, &state).unwrap()
    })
    .await;
    commit(store, |batch| outbox::release(batch, lease, now)).await;
    let found = outbox::get(store, &id).await.unwrap().unwrap();
    assert_eq!(
        (found.entry.attempts_made, found.entry.next_attempt),
        (0, Some(now))
    );
    assert_eq!(found.entry.progress, state);
}

async fn ambiguous_attempt_is_remembered(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    enqueue(store, "ann", now, b"x").await;
    let (lease, _) = outbox::claim(store, Work::Send, "w1", now, LEASE, 1, &[])
        .await
        .unwrap()
        .remove(0);
    commit(store, |batch| outbox::mark_sending(batch, &lease, now)).await;
    // The process dies here, and another one starts.
    commit(store, outbox::release_all).await;
    let over = now;
    let (lease, message) = outbox::claim(store, Work::Send, "w2", over, LEASE, 1, &[])
        .await
        .unwrap()
        .remove(0);
    assert_eq!(message.sending_attempt, Some(1));
    let due = over.after(Duration::from_secs(5));
    commit(store, |batch| {
        outbox::give_up_attempt(
            batch,
            &lease,
            After::Retry(due),
            &progress(ProgressStatus::Queued),
            over,
        )
        .unwrap();
    })
    .await;
    assert!(
        outbox::claim(store, Work::Send, "w2", over, LEASE, 1, &[])
            .await
            .unwrap()
            .is_empty()
    );
    let (lease, message) = outbox::claim(store, Work::Send, "w2", due, LEASE, 1, &[])
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        (message.sending_attempt, message.entry.attempts_made),
        (None, 1)
    );
    commit(store, |batch| {
        outbox::give_up_attempt(
            batch,
            &lease,
            After::Hold,
            &progress(ProgressStatus::Error),
            due,
        )
        .unwrap();
    })
    .await;
    let held = outbox::get(store, &lease.id).await.unwrap().unwrap();
    assert!(held.held && !held.failed);
    assert_eq!(held.entry.next_attempt, None);
}

async fn listing_and_counts(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let hour = Duration::from_secs(3600);
    let active = enqueue(store, "a", now.before(hour), b"x").await;
    let claimed = outbox::claim(store, Work::Send, "w", now, LEASE, 1, &[])
        .await
        .unwrap();
    assert_eq!(claimed[0].0.id, active);
    let failed = enqueue(store, "b", now.before(hour), b"x").await;
    let (lease, _) = outbox::claim(store, Work::Send, "w", now, LEASE, 1, &[])
        .await
        .unwrap()
        .remove(0);
    commit(store, |batch| {
        outbox::give_up_attempt(
            batch,
            &lease,
            After::Fail,
            &progress(ProgressStatus::Error),
            now,
        )
        .unwrap();
    })
    .await;
    let delayed_late = enqueue(store, "a", now.after(hour * 2), b"x").await;
    let delayed = enqueue(store, "a", now.after(hour), b"x").await;
    let waiting = enqueue(store, "b", now, b"x").await;

    let list = async |account: Option<&AccountId>, page, size| {
        let page = outbox::list(store, account, now, Paging { page, size })
            .await
            .unwrap();
        (
            page.total,
            page.items
                .into_iter()
                .map(|item| item.entry.id)
                .collect::<Vec<_>>(),
        )
    };
    let order = vec![
        delayed,
        delayed_late,
        waiting.clone(),
        active,
        failed.clone(),
    ];
    assert_eq!(list(None, 0, 10).await, (5, order.clone()));
    assert_eq!(list(None, 1, 2).await, (5, order[2..4].to_vec()));
    assert_eq!(
        list(Some(&AccountId::new("b")), 0, 10).await,
        (2, vec![waiting, failed])
    );
    let counts = outbox::counts(store, now).await.unwrap();
    assert_eq!(
        (counts.delayed, counts.waiting, counts.active, counts.failed),
        (2, 1, 1, 1)
    );
    commit(store, |batch| outbox::sweep(batch, now.after(hour))).await;
    assert_eq!(outbox::counts(store, now).await.unwrap().failed, 0);
}

async fn workers_never_share_a_message(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    for at in 0..150 {
        enqueue(store, &format!("a{at}"), now, b"x").await;
    }
    let tasks: Vec<_> = (0..8)
        .map(|worker| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut all: Vec<Lease> = Vec::new();
                loop {
                    let claimed = outbox::claim(
                        &store,
                        Work::Send,
                        &format!("w{worker}"),
                        now,
                        LEASE,
                        7,
                        &[],
                    )
                    .await
                    .unwrap();
                    if claimed.is_empty() {
                        return all;
                    }
                    all.extend(claimed.into_iter().map(|(lease, _)| lease));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.extend(
        outbox::claim(store, Work::Send, "last", now, LEASE, 1000, &[])
            .await
            .unwrap()
            .into_iter()
            .map(|(lease, _)| lease),
    );
    assert_eq!(all.len(), 150);
    let different: BTreeSet<_> = all.iter().map(|lease| lease.id.clone()).collect();
    assert_eq!(different.len(), 150, "no message in two hands");
}

async fn leaving_takes_the_blob_along(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let large = vec![7; 100_000];
    enqueue(store, "a", now, b"x").await;
    let deleted = enqueue(store, "b", now.after(LEASE), &large).await;
    enqueue(store, "c", now.after(LEASE), &large).await;
    let (lease, message) = outbox::claim(store, Work::Send, "w", now, LEASE, 1, &[])
        .await
        .unwrap()
        .remove(0);
    commit(store, |batch| outbox::finish(batch, &lease, &message.blob)).await;
    let mut batch = Batch::new();
    let first = outbox::delete(&mut batch, &deleted);
    let second = outbox::delete(&mut batch, &deleted);
    let committed = store.commit(batch).await.unwrap();
    assert_eq!(
        (committed.affected(first), committed.affected(second)),
        (1, 0)
    );
    assert_eq!(number(store, "SELECT COUNT(*) FROM blobs").await, 1);
    commit(store, |batch| {
        outbox::delete_of_account(batch, &AccountId::new("c"))
    })
    .await;
    assert_eq!(number(store, "SELECT COUNT(*) FROM blobs").await, 0);
    assert_eq!(number(store, "SELECT COUNT(*) FROM outbox").await, 0);
}

async fn claim(store: &Store, work: Work, now: Timestamp) -> Vec<Lease> {
    let claimed = outbox::claim(store, work, "w", now, LEASE, 10, &[]).await;
    let claimed = claimed.unwrap().into_iter();
    claimed.map(|(lease, _)| lease).collect()
}

async fn take_turn(store: &Store, account: &str, pace: u64, now: Timestamp) -> bool {
    let mut batch = Batch::new();
    let pace = Duration::from_millis(pace);
    let turn = outbox::take_turn(&mut batch, &AccountId::new(account), pace, now);
    store.commit(batch).await.unwrap().affected(turn) > 0
}

async fn a_paced_account_gives_one_message_a_turn(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let at = |millis| now.after(Duration::from_millis(millis));
    let first = enqueue(store, "slow", now, b"x").await;
    let second = enqueue(store, "slow", at(1), b"x").await;
    let free = enqueue(store, "free", at(2), b"x").await;
    assert!(take_turn(store, "slow", 1000, at(2)).await);
    assert!(!take_turn(store, "slow", 1000, at(1001)).await);

    let claimed = claim(store, Work::Send, at(2)).await;
    let ids: Vec<_> = claimed.iter().map(|lease| lease.id.clone()).collect();
    assert_eq!(ids, [free], "it is not the turn of the other");
    assert_eq!(
        outbox::next_due(store, Work::Send, at(2)).await.unwrap(),
        Some(at(1002))
    );
    let waiting = outbox::get(store, &first).await.unwrap().unwrap();
    assert_eq!(waiting.entry.next_attempt, Some(at(1002)));
    let counts = outbox::counts(store, at(3)).await.unwrap();
    assert_eq!((counts.delayed, counts.waiting, counts.active), (2, 0, 1));
    let paging = Paging { page: 0, size: 10 };
    let listed = outbox::list(store, None, at(3), paging).await.unwrap();
    assert_eq!(listed.items[0].entry.id, first);

    // One, the longest waiting; it can be put back as if nothing had been.
    let claimed = claim(store, Work::Send, at(1002)).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].id, first);
    commit(store, |batch| outbox::put_back(batch, &claimed[0])).await;
    assert_eq!(claim(store, Work::Send, at(1002)).await[0].id, first);
    // Late by less than a pace: the next keeps to the beat. Late by more: the beat begins anew.
    assert!(take_turn(store, "slow", 1000, at(1302)).await);
    assert!(!take_turn(store, "slow", 1000, at(2001)).await);
    assert!(take_turn(store, "slow", 1000, at(2002)).await);
    assert!(take_turn(store, "slow", 1000, at(9000)).await);
    assert!(!take_turn(store, "slow", 1000, at(9999)).await);
    assert!(claim(store, Work::Send, at(9999)).await.is_empty());

    // Another pace: whoever comes next looks, and it counts from the last turn.
    commit(store, |batch| {
        outbox::repace(batch, Some(&AccountId::new("slow")))
    })
    .await;
    assert_eq!(claim(store, Work::Send, at(9100)).await[0].id, second);
    assert!(!take_turn(store, "slow", 500, at(9100)).await);
    let found = outbox::get(store, &second).await.unwrap().unwrap();
    assert_eq!(found.turn, Some(at(9500)));
    commit(store, |batch| {
        outbox::unpace(batch, &AccountId::new("slow"))
    })
    .await;
    let found = outbox::get(store, &second).await.unwrap().unwrap();
    assert_eq!(found.turn, None);
}

/// What lies before others in the queue and may not be sent now hides nobody, however much it is.
async fn who_waits_behind_others_is_found(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let at = |millis| now.after(Duration::from_millis(millis));
    for _ in 0..150 {
        enqueue(store, "busy", now, b"x").await;
        enqueue(store, "paced", now, b"x").await;
    }
    assert!(take_turn(store, "paced", 1000, at(5)).await);
    let late = enqueue(store, "ann", at(3), b"x").await;
    let early = enqueue(store, "zoe", at(2), b"x").await;
    enqueue(store, "not yet", at(7000), b"x").await;
    for _ in 0..20 {
        enqueue(store, "bob", at(4), b"x").await;
    }
    for state in ["queued", "sent"] {
        // Copies are not paced.
        let except = ["busy", "paced"].map(AccountId::new);
        let except = if state == "queued" {
            &except[..1]
        } else {
            &except
        };
        let work = if state == "queued" {
            Work::Send
        } else {
            Work::FollowUp
        };
        let claim = async |limit| {
            let claimed = outbox::claim(store, work, "w", at(5), LEASE, limit, except).await;
            let claimed = claimed.unwrap().into_iter();
            let claimed = claimed.map(|(lease, message)| (lease.id, message.entry.account));
            claimed.unzip::<_, _, Vec<_>, Vec<_>>()
        };
        assert_eq!(
            claim(1).await.0,
            std::slice::from_ref(&early),
            "{state}: the longest waiting first"
        );
        let (ids, accounts) = claim(20).await;
        assert_eq!(ids[0], late, "{state}");
        assert_eq!(accounts.len(), 9, "{state}: a part of what bob has");
        assert_eq!(claim(20).await.1.len(), 8, "{state}");
        assert_eq!(claim(20).await.1, vec![AccountId::new("bob"); 4], "{state}");
        assert_eq!(claim(20).await.0, [], "{state}");
        commit(store, |batch| {
            batch.push("UPDATE outbox SET state='sent', lease_until=0", Vec::new());
        })
        .await;
    }
}

async fn what_was_sent_is_work_of_its_own(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let id = enqueue(store, "ann", now, b"x").await;
    let lease = claim(store, Work::Send, now).await.remove(0);
    commit(store, |batch| outbox::mark_sending(batch, &lease, now)).await;
    let state = progress(ProgressStatus::SmtpCompleted);
    commit(store, |batch| {
        outbox::set_sent(batch, &lease, &state, now).unwrap()
    })
    .await;
    let found = outbox::get(store, &id).await.unwrap().unwrap();
    assert!(found.sent && found.sending_attempt.is_none());
    assert_eq!(found.marked, Some(now));
    assert!(claim(store, Work::Send, now).await.is_empty());
    let lease = claim(store, Work::FollowUp, now).await.remove(0);
    assert!(claim(store, Work::FollowUp, now).await.is_empty());
    // Some recipients are still to get it.
    let mut rest = job();
    rest.envelope.to = vec!["late@example.com".to_owned()];
    commit(store, |batch| {
        outbox::set_job(store, batch, &lease, &rest).unwrap();
        let queued = progress(ProgressStatus::Queued);
        outbox::requeue(batch, &lease, 3, now, &queued).unwrap();
    })
    .await;
    assert!(claim(store, Work::FollowUp, now).await.is_empty());
    assert_eq!(claim(store, Work::Send, now).await.len(), 1);
    let found = outbox::get(store, &id).await.unwrap().unwrap();
    assert_eq!((found.entry.attempts_made, found.entry.job), (3, rest));
}

async fn what_failed_can_be_sent_again(fresh: &Fresh) {
    let store = &fresh.store;
    let now = store.now();
    let retry = async |id: &QueueId| {
        let mut batch = Batch::new();
        let queued = progress(ProgressStatus::Queued);
        let done = outbox::retry(&mut batch, id, &queued, now).unwrap();
        store.commit(batch).await.unwrap().affected(done)
    };
    for after in [After::Fail, After::Hold] {
        let id = enqueue(store, "ann", now, b"x").await;
        assert_eq!(retry(&id).await, 0, "it is queued");
        let lease = claim(store, Work::Send, now).await.remove(0);
        assert_eq!(retry(&id).await, 0, "it is being sent");
        commit(store, |batch| {
            let state = progress(ProgressStatus::Error);
            outbox::give_up_attempt(batch, &lease, after, &state, now).unwrap();
        })
        .await;
        assert!(claim(store, Work::Send, now).await.is_empty());
        assert_eq!(retry(&id).await, 1);
        let (_, message) = outbox::claim(store, Work::Send, "w", now, LEASE, 10, &[])
            .await
            .unwrap()
            .remove(0);
        assert_eq!((message.entry.id, message.entry.attempts_made), (id, 0));
    }
}
