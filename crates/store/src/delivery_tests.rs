//! Delivery tests: messages that are sent to see how they arrive.

use posthouse_model::outbox::QueueId;
use posthouse_model::{AccountId, Timestamp};
use serde_json::Value;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::page::json;
use crate::params;
use crate::store::Store;

/// A test under way, or one whose result is known.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryTest {
    /// Its id.
    pub id: String,
    /// The account that sends.
    pub account: AccountId,
    /// The account that receives.
    pub receiver: AccountId,
    /// The queued message.
    pub queue_id: QueueId,
    /// The sender of its envelope.
    pub sender: String,
    /// `Message-ID` of the message, with its angle brackets.
    pub message_id: String,
    /// What was found, once it is.
    pub result: Option<Value>,
    /// When it began.
    pub created: Timestamp,
    /// Until when it may be asked for.
    pub expires: Timestamp,
}

/// Notes a test; its message is queued by the same batch.
pub fn insert(batch: &mut Batch, test: &DeliveryTest) {
    batch.push(
        "INSERT INTO delivery_tests (id, account, receiver, queue_id, sender, message_id, created, expires) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            test.id.as_str(),
            &test.account,
            &test.receiver,
            test.queue_id.as_str(),
            test.sender.as_str(),
            test.message_id.as_str(),
            test.created,
            test.expires
        ],
    );
}

/// A test that has not expired.
///
/// # Errors
/// As [`Store::query`]; [`StoreError::Corrupt`] if its result is no JSON.
pub async fn get(
    store: &Store,
    id: &str,
    now: Timestamp,
) -> Result<Option<DeliveryTest>, StoreError> {
    let row = store
        .query_one(
            "SELECT account, receiver, queue_id, sender, message_id, CASE WHEN result IS NULL THEN 'null' ELSE result END, \
             created, expires FROM delivery_tests WHERE id=$1 AND expires > $2",
            params![id, now],
        )
        .await?;
    row.map(|row| {
        let result: Value = row.json(5)?;
        Ok(DeliveryTest {
            id: id.to_owned(),
            account: AccountId::new(row.text(0)?),
            receiver: AccountId::new(row.text(1)?),
            queue_id: row.parse(2)?,
            sender: row.text(3)?.to_owned(),
            message_id: row.text(4)?.to_owned(),
            result: (!result.is_null()).then_some(result),
            created: row.time(6)?,
            expires: row.time(7)?,
        })
    })
    .transpose()
}

/// Keeps what was found. What was kept first stays.
///
/// # Errors
/// Only if the result has no JSON form.
pub fn finish(batch: &mut Batch, id: &str, result: &Value) -> Result<(), StoreError> {
    batch.push(
        "UPDATE delivery_tests SET result=$2 WHERE id=$1 AND result IS NULL",
        params![id, json(result)?],
    );
    Ok(())
}

/// Forgets the tests of an account.
pub fn delete_of_account(batch: &mut Batch, account: &AccountId) {
    batch.push(
        "DELETE FROM delivery_tests WHERE account=$1 OR receiver=$1",
        params![account],
    );
}

/// Deletes expired tests.
pub(crate) fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push(
        "DELETE FROM delivery_tests WHERE expires <= $1",
        params![now],
    );
}
