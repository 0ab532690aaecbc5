//! The way to a mail server: proxies, local addresses, TLS settings, and credentials that stand elsewhere.

use posthouse_testkit::{
    Page, ProxyServer, Server, Visit, Website, access_token, imap_addr, imaps_addr, unique_user,
};
use serde_json::{Value, json};

use tokio::net::{TcpListener, TcpStream};

use crate::{BINARY, LIMIT, account};

async fn register(server: &mut Server, body: &Value) -> String {
    server.client().await.post("/v1/account", body).await.ok();
    body["account"].as_str().unwrap().to_owned()
}

async fn set(server: &mut Server, settings: Value) {
    server
        .client()
        .await
        .post("/v1/settings", &settings)
        .await
        .ok();
}

/// What is said of an account that cannot connect.
async fn refusal(server: &mut Server, body: &Value, state: &str) -> (String, String) {
    let id = register(server, body).await;
    let shown = server.wait_state(&id, state, LIMIT).await;
    let text = |key: &str| shown["lastError"][key].as_str().unwrap().to_owned();
    (text("serverResponseCode"), text("response"))
}

#[tokio::test]
async fn every_kind_of_proxy_leads_to_the_mailbox() {
    let mut server = Server::start(BINARY).await;
    let open = ProxyServer::start(None).await;
    let locked = ProxyServer::start(Some("us er:p@ss:word")).await;
    let port = imap_addr().port();
    for (scheme, host, kind) in [
        ("socks4", "127.0.0.1", "socks4"),
        ("socks4", "localhost", "socks4"),
        ("socks4a", "localhost", "socks4a"),
        ("socks5", "localhost", "socks5"),
        ("socks", "127.0.0.1", "socks5"),
        ("http", "localhost", "http"),
    ] {
        for (proxy, login) in [(&open, ""), (&locked, "us%20er:p%40ss%3Aword@")] {
            let mut body = account(&unique_user());
            body["proxy"] = json!(format!("{scheme}://{login}{}", proxy.addr()));
            body["imap"]["host"] = json!(host);
            let id = register(&mut server, &body).await;
            server.wait_state(&id, "connected", LIMIT).await;
            let Visit {
                kind: spoken,
                target,
                credentials,
                ..
            } = proxy.visits().pop().unwrap();
            // Names are the proxy's to resolve, but for SOCKS4, which knows addresses alone.
            let named = if scheme == "socks4" {
                "127.0.0.1"
            } else {
                host
            };
            assert_eq!(
                (spoken, target),
                (kind, format!("{named}:{port}")),
                "{scheme}"
            );
            let expected = match (login, kind) {
                ("", _) => None,
                (_, "socks4" | "socks4a") => Some("us er"),
                _ => Some("us er:p@ss:word"),
            };
            assert_eq!(credentials.as_deref(), expected, "{scheme}");
        }
    }
    for scheme in ["socks4a", "socks5", "http"] {
        let mut body = account(&unique_user());
        body["proxy"] = json!(format!("{scheme}://who:knows@{}", locked.addr()));
        let (code, response) = refusal(&mut server, &body, "connectError").await;
        assert_eq!(code, "EPROXY", "{scheme}");
        assert!(!response.contains("knows"), "{response}");
    }
}

#[tokio::test]
async fn the_account_s_proxy_comes_before_the_one_for_all() {
    let mut server = Server::start(BINARY).await;
    let (own, common) = (
        ProxyServer::start(None).await,
        ProxyServer::start(None).await,
    );
    let url = |proxy: &ProxyServer| format!("socks5://{}", proxy.addr());
    set(&mut server, json!({ "proxyUrl": url(&common) })).await;
    // A proxy for all is used when it is switched on.
    let id = register(&mut server, &account(&unique_user())).await;
    server.wait_state(&id, "connected", LIMIT).await;
    assert!(common.visits().is_empty());
    set(&mut server, json!({ "proxyEnabled": true })).await;
    let id = register(&mut server, &account(&unique_user())).await;
    server.wait_state(&id, "connected", LIMIT).await;
    assert_eq!(common.visits().len(), 1);
    let mut body = account(&unique_user());
    body["proxy"] = json!(url(&own));
    let id = register(&mut server, &body).await;
    server.wait_state(&id, "connected", LIMIT).await;
    assert_eq!((own.visits().len(), common.visits().len()), (1, 1));
}

