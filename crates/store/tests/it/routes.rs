//! Webhook routes: sealed, guarded against lost updates, with bounded logs; bodies that their scripts made.

use std::time::Duration;

use posthouse_model::account::CustomHeader;
use posthouse_model::route::{RouteConfig, RouteContent, RouteFault, RouteId, WebhookRoute};
use posthouse_model::{AccountId, EventType, Secret, Timestamp};
use posthouse_store::deliveries::{self, Lane, Mapped, Settled};
use posthouse_store::generation::{self, Generation};
use posthouse_store::{Batch, BatchError, Paging, events, routes, upkeep};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Fresh, number};

both!(
    are_stored_changed_and_deleted,
    are_listed_in_pages,
    counts_flags_and_errors,
    bodies_stay_with_their_deliveries,
    bodies_are_measured,
    lanes_that_lead_nowhere_are_swept,
);

fn config(name: &str) -> RouteConfig {
    RouteConfig {
        name: name.to_owned(),
        description: format!("about {name}"),
        enabled: true,
        target_url: Some("https://user:hidden-password@example.com/hook".to_owned()),
        custom_headers: vec![CustomHeader {
            key: "X-Key".to_owned(),
            value: Secret::new("hidden-header"),
        }],
        content: RouteContent {
            filter: Some("return 'hidden-script'".to_owned()),
            map: None,
        },
    }
}

async fn insert(fresh: &Fresh, config: &RouteConfig, created: i64) -> RouteId {
    let id = RouteId::new(Timestamp(created), 7);
    let mut batch = Batch::new();
    routes::insert(&fresh.store, &mut batch, &id, config, Timestamp(created)).unwrap();
    fresh.store.commit(batch).await.unwrap();
    id
}

async fn get(fresh: &Fresh, id: &RouteId) -> WebhookRoute {
    routes::get(&fresh.store, id).await.unwrap().unwrap()
}

async fn moved(fresh: &Fresh) -> i64 {
    generation::read(&fresh.store).await.unwrap()[&Generation::Routes]
}

async fn are_stored_changed_and_deleted(fresh: &Fresh) {
    let store = &fresh.store;
    let before = moved(fresh).await;
    let id = insert(fresh, &config("one"), 1_000).await;
    let route = get(fresh, &id).await;
    assert_eq!(route.config, config("one"));
    assert_eq!((route.v, route.tcount), (1, 0));
    assert_eq!(
        (route.created, route.updated),
        (Timestamp(1_000), Timestamp(1_000))
    );
    assert_eq!(
        routes::live(store).await.unwrap(),
        std::slice::from_ref(&id)
    );
    // What is secret stands nowhere as it is.
    let row = store
        .query_one("SELECT search, config FROM webhook_routes", Vec::new())
        .await
        .unwrap()
        .unwrap();
    let bytes = [row.text(0).unwrap().as_bytes(), row.blob(1).unwrap()].concat();
    assert!(!String::from_utf8_lossy(&bytes).contains("hidden"));

    let mut off = config("other");
    off.enabled = false;
    let change = |version| {
        let mut batch = Batch::new();
        routes::update(store, &mut batch, &id, version, &off, Timestamp(2_000)).unwrap();
        store.commit(batch)
    };
    change(1).await.unwrap();
    let lost = change(1).await.unwrap_err();
    assert!(lost.is_guard(routes::VERSION_GUARD), "{lost}");
    let route = get(fresh, &id).await;
    assert_eq!(route.config, off);
    assert_eq!((route.v, route.updated), (2, Timestamp(2_000)));
    assert!(routes::live(store).await.unwrap().is_empty());

    let mut batch = Batch::new();
    let deleted = routes::delete(&mut batch, &id);
    assert_eq!(store.commit(batch).await.unwrap().affected(deleted), 1);
    assert_eq!(routes::get(store, &id).await.unwrap(), None);
    assert!(!routes::exists(store, &id).await.unwrap());
    assert!(matches!(
        change(2).await,
        Err(BatchError::GuardFailed { .. })
    ));
    // Made, changed, deleted: each was told, what failed was not.
    assert_eq!(moved(fresh).await, before + 3);
}

async fn are_listed_in_pages(fresh: &Fresh) {
    for number in 0..5 {
        insert(fresh, &config(&format!("Route {number}")), number).await;
    }
    let list = |query: &'static str, page, size| async move {
        let page = routes::list(&fresh.store, query, Paging { page, size })
            .await
            .unwrap();
        let names = page.items.into_iter().map(|route| route.config.name);
        (page.total, names.collect::<Vec<_>>())
    };
    assert_eq!(
        list("", 0, 2).await,
        (5, vec!["Route 4".to_owned(), "Route 3".to_owned()])
    );
    assert_eq!(list("", 2, 2).await, (5, vec!["Route 0".to_owned()]));
    assert_eq!(list("ROUTE 3", 0, 9).await, (1, vec!["Route 3".to_owned()]));
    assert_eq!(list("about route", 1, 4).await.0, 5);
    assert_eq!(list("%", 0, 9).await.0, 0);
}

