//! Time and memory: whatever a script does, it ends.

use std::time::{Duration, Instant};

use posthouse_script::{Call, ErrorKind, PoolOptions, Script};
use serde_json::json;

use crate::support::{map, options, pool, run_map};

#[tokio::test]
async fn loops_end_with_the_time_of_the_processor() {
    let pool = pool();
    for body in [
        "for (;;);",
        "try { for (;;); } catch { return 'caught' } finally { for (;;); }",
        "for (;;) await 0",
        "const f = () => Promise.resolve().then(f); await f()",
        "(function f() { queueMicrotask(f) })(); await new Promise(() => {})",
        "setInterval(() => { const end = Date.now() + 5; while (Date.now() < end); }, 0); await new Promise(() => {})",
        "return { toJSON() { for (;;); } }",
        "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
        "return /(x+x+)+y/.exec('x'.repeat(60))",
        "let s = 'a'.repeat(1e5); for (;;) s.split('').sort().join('')",
        "const p = new Proxy({}, { get() { for (;;); } }); return p.x",
        "logger.info('seen'); for (;;);",
    ] {
        let begin = Instant::now();
        let error = map(&pool, body).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Cpu, "{body}: {error}");
        assert!(
            begin.elapsed() < Duration::from_secs(3),
            "{body}: {:?}",
            begin.elapsed()
        );
        if body.contains("seen") {
            assert_eq!(error.logs.lines[0].text, "seen");
        }
        assert_eq!(map(&pool, "return 1").await.unwrap(), json!(1));
    }
}

#[tokio::test]
async fn native_code_that_looks_at_no_clock_is_killed() {
    let pool = pool();
    for body in [
        "return new Array(1e9) + ''",
        "return Array(4e9).join('')",
        "const a = new Array(2e9); return a.indexOf(1)",
    ] {
        let begin = Instant::now();
        let error = map(&pool, body).await.unwrap_err();
        assert!(
            matches!(
                error.kind,
                ErrorKind::Cpu | ErrorKind::Wall | ErrorKind::Memory | ErrorKind::Thrown
            ),
            "{body}: {error}"
        );
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{body}: {:?}",
            begin.elapsed()
        );
        assert_eq!(map(&pool, "return 1").await.unwrap(), json!(1));
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    let pool = pool();
    for body in [
        "let s = 'x'; for (;;) s += s;",
        "const a = []; for (;;) a.push(new Array(1000).fill(1));",
        "const a = []; for (;;) a.push(new ArrayBuffer(1 << 20));",
        "const a = []; for (;;) a.push(new Uint8Array(1 << 22).fill(1));",
        "const a = []; for (;;) a.push('x'.repeat(1e6) + a.length);",
        "return new ArrayBuffer(1e12).byteLength",
        "return 'x'.repeat(2 ** 29)",
        "return new Uint8Array(2 ** 31)",
        "const m = new Map(); for (let i = 0;; i++) m.set(i, { i });",
        "let o = {}; for (;;) o = { o };",
        "try { const a = []; for (;;) a.push(new Array(1000).fill(1)); } catch { return 'caught' }",
        "return BigInt('9'.repeat(1e7)) ** 100000n",
    ] {
        let begin = Instant::now();
        let mut call = Call::new(Script::new(None, Some(body)), "{}");
        call.cpu = Some(Duration::from_secs(2));
        match pool.run(call).await {
            Ok(output) => assert_eq!(
                output.body.as_deref(),
                Some(b"\"caught\"".as_slice()),
                "{body}"
            ),
            Err(error) => {
                let thrown = error.kind == ErrorKind::Thrown
                    && (error.name == "RangeError" || error.message == "string too long");
                assert!(
                    thrown
                        || matches!(
                            error.kind,
                            ErrorKind::Memory | ErrorKind::Cpu | ErrorKind::Wall | ErrorKind::Died
                        ),
                    "{body}: {error:?}"
                );
            }
        }
        assert!(
            begin.elapsed() < Duration::from_secs(6),
            "{body}: {:?}",
            begin.elapsed()
        );
        assert_eq!(
            map(&pool, "return 1").await.unwrap(),
            json!(1),
            "after {body}"
        );
    }
}

