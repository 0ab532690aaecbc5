//! Many accounts of one server, some of them behind a network that can be made bad.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use posthouse_testkit::{
    Client, FaultProxy, Hook, HookSink, Mode, Server, env, eventually, imap_addr, imap_append,
    mail, unique_user,
};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, webhooks_to};

/// All accounts together.
const ACCOUNTS: usize = 20;

/// An account behind a proxy.
pub(crate) struct Patient {
    pub(crate) user: String,
    pub(crate) proxy: FaultProxy,
}

/// One server with [`ACCOUNTS`] accounts, all connected.
pub(crate) struct Fleet {
    pub(crate) client: Client,
    pub(crate) hooks: HookSink,
    pub(crate) patients: Vec<Patient>,
    /// Accounts without a proxy.
    pub(crate) others: Vec<String>,
    /// Keeps the process.
    pub(crate) server: Server,
    sent: BTreeMap<String, Vec<String>>,
}

impl Fleet {
    /// So many accounts are behind proxies; `plain` ones hide STARTTLS. Every mailbox holds a message. `imap` goes into the accounts.
    pub(crate) async fn start(patients: usize, plain: bool, imap: Value) -> Self {
        let hooks = HookSink::start().await;
        let mut server = Server::start(BINARY).await;
        webhooks_to(&mut server, &hooks).await;
        let client = server.client().await;
        let mut fleet = Self {
            client,
            hooks,
            patients: Vec::new(),
            others: Vec::new(),
            server,
            sent: BTreeMap::new(),
        };
        for number in 0..ACCOUNTS {
            let user = unique_user();
            imap_append(&user, "INBOX", &mail::plain("old", "Old", "x\n")).await;
            if number < patients {
                let proxy = match plain {
                    true => FaultProxy::start_plain(imap_addr()).await,
                    false => FaultProxy::start(imap_addr()).await,
                };
                fleet.register(&user, proxy.addr(), &imap).await;
                fleet.patients.push(Patient { user, proxy });
            } else {
                fleet.register(&user, imap_addr(), &imap).await;
                fleet.others.push(user);
            }
        }
        let users = fleet.patients.iter().map(|patient| &patient.user);
        for user in users.chain(&fleet.others) {
            let hooks = &fleet.hooks;
            hooks
                .wait_for_event(user, "accountInitialized", LIMIT)
                .await;
        }
        fleet.hooks.clear();
        fleet
    }

    async fn register(&self, user: &str, addr: SocketAddr, imap: &Value) {
        let mut account = json!({
            "account": user, "name": "Test", "email": format!("{user}@example.com"),
            "imap": { "host": addr.ip(), "port": addr.port(), "secure": false,
                      "auth": { "user": user, "pass": env::IMAP_PASSWORD } },
        });
        for (key, value) in imap.as_object().into_iter().flatten() {
            account["imap"][key] = value.clone();
        }
        self.client.post("/v1/account", &account).await.ok();
    }

    /// Asks every account behind a proxy to compare now.
    pub(crate) async fn sync(&self) {
        for patient in &self.patients {
            let path = format!("/v1/account/{}/sync", patient.user);
            self.client.put(&path, &json!({ "sync": true })).await.ok();
        }
    }

    /// Has every proxy behave like this from now on.
    pub(crate) fn set(&self, mode: Mode) {
        for patient in &self.patients {
            patient.proxy.set(mode);
        }
    }

    /// A message into the INBOX of each account behind a proxy.
    pub(crate) async fn mail(&mut self) {
        for patient in &self.patients {
            let sent = self.sent.entry(patient.user.clone()).or_default();
            let id = format!("{}.{}", sent.len(), patient.user);
            imap_append(&patient.user, "INBOX", &mail::plain(&id, "News", "Hello\n")).await;
            sent.push(format!("<{id}@example.org>"));
        }
    }

    /// Waits until each proxy has seen a new attempt to connect; how long it took.
    pub(crate) async fn found(&self, before: &[usize], limit: Duration) -> Duration {
        let start = Instant::now();
        let again = || async {
            let mut both = self.patients.iter().zip(before);
            both.all(|(patient, before)| patient.proxy.accepted() > *before)
                .then_some(())
        };
        eventually("the fault is found", limit, again).await;
        start.elapsed()
    }

    /// Attempts to connect so far, by proxy.
    pub(crate) fn attempts(&self) -> Vec<usize> {
        let proxies = self.patients.iter().map(|patient| &patient.proxy);
        proxies.map(FaultProxy::accepted).collect()
    }

    /// Every message that was sent is told once, and nothing else is.
    pub(crate) async fn told_once(&self, limit: Duration) {
        let wanted: usize = self.sent.values().map(Vec::len).sum();
        let start = Instant::now();
        let told = || async {
            (self.told().values().map(BTreeMap::len).sum::<usize>() >= wanted).then_some(())
        };
        while told().await.is_none() && start.elapsed() < limit {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // What is too much comes late.
        tokio::time::sleep(Duration::from_secs(2)).await;
        for (user, told) in self.told() {
            let sent = &self.sent[&user];
            let once: BTreeMap<_, _> = sent
                .iter()
                .map(|id| (format!("messageNew {id}"), 1))
                .collect();
            assert_eq!(told, once, "{user}, after {:?}", start.elapsed());
        }
    }

    /// What was told of the accounts behind proxies, about messages and folders: how many events say the same.
    pub(crate) fn told(&self) -> BTreeMap<String, BTreeMap<String, usize>> {
        let users = self.patients.iter().map(|patient| patient.user.clone());
        let mut told: BTreeMap<_, BTreeMap<String, usize>> =
            users.map(|user| (user, BTreeMap::new())).collect();
        let mut events: BTreeMap<String, Hook> = BTreeMap::new();
        for hook in self.hooks.hooks() {
            let id = hook
                .header("x-ee-wh-event-id")
                .unwrap_or_default()
                .to_owned();
            events.entry(id).or_insert(hook);
        }
        for hook in events.values() {
            let body = hook.json();
            let event = hook.event();
            let about = event.starts_with("message") || event.starts_with("mailbox");
            if let Some(told) = told.get_mut(&hook.account()).filter(|_| about) {
                let data = &body["data"];
                let what = data["messageId"]
                    .as_str()
                    .or(data["id"].as_str())
                    .unwrap_or_default();
                *told.entry(format!("{event} {what}")).or_default() += 1;
            }
        }
        told
    }
}
