//! What a run costs, pipe included: `cargo run --release -p posthouse-script --example bench`.
//!
//! The example is its own worker. Each line: microseconds of one run after the other on a warm pool.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use posthouse_script::{
    Call, FetchRequest, FetchResponse, Fetching, Host, Pool, PoolOptions, Script,
};

struct Web;

impl Host for Web {
    fn fetch(&self, _: FetchRequest) -> Fetching<'_> {
        Box::pin(async {
            Ok(FetchResponse {
                status: 200,
                ..FetchResponse::default()
            })
        })
    }
}

/// An event as webhooks carry it, of about 2 kB.
fn payload() -> String {
    let header = r#""x-header":["some value that is not so short"],"#.repeat(20);
    format!(
        r#"{{"serviceUrl":"http://a.test","account":"jane","date":"2026-01-01T00:00:00.000Z","event":"messageNew","data":{{"id":"AAAAAQAAAeE","uid":481,
        "from":{{"name":"Jane","address":"jane@example.com"}},"subject":"An invoice","headers":{{{header}"to":["a"]}},"text":{{"plain":"{}"}}}},
        "_route":{{"id":"r1"}}}}"#,
        "Dear customer, ".repeat(40)
    )
}

async fn measure(name: &str, pool: &Pool, call: &Call, runs: usize) {
    for _ in 0..50 {
        run(pool, call).await;
    }
    let mut times = Vec::with_capacity(runs);
    let mut cpu = Duration::ZERO;
    for _ in 0..runs {
        let begin = Instant::now();
        cpu += run(pool, call).await;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    let at = |part: usize| times.get(runs * part / 1000).map_or(0, Duration::as_micros);
    println!(
        "{name:44} p50 {:6} us   p99 {:6} us   in the worker {:5} us",
        at(500),
        at(990),
        cpu.as_micros() / runs as u128
    );
}

/// Resident memory of the largest child process, in kB.
fn largest_child() -> u64 {
    let own = std::process::id().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return 0;
    };
    processes
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("status")).ok())
        .filter_map(|status| {
            let field = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name))?;
                line.split_whitespace().nth(1).map(str::to_owned)
            };
            (field("PPid:")? == own)
                .then(|| field("VmRSS:")?.parse().ok())
                .flatten()
        })
        .max()
        .unwrap_or(0)
}

async fn run(pool: &Pool, call: &Call) -> Duration {
    match pool.run(call.clone()).await {
        Ok(output) => output.cpu,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        return Ok(posthouse_script::worker::run()?);
    }
    let pool = Pool::new(
        PoolOptions::of_this_binary(["worker".into()])?,
        Arc::new(Web),
    );
    let filter =
        "return payload.event === 'messageNew' && payload.data.subject.includes('invoice')";
    let map = "logger.info(payload.account); return { text: `New: ${payload.data.subject}`, id: payload.data.id, key: env.key }";
    let call = |filter: Option<&str>, map: Option<&str>| {
        let mut call = Call::new(Script::new(filter, map), payload());
        call.env = r#"{"key":"value"}"#.into();
        call
    };

    let begin = Instant::now();
    run(&pool, &call(Some(filter), Some(map))).await;
    println!(
        "first run, process and compiling included: {} us",
        begin.elapsed().as_micros()
    );
    println!("payload: {} bytes", payload().len());

    measure(
        "filter and map",
        &pool,
        &call(Some(filter), Some(map)),
        10_000,
    )
    .await;
    measure("filter", &pool, &call(Some(filter), None), 10_000).await;
    measure(
        "map of everything",
        &pool,
        &call(None, Some("return payload")),
        10_000,
    )
    .await;
    let open = "Array.prototype.last = function () { return this[this.length - 1] }; return [payload.event].last()";
    measure(
        "map with a fresh realm for each run",
        &pool,
        &call(None, Some(open)),
        2000,
    )
    .await;
    let fetch =
        "return (await Promise.all([1, 2, 3].map((n) => fetch('http://a.test/' + n)))).length";
    measure(
        "map with three requests at once",
        &pool,
        &call(None, Some(fetch)),
        2000,
    )
    .await;

    // Four calls of a script that loops want workers all the time.
    let looping = Call::new(Script::new(Some("for (;;);"), None), "{}");
    let looping: Vec<_> = (0..4)
        .map(|_| {
            let (pool, call) = (pool.clone(), looping.clone());
            tokio::spawn(async move { pool.run(call).await.is_err() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    measure(
        "filter and map while another script loops",
        &pool,
        &call(Some(filter), Some(map)),
        3000,
    )
    .await;
    for task in looping {
        task.await?;
    }

    let mut times = Vec::new();
    for n in 0..200 {
        let map = format!("{map} // {n}");
        let call = call(Some(filter), Some(&map));
        let begin = Instant::now();
        run(&pool, &call).await;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    let median = times.get(100).map_or(0, Duration::as_micros);
    println!(
        "{:44} p50 {median:6} us",
        "a script that is new to the worker"
    );
    println!("largest worker, full of scripts: {} kB", largest_child());
    Ok(())
}
