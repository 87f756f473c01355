//! Connections, and how each is set up.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::sql::fault::{Fault, Outcome, file};
use crate::{Result, StoreError};

/// How long to wait for a lock of another program, as one that looks into the database: five
/// seconds, which such a look seldom takes.
const BUSY: Duration = Duration::from_secs(5);

/// Size of a page of a file that is made here, in bytes; a file keeps what it was made with. Each page is
/// written twice, by itself. SQLite's own choice of 4,096 bytes holds two PCK certificates and a rest.
const PAGE: i64 = 16_384;

/// What the writer holds of pages at most, in KiB: the certificates of a hundred platforms, which come in
/// one transaction. What it cannot hold, it writes out before it is done with it.
const CACHE: i64 = 6_000;

/// How many prepared statements a connection keeps; there are fewer of them in this crate.
const STATEMENTS: usize = 64;

/// Where the database is or will be, without symbolic links: two names of one file are to have one
/// lock. Makes its directory, for the owner alone, where it is not there.
///
/// The file itself is left alone. To open and close it takes away every lock that SQLite holds on
/// it in this process.
pub(super) fn locate(path: &Path) -> Result<PathBuf> {
    let failed = |error: std::io::Error| file(path.to_string_lossy(), &error);
    let unfit = |reason: &str| StoreError::Unavailable {
        path: path.to_string_lossy().into_owned(),
        reason: reason.to_owned(),
    };
    let name = path
        .file_name()
        .ok_or_else(|| unfit("this names no file"))?;
    if path.is_dir() {
        return Err(unfit("this is a directory; name a file in it"));
    }
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Ok(directory.canonicalize().map_err(failed)?.join(name))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Makes the file where it is not there, and closes it to everybody but its owner.
pub(super) fn create(path: &Path) -> Result<()> {
    let failed = |error: std::io::Error| file(path.to_string_lossy(), &error);
    let database = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let mode = database.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        database
            .set_permissions(Permissions::from_mode(0o600))
            .map_err(failed)?;
    }
    sync_directory(path)
}

/// Puts the name of a file on the disk. One that is not there yet would be lost with the power,
/// and the file with it.
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| file(directory.to_string_lossy(), &error))
}

/// The one connection that writes.
pub(super) fn writer(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    set_up(&connection)?;
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.pragma_update(None, "cache_size", -CACHE)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| {
        row.get("journal_mode")
    })?;
    if mode != "wal" {
        return Err(Fault::Known(StoreError::Unavailable {
            path: path.to_string_lossy().into_owned(),
            reason: "its disk does not do write-ahead logging; use a local one".to_owned(),
        }));
    }
    Ok(connection)
}

/// A connection that reads, beside the writer.
pub(super) fn reader(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    set_up(&connection)?;
    Ok(connection)
}

/// A connection to a database in memory.
pub(super) fn in_memory() -> Outcome<Connection> {
    let connection = Connection::open_in_memory()?;
    set_up(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> Outcome<()> {
    read_carefully(connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Reads a file that another hand may have changed, or another program has open: nothing that its schema
/// says is executed, the cells of its pages are looked over, and a lock is waited for.
pub(crate) fn read_carefully(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    plan_once(connection)
}

/// Keeps the plans of statements from depending on the values of parameters: otherwise one that is kept is
/// planned again at each use. None here is planned better for knowing its values.
pub(super) fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
