//! Protocol logs of accounts (behaviour 8.3): what is said to mail servers and what they say, kept on demand.
//!
//! Lines wait in memory, as many as fit, and are written together. While logging is off a line costs one look at a
//! flag.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use posthouse_backend::{ProtocolLog, Speaker, next_connection};
use posthouse_model::{
    AccountId, Timestamp,
    account::{AccountConfig, ServerAuth},
};
use posthouse_store::{Batch, account_logs};
use serde::Serialize;
use tokio::sync::Notify;

use crate::{Engine, Settings};

/// Lines wait at most so long.
const PAUSE: Duration = Duration::from_secs(1);
/// So many lines are written at once.
const TOGETHER: usize = 500;
/// Bytes that may wait; what comes on top is left out, and the log says so.
const ROOM: usize = 4 << 20;
/// Bytes of a line that are kept.
const LONGEST: usize = 4096;
/// Lines kept of an account where the setting says nothing.
const KEEP: u32 = 10_000;
/// Secrets shorter than this are not looked for: they would be found everywhere.
const SHORTEST_SECRET: usize = 4;

/// The lines of all accounts that wait to be written.
#[derive(Default)]
pub(crate) struct ProtocolLogs {
    all: AtomicBool,
    keep: AtomicU32,
    waiting: Mutex<Waiting>,
    /// There is something to write.
    some: Notify,
    /// There is much to write.
    many: Notify,
}

#[derive(Default)]
struct Waiting {
    lines: HashMap<AccountId, Vec<String>>,
    count: usize,
    bytes: usize,
    left_out: HashMap<AccountId, u64>,
}

#[derive(Serialize)]
struct Line<'a> {
    t: i64,
    src: &'static str,
    proto: &'static str,
    cid: &'a str,
    msg: &'a str,
}

impl ProtocolLogs {
    /// Takes over what the settings say.
    pub(crate) fn configure(&self, settings: &Settings) {
        let logs = settings.value("logs");
        let keep = logs["maxLogLines"].as_u64();
        let keep = keep.map_or(KEEP, |keep| u32::try_from(keep).unwrap_or(u32::MAX));
        self.keep.store(keep, Ordering::Relaxed);
        self.all.store(logs["all"] == true, Ordering::Relaxed);
    }

    /// Lines kept of each account.
    pub(crate) fn keep(&self) -> u32 {
        self.keep.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, account: &AccountId, line: String) {
        let mut waiting = self.lock();
        if waiting.bytes + line.len() > ROOM {
            *waiting.left_out.entry(account.clone()).or_default() += 1;
            return;
        }
        waiting.count += 1;
        waiting.bytes += line.len();
        match waiting.lines.get_mut(account) {
            Some(lines) => lines.push(line),
            None => {
                waiting.lines.insert(account.clone(), vec![line]);
            }
        }
        let many = waiting.count >= TOGETHER;
        drop(waiting);
        self.some.notify_one();
        if many {
            self.many.notify_one();
        }
    }

    /// Forgets what waits for an account.
    pub(crate) fn forget(&self, account: &AccountId) {
        let mut waiting = self.lock();
        waiting.left_out.remove(account);
        let lines = waiting.lines.remove(account).unwrap_or_default();
        waiting.count -= lines.len().min(waiting.count);
        let bytes: usize = lines.iter().map(String::len).sum();
        waiting.bytes -= bytes.min(waiting.bytes);
    }

    /// Writes what waits.
    pub(crate) async fn flush(&self, engine: &Engine) {
        let mut waiting = std::mem::take(&mut *self.lock());
        for (account, count) in waiting.left_out {
            let text =
                format!("{count} lines were left out: they came faster than they could be written");
            let lines = waiting.lines.entry(account).or_default();
            lines.extend(render(Speaker::Note, "", "", &text));
        }
        let keep = self.keep();
        let mut batch = Batch::new();
        let mut together = 0;
        for (account, lines) in waiting.lines {
            // Rows of bounded size.
            for lines in lines.chunks(TOGETHER) {
                account_logs::append(&mut batch, &account, lines, keep);
                together += lines.len();
                if together >= TOGETHER {
                    commit(engine, std::mem::take(&mut batch)).await;
                    together = 0;
                }
            }
        }
        if !batch.is_empty() {
            commit(engine, batch).await;
        }
    }
}

async fn commit(engine: &Engine, batch: Batch) {
    if let Err(error) = engine.store().commit(batch).await {
        tracing::warn!(%error, "lines of protocol logs were not written");
    }
}

