//! The folder and the lock of the embedded store.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use posthouse_store::Database;

use crate::Failure;

/// Held while a server runs on an embedded store; the system lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "held, never looked at")] File);

/// Makes the folder of the store, private to its owner.
pub(crate) fn make_folder(database: &Database) -> Result<(), Failure> {
    let Database::Sqlite { path } = database else {
        return Ok(());
    };
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::of(&format!("the data folder {}", folder.display()), &error))
}

/// Makes sure that no other server runs on this store.
pub(crate) fn lock(database: &Database) -> Result<Option<Lock>, Failure> {
    let Database::Sqlite { path } = database else {
        return Ok(None);
    };
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let path = Path::new(&name);
    let failed =
        |error: &dyn std::fmt::Display| Failure::of(&format!("the lock {}", path.display()), error);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(path).unwrap_or_default();
            return Err(Failure::Other(format!(
                "another Posthouse (process {}) serves this store; an embedded store takes one server, PostgreSQL takes many",
                holder.trim()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    // For the message above only.
    let _ = file
        .set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(Some(Lock(file)))
}
