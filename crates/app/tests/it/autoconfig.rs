//! Mail servers of an address, through the operation.

use posthouse_app::{AppConfig, DiscoverConfig};
use posthouse_testkit::{DnsServer, Page, Website};
use serde_json::json;

use crate::support::{Hall, ask, sqlite_config};

const FILE: &str = "/.well-known/autoconfig/mail/config-v1.1.xml";

/// A hall that looks for mail servers on this machine alone.
async fn hall(zone: &str, site: &Website) -> (Hall, DnsServer, posthouse_testkit::WebServer) {
    let dns = DnsServer::start(zone).await;
    let web = site.listen().await;
    let (config, folder) = sqlite_config();
    let app = AppConfig {
        discover: DiscoverConfig {
            dns: Some(vec![dns.addr()]),
            ispdb: None,
            step: std::time::Duration::from_secs(1),
            egress: "off".parse().unwrap(),
            http_port: web.addr().port(),
            ..DiscoverConfig::default()
        },
        ..AppConfig::default()
    };
    (Hall::with(config, folder, app).await, dns, web)
}

#[tokio::test]
async fn what_is_found_has_the_form_of_the_contract() {
    let site = Website::default();
    let zone = "example.com MX 10 mx01.mail.icloud.com\nexample.org A 127.0.0.1";
    let (hall, _dns, _web) = hall(zone, &site).await;
    let answer = hall
        .call("getV1Autoconfig", ask().query("email", "ann@example.com"))
        .await
        .unwrap();
    let user = json!({ "user": "ann@example.com" });
    assert_eq!(
        answer["imap"],
        json!({ "auth": user, "host": "imap.mail.me.com", "port": 993, "secure": true })
    );
    assert_eq!(
        answer["smtp"],
        json!({ "auth": user, "host": "smtp.mail.me.com", "port": 587, "secure": false })
    );
    assert_eq!(answer["_source"], "mx");
    assert_eq!(answer["appPassword"]["required"], true);
    assert_eq!(answer["appPassword"]["provider"], "icloud");
    assert!(answer["appPassword"].get("warning").is_none());
}

#[tokio::test]
async fn nothing_found_is_an_answer_and_is_not_remembered() {
    let site = Website::default();
    let (hall, dns, _web) = hall("example.com A 127.0.0.1", &site).await;
    let find = || hall.call("getV1Autoconfig", ask().query("email", "ann@example.com"));
    let nothing = json!({ "imap": false, "smtp": false, "_source": "none" });
    assert_eq!(find().await.unwrap(), nothing);

    let file = "<clientConfig><emailProvider><incomingServer type='imap'><hostname>imap.example.com</hostname>\
        <port>143</port><socketType>STARTTLS</socketType><username>%EMAILLOCALPART%</username></incomingServer>\
        </emailProvider></clientConfig>";
    site.put("GET", "example.com", FILE, Page::of(file));
    let found = json!({
        "imap": { "auth": { "user": "ann" }, "host": "imap.example.com", "port": 143, "secure": false },
        "smtp": false,
        "_source": "well-known",
    });
    assert_eq!(find().await.unwrap(), found);

    // What was found is, for this address.
    dns.set("example.com SILENT");
    let asked = dns.queries().len();
    assert_eq!(find().await.unwrap(), found);
    assert_eq!(dns.queries().len(), asked);
    let other = hall.app.autoconfig("bob@example.com").await.unwrap();
    assert_eq!(other.imap, None);
}

#[tokio::test]
async fn an_address_without_a_domain_name_is_refused() {
    let (hall, dns, _web) = hall("", &Website::default()).await;
    for bad in ["ann", "ann@[127.0.0.1]"] {
        let error = hall
            .call("getV1Autoconfig", ask().query("email", bad))
            .await
            .unwrap_err();
        assert_eq!(error.status, 400, "{bad}");
        assert_eq!(error.extra["fields"][0]["key"], "email");
    }
    assert!(dns.queries().is_empty());
}
