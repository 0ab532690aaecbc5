//! Documents and redirects of those who mean ill.

use std::time::{Duration, Instant};

use posthouse_net::EgressPolicy;
use posthouse_testkit::Page;

use crate::support::{AUTODISCOVER, Internet, config, expect};

async fn expect_nothing(net: &Internet) {
    let started = Instant::now();
    expect(&net.find("ann@example.com").await, "none", "-", "-");
    assert!(
        started.elapsed() < net.config.step,
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn broken_documents_are_no_answer() {
    let good = config("example.com");
    let bomb = good.replacen(
        "<clientConfig",
        "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><clientConfig",
        1,
    );
    let external = good
        .replacen(
            "<clientConfig",
            "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/hostname'>]><clientConfig",
            1,
        )
        .replace("imap.example.com", "&f;");
    for (what, document) in [
        ("empty", String::new()),
        (
            "a page",
            "<!doctype html><html><body>not here</body></html>".to_owned(),
        ),
        ("cut", good[..good.len() - 20].to_owned()),
        ("another root", good.replace("clientConfig", "config")),
        ("bomb", bomb),
        ("external entity", external),
        ("unknown entity", good.replace("imap.example.com", "&host;")),
        (
            "deep",
            format!(
                "{}{}",
                "<clientConfig>".repeat(5000),
                "</clientConfig>".repeat(5000)
            ),
        ),
        (
            "large",
            good.replace(
                "<domain>",
                &format!("<!--{}--><domain>", "x".repeat(300_000)),
            ),
        ),
    ] {
        let net = Internet::with("").await;
        net.well_known(Page::of(document.clone()));
        net.https
            .put("POST", "example.com", AUTODISCOVER, Page::of(document));
        println!("{what}");
        expect_nothing(&net).await;
    }
}

#[tokio::test]
async fn only_200_is_an_answer() {
    for status in [204, 206, 404, 500] {
        let net = Internet::with("").await;
        net.well_known(Page::of(config("example.com")).status(status));
        expect_nothing(&net).await;
    }
}

#[tokio::test]
async fn private_addresses_are_not_asked_by_default() {
    assert_eq!(
        posthouse_discover::DiscoverConfig::default().egress,
        EgressPolicy::Private
    );
    let mut net = Internet::with("").await;
    net.config.egress = EgressPolicy::Private;
    net.well_known(Page::of(config("example.com")));
    net.https.put(
        "POST",
        "example.com",
        AUTODISCOVER,
        Page::of(config("example.com")),
    );
    expect_nothing(&net).await;
    assert!(net.http.requests().is_empty() && net.https.requests().is_empty());
}

#[tokio::test]
async fn redirects_are_checked_like_the_first_address() {
    for to in [
        "http://169.254.169.254/latest/meta-data/",
        "http://meta.example.net/latest/meta-data/",
        "http://[fe80::1]/",
        "ftp://example.com/config.xml",
        "file:///etc/passwd",
        "http://user:secret@example.com/config.xml",
    ] {
        let mut net = Internet::with("meta.example.net A 169.254.169.254").await;
        // An attempt to connect would take as long.
        net.config.step = Duration::from_secs(30);
        net.well_known(Page::redirect(302, to));
        expect_nothing(&net).await;
    }
}

#[tokio::test]
async fn tls_is_not_left_by_a_redirect() {
    let net = Internet::with("").await;
    let there = format!("http://example.com:{}/conf", net.http_port);
    net.https.put(
        "GET",
        "autoconfig.example.com",
        crate::support::AUTOCONFIG,
        Page::redirect(302, &there),
    );
    net.http.put(
        "GET",
        "example.com",
        "/conf",
        Page::of(config("example.com")),
    );
    expect_nothing(&net).await;
    assert!(
        net.http
            .requests()
            .iter()
            .all(|request| request.path != "/conf")
    );
}

#[tokio::test]
async fn redirects_in_circles_end() {
    for policy in [EgressPolicy::LinkLocal, EgressPolicy::Off] {
        let mut net = Internet::with("").await;
        net.config.egress = policy;
        net.well_known(Page::redirect(302, crate::support::WELL_KNOWN));
        expect_nothing(&net).await;
        let asked = net
            .http
            .requests()
            .iter()
            .filter(|request| request.host == "example.com")
            .count();
        assert_eq!(asked, 6, "{policy}");
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let mut net = Internet::with("").await;
    net.config.ca_file = None;
    net.https.put(
        "GET",
        "autoconfig.example.com",
        crate::support::AUTOCONFIG,
        Page::of(config("example.com")),
    );
    expect_nothing(&net).await;
    assert!(net.https.requests().is_empty());
}
