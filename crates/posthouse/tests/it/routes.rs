//! Webhook routes: scripts that choose and reshape events, in processes that are nobody else's trouble.

use std::time::{Duration, Instant};

use posthouse_model::{
    RouteId, Secret, Timestamp,
    account::CustomHeader,
    route::{RouteConfig, RouteContent, RouteFault, WebhookRoute},
};
use posthouse_store::{Batch, Database, Store, StoreConfig, routes};
use posthouse_testkit::{
    Client, Hook, HookReply, HookSink, Server, ServerBuilder, eventually, imap_append, mail,
    unique_user,
};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, postgres::schema};

/// A server with its routes, and where they lead.
struct Scene {
    server: Server,
    client: Client,
    hooks: HookSink,
    store: Store,
    user: String,
}

impl Scene {
    /// Routes are on, the default target is the sink's `/default`.
    async fn start() -> Self {
        Self::with(Server::builder(BINARY)).await
    }

    async fn with(builder: ServerBuilder) -> Self {
        Self::on(builder, None).await
    }

    /// On PostgreSQL.
    async fn on_postgres() -> Self {
        let url = schema().await;
        let builder = Server::builder(BINARY)
            .database(&url)
            .env("EENGINE_SECRET", "a secret of the tests");
        let mut config = StoreConfig::new(Database::Postgres { url });
        config.secret = Some("a secret of the tests".to_owned());
        Self::on(builder, Some(config)).await
    }

    /// `beside` opens the server's store; the embedded one if it is left out.
    async fn on(builder: ServerBuilder, beside: Option<StoreConfig>) -> Self {
        let hooks = HookSink::start().await;
        let mut server = builder.start().await;
        let client = server.client().await;
        let settings = json!({ "webhooksEnabled": true, "webhooks": hooks.url("/default") });
        client.post("/v1/settings", &settings).await.ok();
        let path = server.data_dir().join("posthouse.db");
        let embedded = StoreConfig::new(Database::Sqlite { path });
        let store = Store::open(beside.unwrap_or(embedded));
        Self {
            server,
            client,
            hooks,
            store: store.await.unwrap(),
            user: unique_user(),
        }
    }

    async fn set(&self, settings: Value) {
        self.client.post("/v1/settings", &settings).await.ok();
    }

    /// A route to this path of the sink. The server knows it after its next start, or a moment later.
    async fn route(&self, path: &str, filter: &str, map: Option<&str>) -> RouteId {
        let config = RouteConfig {
            name: format!("To {path}"),
            enabled: true,
            target_url: Some(self.hooks.url(path)),
            custom_headers: vec![
                header("X-Route", "of the route"),
                header("X-Both", "of the route"),
            ],
            content: RouteContent {
                filter: Some(filter.to_owned()),
                map: map.map(str::to_owned),
            },
            ..RouteConfig::default()
        };
        let now = self.store.now();
        let id = RouteId::new(now, rand());
        let mut batch = Batch::new();
        routes::insert(&self.store, &mut batch, &id, &config, now).unwrap();
        self.store.commit(batch).await.unwrap();
        id
    }

    /// Registers the account and waits until it is followed.
    async fn register(&mut self) {
        let mut body = account(&self.user);
        body["webhooksCustomHeaders"] = json!([{ "key": "X-Both", "value": "of the account" }]);
        self.client.post("/v1/account", &body).await.ok();
        self.server.wait_state(&self.user, "connected", LIMIT).await;
    }

    /// Starts the server again, with all routes known, and the account on it.
    async fn begin(&mut self) {
        self.server.restart().await;
        self.register().await;
    }

    async fn mail(&self, number: usize) {
        let id = format!("{number}.{}@example.com", self.user);
        let message = mail::plain(&id, &format!("no {number}"), "x\r\n");
        imap_append(&self.user, "INBOX", &message).await;
    }

    /// What came to a path, once there are as many.
    async fn at(&self, path: &str, count: usize) -> Vec<Hook> {
        let hooks = eventually(&format!("{count} at {path}"), LIMIT, || async {
            let mut hooks = self.hooks.hooks();
            hooks.retain(|hook| hook.path == path);
            (hooks.len() >= count).then_some(hooks)
        })
        .await;
        assert_eq!(hooks.len(), count, "at {path}");
        hooks
    }

