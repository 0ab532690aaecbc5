//! The newest events and what became of them.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;
use posthouse_engine::default_url;
use posthouse_model::{AccountId, ApiError, EventType, Timestamp, secret::mask_url};
use posthouse_store::{accounts, deliveries, events};
use serde_json::Value;
use uuid::Uuid;

use crate::{App, internal};

/// How much of an event's body is looked at, characters.
const LOOK: u32 = 16 << 10;
/// How much of it is shown, characters.
const EXCERPT: usize = 600;
/// The longest summary, characters.
const ABOUT: usize = 120;
/// Events shown at the most.
const MOST: u32 = 100;

/// An event of the last hour, or one that is still to be delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentEvent {
    /// Id.
    pub id: Uuid,
    /// Account.
    pub account: AccountId,
    /// Type.
    pub event: EventType,
    /// When it was recorded.
    pub created: Timestamp,
    /// What it is about in a few words: a subject, an error, a folder.
    pub about: Option<String>,
    /// The beginning of its body, JSON.
    pub excerpt: String,
    /// Where it is still to go; empty when it was delivered.
    pub deliveries: Vec<RecentDelivery>,
}

/// A delivery that was not taken yet.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentDelivery {
    /// Where to, user name and password masked; none when there is no target any more.
    pub target: Option<String>,
    /// Whether it was given up.
    pub failed: bool,
    /// Attempts so far.
    pub attempts: u32,
    /// When the next one is due.
    pub due: Timestamp,
    /// Why the last one failed, in words.
    pub error: Option<String>,
}

impl App {
    /// The newest events that a webhook wanted, the newest first, at most a hundred.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn recent_events(&self, limit: u32) -> Result<Vec<RecentEvent>, ApiError> {
        let limit = limit.min(MOST);
        let failed = |error: &dyn std::fmt::Display| internal("reading the newest events", error);
        let store = self.store();
        let (newest, open) = tokio::try_join!(
            events::newest(store, limit, LOOK),
            deliveries::of_newest_events(store, limit)
        )
        .map_err(|error| failed(&error))?;
        let mut waiting: HashMap<Uuid, Vec<_>> = HashMap::new();
        for delivery in open {
            waiting.entry(delivery.event).or_default().push(delivery);
        }
        let accounts: HashSet<&AccountId> = newest
            .iter()
            .filter(|event| waiting.contains_key(&event.id))
            .map(|event| &event.account)
            .collect();
        let targets = accounts
            .into_iter()
            .map(async |id| (id.clone(), self.target_of(id).await));
        let targets: HashMap<AccountId, Option<String>> =
            join_all(targets).await.into_iter().collect();
        let mut recent = Vec::with_capacity(newest.len());
        for event in newest {
            let deliveries = waiting
                .remove(&event.id)
                .unwrap_or_default()
                .into_iter()
                .map(|delivery| RecentDelivery {
                    target: targets.get(&event.account).cloned().flatten(),
                    failed: delivery.failed,
                    attempts: delivery.attempts,
                    due: delivery.due,
                    error: delivery
                        .last_error
                        .and_then(|error| error["message"].as_str().map(str::to_owned)),
                })
                .collect();
            recent.push(RecentEvent {
                about: about(event.kind, &event.payload),
                excerpt: event.payload.chars().take(EXCERPT).collect(),
                id: event.id,
                account: event.account,
                event: event.kind,
                created: event.created,
                deliveries,
            });
        }
        Ok(recent)
    }

    /// Where the events of an account go, masked. An account that cannot be read hides no event.
    async fn target_of(&self, id: &AccountId) -> Option<String> {
        let stored = accounts::get(self.store(), id)
            .await
            .unwrap_or_else(|error| {
                tracing::warn!(account = %id, %error, "an account cannot be read");
                None
            });
        let config = stored.as_ref().map(|stored| &stored.account.config);
        default_url(&self.settings(), config).map(mask_url)
    }
}

/// What tells most of an event of this type. The text may be cut anywhere.
fn about(event: EventType, payload: &str) -> Option<String> {
    let names: &[&str] = match event {
        EventType::MessageNew => &["subject"],
        EventType::AuthenticationSuccess => &["user"],
        EventType::AuthenticationError | EventType::ConnectError | EventType::MessageSent => {
            &["response"]
        }
        EventType::MessageDeliveryError | EventType::MessageFailed | EventType::ExportFailed => {
            &["error"]
        }
        EventType::MailboxNew | EventType::MailboxDeleted | EventType::MailboxReset => &["path"],
        EventType::MessageBounce | EventType::ListSubscribe | EventType::ListUnsubscribe => {
            &["recipient"]
        }
        EventType::TrackClick => &["url"],
        _ => &["path", "messageId"],
    };
    // The data stand last in the envelope, after fields of the same names.
    let data = payload.split_once("\"data\":")?.1;
    names.iter().find_map(|name| {
        let (_, rest) = data.split_once(&format!("\"{name}\":"))?;
        let first = serde_json::Deserializer::from_str(rest)
            .into_iter::<Value>()
            .next();
        let text = first?.ok()?.as_str()?.to_owned();
        Some(text.chars().take(ABOUT).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_words() {
        let whole = r#"{"path":"INBOX","event":"messageNew","data":{"uid":1,"subject":"a \"b\"","text":{"plain":"x"#;
        assert_eq!(
            about(EventType::MessageNew, whole).as_deref(),
            Some("a \"b\"")
        );
        let cut = r#"{"event":"messageNew","data":{"uid":1,"subject":"a"#;
        assert_eq!(about(EventType::MessageNew, cut), None);
        let path = r#"{"path":"INBOX","event":"messageDeleted","data":{"id":"x","uid":1}}"#;
        assert_eq!(about(EventType::MessageDeleted, path), None);
    }
}
