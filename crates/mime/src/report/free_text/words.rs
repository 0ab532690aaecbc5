//! Words by which a text is told, lower case.

/// Words of a text that announces nothing but a delay.
pub(super) const DELAYS: [&str; 22] = [
    "not need to resend",
    "no need to resend",
    "will be retried",
    "will keep trying",
    "will continue to try",
    "will continue trying",
    "will try again for",
    "will retry for",
    "attempts will continue",
    "not yet been delivered",
    "has not been delivered yet",
    "has been delayed",
    "is delayed",
    "delivery is delayed",
    "still being retried",
    "still trying to deliver",
    "warning message only",
    "this is a warning",
    "delivery incomplete",
    "weitere zustellversuche",
    "no action is required on your part",
    "temporary problem delivering",
];

/// Words of a text that announces an end in spite of these.
pub(super) const ENDS: [&str; 6] = [
    "giving up",
    "given up",
    "gave up",
    "permanent",
    "will not be retried",
    "no longer be retried",
];

/// Words of a text, or of a line, that says that a message failed.
pub(super) const FAILURES: [&str; 31] = [
    "not be delivered",
    "not delivered",
    "not been delivered",
    "unable to deliver",
    "not able to deliver",
    "wasn't able to deliver",
    "couldn't be delivered",
    "wasn't delivered",
    "can't be delivered",
    "cannot be delivered",
    "could not deliver",
    "cannot deliver",
    "undeliverable",
    "undelivered",
    "delivery failed",
    "delivery has failed",
    "delivery failure",
    "recipient failed",
    "recipients failed",
    "did not reach",
    "not receive",
    "could not be reached",
    "invalid final delivery",
    "has been returned",
    "was returned",
    "was aborted",
    "was blocked",
    "has been blocked",
    "was rejected",
    "was refused",
    "failed because",
];

/// Lines after which the message that came back follows.
pub(super) const COPIES: [&str; 12] = [
    "copy of the message",
    "copy of your message",
    "original message",
    "original mail",
    "unsent message",
    "undelivered message",
    "message text follows",
    "message header follow",
    "returned message",
    "message headers",
    "header of the",
    "ursprüngliche nachricht",
];

/// Labels before the address that failed, lower case.
pub(super) const RECIPIENTS: [&str; 14] = [
    "recipient address",
    "error-for",
    "recipient",
    "recipients",
    "failed recipient",
    "failed recipients",
    "intended recipient",
    "final recipient",
    "original recipient",
    "address",
    "email address",
    "empfänger",
    "destinataire",
    "收件人",
];

/// Labels before why it failed, lower case.
pub(super) const REASONS: [&str; 14] = [
    "reason",
    "reason for failure",
    "error",
    "error code",
    "error message",
    "response",
    "server response",
    "smtp response",
    "diagnostic code",
    "diagnostic information",
    "remote server returned",
    "details",
    "fehler",
    "原因",
];

/// Labels of what is neither whom nor why, lower case.
pub(super) const ASIDE: [&str; 16] = [
    "server",
    "remote server",
    "remote system",
    "remote mta",
    "reporting mta",
    "mta",
    "host",
    "status",
    "from",
    "to",
    "cc",
    "date",
    "sent",
    "subject",
    "message-id",
    "message id",
];
