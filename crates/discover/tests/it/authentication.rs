//! Messages that are judged: those nobody signed, strange ones, and those that would have many questions asked.

use posthouse_discover::{Authentication, AuthenticationError, DiscoverConfig, Discoverer};
use posthouse_testkit::DnsServer;

const RECEIVED: &str = "Received: from out.sender.org (out.sender.org [203.0.113.7])\r\n\tby mx.receiver.net with ESMTPS id 1;\r\n\tSat, 28 Nov 2026 12:00:00 +0000\r\n";
const REST: &str = "From: Alice <alice@sender.org>\r\nSubject: Hello\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n\r\nHello.\r\n";

fn asking(dns: &DnsServer) -> Discoverer {
    Discoverer::new(DiscoverConfig {
        dns: Some(vec![dns.addr()]),
        ..DiscoverConfig::default()
    })
    .unwrap()
}

async fn judged(dns: &DnsServer, message: &str) -> Authentication {
    let discoverer = asking(dns);
    let found = discoverer.authenticate(message.into(), "alice@sender.org");
    found.await.unwrap()
}

fn results(found: &Authentication) -> [&str; 5] {
    [
        found.dkim.status.result,
        found.spf.status.result,
        found.dmarc.status.result,
        found.arc.status.result,
        found.bimi.status.result,
    ]
}

#[tokio::test]
async fn spf_alone_proves_the_domain() {
    let dns = DnsServer::start(
        "sender.org          TXT  v=spf1 include:_spf.host.net ~all\n\
         _spf.host.net       TXT  v=spf1 a:out.sender.org -all\n\
         out.sender.org      A    203.0.113.7\n\
         _dmarc.sender.org   TXT  v=DMARC1; p=quarantine\n\
         default._bimi.sender.org TXT v=BIMI1; l=; a=\n",
    )
    .await;
    let found = judged(&dns, &format!("{RECEIVED}{REST}")).await;
    assert_eq!(
        results(&found),
        ["none", "pass", "pass", "none", "declined"]
    );
    assert_eq!(found.dmarc.policy, Some("quarantine"));
    assert!(found.dmarc.alignment.spf.result && !found.dmarc.alignment.dkim.result);
    assert_eq!(found.main_sig, None);
    assert!(!found.is_temporary());

    // The envelope of the message itself counts: another domain there proves nothing about the author's.
    let other = format!("Return-Path: <bounce@host.net>\r\n{RECEIVED}{REST}");
    let found = judged(&dns, &other).await;
    assert_eq!(found.spf.envelope_from, "bounce@host.net");
    assert_eq!(results(&found)[1..3], ["none", "fail"]);
    // Not named, but not forbidden either.
    let elsewhere = format!("{RECEIVED}{REST}").replace("203.0.113.7", "203.0.113.8");
    assert_eq!(
        results(&judged(&dns, &elsewhere).await)[1..3],
        ["softfail", "fail"]
    );
}

#[tokio::test]
async fn the_receiver_s_word_counts_where_no_address_is_told() {
    let dns = DnsServer::start("_dmarc.sender.org TXT v=DMARC1; p=none\n").await;
    let inside = RECEIVED.replace("203.0.113.7", "10.0.0.7");
    let found = judged(&dns, &format!("{inside}{REST}")).await;
    assert_eq!(results(&found)[1..3], ["none", "fail"]);
    let said = format!(
        "Authentication-Results: mx.receiver.net; spf=pass smtp.mailfrom=sender.org\r\n{inside}{REST}"
    );
    let found = judged(&dns, &said).await;
    assert_eq!(results(&found)[1..3], ["pass", "pass"]);
    assert_eq!(found.spf.source, "receiver");
    assert_eq!(found.receiver.spf.as_deref(), Some("pass"));
}

/// Each name in a message is a question to somebody's servers: a message must not have many of them asked.
#[tokio::test]
async fn few_questions_are_asked() {
    let dns = DnsServer::start("").await;
    let signature = |at: usize| {
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=d{at}.victim.org; s=s{at};\r\n\
             \th=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
        )
    };
    // The hash is that of an empty body, so that each signature asks for its key.
    let empty = REST.split_once("\r\n\r\n").unwrap().0;
    let signatures: String = (0..500).map(signature).collect();
    let message = format!("{RECEIVED}{signatures}{empty}\r\n\r\n");
    let found = judged(&dns, &message).await;
    assert_eq!(found.dkim.status.result, "permerror");
    assert_eq!(found.dkim.results.len(), 10);
    let keys = |name: &str| name.contains("_domainkey");
    let asked = dns.queries();
    let about = asked.iter().filter(|(name, _)| keys(name)).count();
    assert!((10..=20).contains(&about), "{about}");
    assert!(asked.len() < 60, "{}", asked.len());
}

#[tokio::test]
async fn what_is_no_message_is_not_judged() {
    let dns = DnsServer::start("").await;
    let discoverer = asking(&dns);
    let found = discoverer.authenticate(Vec::new(), "a@sender.org").await;
    assert_eq!(found, Err(AuthenticationError::NoMessage));
    let large = vec![b'x'; (1 << 20) + 1];
    let found = discoverer.authenticate(large, "a@sender.org").await;
    assert_eq!(found, Err(AuthenticationError::TooLarge));
    for strange in [
        "\r\n\r\n",
        ":\r\n",
        "From\r\n\r\nx",
        "Received:\r\nReceived: from\r\nFrom: <@>\r\n\r\n",
        "DKIM-Signature: v=1; l=99999999999999999999; x=1; t=2\r\nARC-Seal: i=0\r\nFrom: a@\u{0}\r\n\r\n",
        "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.b; s=c; b=AA\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=a.b; s=c; h=from; bh=AA; b=AA\r\nARC-Authentication-Results: i=1; x\r\nFrom: a@b.c\r\n\r\n",
    ] {
        let found = discoverer.authenticate(strange.into(), "").await;
        assert_ne!(found, Err(AuthenticationError::Broken), "{strange:?}");
    }
}
