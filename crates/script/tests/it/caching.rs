//! What workers keep between runs, and what not.

use std::{sync::Arc, time::Duration};

use posthouse_script::{Call, Pool, PoolOptions, Script};
use serde_json::json;

use crate::support::{Web, map, marked, options, pids};

#[tokio::test]
async fn a_script_is_compiled_once_and_forgotten_ones_are_sent_again() {
    let options = PoolOptions {
        cached_scripts: 4,
        cpu: Duration::from_secs(5),
        ..options()
    };
    let pool = Pool::new(options, Arc::new(Web::default()));
    // Long enough that compiling it shows.
    let long = format!(
        "{}\nreturn 1",
        "if (payload.x) { payload.y = [1, 2, 3].map((x) => x * 2).join('-'); }\n".repeat(1000)
    );
    let script = Script::new(Some(&long), None);
    let mut first = Duration::ZERO;
    for n in 0..3 {
        let output = pool.run(Call::new(script.clone(), "{}")).await.unwrap();
        if n == 0 {
            first = output.cpu;
        } else {
            assert!(output.cpu * 4 < first, "{:?} after {first:?}", output.cpu);
        }
    }
    for round in 0..3 {
        for n in 0..30 {
            assert_eq!(
                map(&pool, &format!("return {n}")).await.unwrap(),
                json!(n),
                "round {round}"
            );
        }
    }
    assert_eq!(
        pool.run(Call::new(script, "{}"))
            .await
            .map(|output| output.matched),
        Ok(true)
    );
}

#[tokio::test]
async fn many_runs_leave_no_memory_behind() {
    let pool = Pool::new(marked("mark-memory"), Arc::new(Web::default()));
    let body = "const cycle = { payload }; cycle.self = cycle; globalThis.kept = cycle; logger.info('x'); return { n: payload.n, url: new URL('http://a.test/?q=1').search }";
    let run = async |count: u32| {
        for n in 0..count {
            let payload = format!("{{\"n\":{n},\"text\":\"{}\"}}", "x".repeat(2000));
            crate::support::run_map(&pool, body, &payload)
                .await
                .unwrap();
        }
    };
    let rss = || {
        let pid = pids("mark-memory")[0];
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap()
            .to_owned();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    run(300).await;
    let before = rss();
    run(1500).await;
    let after = rss();
    assert!(after < before + 4096, "{before} kB, then {after} kB");
}
