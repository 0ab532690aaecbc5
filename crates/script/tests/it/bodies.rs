//! Filters and maps: what their results mean.

use posthouse_script::{Call, Level, Script};
use serde_json::json;

use crate::support::{filter, json as body_of, map, options, pool, run_map};

#[tokio::test]
async fn a_filter_matches_if_its_result_is_truthy() {
    let pool = pool();
    for (body, expected) in [
        ("return true", true),
        ("return 1", true),
        ("return 'false'", true),
        ("return {}", true),
        ("return []", true),
        ("return payload.event === 'messageNew'", true),
        ("return payload._route.id === 'r1' && payload", true),
        ("return false", false),
        ("return 0", false),
        ("return NaN", false),
        ("return 0n", false),
        ("return ''", false),
        ("return null", false),
        ("return payload.missing?.deeper", false),
        ("", true),
        ("// nothing is returned", false),
    ] {
        let result = filter(
            &pool,
            body,
            r#"{"event":"messageNew","_route":{"id":"r1"}}"#,
        )
        .await;
        assert_eq!(result, Ok(expected), "{body}");
    }
}

#[tokio::test]
async fn a_map_replaces_the_payload() {
    let pool = pool();
    let payload =
        r#"{"account":"jane","data":{"subject":"Grüße \ud83d\ude00","flags":["\\Seen"]}}"#;
    let output = run_map(
        &pool,
        "payload.text = `New: ${payload.data.subject}`; delete payload.data; return payload;",
        payload,
    )
    .await
    .unwrap();
    assert!(output.matched);
    assert_eq!(
        body_of(&output),
        json!({"account": "jane", "text": "New: Grüße 😀"})
    );

    for (body, expected) in [
        ("return null", json!(null)),
        ("return 'text'", json!("text")),
        ("return [1, undefined, () => 1]", json!([1, null, null])),
        ("return new Date(0)", json!("1970-01-01T00:00:00.000Z")),
        ("return { toJSON() { return 7 } }", json!(7)),
        (
            "return ['\\ud800', '\\\\ud800', '\\u{1f600}']",
            json!(["\u{fffd}", "\\ud800", "😀"]),
        ),
    ] {
        assert_eq!(map(&pool, body).await, Ok(expected), "{body}");
    }
}

#[tokio::test]
async fn bodies_are_async_functions() {
    let pool = pool();
    let slow = "const later = (ms) => new Promise((done) => setTimeout(done, ms));
        const results = [];
        await Promise.all([later(30).then(() => results.push('b')), later(5).then(() => results.push('a'))]);
        for await (const item of (async function* () { yield 'c'; yield 'd'; })()) results.push(item);
        let ticks = 0;
        await new Promise((done) => { const id = setInterval(() => { ticks += 1; if (ticks === 3) { clearInterval(id); done(); } }, 1); });
        clearTimeout(setTimeout(() => results.push('never'), 1));
        await later(10);
        results.push(ticks);
        return results;";
    assert_eq!(map(&pool, slow).await, Ok(json!(["a", "b", "c", "d", 3])));
    assert_eq!(
        filter(&pool, "return Promise.resolve(0)", "{}").await,
        Ok(false)
    );
    assert_eq!(map(&pool, "return (async () => 5)()").await, Ok(json!(5)));
}

#[tokio::test]
async fn filter_and_map_of_a_route_run_in_one_call_over_payloads_of_their_own() {
    let pool = pool();
    let script = Script::new(
        Some("payload.changed = true; globalThis.left = 1; logger.info('f'); return payload.n > 1"),
        Some(
            "logger.warn('m'); return { n: payload.n, changed: payload.changed, left: typeof left, env }",
        ),
    );
    let mut call = Call::new(script.clone(), r#"{"n":2}"#);
    call.env = r#"{"key":"value"}"#.into();
    let output = pool.run(call).await.unwrap();
    assert!(output.matched);
    assert_eq!(
        body_of(&output),
        json!({"n": 2, "left": "undefined", "env": {"key": "value"}})
    );
    let levels: Vec<_> = output
        .logs
        .lines
        .iter()
        .map(|line| (line.level, line.text.as_str()))
        .collect();
    assert_eq!(levels, [(Level::Info, "f"), (Level::Warn, "m")]);

    let output = pool.run(Call::new(script, r#"{"n":1}"#)).await.unwrap();
    assert!(!output.matched);
    assert_eq!(
        output.body, None,
        "the map does not run where the filter does not match"
    );
}

#[tokio::test]
async fn nothing_to_run_matches() {
    let output = pool()
        .run(Call::new(Script::new(None, None), "{}"))
        .await
        .unwrap();
    assert!(output.matched);
    assert_eq!(output.body, None);
}

#[tokio::test]
async fn logger_takes_lines_of_every_level_within_bounds() {
    let pool = posthouse_script::Pool::new(
        posthouse_script::PoolOptions {
            max_log_lines: 12,
            max_log_line: 60,
            ..options()
        },
        std::sync::Arc::new(crate::support::Web::default()),
    );
    let body = "logger.trace('t'); logger.debug({a: [1]}); logger.info(undefined); logger.warn(null); logger.error(new TypeError('e'));
        logger.fatal('é'.repeat(1000)); const cycle = {}; cycle.self = cycle; logger.info(cycle); logger.info(5n);
        console.log('a', 1, {b: 2}); console.error('x'); logger.info('\\ud800'); logger.info('x'.repeat(60));
        for (let i = 0; i < 5000; i++) logger.info(i);
        return 1";
    let logs = run_map(&pool, body, "{}").await.unwrap().logs;
    assert_eq!(logs.dropped, 5000);
    let lines: Vec<_> = logs
        .lines
        .iter()
        .map(|line| (line.level.as_str(), line.text.as_str()))
        .collect();
    assert_eq!(lines[0], ("trace", "t"));
    assert_eq!(lines[1], ("debug", r#"{"a":[1]}"#));
    assert_eq!(lines[2], ("info", "undefined"));
    assert_eq!(lines[3], ("warn", "null"));
    assert!(
        lines[4].0 == "error" && lines[4].1.starts_with("TypeError: e"),
        "{lines:?}"
    );
    assert!(
        lines[5].0 == "fatal" && lines[5].1.len() <= 60 && lines[5].1.ends_with("é…"),
        "{lines:?}"
    );
    assert_eq!(lines[6], ("info", "[object Object]"));
    assert_eq!(lines[7], ("info", "5"));
    assert_eq!(lines[8], ("info", r#"a 1 {"b":2}"#));
    assert_eq!(lines[9], ("error", "x"));
    assert_eq!(lines[10], ("info", "\u{fffd}"));
    assert_eq!(lines[11], ("info", "x".repeat(60).as_str()));
    assert_eq!(lines.len(), 12);
}

#[tokio::test]
async fn what_is_not_json_is_told() {
    use posthouse_script::{ErrorKind, Stage};
    let pool = pool();
    for body in [
        "return undefined",
        "return () => 1",
        "const a = {}; a.a = a; return a",
        "return 5n",
        "return { toJSON() { throw new Error('no') } }",
    ] {
        let error = map(&pool, body).await.unwrap_err();
        assert_eq!(
            (error.kind, error.stage),
            (ErrorKind::NotJson, Some(Stage::Map)),
            "{body}"
        );
    }
    let error = filter(&pool, "return 1", "{broken").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Input);
    let mut call = Call::new(Script::new(Some("return 1"), None), "{}");
    call.env = "nonsense".into();
    assert_eq!(pool.run(call).await.unwrap_err().kind, ErrorKind::Input);
}
