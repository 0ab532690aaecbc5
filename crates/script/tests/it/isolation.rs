//! One run sees nothing of another, of its own script or of others.

use posthouse_script::{Call, Script};
use serde_json::json;

use crate::support::{map, pool};

/// Bodies that change what the language brings or the global object.
const TAMPERING: &[&str] = &[
    "Object.prototype.polluted = 1",
    "payload.__proto__.polluted = 1",
    "payload.constructor.prototype.polluted = 1",
    "Object.getPrototypeOf(payload).polluted = 1",
    "payload['__pro' + 'to__'].polluted = 1",
    "payload['const' + 'ructor']['proto' + 'type'].polluted = 1",
    "Object.defineProperty(Object.getPrototypeOf(payload), 'polluted', { value: 1 })",
    "Array.prototype.map = () => ['polluted']",
    "[]['__pro' + 'to__'].map = () => ['polluted']",
    "JSON.stringify = () => '\"polluted\"'",
    "JSON.parse = () => 'polluted'",
    "globalThis.polluted = 1",
    "polluted = 1",
    "Object.defineProperty(globalThis, 'polluted', { value: 1, configurable: false })",
    "Object.freeze(globalThis)",
    "Object['setProto' + 'typeOf'](globalThis, { polluted: 1 })",
    "Object.defineProperty(globalThis, 'env', { value: { polluted: 1 }, configurable: false })",
    "logger.info = () => { throw new Error('polluted') }",
    "logger = null",
    "fetch = () => 'polluted'",
    "globalThis.URL = class { toString() { return 'polluted' } }",
    "URL['proto' + 'type'].toString = () => 'polluted'",
    "Error.prepareStackTrace = () => 'polluted'",
    "Error.stackTraceLimit = 0",
    "Promise['proto' + 'type'].then = () => 'polluted'",
    "(async () => {})['__pro' + 'to__'].polluted = 1",
    "(function* () {})()['__pro' + 'to__'].next = () => 'polluted'",
    "[][Symbol.iterator]()['__pro' + 'to__'].next = () => ({ done: true })",
    "''.matchAll(/x/g)['__pro' + 'to__'].next = () => ({ done: true })",
    "RegExp['proto' + 'type'].exec = () => ['polluted']; 'x'.match(/(x)/)",
    "Object.getOwnPropertyDescriptor(Error['proto' + 'type'], 'message').get.polluted = 1",
    "Symbol.for('polluted').description",
    "(function again() { queueMicrotask(again) })()",
    "setInterval(() => { globalThis.polluted = 1 }, 0)",
    "Math.random = () => 'polluted'; Date.now = () => 'polluted'; Number['proto' + 'type'].toFixed = () => 'polluted'",
];

/// Looks at what the above would have changed.
const LOOK: &str = "
    logger.info('x');
    const items = []; for (const item of [1, 2]) items.push(item);
    const matches = []; for (const match of 'xx'.matchAll(/x/g)) matches.push(match[0]);
    function* generate() { yield 7; }
    return [typeof polluted, ({}).polluted, [1].map((x) => x + 1), JSON.parse('3'), items, matches, [...generate()], 'abc'.match(/b/)[0],
      String(new URL('http://a.test/')), typeof fetch, typeof Promise.resolve().then, (async () => {}).polluted, (1.5).toFixed(1),
      typeof Math.random(), typeof Date.now(), env, Object.isExtensible(globalThis), new Error('m').message,
      typeof new Error('m').stack, new Error('m').stack.length > 5, Object.getPrototypeOf(globalThis) === ({})['__pro' + 'to__']];";

fn clean() -> serde_json::Value {
    json!([
        "undefined",
        null,
        [2],
        3,
        [1, 2],
        ["x", "x"],
        [7],
        "b",
        "http://a.test/",
        "function",
        "function",
        null,
        "1.5",
        "number",
        "number",
        {},
        true,
        "m",
        "string",
        true,
        true
    ])
}

#[tokio::test]
async fn what_a_script_changes_is_not_seen_by_another() {
    let pool = pool();
    assert_eq!(map(&pool, LOOK).await.unwrap(), clean());
    for body in TAMPERING {
        let _ = map(&pool, &format!("{body}; return 1")).await;
        assert_eq!(map(&pool, LOOK).await.unwrap(), clean(), "{body}");
    }
}

#[tokio::test]
async fn what_a_script_changes_is_not_seen_by_its_next_run() {
    let pool = pool();
    for body in TAMPERING {
        let script = Script::new(
            None,
            Some(&format!(
                "if (payload.tamper) {{ {body}; return 'tampered' }} {LOOK}"
            )),
        );
        for payload in [
            r#"{"tamper":true}"#,
            "{}",
            r#"{"tamper":true}"#,
            r#"{"tamper":true}"#,
            "{}",
            "{}",
        ] {
            let result = pool.run(Call::new(script.clone(), payload)).await;
            if payload == "{}" {
                assert_eq!(crate::support::json(&result.unwrap()), clean(), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn a_filter_leaves_nothing_to_its_map() {
    let pool = pool();
    for body in TAMPERING {
        let text = format!("try {{ {body} }} catch {{}} return true");
        let script = Script::new(Some(&text), Some(LOOK));
        let output = pool.run(Call::new(script, "{}")).await.unwrap();
        assert_eq!(crate::support::json(&output), clean(), "{body}");
    }
}

#[tokio::test]
async fn a_script_may_change_prototypes_for_itself() {
    let pool = pool();
    let body = "const first = typeof [].last; Array.prototype.last = function () { return this[this.length - 1] };
        return [first, [1, 2, 3].last()]";
    for _ in 0..3 {
        assert_eq!(map(&pool, body).await.unwrap(), json!(["undefined", 3]));
    }
}

#[tokio::test]
async fn frozen_prototypes_do_not_get_in_the_way() {
    let pool = pool();
    let body = "
        'use strict';
        const counts = {};
        for (const word of ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'a', 'a']) {
          counts[word] = (Object.hasOwn(counts, word) ? counts[word] : 0) + 1;
        }
        class Own extends Error { constructor(m) { super(m); this.name = 'Own'; this.message = m + '!'; this.toString = () => 'own'; } }
        class List extends Array { sum() { return this.reduce((a, b) => a + b, 0) } }
        class Book extends Map { get(key) { return super.get(key) ?? 'none' } }
        const own = new Own('m');
        const object = { toString() { return 'o' } };
        object.valueOf = () => 4;
        const f = () => 1; f.toString = () => 'f';
        const list = List.from([1, 2, 3]); list.push(4);
        const spread = { ...payload, constructor: 1 };
        return [counts, String(own), own.name, own.message, own instanceof Own, own instanceof Error, `${object}`, object + 1, String(f),
          list.sum(), new Book().get(1), spread, Object.keys(counts), ({}).toString(), [1, [2]].flat().toString(),
          Object.prototype.hasOwnProperty.call(counts, 'a'), JSON.stringify(counts)]";
    assert_eq!(
        map(&pool, body).await.unwrap(),
        json!([{"constructor": 1, "toString": 1, "valueOf": 1, "hasOwnProperty": 1, "a": 2}, "own", "Own", "m!", true, true, "o", 5, "f",
            10, "none", {"constructor": 1}, ["constructor", "toString", "valueOf", "hasOwnProperty", "a"], "[object Object]", "1,2", true,
            "{\"constructor\":1,\"toString\":1,\"valueOf\":1,\"hasOwnProperty\":1,\"a\":2}"])
    );
}
