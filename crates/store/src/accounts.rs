//! Accounts: configuration (sealed), status, state and the lease of their owner.

use std::collections::BTreeMap;

use posthouse_model::account::{AccountConfig, AccountError, AccountStatus, SmtpStatus};
use posthouse_model::{Account, AccountId, AccountState, Timestamp};

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::generation::{self, Generation};
use crate::page::json;
use crate::params;
use crate::sql::{Sql, fold, in_list};
use crate::store::Store;
use crate::value::Row;
use crate::{account_logs, account_states};

const PLACE: &str = "accounts.config";

/// Name of the guard that fails when an account was changed or deleted since it was read.
pub const VERSION_GUARD: &str = "account version";

/// An account as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAccount {
    /// The account; its counters are filled by [`get`] and [`list`].
    pub account: Account,
    /// The node that owns it.
    pub owner: Option<String>,
    /// Counts changes of ownership.
    pub epoch: i64,
    /// Counts changes of the configuration.
    pub version: i64,
}

/// A state of an older epoch reads `init`; `unset` does not depend on who looks.
macro_rules! state {
    () => {
        "(CASE WHEN state_epoch = epoch OR state = 'unset' THEN state ELSE 'init' END)"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "account, ",
            state!(),
            ", owner, epoch, version, config, status, created, smtp_status, webhook_error"
        )
    };
}

mod listing;

pub use listing::{StateFilter, list};

fn stored(store: &Store, row: &Row) -> Result<StoredAccount, StoreError> {
    let id = row.text(0)?;
    let mut status: AccountStatus = row.json(6)?;
    // Columns of their own: the outbox and the delivery of webhooks write them beside the actor.
    status.smtp_status = row.opt_json(8)?;
    status.webhook_error_flag = row.opt_json(9)?;
    Ok(StoredAccount {
        account: Account {
            id: AccountId::new(id),
            config: store.sealer().open_json(PLACE, id, row.blob(5)?)?,
            status,
            state: row.parse(1)?,
            counters: BTreeMap::new(),
            created: row.time(7)?,
        },
        owner: row.opt_text(2)?.map(str::to_owned),
        epoch: row.i64(3)?,
        version: row.i64(4)?,
    })
}

