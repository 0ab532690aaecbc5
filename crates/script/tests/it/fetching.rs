//! `fetch`: through the host, several at once, within limits.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use posthouse_script::{Call, ErrorKind, Pool, PoolOptions, Redirect, Script};
use serde_json::json;

use crate::support::{Web, json as body_of, map, options, pool};

fn web(web: Web) -> (Pool, Arc<Web>) {
    let host = Arc::new(web);
    (Pool::new(options(), Arc::clone(&host) as _), host)
}

#[tokio::test]
async fn an_answer_can_be_read_in_every_way() {
    let (pool, host) = web(Web::default()
        .answer("http://a.test/ok", 0, 200, br#"{"n":1}"#)
        .answer("http://a.test/bytes", 0, 404, &[0, 255, 1]));
    let body = "
        const ok = await fetch('http://a.test/ok');
        const copy = ok.clone();
        const gone = await fetch(new URL('http://a.test/bytes'));
        const bytes = [...new Uint8Array(await gone.arrayBuffer())];
        const headers = {};
        ok.headers.forEach((value, name) => { headers[name] = value; });
        const value = await ok.json();
        let again = 'no error';
        try { await ok.text(); } catch (error) { again = error.name; }
        return { ok: ok.ok, status: ok.status, text: ok.statusText, url: ok.url, value, again, used: ok.bodyUsed,
          copy: await copy.text(), gone: [gone.ok, gone.status], bytes, headers,
          two: ok.headers.get('X-Two'), has: [ok.headers.has('content-TYPE'), ok.headers.has('none')],
          entries: [...ok.headers.entries()].length };";
    assert_eq!(
        map(&pool, body).await.unwrap(),
        json!({"ok": true, "status": 200, "text": "OK", "url": "http://a.test/ok", "value": {"n": 1}, "again": "TypeError",
            "used": true, "copy": "{\"n\":1}", "gone": [false, 404], "bytes": [0, 255, 1],
            "headers": {"content-type": "application/json", "x-two": "a, b"}, "two": "a, b", "has": [true, false], "entries": 2})
    );
    let seen = host.seen.lock().unwrap();
    assert_eq!(seen[0].method, "GET");
    assert_eq!(seen[0].body, None);
    assert!(seen[0].headers.is_empty());
    assert_eq!(seen[0].redirect, Redirect::Follow);
}

#[tokio::test]
async fn requests_carry_method_headers_and_body() {
    let (pool, host) = web(Web::default().answer("http://a.test/", 0, 200, b""));
    let body = "
        await fetch('http://a.test', { method: 'post', headers: { 'X-Key': env.key, Accept: '*/*' }, body: JSON.stringify({ a: 'é' }) });
        await fetch('http://a.test', { method: 'PUT', headers: [['Content-Type', 'x/y']], body: new Uint8Array([0, 200]), redirect: 'manual' });
        await fetch('http://a.test', { method: 'PATCH', body: new URLSearchParams({ a: 'b c' }), redirect: 'error' });
        await fetch('http://a.test', { method: 'DELETE', body: new Uint8Array([1, 2, 3, 4]).subarray(1, 3).buffer });
        return 1;";
    let mut call = Call::new(Script::new(None, Some(body)), "{}");
    call.env = r#"{"key":"s3cret"}"#.into();
    call.tag = "route-1".into();
    pool.run(call).await.unwrap();
    let seen = host.seen.lock().unwrap();
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].body.as_deref(), Some("{\"a\":\"é\"}".as_bytes()));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        seen[0].headers,
        [
            pair("accept", "*/*"),
            pair("content-type", "text/plain;charset=UTF-8"),
            pair("x-key", "s3cret")
        ]
    );
    assert_eq!(&*seen[0].tag, "route-1");
    assert_eq!(seen[0].max_body, options().max_response_body);
    assert_eq!(seen[1].body.as_deref(), Some([0, 200].as_slice()));
    assert_eq!(seen[1].headers, [pair("content-type", "x/y")]);
    assert_eq!(seen[1].redirect, Redirect::Manual);
    assert_eq!(seen[2].body.as_deref(), Some(b"a=b+c".as_slice()));
    assert_eq!(
        seen[2].headers,
        [pair(
            "content-type",
            "application/x-www-form-urlencoded;charset=UTF-8"
        )]
    );
    assert_eq!(seen[2].redirect, Redirect::Error);
    assert_eq!(seen[3].body.as_deref(), Some([1, 2, 3, 4].as_slice()));
}

