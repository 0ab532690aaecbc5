//! Accounts that send no faster than their rate: evenly paced, whichever process sends.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use posthouse_model::{AccountId, account::AccountConfig};
use posthouse_store::{
    Batch, accounts,
    outbox::{self, Lease, StoredMessage, Work},
};

use super::worker::WorkError;
use crate::{Engine, settings::Settings};

/// The window of a rate, seconds, where none is set.
const WINDOW: u64 = 3600;

/// A claimed message that may be worked on now.
pub(super) struct Ready {
    pub(super) lease: Lease,
    pub(super) message: StoredMessage,
    /// None: the account is gone.
    pub(super) config: Option<Arc<AccountConfig>>,
}

/// The time between two messages of an account; none where it has no rate.
pub(super) fn pace(settings: &Settings, config: &AccountConfig) -> Option<Duration> {
    let messages = match config.send_rate {
        Some(messages) => u64::from(messages),
        None => settings.number("sendRate").unwrap_or(0),
    };
    let window = settings.number("sendRateWindow").unwrap_or(WINDOW).max(1);
    let millis = window.saturating_mul(1000);
    (messages > 0).then(|| Duration::from_millis(millis.div_ceil(messages)))
}

/// Keeps of claimed messages those that may be sent now, and gives the others back.
///
/// # Errors
/// The store failed; leases of messages that were not returned run out.
pub(super) async fn admit(
    engine: &Engine,
    work: Work,
    claimed: Vec<(Lease, StoredMessage)>,
) -> Result<Vec<Ready>, WorkError> {
    let store = engine.store();
    let settings = engine.settings();
    let mut of_accounts: BTreeMap<AccountId, Vec<(Lease, StoredMessage)>> = BTreeMap::new();
    for (lease, message) in claimed {
        let account = message.entry.account.clone();
        of_accounts
            .entry(account)
            .or_default()
            .push((lease, message));
    }
    let mut configs = accounts::configs(store, of_accounts.keys()).await?;
    let mut ready = Vec::new();
    let mut asking = Vec::new();
    let mut batch = Batch::new();
    for (account, messages) in of_accounts {
        let config = configs.remove(&account).map(Arc::new);
        let pace = config
            .as_ref()
            .filter(|_| work == Work::Send)
            .and_then(|config| pace(&settings, config));
        let paced = messages.iter().any(|(_, message)| message.turn.is_some());
        let mut messages = messages.into_iter().map(|(lease, message)| Ready {
            lease,
            message,
            config: config.clone(),
        });
        let Some(pace) = pace else {
            if paced && work == Work::Send {
                outbox::unpace(&mut batch, &account);
            }
            ready.extend(messages);
            continue;
        };
        if let Some(first) = messages.next() {
            let turn = outbox::take_turn(&mut batch, &account, pace, store.now());
            asking.push((turn, first));
        }
        for one in messages {
            outbox::put_back(&mut batch, &one.lease);
        }
    }
    if batch.is_empty() {
        return Ok(ready);
    }
    let committed = store.commit(batch).await?;
    let mut early = Batch::new();
    for (turn, one) in asking {
        if committed.affected(turn) > 0 {
            ready.push(one);
        } else {
            outbox::put_back(&mut early, &one.lease);
        }
    }
    if !early.is_empty() {
        store.commit(early).await?;
    }
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rate_is_spread_over_its_window() {
        let settings = |rate: u64, window: u64| {
            Settings::new([
                ("sendRate".to_owned(), json!(rate)),
                ("sendRateWindow".to_owned(), json!(window)),
            ])
        };
        let account = |send_rate| AccountConfig {
            send_rate,
            ..AccountConfig::default()
        };
        let millis =
            |settings: &Settings, own| pace(settings, &account(own)).map(|pace| pace.as_millis());
        assert_eq!(millis(&Settings::default(), None), None);
        assert_eq!(millis(&Settings::default(), Some(3600)), Some(1000));
        assert_eq!(millis(&settings(30, 60), None), Some(2000));
        assert_eq!(millis(&settings(30, 60), Some(60)), Some(1000));
        assert_eq!(millis(&settings(30, 60), Some(0)), None);
        // Never faster than the rate.
        assert_eq!(millis(&settings(7, 10), None), Some(1429));
        assert_eq!(millis(&settings(1_000_000, 1), None), Some(1));
    }
}
