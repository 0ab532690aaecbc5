//! Conversion, limits and messages of the validator.

use posthouse_contract::{MAX_DEPTH, MAX_FAULTS, Place};
use serde_json::{Value, json};

use crate::{body, lines, request};

#[test]
fn query_text_becomes_typed_values_with_defaults() {
    let valid = request(
        "getV1Accounts",
        &[
            ("page", "2"),
            ("state", "connected"),
            ("query", ""),
            ("access_token", "x"),
        ],
        &[("x-ee-timeout", "30000")],
        None,
    )
    .unwrap();
    assert_eq!(
        Value::Object(valid.query),
        json!({"page": 2, "pageSize": 20, "state": "connected", "query": ""})
    );
    assert_eq!(Value::Object(valid.headers), json!({"x-ee-timeout": 30000}));
    assert_eq!(valid.body, Value::Null);
}

#[test]
fn booleans_convert() {
    for (text, expected) in [
        ("true", true),
        ("Y", true),
        ("1", true),
        ("N", false),
        ("0", false),
    ] {
        let valid = request("getV1AccountAccount", &[("quota", text)], &[], None).unwrap();
        assert_eq!(valid.query["quota"], expected, "{text}");
    }
    assert_eq!(
        lines(request(
            "getV1AccountAccount",
            &[("quota", "maybe")],
            &[],
            None
        )),
        [r#"quota: "quota" must be a boolean"#]
    );
}

#[test]
fn all_faults_come_at_once() {
    let faults = request(
        "getV1Accounts",
        &[
            ("pageSize", "1001"),
            ("page", "x"),
            ("state", "asleep"),
            ("foo", "1"),
        ],
        &[("x-ee-timeout", "soon")],
        None,
    )
    .unwrap_err();
    let found: Vec<_> = faults
        .iter()
        .map(|f| (f.place, f.key.as_deref().unwrap(), f.message.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Place::Query, "page", r#""page" must be a number"#),
            (
                Place::Query,
                "pageSize",
                r#""pageSize" must be less than or equal to 1000"#
            ),
            (
                Place::Query,
                "state",
                r#""state" must be one of [init, unset, connected, connecting, syncing, authenticationError, connectError, disconnected, paused]"#
            ),
            (Place::Query, "foo", r#""foo" is not allowed"#),
            (
                Place::Header,
                "x-ee-timeout",
                r#""x-ee-timeout" must be a number"#
            ),
        ]
    );
}

#[test]
fn required_and_unknown_body_keys() {
    assert_eq!(
        lines(body("postV1Account", json!({"nmae": "x"}))),
        [
            r#"nmae: "nmae" is not allowed"#,
            r#"account: "account" is required"#,
            r#"name: "name" is required"#,
        ]
    );
    // No body at all is an empty one.
    assert_eq!(lines(request("postV1Account", &[], &[], None)).len(), 2);
}

#[test]
fn null_is_a_value_only_where_it_is_declared() {
    let valid = body(
        "postV1Account",
        json!({"account": null, "name": "A", "copy": null}),
    )
    .unwrap();
    assert_eq!(
        valid.body,
        json!({"account": null, "name": "A", "copy": null, "logs": false})
    );
    assert_eq!(
        lines(body(
            "postV1Account",
            json!({"account": "a", "name": null, "logs": null})
        )),
        [
            r#"name: "name" must be a string"#,
            r#"logs: "logs" must be a boolean"#
        ]
    );
}

#[test]
fn nested_faults_carry_the_last_key_and_the_whole_path() {
    let found = lines(body(
        "postV1Account",
        json!({"account": "a", "name": "A", "imap": {
            "host": "no such host", "port": "70000", "auth": {"pass": 5}, "tls": {"x": 1}
        }}),
    ));
    assert_eq!(
        found,
        [
            r#"user: "imap.auth.user" is required"#,
            r#"pass: "imap.auth.pass" must be a string"#,
            r#"x: "imap.tls.x" is not allowed"#,
            r#"host: "imap.host" must be a valid hostname"#,
            r#"port: "imap.port" must be less than or equal to 65535"#,
        ]
    );
}

#[test]
fn alternatives_are_chosen_by_type() {
    let account = |imap: Value| {
        body(
            "postV1Account",
            json!({"account": "a", "name": "A", "imap": imap}),
        )
    };
    assert_eq!(account(json!(false)).unwrap().body["imap"], false);
    assert_eq!(account(json!("false")).unwrap().body["imap"], false);
    assert_eq!(
        account(json!({"auth": false, "port": "993"})).unwrap().body["imap"],
        json!({"auth": false, "port": 993, "secure": false, "resyncDelay": 900})
    );
    assert_eq!(
        lines(account(json!(true))),
        [r#"imap: "imap" must be [false]"#]
    );
    assert_eq!(
        lines(account(json!("yes"))),
        [r#"imap: "imap" does not match any of the allowed types"#]
    );
    assert_eq!(
        lines(account(json!({"auth": {"user": "u", "accessToken": 5}}))),
        [r#"accessToken: "imap.auth.accessToken" does not match any of the allowed types"#]
    );
}

#[test]
fn a_single_value_stands_for_a_list() {
    let valid = body(
        "postV1AccountAccountSubmit",
        json!({"to": {"address": "bob@host.example"}, "envelope": {"to": "x@y.invalid"}}),
    )
    .unwrap();
    assert_eq!(valid.body["to"], json!([{"address": "bob@host.example"}]));
    assert_eq!(valid.body["envelope"]["to"], json!(["x@y.invalid"]));
    assert_eq!(valid.body["dryRun"], false);
}

#[test]
fn a_faulty_list_element_carries_the_key_of_the_list() {
    assert_eq!(
        lines(body(
            "postV1AccountAccountSubmit",
            json!({"to": "nope", "cc": [{"address": "x"}, 5]})
        )),
        [
            r#"to: "to[0]" must be of type object"#,
            r#"address: "cc[0].address" must be a valid email"#,
            r#"cc: "cc[1]" must be of type object"#,
        ]
    );
}

#[test]
fn a_repeated_query_key_is_a_list() {
    assert_eq!(
        lines(request(
            "getV1Accounts",
            &[("page", "1"), ("page", "2"), ("page", "3")],
            &[],
            None
        )),
        [r#"page: "page" must be a number"#]
    );
}

#[test]
fn dates_become_utc() {
    let valid = body(
        "postV1AccountAccountExport",
        json!({"startDate": "2024-01-01", "endDate": "2024-02-01T00:00:00+02:00"}),
    )
    .unwrap();
    assert_eq!(valid.body["startDate"], "2024-01-01T00:00:00.000Z");
    assert_eq!(valid.body["endDate"], "2024-01-31T22:00:00.000Z");
    assert_eq!(
        lines(body(
            "postV1AccountAccountExport",
            json!({"startDate": "soon", "endDate": 5})
        )),
        [
            r#"startDate: "startDate" must be a valid ISO 8601 date"#,
            r#"endDate: "endDate" must be a string"#,
        ]
    );
}

#[test]
fn now_is_kept_where_it_is_declared() {
    let valid = body(
        "putV1AccountAccountFlush",
        json!({"flush": true, "notifyFrom": "now"}),
    )
    .unwrap();
    assert_eq!(valid.body, json!({"flush": true, "notifyFrom": "now"}));
    let valid = body(
        "putV1AccountAccountFlush",
        json!({"flush": "Y", "syncFrom": null}),
    )
    .unwrap();
    assert_eq!(valid.body, json!({"flush": true, "syncFrom": null}));
    assert_eq!(
        lines(body("putV1AccountAccountFlush", json!({"syncFrom": "now"}))),
        [r#"syncFrom: "syncFrom" must be a valid ISO 8601 date"#]
    );
}

#[test]
fn texts_are_trimmed_lowered_and_measured() {
    let valid = body(
        "postV1AccountAccountSubmit",
        json!({"to": [{"name": "  Bob ", "address": "b@example.com"}],
               "attachments": [{"content": "", "contentType": "TEXT/Plain"}]}),
    )
    .unwrap();
    assert_eq!(valid.body["to"][0]["name"], "Bob");
    assert_eq!(
        valid.body["attachments"],
        json!([{"content": "", "contentType": "text/plain", "encoding": "base64"}])
    );
    // Lengths count UTF-16 units.
    let name = |text: String| body("postV1Account", json!({"account": "a", "name": text}));
    assert!(name("\u{1F600}".repeat(128)).is_ok());
    assert!(name("é".repeat(256)).is_ok());
    assert_eq!(
        lines(name("\u{1F600}".repeat(129))),
        [r#"name: "name" length must be less than or equal to 256 characters long"#]
    );
}

#[test]
fn names_hold_no_nul() {
    let account = json!({"account": "a\0b", "name": "n\0"});
    assert_eq!(
        lines(body("postV1Account", account)),
        [r#"account: "account" must not contain NUL characters"#]
    );
    assert_eq!(
        lines(request("getV1Tokens", &[("account", "\0")], &[], None)),
        [r#"account: "account" must not contain NUL characters"#]
    );
}

#[test]
fn empty_text_is_refused_where_it_would_mean_something_else() {
    assert_eq!(
        lines(body("postV1Account", json!({"account": " ", "name": ""}))),
        [r#"account: "account" is not allowed to be empty"#]
    );
    let valid = body("putV1AccountAccount", json!({"webhooks": "", "proxy": ""})).unwrap();
    assert_eq!(valid.body, json!({"webhooks": "", "proxy": ""}));
    assert_eq!(
        lines(body(
            "postV1Tokens",
            json!({"account": "", "description": "x", "scopes": ["api"]})
        ))
        .len(),
        2
    );
    for gateway in [json!(null), json!("")] {
        let request = json!({"gateway": gateway, "name": "g", "host": "h", "port": 25});
        assert!(body("postV1Gateway", request).is_err());
    }
}

#[test]
fn uris_need_a_known_scheme() {
    assert_eq!(
        lines(body(
            "postV1Settings",
            json!({"webhooks": "ftp://example.com", "proxyUrl": "x"})
        )),
        [
            r#"webhooks: "webhooks" must be a valid uri with a scheme matching the http|https pattern"#,
            r#"proxyUrl: "proxyUrl" must be a valid uri with a scheme matching the http|https|socks|socks4|socks4a|socks5 pattern"#,
        ]
    );
    assert!(
        body(
            "postV1Settings",
            json!({"proxyUrl": "socks5://127.0.0.1:1080"})
        )
        .is_ok()
    );
}

#[test]
fn addresses_and_networks() {
    let token = |restrictions: Value| {
        body(
            "postV1Tokens",
            json!({"account": "a", "description": "d", "scopes": "api", "restrictions": restrictions}),
        )
    };
    let valid = token(json!({"addresses": ["10.0.0.0/8", "::1"]})).unwrap();
    assert_eq!(
        valid.body["restrictions"],
        json!({"addresses": ["10.0.0.0/8", "::1"], "referrers": null, "rateLimit": null})
    );
    assert_eq!(valid.body["scopes"], json!(["api"]));
    assert_eq!(
        lines(token(
            json!({"addresses": ["10.0.0.0/99"], "rateLimit": {"maxRequests": 0}})
        )),
        [
            r#"addresses: "restrictions.addresses[0]" must be a valid ip address with an optional CIDR"#,
            r#"maxRequests: "restrictions.rateLimit.maxRequests" must be greater than or equal to 1"#,
        ]
    );
}

#[test]
fn patterns_show_the_value_unless_the_field_looks_secret() {
    let operation = posthouse_contract::operation("getV1TokensToken").unwrap();
    let check = |token: &str| {
        operation
            .validate(posthouse_contract::RawInput {
                path: &[("token", token.to_owned())],
                query: &[],
                header: &|_| None,
                body: None,
            })
            .unwrap_err()
    };
    let secret = format!("{}z", "s3cr3t".repeat(11));
    let faults = check(&secret[..64]);
    assert!(faults[0].message.contains("(hidden)"), "{faults:?}");
    assert!(!faults[0].message.contains("s3cr3t"));

    let app = |topic: &str| body("putV1Oauth2App", json!({"googleTopicName": topic}));
    assert!(app("ee-pub-12345").is_ok());
    assert!(app("goo-pub").is_ok());
    assert_eq!(
        lines(app("google-topic")),
        [
            r#"googleTopicName: "googleTopicName" with value "google-topic" fails to match the required pattern: /^(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/"#
        ]
    );
}

#[test]
fn no_message_repeats_a_secret() {
    let secret = "hunter2-hunter2";
    for (id, request) in [
        (
            "postV1Account",
            json!({"account": "a", "name": "n", "imap": {"auth": {"user": 1, "pass": [secret]}}}),
        ),
        (
            "postV1Settings",
            json!({"serviceSecret": {"x": secret}, "smtpServerPassword": [secret]}),
        ),
        (
            "postV1Oauth2",
            json!({"name": "n", "provider": secret, "serviceKey": [secret]}),
        ),
    ] {
        for line in lines(body(id, request)) {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

#[test]
fn numbers_convert_and_stay_exact() {
    let attempts = |value: Value| body("postV1Settings", json!({"deliveryAttempts": value}));
    assert_eq!(attempts(json!("5.0")).unwrap().body["deliveryAttempts"], 5);
    assert_eq!(attempts(json!(5.0)).unwrap().body["deliveryAttempts"], 5);
    assert_eq!(
        lines(attempts(json!(1.5))),
        [r#"deliveryAttempts: "deliveryAttempts" must be an integer"#]
    );
    assert_eq!(
        lines(attempts(json!(1e300))),
        [r#"deliveryAttempts: "deliveryAttempts" must be a safe number"#]
    );
    let valid = body("postV1Settings", json!({"openAiTemperature": "0.7"})).unwrap();
    assert_eq!(valid.body["openAiTemperature"], 0.7);
}

#[test]
fn settings_know_our_own_keys() {
    let valid = body(
        "postV1Settings",
        json!({"queryTokens": "N", "trackSentMessages": true}),
    )
    .unwrap();
    assert_eq!(
        valid.body,
        json!({"queryTokens": false, "trackSentMessages": true})
    );
    let valid = request("getV1Settings", &[("queryTokens", "true")], &[], None).unwrap();
    assert_eq!(valid.query["queryTokens"], true);
    assert_eq!(valid.query["webhooks"], false);
}

#[test]
fn open_objects_take_anything() {
    let valid = body(
        "postV1AccountAccountSubmit",
        json!({"to": [{"address": "a@b"}], "headers": {"x-any": "thing"},
               "render": {"params": {"deep": [1, {"er": null}]}}}),
    )
    .unwrap();
    assert_eq!(valid.body["headers"], json!({"x-any": "thing"}));
    assert_eq!(
        valid.body["render"]["params"],
        json!({"deep": [1, {"er": null}]})
    );
    assert_eq!(valid.body["render"]["format"], "html");
}

#[test]
fn deep_bodies_are_refused() {
    let nest = |levels: usize| {
        let mut value = json!(1);
        for _ in 0..levels {
            value = json!([value]);
        }
        value
    };
    let submit = |levels: usize| {
        body(
            "postV1AccountAccountSubmit",
            json!({"to": [{"address": "a@b"}], "render": {"params": {"x": nest(levels)}}}),
        )
    };
    assert!(submit(MAX_DEPTH - 3).is_ok());
    assert_eq!(
        lines(submit(MAX_DEPTH - 2)),
        [r#": "value" must not be nested deeper than 32 levels"#]
    );
    assert!(submit(100).is_err());
}

#[test]
fn a_hostile_body_gets_a_short_answer() {
    let list: Vec<Value> = (0..100_000).map(|n| json!(n)).collect();
    let faults = body("postV1AccountAccountSubmit", json!({"to": list})).unwrap_err();
    assert_eq!(faults.len(), MAX_FAULTS);
    let map: serde_json::Map<String, Value> =
        (0..100_000).map(|n| (format!("{n}"), json!(n))).collect();
    let faults = body("postV1AccountAccountSubmit", Value::Object(map)).unwrap_err();
    assert_eq!(faults.len(), MAX_FAULTS);
    let long = "x".repeat(1_000_000);
    let faults = body("postV1AccountAccountSubmit", json!({long: 1})).unwrap_err();
    assert!(faults.iter().all(|fault| fault.message.len() < 500));
}

#[test]
fn a_body_of_the_wrong_type_is_a_fault() {
    for wrong in [json!([]), json!("x"), json!(1), json!(null)] {
        assert_eq!(
            lines(body("postV1Account", wrong)),
            [r#": "value" must be of type object"#]
        );
    }
    // The body of this one is nullable.
    assert!(body("postV1AccountAccountMessageMessageSubmit", json!(null)).is_ok());
}
