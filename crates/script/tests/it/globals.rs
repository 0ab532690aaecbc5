//! What scripts see, and what they do not.

use posthouse_script::{Call, Script};
use serde_json::json;

use crate::support::{json as body_of, map, pool};

#[tokio::test]
async fn nothing_of_the_host_is_there() {
    let pool = pool();
    let body = "return ['require', 'process', 'std', 'os', 'module', 'exports', 'global', 'Deno', 'Bun', 'window', 'XMLHttpRequest',
        'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'eval', 'print', 'scriptArgs', 'gc', '__dirname',
        'native', 'define'].filter((name) => { try { return name in globalThis } catch { return true } })";
    assert_eq!(map(&pool, body).await.unwrap(), json!([]));
    let names = "return Object.getOwnPropertyNames(globalThis).filter((name) => /^[a-z]/.test(name)).sort()";
    assert_eq!(
        map(&pool, names).await.unwrap(),
        json!([
            "atob",
            "btoa",
            "clearInterval",
            "clearTimeout",
            "console",
            "decodeURI",
            "decodeURIComponent",
            "encodeURI",
            "encodeURIComponent",
            "env",
            "escape",
            "fetch",
            "globalThis",
            "isFinite",
            "isNaN",
            "logger",
            "parseFloat",
            "parseInt",
            "performance",
            "queueMicrotask",
            "setInterval",
            "setTimeout",
            "structuredClone",
            "undefined",
            "unescape"
        ])
    );
}

#[tokio::test]
async fn time_is_utc() {
    let body = "return [new Date(0).getTimezoneOffset(), new Date(1e12).toString(), Math.abs(Date.now() - payload.now) < 60000]";
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let output = crate::support::run_map(&pool(), body, &format!("{{\"now\":{now}}}"))
        .await
        .unwrap();
    assert_eq!(
        body_of(&output),
        json!([0, "Sun Sep 09 2001 01:46:40 GMT+0000", true])
    );
}

#[tokio::test]
async fn modules_cannot_be_imported() {
    let pool = pool();
    for name in [
        "os",
        "std",
        "fs",
        "node:fs",
        "./x.js",
        "/etc/passwd",
        "data:text/javascript,1",
    ] {
        let body =
            format!("try {{ await import('{name}'); return 'loaded' }} catch {{ return 'no' }}");
        assert_eq!(map(&pool, &body).await.unwrap(), json!("no"), "{name}");
    }
    assert!(pool.check("import fs from 'fs'").await.is_err());
    assert!(pool.check("return import.meta").await.is_err());
}

#[tokio::test]
async fn code_cannot_be_made_from_text() {
    let pool = pool();
    for code in [
        "eval('1')",
        "(0, eval)('1')",
        "globalThis.eval('1')",
        "new Function('return 1')()",
        "Function('return 1')()",
        "(() => {}).constructor('return 1')()",
        "(async () => {}).constructor('return 1')()",
        "(function* () {}).constructor('yield 1')()",
        "(async function* () {}).constructor('yield 1')()",
        "Object.getPrototypeOf(async () => {}).constructor('return 1')",
        "Reflect.construct(Function, ['return 1'])",
        "class X extends Function {}; new X('return 1')",
        "setTimeout('1', 0)",
        "[].map.constructor('return 1')()",
        "fetch.constructor('return 1')()",
        "URL.constructor('return 1')()",
    ] {
        let code = code.replace("class X", "var X = class X");
        let body = format!("try {{ {code}; return 'made' }} catch (error) {{ return error.name }}");
        let name = map(&pool, &body).await.unwrap();
        assert!(
            name == json!("TypeError") || name == json!("ReferenceError"),
            "{code}: {name}"
        );
    }
    assert_eq!(
        map(&pool, "return (() => {}) instanceof Function")
            .await
            .unwrap(),
        json!(true)
    );
}

#[tokio::test]
async fn env_is_what_was_given_and_a_copy() {
    let pool = pool();
    let script = Script::new(
        None,
        Some("const before = structuredClone(env); env.added = 1; env.list.push(9); return before"),
    );
    for _ in 0..2 {
        let mut call = Call::new(script.clone(), "{}");
        call.env = r#"{"key":"v","list":[1]}"#.into();
        assert_eq!(
            body_of(&pool.run(call).await.unwrap()),
            json!({"key": "v", "list": [1]})
        );
    }
    assert_eq!(map(&pool, "return env").await.unwrap(), json!({}));
}

