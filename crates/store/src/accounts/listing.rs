//! Pages of accounts. Counting, searching and skipping read an index alone; only the rows of the page are opened.

use std::collections::{BTreeMap, HashMap};

use posthouse_model::{AccountId, AccountState};

use super::{StoredAccount, stored};
use crate::error::StoreError;
use crate::page::{self, Page, Paging};
use crate::params;
use crate::sql::{Sql, fold, in_list};
use crate::store::Store;

/// Which accounts are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateFilter {
    /// All.
    #[default]
    Any,
    /// Those in one state.
    Only(AccountState),
    /// Those in `authenticationError` or `connectError`.
    Errors,
}

impl From<Option<AccountState>> for StateFilter {
    fn from(state: Option<AccountState>) -> Self {
        state.map_or(Self::Any, Self::Only)
    }
}

/// Count and page of one condition. `$1` is the folded text that is looked for; the state stands in the condition as a
/// word of ours, so that an index for it can be chosen.
macro_rules! listing {
    ($($condition:tt)*) => {(
        Sql::dialects(
            concat!("SELECT COUNT(*) FROM accounts WHERE ", $($condition)*,
                "($1 = '' OR instr(search, $1) > 0)"),
            concat!("SELECT COUNT(*) FROM accounts WHERE ", $($condition)*,
                "($1 = '' OR strpos(search, $1) > 0)"),
        ),
        Sql::dialects(
            concat!("SELECT ", columns!(), " FROM accounts WHERE account IN \
                (SELECT account FROM accounts WHERE ", $($condition)*,
                "($1 = '' OR instr(search, $1) > 0) ORDER BY account LIMIT $2 OFFSET $3) \
                ORDER BY account"),
            concat!("SELECT ", columns!(), " FROM accounts WHERE account IN \
                (SELECT account FROM accounts WHERE ", $($condition)*,
                "($1 = '' OR strpos(search, $1) > 0) ORDER BY account LIMIT $2 OFFSET $3) \
                ORDER BY account"),
        ),
    )};
}

/// A page of accounts ordered by id; `query` is looked for in id, name and address, ASCII case folded. Counters are
/// filled.
///
/// # Errors
/// As [`super::get`].
pub async fn list(
    store: &Store,
    state: impl Into<StateFilter>,
    query: Option<&str>,
    paging: Paging,
) -> Result<Page<StoredAccount>, StoreError> {
    // A state of an older epoch reads `init`; `unset` does not depend on who looks.
    let (count, list) = match state.into() {
        StateFilter::Any => listing!(""),
        StateFilter::Errors => listing!(
            "state IN ('authenticationError', 'connectError') AND state_epoch = epoch AND "
        ),
        StateFilter::Only(state) => match state {
            AccountState::Init => {
                listing!("(state = 'init' OR state_epoch <> epoch) AND state <> 'unset' AND ")
            }
            AccountState::Connecting => {
                listing!("state = 'connecting' AND state_epoch = epoch AND ")
            }
            AccountState::Syncing => listing!("state = 'syncing' AND state_epoch = epoch AND "),
            AccountState::Connected => listing!("state = 'connected' AND state_epoch = epoch AND "),
            AccountState::AuthenticationError => {
                listing!("state = 'authenticationError' AND state_epoch = epoch AND ")
            }
            AccountState::ConnectError => {
                listing!("state = 'connectError' AND state_epoch = epoch AND ")
            }
            AccountState::Unset => listing!("state = 'unset' AND "),
            AccountState::Disconnected => {
                listing!("state = 'disconnected' AND state_epoch = epoch AND ")
            }
            AccountState::Paused => listing!("state = 'paused' AND state_epoch = epoch AND "),
        },
    };
    let mut page = page::read(
        store,
        count,
        list,
        params![fold(query.unwrap_or_default())],
        paging,
        |row| stored(store, row),
    )
    .await?;
    let ids: Vec<&AccountId> = page.items.iter().map(|item| &item.account.id).collect();
    let mut counters = counters_of(store, &ids).await?;
    for item in &mut page.items {
        if let Some(counters) = counters.remove(&item.account.id) {
            item.account.counters = counters;
        }
    }
    Ok(page)
}

/// The events so far of several accounts, by type.
async fn counters_of(
    store: &Store,
    accounts: &[&AccountId],
) -> Result<HashMap<AccountId, BTreeMap<String, u64>>, StoreError> {
    let mut all: HashMap<AccountId, BTreeMap<String, u64>> = HashMap::new();
    if accounts.is_empty() {
        return Ok(all);
    }
    let (places, params) = in_list(accounts.iter().copied());
    let sql =
        format!("SELECT account, name, value FROM account_counters WHERE account IN ({places})");
    for row in store.query(sql, params).await? {
        let counters = all.entry(AccountId::new(row.text(0)?)).or_default();
        counters.insert(row.text(1)?.to_owned(), row.count(2)?);
    }
    Ok(all)
}