#[tokio::test]
async fn recursion_is_bounded() {
    let pool = pool();
    for body in [
        "const f = () => f() + 1; return f()",
        "const f = async () => (await f()) + 1; return f()",
        "let o = []; for (let i = 0; i < 1e5; i++) o = [o]; return JSON.stringify(o)",
        "return JSON.parse('['.repeat(1e6))",
        "return new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).source.length",
        "const p = {}; p.toString = () => '' + p; return '' + p",
        "let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return structuredClone(o)",
        "let o = {}; for (let i = 0; i < 2e5; i++) o = { o }; return o",
    ] {
        let error = map(&pool, body).await.unwrap_err();
        assert!(
            matches!(
                error.kind,
                ErrorKind::Thrown | ErrorKind::NotJson | ErrorKind::Memory | ErrorKind::Cpu
            ),
            "{body}: {error}"
        );
        assert_eq!(map(&pool, "return 1").await.unwrap(), json!(1));
    }
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(run_map(&pool, "return payload", &deep).await.is_err());
    assert_eq!(map(&pool, "return 1").await.unwrap(), json!(1));
}

#[tokio::test]
async fn sizes_are_bounded() {
    let pool = posthouse_script::Pool::new(
        PoolOptions {
            max_result: 1000,
            max_payload: 1000,
            max_source: 1000,
            ..options()
        },
        std::sync::Arc::new(crate::support::Web::default()),
    );
    let error = map(&pool, "return 'x'.repeat(2000)").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
    let error = run_map(&pool, "return 1", &format!("\"{}\"", "x".repeat(2000)))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
    let error = map(&pool, &format!("return 1 // {}", "x".repeat(2000)))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert_eq!(
        map(&pool, "return 'x'.repeat(500).length").await.unwrap(),
        json!(500)
    );
}

#[tokio::test]
async fn large_payloads_pass() {
    let pool = pool();
    let payload = format!(r#"{{"text":"{}"}}"#, "é".repeat(3 << 20));
    let mut call = Call::new(
        Script::new(
            Some("return payload.text.length === 3145728"),
            Some("return payload"),
        ),
        payload.clone(),
    );
    call.cpu = Some(Duration::from_secs(5));
    let output = pool.run(call).await.unwrap();
    assert_eq!(output.body.unwrap(), payload.as_bytes());
}

#[tokio::test]
async fn a_huge_log_is_cut() {
    let output = run_map(
        &pool(),
        "logger.info('x'.repeat(1e7)); for (let i = 0; i < 1e4; i++) logger.info('y'); return 1",
        "{}",
    )
    .await
    .unwrap();
    assert_eq!(output.logs.lines.len(), 100);
    assert!(output.logs.lines[0].text.len() <= 4096 && output.logs.lines[0].text.ends_with('…'));
    assert_eq!(output.logs.dropped, 9901);
}

#[tokio::test]
async fn timers_are_bounded_by_number_and_wall() {
    let pool = pool();
    let error = map(
        &pool,
        "for (let i = 0; i < 2000; i++) setTimeout(() => {}, 1e6)",
    )
    .await
    .unwrap_err();
    assert_eq!(error.name, "RangeError");
    let mut call = Call::new(
        Script::new(
            None,
            Some("await new Promise((done) => setTimeout(done, 1e9))"),
        ),
        "{}",
    );
    call.wall = Some(Duration::from_millis(200));
    let begin = Instant::now();
    assert_eq!(pool.run(call).await.unwrap_err().kind, ErrorKind::Wall);
    assert!(begin.elapsed() < Duration::from_secs(2));
    let output = run_map(&pool, "await new Promise((done) => { setTimeout(() => { throw new Error('t') }, 1); setTimeout(done, 5) }); return 1", "{}").await.unwrap();
    assert_eq!(output.logs.lines[0].text, "uncaught in a timer: Error: t");
}
