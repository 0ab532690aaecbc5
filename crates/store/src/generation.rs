//! Generations: how a process notices that another changed tokens, settings, sessions, accounts or routes.

use std::collections::BTreeMap;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::params;
use crate::store::Store;

/// What has a generation of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Access tokens.
    Tokens,
    /// Settings.
    Settings,
    /// Sessions.
    Sessions,
    /// Accounts registered, changed or deleted.
    Accounts,
    /// Webhook routes.
    Routes,
}

impl Generation {
    const ALL: [Self; 5] = [
        Self::Tokens,
        Self::Settings,
        Self::Sessions,
        Self::Accounts,
        Self::Routes,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Settings => "settings",
            Self::Sessions => "sessions",
            Self::Accounts => "accounts",
            Self::Routes => "routes",
        }
    }
}

/// Counts a change. The functions that change these do it themselves.
pub fn bump(batch: &mut Batch, generation: Generation) {
    batch.push(
        "INSERT INTO generation (name, value) VALUES ($1, 1) \
         ON CONFLICT (name) DO UPDATE SET value = generation.value + 1",
        params![generation.name()],
    );
}

/// All generations; what never changed is 0.
///
/// # Errors
/// As [`Store::query`].
pub async fn read(store: &Store) -> Result<BTreeMap<Generation, i64>, StoreError> {
    let rows = store
        .query("SELECT name, value FROM generation", params![])
        .await?;
    let mut all: BTreeMap<_, _> = Generation::ALL.map(|name| (name, 0)).into();
    for row in &rows {
        let name = row.text(0)?;
        if let Some(generation) = Generation::ALL.iter().find(|known| known.name() == name) {
            all.insert(*generation, row.i64(1)?);
        }
    }
    Ok(all)
}
