//! Exchange autodiscover in plain XML ("POX"): [MS-OXDISCO] for where to ask, [MS-OXDSCLI] for what is said. Servers that want
//! a password before they answer are left alone.

use bytes::Bytes;
use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use quick_xml::escape::escape;
use url::Url;

use crate::{
    address::Address,
    dns::Dns,
    fetch::{Fetch, follow},
    found::{Server, Servers},
    xml::Element,
};

const PATH: &str = "/autodiscover/autodiscover.xml";
/// Redirects that answers may ask for, to other addresses and hosts.
const MAX_REDIRECTS: usize = 3;

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// The servers.
    Servers(Servers),
    /// Ask again for this address.
    Address(Address),
    /// Ask again there.
    Url(Url),
}

/// Asks the hosts that answer for a domain, all at once, and follows the first that has something to say.
pub(crate) async fn look(fetch: &Fetch, dns: &Dns, address: &Address) -> Option<Servers> {
    let mut address = address.clone();
    let mut answer = first(fetch, dns, &address).await?;
    for _ in 0..MAX_REDIRECTS {
        answer = match answer {
            Answer::Servers(servers) => return Some(servers),
            Answer::Url(url) => ask(fetch, url, &address).await?,
            Answer::Address(other) => {
                address = other;
                first(fetch, dns, &address).await?
            }
        };
    }
    match answer {
        Answer::Servers(servers) => Some(servers),
        _ => None,
    }
}

async fn first(fetch: &Fetch, dns: &Dns, address: &Address) -> Option<Answer> {
    let domain = address.ascii();
    let host = format!("autodiscover.{domain}");
    let own = async { ask(fetch, fetch.https(domain, PATH)?, address).await };
    let usual = async { ask(fetch, fetch.https(&host, PATH)?, address).await };
    // A plain address is asked for nothing but the way to a safe one.
    let redirected = async {
        let url = fetch.redirect_of(fetch.http(&host, PATH)?).await?;
        match url.scheme() {
            "https" => ask(fetch, url, address).await,
            _ => None,
        }
    };
    let named = async {
        let target = dns.srv("_autodiscover._tcp", domain).await?;
        let url = Url::parse(&format!("https://{}:{}{PATH}", target.host, target.port)).ok()?;
        ask(fetch, url, address).await
    };
    let mut answers = FuturesUnordered::new();
    for way in [
        own.boxed(),
        usual.boxed(),
        redirected.boxed(),
        named.boxed(),
    ] {
        answers.push(way);
    }
    while let Some(answer) = answers.next().await {
        if answer.is_some() {
            return answer;
        }
    }
    None
}

async fn ask(fetch: &Fetch, url: Url, address: &Address) -> Option<Answer> {
    let document = fetch.post(url.clone(), request(address)).await?;
    read(&document, &url, address)
}

fn request(address: &Address) -> Bytes {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
<Request>
<EMailAddress>{}</EMailAddress>
<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>
</Request>
</Autodiscover>
"#,
        escape(address.text())
    )
    .into()
}

fn read(document: &[u8], url: &Url, address: &Address) -> Option<Answer> {
    let root = Element::parse(document).filter(|root| root.is("Autodiscover"))?;
    let account = root
        .all("Response")
        .find_map(|response| response.all("Account").next())?;
    match account.text_of("Action").unwrap_or("settings") {
        "redirectAddr" => Address::parse(account.text_of("RedirectAddr")?).map(Answer::Address),
        "redirectUrl" => follow(url, account.text_of("RedirectUrl")?).map(Answer::Url),
        _ => {
            let best = |kind: &str| {
                account
                    .all("Protocol")
                    .filter(|entry| {
                        let own = entry.text_of("Type");
                        own.is_some_and(|own| own.eq_ignore_ascii_case(kind))
                    })
                    .filter_map(|entry| server(entry, kind, address))
                    .min_by_key(|server| !server.secure)
            };
            Servers {
                imap: best("IMAP"),
                smtp: best("SMTP"),
            }
            .useful()
            .map(Answer::Servers)
        }
    }
}

fn server(entry: &Element, kind: &str, address: &Address) -> Option<Server> {
    let host = entry.text_of("Server")?;
    let user = entry.text_of("LoginName").unwrap_or(address.text());
    let said = |name: &str| entry.text_of(name).map(str::to_ascii_lowercase);
    let (ssl, encryption) = (said("SSL"), said("Encryption"));
    // TLS is on unless the answer says otherwise.
    let plain = encryption.as_deref() == Some("none")
        || (encryption.is_none() && ssl.as_deref() == Some("off"));
    let port = match entry.text_of("Port") {
        Some(port) => port.parse().ok()?,
        None => match (kind, plain) {
            ("IMAP", false) => 993,
            ("IMAP", true) => 143,
            (_, false) => 465,
            (_, true) => 587,
        },
    };
    let secure = match (encryption.as_deref(), port) {
        (Some("ssl"), _) => true,
        // "On" says nothing of when TLS starts; the ports that begin in plain text do.
        (_, 25 | 143 | 587) => false,
        (Some("tls"), port) => matches!(port, 465 | 993),
        _ => !plain,
    };
    Server::new(user.to_owned(), host, port, secure)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const DOCUMENT: &str = "<?xml version='1.0'?><Autodiscover xmlns='urn:a'><Response xmlns='urn:b'><Account>\
        <Action>settings</Action><Protocol><Type>IMAP</Type><Server>imap.example.com</Server><Port>993</Port>\
        <LoginName>a&amp;b</LoginName><SSL>on</SSL><Encryption>SSL</Encryption></Protocol>\
        <RedirectAddr>a@b.example</RedirectAddr><RedirectUrl>https://b.example/</RedirectUrl>\
        </Account></Response></Autodiscover>";

    proptest! {
        #[test]
        fn nothing_that_is_answered_panics(
            cuts in prop::collection::vec((0..DOCUMENT.len(), 0..8_usize, "[ -~\\PC]{0,6}"), 0..6),
        ) {
            let mut document = DOCUMENT.to_owned();
            for (at, length, new) in cuts {
                let at = at.min(document.len());
                let end = (at + length).min(document.len());
                if document.is_char_boundary(at) && document.is_char_boundary(end) {
                    document.replace_range(at..end, &new);
                }
            }
            let url = Url::parse("https://example.com/").unwrap();
            let address = Address::parse("ann@example.com").unwrap();
            let _ = read(document.as_bytes(), &url, &address);
        }
    }
}
