//! Who writes of messages that could not be delivered, and under which subjects.

/// Local parts that mail systems write from.
const LOCALS: [&str; 5] = [
    "mdaemon",
    "mailer-daemon",
    "postmaster",
    "mail-daemon",
    "mailerdaemon",
];

/// Display names that mail systems write under, lower case.
const NAMES: [&str; 13] = [
    "delivery subsystem",
    "mail delivery system",
    "mail delivery subsystem",
    "mail delivery service",
    "internet mail delivery",
    "mailer-daemon",
    "mailer daemon",
    "mdaemon mail daemon",
    "ndr administrator",
    "mail administrator",
    "mail system",
    "microsoft outlook",
    "mail delivery agent",
];

/// Subjects of failures begin so, lower case.
const SUBJECTS: [&str; 44] = [
    "permanent delivery failure",
    "non-delivery",
    "mail not delivered",
    "message not delivered",
    "undeliverable",
    "undelivered mail returned to sender",
    "undelivered message",
    "undelivered:",
    "unzustellbar",
    "non remis",
    "no se puede entregar",
    "não é possível entregar",
    "impossibile recapitare",
    "onbestelbaar",
    "não entregue",
    "nedoručitelné",
    "niedostarczalne",
    "недоставленное",
    "не удалось доставить",
    "未送達",
    "配信不能",
    "无法传递",
    "無法傳遞",
    "系统退信",
    "delivery failure",
    "delivery failed",
    "delivery has failed",
    "delivery status notification",
    "delivery unsuccessful",
    "delivery notification: delivery has failed",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery error",
    "mail could not be delivered",
    "message could not be delivered",
    "message delivery failure",
    "email delivery failure",
    "mail system error - returned mail",
    "returned mail",
    "returned message",
    "failure notice",
    "failed delivery",
    "rejected mail",
    "nondeliverable mail",
];

/// Words by which an attached message is taken for one that came back (behaviour 16).
const WORDS: [&str; 5] = ["undeliver", "failed", "returned", "failure", "error"];

/// What people and programs put before the subject of what they answer or hand on, lower case.
const PASSED_ON: [&str; 14] = [
    "re:", "fwd:", "fw:", "aw:", "wg:", "sv:", "vs:", "tr:", "rv:", "antw:", "odp:", "res:",
    "回复:", "转发:",
];

/// Sent by a mail system, by its name or address.
pub(super) fn is_mail_system(name: &str, address: &str) -> bool {
    let name = name.trim().to_lowercase();
    let local = address.split('@').next().unwrap_or_default().trim();
    LOCALS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(local) || *known == name)
        // Microsoft's reports to its own users come from a display name and an address of many digits.
        || NAMES.iter().any(|known| *known == name) && (name != "microsoft outlook" || local.starts_with("MicrosoftExchange"))
}

/// A subject of failures that is well known.
pub(super) fn is_failure_subject(subject: &str) -> bool {
    let subject = subject.trim().to_lowercase();
    SUBJECTS.iter().any(|known| subject.starts_with(known))
}

/// A subject that makes an attached message one that came back.
pub(super) fn has_failure_word(subject: &str) -> bool {
    let subject = subject.to_lowercase();
    WORDS.iter().any(|word| subject.contains(word))
}

/// A subject of what was answered or handed on.
pub(super) fn is_passed_on(subject: &str) -> bool {
    let subject = subject.trim().to_lowercase();
    PASSED_ON.iter().any(|known| subject.starts_with(known))
}