#[tokio::test]
async fn several_at_once_wait_together() {
    let (pool, _) = web(Web::default()
        .answer("http://a.test/1", 300, 200, b"1")
        .answer("http://a.test/2", 200, 200, b"2")
        .answer("http://a.test/3", 250, 200, b"3"));
    let begin = Instant::now();
    let body = "const first = await Promise.race([1, 2].map((n) => fetch('http://a.test/' + n).then((r) => r.text())));
        const all = await Promise.all([1, 2, 3].map(async (n) => (await fetch('http://a.test/' + n)).json()));
        return { first, all };";
    assert_eq!(
        map(&pool, body).await.unwrap(),
        json!({"first": "2", "all": [1, 2, 3]})
    );
    assert!(
        begin.elapsed() < Duration::from_millis(1200),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn a_refused_request_is_a_type_error() {
    let (pool, host) = web(Web::default());
    let body = "try { await fetch('http://127.0.0.1/') } catch (error) { return [error instanceof TypeError, error.message] }";
    assert_eq!(
        map(&pool, body).await.unwrap(),
        json!([true, "fetch failed: this address is not allowed"])
    );
    let error = map(&pool, "\nawait fetch('http://127.0.0.1/')")
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.name.as_str()),
        (ErrorKind::Thrown, "TypeError")
    );

    // These do not reach the host at all.
    host.seen.lock().unwrap().clear();
    for request in [
        "'file:///etc/passwd'",
        "'/relative'",
        "''",
        "undefined",
        "'http://a.test/', { method: 'CONNECT' }",
        "'http://a.test/', { method: 'a b' }",
        "'http://a.test/', { headers: { 'a b': 'c' } }",
        "'http://a.test/', { headers: { a: 'b\\r\\nc: d' } }",
        "'http://a.test/', { body: 'x' }",
        "'http://a.test/', { redirect: 'sideways' }",
        "'http://a.test/', { method: 'POST', body: 'x'.repeat(2e6) }",
    ] {
        let body =
            format!("try {{ await fetch({request}) }} catch (error) {{ return error.name }}");
        assert_eq!(
            map(&pool, &body).await.unwrap(),
            json!("TypeError"),
            "{request}"
        );
    }
    assert!(host.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn number_size_and_time_are_bounded() {
    let host = Arc::new(
        Web::default()
            .answer("http://a.test/", 0, 200, b"x")
            .answer("http://a.test/big", 0, 200, &[b'x'; 2000])
            .answer("http://a.test/slow", 60_000, 200, b"x"),
    );
    let options = PoolOptions {
        max_fetches: 3,
        max_response_body: 1000,
        ..options()
    };
    let pool = Pool::new(options, Arc::clone(&host) as _);
    let body = "const results = [];
        for (const path of ['', 'big', 'slow', '', '']) {
          try { results.push((await fetch('http://a.test/' + path)).status) } catch (error) { results.push(error.message) }
        }
        return results;";
    let results = map(&pool, body).await.unwrap();
    assert_eq!(
        results,
        json!([
            200,
            "fetch failed: the answer has more than 1000 bytes",
            "fetch failed: no answer within 1 s",
            "fetch may be called 3 times, no more",
            "fetch may be called 3 times, no more"
        ])
    );
    assert_eq!(host.seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn waiting_costs_no_time_of_the_processor_but_ends_with_the_wall() {
    let (pool, _) = web(Web::default().answer("http://a.test/", 600, 200, b"x"));
    let mut call = Call::new(
        Script::new(None, Some("await fetch('http://a.test/'); return 1")),
        "{}",
    );
    call.cpu = Some(Duration::from_millis(200));
    assert_eq!(body_of(&pool.run(call.clone()).await.unwrap()), json!(1));
    call.wall = Some(Duration::from_millis(300));
    let error = pool.run(call).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Wall);
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_still_made_and_disturbs_nobody() {
    let (pool, host) = web(Web::default().answer("http://a.test/", 50, 200, b"x"));
    for _ in 0..20 {
        assert_eq!(
            map(
                &pool,
                "fetch('http://a.test/').then(() => { globalThis.late = 1 }); return typeof late"
            )
            .await
            .unwrap(),
            json!("undefined")
        );
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(host.seen.lock().unwrap().len(), 20);
    assert_eq!(
        map(&pool, "return typeof late").await.unwrap(),
        json!("undefined")
    );
}

#[tokio::test]
async fn large_bodies_go_both_ways_at_once() {
    let large = vec![b'y'; 1 << 20];
    let (pool, host) = web(Web::default().answer("http://a.test/", 0, 200, &large));
    let body = "const body = 'x'.repeat(900000);
        const sizes = await Promise.all(Array.from({ length: 10 }, async () =>
          (await (await fetch('http://a.test/', { method: 'POST', body })).text()).length));
        return sizes;";
    let mut call = Call::new(Script::new(None, Some(body)), "{}");
    call.cpu = Some(Duration::from_secs(5));
    assert_eq!(
        body_of(&pool.run(call).await.unwrap()),
        json!(vec![1 << 20; 10])
    );
    assert_eq!(host.seen.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn a_request_can_be_given_up() {
    let (pool, _) = web(Web::default()
        .answer("http://a.test/", 400, 200, b"x")
        .answer("http://a.test/fast", 0, 200, b"fast"));
    let body = "
        const name = (promise) => promise.then((r) => r.text(), (error) => error.name);
        const controller = new AbortController();
        const results = [name(fetch('http://a.test/', { signal: AbortSignal.timeout(20) })),
          name(fetch('http://a.test/', { signal: controller.signal })),
          name(fetch('http://a.test/', { signal: AbortSignal.abort(new RangeError('mine')) })),
          name(fetch('http://a.test/fast', { signal: AbortSignal.timeout(2000) }))];
        controller.abort();
        return Promise.all(results)";
    assert_eq!(
        map(&pool, body).await.unwrap(),
        json!(["TimeoutError", "AbortError", "RangeError", "fast"])
    );
}

#[tokio::test]
async fn a_promise_that_nothing_can_settle_is_told_at_once() {
    let begin = Instant::now();
    let error = map(&pool(), "await new Promise(() => {})")
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsettled);
    assert!(begin.elapsed() < Duration::from_secs(2));
}
