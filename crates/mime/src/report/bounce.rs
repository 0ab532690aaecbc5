//! Messages that were not delivered: reports (RFC 3464), and what programs write instead (behaviour 16).

use serde::Serialize;

use crate::header::Headers;

use super::{
    category::{Blocklist, Category, RecommendedAction, judge},
    delivery_status::{DeliveryStatus, Fate, typed},
    free_text::{self, Notice},
    original,
    parts::Tree,
    reply::{Reply, squeeze},
    sender,
};

/// A message that came back; `messageBounce` adds the ids of the two messages.
///
/// It tells of the first recipient that failed, as the event has room for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bounce {
    /// The first that failed.
    #[serde(flatten)]
    pub failure: Failure,
    /// Id of the message in the queue of the server that reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
    /// `Message-ID` of the message that was not delivered, with its angle brackets.
    pub message_id: String,
    /// Its header, as far as it came back.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub message_headers: Headers,
    /// Further recipients that failed.
    #[serde(skip)]
    pub others: Vec<Failure>,
}

/// A recipient whom a message did not reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its address, without brackets.
    pub recipient: String,
    /// `failed`.
    pub action: &'static str,
    /// Why.
    pub response: Response,
    /// The server that refused it, else the one that reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mta: Option<String>,
}

/// What a server answered, and what that means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Kind of the answer (RFC 3464 section 2.3.6), mostly `smtp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its enhanced status code (RFC 3463).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Why.
    pub category: Category,
    /// What to do.
    pub recommended_action: RecommendedAction,
    /// A blocklist that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocklist: Option<Blocklist>,
    /// Seconds after which the server wants to be asked again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// Failures of one report that are kept.
const MAX_FAILURES: usize = 100;

/// Reads a bounce: who failed and which message it was must be found.
pub(super) fn read(tree: &Tree<'_>, status: &DeliveryStatus) -> Option<Bounce> {
    let subject = tree.headers.text("Subject").unwrap_or_default();
    let is_report = is_report(tree);
    let is_receipt = tree
        .parts
        .iter()
        .any(|part| part.kind.contains("disposition-notification"));
    if is_receipt || !is_report && sender::is_passed_on(&subject) {
        return None;
    }
    let text = tree.text();
    let notice = Notice::read(tree, &text);
    let mut failures = of_status(status, &notice);
    let mut fields = status;
    let in_text;
    if status.recipients.is_empty() && (is_report || is_notice(tree, &subject)) {
        in_text = free_text::delivery_status(&text);
        fields = &in_text;
        failures = of_status(&in_text, &notice);
        if in_text.recipients.is_empty() && !notice.is_delay() {
            let failed = notice.failures().iter().cloned();
            failures = failed
                .map(|told| failure(told.recipient, None, told.reply, None, told.mta))
                .collect();
        }
    }
    let mut failures = failures.into_iter();
    let first = failures.next()?;
    let message_headers = match original::header(tree) {
        none if none.is_empty() => notice.original.clone(),
        some => some,
    };
    let id = |headers: &Headers, name: &str| headers.ids(name).into_iter().next();
    let recipients = fields.recipients.iter().map(|recipient| &recipient.0);
    let told = std::iter::once(&fields.message)
        .chain(recipients)
        .find_map(|fields| id(fields, "X-Original-Message-ID"));
    let message_id = told
        .or_else(|| id(&message_headers, "Message-ID"))
        .or_else(|| id(&notice.original, "Message-ID"))
        .or_else(|| answered(tree, is_report))?;
    Some(Bounce {
        failure: first,
        queue_id: queue_id(&fields.message),
        message_id,
        message_headers,
        others: failures.collect(),
    })
}

/// A report on the delivery of a message (RFC 6522), by its type.
fn is_report(tree: &Tree<'_>) -> bool {
    let kind = tree.report_type.as_deref();
    tree.kind == "multipart/report" && kind.is_none_or(|kind| kind == "delivery-status")
}

fn is_automatic(tree: &Tree<'_>) -> bool {
    let told = tree.headers.text("Auto-Submitted");
    told.is_some_and(|told| !told.trim().to_ascii_lowercase().starts_with("no"))
}

/// What is no report is read as a bounce only if a mail system wrote it.
fn is_notice(tree: &Tree<'_>, subject: &str) -> bool {
    let from = tree
        .headers
        .addresses("From")
        .into_iter()
        .next()
        .unwrap_or_default();
    let has_no_sender = tree
        .headers
        .raw("Return-Path")
        .is_some_and(|path| path.trim_ascii() == b"<>");
    let has_original = || {
        tree.first(&["text/rfc822-headers", "message/rfc822", "text/rfc822"])
            .is_some()
    };
    sender::is_mail_system(from.name.as_deref().unwrap_or_default(), &from.address)
        || tree.headers.has("X-Failed-Recipients")
        || sender::is_failure_subject(subject)
            && (has_no_sender || is_automatic(tree) || has_original())
}

/// The message that a bounce says it answers. People answer too: only where a program wrote.
fn answered(tree: &Tree<'_>, is_report: bool) -> Option<String> {
    let from = tree.headers.addresses("From").into_iter().next();
    let from = from.unwrap_or_default().address.to_ascii_lowercase();
    let by_program = is_report || is_automatic(tree) || from.starts_with("mailer-daemon@");
    if !by_program {
        return None;
    }
    let answered = tree.headers.ids("In-Reply-To").into_iter().next();
    answered.or_else(|| tree.headers.ids("References").pop())
}

fn queue_id(fields: &Headers) -> Option<String> {
    let id = fields.text("X-Postfix-Queue-ID")?;
    (!id.is_empty()).then_some(id)
}

/// Those who failed by the fields of a report; what the fields leave out, its text may say.
fn of_status(status: &DeliveryStatus, notice: &Notice) -> Vec<Failure> {
    let failed = status
        .recipients
        .iter()
        .filter(|recipient| recipient.fate() == Fate::Failed);
    let reporting = status.message.text("Reporting-MTA");
    let mut out = Vec::new();
    for recipient in failed.take(MAX_FAILURES) {
        let Some(address) = recipient.address().or_else(|| notice.only_recipient()) else {
            continue;
        };
        let mta = recipient.0.text("Remote-MTA").or_else(|| reporting.clone());
        let mta = mta.and_then(|mta| Some(typed(&mta)?.value));
        let (source, message) = match recipient.diagnostic() {
            Some(typed) => (typed.kind, Some(squeeze(&typed.value))),
            None => (None, notice.reply_for(&address)),
        };
        out.push(failure(address, source, message, recipient.status(), mta));
    }
    out
}

fn failure(
    recipient: String,
    source: Option<String>,
    message: Option<String>,
    status: Option<String>,
    mta: Option<String>,
) -> Failure {
    let words = message.as_deref().unwrap_or_default();
    let reply = Reply::read(words);
    let verdict = judge(words, status.as_deref());
    let source = source.or_else(|| reply.code.map(|_| "smtp".to_owned()));
    Failure {
        recipient,
        action: "failed",
        response: Response {
            source,
            status: status.or(reply.status),
            message,
            category: verdict.category,
            recommended_action: verdict.action,
            blocklist: verdict.blocklist,
            retry_after: verdict.retry_after,
        },
        mta,
    }
}
