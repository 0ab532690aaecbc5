//! How a message that arrived fares by the rules that receivers judge senders by: SPF (RFC 7208), DKIM (RFC 6376), DMARC
//! (RFC 9989), ARC (RFC 8617) and BIMI.
//!
//! | Module | What |
//! |---|---|
//! | `report` | what is found |
//! | `path` | the hop at which the message came to its receiver |
//! | `receiver` | what the receiving server says itself |
//! | `signature` | DKIM and ARC |
//! | `sender` | SPF |
//! | `policy` | DMARC and BIMI |
//!
//! The cryptography and the languages of the records are those of the crate `mail-auth`; what a message tells of its way, and how
//! much may be asked of whom, is judged here.

mod path;
mod policy;
mod receiver;
mod report;
mod sender;
mod signature;

use std::time::Duration;

use mail_auth::{
    AuthenticatedMessage, Error, MessageAuthenticator, hickory_resolver::TokioResolver,
};
use mail_parser::{MessageParser, parsers::MessageStream};
use tokio::time::{Instant, timeout_at};

use path::Border;
use receiver::Verdicts;
pub use report::{
    Alignment, Arc, Authentication, Bimi, Dkim, Dmarc, Identifier, ReceiverVerdicts, Signature,
    Spf, Status, verdict,
};

/// Largest message that is looked at, bytes.
const MOST_BYTES: usize = 1 << 20;
/// So many signatures are looked at, and so many sets of ARC: each may cost a question to servers that the message names.
const MOST_SIGNATURES: usize = 10;
/// All questions together may take so long. What has no answer by then is a temporary error.
const WITHIN: Duration = Duration::from_secs(15);

/// Why a message was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// More than 1 MiB.
    #[error("the message is too large to be checked")]
    TooLarge,
    /// It has no header.
    #[error("this is no message")]
    NoMessage,
    /// The system names no name server.
    #[error("there is no DNS server to ask")]
    NoDns,
    /// The check broke off.
    #[error("the check broke off")]
    Broken,
}

/// Judges a message as it lies in its mailbox. `mail_from` is the address of the envelope it was sent with; the `Return-Path` of
/// the message counts before it.
pub(crate) async fn authenticate(
    resolver: TokioResolver,
    message: Vec<u8>,
    mail_from: String,
) -> Result<Authentication, AuthenticationError> {
    if message.len() > MOST_BYTES {
        return Err(AuthenticationError::TooLarge);
    }
    // What the message says is a stranger's: should the library panic at it, the check is lost and nothing else.
    tokio::spawn(async move {
        let check = Check {
            authenticator: MessageAuthenticator(resolver),
            deadline: Instant::now() + WITHIN,
        };
        check.run(&message, &mail_from).await
    })
    .await
    .unwrap_or(Err(AuthenticationError::Broken))
}

struct Check {
    authenticator: MessageAuthenticator,
    deadline: Instant,
}

impl Check {
    async fn run(
        &self,
        raw: &[u8],
        mail_from: &str,
    ) -> Result<Authentication, AuthenticationError> {
        let mut message = AuthenticatedMessage::parse(raw).ok_or(AuthenticationError::NoMessage)?;
        bound(&mut message);
        let parsed = MessageParser::new()
            .parse_headers(raw)
            .ok_or(AuthenticationError::NoMessage)?;
        let headers = parsed.headers();
        let border = Border::find(headers);
        let said = Verdicts::read(headers, raw, border.as_ref());
        let returned = headers
            .iter()
            .find(|header| header.name() == "Return-Path")
            .and_then(|header| raw.get(header.offset_start as usize..header.offset_end as usize))
            .and_then(|value| MessageStream::new(value).parse_address().into_address())
            .and_then(|address| address.first()?.address().map(str::to_owned));
        let mail_from = returned.as_deref().unwrap_or(mail_from);

        let (keys, chain, sender) = tokio::join!(
            self.within(self.authenticator.verify_dkim(&message)),
            self.arc(&message),
            self.spf(border.as_ref(), mail_from, &said),
        );
        let (spf, spf_output) = sender;
        let (dkim, signatures) = signature::dkim(&message, keys);
        let author = author_domain(&message);
        let dmarc = self
            .dmarc(&message, &signatures, mail_from, &spf_output)
            .await;
        let bimi = self.bimi(author.as_deref(), &dmarc).await;
        Ok(Authentication {
            main_sig: dkim.main().cloned(),
            dkim,
            spf,
            dmarc,
            bimi,
            arc: chain,
            receiver: said.report(border.as_ref()),
        })
    }

    /// A result before the deadline, or none.
    async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.deadline, work).await.ok()
    }

    /// The text records of a name, each whole. None of them is no error.
    async fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        use mail_auth::hickory_resolver::{
            net::{DnsError, NetError},
            proto::rr::RData,
        };
        let name = format!("{}.", name.trim_end_matches('.'));
        let found = self.within(self.authenticator.0.txt_lookup(name)).await;
        match found {
            None => Err(LATE.to_owned()),
            Some(Ok(lookup)) => Ok(lookup
                .answers()
                .iter()
                .filter_map(|record| match &record.data {
                    RData::TXT(text) => {
                        let bytes: Vec<u8> = text
                            .txt_data
                            .iter()
                            .flat_map(|part| part.to_vec())
                            .collect();
                        Some(String::from_utf8_lossy(&bytes).into_owned())
                    }
                    _ => None,
                })
                .collect()),
            Some(Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => Ok(Vec::new()),
            Some(Err(error)) => Err(error.to_string()),
        }
    }
}

/// What a question without an answer in time is told as.
const LATE: &str = "DNS did not answer in time";

/// Leaves what is more than anybody needs.
fn bound(message: &mut AuthenticatedMessage<'_>) {
    message.dkim_headers.truncate(MOST_SIGNATURES);
    let broken = |header: &mail_auth::common::headers::Header<'_, Error>| {
        matches!(header.header, Error::Dkim(_))
    };
    let mut left = MOST_SIGNATURES;
    message.errors.retain(|header| {
        !broken(header) || {
            left = left.saturating_sub(1);
            left > 0
        }
    });
    // A chain that is cut is a chain that does not hold: what is too long is none.
    if message.ams_headers.len() > MOST_SIGNATURES {
        message.ams_headers.truncate(MOST_SIGNATURES);
        message.as_headers.truncate(MOST_SIGNATURES - 1);
    }
}

/// The domain of `From`, in lower case.
fn author_domain(message: &AuthenticatedMessage<'_>) -> Option<String> {
    let from = message.froms().first()?;
    domain_of(from)
}

/// The domain of an address in its ASCII form.
fn domain_of(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    let domain = domain.trim_end_matches(['>', '.']);
    idna::domain_to_ascii(domain)
        .ok()
        .filter(|domain| !domain.is_empty())
}
