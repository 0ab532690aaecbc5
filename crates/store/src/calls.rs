//! Calls that are carried out once, whoever repeats them.
//!
//! A call is claimed before it is carried out, so that of two at once one waits; then it is answered or given back. One whose
//! process died is free again when its claim runs out.

use posthouse_model::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;

const PLACE: &str = "calls.answer";
const GUARD: &str = "call";

/// What is known of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim<T> {
    /// It is the claimant's to carry out.
    Mine,
    /// Another carries it out.
    Busy {
        /// What it asks for.
        fingerprint: String,
    },
    /// It was carried out.
    Answered {
        /// What it asked for.
        fingerprint: String,
        /// What was answered.
        answer: T,
    },
}

/// Claims a call for `holder`, until that time at the longest.
///
/// # Errors
/// As [`Store::commit`] and [`Store::query`]; [`StoreError::Sealed`] if the answer cannot be opened.
pub async fn claim<T: DeserializeOwned>(
    store: &Store,
    id: &str,
    fingerprint: &str,
    holder: &str,
    until: Timestamp,
) -> Result<Claim<T>, StoreError> {
    let now = store.now();
    let mut batch = Batch::new();
    batch.guard(
        GUARD,
        "INSERT INTO calls (id, fingerprint, holder, answer, expires) VALUES ($1, $2, $3, NULL, $4) \
         ON CONFLICT (id) DO UPDATE SET fingerprint=excluded.fingerprint, holder=excluded.holder, answer=NULL, \
         expires=excluded.expires WHERE calls.expires <= $5",
        params![id, fingerprint, holder, until, now],
    );
    match store.commit(batch).await {
        Ok(_) => return Ok(Claim::Mine),
        Err(error) if error.is_guard(GUARD) => {}
        Err(error) => return Err(error.into()),
    }
    let row = store
        .query_one(
            "SELECT fingerprint, answer FROM calls WHERE id=$1",
            params![id],
        )
        .await?;
    // Given back meanwhile: to be claimed with the next try.
    let Some(row) = row else {
        return Ok(Claim::Busy {
            fingerprint: fingerprint.to_owned(),
        });
    };
    let fingerprint = row.text(0)?.to_owned();
    Ok(match row.opt_blob(1)? {
        None => Claim::Busy { fingerprint },
        Some(sealed) => Claim::Answered {
            fingerprint,
            answer: store.sealer().open_json(PLACE, id, sealed)?,
        },
    })
}

/// Notes what was answered, unless the claim has run out and is another's.
///
/// # Errors
/// Only if the answer cannot be sealed.
pub fn answer<T: Serialize>(
    store: &Store,
    batch: &mut Batch,
    id: &str,
    holder: &str,
    answer: &T,
    expires: Timestamp,
) -> Result<(), StoreError> {
    let sealed = store.sealer().seal_json(PLACE, id, answer)?;
    batch.push(
        "UPDATE calls SET answer=$3, expires=$4 WHERE id=$1 AND holder=$2",
        params![id, holder, sealed, expires],
    );
    Ok(())
}

/// Gives back a call that came to nothing.
pub fn give_back(batch: &mut Batch, id: &str, holder: &str) {
    batch.push(
        "DELETE FROM calls WHERE id=$1 AND holder=$2 AND answer IS NULL",
        params![id, holder],
    );
}

/// Gives back all calls that are under way: the start of an embedded store, whose only process has just begun.
pub fn give_back_all(batch: &mut Batch) {
    batch.push("DELETE FROM calls WHERE answer IS NULL", params![]);
}

/// Deletes expired calls.
pub fn sweep(batch: &mut Batch, now: Timestamp) {
    batch.push("DELETE FROM calls WHERE expires <= $1", params![now]);
}