async fn counts_flags_and_errors(fresh: &Fresh) {
    let store = &fresh.store;
    let id = insert(fresh, &config("one"), 1).await;
    let fault = |number: i64| RouteFault {
        time: Timestamp(number),
        event: EventType::MessageNew,
        event_id: Uuid::nil().to_string(),
        account: AccountId::new("a"),
        message: format!("no {number}"),
        logs: vec!["a line".to_owned()],
    };
    let flag = json!({ "message": "refused" });
    let mut batch = Batch::new();
    routes::count(&mut batch, &id, 3);
    routes::set_error(&mut batch, &id, Some(&flag)).unwrap();
    for number in 0..25 {
        routes::log(&mut batch, &id, &fault(number)).unwrap();
    }
    // Of a route that was deleted meanwhile nothing is kept.
    routes::log(&mut batch, &RouteId::named("gone"), &fault(0)).unwrap();
    store.commit(batch).await.unwrap();
    let mut batch = Batch::new();
    routes::count(&mut batch, &id, 2);
    store.commit(batch).await.unwrap();
    let route = get(fresh, &id).await;
    assert_eq!(route.tcount, 5);
    assert_eq!(route.webhook_error_flag, Some(flag));
    assert_eq!(route.v, 1, "what happens to a route is no change of it");
    let faults = routes::faults(store, &id).await.unwrap();
    let expected: Vec<_> = (5..25).rev().map(fault).collect();
    assert_eq!(faults, expected);
    let rows = number(store, "SELECT COUNT(*) FROM webhook_route_log").await;
    assert_eq!(rows, 20);

    let mut batch = Batch::new();
    routes::set_error(&mut batch, &id, None).unwrap();
    routes::clear_faults(&mut batch, &id);
    store.commit(batch).await.unwrap();
    assert_eq!(get(fresh, &id).await.webhook_error_flag, None);
    assert!(routes::faults(store, &id).await.unwrap().is_empty());
}

async fn queue(fresh: &Fresh, endpoint: &str) -> (Uuid, Uuid) {
    let account = AccountId::new("a");
    let mut batch = Batch::new();
    let (event, _) = events::append(&mut batch, &account, EventType::MessageNew, "{}");
    let id = deliveries::enqueue(&mut batch, &account, &event, endpoint);
    fresh.store.commit(batch).await.unwrap();
    (event, id)
}

async fn claim(fresh: &Fresh) -> Lane {
    let now = fresh.store.now().after(Duration::from_secs(1));
    let until = now.after(Duration::from_secs(30));
    let mut lanes = deliveries::claim(&fresh.store, "w", now, until, 10)
        .await
        .unwrap();
    assert_eq!(lanes.len(), 1);
    lanes.remove(0)
}

async fn bodies_stay_with_their_deliveries(fresh: &Fresh) {
    let store = &fresh.store;
    let (event, mapped) = queue(fresh, "r").await;
    let (_, same) = queue(fresh, "r").await;
    let (_, not) = queue(fresh, "r").await;
    let lane = claim(fresh).await;
    let due = || async {
        let later = store.now().after(Duration::from_secs(1));
        let due = deliveries::due(store, &lane, later, 64, 1 << 20)
            .await
            .unwrap();
        let due = due.into_iter();
        due.map(|one| (one.id, one.mapped, one.payload))
            .collect::<Vec<_>>()
    };
    let new = |id| (id, Mapped::Not, "{}".to_owned());
    assert_eq!(due().await, [new(mapped), new(same), new(not)]);
    let mut batch = Batch::new();
    deliveries::guard(&mut batch, &lane);
    deliveries::map(&mut batch, &mapped, Some("{\"mapped\":1}"));
    deliveries::map(&mut batch, &same, None);
    store.commit(batch).await.unwrap();
    let other = (mapped, Mapped::Other, "{\"mapped\":1}".to_owned());
    assert_eq!(
        due().await,
        [
            other.clone(),
            (same, Mapped::Same, "{}".to_owned()),
            new(not)
        ]
    );

    // Delivered again, it is the same.
    let mut batch = Batch::new();
    deliveries::guard(&mut batch, &lane);
    for id in [&mapped, &same, &not] {
        deliveries::settle(&mut batch, id, store.now(), Settled::Done, None, None).unwrap();
    }
    let now = store.now();
    let again = deliveries::repeat(&mut batch, &event, "r", now, now);
    store.commit(batch).await.unwrap();
    assert_eq!(due().await, [(again, other.1, other.2)]);
    // Elsewhere the script of that route has to run.
    let mut batch = Batch::new();
    let elsewhere = deliveries::repeat(&mut batch, &event, "s", now, now);
    store.commit(batch).await.unwrap();
    let lane = claim(fresh).await;
    let due = deliveries::due(store, &lane, now.after(Duration::from_secs(1)), 64, 1 << 20)
        .await
        .unwrap();
    assert_eq!((due[0].id, due[0].mapped), (elsewhere, Mapped::Not));
}

async fn bodies_are_measured(fresh: &Fresh) {
    let store = &fresh.store;
    let mut batch = Batch::new();
    for _ in 0..3 {
        let (_, id) = queue(fresh, "r").await;
        deliveries::map(&mut batch, &id, Some(&"x".repeat(100)));
    }
    store.commit(batch).await.unwrap();
    assert_eq!(deliveries::fitting_since(store, 300).await.unwrap(), None);
    let since = deliveries::fitting_since(store, 250).await.unwrap();
    assert!(since.is_some_and(|since| since <= store.now()), "{since:?}");
}

async fn lanes_that_lead_nowhere_are_swept(fresh: &Fresh) {
    let store = &fresh.store;
    let kept = insert(fresh, &config("one"), 1).await;
    for endpoint in ["default", kept.as_str(), "gone", "busy"] {
        queue(fresh, endpoint).await;
    }
    let mut batch = Batch::new();
    batch.push(
        "UPDATE lanes SET due=NULL WHERE endpoint <> 'busy'",
        Vec::new(),
    );
    store.commit(batch).await.unwrap();
    upkeep::run(store).await.unwrap();
    let left = number(store, "SELECT COUNT(*) FROM lanes").await;
    assert_eq!(left, 3, "all but the one that is empty and leads nowhere");
}