/// Writes lines until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let logs = engine.protocol_logs().clone();
    while !engine.stopping().is_cancelled() {
        tokio::select! {
            () = engine.stopping().cancelled() => {}
            () = logs.some.notified() => {
                tokio::select! {
                    () = engine.stopping().cancelled() => {}
                    () = logs.many.notified() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
        logs.flush(&engine).await;
    }
}

/// The log of one account, as its connections see it.
pub(crate) struct AccountLog {
    logs: Arc<ProtocolLogs>,
    account: AccountId,
    /// The account's own switch.
    on: Arc<AtomicBool>,
    config: Arc<AccountConfig>,
    /// What no line may hold; found out when the first line is wanted.
    secrets: OnceLock<Vec<String>>,
    proto: &'static str,
}

impl AccountLog {
    pub(crate) fn new(
        logs: Arc<ProtocolLogs>,
        account: AccountId,
        on: Arc<AtomicBool>,
        config: Arc<AccountConfig>,
        proto: &'static str,
    ) -> Self {
        Self {
            logs,
            account,
            on,
            config,
            secrets: OnceLock::new(),
            proto,
        }
    }
}

impl ProtocolLog for AccountLog {
    fn wanted(&self) -> bool {
        (self.on.load(Ordering::Relaxed) || self.logs.all.load(Ordering::Relaxed))
            && self.logs.keep() > 0
    }

    fn line(&self, connection: u64, speaker: Speaker, text: &str) {
        let secrets = self.secrets.get_or_init(|| secrets(&self.config));
        let mut text = shorten(text);
        // Servers are known to repeat in an error what they did not understand.
        for secret in secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        let cid = format!("{connection:x}");
        if let Some(line) = render(speaker, self.proto, &cid, &text) {
            self.logs.add(&self.account, line);
        }
    }
}

/// The log of one connection over SMTP.
pub(crate) struct SmtpLog {
    log: AccountLog,
    connection: u64,
}

impl SmtpLog {
    pub(crate) fn new(log: AccountLog) -> Self {
        Self {
            log,
            connection: next_connection(),
        }
    }
}

impl posthouse_smtp::Observer for SmtpLog {
    fn logs(&self) -> bool {
        self.log.wanted()
    }

    fn sent(&self, line: &str) {
        self.log.line(self.connection, Speaker::Client, line);
    }

    fn received(&self, line: &str) {
        self.log.line(self.connection, Speaker::Server, line);
    }
}

fn render(speaker: Speaker, proto: &'static str, cid: &str, msg: &str) -> Option<String> {
    serde_json::to_string(&Line {
        t: Timestamp::now().millis(),
        src: speaker.as_str(),
        proto,
        cid,
        msg,
    })
    .ok()
}

fn shorten(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
    format!("{}...", text.get(..end.unwrap_or(0)).unwrap_or_default())
}

/// The secrets of an account in the forms in which they go over the wire, the longest first.
fn secrets(config: &AccountConfig) -> Vec<String> {
    let imap = config.imap.as_ref().and_then(|imap| imap.auth.as_ref());
    let smtp = config.smtp.as_ref().and_then(|smtp| smtp.auth.as_ref());
    let mut all = Vec::new();
    for auth in [imap, smtp].into_iter().flatten() {
        let ServerAuth {
            user,
            pass,
            access_token,
        } = auth;
        if let Some(pass) = pass {
            let pass = pass.expose();
            all.push(pass.to_owned());
            all.push(BASE64_STANDARD.encode(pass));
            all.push(BASE64_STANDARD.encode(format!("\0{user}\0{pass}")));
            all.push(pass.replace('\\', "\\\\").replace('"', "\\\""));
        }
        if let Some(token) = access_token {
            let token = token.expose();
            all.push(token.to_owned());
            let xoauth2 = format!("user={user}\x01auth=Bearer {token}\x01\x01");
            all.push(BASE64_STANDARD.encode(xoauth2));
        }
    }
    all.retain(|secret| secret.len() >= SHORTEST_SECRET);
    all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use posthouse_model::{Secret, account::ImapConfig};

    use super::*;

    fn log(on: bool) -> AccountLog {
        let config = AccountConfig {
            imap: Some(ImapConfig {
                auth: Some(ServerAuth {
                    user: "ann".to_owned(),
                    pass: Some(Secret::new("hunter\"2")),
                    access_token: None,
                }),
                ..ImapConfig::default()
            }),
            ..AccountConfig::default()
        };
        let logs = Arc::new(ProtocolLogs::default());
        logs.configure(&Settings::default());
        let account = AccountId::new("a");
        AccountLog::new(logs, account, Arc::new(on.into()), Arc::new(config), "imap")
    }

    fn waiting(log: &AccountLog) -> Vec<String> {
        let waiting = log.logs.lock();
        waiting.lines.values().flatten().cloned().collect()
    }

    #[test]
    fn a_secret_that_a_server_repeats_is_hidden() {
        let log = log(true);
        let plain = BASE64_STANDARD.encode("\0ann\0hunter\"2");
        for text in [
            "P1 BAD unknown: LOGIN ann hunter\"2",
            "P1 BAD unknown: LOGIN \"ann\" \"hunter\\\"2\"",
            &format!("P1 BAD unknown: {plain}"),
        ] {
            log.line(7, Speaker::Server, text);
        }
        let lines = waiting(&log);
        assert_eq!(lines.len(), 3);
        for line in &lines {
            assert!(line.contains("***") && !line.contains("hunter"), "{line}");
            assert!(!line.contains(&plain));
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (line["src"].as_str(), line["cid"].as_str()),
                (Some("s"), Some("7"))
            );
        }
    }

    #[test]
    fn lines_are_wanted_only_while_a_switch_is_on() {
        let log = log(false);
        assert!(!log.wanted());
        log.on.store(true, Ordering::Relaxed);
        assert!(log.wanted());
        let settings = |logs| Settings::new([("logs".to_owned(), logs)]);
        log.logs
            .configure(&settings(serde_json::json!({"maxLogLines": 0})));
        assert!(!log.wanted());
        log.on.store(false, Ordering::Relaxed);
        log.logs
            .configure(&settings(serde_json::json!({"all": true})));
        assert!(log.wanted() && log.logs.keep() == 10_000);
    }

    #[test]
    fn a_flood_is_bounded() {
        let log = log(true);
        let text = "x".repeat(10_000);
        for _ in 0..2_000 {
            log.line(1, Speaker::Server, &text);
        }
        let (count, bytes, left_out) = {
            let waiting = log.logs.lock();
            let left_out = waiting.left_out.values().sum::<u64>();
            (waiting.count, waiting.bytes, left_out)
        };
        assert!(bytes <= ROOM && left_out > 0);
        assert_eq!(count as u64 + left_out, 2_000);
        log.logs.forget(&AccountId::new("a"));
        let waiting = log.logs.lock();
        assert_eq!((waiting.count, waiting.bytes), (0, 0));
    }
}
