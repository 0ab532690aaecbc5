//! DMARC and BIMI: what the domain that readers see asks receivers to do and to show.

use mail_auth::{
    AuthenticatedMessage, DkimOutput, DmarcResult, SpfOutput,
    dmarc::{self, Policy, verify::DmarcParameters},
};

use super::{
    Check, LATE, domain_of,
    report::{Alignment, Bimi, Dmarc, Identifier, Status, verdict},
};

impl Check {
    pub(super) async fn dmarc(
        &self,
        message: &AuthenticatedMessage<'_>,
        signatures: &[DkimOutput<'_>],
        mail_from: &str,
        spf: &SpfOutput,
    ) -> Dmarc {
        let envelope = domain_of(mail_from).unwrap_or_default();
        let question = DmarcParameters::new(message, signatures, &envelope, spf);
        let found = self.within(self.authenticator.verify_dmarc(question)).await;
        let Some(found) = found else {
            return Dmarc {
                status: Status::because(verdict::TEMPERROR, LATE),
                domain: super::author_domain(message),
                policy: None,
                alignment: alignment(false, false, None),
            };
        };
        let record = found.dmarc_record();
        let passes = |result: &DmarcResult| *result == DmarcResult::Pass;
        let domain = found.domain();
        let status = match found.result() {
            DmarcResult::Pass => Status::new(verdict::PASS),
            DmarcResult::Fail(_) => Status::because(
                verdict::FAIL,
                format!("neither SPF nor DKIM passes for {domain}"),
            ),
            DmarcResult::TempError(error) => Status::because(verdict::TEMPERROR, error.to_string()),
            DmarcResult::PermError(error) => Status::because(verdict::PERMERROR, error.to_string()),
            DmarcResult::None => {
                Status::because(verdict::NONE, format!("{domain} has no DMARC record"))
            }
        };
        Dmarc {
            status,
            domain: (!domain.is_empty()).then(|| domain.to_owned()),
            policy: record.map(|_| word(found.policy())),
            alignment: alignment(
                passes(found.spf_result()),
                passes(found.dkim_result()),
                record,
            ),
        }
    }

    /// The record of the domain, or of the domains above it. Mail programs show a logo only where DMARC passes and the domain has
    /// what fails put aside or refused.
    pub(super) async fn bimi(&self, author: Option<&str>, dmarc: &Dmarc) -> Bimi {
        let mut bimi = Bimi {
            status: Status::new(verdict::NONE),
            location: None,
            authority: None,
            rr: None,
        };
        let Some(author) = author else { return bimi };
        let mut name = author;
        // A name with many labels asks for the last few only.
        let mut left = 4;
        while name.contains('.') && left > 0 {
            left -= 1;
            match self.texts(&format!("default._bimi.{name}")).await {
                Ok(records) => {
                    let record = records
                        .into_iter()
                        .find(|text| tag(text, "v") == Some("BIMI1"));
                    if let Some(record) = record {
                        bimi.location = tag(&record, "l").map(str::to_owned);
                        bimi.authority = tag(&record, "a").map(str::to_owned);
                        bimi.rr = Some(record);
                        break;
                    }
                }
                Err(error) => {
                    bimi.status = Status::because(verdict::TEMPERROR, error);
                    return bimi;
                }
            }
            name = name.split_once('.').map_or("", |(_, above)| above);
        }
        let enforced = matches!(dmarc.policy, Some("quarantine" | "reject"));
        bimi.status = match &bimi.location {
            _ if bimi.rr.is_none() => {
                Status::because(verdict::NONE, format!("{author} has no BIMI record"))
            }
            None => Status::because(verdict::DECLINED, "the domain wants no logo to be shown"),
            Some(location) if !location.starts_with("https://") => {
                Status::because(verdict::FAIL, "the logo must have an https address")
            }
            Some(_) if !dmarc.status.passes() => {
                Status::because(verdict::SKIPPED, "a logo is shown only where DMARC passes")
            }
            Some(_) if !enforced => Status::because(
                verdict::SKIPPED,
                "a logo is shown only where the policy of DMARC is quarantine or reject",
            ),
            Some(_) => Status::new(verdict::PASS),
        };
        bimi
    }
}

fn alignment(spf: bool, dkim: bool, record: Option<&dmarc::Dmarc>) -> Alignment {
    let strict = |alignment: dmarc::Alignment| alignment == dmarc::Alignment::Strict;
    Alignment {
        spf: Identifier {
            result: spf,
            strict: record.is_some_and(|record| strict(record.aspf)),
        },
        dkim: Identifier {
            result: dkim,
            strict: record.is_some_and(|record| strict(record.adkim)),
        },
    }
}

fn word(policy: Policy) -> &'static str {
    match policy {
        Policy::Reject => "reject",
        Policy::Quarantine => "quarantine",
        Policy::None | Policy::Unspecified => "none",
    }
}

/// A tag of a record, unless it is empty.
fn tag<'a>(record: &'a str, wanted: &str) -> Option<&'a str> {
    record.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim();
        (name.trim() == wanted && !value.is_empty()).then_some(value)
    })
}