#[tokio::test]
async fn connections_come_from_the_addresses_that_are_set() {
    let mut server = Server::start(BINARY).await;
    // Whoever stands between sees where connections come from.
    let proxy = ProxyServer::start(None).await;
    let url = format!("socks5://{}", proxy.addr());
    set(
        &mut server,
        json!({ "proxyEnabled": true, "proxyUrl": url }),
    )
    .await;
    let mut from = async |addresses: Value, strategy: &str| {
        set(
            &mut server,
            json!({ "localAddresses": addresses, "imapStrategy": strategy }),
        )
        .await;
        let id = register(&mut server, &account(&unique_user())).await;
        server.wait_state(&id, "connected", LIMIT).await;
        proxy.visits().pop().unwrap().client.ip().to_string()
    };
    assert_eq!(from(json!([]), "dedicated").await, "127.0.0.1");
    // One that is not this machine's is never taken.
    assert_eq!(
        from(json!(["198.51.100.7", "127.0.0.9"]), "default").await,
        "127.0.0.9"
    );
    assert_eq!(
        from(json!(["198.51.100.7"]), "dedicated").await,
        "127.0.0.1"
    );
    let two = json!(["127.0.0.7", "127.0.0.8"]);
    let chosen = from(two.clone(), "dedicated").await;
    assert!(
        ["127.0.0.7", "127.0.0.8"].contains(&chosen.as_str()),
        "{chosen}"
    );
    let chosen = from(two.clone(), "random").await;
    assert!(
        ["127.0.0.7", "127.0.0.8"].contains(&chosen.as_str()),
        "{chosen}"
    );
    assert_eq!(from(two, "default").await, "127.0.0.1");
}

#[tokio::test]
async fn a_mail_server_is_reached_over_ipv6() {
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut server = TcpStream::connect(imap_addr()).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let mut server = Server::start(BINARY).await;
    for host in ["::1", "[::1]"] {
        let mut body = account(&unique_user());
        body["imap"]["host"] = json!(host);
        body["imap"]["port"] = json!(port);
        let id = register(&mut server, &body).await;
        server.wait_state(&id, "connected", LIMIT).await;
    }
}

#[tokio::test]
async fn tls_is_as_the_account_wants_it() {
    let mut server = Server::start(BINARY).await;
    let with = |tls: Value| {
        let mut body = account(&unique_user());
        body["imap"]["port"] = json!(imaps_addr().port());
        body["imap"]["secure"] = json!(true);
        body["imap"]["tls"] = tls;
        body
    };
    // The server's certificate is of its own making.
    let (code, _) = refusal(&mut server, &with(json!({})), "connectError").await;
    assert_eq!(code, "ETLS");
    for tls in [
        json!({ "rejectUnauthorized": false }),
        json!({ "rejectUnauthorized": false, "minVersion": "TLSv1", "maxVersion": "TLSv1.2" }),
        json!({ "rejectUnauthorized": false, "minVersion": "TLSv1.3", "servername": "mail.example.com" }),
        json!({ "rejectUnauthorized": false, "ciphers": "ECDHE-RSA-AES256-GCM-SHA384" }),
    ] {
        let id = register(&mut server, &with(tls)).await;
        server.wait_state(&id, "connected", LIMIT).await;
    }
    for (tls, words) in [
        (json!({ "maxVersion": "TLSv1.1" }), "below 1.2"),
        (json!({ "minVersion": "TLSv9" }), "no version"),
        (
            json!({ "minVersion": "TLSv1.3", "maxVersion": "TLSv1.2" }),
            "no TLS version fits",
        ),
        (json!({ "ciphers": "RC4-SHA" }), "RC4-SHA"),
        (
            json!({ "ciphers": "ECDHE-RSA-AES128-GCM-SHA256", "minVersion": "TLSv1.3" }),
            "no TLS version fits",
        ),
    ] {
        let (code, response) = refusal(&mut server, &with(tls), "connectError").await;
        assert_eq!(code, "ETLS");
        assert!(response.contains(words), "{response}");
    }
    // For all accounts, whatever they say.
    set(&mut server, json!({ "ignoreMailCertErrors": true })).await;
    let id = register(&mut server, &with(json!({ "rejectUnauthorized": true }))).await;
    server.wait_state(&id, "connected", LIMIT).await;
}