    async fn stored(&self, id: &RouteId) -> WebhookRoute {
        routes::get(&self.store, id).await.unwrap().unwrap()
    }

    async fn fault(&self, id: &RouteId) -> RouteFault {
        let faults = eventually("an error in the route's log", LIMIT, || async {
            let faults = routes::faults(&self.store, id).await.unwrap();
            (!faults.is_empty()).then_some(faults)
        });
        faults.await.remove(0)
    }

    /// The deliveries of the events of a type, by endpoint: their states.
    async fn states(&self, kind: &str, endpoint: &RouteId) -> Vec<String> {
        // The log shows an event once nothing can come before it any more.
        let path = format!("/v1/events?account={}&type={kind}&payload=false", self.user);
        let page = eventually("the event in the log", LIMIT, || async {
            let page = self.client.get(&path).await.ok();
            (page["events"] != json!([])).then_some(page)
        })
        .await;
        let mut states = Vec::new();
        for event in page["events"].as_array().unwrap() {
            let path = format!("/v1/events/{}", event["id"].as_str().unwrap());
            let event = self.client.get(&path).await.ok();
            for delivery in event["deliveries"].as_array().unwrap() {
                if delivery["endpoint"] == endpoint.as_str() {
                    states.push(delivery["state"].as_str().unwrap().to_owned());
                }
            }
        }
        states
    }
}

fn header(key: &str, value: &str) -> CustomHeader {
    CustomHeader {
        key: key.to_owned(),
        value: Secret::new(value),
    }
}

fn rand() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn subjects(hooks: &[Hook]) -> Vec<String> {
    let subject = |hook: &Hook| {
        let body = hook.json();
        let subject = if body["data"].is_null() {
            &body["subject"]
        } else {
            &body["data"]["subject"]
        };
        subject.as_str().unwrap_or_default().to_owned()
    };
    hooks.iter().map(subject).collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("no {number}")).collect()
}

#[tokio::test]
async fn a_route_has_what_its_filter_lets_pass_as_its_map_makes_it() {
    chosen_and_reshaped(Scene::start().await).await;
}

#[tokio::test]
async fn a_route_has_what_its_filter_lets_pass_on_postgres() {
    chosen_and_reshaped(Scene::on_postgres().await).await;
}

async fn chosen_and_reshaped(mut scene: Scene) {
    scene
        .set(json!({ "webhookEvents": ["accountAdded"], "scriptEnv": "{\"key\":\"k1\"}" }))
        .await;
    let mapped = scene
        .route(
            "/mapped",
            "logger.info(payload.event); return payload.event === 'messageNew' && env.key === 'k1';",
            Some("return { subject: payload.data.subject, route: payload._route.id, url: new URL('/x', 'http://a').href };"),
        )
        .await;
    let whole = scene
        .route("/whole", "return payload.event === 'accountAdded'", None)
        .await;
    let never = scene.route("/never", "return 0", None).await;
    let unfiltered = scene.route("/unfiltered", " ", Some("return 1")).await;
    scene.begin().await;
    for number in 0..3 {
        scene.mail(number).await;
    }
    let hooks = scene.at("/mapped", 3).await;
    assert_eq!(subjects(&hooks), numbered(3));
    let expected = json!({ "subject": "no 0", "route": mapped.as_str(), "url": "http://a/x" });
    assert_eq!(hooks[0].json(), expected);
    assert_eq!(
        hooks[0].header("x-ee-wh-custom-route"),
        Some(mapped.as_str())
    );
    assert_eq!(hooks[0].header("x-route"), Some("of the route"));
    assert_eq!(hooks[0].header("x-both"), Some("of the account"));
    assert_eq!(hooks[0].header("x-ee-wh-attempts-made"), Some("0"));

    // Beside it: the default target has what it asked for, with the same event id and without the route.
    let one = scene.at("/default", 1).await.remove(0);
    let other = scene.at("/whole", 1).await.remove(0);
    let id = |hook: &Hook, name: &str| hook.header(name).map(str::to_owned);
    assert_eq!(id(&one, "x-ee-wh-event-id"), id(&other, "x-ee-wh-event-id"));
    assert_ne!(id(&one, "x-ee-wh-id"), id(&other, "x-ee-wh-id"));
    assert_eq!(one.header("x-ee-wh-custom-route"), None);
    assert_eq!(one.header("x-route"), None);
    let mut body = other.json();
    assert_eq!(
        body.as_object_mut().unwrap().remove("_route"),
        Some(json!({ "id": whole.as_str() }))
    );
    assert_eq!(body, one.json());

    // What did not match left no trace of failure.
    for (route, state) in [(&never, "discarded"), (&mapped, "delivered")] {
        eventually("what became of three deliveries", LIMIT, || async {
            let states = scene.states("messageNew", route).await;
            (states == [state; 3]).then_some(())
        })
        .await;
    }
    assert!(scene.states("messageNew", &unfiltered).await.is_empty());
    for (route, count) in [(&mapped, 3), (&whole, 1), (&never, 0), (&unfiltered, 0)] {
        let stored = scene.stored(route).await;
        assert_eq!(stored.tcount, count, "{}", stored.config.name);
        assert_eq!(stored.webhook_error_flag, None);
        assert!(
            routes::faults(&scene.store, route)
                .await
                .unwrap()
                .is_empty()
        );
    }
    shown(&scene, &mapped).await;
}

