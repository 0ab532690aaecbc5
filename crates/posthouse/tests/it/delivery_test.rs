//! Delivery tests through a real mail server that signs, and DNS that a test makes.

use std::net::Ipv4Addr;

use posthouse_contract::validate_answer;
use posthouse_testkit::{
    Client, DnsServer, HookSink, MailRelay, Server, ServerBuilder, env, eventually, imap_messages,
    unique_user,
};
use serde_json::{Value, json};

use crate::{BINARY, LIMIT, account, webhooks_to};

/// The address that messages come from.
const CLIENT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 99);
/// The domain of the sender.
const DOMAIN: &str = "sender.test";

/// Records of a domain where everything is right.
fn zone() -> String {
    format!(
        "{DOMAIN}                 TXT  v=spf1 ip4:{CLIENT} -all\n\
         test._domainkey.{DOMAIN} TXT  {}\n\
         _dmarc.{DOMAIN}          TXT  v=DMARC1; p=reject; adkim=s\n\
         default._bimi.{DOMAIN}   TXT  v=BIMI1; l=https://{DOMAIN}/logo.svg; a=\n",
        env::dkim_record()
    )
}

/// A server, a sender of mail and somebody who gets it by way of two mail servers.
struct House {
    server: Server,
    client: Client,
    relay: MailRelay,
    sender: String,
    reader: String,
}

/// The body of an account that sends by Postfix.
fn by_postfix(user: &str, email: &str) -> Value {
    let smtp = env::postfix_addr();
    let mut body = account(user);
    body["email"] = json!(email);
    body["smtp"] = json!({ "host": smtp.ip().to_string(), "port": smtp.port(), "secure": false });
    body
}

impl House {
    async fn build(dns: &DnsServer, builder: ServerBuilder) -> Self {
        let mut server = builder
            .env("POSTHOUSE_DISCOVER_DNS", &dns.addr().to_string())
            .start()
            .await;
        let client = server.client().await;
        let relay = MailRelay::start(env::postfix_mx_addr(), CLIENT).await;
        let (sender, reader) = (unique_user(), unique_user());
        let from = format!("{sender}@{DOMAIN}");
        let to = format!("{reader}@p{}.test", relay.addr().port());
        for (user, email) in [(&sender, from), (&reader, to)] {
            let body = by_postfix(user, &email);
            client.post("/v1/account", &body).await.ok();
            server.wait_state(user, "connected", LIMIT).await;
        }
        Self {
            server,
            client,
            relay,
            sender,
            reader,
        }
    }

    async fn start(&self) -> String {
        let path = format!("/v1/delivery-test/account/{}", self.sender);
        let answer = self.client.post(&path, &json!({ "to": self.reader })).await;
        let answer = answer.ok();
        assert_eq!(answer["success"], true);
        answer["deliveryTest"].as_str().unwrap().to_owned()
    }

    async fn check(&self, id: &str) -> Value {
        let path = format!("/v1/delivery-test/check/{id}");
        let answer = self.client.get(&path).await.ok();
        validate_answer("getV1DeliverytestCheckDeliverytest", 200, &answer).unwrap();
        answer
    }

    /// The answer once it is no longer `pending`.
    async fn result(&self, id: &str) -> Value {
        eventually("the result of a delivery test", LIMIT, || async {
            let answer = self.check(id).await;
            (answer["status"] != "pending").then_some(answer)
        })
        .await
    }

    async fn test(&self) -> Value {
        self.result(&self.start().await).await
    }
}

/// The results of the five in this order: DKIM, SPF, DMARC, ARC, BIMI.
fn results(answer: &Value) -> Vec<&str> {
    ["dkim", "spf", "dmarc", "arc", "bimi"]
        .map(|name| answer[name]["status"]["result"].as_str().unwrap_or("?"))
        .to_vec()
}

#[tokio::test]
async fn what_is_right_passes() {
    let dns = DnsServer::start(&zone()).await;
    passes(&dns, Server::builder(BINARY)).await;
}

#[tokio::test]
async fn what_is_right_passes_on_postgres() {
    let dns = DnsServer::start(&zone()).await;
    let builder = Server::builder(BINARY)
        .database(&crate::postgres::schema().await)
        .env("EENGINE_SECRET", "a secret of the tests");
    passes(&dns, builder).await;
}