/// An account with its counters.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Sealed`] if the configuration cannot be opened.
pub async fn get(store: &Store, account: &AccountId) -> Result<Option<StoredAccount>, StoreError> {
    let row = store
        .query_one(
            concat!("SELECT ", columns!(), " FROM accounts WHERE account=$1"),
            params![account],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut found = stored(store, &row)?;
    found.account.counters = counters(store, account).await?;
    Ok(Some(found))
}

/// The configuration of an account alone.
///
/// # Errors
/// As [`get`].
pub async fn config(
    store: &Store,
    account: &AccountId,
) -> Result<Option<AccountConfig>, StoreError> {
    let row = store
        .query_one(
            "SELECT config FROM accounts WHERE account=$1",
            params![account],
        )
        .await?;
    let open = |row: Row| {
        store
            .sealer()
            .open_json(PLACE, account.as_str(), row.blob(0)?)
    };
    row.map(open).transpose()
}

/// The configurations of several accounts, without those that do not exist.
///
/// # Errors
/// As [`get`].
pub async fn configs(
    store: &Store,
    accounts: impl IntoIterator<Item = &AccountId>,
) -> Result<BTreeMap<AccountId, AccountConfig>, StoreError> {
    let (places, params) = in_list(accounts);
    let sql = format!("SELECT account, config FROM accounts WHERE account IN ({places})");
    let rows = store.query(sql, params).await?;
    let open = |row: &Row| {
        let account = AccountId::new(row.text(0)?);
        let config = store
            .sealer()
            .open_json(PLACE, account.as_str(), row.blob(1)?)?;
        Ok((account, config))
    };
    rows.iter().map(open).collect()
}

/// The events of an account so far, by type.
///
/// # Errors
/// As [`Store::query`].
pub async fn counters(
    store: &Store,
    account: &AccountId,
) -> Result<BTreeMap<String, u64>, StoreError> {
    store
        .query(
            "SELECT name, value FROM account_counters WHERE account=$1",
            params![account],
        )
        .await?
        .iter()
        .map(|row| Ok((row.text(0)?.to_owned(), row.count(1)?)))
        .collect()
}

/// Whether there is such an account.
///
/// # Errors
/// As [`Store::query`].
pub async fn exists(store: &Store, account: &AccountId) -> Result<bool, StoreError> {
    let row = store
        .query_one("SELECT 1 FROM accounts WHERE account=$1", params![account])
        .await?;
    Ok(row.is_some())
}

/// The accounts a node owns, in order of their ids, after the given one; for starting actors.
///
/// # Errors
/// As [`get`].
pub async fn owned(
    store: &Store,
    owner: &str,
    after: Option<&AccountId>,
    limit: u32,
) -> Result<Vec<StoredAccount>, StoreError> {
    store
        .query(
            concat!(
                "SELECT ",
                columns!(),
                " FROM accounts WHERE owner=$1 AND account > $2 ORDER BY account LIMIT $3"
            ),
            params![owner, after.map_or("", AccountId::as_str), limit],
        )
        .await?
        .iter()
        .map(|row| stored(store, row))
        .collect()
}

/// How many accounts are in each state.
///
/// # Errors
/// As [`Store::query`].
pub async fn counts(store: &Store) -> Result<BTreeMap<AccountState, u64>, StoreError> {
    store
        .query(
            concat!(
                "SELECT ",
                state!(),
                ", COUNT(*) FROM accounts GROUP BY ",
                state!()
            ),
            params![],
        )
        .await?
        .iter()
        .map(|row| Ok((row.parse(0)?, row.count(1)?)))
        .collect()
}

fn search(account: &AccountId, config: &AccountConfig) -> String {
    fold(&format!(
        "{account}\u{1f}{}\u{1f}{}",
        config.name,
        config.email.as_deref().unwrap_or_default()
    ))
}

/// Registers an account, owned by `owner` with epoch 1. The batch fails with
/// [`BatchError::Constraint`](crate::BatchError::Constraint) if it exists.
///
/// # Errors
/// Only if the configuration cannot be sealed.
pub fn insert(
    store: &Store,
    batch: &mut Batch,
    account: &AccountId,
    config: &AccountConfig,
    status: &AccountStatus,
    state: AccountState,
    owner: Option<&str>,
) -> Result<(), StoreError> {
    let now = store.now();
    batch.push(
        "INSERT INTO accounts (account, search, state, state_epoch, owner, epoch, version, config, status, \
         created, updated) VALUES ($1, $2, $3, 1, $4, 1, 1, $5, $6, $7, $7)",
        params![
            account,
            search(account, config),
            state.as_str(),
            owner,
            store.sealer().seal_json(PLACE, account.as_str(), config)?,
            json(status)?,
            now
        ],
    );
    account_states::note(batch, account, 1, state, None, now);
    generation::bump(batch, Generation::Accounts);
    Ok(())
}

/// Replaces the configuration of the version that was read; [`VERSION_GUARD`] fails if it was changed meanwhile.
///
/// # Errors
/// Only if the configuration cannot be sealed.
pub fn update_config(
    store: &Store,
    batch: &mut Batch,
    account: &AccountId,
    version: i64,
    config: &AccountConfig,
) -> Result<(), StoreError> {
    batch.guard(
        VERSION_GUARD,
        "UPDATE accounts SET config=$3, search=$4, version=version+1, updated=$5 \
         WHERE account=$1 AND version=$2",
        params![
            account,
            version,
            store.sealer().seal_json(PLACE, account.as_str(), config)?,
            search(account, config),
            store.now()
        ],
    );
    generation::bump(batch, Generation::Accounts);
    Ok(())
}

/// The guard of [`update_config`] alone, for a change that must see the account as it was read.
pub fn guard_version(batch: &mut Batch, account: &AccountId, version: i64) {
    batch.guard(
        VERSION_GUARD,
        Sql::dialects(
            "SELECT 1 FROM accounts WHERE account=$1 AND version=$2",
            "SELECT 1 FROM accounts WHERE account=$1 AND version=$2 FOR UPDATE",
        ),
        params![account, version],
    );
}

/// Notes a transition of the state machine, with the epoch of the owner who saw it, and adds it to the account's
/// history. Use it with [`Batch::guard_lease`].
pub fn set_state(
    batch: &mut Batch,
    account: &AccountId,
    epoch: i64,
    state: AccountState,
    error: Option<&AccountError>,
    now: Timestamp,
) {
    batch.push(
        "UPDATE accounts SET state=$3, state_epoch=$2 WHERE account=$1 AND epoch=$2",
        params![account, epoch, state.as_str()],
    );
    account_states::note(batch, account, epoch, state, error, now);
}

/// Takes the account away from whoever follows it now: it keeps its owner, but nothing that is under way can be written
/// any more, and its state reads `init`.
pub fn interrupt(batch: &mut Batch, account: &AccountId) {
    batch.push(
        "UPDATE accounts SET epoch=epoch+1 WHERE account=$1",
        params![account],
    );
}

/// Notes the outcome of the last delivery over SMTP.
///
/// # Errors
/// Only if it has no JSON form.
pub fn set_smtp_status(
    batch: &mut Batch,
    account: &AccountId,
    status: &SmtpStatus,
) -> Result<(), StoreError> {
    batch.push(
        "UPDATE accounts SET smtp_status=$2 WHERE account=$1",
        params![account, json(status)?],
    );
    Ok(())
}

/// Notes the last failed webhook of the account's own target, or that there is none any more.
///
/// # Errors
/// Only if it has no JSON form.
pub fn set_webhook_error(
    batch: &mut Batch,
    account: &AccountId,
    flag: Option<&serde_json::Value>,
) -> Result<(), StoreError> {
    batch.push(
        "UPDATE accounts SET webhook_error=$2 WHERE account=$1",
        params![account, flag.map(json).transpose()?],
    );
    Ok(())
}

/// Replaces the status, as far as the account's actor keeps it: not the outcome of SMTP and webhooks.
///
/// # Errors
/// Only if it has no JSON form.
pub fn set_status(
    batch: &mut Batch,
    account: &AccountId,
    status: &AccountStatus,
) -> Result<(), StoreError> {
    batch.push(
        "UPDATE accounts SET status=$2 WHERE account=$1",
        params![account, json(status)?],
    );
    Ok(())
}

/// The cursor of a provider's history, `None` before the first sync.
///
/// # Errors
/// As [`Store::query`].
pub async fn cursor(store: &Store, account: &AccountId) -> Result<Option<String>, StoreError> {
    let row = store
        .query_one(
            "SELECT sync_cursor FROM accounts WHERE account=$1",
            params![account],
        )
        .await?;
    row.map_or(Ok(None), |row| Ok(row.opt_text(0)?.map(str::to_owned)))
}

/// Notes how far a provider's history was read.
pub fn set_cursor(batch: &mut Batch, account: &AccountId, cursor: Option<&str>) {
    batch.push(
        "UPDATE accounts SET sync_cursor=$2 WHERE account=$1",
        params![account, cursor],
    );
}

/// Counts events of an account by type.
pub fn count(batch: &mut Batch, account: &AccountId, name: &str, by: u32) {
    batch.push(
        "INSERT INTO account_counters (account, name, value) VALUES ($1, $2, $3) \
         ON CONFLICT (account, name) DO UPDATE SET value = account_counters.value + excluded.value",
        params![account, name, by],
    );
}

/// Makes `owner` the owner of an account whose epoch was read; the returned statement's row is the new epoch, and no
/// row means somebody else was faster.
pub fn take_over(batch: &mut Batch, account: &AccountId, owner: &str, epoch: i64) -> Statement {
    batch
        .push(
            "UPDATE accounts SET owner=$2, epoch=epoch+1 WHERE account=$1 AND epoch=$3 RETURNING epoch",
            params![account, owner, epoch],
        )
        .statement()
}

/// Makes `owner` the owner of all accounts: the start of an embedded store, which has one process. States of the run
/// before read `init` from now on.
pub fn take_over_all(batch: &mut Batch, owner: &str) {
    batch.push(
        "UPDATE accounts SET owner=$1, epoch=epoch+1",
        params![owner],
    );
}

/// Deletes an account with all that is kept of it, except its events, its numbers and what waits in the outbox (see
/// [`crate::outbox::delete_of_account`]). The statement touches a row if there was one.
pub fn delete(batch: &mut Batch, account: &AccountId) -> Statement {
    for table in [
        "DELETE FROM account_counters WHERE account=$1",
        "DELETE FROM mailboxes WHERE account=$1",
        "DELETE FROM mailbox_listings WHERE account=$1",
        "DELETE FROM index_chunks WHERE account=$1",
        "DELETE FROM identities WHERE account=$1",
        "DELETE FROM announce WHERE account=$1",
        "DELETE FROM departures WHERE account=$1",
        "DELETE FROM bounces WHERE account=$1",
        "DELETE FROM templates WHERE account=$1",
    ] {
        batch.push(Sql::from(table), params![account]);
    }
    account_states::delete_of_account(batch, account);
    account_logs::clear(batch, account);
    crate::answers::delete_of_account(batch, account);
    crate::delivery_tests::delete_of_account(batch, account);
    crate::tokens::delete_of_account(batch, account);
    let deleted = batch
        .push("DELETE FROM accounts WHERE account=$1", params![account])
        .statement();
    generation::bump(batch, Generation::Accounts);
    deleted
}

/// When the account was last changed.
///
/// # Errors
/// As [`Store::query`].
pub async fn updated(store: &Store, account: &AccountId) -> Result<Option<Timestamp>, StoreError> {
    store
        .query_one(
            "SELECT updated FROM accounts WHERE account=$1",
            params![account],
        )
        .await?
        .map(|row| row.time(0))
        .transpose()
}
