//! Portable values and rows: the five column types both engines share.

use posthouse_model::{AccountId, Timestamp};

use crate::error::StoreError;

/// One column value. Times are `I64` milliseconds since the epoch, JSON is `Text`.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT.
    I64(i64),
    /// DOUBLE PRECISION.
    F64(f64),
    /// TEXT.
    Text(String),
    /// BLOB on SQLite, BYTEA on PostgreSQL.
    Blob(Vec<u8>),
}

/// Shows the kind and the size only: values can hold mail and personal data.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::I64(value) => write!(f, "I64({value})"),
            Self::F64(value) => write!(f, "F64({value})"),
            Self::Text(value) => write!(f, "Text({} bytes)", value.len()),
            Self::Blob(value) => write!(f, "Blob({} bytes)", value.len()),
        }
    }
}

impl Value {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::I64(_) => "integer",
            Self::F64(_) => "float",
            Self::Text(_) => "text",
            Self::Blob(_) => "blob",
        }
    }
}

macro_rules! from_integer {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::I64(i64::from(value))
            }
        }
    )*};
}
from_integer!(i64, i32, u32, u16, u8, bool);

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::I64(value.millis())
    }
}

impl From<&AccountId> for Value {
    fn from(value: &AccountId) -> Self {
        Self::Text(value.as_str().to_owned())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::F64(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameters of one statement: `params![account, 5, None::<i64>]`, bound to `$1`, `$2`, …
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        ::std::vec::Vec::<$crate::Value>::from([$($crate::Value::from($value)),*])
    };
}

/// One row of a result; columns by position, counted from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(Box<[Value]>);

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_boxed_slice())
    }

    /// All columns.
    #[must_use]
    pub const fn values(&self) -> &[Value] {
        &self.0
    }

    fn wrong(&self, column: usize, wanted: &'static str) -> StoreError {
        StoreError::Column {
            column,
            wanted,
            found: self.0.get(column).map_or("no such column", Value::kind),
        }
    }

    /// An integer.
    ///
    /// # Errors
    /// [`StoreError::Column`] if the column is absent, NULL or of another type; so do all getters here.
    pub fn i64(&self, column: usize) -> Result<i64, StoreError> {
        match self.0.get(column) {
            Some(Value::I64(value)) => Ok(*value),
            _ => Err(self.wrong(column, "integer")),
        }
    }

    /// An integer or NULL.
    ///
    /// # Errors
    /// As [`Row::i64`].
    pub fn opt_i64(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Value::I64(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(column, "integer or null")),
        }
    }

    /// A point in time.
    ///
    /// # Errors
    /// As [`Row::i64`].
    pub fn time(&self, column: usize) -> Result<Timestamp, StoreError> {
        self.i64(column).map(Timestamp)
    }

    /// A count or number that is never negative.
    ///
    /// # Errors
    /// As [`Row::i64`]; [`StoreError::Corrupt`] if it is out of range.
    pub fn count<T: TryFrom<i64>>(&self, column: usize) -> Result<T, StoreError> {
        T::try_from(self.i64(column)?)
            .map_err(|_| StoreError::Corrupt(format!("number in column {column}")))
    }

    /// A text parsed into one of the vocabulary's types.
    ///
    /// # Errors
    /// As [`Row::i64`]; [`StoreError::Corrupt`] if it does not parse.
    pub fn parse<T: std::str::FromStr>(&self, column: usize) -> Result<T, StoreError> {
        self.text(column)?
            .parse()
            .map_err(|_| StoreError::Corrupt(format!("word in column {column}")))
    }

    /// A float.
    ///
    /// # Errors
    /// As [`Row::i64`].
    pub fn f64(&self, column: usize) -> Result<f64, StoreError> {
        match self.0.get(column) {
            Some(Value::F64(value)) => Ok(*value),
            _ => Err(self.wrong(column, "float")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// As [`Row::i64`].
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value),
            _ => Err(self.wrong(column, "text")),
        }
    }

    /// A text or NULL.
    ///
    /// # Errors
    /// As [`Row::i64`].
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(column, "text or null")),
        }
    }

    /// Bytes.
    ///
    /// # Errors
    /// As [`Row::i64`].
    pub fn blob(&self, column: usize) -> Result<&[u8], StoreError> {
        match self.0.get(column) {
            Some(Value::Blob(value)) => Ok(value),
            _ => Err(self.wrong(column, "blob")),
        }
    }

    /// Bytes or NULL.
    ///
    /// # Errors
    /// As [`Row::i64`].
    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.0.get(column) {
            Some(Value::Blob(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(column, "blob or null")),
        }
    }

    /// A text column that holds JSON, parsed.
    ///
    /// # Errors
    /// As [`Row::i64`]; [`StoreError::Corrupt`] if the text is not the JSON that is expected.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, StoreError> {
        serde_json::from_str(self.text(column)?)
            .map_err(|error| StoreError::Corrupt(format!("JSON in column {column}: {error}")))
    }

    /// A text column that holds JSON or NULL, parsed.
    ///
    /// # Errors
    /// As [`Row::json`].
    pub fn opt_json<T: serde::de::DeserializeOwned>(
        &self,
        column: usize,
    ) -> Result<Option<T>, StoreError> {
        self.opt_text(column)?
            .map(|text| {
                serde_json::from_str(text).map_err(|error| {
                    StoreError::Corrupt(format!("JSON in column {column}: {error}"))
                })
            })
            .transpose()
    }
}
