//! What an account's connection went through: the last transitions of its state machine.

use posthouse_model::account::AccountError;
use posthouse_model::{AccountId, AccountState, Timestamp};

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;

/// Transitions kept of each account.
pub const KEPT: u32 = 100;
/// Characters kept of a reason.
const REASON: usize = 500;

/// A transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Number within the account; grows.
    pub seq: i64,
    /// When.
    pub time: Timestamp,
    /// The state that was entered.
    pub state: AccountState,
    /// Response code or error code of the failure; empty when it was none.
    pub code: String,
    /// What the server or the network said, shortened; empty when it was no failure.
    pub reason: String,
}

/// Notes that an account entered a state in this epoch. The same state for the same reason as before is noted once.
/// Use it with [`Batch::guard_lease`], which keeps two writers apart.
pub(crate) fn note(
    batch: &mut Batch,
    account: &AccountId,
    epoch: i64,
    state: AccountState,
    error: Option<&AccountError>,
    now: Timestamp,
) {
    let code = error.map_or("", |error| error.server_response_code.as_str());
    let reason: String = error
        .map_or("", |error| error.response.as_str())
        .chars()
        .map(|char| if char == '\0' { ' ' } else { char })
        .take(REASON)
        .collect();
    batch.push(
        "INSERT INTO account_states (account, seq, time, state, code, reason) \
         SELECT account, \
         COALESCE((SELECT MAX(seq) FROM account_states WHERE account=$1), 0) + 1, \
         CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT) \
         FROM accounts WHERE account=$1 AND epoch=$2 AND NOT EXISTS \
         (SELECT 1 FROM account_states WHERE account=$1 AND state=$4 AND code=$5 AND reason=$6 \
          AND seq=(SELECT MAX(seq) FROM account_states WHERE account=$1))",
        params![account, epoch, now, state.as_str(), code, reason],
    );
    batch.push(
        "DELETE FROM account_states WHERE account=$1 AND seq <= \
         (SELECT MAX(seq) FROM account_states WHERE account=$1) - $2",
        params![account, KEPT],
    );
}

/// The last transitions of an account, the newest first.
///
/// # Errors
/// As [`Store::query`].
pub async fn list(
    store: &Store,
    account: &AccountId,
    limit: u32,
) -> Result<Vec<Transition>, StoreError> {
    store
        .query(
            "SELECT seq, time, state, code, reason FROM account_states WHERE account=$1 \
             ORDER BY seq DESC LIMIT $2",
            params![account, limit],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(Transition {
                seq: row.i64(0)?,
                time: row.time(1)?,
                state: row.parse(2)?,
                code: row.text(3)?.to_owned(),
                reason: row.text(4)?.to_owned(),
            })
        })
        .collect()
}

pub(crate) fn delete_of_account(batch: &mut Batch, account: &AccountId) {
    batch.push(
        "DELETE FROM account_states WHERE account=$1",
        params![account],
    );
}
