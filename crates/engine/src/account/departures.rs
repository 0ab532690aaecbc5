//! Announcing deletions that were held back and turned out to be no moves.

use std::{collections::HashMap, time::Duration};

use posthouse_model::{AccountId, EventType, account::AccountConfig};
use posthouse_store::{StoreError, accounts, departures, mailboxes};

use super::changes::deleted;
use crate::{Engine, event::NewEvent};

/// Deletions announced by one batch.
const AT_ONCE: u32 = 200;

/// How long is waited when nothing is due: other processes hold deletions back, too.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a failing store is left alone.
const PAUSE: Duration = Duration::from_secs(2);

/// Runs until the engine stops.
pub(crate) async fn run(engine: Engine) {
    loop {
        let wait = match round(&engine).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "deletions that are due cannot be announced");
                PAUSE
            }
        };
        tokio::select! {
            () = engine.stopping().cancelled() => return,
            () = engine.departures_wake().notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Announces what is due; how long to wait for more.
async fn round(engine: &Engine) -> Result<Duration, StoreError> {
    loop {
        let now = engine.store().now();
        let due = departures::due(engine.store(), engine.node(), now, AT_ONCE).await?;
        if due.is_empty() {
            break;
        }
        let mut by_account: HashMap<AccountId, Vec<departures::Due>> = HashMap::new();
        for due in due {
            by_account.entry(due.account.clone()).or_default().push(due);
        }
        for (account, due) in by_account {
            match announce(engine, &account, &due).await {
                // One of them was told for a move meanwhile, or the account was taken over: seen anew.
                Err(StoreError::Batch(error))
                    if error.is_guard(departures::GUARD) || error.is_guard("lease") => {}
                other => other?,
            }
        }
        if engine.stopping().is_cancelled() {
            break;
        }
    }
    let next = departures::next_due(engine.store(), engine.node()).await?;
    Ok(next.map_or(LONGEST, |next| {
        next.since(engine.store().now())
            .clamp(Duration::from_millis(5), LONGEST)
    }))
}

async fn announce(
    engine: &Engine,
    account: &AccountId,
    due: &[departures::Due],
) -> Result<(), StoreError> {
    let stored = accounts::get(engine.store(), account).await?;
    let config: Option<AccountConfig> = stored.map(|stored| stored.account.config);
    let listing = mailboxes::listing(engine.store(), account).await?;
    let listing = listing.map_or_else(Vec::new, |(listing, _)| listing);
    let mut recorder = engine.recorder();
    if let Some(first) = due.first() {
        recorder
            .batch
            .guard_lease(account.as_str(), engine.node(), first.epoch);
    }
    for due in due {
        let departure = &due.departure;
        departures::announced(&mut recorder.batch, account, departure);
        let folder = listing.iter().find(|folder| folder.path == departure.path);
        let special_use = folder.and_then(|folder| folder.special_use);
        let data = deleted(&departure.reference, departure.uid, None);
        let event = NewEvent {
            path: Some(departure.path.clone()),
            special_use: special_use.map(|special| special.to_string()),
            ..NewEvent::new(EventType::MessageDeleted, data)
        };
        recorder.event(account, config.as_ref(), event);
    }
    recorder.commit().await?;
    Ok(())
}
