//! Whether a message may be a report, from what a listing has of it (behaviour 16).

use posthouse_model::{mailbox::SpecialUse, message::Message};

use super::sender;

/// What is looked at. [`Look::of`] takes it from a message; what is not known stays empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look<'a> {
    /// Special use of the folder, or of the label.
    pub special_use: Option<SpecialUse>,
    /// Display name of the author.
    pub from_name: &'a str,
    /// Address of the author.
    pub from_address: &'a str,
    /// Subject, decoded.
    pub subject: &'a str,
    /// `Auto-Submitted` (RFC 3834), where its header was read.
    pub auto_submitted: Option<&'a str>,
    /// There is an `X-Failed-Recipients`, where its header was read.
    pub failed_recipients: bool,
    /// The `report-type` of a `multipart/report` (RFC 6522), where it is known.
    pub report_type: Option<&'a str>,
    /// Lower-case types of the parts that are no text, not those inside of attached messages.
    pub parts: Vec<&'a str>,
}

/// As what the source of a message must be looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Candidate {
    /// It may say that a message was not delivered.
    pub bounce: bool,
    /// It may say that a message was delivered or is late.
    pub delivery_report: bool,
    /// It may be a complaint.
    pub complaint: bool,
}

impl Candidate {
    /// Anything: for a message of which nothing is known but its source.
    pub const ANY: Self = Self {
        bounce: true,
        delivery_report: true,
        complaint: true,
    };

    /// The source has to be read.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.bounce || self.delivery_report || self.complaint
    }
}

/// Local parts of feedback loops.
const FEEDBACK: [&str; 4] = ["feedbackloop", "fbl", "complaints", "abuse"];

impl<'a> Look<'a> {
    /// What a message of a listing or in detail says of itself.
    #[must_use]
    pub fn of(message: &'a Message) -> Self {
        let header = |name: &str| message.headers.as_ref()?.get(name)?.get(0)?.as_str();
        let from = message.from.as_ref();
        let parts = message.attachments.iter();
        Self {
            special_use: message.message_special_use.or(message.special_use),
            from_name: from
                .and_then(|from| from.name.as_deref())
                .unwrap_or_default(),
            from_address: from.map(|from| from.address.as_str()).unwrap_or_default(),
            subject: message.subject.as_deref().unwrap_or_default(),
            auto_submitted: header("auto-submitted"),
            failed_recipients: header("x-failed-recipients").is_some(),
            report_type: None,
            parts: parts
                .filter(|part| !part.encoded_in_message)
                .map(|part| part.content_type.as_str())
                .collect(),
        }
    }

    /// As what the source must be looked at. Most messages: as nothing.
    #[must_use]
    pub fn candidate(&self) -> Candidate {
        let is_inbox = self.special_use == Some(SpecialUse::Inbox);
        let is_junk = self.special_use == Some(SpecialUse::Junk);
        Candidate {
            bounce: (is_inbox || is_junk) && self.may_be_bounce(),
            delivery_report: is_inbox && self.has_delivery_status(),
            complaint: is_inbox && self.may_be_complaint(),
        }
    }

    fn has(&self, kind: &str) -> bool {
        self.parts.contains(&kind)
    }

    fn is_report(&self, kind: &str) -> bool {
        self.report_type
            .is_some_and(|known| known.eq_ignore_ascii_case(kind))
    }

    fn has_delivery_status(&self) -> bool {
        self.has("message/delivery-status")
            || self.has("message/global-delivery-status")
            || self.is_report("delivery-status")
    }

    fn may_be_bounce(&self) -> bool {
        self.has_delivery_status()
            || self.failed_recipients
            || sender::is_mail_system(self.from_name, self.from_address)
            || sender::is_failure_subject(self.subject)
            || self.auto_submitted.is_some() && sender::has_failure_word(self.subject)
            || self.has("message/rfc822") && sender::has_failure_word(self.subject)
    }