async fn passes(dns: &DnsServer, builder: ServerBuilder) {
    let hooks = HookSink::start().await;
    let mut house = House::build(dns, builder).await;
    webhooks_to(&mut house.server, &hooks).await;
    let id = house.start().await;
    let answer = house.result(&id).await;
    assert_eq!(
        results(&answer),
        ["pass", "pass", "pass", "none", "pass"],
        "{answer:#}"
    );
    assert_eq!(answer["success"], true);
    assert_eq!(answer["status"], "completed");
    assert_eq!(answer["account"], json!(house.reader));
    assert_eq!(answer["path"], "INBOX");
    assert_eq!(answer["spf"]["clientIp"], "203.0.113.7");
    assert_eq!(answer["spf"]["helo"], "mail.sender.test");
    assert_eq!(answer["spf"]["domain"], DOMAIN);
    assert_eq!(answer["spf"]["rr"], "v=spf1 ip4:203.0.113.7 -all");
    assert_eq!(answer["dmarc"]["policy"], "reject");
    let aligned = &answer["dmarc"]["alignment"];
    assert_eq!(aligned["dkim"], json!({ "result": true, "strict": true }));
    assert_eq!(aligned["spf"], json!({ "result": true, "strict": false }));
    let signature = &answer["mainSig"];
    assert_eq!(signature["signingDomain"], DOMAIN);
    assert_eq!(signature["selector"], "test");
    assert_eq!(signature["algo"], "rsa-sha256");
    assert_eq!(signature["aligned"], true);
    assert_eq!(answer["receiver"]["host"], "mx.receiver.test");

    // The message itself is told of as any other, and is in no folder of what was sent.
    let new = hooks
        .wait_for_event(&house.reader, "messageNew", LIMIT)
        .await;
    assert_eq!(new.json()["data"]["id"], answer["message"]);
    let sent = hooks
        .wait_for_event(&house.sender, "messageSent", LIMIT)
        .await;
    assert_eq!(sent.json()["data"]["gateway"], Value::Null);
    assert!(imap_messages(&house.sender, "Sent").await.is_empty());

    // What was found stays, without DNS and through a restart.
    dns.set("");
    house.server.restart().await;
    house.client = house.server.client().await;
    assert_eq!(house.check(&id).await, answer);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let dns = DnsServer::start(&zone()).await;
    let house = House::build(&dns, Server::builder(BINARY)).await;

    // From an address that the domain does not name. DKIM alone is enough for DMARC.
    house.relay.come_from(OTHER);
    let answer = house.test().await;
    assert_eq!(
        results(&answer),
        ["pass", "fail", "pass", "none", "pass"],
        "{answer:#}"
    );
    assert_eq!(answer["dmarc"]["alignment"]["spf"]["result"], false);

    // Changed on the way as well.
    house
        .relay
        .change("sent by Posthouse to see", "sent by somebody to see");
    let answer = house.test().await;
    assert_eq!(
        results(&answer),
        ["fail", "fail", "fail", "none", "skipped"],
        "{answer:#}"
    );
    assert_eq!(
        answer["dkim"]["status"]["comment"],
        "the text was changed after it was signed"
    );

    // Two records of SPF are none that counts.
    house.relay.come_from(CLIENT);
    dns.set(&format!("{}{DOMAIN} TXT v=spf1 +all\n", zone()));
    assert_eq!(results(&house.test().await)[1], "permerror");

    // Nothing in DNS at all.
    dns.set("nothing.test TXT here");
    let answer = house.test().await;
    assert_eq!(
        results(&answer)[1..],
        ["none", "none", "none", "none"],
        "{answer:#}"
    );
}

#[tokio::test]
async fn dns_that_fails_is_asked_again() {
    let dns = DnsServer::start(&format!("{DOMAIN} FAIL\n*.{DOMAIN} FAIL\n")).await;
    let house = House::build(&dns, Server::builder(BINARY)).await;
    let id = house.start().await;
    let answer = house.result(&id).await;
    assert_eq!(
        results(&answer),
        ["temperror", "temperror", "temperror", "none", "temperror"],
        "{answer:#}"
    );
    dns.set(&zone());
    assert_eq!(
        results(&house.check(&id).await),
        ["pass", "pass", "pass", "none", "pass"]
    );
    assert!(
        dns.queries()
            .iter()
            .any(|(name, kind)| name == "test._domainkey.sender.test" && kind == "TXT")
    );
}

