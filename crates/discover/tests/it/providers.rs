//! Known providers, by the hosts that receive a domain's mail.

use crate::support::{Internet, expect};

#[tokio::test]
async fn each_provider_is_known_by_its_exchangers() {
    let net = Internet::with("").await;
    for (mx, imap, smtp) in [
        (
            "aspmx.l.google.com",
            "imap.gmail.com:993+tls",
            "smtp.gmail.com:465+tls",
        ),
        (
            "smtp.google.com",
            "imap.gmail.com:993+tls",
            "smtp.gmail.com:465+tls",
        ),
        (
            "mx.yandex.net",
            "imap.yandex.com:993+tls",
            "smtp.yandex.com:465+tls",
        ),
        (
            "mx1.zone.eu",
            "imap.zone.eu:993+tls",
            "smtp.zone.eu:465+tls",
        ),
        (
            "mx1.zonemx.eu",
            "imap.zone.eu:993+tls",
            "smtp.zone.eu:465+tls",
        ),
        (
            "mx2.larksuite.com",
            "imap.larksuite.com:993+tls",
            "smtp.larksuite.com:465+tls",
        ),
        (
            "inbound-smtp.eu-west-1.amazonaws.com",
            "imap.mail.eu-west-1.awsapps.com:993+tls",
            "smtp.mail.eu-west-1.awsapps.com:465+tls",
        ),
        ("mx.zoho.eu", "imap.zoho.eu:993+tls", "smtp.zoho.eu:465+tls"),
        (
            "mx2.zoho.com",
            "imap.zoho.com:993+tls",
            "smtp.zoho.com:465+tls",
        ),
        (
            "example-com.mail.protection.outlook.com",
            "outlook.office365.com:993+tls",
            "smtp.office365.com:587",
        ),
        (
            "mx01.mail.icloud.com",
            "imap.mail.me.com:993+tls",
            "smtp.mail.me.com:587",
        ),
        (
            "mx-aol.mail.gm0.yahoodns.net",
            "imap.aol.com:993+tls",
            "smtp.aol.com:465+tls",
        ),
        (
            "mta6.am0.yahoodns.net",
            "imap.mail.yahoo.com:993+tls",
            "smtp.mail.yahoo.com:465+tls",
        ),
        (
            "mx03.t-online.de",
            "secureimap.t-online.de:993+tls",
            "securesmtp.t-online.de:465+tls",
        ),
        (
            "in1-smtp.messagingengine.com",
            "imap.fastmail.com:993+tls",
            "smtp.fastmail.com:465+tls",
        ),
    ] {
        // A fresh name each time: nothing is remembered from the last.
        let domain = format!("{}.test", mx.replace('.', "-"));
        net.dns
            .set(&format!("{domain} MX 10 {}", mx.to_uppercase()));
        let found = net.find(&format!("ann@{domain}")).await;
        let user = format!("ann@{domain}");
        expect(
            &found,
            "mx",
            &format!("{user} {imap}"),
            &format!("{user} {smtp}"),
        );
    }
    assert!(net.http.requests().is_empty() && net.https.requests().is_empty());
}

#[tokio::test]
async fn the_domain_s_mail_at_google_follows_the_service_records_of_gmail() {
    let net = Internet::with(
        "example.com MX 1 aspmx.l.google.com
         _imaps._tcp.gmail.com SRV 5 0 1993 imap.gmail.example",
    )
    .await;
    let found = net.find("ann@example.com").await;
    // What the records do not say is in the table.
    expect(
        &found,
        "mx",
        "ann@example.com imap.gmail.example:1993+tls",
        "ann@example.com smtp.gmail.com:465+tls",
    );
}

#[tokio::test]
async fn the_preferred_exchanger_decides() {
    let net = Internet::with(
        "example.com MX 20 mx.yandex.net
         example.com MX 5 own.example.com
         example.com MX 10 mx.zoho.eu",
    )
    .await;
    let found = net.find("ann@example.com").await;
    assert_eq!(found.imap.unwrap().host, "imap.zoho.eu");
}

#[tokio::test]
async fn a_domain_that_takes_no_mail_is_no_provider() {
    // RFC 7505.
    let net = Internet::with("example.com MX 0 .").await;
    expect(&net.find("ann@example.com").await, "none", "-", "-");
}