    fn may_be_complaint(&self) -> bool {
        let address = self.from_address.to_ascii_lowercase();
        let local = address.split('@').next().unwrap_or_default();
        self.has("message/feedback-report")
            || self.is_report("feedback-report")
            || is_staff(&address, self.subject)
            || FEEDBACK.contains(&local)
    }
}

/// Microsoft's reports of complaints come from its staff, under a subject that says so.
pub(super) fn is_staff(address: &str, subject: &str) -> bool {
    let address = address.to_ascii_lowercase();
    let (local, domain) = address.split_once('@').unwrap_or_default();
    local.starts_with("staff")
        && domain.contains("hotmail.")
        && subject.to_lowercase().contains("complaint")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> Look<'static> {
        Look {
            special_use: Some(SpecialUse::Inbox),
            ..Look::default()
        }
    }

    #[test]
    fn a_letter_is_nothing() {
        let look = Look {
            from_name: "Mail Delivery Weekly",
            from_address: "news@weekly.example",
            subject: "How to read a failure notice",
            parts: vec!["image/png"],
            ..inbox()
        };
        assert!(!look.candidate().is_some());
    }

    #[test]
    fn each_mark_of_a_bounce_counts() {
        let looks = [
            Look {
                from_name: "Mail Delivery System",
                ..inbox()
            },
            Look {
                from_address: "MAILER-DAEMON@a.example",
                ..inbox()
            },
            Look {
                subject: "Undeliverable: hello",
                ..inbox()
            },
            Look {
                subject: "Message with an error",
                auto_submitted: Some("auto-replied"),
                ..inbox()
            },
            Look {
                subject: "Your mail failed",
                parts: vec!["message/rfc822"],
                ..inbox()
            },
            Look {
                failed_recipients: true,
                ..inbox()
            },
        ];
        for mut look in looks {
            let only = Candidate {
                bounce: true,
                ..Candidate::default()
            };
            assert_eq!(look.candidate(), only, "{look:?}");
            look.special_use = Some(SpecialUse::Junk);
            assert_eq!(look.candidate(), only, "{look:?}");
            look.special_use = Some(SpecialUse::Sent);
            assert!(!look.candidate().is_some());
        }
    }

    #[test]
    fn a_delivery_status_may_be_either() {
        let look = Look {
            parts: vec!["message/delivery-status", "message/rfc822"],
            ..inbox()
        };
        let candidate = look.candidate();
        assert!(candidate.bounce && candidate.delivery_report && !candidate.complaint);
    }

    #[test]
    fn complaints() {
        for look in [
            Look {
                parts: vec!["message/feedback-report"],
                ..inbox()
            },
            Look {
                from_address: "staff@hotmail.com",
                subject: "complaint about message from 192.0.2.1",
                ..inbox()
            },
            Look {
                from_address: "fbl@provider.example",
                ..inbox()
            },
        ] {
            assert!(look.candidate().complaint, "{look:?}");
            let junk = Look {
                special_use: Some(SpecialUse::Junk),
                ..look
            };
            assert!(!junk.candidate().complaint);
        }
    }

    #[test]
    fn what_a_message_says() {
        let message: Message = serde_json::from_value(serde_json::json!({
            "id": "x", "flags": [], "messageSpecialUse": "\\Inbox", "subject": "s",
            "from": { "name": "N", "address": "a@b" },
            "headers": { "auto-submitted": ["auto-replied"] },
            "attachments": [
                { "id": "1", "contentType": "message/rfc822", "encodedSize": 1, "embedded": false, "inline": false },
                { "id": "2", "contentType": "message/delivery-status", "encodedSize": 1, "embedded": false, "inline": false, "encodedInMessage": true },
            ],
        }))
        .unwrap_or_default();
        let look = Look::of(&message);
        assert_eq!(look.parts, ["message/rfc822"]);
        assert_eq!(
            (look.from_name, look.auto_submitted),
            ("N", Some("auto-replied"))
        );
        assert!(!look.candidate().is_some());
    }
}
