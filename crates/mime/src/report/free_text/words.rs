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
pub(super) const RECIPIENTS: [&str; 13] = [
    "recipient address",
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
