//! Who is asked when, who wins, and how long it takes.

use std::time::{Duration, Instant};

use posthouse_testkit::Page;

use crate::support::{AUTOCONFIG, Internet, WELL_KNOWN, config, expect};

const SRV: &str = "
    _imaps._tcp.example.com SRV 0 1 993 srv.example.com
    _submissions._tcp.example.com SRV 0 1 465 srv.example.com";

#[tokio::test]
async fn the_table_goes_before_everything_else_even_when_slower() {
    let zone = format!("{SRV}\nexample.com MX 1 mx.zoho.eu\nexample.com DELAY 300");
    let net = Internet::with(&zone).await;
    net.well_known(Page::of(config("example.com")));
    assert_eq!(net.find("ann@example.com").await.source, "mx");
    assert!(net.http.requests().is_empty());
    assert!(!net.asked("_imaps._tcp.example.com", "SRV"));
}

#[tokio::test]
async fn the_first_to_answer_wins_and_nobody_waits_for_the_others() {
    let slow = Duration::from_secs(60);
    for winner in ["well-known", "autoconfig", "mozilla"] {
        let mut net = Internet::with("").await;
        net.config.step = slow;
        for (name, site, host, path) in [
            ("well-known", &net.http, "example.com", WELL_KNOWN),
            (
                "autoconfig",
                &net.https,
                "autoconfig.example.com",
                AUTOCONFIG,
            ),
            (
                "mozilla",
                &net.http,
                "ispdb.example.org",
                "/v1.1/example.com",
            ),
        ] {
            let page = Page::of(config(&format!("{name}.example.com")));
            let delay = if name == winner {
                Duration::from_millis(200)
            } else {
                slow
            };
            site.put("GET", host, path, page.after(delay));
        }
        let started = Instant::now();
        let found = net.find("ann@example.com").await;
        assert_eq!(found.source, winner);
        assert_eq!(
            found.imap.unwrap().host,
            format!("imap.{winner}.example.com")
        );
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn a_useless_answer_does_not_win() {
    let net = Internet::with(SRV).await;
    net.dns.set(&format!(
        "example.com A 127.0.0.1\n_imaps._tcp.example.com DELAY 300\n{SRV}"
    ));
    net.well_known(Page::of("<clientConfig/>"));
    assert_eq!(net.find("ann@example.com").await.source, "srv");
}

#[tokio::test]
async fn half_an_answer_waits_a_moment_for_a_whole_one() {
    let half = "_imaps._tcp.example.com SRV 0 1 993 srv.example.com";
    let net = Internet::with(half).await;
    net.well_known(Page::of(config("example.com")).after(Duration::from_millis(150)));
    assert_eq!(net.find("ann@example.com").await.source, "well-known");

    let mut net = Internet::with(half).await;
    net.config.step = Duration::from_secs(60);
    net.well_known(Page::of(config("example.com")).after(Duration::from_secs(60)));
    let started = Instant::now();
    expect(
        &net.find("ann@example.com").await,
        "srv",
        "ann@example.com srv.example.com:993+tls",
        "-",
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn silence_ends_after_two_steps() {
    let mut net = Internet::with("").await;
    net.dns.set("example.com SILENT\n*.example.com SILENT");
    net.config.step = Duration::from_millis(400);
    let started = Instant::now();
    expect(&net.find("ann@example.com").await, "none", "-", "-");
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_silent_exchanger_lookup_does_not_keep_the_race_from_running() {
    let mut net = Internet::with("").await;
    net.dns.set(&format!(
        "example.com SILENT\nispdb.example.org A 127.0.0.1\n{SRV}"
    ));
    net.config.step = Duration::from_secs(2);
    assert_eq!(net.find("ann@example.com").await.source, "srv");
}

#[tokio::test]
async fn slow_web_servers_are_left() {
    let mut net = Internet::with("").await;
    net.config.step = Duration::from_millis(400);
    net.well_known(Page::of(config("example.com")).after(Duration::from_secs(60)));
    let started = Instant::now();
    expect(&net.find("ann@example.com").await, "none", "-", "-");
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn failing_name_servers_are_as_good_as_none() {
    let net = Internet::with("example.com FAIL\n*.example.com FAIL").await;
    expect(&net.find("ann@example.com").await, "none", "-", "-");
}
