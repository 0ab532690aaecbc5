//! The events and rows that tell of what a new message reports (behaviour 7.3, 16).

use posthouse_mime::report::{Bounce, Complaint, Failure, Report};
use posthouse_model::{
    EventType, Timestamp,
    bounce::{BounceEntry, BounceResponse},
    message::Message,
};
use posthouse_store::{Batch, StoreError, bounces};
use serde_json::{Map, Value, json};

use super::{
    announce::Announcer,
    originals::Originals,
    reports::{Read, Seen},
};

/// Characters that are kept of what a server said.
const WORDS: usize = 1000;

impl Announcer<'_> {
    /// Puts to messages what came back of them before.
    pub(super) async fn fill_bounces(
        &self,
        read: impl Iterator<Item = &mut Read>,
    ) -> Result<(), StoreError> {
        let messages = read.filter_map(|read| Some(&mut read.as_mut().ok()?.message));
        bounces::fill(self.engine.store(), &self.shared.id, messages.collect()).await
    }

    /// Keeps whom a message did not reach, so that it is shown with that message.
    pub(super) fn keep_bounce(&self, batch: &mut Batch, seen: &Seen) -> Result<(), StoreError> {
        let Some(Report::Bounce(bounce)) = &seen.report else {
            return Ok(());
        };
        let now = self.engine.store().now();
        let failures = std::iter::once(&bounce.failure).chain(&bounce.others);
        let entries: Vec<BounceEntry> = failures
            .map(|failure| entry(&seen.message, failure, now))
            .collect();
        let (account, bounced) = (&self.shared.id, &bounce.message_id);
        bounces::put(batch, account, bounced, &seen.message.id, &entries, now)
    }
}

fn entry(message: &Message, failure: &Failure, now: Timestamp) -> BounceEntry {
    let words = failure.response.message.as_deref();
    BounceEntry {
        message: message.id.clone(),
        recipient: Some(failure.recipient.clone()),
        action: Some(failure.action.to_owned()),
        response: Some(BounceResponse {
            message: words.map(|words| words.chars().take(WORDS).collect()),
            status: failure.response.status.clone(),
        }),
        date: Some(message.date.unwrap_or(now)),
    }
}

/// What `messageNew` says of a report.
pub(super) fn mark(data: &mut Value, report: Option<&Report>) {
    let (Value::Object(data), Some(report)) = (data, report) else {
        return;
    };
    match report {
        Report::Bounce(bounce) => {
            data.insert("isBounce".to_owned(), true.into());
            data.insert("relatedMessageId".to_owned(), json!(bounce.message_id));
        }
        Report::Complaint(complaint) => {
            data.insert("isComplaint".to_owned(), true.into());
            if let Some(id) = &complaint.headers.message_id {
                data.insert("relatedMessageId".to_owned(), json!(id));
            }
        }
        Report::Delivery(report) => {
            data.insert("deliveryReport".to_owned(), json!(report));
        }
    }
}

/// The event that follows on `messageNew`, and its data.
pub(super) fn event(seen: &Seen, originals: &Originals) -> Option<(EventType, Value)> {
    match seen.report.as_ref()? {
        Report::Bounce(bounce) => {
            let data = bounced(&seen.message.id, bounce, originals);
            Some((EventType::MessageBounce, data))
        }
        Report::Complaint(complaint) => {
            let data = complained(&seen.message.id, complaint);
            Some((EventType::MessageComplaint, data))
        }
        Report::Delivery(_) => None,
    }
}

fn bounced(id: &str, bounce: &Bounce, originals: &Originals) -> Value {
    let mut data = Map::new();
    data.insert("bounceMessage".to_owned(), id.into());
    if let Some(original) = originals.get(&bounce.message_id) {
        data.insert("id".to_owned(), json!(original));
    }
    extend(&mut data, json!(bounce));
    data.into()
}

fn complained(id: &str, complaint: &Complaint) -> Value {
    let mut data = Map::new();
    data.insert("complaintMessage".to_owned(), id.into());
    extend(&mut data, json!(complaint));
    data.into()
}

fn extend(data: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        data.extend(more);
    }
}
