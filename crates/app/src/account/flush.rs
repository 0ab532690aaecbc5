//! `PUT /v1/account/{account}/flush`: what is known of the messages is dropped, the account stays (behaviour 8.3).

use std::time::Duration;

use posthouse_model::{
    AccountId, AccountState, ApiError,
    account::{AccountConfig, AccountStatus},
};
use posthouse_store::{
    Batch,
    accounts::{self, StoredAccount, VERSION_GUARD},
    announce, locks, mailboxes,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{TRIES, busy, change};
use crate::{App, CallInput, Reply, internal};

/// How long the account rests before it is followed again.
const REST: Duration = Duration::from_secs(5);
/// The lock of the instance; one that was left behind is void after this time.
const LOCK: &str = "flush";
const LOCK_TIME: Duration = Duration::from_secs(60);

impl App {
    /// `PUT /v1/account/{account}/flush`.
    pub(crate) async fn flush_account(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let id = input.account()?;
        self.require_account(&id).await?;
        let wanted = input.body().is("flush");
        if wanted {
            self.flush_locked(&id, &input.valid.body).await?;
        }
        Reply::json(&json!({ "flush": wanted }))
    }

    async fn flush_locked(&self, id: &AccountId, body: &Value) -> Result<(), ApiError> {
        let store = self.store();
        let failed = |error: &dyn std::fmt::Display| internal("flushing an account", error);
        let owner = Uuid::new_v4().to_string();
        let taken = locks::take(store, LOCK, &owner, store.now().after(LOCK_TIME));
        if !taken.await.map_err(|error| failed(&error))? {
            return Err(
                ApiError::new(429, "Another account is being flushed, try again").code("LockFail"),
            );
        }
        let dropped = self.drop_index(id, body).await;
        let mut batch = Batch::new();
        locks::release(&mut batch, LOCK, &owner);
        if let Err(error) = store.commit(batch).await {
            tracing::warn!(%error, "the lock of a flush stays until its time is up");
        }
        dropped
    }

    async fn drop_index(&self, id: &AccountId, body: &Value) -> Result<(), ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("flushing an account", error);
        let changes = changes(body);
        for _ in 0..TRIES {
            let stored = self.known_account(id).await?;
            let config = change::apply(&stored.account.config, &changes)?;
            self.engine().rest_account(id, REST).await?;
            let batch = self
                .without_index(&stored, &config)
                .map_err(|error| failed(&error))?;
            match self.store().commit(batch).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_guard(VERSION_GUARD) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(busy())
    }

    /// The account with nothing known of its messages; who follows it now cannot write any more.
    fn without_index(
        &self,
        stored: &StoredAccount,
        config: &AccountConfig,
    ) -> Result<Batch, posthouse_store::StoreError> {
        let id = &stored.account.id;
        let mut batch = Batch::new();
        accounts::update_config(self.store(), &mut batch, id, stored.version, config)?;
        accounts::interrupt(&mut batch, id);
        mailboxes::forget_all(&mut batch, id);
        announce::remove_all(&mut batch, id);
        accounts::set_cursor(&mut batch, id, None);
        let status = AccountStatus {
            initialized: false,
            sync_time: None,
            last_error: None,
            ..stored.account.status.clone()
        };
        accounts::set_status(&mut batch, id, &status)?;
        let state = if config.follows_imap() {
            AccountState::Init
        } else {
            AccountState::Unset
        };
        let now = self.store().now();
        accounts::set_state(&mut batch, id, stored.epoch + 1, state, None, now);
        Ok(batch)
    }
}

/// What a flush changes of the configuration: messages before now are not announced unless it says otherwise.
fn changes(body: &Value) -> Value {
    let mut changes = Map::new();
    let notify_from = match &body["notifyFrom"] {
        Value::Null => json!("now"),
        given => given.clone(),
    };
    changes.insert("notifyFrom".to_owned(), notify_from);
    if let Some(sync_from) = body.get("syncFrom") {
        changes.insert("syncFrom".to_owned(), sync_from.clone());
    }
    if let Some(indexer) = body.get("imapIndexer").filter(|indexer| !indexer.is_null()) {
        changes.insert("imapIndexer".to_owned(), indexer.clone());
    }
    changes.into()
}
