//! Configuration files in the format of Mozilla's autoconfiguration, version 1.1.

use crate::{
    address::Address,
    found::{Server, Servers},
    xml::Element,
};

/// The servers that a file names for this address. Of several the first with TLS from the first byte is taken, then the first
/// with STARTTLS. Kinds of authentication are not looked at: which is used is agreed upon with the server itself.
pub(crate) fn read(document: &[u8], address: &Address) -> Option<Servers> {
    let root = Element::parse(document).filter(|root| root.is("clientConfig"))?;
    let best = |tag: &str, kind: &str| {
        root.all("emailProvider")
            .flat_map(|provider| provider.all(tag))
            .filter(|entry| entry.is_kind(kind))
            .filter_map(|entry| server(entry, address))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, server)| server)
    };
    Servers {
        imap: best("incomingServer", "imap"),
        smtp: best("outgoingServer", "smtp"),
    }
    .useful()
}

/// A server and its rank among others.
fn server(entry: &Element, address: &Address) -> Option<(u8, Server)> {
    let host = address.fill(entry.text_of("hostname")?);
    let port = entry.text_of("port")?.parse().ok()?;
    let user = match entry.text_of("username") {
        Some(template) => address.fill(template),
        None => address.text().to_owned(),
    };
    let socket = entry.text_of("socketType").unwrap_or_default();
    let rank = match socket.to_ascii_uppercase().as_str() {
        "SSL" => 0,
        "STARTTLS" => 1,
        _ => 2,
    };
    Some((rank, Server::new(user, &host, port, rank == 0)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const DOCUMENT: &str = "<clientConfig version='1.1'><emailProvider id='x'><!-- c --><incomingServer type='imap'>\
        <hostname>%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType><username>%EMAILADDRESS%&#64;</username>\
        </incomingServer><outgoingServer type='smtp'><hostname><![CDATA[smtp.example.com]]></hostname><port>465</port>\
        </outgoingServer></emailProvider></clientConfig>";

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = read(&bytes, &Address::parse("ann@example.com").unwrap());
        }

        #[test]
        fn no_damage_to_a_file_panics(
            spots in prop::collection::vec((0..DOCUMENT.len(), any::<u8>()), 0..12),
            pieces in prop::collection::vec("</?[a-z]{1,12}( type='imap')?/?>|&[a-z#0-9]{0,8};?|%[A-Z]{0,14}%|<!\\[CDATA\\[|]]>|<!--|<\\?|<!DOCTYPE", 0..40),
        ) {
            let mut bytes = DOCUMENT.as_bytes().to_vec();
            for (at, byte) in spots {
                bytes[at] = byte;
            }
            let address = Address::parse("ann@example.com").unwrap();
            let _ = read(&bytes, &address);
            let _ = read(format!("<clientConfig>{}</clientConfig>", pieces.concat()).as_bytes(), &address);
        }

        #[test]
        fn hosts_and_ports_that_come_out_can_be_dialled(host in "\\PC{0,30}", port in "\\PC{0,6}") {
            let document = DOCUMENT.replace("%EMAILDOMAIN%", &host).replace("993", &port);
            let servers = read(document.as_bytes(), &Address::parse("ann@example.com").unwrap());
            if let Some(imap) = servers.and_then(|servers| servers.imap) {
                prop_assert!(imap.port != 0 && imap.host.is_ascii() && !imap.host.contains([' ', '/', '@', '\n']));
            }
        }
    }
}
