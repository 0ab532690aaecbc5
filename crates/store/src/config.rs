//! Where the state lives and how it is opened.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::clock::ManualClock;
use crate::error::StoreError;

/// The database: `sqlite:PATH` or `postgres://…`.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// One file, one server process; the command line may open it beside.
    Sqlite {
        /// The database file; large blobs lie in `PATH-blobs`.
        path: PathBuf,
    },
    /// A PostgreSQL server, shared by the nodes of a cluster.
    Postgres {
        /// `postgres://user:password@host:port/name?sslmode=…`.
        url: String,
    },
}

impl FromStr for Database {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(StoreError::Config(
                    "sqlite: needs the path of a file, as in sqlite:data/posthouse.db".to_owned(),
                ));
            }
            return Ok(Self::Sqlite {
                path: PathBuf::from(path),
            });
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres {
                url: text.to_owned(),
            });
        }
        Err(StoreError::Config(
            "the database must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME".to_owned(),
        ))
    }
}

/// The address without its password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite:{}", path.display()),
            Self::Postgres { url } => f.write_str(&crate::postgres::redact(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What [`Store::open`](crate::Store::open) needs to know.
#[derive(Clone)]
pub struct StoreConfig {
    /// Which database.
    pub database: Database,
    /// The secret that seals passwords and other secrets; without one an embedded store keeps a key file.
    pub secret: Option<String>,
    /// Folder of the key file; `None` means beside the database file.
    pub key_folder: Option<PathBuf>,
    /// Accept a PostgreSQL server with `fsync` or `synchronous_commit` off.
    pub allow_unsafe_durability: bool,
    /// Reader threads (SQLite), or a quarter of the connections (PostgreSQL, at least 8).
    pub readers: usize,
    /// A clock of the test's own; `None` in every product.
    #[doc(hidden)]
    pub clock: Option<ManualClock>,
}

impl StoreConfig {
    /// The defaults for a database: no secret, durability demanded, two readers.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self {
            database,
            secret: None,
            key_folder: None,
            allow_unsafe_durability: false,
            readers: 2,
            clock: None,
        }
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("database", &self.database)
            .field("secret", &self.secret.as_ref().map(|_| "…"))
            .field("key_folder", &self.key_folder)
            .field("allow_unsafe_durability", &self.allow_unsafe_durability)
            .field("readers", &self.readers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_parsed_and_passwords_hidden() {
        let path = |text: &str| text.parse::<Database>().unwrap();
        assert_eq!(
            path("sqlite:data/x.db"),
            Database::Sqlite {
                path: "data/x.db".into()
            }
        );
        assert_eq!(
            path("sqlite:///var/x.db"),
            Database::Sqlite {
                path: "/var/x.db".into()
            }
        );
        let postgres = path("postgres://me:hunter2@db/mail?password=hunter2");
        assert!(!format!("{postgres:?} {postgres}").contains("hunter2"));
        let mut config = StoreConfig::new(postgres);
        config.secret = Some("hunter2".to_owned());
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!("mysql://x".parse::<Database>().is_err());
        assert!("sqlite:".parse::<Database>().is_err());
    }
}
