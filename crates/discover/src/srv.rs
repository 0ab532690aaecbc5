//! Mail services in DNS (RFC 6186 section 3, RFC 8314 section 5.1).

use crate::{
    address::Address,
    dns::{Dns, Target},
    found::{Server, Servers},
};

/// The services of `domain` for this address. TLS from the first byte is preferred to STARTTLS, as RFC 8314 advises.
pub(crate) async fn look(dns: &Dns, domain: &str, address: &Address) -> Option<Servers> {
    let (imaps, imap, submissions, submission) = tokio::join!(
        dns.srv("_imaps._tcp", domain),
        dns.srv("_imap._tcp", domain),
        dns.srv("_submissions._tcp", domain),
        dns.srv("_submission._tcp", domain),
    );
    let choose = |tls: Option<Target>, start_tls: Option<Target>| {
        let secure = tls.is_some();
        let target = tls.or(start_tls)?;
        Server::new(address.text().to_owned(), &target.host, target.port, secure)
    };
    Servers {
        imap: choose(imaps, imap),
        smtp: choose(submissions, submission),
    }
    .useful()
}
