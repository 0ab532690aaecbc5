//! What the tests share: a pool on real workers, a host that answers as it is told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use posthouse_script::{
    Call, FetchRequest, FetchResponse, Fetching, Host, Output, Pool, PoolOptions, Script,
    ScriptError,
};
use serde_json::Value;

/// Options with short times.
pub fn options() -> PoolOptions {
    PoolOptions {
        workers: 2,
        cpu: Duration::from_millis(300),
        wall: Duration::from_secs(4),
        grace: Duration::from_millis(500),
        fetch_timeout: Duration::from_secs(1),
        ..PoolOptions::new(env!("CARGO_BIN_EXE_posthouse-script-worker"), [])
    }
}

/// A pool whose host refuses everything.
pub fn pool() -> Pool {
    Pool::new(options(), Arc::new(Web::default()))
}

/// Runs a filter over a payload.
pub async fn filter(pool: &Pool, body: &str, payload: &str) -> Result<bool, ScriptError> {
    let call = Call::new(Script::new(Some(body), None), payload.to_owned());
    pool.run(call).await.map(|output| output.matched)
}

/// Runs a map over `{}`.
pub async fn map(pool: &Pool, body: &str) -> Result<Value, ScriptError> {
    run_map(pool, body, "{}").await.map(|output| json(&output))
}

/// Runs a map over a payload.
pub async fn run_map(pool: &Pool, body: &str, payload: &str) -> Result<Output, ScriptError> {
    pool.run(Call::new(Script::new(None, Some(body)), payload.to_owned()))
        .await
}

/// The map's result.
pub fn json(output: &Output) -> Value {
    serde_json::from_slice(output.body.as_ref().expect("a body")).expect("JSON")
}

/// Answers by URL, after a delay; anything else is refused.
#[derive(Default)]
pub struct Web {
    pub answers: BTreeMap<String, (Duration, FetchResponse)>,
    pub seen: Mutex<Vec<FetchRequest>>,
}

impl Web {
    pub fn answer(mut self, url: &str, delay_ms: u64, status: u16, body: &[u8]) -> Self {
        let response = FetchResponse {
            status,
            status_text: if status == 200 {
                "OK".to_owned()
            } else {
                String::new()
            },
            url: url.to_owned(),
            headers: vec![
                ("Content-Type".to_owned(), "application/json".to_owned()),
                ("x-two".to_owned(), "a".to_owned()),
                ("x-two".to_owned(), "b".to_owned()),
            ],
            body: body.to_vec().into(),
            redirected: false,
        };
        self.answers
            .insert(url.to_owned(), (Duration::from_millis(delay_ms), response));
        self
    }
}

impl Host for Web {
    fn fetch(&self, request: FetchRequest) -> Fetching<'_> {
        let answer = self.answers.get(&request.url).cloned();
        self.seen.lock().unwrap().push(request);
        Box::pin(async move {
            let Some((delay, response)) = answer else {
                return Err("this address is not allowed".to_owned());
            };
            tokio::time::sleep(delay).await;
            Ok(response)
        })
    }
}

/// Processes that this one has started and that still run.
fn children() -> Vec<i32> {
    let own = std::process::id();
    let text = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let stat = text(format!("/proc/{pid}/stat"));
            let fields: Vec<_> = stat
                .rsplit_once(')')
                .map(|(_, rest)| rest.split_whitespace().collect())
                .unwrap_or_default();
            fields.get(1).and_then(|parent| parent.parse::<u32>().ok()) == Some(own)
                && fields.first() != Some(&"Z")
        })
        .collect()
}

/// The workers of a pool are told from those of other tests by a mark on their command line.
pub fn marked(mark: &str) -> PoolOptions {
    PoolOptions {
        args: vec![mark.into()],
        ..options()
    }
}

pub fn pids(mark: &str) -> Vec<i32> {
    children()
        .into_iter()
        .filter(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.contains(mark))
        })
        .collect()
}
