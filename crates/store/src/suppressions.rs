//! Recipients who are not written to.

use std::collections::HashMap;

use posthouse_model::AccountId;
use posthouse_model::suppression::Suppression;

use crate::batch::{Batch, Statement};
use crate::error::StoreError;
use crate::page::{self, Page, Paging};
use crate::params;
use crate::sql::in_list;
use crate::store::Store;
use crate::value::Row;

/// A list and how many it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuppressionList {
    /// List id.
    pub list: String,
    /// Its entries.
    pub entries: u64,
}

fn entry(row: &Row) -> Result<Suppression, StoreError> {
    let text = |at| Ok::<_, StoreError>(row.opt_text(at)?.map(str::to_owned));
    Ok(Suppression {
        recipient: row.text(0)?.to_owned(),
        account: AccountId::new(row.text(1)?),
        message_id: text(2)?,
        source: row.parse(3)?,
        reason: row.text(4)?.to_owned(),
        remote_address: text(5)?,
        user_agent: text(6)?,
        created: row.time(7)?,
    })
}

/// A page of the lists, by their ids.
///
/// # Errors
/// As [`Store::query`].
pub async fn lists(store: &Store, paging: Paging) -> Result<Page<SuppressionList>, StoreError> {
    page::read(
        store,
        "SELECT COUNT(DISTINCT list) FROM suppressions",
        "SELECT list, COUNT(*) FROM suppressions GROUP BY list ORDER BY list LIMIT $1 OFFSET $2",
        params![],
        paging,
        |row| {
            Ok(SuppressionList {
                list: row.text(0)?.to_owned(),
                entries: row.count(1)?,
            })
        },
    )
    .await
}

/// A page of a list, the oldest entries first.
///
/// # Errors
/// As [`Store::query`].
pub async fn list(
    store: &Store,
    list: &str,
    paging: Paging,
) -> Result<Page<Suppression>, StoreError> {
    page::read(
        store,
        "SELECT COUNT(*) FROM suppressions WHERE list=$1",
        "SELECT recipient, account, message_id, source, reason, remote_address, user_agent, created \
         FROM suppressions WHERE list=$1 ORDER BY created, recipient LIMIT $2 OFFSET $3",
        params![list],
        paging,
        entry,
    )
    .await
}

/// Which of these recipients, in the form of [`posthouse_model::suppression::suppressed_form`], are on a list, and why.
///
/// # Errors
/// As [`Store::query`].
pub async fn suppressed(
    store: &Store,
    list: &str,
    recipients: &[String],
) -> Result<HashMap<String, String>, StoreError> {
    let mut found = HashMap::new();
    // Each statement takes so many.
    for some in recipients.chunks(200) {
        let (places, mut params) = in_list(some.iter().map(String::as_str));
        params.push(list.into());
        let sql = format!(
            "SELECT recipient, reason FROM suppressions WHERE recipient IN ({places}) AND list=${}",
            params.len()
        );
        for row in &store.query(sql, params).await? {
            found.insert(row.text(0)?.to_owned(), row.text(1)?.to_owned());
        }
    }
    Ok(found)
}

/// Puts a recipient on a list; one that is there stays as it is. The statement tells whether it is new.
pub fn add(batch: &mut Batch, list: &str, entry: &Suppression) -> Statement {
    batch.push(
        "INSERT INTO suppressions (list, recipient, account, message_id, source, reason, remote_address, \
         user_agent, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (list, recipient) DO NOTHING",
        params![
            list,
            entry.recipient.as_str(),
            &entry.account,
            entry.message_id.as_deref(),
            entry.source.as_str(),
            entry.reason.as_str(),
            entry.remote_address.as_deref(),
            entry.user_agent.as_deref(),
            entry.created
        ],
    )
    .statement()
}

/// Takes a recipient off a list; the statement tells whether it was there.
pub fn remove(batch: &mut Batch, list: &str, recipient: &str) -> Statement {
    batch
        .push(
            "DELETE FROM suppressions WHERE list=$1 AND recipient=$2",
            params![list, recipient],
        )
        .statement()
}

/// Deletes a list; the statement tells how many it held.
pub fn delete(batch: &mut Batch, list: &str) -> Statement {
    batch
        .push("DELETE FROM suppressions WHERE list=$1", params![list])
        .statement()
}
