//! Service records, and names as such.

use crate::support::{Internet, config, expect};
use posthouse_discover::{DiscoverError, Discoverer};
use posthouse_testkit::Page;

#[tokio::test]
async fn tls_from_the_first_byte_is_preferred() {
    let net = Internet::with(
        "_imap._tcp.example.com SRV 0 1 143 imap.example.com
         _imaps._tcp.example.com SRV 10 1 993 imaps.example.com
         _submission._tcp.example.com SRV 0 1 587 smtp.example.com
         _submissions._tcp.example.com SRV 10 1 465 smtps.example.com",
    )
    .await;
    expect(
        &net.find("ann@example.com").await,
        "srv",
        "ann@example.com imaps.example.com:993+tls",
        "ann@example.com smtps.example.com:465+tls",
    );
}

#[tokio::test]
async fn a_dot_means_not_offered() {
    let net = Internet::with(
        "_imaps._tcp.example.com SRV 0 0 0 .
         _imap._tcp.example.com SRV 0 1 143 imap.example.com
         _submissions._tcp.example.com SRV 0 0 0 .
         _submission._tcp.example.com SRV 0 0 0 .",
    )
    .await;
    expect(
        &net.find("ann@example.com").await,
        "srv",
        "ann@example.com imap.example.com:143",
        "-",
    );
}

#[tokio::test]
async fn priority_goes_before_weight() {
    let net = Internet::with(
        "_imaps._tcp.example.com SRV 20 99 993 far.example.com
         _imaps._tcp.example.com SRV 10 1 993 light.example.com
         _imaps._tcp.example.com SRV 10 9 993 heavy.example.com
         _submissions._tcp.example.com SRV 0 1 465 smtp.example.com",
    )
    .await;
    let found = net.find("ann@example.com").await;
    assert_eq!(found.imap.unwrap().host, "heavy.example.com");
}

#[tokio::test]
async fn answers_that_do_not_fit_come_over_tcp() {
    let net = Internet::with(
        "_imaps._tcp.example.com TCP
         _imaps._tcp.example.com SRV 0 1 993 imap.example.com
         _submissions._tcp.example.com SRV 0 1 465 smtp.example.com",
    )
    .await;
    let found = net.find("ann@example.com").await;
    assert_eq!(found.imap.unwrap().host, "imap.example.com");
}

#[tokio::test]
async fn web_hosts_are_resolved_by_the_configured_servers_through_aliases() {
    let net = Internet::with(
        "autoconfig.alias.example CNAME autoconfig.example.com
         alias.example CNAME web.example.com",
    )
    .await;
    net.http.put(
        "GET",
        "alias.example",
        crate::support::WELL_KNOWN,
        Page::of(config("alias.example")),
    );
    let found = net.find("ann@alias.example").await;
    assert_eq!(found.source, "well-known");
    assert!(net.asked("alias.example", "A"));
}

#[tokio::test]
async fn international_domains_are_asked_for_in_their_ascii_form() {
    let net = Internet::with("").await;
    net.https.put(
        "GET",
        "autoconfig.xn--bcher-kva.example",
        crate::support::AUTOCONFIG,
        Page::of(config("%EMAILDOMAIN%")),
    );
    expect(
        &net.find("ann@Bücher.example").await,
        "autoconfig",
        "ann@Bücher.example imap.xn--bcher-kva.example:993+tls",
        "ann smtp.xn--bcher-kva.example:587",
    );
    assert!(net.asked("xn--bcher-kva.example", "MX"));
    assert!(net.asked("_imaps._tcp.xn--bcher-kva.example", "SRV"));
}

#[tokio::test]
async fn what_is_no_address_asks_nobody() {
    let net = Internet::with("").await;
    let discoverer = Discoverer::new(net.config.clone()).unwrap();
    for bad in [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@127.0.0.1",
        "ann@[::1]",
        "ann@example.com/x",
        "a\nb@example.com",
    ] {
        let error = discoverer.discover(bad).await.unwrap_err();
        assert!(matches!(error, DiscoverError::Address), "{bad:?}");
    }
    assert!(net.dns.queries().is_empty());
}