/// What the API shows of a route.
async fn shown(scene: &Scene, id: &RouteId) {
    let list = scene.client.get("/v1/webhookRoutes?pageSize=3").await.ok();
    let number = |key: &str| list[key].as_u64().unwrap();
    assert_eq!(
        (number("total"), number("page"), number("pages")),
        (4, 0, 2)
    );
    let page = list["webhooks"].as_array().unwrap();
    assert_eq!(page.len(), 3);
    assert_eq!(page[0]["name"], "To /unfiltered");
    assert_eq!(page[0].get("content"), None);
    let path = format!("/v1/webhookRoutes/webhookRoute/{id}");
    let route = scene.client.get(&path).await.ok();
    assert_eq!(route["id"], id.as_str());
    assert_eq!(route["tcount"], 3);
    assert_eq!(route["v"], 1);
    assert_eq!(route["enabled"], true);
    assert_eq!(route["targetUrl"], scene.hooks.url("/mapped"));
    assert_eq!(route["webhookErrorFlag"], Value::Null);
    let expected = json!([
        { "key": "X-Route", "value": "******" }, { "key": "X-Both", "value": "******" }
    ]);
    assert_eq!(route["customHeaders"], expected);
    let content = &route["content"];
    assert!(content["fn"].as_str().unwrap().contains("messageNew"));
    assert!(content["map"].as_str().unwrap().contains("subject"));
    let unknown = scene.client.get("/v1/webhookRoutes/webhookRoute/x").await;
    let code = unknown.json()["code"].clone();
    assert_eq!((unknown.status, code), (404, json!("WebhookRouteNotFound")));
}

