//! One run: accounts, a server that is killed and started again, checkpoints.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use posthouse_testkit::mailbox_model::Fault;
use posthouse_testkit::{HookSink, Mode, Random, Server, env};
use serde_json::json;

use super::mail_server::MailServer;
use super::script;
use super::subject::Subject;
use crate::{BINARY, LIMIT, webhooks_to};

/// Accounts of one run.
const ACCOUNTS: usize = 3;
/// Changes between two checkpoints.
const STRETCH: usize = 110;
/// How long deletions are held, seconds.
const MOVE_WINDOW: u64 = 1;
/// With no news for that long, none are to come.
const QUIET: Duration = Duration::from_millis(1000 * MOVE_WINDOW + 600);
/// How long everything may take to be told at a checkpoint.
const PATIENCE: Duration = Duration::from_secs(120);
/// Faults that are printed.
const SHOWN: usize = 8;

/// Posthouse with some accounts, their second client, and the faults between them.
pub(crate) struct Run {
    seed: u64,
    random: Random,
    server: Server,
    up: bool,
    hooks: HookSink,
    subjects: Vec<Subject>,
    checkpoints: usize,
    kills: usize,
    cuts: usize,
}

impl Run {
    /// Mailboxes with something in them, registered, at their first checkpoint.
    pub(crate) async fn new(seed: u64, mail: MailServer) -> Self {
        let began = Instant::now();
        let mut random = Random::new(seed);
        let hooks = HookSink::start().await;
        let mut server = Server::start(BINARY).await;
        webhooks_to(&mut server, &hooks).await;
        let client = server.client().await;
        let settings = json!({ "moveWindow": MOVE_WINDOW });
        client.post("/v1/settings", &settings).await.ok();
        let mut subjects = Vec::new();
        for _ in 0..ACCOUNTS {
            let mut subject = Subject::new(mail, began).await;
            subject.hide();
            for _ in 0..12 {
                script::act(&mut subject, &mut random).await;
            }
            subjects.push(subject);
        }
        // INTERNALDATE has no fractions of a second: what was there before must be older than `notifyFrom`.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        for subject in &mut subjects {
            subject.hidden = None;
            let (user, addr) = (&subject.user, subject.proxy.addr());
            let account = json!({
                "account": user, "name": "Test", "email": format!("{user}@example.com"), "logs": true,
                "imap": { "host": addr.ip(), "port": addr.port(), "secure": false,
                          "auth": { "user": user, "pass": env::IMAP_PASSWORD } },
            });
            client.post("/v1/account", &account).await.ok();
        }
        for subject in &mut subjects {
            hooks
                .wait_for_event(&subject.user, "accountInitialized", LIMIT)
                .await;
            subject.announced = true;
        }
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let zero = clock.saturating_sub(began.elapsed()).as_millis();
        eprintln!("{}: seed {seed}, begun at {zero} ms since 1970", mail.name);
        let mut run = Self {
            seed,
            random,
            server,
            up: true,
            hooks,
            subjects,
            checkpoints: 0,
            kills: 0,
            cuts: 0,
        };
        run.checkpoint(0).await;
        run
    }

    /// Makes that many changes, with a checkpoint every now and then and at the end.
    pub(crate) async fn changes(mut self, total: usize) {
        let mut done = 0;
        let mut until = STRETCH;
        while done < total {
            self.disturb().await;
            let number = self.random.below(self.subjects.len());
            done += script::act(&mut self.subjects[number], &mut self.random).await;
            self.pause().await;
            if done >= until || done >= total {
                done += self.checkpoint(done).await;
                until = done + STRETCH;
            }
        }
        let moves = self.subjects.iter().map(|subject| subject.checker.moves());
        let (deleted, claimed) = moves.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        eprintln!(
            "{done} changes, {} checkpoints, {} kills, {} cuts: all told once; {claimed} of {deleted} deletions named as moves",
            self.checkpoints, self.kills, self.cuts
        );
    }

    /// Mostly none, sometimes long enough for Posthouse to look.
    async fn pause(&mut self) {
        let millis = match self.random.below(100) {
            0..70 => self.random.below(8),
            70..95 => self.random.below(60),
            _ => 200 + self.random.below(300),
        };
        tokio::time::sleep(Duration::from_millis(millis as u64)).await;
    }

    /// Now and then cuts an account off, kills the server, or brings them back.
    async fn disturb(&mut self) {
        if !self.up {
            if self.random.chance(20) {
                self.start().await;
            }
        } else if self.random.chance(2) {
            self.kill();
        }
        let number = self.random.below(self.subjects.len());
        let subject = &mut self.subjects[number];
        if subject.cut {
            if self.random.chance(15) {
                self.heal(number).await;
                // Some die in the middle of finding out what they missed.
                if self.up && self.random.chance(20) {
                    self.pause().await;
                    self.kill();
                }
            }
        } else if self.random.chance(4) {
            subject.cut = true;
            self.cuts += 1;
            subject.proxy.set(Mode::Refuse);
            subject.proxy.cut_all();
            while subject.proxy.open() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            subject.hide();
        } else if self.random.chance(2) {
            // Connections that break after some bytes, in the middle of anything.
            self.cuts += 1;
            let bytes = 200 + self.random.below(6000);
            subject.proxy.set(Mode::CutAfter(bytes));
            subject.proxy.cut_all();
            self.sync(number).await;
        }
    }

    fn kill(&mut self) {
        self.kills += 1;
        self.up = false;
        self.server.kill();
        self.subjects.iter_mut().for_each(Subject::hide);
    }

    async fn start(&mut self) {
        self.up = true;
        for subject in self.subjects.iter_mut().filter(|subject| !subject.cut) {
            subject.hidden = None;
        }
        self.server.restart().await;
    }

    async fn heal(&mut self, number: usize) {
        let subject = &mut self.subjects[number];
        subject.cut = false;
        if self.up {
            subject.hidden = None;
        }
        subject.proxy.set(Mode::Pass);
        self.sync(number).await;
    }

    /// Asks for a comparison at once; also ends a wait before the next attempt to connect.
    async fn sync(&mut self, number: usize) {
        if self.up {
            let path = format!("/v1/account/{}/sync", self.subjects[number].user);
            let client = self.server.client().await;
            client.put(&path, &json!({ "sync": true })).await.ok();
        }
    }

    /// Everything is up again and must be told by now; the sum of what was told is what happened. Returns how many changes it made
    /// itself.
    async fn checkpoint(&mut self, done: usize) -> usize {
        if !self.up {
            self.start().await;
        }
        for number in 0..self.subjects.len() {
            self.heal(number).await;
        }
        self.told(done, Duration::ZERO).await;
        let mut marks = 0;
        for number in 0..self.subjects.len() {
            marks += self.subjects[number].mark().await;
            self.sync(number).await;
        }
        self.told(done, QUIET).await;
        for subject in &mut self.subjects {
            subject.compare_with_server().await;
            subject.settle();
        }
        self.checkpoints += 1;
        marks
    }

    /// Waits until nothing is outstanding and nothing came for `quiet`.
    async fn told(&mut self, done: usize, quiet: Duration) {
        let start = Instant::now();
        let (mut last, mut asked) = (start, start);
        loop {
            if self.hear(done) {
                last = Instant::now();
            }
            let outstanding = self
                .subjects
                .iter()
                .any(|subject| !subject.faults().is_empty());
            if self.subjects.iter().any(Subject::is_wrong)
                || outstanding && start.elapsed() > PATIENCE
            {
                self.fail(done).await;
            }
            if !outstanding && last.elapsed() >= quiet {
                return;
            }
            if outstanding && asked.elapsed() > Duration::from_secs(3) {
                asked = Instant::now();
                for number in 0..self.subjects.len() {
                    self.sync(number).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Takes the webhooks that arrived; whether there were any.
    fn hear(&mut self, done: usize) -> bool {
        let hooks = self.hooks.take();
        for hook in &hooks {
            let account = hook.account();
            let subject = self
                .subjects
                .iter_mut()
                .find(|subject| subject.user == account);
            if let Some(Err(error)) = subject.map(|subject| subject.hear(hook)) {
                panic!("seed {}, after {done} changes: {error}", self.seed);
            }
        }
        !hooks.is_empty()
    }

    async fn fail(&mut self, done: usize) -> ! {
        // What comes in the next seconds may explain it.
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.hear(done);
        let mut faults: Vec<(String, Fault)> = Vec::new();
        for subject in &self.subjects {
            let user = &subject.user;
            faults.extend(
                subject
                    .faults()
                    .into_iter()
                    .map(|fault| (user.clone(), fault)),
            );
        }
        let mut users: Vec<_> = faults.iter().map(|(user, _)| user.clone()).collect();
        users.dedup();
        for user in users {
            self.keep_dialogue(&user).await;
        }
        // What is wrong says more than what is missing.
        faults.sort_by_key(|(_, fault)| std::cmp::Reverse(fault.kind));
        let count = faults.len();
        let shown: Vec<_> = faults
            .iter()
            .take(SHOWN)
            .map(|(user, fault)| format!("{user}: {fault}"))
            .collect();
        panic!(
            "seed {}, after {done} changes, {} checkpoints, {} kills, {} cuts: {count} faults\n{}\n",
            self.seed,
            self.checkpoints,
            self.kills,
            self.cuts,
            shown.join("\n")
        );
    }

    /// Writes what Posthouse and the mail server said to each other into a file beside the other logs.
    async fn keep_dialogue(&mut self, user: &str) {
        if !self.up {
            return;
        }
        let client = self.server.client().await;
        let log = client.get(&format!("/v1/logs/{user}")).await.text();
        let dir =
            std::env::var_os("POSTHOUSE_TEST_DIR").map_or_else(std::env::temp_dir, Into::into);
        let path = dir.join(format!("dialogue-{user}.log"));
        match std::fs::write(&path, log) {
            Ok(()) => eprintln!("the dialogue of {user}: {}", path.display()),
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
}
