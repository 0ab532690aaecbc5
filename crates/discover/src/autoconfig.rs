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