#[tokio::test]
async fn a_bad_script_costs_its_route_alone() {
    const COUNT: usize = 8;
    let mut scene = Scene::start().await;
    scene.set(json!({ "webhookEvents": ["messageNew"] })).await;
    let only = "if (payload.event !== 'messageNew') return false;";
    let bad = |body: &str| format!("{only}\n{body}");
    let throws = scene
        .route(
            "/throws",
            &bad("  logger.warn('soon'); throw new Error('no such thing');"),
            None,
        )
        .await;
    let loops = scene.route("/loops", &bad("while (true) {}"), None).await;
    let allocates = scene
        .route(
            "/allocates",
            &bad("const all = []; while (true) all.push(new Array(1e5).fill(all.length));"),
            None,
        )
        .await;
    let never = scene
        .route("/never", &bad("await new Promise(() => {});"), None)
        .await;
    let good = scene
        .route(
            "/good",
            &bad("return true;"),
            Some("return { subject: payload.data.subject };"),
        )
        .await;
    scene.begin().await;
    let began = Instant::now();
    for number in 0..COUNT {
        scene.mail(number).await;
    }
    let default = scene.at("/default", COUNT).await;
    assert_eq!(subjects(&default), numbered(COUNT));
    let hooks = scene.at("/good", COUNT).await;
    assert_eq!(subjects(&hooks), numbered(COUNT));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    for (route, words) in [
        (&throws, "no such thing"),
        (&loops, "time"),
        (&allocates, "memory"),
        (&never, "a promise"),
    ] {
        let fault = scene.fault(route).await;
        assert!(fault.message.contains(words), "{}", fault.message);
        assert_eq!(fault.account.as_str(), scene.user);
        assert_eq!(fault.event.as_str(), "messageNew");
        let flag = eventually("the error flag", LIMIT, || async {
            scene.stored(route).await.webhook_error_flag
        })
        .await;
        assert_eq!(flag["code"], "ESCRIPT", "{flag}");
        assert_eq!(scene.stored(route).await.tcount, 0);
    }
    let fault = scene.fault(&throws).await;
    assert!(
        fault.message.contains("line 2, column"),
        "{}",
        fault.message
    );
    assert_eq!(fault.logs, ["warn: soon"]);
    let states = eventually("all given up", LIMIT, || async {
        let states = scene.states("messageNew", &throws).await;
        (states == ["failed"; COUNT]).then_some(states)
    });
    states.await;
    assert_eq!(scene.stored(&good).await.tcount, COUNT as u64);
    let told = scene.hooks.hooks();
    let paths = ["/good", "/default"];
    assert!(told.iter().all(|hook| paths.contains(&hook.path.as_str())));
}

#[tokio::test]
async fn retries_and_redeliveries_send_the_same_bytes() {
    the_same_bytes(Scene::start().await).await;
}

#[tokio::test]
async fn retries_and_redeliveries_send_the_same_bytes_on_postgres() {
    the_same_bytes(Scene::on_postgres().await).await;
}

async fn the_same_bytes(mut scene: Scene) {
    scene.set(json!({ "webhookEvents": [] })).await;
    let route = scene
        .route(
            "/route",
            "return payload.event === 'accountAdded'",
            Some("return { now: Date.now(), random: Math.random() };"),
        )
        .await;
    scene.server.restart().await;
    scene.hooks.reply_next(1, &HookReply::status(500));
    scene.register().await;
    let first = scene.at("/route", 1).await.remove(0);
    let flag = eventually("the error flag", LIMIT, || async {
        scene.stored(&route).await.webhook_error_flag
    })
    .await;
    assert_eq!(
        (&flag["statusCode"], &flag["event"]),
        (&json!(500), &json!("accountAdded"))
    );
    let hooks = scene.at("/route", 2).await;
    assert_eq!(hooks[1].body, first.body);
    assert_eq!(hooks[1].header("x-ee-wh-attempts-made"), Some("1"));
    assert_eq!(hooks[1].header("x-ee-wh-id"), first.header("x-ee-wh-id"));
    eventually("no error flag", LIMIT, || async {
        let flag = scene.stored(&route).await.webhook_error_flag;
        flag.is_none().then_some(())
    })
    .await;

    let event = first.header("x-ee-wh-event-id").unwrap();
    let path = format!("/v1/events/{event}/redeliver");
    let to = |endpoint: &str| json!({ "endpoint": endpoint });
    let refused = scene.client.post(&path, &to("AAAAAAAAAAAAAAAA")).await;
    assert_eq!(refused.status, 400);
    let queued = scene.client.post(&path, &to(route.as_str())).await.ok();
    assert_eq!(queued["deliveries"][0]["endpoint"], route.as_str());
    let again = scene.at("/route", 3).await.remove(2);
    assert_eq!(again.body, first.body);
    assert_ne!(again.header("x-ee-wh-id"), first.header("x-ee-wh-id"));
    assert_eq!(scene.stored(&route).await.tcount, 1, "it is counted once");

    // Replayed, the others are asked about as if they were new; this one they were asked about already.
    scene.hooks.clear();
    let body = json!({
        "endpoint": route.as_str(), "account": scene.user, "since": "2020-01-01T00:00:00.000Z"
    });
    let queued = eventually("events old enough to be replayed", LIMIT, || async {
        let queued = scene.client.post("/v1/events/replay", &body).await.ok();
        (queued["queued"] != 0).then_some(queued)
    });
    queued.await;
    let again = scene.at("/route", 1).await.remove(0);
    assert_eq!(again.body, first.body);
}

