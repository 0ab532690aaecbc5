//! DKIM signatures and the ARC chain.

use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DnsError, Error, common::crypto::Algorithm,
    dkim::DkimError,
};

use super::{
    Check, LATE, author_domain,
    report::{Arc, Dkim, Signature, Status, verdict},
};

impl Check {
    pub(super) async fn arc(&self, message: &AuthenticatedMessage<'_>) -> Arc {
        let i = message.ams_headers.len();
        let status = match self.within(self.authenticator.verify_arc(message)).await {
            Some(found) => status(found.result()),
            None => Status::because(verdict::TEMPERROR, LATE),
        };
        Arc { status, i }
    }
}

/// The result for people, and for DMARC. `found` is what the library says; none where the time was over.
pub(super) fn dkim<'x>(
    message: &AuthenticatedMessage<'_>,
    found: Option<Vec<DkimOutput<'x>>>,
) -> (Dkim, Vec<DkimOutput<'x>>) {
    let author = author_domain(message);
    let late = found.is_none();
    let found = found.unwrap_or_default();
    let results: Vec<Signature> = found
        .iter()
        .map(|output| {
            let signature = output.signature();
            let domain = signature.map(|signature| signature.d.to_ascii_lowercase());
            let aligned = match (&author, &domain) {
                (Some(author), Some(domain)) => related(author, domain),
                _ => false,
            };
            Signature {
                status: status(output.result()),
                signing_domain: domain.unwrap_or_default(),
                selector: signature
                    .map(|signature| signature.s.clone())
                    .unwrap_or_default(),
                algo: signature.map_or("", |signature| algorithm(signature.a)),
                aligned,
            }
        })
        .collect();
    let mut dkim = Dkim {
        status: Status::new(verdict::NONE),
        header_from: message.froms().to_vec(),
        results,
    };
    dkim.status = if late {
        Status::because(verdict::TEMPERROR, LATE)
    } else if let Some(main) = dkim.main() {
        let temporary = dkim.results.iter().find(|one| one.status.is_temporary());
        match temporary {
            Some(other) if !main.status.passes() => other.status.clone(),
            _ => main.status.clone(),
        }
    } else {
        Status::because(verdict::NONE, "the message has no DKIM signature")
    };
    (dkim, found)
}

/// The same domain, or one below the other. Two that stand side by side below the domain of an organisation are aligned too, which
/// DMARC finds out.
fn related(one: &str, other: &str) -> bool {
    let below = |inner: &str, outer: &str| {
        inner
            .strip_suffix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    below(one, other) || below(other, one)
}

fn algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::RsaSha1 => "rsa-sha1",
        Algorithm::RsaSha256 => "rsa-sha256",
        Algorithm::Ed25519Sha256 => "ed25519-sha256",
    }
}

fn status(result: &DkimResult) -> Status {
    let (word, error) = match result {
        DkimResult::Pass => return Status::new(verdict::PASS),
        DkimResult::None => return Status::new(verdict::NONE),
        // A body that was changed is a signature that does not hold (RFC 8601 section 2.7.1), not one that cannot be judged.
        DkimResult::Neutral(
            error @ (Error::Dkim(DkimError::FailedBodyHashMatch | DkimError::SignatureExpired)
            | Error::Arc(mail_auth::arc::ArcError::FailedBodyHashMatch)),
        )
        | DkimResult::Fail(error) => (verdict::FAIL, error),
        DkimResult::Neutral(error) => (verdict::NEUTRAL, error),
        DkimResult::PermError(error) => (verdict::PERMERROR, error),
        DkimResult::TempError(error) => (verdict::TEMPERROR, error),
    };
    Status::because(word, reason(error))
}

fn reason(error: &Error) -> String {
    match error {
        Error::Dkim(DkimError::FailedBodyHashMatch)
        | Error::Arc(mail_auth::arc::ArcError::FailedBodyHashMatch) => {
            "the text was changed after it was signed".to_owned()
        }
        Error::Dns(DnsError::RecordNotFound(_)) => {
            "there is no key in DNS under this selector".to_owned()
        }
        Error::Dns(DnsError::InvalidRecordType) | Error::ParseError => {
            "the key in DNS cannot be read".to_owned()
        }
        Error::Crypto(_) => {
            "the signature does not fit the key in DNS, or headers were changed after it was signed"
                .to_owned()
        }
        other => other.to_string(),
    }
}
