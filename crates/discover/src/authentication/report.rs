//! What is found. Serialised, these are the parts of the answer of `GET /v1/delivery-test/check/{deliveryTest}`.

use serde::Serialize;

/// The words of [`Status::result`] (RFC 8601 section 2.7).
pub mod verdict {
    /// It holds.
    pub const PASS: &str = "pass";
    /// It does not hold.
    pub const FAIL: &str = "fail";
    /// There is nothing that could hold.
    pub const NONE: &str = "none";
    /// SPF: rather not.
    pub const SOFTFAIL: &str = "softfail";
    /// Nothing is said either way.
    pub const NEUTRAL: &str = "neutral";
    /// DNS could not be asked: it may hold another time.
    pub const TEMPERROR: &str = "temperror";
    /// What stands in DNS or in the message cannot be used.
    pub const PERMERROR: &str = "permerror";
    /// BIMI: not asked, because DMARC does not hold.
    pub const SKIPPED: &str = "skipped";
    /// BIMI: the domain wants no logo.
    pub const DECLINED: &str = "declined";
}

/// A result with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// One of [`verdict`].
    pub result: &'static str,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Status {
    pub(super) fn new(result: &'static str) -> Self {
        Self {
            result,
            comment: None,
        }
    }

    pub(super) fn because(result: &'static str, comment: impl Into<String>) -> Self {
        Self {
            result,
            comment: Some(comment.into()),
        }
    }

    /// Whether it holds.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.result == verdict::PASS
    }

    /// Whether another try may end otherwise.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.result == verdict::TEMPERROR
    }
}

/// All that was found about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// Signatures.
    pub dkim: Dkim,
    /// Whether the sending server may send for the domain of the envelope.
    pub spf: Spf,
    /// Whether one of the two holds for the domain that readers see.
    pub dmarc: Dmarc,
    /// The logo of the domain.
    pub bimi: Bimi,
    /// What servers on the way saw.
    pub arc: Arc,
    /// The signature that counts: one that holds and is of the author's domain before others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main_sig: Option<Signature>,
    /// What the receiving server says itself.
    pub receiver: ReceiverVerdicts,
}

impl Authentication {
    /// Whether DNS failed somewhere, so that another check may end otherwise.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        let all = [
            &self.dkim.status,
            &self.spf.status,
            &self.dmarc.status,
            &self.bimi.status,
            &self.arc.status,
        ];
        let signatures = self.dkim.results.iter().map(|signature| &signature.status);
        all.into_iter().chain(signatures).any(Status::is_temporary)
    }
}

/// DKIM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dkim {
    /// Of all signatures together.
    pub status: Status,
    /// Addresses in `From`.
    pub header_from: Vec<String>,
    /// Each signature, at most 20.
    pub results: Vec<Signature>,
}

impl Dkim {
    /// The signature that counts.
    pub(super) fn main(&self) -> Option<&Signature> {
        let rank = |signature: &&Signature| match (signature.status.passes(), signature.aligned) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.results.iter().min_by_key(rank)
    }
}

/// A DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    /// Whether it holds.
    pub status: Status,
    /// Who signed; empty where the signature cannot be read.
    pub signing_domain: String,
    /// Which key.
    pub selector: String,
    /// How, such as `rsa-sha256`.
    pub algo: &'static str,
    /// The signer's domain is the author's, or one is below the other.
    pub aligned: bool,
}

/// SPF.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spf {
    /// The result.
    pub status: Status,
    /// The domain that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The address that the message came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<String>,
    /// What the sending server called itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helo: Option<String>,
    /// The sender of the envelope.
    pub envelope_from: String,
    /// The record in DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rr: Option<String>,
    /// `dns` if it was found out here; `receiver` if the receiving server says so, and nothing could be asked here.
    pub source: &'static str,
}

/// DMARC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dmarc {
    /// The result.
    pub status: Status,
    /// The domain of `From`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// What the domain asks receivers to do with what fails: `none`, `quarantine`, `reject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'static str>,
    /// Which of the two holds for the domain of `From`.
    pub alignment: Alignment,
}

/// Which results hold for the domain of `From`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alignment {
    /// SPF.
    pub spf: Identifier,
    /// DKIM.
    pub dkim: Identifier,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identifier {
    /// Whether it passes and is aligned.
    pub result: bool,
    /// Only the very same domain is aligned.
    pub strict: bool,
}

/// ARC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arc {
    /// The result.
    pub status: Status,
    /// Length of the chain.
    pub i: usize,
}

/// BIMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bimi {
    /// The result. The logo itself is not fetched.
    pub status: Status,
    /// Where the logo is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Where its certificate is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The record in DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rr: Option<String>,
}

/// What the receiving server wrote into the message (`Authentication-Results`, `Received-SPF`); its words in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ReceiverVerdicts {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// SPF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spf: Option<String>,
    /// DKIM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dkim: Option<String>,
    /// DMARC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dmarc: Option<String>,
}