/// The script workers of a server.
fn workers(server: &Server) -> Vec<u32> {
    let parent = server.pid().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_worker = |id: &u32| {
        let read = |name: &str| std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
        let (stat, line) = (read("stat"), read("cmdline"));
        let stat = String::from_utf8_lossy(&stat).into_owned();
        let of_it = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1).map(|id| id == parent));
        of_it == Some(true) && String::from_utf8_lossy(&line).contains("script-worker")
    };
    ids.filter(is_worker).collect()
}

#[tokio::test]
async fn a_killed_worker_costs_time_alone() {
    let mut scene = Scene::start().await;
    let gate = HookSink::start().await;
    gate.reply_next(1, &HookReply::stall());
    scene
        .set(json!({
            "webhookEvents": [], "scriptEnv": json!({ "gate": gate.url("/gate") }).to_string()
        }))
        .await;
    scene.server.restart().await;
    assert!(workers(&scene.server).is_empty(), "none without a route");
    let route = scene
        .route(
            "/route",
            "await fetch(env.gate, { method: 'POST', body: payload.event }); return payload.event === 'accountAdded';",
            None,
        )
        .await;
    scene.server.restart().await;
    assert!(workers(&scene.server).is_empty(), "none before an event");
    scene.register().await;
    // In the middle of a run.
    gate.wait_for(LIMIT, |hook| hook.body == b"accountAdded")
        .await;
    let killed = workers(&scene.server);
    assert!(!killed.is_empty());
    for id in killed {
        let status = std::process::Command::new("kill")
            .args(["-9", &id.to_string()])
            .status();
        assert!(status.unwrap().success());
    }
    let hook = scene.at("/route", 1).await.remove(0);
    assert_eq!(hook.event(), "accountAdded");
    let stored = eventually("the count", LIMIT, || async {
        let stored = scene.stored(&route).await;
        (stored.webhook_error_flag.is_none()).then_some(stored)
    })
    .await;
    assert_eq!(stored.tcount, 1);
    assert!(
        routes::faults(&scene.store, &route)
            .await
            .unwrap()
            .is_empty()
    );
    // They end with the server, however it ends.
    let left = workers(&scene.server);
    scene.server.kill();
    eventually("the workers' end", LIMIT, || async {
        let alive = |id: &u32| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("script-worker")
        };
        (!left.iter().any(alive)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn requests_of_scripts_go_where_webhooks_may_go() {
    // An instance that webhooks may not leave to private addresses.
    let builder = Server::builder(BINARY).env("EENGINE_WEBHOOK_EGRESS_POLICY", "private");
    let mut scene = Scene::with(builder).await;
    let inside = HookSink::start().await;
    scene
        .set(json!({
            "webhookEvents": [], "scriptEnv": json!({ "url": inside.url("/inside"), "port": inside.addr().port() }).to_string()
        }))
        .await;
    let literal = scene
        .route("/x", "await fetch(env.url); return true;", None)
        .await;
    let named = scene
        .route(
            "/y",
            "await fetch(`http://localhost:${env.port}/inside`); return true;",
            None,
        )
        .await;
    scene.begin().await;
    for route in [&literal, &named] {
        let fault = scene.fault(route).await;
        let words = "is blocked by the egress policy private";
        assert!(fault.message.contains(words), "{}", fault.message);
    }
    assert!(inside.hooks().is_empty());
}

#[tokio::test]
async fn redirects_of_scripts_requests_are_vetted_step_by_step() {
    let mut scene = Scene::start().await;
    let web = HookSink::start().await;
    web.reply_at(
        "/away",
        HookReply::redirect("http://169.254.169.254/latest"),
    );
    web.reply_at("/near", HookReply::redirect("/there"));
    web.reply_at("/round", HookReply::redirect("/round"));
    scene
        .set(json!({
            "webhookEvents": [], "scriptEnv": json!({ "web": web.url("") }).to_string()
        }))
        .await;
    let only = "if (payload.event !== 'accountAdded') return false;";
    let away = scene
        .route(
            "/x",
            &format!("{only} await fetch(env.web + '/away'); return true;"),
            None,
        )
        .await;
    let round = scene
        .route(
            "/y",
            &format!("{only} await fetch(env.web + '/round'); return true;"),
            None,
        )
        .await;
    scene
        .route(
            "/near",
            &format!("{only} return true;"),
            Some(
                "const answer = await fetch(env.web + '/near', { method: 'POST', body: 'a', headers: { 'X-Own': '1', Host: 'other' } });
                 return { status: answer.status, url: answer.url.slice(env.web.length), redirected: answer.redirected };",
            ),
        )
        .await;
    scene.begin().await;
    let near = scene.at("/near", 1).await.remove(0);
    let expected = json!({ "status": 200, "url": "/there", "redirected": true });
    assert_eq!(near.json(), expected);
    let there = web.wait_for(LIMIT, |hook| hook.path == "/there").await;
    assert_eq!(there.method, "GET");
    assert_eq!(there.header("x-own"), Some("1"));
    assert_eq!(there.header("host"), Some(web.addr().to_string().as_str()));
    let fault = scene.fault(&away).await;
    assert!(
        fault.message.contains("169.254.169.254"),
        "{}",
        fault.message
    );
    let fault = scene.fault(&round).await;
    assert!(
        fault.message.contains("more than 5 redirects"),
        "{}",
        fault.message
    );
}

#[tokio::test]
async fn what_waits_for_a_deleted_route_is_dropped() {
    let mut scene = Scene::start().await;
    scene.set(json!({ "webhookEvents": [] })).await;
    let filter = "return payload.event.startsWith('account')";
    let route = scene.route("/route", filter, None).await;
    scene.server.restart().await;
    scene.hooks.reply(HookReply::status(503));
    scene.register().await;
    scene.at("/route", 1).await;
    let mut batch = Batch::new();
    routes::delete(&mut batch, &route);
    scene.store.commit(batch).await.unwrap();
    for kind in ["accountAdded", "accountInitialized"] {
        eventually("what waited is dropped", LIMIT, || async {
            let states = scene.states(kind, &route).await;
            let over = |state: &String| state == "discarded" || state == "delivered";
            (states.iter().all(over) && !states.is_empty()).then_some(())
        })
        .await;
    }
    let path = format!("/v1/webhookRoutes/webhookRoute/{route}");
    assert_eq!(scene.client.get(&path).await.status, 404);
    assert_eq!(scene.hooks.hooks().len(), 1, "and asked for no more");
}

#[tokio::test]
async fn a_changed_route_is_noticed_without_a_restart() {
    let mut scene = Scene::start().await;
    scene.set(json!({ "webhookEvents": [] })).await;
    let route = scene.route("/one", "return true", None).await;
    scene.register().await;
    let mut number = 0;
    let mut reaches = async |path: &str| {
        let end = Instant::now() + LIMIT;
        loop {
            assert!(Instant::now() < end, "nothing at {path}");
            scene.mail(number).await;
            let subject = format!("no {number}");
            number += 1;
            let told = eventually("the message somewhere", LIMIT, || async {
                let hooks = scene.hooks.hooks();
                let mut hooks = hooks.into_iter();
                hooks.find(|hook| hook.json()["data"]["subject"] == subject)
            });
            if let Ok(hook) = tokio::time::timeout(Duration::from_secs(3), told).await
                && hook.path == path
            {
                return;
            }
        }
    };
    reaches("/one").await;
    let stored = routes::get(&scene.store, &route).await.unwrap().unwrap();
    let mut config = stored.config;
    config.target_url = Some(scene.hooks.url("/two"));
    let mut batch = Batch::new();
    let now = Timestamp::now();
    routes::update(&scene.store, &mut batch, &route, stored.v, &config, now).unwrap();
    scene.store.commit(batch).await.unwrap();
    reaches("/two").await;
}
