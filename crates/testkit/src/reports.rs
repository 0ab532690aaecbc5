//! Messages that report on others, as servers write them.

/// The server that reports.
const FROM: &str = "From: MAILER-DAEMON@gate.example (Mail Delivery System)";

/// A report of the Postfix kind (RFC 3464) on a message that was not delivered, or is late.
fn status(subject: &str, action: &str, code: &str, original: &str, recipient: &str) -> Vec<u8> {
    format!(
        "Return-Path: <>\n{FROM}\nTo: me@gate.example\nSubject: {subject}\nAuto-Submitted: auto-replied\n\
         Message-ID: <report.{original}>\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nThe mail system\n\n\
         --b\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mail.gate.example\nX-Postfix-Queue-ID: 4F1A22\n\
         Arrival-Date: Sun, 1 Mar 2026 10:11:10 +0000 (UTC)\n\n\
         Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {code}\n\
         Remote-MTA: dns; mx.reef.example\n\
         Diagnostic-Code: smtp; 550 {code} <{recipient}>: User unknown in virtual mailbox table\n\n\
         --b\nContent-Type: message/rfc822\n\n{}\n--b--\n",
        mail(original, recipient)
    )
    .replace('\n', "\r\n")
    .into_bytes()
}

fn mail(original: &str, recipient: &str) -> String {
    format!(
        "From: Me <me@gate.example>\nTo: {recipient}\nSubject: Hello\nMessage-ID: <{original}>\n\nHello\n"
    )
}

/// A message to a recipient; `id` without brackets.
#[must_use]
pub fn original(id: &str, recipient: &str) -> Vec<u8> {
    mail(id, recipient).replace('\n', "\r\n").into_bytes()
}

/// The message of [`original`] came back.
#[must_use]
pub fn bounce(original: &str, recipient: &str) -> Vec<u8> {
    let subject = "Undelivered Mail Returned to Sender";
    status(subject, "failed", "5.1.1", original, recipient)
}

/// The message of [`original`] is late.
#[must_use]
pub fn delay(original: &str, recipient: &str) -> Vec<u8> {
    let subject = "Delayed Mail (still being retried)";
    status(subject, "delayed", "4.4.1", original, recipient)
}

/// A recipient complained of the message of [`original`] (RFC 5965).
#[must_use]
pub fn complaint(original: &str, recipient: &str) -> Vec<u8> {
    format!(
        "From: feedback@provider.example\nTo: fbl@gate.example\nSubject: Abuse report\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nThis is an abuse report.\n\
         --b\nContent-Type: message/feedback-report\n\n\
         Feedback-Type: abuse\nUser-Agent: Feedback/1.0\nVersion: 1\n\
         Original-Rcpt-To: <{recipient}>\nSource-IP: 192.0.2.1\n\
         --b\nContent-Type: message/rfc822\n\n{}\n--b--\n",
        mail(original, recipient)
    )
    .replace('\n', "\r\n")
    .into_bytes()
}

/// A letter that many get, which writes of failures and is none.
#[must_use]
pub fn newsletter(id: &str) -> Vec<u8> {
    format!(
        "From: Delivery Weekly <news@weekly.example>\nTo: me@gate.example\n\
         Subject: How to read a failure notice\nMessage-ID: <{id}>\nList-Id: <weekly.example>\n\n\
         550 5.1.1 <lost@reef.example>: User unknown\n"
    )
    .replace('\n', "\r\n")
    .into_bytes()
}
