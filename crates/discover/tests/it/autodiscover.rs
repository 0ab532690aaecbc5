//! Exchange autodiscover in plain XML.

use posthouse_testkit::Page;

use crate::support::{AUTODISCOVER, Internet, expect};

fn answer(account: &str) -> String {
    format!(
        "<?xml version='1.0'?><Autodiscover xmlns='http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006'>\
         <Response xmlns='http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a'>\
         <User><DisplayName>x</DisplayName></User><Account>{account}</Account></Response></Autodiscover>"
    )
}

fn settings() -> String {
    answer(
        "<AccountType>email</AccountType><Action>settings</Action>\
         <Protocol><Type>POP3</Type><Server>pop.example.com</Server><Port>995</Port></Protocol>\
         <Protocol><Type>IMAP</Type><Server>imap.example.com</Server><Port>993</Port><LoginName>ann.login</LoginName><SSL>on</SSL></Protocol>\
         <Protocol><Type>SMTP</Type><Server>smtp.example.com</Server><Port>587</Port><SSL>on</SSL></Protocol>",
    )
}

const IMAP: &str = "ann.login imap.example.com:993+tls";
const SMTP: &str = "ann@example.com smtp.example.com:587";

#[tokio::test]
async fn the_domain_or_its_autodiscover_host_answers() {
    for host in ["example.com", "autodiscover.example.com"] {
        let net = Internet::with("").await;
        net.https
            .put("POST", host, AUTODISCOVER, Page::of(settings()));
        expect(
            &net.find("ann@example.com").await,
            "autodiscover",
            IMAP,
            SMTP,
        );
    }
}

#[tokio::test]
async fn the_address_is_escaped_and_no_password_sent() {
    let net = Internet::with("").await;
    net.https
        .put("POST", "example.com", AUTODISCOVER, Page::of(settings()));
    net.find("a&b'c@example.com").await;
    let requests = net.https.requests();
    let request = requests
        .iter()
        .find(|request| request.method == "POST")
        .unwrap();
    assert!(
        request
            .body
            .contains("<EMailAddress>a&amp;b&apos;c@example.com</EMailAddress>"),
        "{}",
        request.body
    );
    for request in requests.iter().chain(&net.http.requests()) {
        let credentials = request.head.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("cookie")
        });
        assert!(!credentials, "{request:?}");
    }
}

#[tokio::test]
async fn a_plain_redirect_leads_to_a_safe_address() {
    let net = Internet::with("").await;
    let there = format!("https://mail.example.org:{}/own.xml", net.https_port);
    net.http.put(
        "GET",
        "autodiscover.example.com",
        AUTODISCOVER,
        Page::redirect(302, &there),
    );
    net.https
        .put("POST", "mail.example.org", "/own.xml", Page::of(settings()));
    expect(
        &net.find("ann@example.com").await,
        "autodiscover",
        IMAP,
        SMTP,
    );
    let plain = net.http.requests();
    assert!(
        plain
            .iter()
            .all(|request| request.method == "GET" && request.body.is_empty()),
        "{plain:?}"
    );
}

#[tokio::test]
async fn a_plain_address_is_never_told_the_mail_address() {
    let net = Internet::with("").await;
    let there = format!("http://mail.example.org:{}/own.xml", net.http_port);
    net.http.put(
        "GET",
        "autodiscover.example.com",
        AUTODISCOVER,
        Page::redirect(302, &there),
    );
    net.http
        .put("POST", "mail.example.org", "/own.xml", Page::of(settings()));
    expect(&net.find("ann@example.com").await, "none", "-", "-");
}

#[tokio::test]
async fn a_service_record_names_the_host() {
    let mut net = Internet::with("").await;
    let zone = format!(
        "mail.example.org A 127.0.0.1\n_autodiscover._tcp.example.com SRV 0 0 {} mail.example.org",
        net.https_port
    );
    net.dns.set(&zone);
    // Only the record knows the port.
    net.config.https_port = net.http_port;
    net.https.put(
        "POST",
        "mail.example.org",
        AUTODISCOVER,
        Page::of(settings()),
    );
    expect(
        &net.find("ann@example.com").await,
        "autodiscover",
        IMAP,
        SMTP,
    );
}

#[tokio::test]
async fn answers_may_send_on_to_another_address_or_url() {
    let net = Internet::with("").await;
    net.https.put(
        "POST",
        "example.com",
        AUTODISCOVER,
        Page::of(answer(
            "<Action>redirectAddr</Action><RedirectAddr>ann@example.org</RedirectAddr>",
        )),
    );
    let there = format!("https://mail.example.org:{}/own.xml", net.https_port);
    net.https.put(
        "POST",
        "example.org",
        AUTODISCOVER,
        Page::of(answer(&format!(
            "<Action>redirectUrl</Action><RedirectUrl>{there}</RedirectUrl>"
        ))),
    );
    net.https
        .put("POST", "mail.example.org", "/own.xml", Page::of(settings()));
    let found = net.find("ann@example.com").await;
    expect(
        &found,
        "autodiscover",
        IMAP,
        "ann@example.org smtp.example.com:587",
    );
}

#[tokio::test]
async fn answers_that_send_in_circles_are_left() {
    let net = Internet::with("").await;
    let circle =
        answer("<Action>redirectAddr</Action><RedirectAddr>ann@example.com</RedirectAddr>");
    net.https
        .put("POST", "example.com", AUTODISCOVER, Page::of(circle));
    expect(&net.find("ann@example.com").await, "none", "-", "-");
    let posts = net
        .https
        .requests()
        .iter()
        .filter(|request| request.method == "POST")
        .count();
    assert!(posts <= 10, "{posts}");
}

#[tokio::test]
async fn tls_is_read_from_what_is_said_and_from_the_port() {
    for (said, port, secure) in [
        ("<Port>993</Port>", 993, true),
        ("", 993, true),
        ("<SSL>off</SSL>", 143, false),
        ("<Port>143</Port><SSL>on</SSL>", 143, false),
        ("<Port>1993</Port><SSL>on</SSL>", 1993, true),
        ("<Port>1143</Port><SSL>off</SSL>", 1143, false),
        ("<Port>993</Port><Encryption>TLS</Encryption>", 993, true),
        ("<Port>1143</Port><Encryption>TLS</Encryption>", 1143, false),
        ("<Port>143</Port><Encryption>SSL</Encryption>", 143, true),
        ("<Encryption>None</Encryption>", 143, false),
    ] {
        let net = Internet::with("").await;
        let protocol = format!(
            "<Protocol><Type>IMAP</Type><Server>imap.example.com</Server>{said}</Protocol>\
             <Protocol><Type>smtp</Type><Server>smtp.example.com</Server></Protocol>"
        );
        net.https.put(
            "POST",
            "example.com",
            AUTODISCOVER,
            Page::of(answer(&protocol)),
        );
        let imap = net.find("ann@example.com").await.imap.unwrap();
        assert_eq!((imap.port, imap.secure), (port, secure), "{said}");
    }
}

#[tokio::test]
async fn servers_that_want_a_password_are_left() {
    let net = Internet::with("").await;
    net.https.put(
        "POST",
        "example.com",
        AUTODISCOVER,
        Page::of(settings()).status(401),
    );
    expect(&net.find("ann@example.com").await, "none", "-", "-");
}
