//! Accounts that send no faster than so: one message every so often, whoever sends it.

use std::time::Duration;

use posthouse_model::{AccountId, Timestamp};

use crate::batch::{Batch, Statement};
use crate::params;

/// Takes an account's turn to send a message; the statement touches a row if it is its turn. The next is `pace` later,
/// or a little earlier where this one was late, so that lateness does not add up.
pub fn take_turn(
    batch: &mut Batch,
    account: &AccountId,
    pace: Duration,
    now: Timestamp,
) -> Statement {
    let pace = i64::try_from(pace.as_millis()).unwrap_or(i64::MAX / 4);
    let taken = batch
        .push(
            "INSERT INTO send_pace (account, turn, pace) VALUES ($1, $2, $3) ON CONFLICT (account) DO UPDATE SET \
             turn = CASE WHEN send_pace.turn + 2*$3 > $2 THEN send_pace.turn + $3 ELSE $2 END, pace = $3 \
             WHERE send_pace.turn + $3 <= $2",
            params![account, now, pace],
        )
        .statement();
    // Not its turn, and it was asked because the pace was another.
    batch.push(
        "UPDATE send_pace SET pace=$2 WHERE account=$1 AND pace <> $2",
        params![account, pace],
    );
    taken
}

/// The account has no pace any more.
pub fn unpace(batch: &mut Batch, account: &AccountId) {
    batch.push("DELETE FROM send_pace WHERE account=$1", params![account]);
}

/// The pace of an account, or of all, may have changed: whoever takes the next message looks at it anew.
pub fn repace(batch: &mut Batch, account: Option<&AccountId>) {
    batch.push(
        "UPDATE send_pace SET pace=0 WHERE $1 = '' OR account=$1",
        params![account.map_or("", AccountId::as_str)],
    );
}
