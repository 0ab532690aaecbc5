//! Configuration files: the three places, and what is taken from them.

use posthouse_testkit::Page;

use crate::support::{AUTOCONFIG, Internet, config, config_of, expect};

#[tokio::test]
async fn the_domain_s_own_web_server_is_asked() {
    let net = Internet::with("").await;
    net.well_known(Page::of(config("example.com")));
    expect(
        &net.find("ann@example.com").await,
        "well-known",
        "ann@example.com imap.example.com:993+tls",
        "ann smtp.example.com:587",
    );
}

#[tokio::test]
async fn the_autoconfiguration_host_is_told_the_address() {
    let net = Internet::with("").await;
    net.https.put(
        "GET",
        "autoconfig.example.com",
        AUTOCONFIG,
        Page::of(config("example.com")),
    );
    let found = net.find("ann+a&b@example.com").await;
    assert_eq!(found.source, "autoconfig");
    let requests = net.https.requests();
    let request = requests
        .iter()
        .find(|request| request.host == "autoconfig.example.com")
        .unwrap();
    assert_eq!(
        request.path,
        format!("{AUTOCONFIG}?emailaddress=ann%2Ba%26b%40example.com")
    );
}

#[tokio::test]
async fn the_collection_learns_the_domain_and_nothing_else() {
    let net = Internet::with("").await;
    net.http.put(
        "GET",
        "ispdb.example.org",
        "/v1.1/example.com",
        Page::of(config("example.com")),
    );
    let found = net.find("ann@example.com").await;
    assert_eq!(found.source, "mozilla");
    for request in net
        .http
        .requests()
        .iter()
        .filter(|request| request.host == "ispdb.example.org")
    {
        let text = format!("{request:?}");
        assert!(!text.contains("ann"), "{text}");
    }
}

#[tokio::test]
async fn without_a_collection_none_is_asked() {
    let mut net = Internet::with("").await;
    net.config.ispdb = None;
    net.http.put(
        "GET",
        "ispdb.example.org",
        "/v1.1/example.com",
        Page::of(config("example.com")),
    );
    expect(&net.find("ann@example.com").await, "none", "-", "-");
}

#[tokio::test]
async fn the_safest_of_several_servers_is_taken_and_pop3_never() {
    let net = Internet::with("").await;
    net.well_known(Page::of(config_of(
        "<incomingServer type='pop3'><hostname>pop.example.com</hostname><port>995</port><socketType>SSL</socketType></incomingServer>
         <incomingServer type='imap'><hostname>plain.example.com</hostname><port>143</port><socketType>plain</socketType></incomingServer>
         <incomingServer type='imap'><hostname>start.example.com</hostname><port>143</port><socketType>STARTTLS</socketType></incomingServer>
         <incomingServer type='imap'><hostname>first.example.com</hostname><port>993</port><socketType>SSL</socketType>
           <username>%EMAILLOCALPART%@%EMAILDOMAIN%</username><authentication>OAuth2</authentication></incomingServer>
         <incomingServer type='imap'><hostname>second.example.com</hostname><port>993</port><socketType>SSL</socketType></incomingServer>
         <outgoingServer type='smtp'><hostname>plain.example.com</hostname><port>25</port><socketType>plain</socketType></outgoingServer>
         <outgoingServer type='smtp'><hostname>start.%EMAILDOMAIN%</hostname><port>587</port><socketType>STARTTLS</socketType>
           <username>%EMAILADDRESS%</username></outgoingServer>",
    )));
    expect(
        &net.find("ann@example.com").await,
        "well-known",
        "ann@example.com first.example.com:993+tls",
        "ann@example.com start.example.com:587",
    );
}

#[tokio::test]
async fn servers_that_cannot_be_are_passed_over() {
    let net = Internet::with("").await;
    let imap = |host: &str, port: &str| {
        format!(
            "<incomingServer type='imap'><hostname>{host}</hostname><port>{port}</port><socketType>SSL</socketType></incomingServer>"
        )
    };
    let servers = [
        imap("", "993"),
        imap("a b", "993"),
        imap("a.example.com", "0"),
        imap("a.example.com", "70000"),
        imap("a.example.com", "many"),
        imap("user@a.example.com", "993"),
        imap("a.example.com/x", "993"),
        imap("%REALNAME%", "993"),
        imap("Good.Example.COM.", "993"),
    ];
    let smtp = config_of(
        &(servers.concat()
            + "<outgoingServer type='smtp'><hostname>s.example.com</hostname><port>465</port><socketType>SSL</socketType></outgoingServer>"),
    );
    net.well_known(Page::of(smtp));
    let found = net.find("ann@example.com").await;
    assert_eq!(found.imap.unwrap().host, "good.example.com");
}

#[tokio::test]
async fn redirects_are_followed_to_the_file() {
    let net = Internet::with("").await;
    let there = format!("https://www.example.com:{}/conf", net.https_port);
    net.well_known(Page::redirect(301, "/moved"));
    net.http
        .put("GET", "example.com", "/moved", Page::redirect(302, &there));
    net.https.put(
        "GET",
        "www.example.com",
        "/conf",
        Page::of(config("example.com")),
    );
    assert_eq!(net.find("ann@example.com").await.source, "well-known");
}