#[tokio::test]
async fn names_can_be_shadowed() {
    let pool = pool();
    let body = "const fetch = 1, logger = 2, env = 3, URL = 4; let console = 5; var setTimeout = 6; return fetch + logger + env + URL + console + setTimeout";
    assert_eq!(map(&pool, body).await.unwrap(), json!(21));
}

#[tokio::test]
async fn urls_are_those_of_the_standard() {
    let pool = pool();
    let body = "
        const url = new URL('../b?x=1&y=a%20b#frag', 'https://user:pa%20ss@EXAMPLE.com:8443/a/c/');
        const before = [url.href, url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname, url.search, url.hash, url.origin];
        url.searchParams.append('z', 'ü &');
        url.searchParams.delete('x');
        url.port = '443'; url.pathname = '/n w'; url.hash = ''; url.protocol = 'https';
        const after = String(url);
        url.search = '?only=1';
        const params = [...url.searchParams];
        url.href = 'http://other.test/?q=2';
        return { before, after, params, q: url.searchParams.get('q'), json: JSON.stringify({ url }), can: [URL.canParse('x:'), URL.canParse('no')],
          parse: URL.parse('//') };";
    assert_eq!(
        map(&pool, body).await.unwrap(),
        json!({
            "before": ["https://user:pa%20ss@example.com:8443/a/b?x=1&y=a%20b#frag", "https:", "user", "pa%20ss", "example.com:8443",
                "example.com", "8443", "/a/b", "?x=1&y=a%20b", "#frag", "https://example.com:8443"],
            "after": "https://user:pa%20ss@example.com/n%20w?y=a+b&z=%C3%BC+%26",
            "params": [["only", "1"]], "q": "2", "json": "{\"url\":\"http://other.test/?q=2\"}", "can": [true, false], "parse": null
        })
    );
    let error = map(&pool, "\nnew URL('nonsense')").await.unwrap_err();
    assert_eq!(
        (
            error.name.as_str(),
            error.message.as_str(),
            error.position().map(|at| at.0)
        ),
        ("TypeError", "Invalid URL", Some(2))
    );

    let body = "const p = new URLSearchParams('?a=1&b=2&a=3&c');
        const q = new URLSearchParams([['x', '1'], ['y', '2']]);
        const r = new URLSearchParams({ k: 'v w' });
        p.set('a', '9'); p.sort();
        return [p.getAll('a'), p.get('c'), p.get('none'), p.has('b', '3'), p.size, String(p), [...q.keys()], [...q.values()], String(r), String(new URLSearchParams(q))]";
    assert_eq!(
        map(&pool, body).await.unwrap(),
        json!([
            ["9"],
            "",
            null,
            false,
            3,
            "a=9&b=2&c=",
            ["x", "y"],
            ["1", "2"],
            "k=v+w",
            "x=1&y=2"
        ])
    );
}

#[tokio::test]
async fn text_and_bytes() {
    let pool = pool();
    let body = "
        const bytes = new TextEncoder().encode('é😀\\ud800');
        const decoder = new TextDecoder();
        let fatal = 'none', label = 'none', uncloned = 'none';
        try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])) } catch (error) { fatal = error.name }
        try { new TextDecoder('shift_jis') } catch (error) { label = error.name }
        try { structuredClone({ f() {} }) } catch (error) { uncloned = error.name }
        const cycle = { date: new Date(5), map: new Map([[1, { a: 1 }]]), bytes: new Uint8Array([1, 2]), list: [1, , 3] };
        cycle.self = cycle;
        const copy = structuredClone(cycle);
        return { bytes: [...bytes], back: decoder.decode(bytes), bom: decoder.decode(new Uint8Array([0xef, 0xbb, 0xbf, 65])),
          bad: decoder.decode(new Uint8Array([65, 255])), fatal, label, uncloned,
          base64: [btoa('hi\\xff'), atob('aGk=')],
          copy: [copy !== cycle, copy.self === copy, copy.date.getTime(), copy.map.get(1).a, copy.bytes[1], 1 in copy.list],
          large: decoder.decode(new Uint8Array(50000).fill(66)).length };";
    assert_eq!(
        map(&pool, body).await.unwrap(),
        json!({"bytes": [195, 169, 240, 159, 152, 128, 239, 191, 189], "back": "é😀\u{fffd}", "bom": "A", "bad": "A\u{fffd}", "fatal": "TypeError",
            "label": "RangeError", "uncloned": "DataCloneError", "base64": ["aGn/", "hi"], "copy": [true, true, 5, 1, 2, false], "large": 50000})
    );
}
