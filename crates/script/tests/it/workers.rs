//! The pool: replacing, waiting, resting, closing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use posthouse_script::{ErrorKind, Pool, PoolOptions};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Web, filter, map, marked, options, pids, pool};

fn kill(pid: i32) {
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
}

#[tokio::test]
async fn a_worker_killed_from_outside_fails_its_run_alone() {
    let pool = Pool::new(marked("mark-outside"), Arc::new(Web::default()));
    let running = tokio::spawn({
        let pool = pool.clone();
        async move { map(&pool, "await new Promise((done) => setTimeout(done, 3000))").await }
    });
    let pid = loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if let [pid] = pids("mark-outside")[..] {
            break pid;
        }
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    kill(pid);
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Died);
    assert!(error.message.contains("signal 9"), "{error}");
    assert_eq!(map(&pool, "return 1").await.unwrap(), json!(1));

    // One that dies while it has nothing to do is not noticed at all.
    pids("mark-outside").into_iter().for_each(kill);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(map(&pool, "return 2").await.unwrap(), json!(2));
}

#[tokio::test]
async fn workers_start_on_demand_and_end_when_idle() {
    let options = PoolOptions {
        idle: Duration::from_millis(200),
        ..marked("mark-idle")
    };
    let pool = Pool::new(options, Arc::new(Web::default()));
    assert_eq!(pids("mark-idle").len(), 0);
    map(&pool, "return 1").await.unwrap();
    assert_eq!(pids("mark-idle").len(), 1);
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!((pool.workers(), pids("mark-idle").len()), ((0, 0), 0));
    assert_eq!(map(&pool, "return 1").await.unwrap(), json!(1));
}

