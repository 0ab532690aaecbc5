//! What can go wrong, seen by callers of this crate.

/// A failure of opening, reading or maintaining the store.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address or another option is wrong.
    #[error("{0}")]
    Config(String),
    /// The database could not be opened or reached.
    #[error("cannot open the database: {0}")]
    Open(String),
    /// The PostgreSQL server would acknowledge writes before they are durable.
    #[error(
        "PostgreSQL runs with {setting} = {value}: a power cut would lose acknowledged mail. \
         Turn it on, or allow unsafe durability explicitly"
    )]
    UnsafeDurability {
        /// `fsync` or `synchronous_commit`.
        setting: &'static str,
        /// Its value on the server.
        value: String,
    },
    /// The secret or key file is not the one this store was made with.
    #[error("the secret does not fit this store: its sealed values were made with another one")]
    WrongSecret,
    /// The store was made with a key file and that file is gone.
    #[error(
        "the store has sealed values, but neither a secret is set nor is there a key file at {0}"
    )]
    KeyMissing(String),
    /// A store that several nodes share has no key file: a secret must be configured.
    #[error("a PostgreSQL store needs a configured secret, the same on every node")]
    SecretRequired,
    /// The schema could not be brought up to date.
    #[error("migration {name}: {reason}")]
    Migration {
        /// Which migration.
        name: String,
        /// Why not.
        reason: String,
    },
    /// [`Store::close`](crate::Store::close) was called.
    #[error("the store is closed")]
    Closed,
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    Timeout,
    /// The database cannot be reached at the moment.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A statement failed.
    #[error("database: {0}")]
    Sql(String),
    /// A column has not the expected type.
    #[error("column {column}: wanted {wanted}, found {found}")]
    Column {
        /// Position from 0.
        column: usize,
        /// Expected type.
        wanted: &'static str,
        /// Type found.
        found: &'static str,
    },
    /// A stored value does not have the form it was written in.
    #[error("a stored value is damaged: {0}")]
    Corrupt(String),
    /// A sealed value cannot be opened: altered, moved to another row, or another key.
    #[error("a sealed value in {0} cannot be opened")]
    Sealed(String),
    /// A file of the store cannot be read or written.
    #[error("{what}: {reason}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's words.
        reason: String,
    },
    /// A batch made by a repository function failed.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl StoreError {
    pub(crate) fn io(what: impl Into<String>, error: &std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            reason: error.to_string(),
        }
    }
}

/// Why a batch was not applied. Except for [`BatchError::Unknown`], nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A guard found no row: what the writer took for granted is no longer so (a lost lease, say).
    #[error("the guard {name} failed")]
    GuardFailed {
        /// The guard's name.
        name: &'static str,
    },
    /// A statement touched another number of rows than expected.
    #[error("statement {statement} touched {actual} rows, expected {expected}")]
    Expectation {
        /// Position of the statement in the batch, from 0.
        statement: usize,
        /// What was expected, in words.
        expected: String,
        /// Rows touched.
        actual: u64,
    },
    /// A unique or check constraint refused a statement.
    #[error("statement {statement} violates a constraint: {reason}")]
    Constraint {
        /// Position of the statement in the batch, from 0.
        statement: usize,
        /// The engine's words.
        reason: String,
    },
    /// No room for the write. Later batches work again once there is room.
    #[error("the disk of the database is full")]
    DiskFull,
    /// The batch took longer than 3 s, or waited too long for its turn.
    #[error("the batch ran out of time")]
    Timeout,
    /// The database cannot be reached.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection was lost around COMMIT and the outcome could not be found out in time.
    #[error("the outcome of the batch is unknown: {0}")]
    Unknown(String),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A statement failed otherwise.
    #[error("statement {statement}: {reason}")]
    Sql {
        /// Position of the statement in the batch, from 0.
        statement: usize,
        /// The engine's words.
        reason: String,
    },
}

impl BatchError {
    /// Whether a guard of that name refused the batch.
    #[must_use]
    pub fn is_guard(&self, wanted: &str) -> bool {
        matches!(self, Self::GuardFailed { name } if *name == wanted)
    }
}
