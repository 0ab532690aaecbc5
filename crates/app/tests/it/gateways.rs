//! SMTP gateways: registered, shown without their passwords, changed, deleted.

use posthouse_model::{Timestamp, account::SmtpStatus};
use posthouse_store::{Batch, gateways};
use serde_json::{Value, json};

use crate::support::{Ask, Hall, ask};

both!(
    a_gateway_is_registered_shown_changed_and_deleted,
    a_password_stays_with_its_server,
    use_and_failure_are_shown,
    gateways_are_searched_by_name_and_id,
);

fn relay() -> Value {
    json!({
        "gateway": "relay", "name": "Relay", "user": "bob", "pass": "hidden words",
        "host": "relay.example.com", "port": 465, "secure": true, "tls": { "rejectUnauthorized": false },
    })
}

fn named(id: &str) -> Ask {
    ask().path("gateway", id)
}

async fn register(hall: &Hall, body: Value) -> Value {
    hall.call("postV1Gateway", ask().body(body)).await.unwrap()
}

async fn shown(hall: &Hall) -> Value {
    hall.call("getV1GatewayGateway", named("relay"))
        .await
        .unwrap()
}

async fn a_gateway_is_registered_shown_changed_and_deleted(hall: &Hall) {
    assert_eq!(
        register(hall, relay()).await,
        json!({ "gateway": "relay", "state": "new" })
    );
    let plain = json!({ "gateway": "plain", "name": "Plain", "host": "127.0.0.1", "port": 25 });
    register(hall, plain).await;
    let gateway = shown(hall).await;
    assert_eq!(
        gateway,
        json!({
            "gateway": "relay", "name": "Relay", "deliveries": 0, "lastUse": null, "user": "bob", "pass": "******",
            "host": "relay.example.com", "port": 465, "secure": true, "tls": { "rejectUnauthorized": false },
        })
    );
    let listed = hall.call("getV1Gateways", ask()).await.unwrap();
    assert_eq!((&listed["total"], &listed["pages"]), (&json!(2), &json!(1)));
    assert_eq!(
        listed["gateways"],
        json!([
            { "gateway": "relay", "name": "Relay", "deliveries": 0, "lastUse": null },
            { "gateway": "plain", "name": "Plain", "deliveries": 0, "lastUse": null },
        ])
    );
    let second = ask().query("page", "1").query("pageSize", "1");
    let second = hall.call("getV1Gateways", second).await.unwrap();
    assert_eq!(second["gateways"][0]["gateway"], "plain");

    let change = named("relay").body(json!({ "name": "Other", "pass": "******", "secure": false }));
    hall.call("putV1GatewayEditGateway", change).await.unwrap();
    let gateway = shown(hall).await;
    assert_eq!(
        (&gateway["name"], &gateway["secure"], &gateway["port"]),
        (&json!("Other"), &json!(false), &json!(465))
    );
    let stored = gateways::get(hall.app.store(), "relay")
        .await
        .unwrap()
        .unwrap();
    let auth = stored.smtp.auth.unwrap();
    assert_eq!(auth.pass.unwrap().expose(), "hidden words");
    // Registered again: other settings, the same gateway.
    let mut again = relay();
    again["host"] = json!("new.example.com");
    assert_eq!(register(hall, again).await["state"], "existing");

    let deleted = hall.call("deleteV1GatewayGateway", named("relay")).await;
    assert_eq!(
        deleted.unwrap(),
        json!({ "gateway": "relay", "deleted": true })
    );
    for id in ["getV1GatewayGateway", "deleteV1GatewayGateway"] {
        assert_eq!(hall.call(id, named("relay")).await.unwrap_err().status, 404);
    }
    let change = named("relay").body(json!({ "name": "x" }));
    let gone = hall.call("putV1GatewayEditGateway", change).await;
    assert_eq!(gone.unwrap_err().status, 404);
}

async fn a_password_stays_with_its_server(hall: &Hall) {
    register(hall, relay()).await;
    for change in [
        json!({ "host": "mine.example.net" }),
        json!({ "port": 2525 }),
        json!({ "host": "mine.example.net", "pass": "******" }),
    ] {
        let asked = named("relay").body(change);
        let refused = hall.call("putV1GatewayEditGateway", asked).await;
        let refused = refused.unwrap_err().envelope();
        assert_eq!(refused["fields"][0]["key"], "pass", "{refused}");
    }
    assert_eq!(shown(hall).await["host"], "relay.example.com");
    // A mask of something else is no password.
    let mut masked = relay();
    masked["pass"] = json!("******");
    let refused = hall.call("postV1Gateway", ask().body(masked)).await;
    assert_eq!(refused.unwrap_err().status, 400);
    let change = named("relay").body(json!({ "host": "mine.example.net", "pass": "typed again" }));
    hall.call("putV1GatewayEditGateway", change).await.unwrap();
    let change = named("relay").body(json!({ "user": null, "pass": null }));
    hall.call("putV1GatewayEditGateway", change).await.unwrap();
    let open = shown(hall).await;
    assert_eq!(
        (open["user"].clone(), open.get("pass")),
        (Value::Null, None)
    );
}

async fn use_and_failure_are_shown(hall: &Hall) {
    register(hall, relay()).await;
    let store = hall.app.store();
    let mut batch = Batch::new();
    gateways::delivered(&mut batch, "relay", Timestamp(1_000));
    let error = SmtpStatus {
        created: Some(Timestamp(2_000)),
        status: "error".to_owned(),
        response: Some("550 5.7.1 no".to_owned()),
        response_code: Some(550),
        code: Some("EENVELOPE".to_owned()),
        ..SmtpStatus::default()
    };
    gateways::failed(&mut batch, "relay", &error, Timestamp(2_000)).unwrap();
    store.commit(batch).await.unwrap();
    let gateway = shown(hall).await;
    assert_eq!(gateway["deliveries"], 1);
    assert_eq!(gateway["lastUse"], "1970-01-01T00:00:02.000Z");
    assert_eq!(
        gateway["lastError"],
        json!({
            "created": 2000, "status": "error", "response": "550 5.7.1 no", "responseCode": 550, "code": "EENVELOPE",
        })
    );
    let mut batch = Batch::new();
    gateways::delivered(&mut batch, "relay", Timestamp(3_000));
    store.commit(batch).await.unwrap();
    let gateway = shown(hall).await;
    assert_eq!(
        (&gateway["deliveries"], gateway.get("lastError")),
        (&json!(2), None)
    );
}

async fn gateways_are_searched_by_name_and_id(hall: &Hall) {
    register(hall, relay()).await;
    let mut other = relay();
    (other["gateway"], other["name"]) = (json!("over"), json!("50% Überfahrt"));
    register(hall, other).await;
    for (query, total) in [
        ("", 2),
        ("ÜBER", 1),
        ("rel", 1),
        ("50%", 1),
        ("5_%", 0),
        ("r", 2),
    ] {
        let found = hall.app.console_gateways(query, 0, 50).await.unwrap();
        assert_eq!(found["total"], total, "{query}");
        assert_eq!(
            found["gateways"].as_array().unwrap().len(),
            total,
            "{query}"
        );
    }
}