#[tokio::test]
async fn closing_ends_everything() {
    let pool = Pool::new(marked("mark-close"), Arc::new(Web::default()));
    map(&pool, "return 1").await.unwrap();
    let mut runs = JoinSet::new();
    for n in 0..5 {
        let pool = pool.clone();
        runs.spawn(async move {
            map(
                &pool,
                &format!("await new Promise((done) => setTimeout(done, 3000)); return {n}"),
            )
            .await
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    pool.close().await;
    while let Some(result) = runs.join_next().await {
        assert_eq!(result.unwrap().unwrap_err().kind, ErrorKind::Closed);
    }
    assert!(begin.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(pids("mark-close").len(), 0);
    assert_eq!(
        map(&pool, "return 1").await.unwrap_err().kind,
        ErrorKind::Closed
    );
}

#[test]
fn a_worker_ends_with_its_input() {
    use std::{
        io::Read,
        process::{Command, Stdio},
    };
    let start = || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_posthouse-script-worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        (child, input)
    };
    let (mut child, input) = start();
    drop(input);
    assert!(child.wait().unwrap().success());

    // Bytes that are no frame end it too, with a reason.
    let (mut child, mut input) = start();
    std::io::Write::write_all(&mut input, &[255; 64]).unwrap();
    assert!(!child.wait().unwrap().success());
    let mut reason = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut reason)
        .unwrap();
    assert!(reason.contains("TooLong"), "{reason}");
}

#[tokio::test]
async fn a_dropped_run_ends_its_worker() {
    let pool = Pool::new(marked("mark-drop"), Arc::new(Web::default()));
    let run = map(&pool, "await new Promise((done) => setTimeout(done, 3000))");
    assert!(
        tokio::time::timeout(Duration::from_millis(300), run)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(pids("mark-drop").len(), 0);
    assert_eq!(map(&pool, "return 1").await.unwrap(), json!(1));
}

#[tokio::test]
async fn a_worker_sees_no_environment_and_can_open_nothing() {
    let pool = Pool::new(marked("mark-env"), Arc::new(Web::default()));
    map(&pool, "return 1").await.unwrap();
    let pid = pids("mark-env")[0];
    assert!(!std::env::vars_os().collect::<Vec<_>>().is_empty());
    assert_eq!(std::fs::read(format!("/proc/{pid}/environ")).unwrap(), b"");
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    for (name, value) in [
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max processes", "0"),
        ("Max open files", "3"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(
            line.trim_start_matches(name).split_whitespace().next(),
            Some(value),
            "{line}"
        );
    }
    let space = limits
        .lines()
        .find(|line| line.starts_with("Max address space"))
        .unwrap();
    assert!(!space.contains("unlimited"), "{space}");
    // What the tests themselves inherited without a mark to close it is nothing of ours.
    let own = |pid: &str, fd: &std::ffi::OsStr| {
        std::fs::read_link(format!("/proc/{pid}/fd/{}", fd.display())).ok()
    };
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let fd = entry.unwrap().file_name();
        let target = own(&pid.to_string(), &fd);
        if ["0", "1", "2"].iter().any(|standard| fd == *standard) {
            assert!(target.unwrap().display().to_string().starts_with("pipe:"));
        } else {
            assert_eq!(target, own("self", &fd), "{fd:?}");
        }
    }
    let group = rustix::process::getpgid(rustix::process::Pid::from_raw(pid)).unwrap();
    assert_eq!(group.as_raw_nonzero().get(), pid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_do_not_wait_for_a_script_that_loops() {
    let pool = Pool::new(
        PoolOptions {
            cpu: Duration::from_secs(1),
            ..options()
        },
        Arc::new(Web::default()),
    );
    filter(&pool, "return payload.n >= 0", r#"{"n":1}"#)
        .await
        .unwrap();
    let mut bad = JoinSet::new();
    for _ in 0..4 {
        let pool = pool.clone();
        bad.spawn(async move { filter(&pool, "for (;;);", "{}").await });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut good = JoinSet::new();
    let begin = Instant::now();
    for n in 0..100 {
        let pool = pool.clone();
        good.spawn(async move {
            let matched = filter(&pool, "return payload.n >= 0", &format!("{{\"n\":{n}}}")).await;
            (matched, begin.elapsed())
        });
    }
    let mut slowest = Duration::ZERO;
    while let Some(result) = good.join_next().await {
        let (matched, elapsed) = result.unwrap();
        assert_eq!(matched, Ok(true));
        slowest = slowest.max(elapsed);
    }
    assert!(slowest < Duration::from_millis(700), "{slowest:?}");
    // They have one worker at a time, and after three excesses the rest of them rests.
    let mut kinds = Vec::new();
    while let Some(result) = bad.join_next().await {
        kinds.push(result.unwrap().unwrap_err().kind);
    }
    assert!(
        kinds.iter().all(|kind| *kind == ErrorKind::Cpu),
        "{kinds:?}"
    );
    let error = filter(&pool, "for (;;);", "{}").await.unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Suspended(rest) if rest <= Duration::from_secs(2)),
        "{error}"
    );
    assert!(error.kind.is_transient());
    assert_eq!(filter(&pool, "return 1", "{}").await, Ok(true));
}

#[tokio::test]
async fn one_that_fails_properly_does_not_rest() {
    let pool = pool();
    for _ in 0..10 {
        assert_eq!(
            map(&pool, "throw 1").await.unwrap_err().kind,
            ErrorKind::Thrown
        );
    }
}

#[tokio::test]
async fn waiting_is_bounded() {
    let options = PoolOptions {
        max_waiting: 1,
        max_wait: Duration::from_millis(300),
        ..options()
    };
    let pool = Pool::new(options, Arc::new(Web::default()));
    let mut runs = JoinSet::new();
    for _ in 0..3 {
        let pool = pool.clone();
        runs.spawn(async move {
            map(
                &pool,
                "await new Promise((done) => setTimeout(done, 1000)); return 1",
            )
            .await
        });
    }
    let mut kinds = Vec::new();
    while let Some(result) = runs.join_next().await {
        kinds.push(result.unwrap().map_err(|error| error.kind));
    }
    kinds.sort_by_key(Result::is_ok);
    assert_eq!(
        kinds,
        [Err(ErrorKind::Busy), Err(ErrorKind::Busy), Ok(json!(1))]
    );
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_told() {
    let pool = Pool::new(
        PoolOptions {
            program: "/nonexistent".into(),
            ..options()
        },
        Arc::new(Web::default()),
    );
    assert_eq!(
        map(&pool, "return 1").await.unwrap_err().kind,
        ErrorKind::Start
    );
    let pool = Pool::new(
        PoolOptions {
            program: "/bin/true".into(),
            ..options()
        },
        Arc::new(Web::default()),
    );
    assert_eq!(
        map(&pool, "return 1").await.unwrap_err().kind,
        ErrorKind::Start
    );
    let pool = Pool::new(
        PoolOptions {
            program: "/bin/echo".into(),
            args: vec!["hello, this is no frame".into()],
            ..options()
        },
        Arc::new(Web::default()),
    );
    assert_eq!(
        map(&pool, "return 1").await.unwrap_err().kind,
        ErrorKind::Start
    );
}
