//! Batches: the only way to write.

use uuid::Uuid;

use crate::error::{BatchError, StoreError};
use crate::sql::Sql;
use crate::value::{Row, Value};

/// Statements that are applied all or not at all.
///
/// Nothing is awaited inside but the database, and a batch is limited to 3 s. Statements run in order; a later one
/// sees what an earlier one wrote. So a number taken in the same batch is used by a subselect:
///
/// ```
/// # use posthouse_store::{Batch, params};
/// let mut batch = Batch::new();
/// batch.next_seq("account-1");
/// batch.push(
///     "INSERT INTO announce (account, mailbox, ref, data, created) \
///      VALUES ($1, 1, 'x', (SELECT CAST(seq AS TEXT) FROM account_seq WHERE account=$1), 0)",
///     params!["account-1"],
/// );
/// ```
///
/// The row of `account_seq` stays locked until the commit, so the order of numbers is the order of commits, whoever
/// writes.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) id: Uuid,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) sql: Sql,
    pub(crate) params: Vec<Value>,
    pub(crate) expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Anything,
    Rows(Rows),
    Guard(&'static str),
}

/// How many rows a statement must touch (or return).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// This many.
    Exactly(u64),
    /// This many or more.
    AtLeast(u64),
}

impl From<u64> for Rows {
    fn from(count: u64) -> Self {
        Self::Exactly(count)
    }
}

impl Rows {
    const fn holds(self, actual: u64) -> bool {
        match self {
            Self::Exactly(wanted) => actual == wanted,
            Self::AtLeast(wanted) => actual >= wanted,
        }
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(count) => write!(f, "exactly {count}"),
            Self::AtLeast(count) => write!(f, "at least {count}"),
        }
    }
}

/// Names a statement of a batch, to find its result in [`Committed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement(usize);

/// The statement just pushed; gives its name or sets its expectation.
#[derive(Debug)]
pub struct Pushed<'a> {
    batch: &'a mut Batch,
    statement: Statement,
}

impl Pushed<'_> {
    /// The batch fails unless the statement touches (or returns) that many rows; a number means exactly.
    pub fn expect_rows(self, rows: impl Into<Rows>) -> Statement {
        if let Some(step) = self.batch.steps.get_mut(self.statement.0) {
            step.expect = Expect::Rows(rows.into());
        }
        self.statement
    }

    /// The name by which [`Committed`] knows this statement's result.
    #[must_use]
    pub const fn statement(&self) -> Statement {
        self.statement
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// An empty batch with a new id.
    #[must_use]
    pub fn new() -> Self {
        Self {
            id: Uuid::now_v7(),
            steps: Vec::new(),
        }
    }

    /// The id under which PostgreSQL remembers for an hour that this batch was applied.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Whether nothing was pushed yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Adds a statement.
    pub fn push(&mut self, sql: impl Into<Sql>, params: Vec<Value>) -> Pushed<'_> {
        self.add(sql.into(), params, Expect::Anything)
    }

    /// Adds a condition: the statement must return or touch a row, or the batch fails with
    /// [`BatchError::GuardFailed`]. On PostgreSQL the text should lock what it reads (`FOR SHARE`).
    pub fn guard(&mut self, name: &'static str, sql: impl Into<Sql>, params: Vec<Value>) {
        self.add(sql.into(), params, Expect::Guard(name));
    }

    /// The guard that every batch of an account's owner begins with: the account's row still names this owner and
    /// epoch. It locks the row against a takeover until the commit, so a deposed node cannot write.
    ///
    /// The lock is the one an UPDATE takes: with a shared one, two batches of one owner that both go on to change the
    /// row would each wait for the other.
    pub fn guard_lease(&mut self, account: &str, owner: &str, epoch: i64) {
        self.guard(
            "lease",
            Sql::dialects(
                "SELECT 1 FROM accounts WHERE account=$1 AND owner=$2 AND epoch=$3",
                "SELECT 1 FROM accounts WHERE account=$1 AND owner=$2 AND epoch=$3 FOR NO KEY UPDATE",
            ),
            crate::params![account, owner, epoch],
        );
    }

    /// Takes the account's next event number (from 1). Statements after it use
    /// `(SELECT seq FROM account_seq WHERE account=$n)`; the result row is the number.
    pub fn next_seq(&mut self, account: &str) -> Statement {
        self.push(
            "INSERT INTO account_seq (account, seq, mailbox) VALUES ($1, 1, 0) \
             ON CONFLICT (account) DO UPDATE SET seq = account_seq.seq + 1 RETURNING seq",
            crate::params![account],
        )
        .expect_rows(1)
    }

    /// Appends the statements of another batch; their names in `other` are not valid here.
    pub fn append(&mut self, other: Self) {
        self.steps.extend(other.steps);
    }

    fn add(&mut self, sql: Sql, params: Vec<Value>, expect: Expect) -> Pushed<'_> {
        let statement = Statement(self.steps.len());
        self.steps.push(Step {
            sql,
            params,
            expect,
        });
        Pushed {
            batch: self,
            statement,
        }
    }
}

impl Step {
    /// Holds the expectation against what the statement did.
    pub(crate) fn check(&self, statement: usize, done: &Done) -> Result<(), BatchError> {
        match self.expect {
            Expect::Guard(name) if done.affected == 0 => Err(BatchError::GuardFailed { name }),
            Expect::Rows(rows) if !rows.holds(done.affected) => Err(BatchError::Expectation {
                statement,
                expected: rows.to_string(),
                actual: done.affected,
            }),
            _ => Ok(()),
        }
    }
}

/// What one statement did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Done {
    pub(crate) affected: u64,
    pub(crate) rows: Vec<Row>,
}

/// The result of a batch that is durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    pub(crate) done: Vec<Done>,
}

impl Committed {
    /// Rows a statement touched or returned.
    #[must_use]
    pub fn affected(&self, statement: Statement) -> u64 {
        self.done.get(statement.0).map_or(0, |done| done.affected)
    }

    /// Rows a statement returned.
    #[must_use]
    pub fn rows(&self, statement: Statement) -> &[Row] {
        self.done
            .get(statement.0)
            .map_or(&[], |done| done.rows.as_slice())
    }

    /// The only row a statement returned.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it returned none.
    pub fn row(&self, statement: Statement) -> Result<&Row, StoreError> {
        self.rows(statement)
            .first()
            .ok_or_else(|| StoreError::Corrupt("a statement returned no row".to_owned()))
    }
}
