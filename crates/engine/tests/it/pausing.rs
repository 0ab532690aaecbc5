//! A paused queue is paused for every process on the store.

use std::time::Instant;

use posthouse_model::{EventType, outbox::Job, queue::QueueName};
use posthouse_testkit::{SmtpSink, eventually};
use serde_json::json;

use crate::support::{House, LIMIT, Process, postgres, smtp_account};

async fn pause(house: &House, processes: &[Process], paused: bool) {
    let queues = [QueueName::Notify, QueueName::Submit];
    house
        .set(&queues.map(|queue| (queue.pause_setting(), json!(paused))))
        .await;
    for process in processes {
        eventually("noticed", LIMIT, || async {
            let settings = process.settings();
            let seen = queues.map(|queue| settings.is_paused(queue) == paused);
            (seen == [true, true]).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_neither_delivers_nor_sends() {
    let house = postgres().await;
    let sink = SmtpSink::start().await;
    let account = smtp_account("ann", &sink);
    let processes = [house.start().await, house.start().await];
    let id = processes[0].register(&account).await;
    pause(&house, &processes, true).await;
    for _ in 0..10 {
        for process in &processes {
            process.record(&account, json!({})).await;
        }
    }
    for (number, process) in processes.iter().enumerate() {
        process
            .submit(&id, &number.to_string(), Job::default())
            .await;
        process.wake_webhooks();
    }
    let resumed = Instant::now();
    pause(&house, &processes, false).await;
    let told = |wanted: EventType, count: usize| {
        let hooks = &house.hooks;
        eventually("deliveries", LIMIT, move || async move {
            let hooks = hooks.hooks();
            let told = hooks
                .into_iter()
                .filter(|hook| hook.event() == wanted.as_str());
            let told: Vec<_> = told.collect();
            (told.len() >= count).then_some(told)
        })
    };
    for hook in told(EventType::MessageNew, 20).await {
        assert!(hook.at > resumed, "delivered while the queue was paused");
    }
    told(EventType::MessageSent, 2).await;
    assert_eq!(sink.mails().len(), 2);
}