/// The settings of an account whose credentials stand elsewhere.
fn without_credentials(id: &str) -> Value {
    let mut body = account(id);
    body["imap"].as_object_mut().unwrap().remove("auth");
    body
}

#[tokio::test]
async fn an_authentication_server_gives_the_credentials() {
    let mut server = Server::start(BINARY).await;
    let site = Website::default();
    let web = site.listen().await;
    let put = |page: Page| site.put("GET", "127.0.0.1", "/auth", page);
    let user = unique_user();
    let mut body = without_credentials(&user);
    body["imap"]["useAuthServer"] = json!(true);
    // None is set: that is said, and tried again when it is.
    let (code, _) = refusal(&mut server, &body, "authenticationError").await;
    assert_eq!(code, "MissingCredentials");
    put(Page::of(
        json!({ "user": user, "pass": "pass", "role": "x" }).to_string(),
    ));
    let url = format!("http://na%20me:p%40ss@{}/auth?site=7", web.addr());
    set(&mut server, json!({ "authServer": url })).await;
    register(&mut server, &body).await;
    server.wait_state(&user, "connected", LIMIT).await;
    let asked = site.requests().pop().unwrap();
    assert_eq!(
        asked.path,
        format!("/auth?site=7&account={user}&proto=imap")
    );
    let head = |name: &str| {
        let found = asked
            .head
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!(head("authorization"), "Basic bmEgbWU6cEBzcw==");
    assert!(
        head("user-agent").starts_with("Posthouse/"),
        "{}",
        head("user-agent")
    );

    // A token that has expired is asked for anew with the next connection.
    put(Page::of(
        json!({ "user": user, "accessToken": access_token(&user, -5) }).to_string(),
    ));
    let client = server.client().await;
    let reconnect = format!("/v1/account/{user}/reconnect");
    client
        .put(&reconnect, &json!({ "reconnect": true }))
        .await
        .ok();
    server.wait_state(&user, "authenticationError", LIMIT).await;
    put(Page::of(
        json!({ "user": user, "accessToken": access_token(&user, 60) }).to_string(),
    ));
    server.wait_state(&user, "connected", LIMIT).await;

    for page in [
        Page::of("who?").status(404),
        Page::of("{}"),
        Page::of("no JSON"),
        Page::redirect(302, "/elsewhere"),
        Page::of(json!({ "user": user }).to_string()),
        Page::of(json!({ "user": "x".repeat(257), "pass": "pass" }).to_string()),
        Page::of(json!({ "user": user, "accessToken": "x".repeat(16_385) }).to_string()),
    ] {
        put(page);
        let other = unique_user();
        let mut body = without_credentials(&other);
        body["imap"]["useAuthServer"] = json!(true);
        let (code, _) = refusal(&mut server, &body, "authenticationError").await;
        assert_eq!(code, "HTTPRequestError");
    }
    // A server that is away says nothing about the credentials.
    drop(web);
    let mut body = without_credentials(&unique_user());
    body["imap"]["useAuthServer"] = json!(true);
    let (code, _) = refusal(&mut server, &body, "connectError").await;
    assert_eq!(code, "ECONNREFUSED");
}

#[tokio::test]
async fn an_account_uses_the_tokens_of_another() {
    let mut server = Server::start(BINARY).await;
    let shared = unique_user();
    let holder = unique_user();
    // Dovecot's tokens are of one mailbox: that of the name they are used with.
    let mut body = without_credentials(&holder);
    body["imap"]["auth"] = json!({ "user": holder, "accessToken": access_token(&shared, 600) });
    register(&mut server, &body).await;
    let mut next = holder.clone();
    let mut chain = Vec::new();
    for _ in 0..3 {
        let id = unique_user();
        let mut body = without_credentials(&id);
        body["oauth2"] = json!({ "auth": { "delegatedUser": shared, "delegatedAccount": next } });
        register(&mut server, &body).await;
        let shown = server.wait_state(&id, "connected", LIMIT).await;
        assert_eq!(shown["type"], "delegated");
        chain.push(id.clone());
        next = id;
    }
    let mailboxes = format!("/v1/account/{next}/mailboxes");
    let answer = server.client().await.get(&mailboxes).await.ok();
    assert!(answer["mailboxes"].as_array().unwrap().len() > 3);

    // The first of the chain now points to its end: nobody has the tokens any more.
    let patch =
        json!({ "oauth2": { "auth": { "delegatedUser": shared, "delegatedAccount": next } } });
    let first = format!("/v1/account/{}", chain[0]);
    server.client().await.put(&first, &patch).await.ok();
    let shown = server
        .wait_state(&chain[0], "authenticationError", LIMIT)
        .await;
    assert_eq!(shown["lastError"]["serverResponseCode"], "DelegationLoop");
    let mut body = without_credentials(&unique_user());
    body["oauth2"] = json!({ "auth": { "delegatedUser": shared, "delegatedAccount": "nobody" } });
    let (code, _) = refusal(&mut server, &body, "authenticationError").await;
    assert_eq!(code, "AccountNotFound");
}

#[tokio::test]
async fn what_is_said_is_counted_and_taken_down() {
    let mut server = Server::start(BINARY).await;
    let user = unique_user();
    let mut body = account(&user);
    body["logs"] = json!(true);
    register(&mut server, &body).await;
    server.wait_state(&user, "connected", LIMIT).await;
    let mut wrong = account(&unique_user());
    wrong["imap"]["auth"]["pass"] = json!("hunter22");
    wrong["logs"] = json!(true);
    refusal(&mut server, &wrong, "authenticationError").await;

    let client = server.client().await;
    let metrics = client.get("/metrics").await.text();
    let value = |start: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("no {start} in\n{metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("imap_bytes_sent") > 50.0 && value("imap_bytes_received") > 500.0);
    assert!((value("imap_connections{status=\"connected\"}") - 1.0).abs() < 0.1);
    assert!((value("imap_connections{status=\"authenticationError\"}") - 1.0).abs() < 0.1);
    assert!(value("imap_responses{code=\"CAPABILITY\",response=\"OK\"}") >= 1.0);
    assert!(value("imap_responses{code=\"AUTHENTICATIONFAILED\",response=\"NO\"}") >= 1.0);

    for (id, words) in [
        (user.as_str(), "ENABLE CONDSTORE QRESYNC"),
        (wrong["account"].as_str().unwrap(), "AUTHENTICATIONFAILED"),
    ] {
        let log = posthouse_testkit::eventually("a log", LIMIT, || async {
            let text = client.get(&format!("/v1/logs/{id}")).await.text();
            text.contains(words).then_some(text)
        })
        .await;
        assert!(log.contains("Connecting to 127.0.0.1"), "{log}");
        assert!(!log.contains("hunter22") && log.contains("***"), "{log}");
        for line in log.lines() {
            serde_json::from_str::<Value>(line).unwrap();
        }
    }
}