#[tokio::test]
async fn dns_that_is_silent_holds_nobody_for_long() {
    let dns = DnsServer::start(&format!("{DOMAIN} SILENT\n*.{DOMAIN} SILENT\n")).await;
    let house = House::build(&dns, Server::builder(BINARY)).await;
    let id = house.start().await;
    let began = std::time::Instant::now();
    let answer = house.result(&id).await;
    assert_eq!(
        results(&answer)[..3],
        ["temperror", "temperror", "temperror"],
        "{answer:#}"
    );
    assert!(began.elapsed().as_secs() < 25, "{:?}", began.elapsed());
}

/// A message to oneself within one server came by no way that SPF knows.
#[tokio::test]
async fn mail_within_one_server_has_no_spf() {
    let dns = DnsServer::start(&zone()).await;
    let house = House::build(&dns, Server::builder(BINARY)).await;
    let path = format!("/v1/delivery-test/account/{}", house.sender);
    let started = house.client.post(&path, &json!({})).await.ok();
    let id = started["deliveryTest"].as_str().unwrap();
    let answer = house.result(id).await;
    assert_eq!(
        results(&answer)[..3],
        ["pass", "none", "pass"],
        "{answer:#}"
    );
    assert_eq!(answer["account"], json!(house.sender));
    assert_eq!(answer["spf"]["clientIp"], Value::Null);
    assert!(answer["spf"]["status"]["comment"].is_string());
}

#[tokio::test]
async fn what_cannot_be_tested_says_why() {
    let dns = DnsServer::start(&zone()).await;
    let house = House::build(&dns, Server::builder(BINARY)).await;
    let client = &house.client;
    let start = format!("/v1/delivery-test/account/{}", house.sender);

    let unknown = "/v1/delivery-test/check/6420a6ad-7f82-4e4f-8112-82a9dad1f34d";
    client.get(unknown).await.expect(404);
    let body = json!({});
    client
        .post("/v1/delivery-test/account/nobody", &body)
        .await
        .expect(404);
    let gateway = json!({ "gateway": "nowhere" });
    let answer = client.post(&start, &gateway).await.expect(404);
    assert_eq!(answer["message"], "Requested gateway was not found");
    let to = json!({ "to": "nobody" });
    client.post(&start, &to).await.expect(404);

    let silent = unique_user();
    client.post("/v1/account", &account(&silent)).await.ok();
    let path = format!("/v1/delivery-test/account/{silent}");
    let answer = client.post(&path, &body).await.expect(404);
    assert_eq!(answer["code"], "SMTPUnavailable");

    // A token of one account does not look into the mailbox of another.
    let own = house.server.issue_token("api", Some(&house.sender)).await;
    let own = client.with_token(&own);
    own.post(&start, &json!({ "to": house.reader }))
        .await
        .expect(403);
    own.post(&start, &body).await.ok();

    // Nobody listens there.
    let port = posthouse_testkit::free_port();
    let gateway = json!({ "gateway": "down", "name": "Down", "host": "127.0.0.1", "port": port });
    client.post("/v1/gateway", &gateway).await.ok();
    let started = client
        .post(&start, &json!({ "gateway": "down" }))
        .await
        .ok();
    let id = started["deliveryTest"].as_str().unwrap();
    let answer = house.result(id).await;
    assert_eq!(answer["status"], "failed");
    assert_eq!(answer["success"], false);
    assert!(answer["error"].as_str().is_some_and(|why| !why.is_empty()));

    // It comes back: the mailbox of the recipient does not exist.
    let lost = format!("nobody-{}", unique_user());
    let mut body = account(&unique_user());
    body["email"] = json!(format!("{lost}@receiver.test"));
    let reader = body["account"].as_str().unwrap().to_owned();
    client.post("/v1/account", &body).await.ok();
    let started = client.post(&start, &json!({ "to": reader })).await.ok();
    let id = started["deliveryTest"].as_str().unwrap();
    let answer = house.result(id).await;
    assert_eq!(answer["status"], "failed");
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("No such user here"), "{error}");
}
