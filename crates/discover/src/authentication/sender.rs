//! SPF: whether the server that the message came from may send for the domain of its envelope.

use mail_auth::{SpfOutput, SpfResult, spf::verify::SpfParameters};

use super::{
    Check, LATE, domain_of,
    path::Border,
    receiver::Verdicts,
    report::{Spf, Status, verdict},
};

impl Check {
    /// The result for people, and for DMARC.
    pub(super) async fn spf(
        &self,
        border: Option<&Border>,
        mail_from: &str,
        said: &Verdicts,
    ) -> (Spf, SpfOutput) {
        // A message without a sender is judged by the name of its server (RFC 7208 section 2.4).
        let domain = domain_of(mail_from).or_else(|| {
            let helo = border.map(|border| border.helo.clone());
            helo.filter(|_| mail_from.is_empty())
        });
        let mut spf = Spf {
            status: Status::new(verdict::NONE),
            domain: domain.clone(),
            client_ip: border.map(|border| border.client.to_string()),
            helo: border.map(|border| border.helo.clone()),
            envelope_from: mail_from.to_owned(),
            rr: None,
            source: "dns",
        };
        let output = SpfOutput::new(domain.clone().unwrap_or_default());
        let Some(border) = border else {
            let result = said.spf.as_deref().and_then(known);
            spf.status = match result {
                Some(result) => {
                    spf.source = "receiver";
                    Status::because(
                        word(result),
                        "as the receiving server says: the message does not tell from which public address it came",
                    )
                }
                None => Status::because(
                    verdict::NONE,
                    "the message does not tell from which public address it came; mail within one server is not checked",
                ),
            };
            return (spf, output.with_result(result.unwrap_or(SpfResult::None)));
        };
        let Some(domain) = domain else {
            spf.status = Status::because(verdict::NONE, "the sender of the envelope has no domain");
            return (spf, output);
        };
        // The library takes the first record of several; the rules say that there is none then (RFC 7208 section 4.5).
        let records = match self.texts(&domain).await {
            Ok(records) => records,
            Err(error) => {
                spf.status = Status::because(verdict::TEMPERROR, error);
                return (spf, output.with_result(SpfResult::TempError));
            }
        };
        let mut records = records.into_iter().filter(|text| is_spf(text));
        spf.rr = records.next();
        if records.next().is_some() {
            spf.status = Status::because(
                verdict::PERMERROR,
                format!("{domain} has more than one SPF record"),
            );
            return (spf, output.with_result(SpfResult::PermError));
        }
        let host = border.by.as_deref().unwrap_or_default();
        let sender = SpfParameters::verify_mail_from(border.client, &border.helo, host, mail_from);
        let Some(found) = self.within(self.authenticator.verify_spf(sender)).await else {
            spf.status = Status::because(verdict::TEMPERROR, LATE);
            return (spf, output.with_result(SpfResult::TempError));
        };
        let client = border.client;
        let comment = match found.result() {
            SpfResult::Pass => format!("{domain} names {client} as a sender"),
            SpfResult::Fail | SpfResult::SoftFail => {
                format!("{domain} does not name {client} as a sender")
            }
            SpfResult::Neutral => format!("{domain} says nothing about {client}"),
            SpfResult::None => format!("{domain} has no SPF record"),
            SpfResult::PermError => {
                format!("the SPF record of {domain} has an error, or needs more than 10 questions")
            }
            SpfResult::TempError => "DNS could not be asked".to_owned(),
        };
        spf.status = Status::because(word(found.result()), comment);
        (spf, found)
    }
}

fn is_spf(text: &str) -> bool {
    let version = text.split(' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case("v=spf1")
}

fn word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => verdict::PASS,
        SpfResult::Fail => verdict::FAIL,
        SpfResult::SoftFail => verdict::SOFTFAIL,
        SpfResult::Neutral => verdict::NEUTRAL,
        SpfResult::TempError => verdict::TEMPERROR,
        SpfResult::PermError => verdict::PERMERROR,
        SpfResult::None => verdict::NONE,
    }
}

fn known(word: &str) -> Option<SpfResult> {
    Some(match word {
        verdict::PASS => SpfResult::Pass,
        verdict::FAIL => SpfResult::Fail,
        verdict::SOFTFAIL => SpfResult::SoftFail,
        verdict::NEUTRAL => SpfResult::Neutral,
        verdict::TEMPERROR => SpfResult::TempError,
        verdict::PERMERROR => SpfResult::PermError,
        verdict::NONE => SpfResult::None,
        _ => return None,
    })
}
