//! The embedded engine: one writer thread, a few reader threads, one file in WAL mode.

mod reader;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags};

use crate::batch::{Batch, Committed, Done};
use crate::error::{BatchError, StoreError};
use crate::migrate;
use crate::sql::Sql;
use crate::value::{Row, Value};

use reader::Readers;
use writer::Writer;

/// How long a connection waits for another process (the command line) that holds the write lock.
const BUSY: Duration = Duration::from_secs(10);

pub(crate) struct Sqlite {
    readers: Readers,
    writer: Writer,
    path: PathBuf,
}

impl Sqlite {
    /// Opens (or makes) the file and brings the schema up to date. Blocking.
    pub(crate) fn open(path: &Path, readers: usize) -> Result<Self, StoreError> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            make_private_folder(folder)?;
        }
        make_private_file(path)?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        configure_writer(&connection).map_err(|error| open_error(&error))?;
        migrate::sqlite(&mut connection)?;
        let writer = Writer::start(connection)?;
        let readers = Readers::start(readers.max(1), || {
            connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        })?;
        Ok(Self {
            readers,
            writer,
            path: path.to_owned(),
        })
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<Committed, BatchError> {
        self.writer.commit(batch).await
    }

    pub(crate) async fn query(&self, sql: Sql, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.readers.query(sql, params).await
    }

    /// Finishes what is queued, then leaves one file without a log beside it.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.close().await
    }

    pub(crate) async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        self.writer.limit_pages(pages).await
    }

    /// The folder of large blobs, beside the database file.
    pub(crate) fn blob_folder(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push("-blobs");
        PathBuf::from(name)
    }
}

/// Makes a folder that only its owner can read.
pub(crate) fn make_private_folder(folder: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| StoreError::io(format!("cannot make {}", folder.display()), &error))
}

/// SQLite gives its log files the mode of the database file, so making that file private is enough.
fn make_private_file(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::io(
            format!("cannot make {}", path.display()),
            &error,
        )),
    }
}

fn open_error(error: &rusqlite::Error) -> StoreError {
    StoreError::Open(error.to_string())
}

fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::Open(format!("{}: {error}", path.display())))?;
    connection
        .busy_timeout(BUSY)
        .map_err(|error| open_error(&error))?;
    connection.set_prepared_statement_cache_capacity(256);
    // KiB. The system's own cache holds the rest; SQLite's default would cost 2 MB a connection.
    connection
        .pragma_update(None, "cache_size", -512)
        .map_err(|error| open_error(&error))?;
    Ok(connection)
}

fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    // Two processes that turn a new file to WAL at once: the loser is told "locked" without the busy handler's wait.
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            other => break other?,
        }
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::I64(value) => ValueRef::Integer(*value),
            Self::F64(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// Runs one prepared statement to its end.
fn run(statement: &mut CachedStatement<'_>, params: &[Value]) -> rusqlite::Result<Done> {
    for (at, value) in params.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, value)?;
    }
    let columns = statement.column_count();
    if columns == 0 {
        let affected = statement.raw_execute()?;
        return Ok(Done {
            affected: affected as u64,
            rows: Vec::new(),
        });
    }
    let mut rows = Vec::new();
    let mut cursor = statement.raw_query();
    while let Some(row) = cursor.next()? {
        let mut values = Vec::with_capacity(columns);
        for column in 0..columns {
            values.push(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(value) => Value::I64(value),
                ValueRef::Real(value) => Value::F64(value),
                ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
                ValueRef::Blob(value) => Value::Blob(value.to_vec()),
            });
        }
        rows.push(Row::new(values));
    }
    Ok(Done {
        affected: rows.len() as u64,
        rows,
    })
}
