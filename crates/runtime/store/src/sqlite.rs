//! Embedded SQLite: one file, one process.
//!
//! # Who waits for whom
//!
//! One connection writes, behind a mutex: writers wait for each other, each for as long as the disk
//! takes to say that it has written. A few more connections read. The log is written ahead, so a
//! reader sees the state of the last commit before it began, whatever is written meanwhile: readers
//! never wait for a writer, nor a writer for them. Readings that go through everything (checks,
//! backups) open a connection of their own and take none away from requests.
//!
//! A long reading keeps the log from being taken back into the database, so that it grows; nothing
//! else.
//!
//! # What an acknowledgement means
//!
//! A call that changes something is one transaction, and returns after the log is on the disk
//! (`synchronous = FULL`). A call that fails has changed nothing.

mod backup;
mod check;
mod connection;
mod lock;
mod migrations;
mod readers;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::TransactionBehavior;

use self::lock::Lock;
use self::readers::Readers;
use crate::Result;
#[cfg(feature = "postgres")]
use crate::StoreError;
use crate::sql::Checked;
use crate::sql::connection::Connection;
use crate::sql::fault::{Fault, Outcome};
use crate::store::Changed;

pub(crate) use self::connection::read_carefully;

/// A database of SQLite.
#[derive(Debug)]
pub(crate) struct Sqlite {
    /// For messages.
    path: String,
    /// Absent for a database in memory, where the writer reads. Closed before the writer, which
    /// tidies up the log as the last one.
    readers: Option<Readers>,
    writer: Mutex<rusqlite::Connection>,
    /// Absent for a database in memory. Given back as the last thing.
    _lock: Option<Lock>,
}

impl Sqlite {
    /// The file.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Opens the database in the file `path`, or makes it, for its owner alone; brings it to the
    /// latest schema. One process may have it at a time.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let path = connection::locate(path)?;
        let lock = Lock::take(&path)?;
        connection::create(&path)?;
        let name = path.to_string_lossy().into_owned();
        let open = || {
            let mut writer = connection::writer(&path)?;
            migrations::apply(&mut writer, &name, migrations::ALL)?;
            Ok((Readers::open(&path)?, writer))
        };
        let (readers, writer) = open().map_err(|fault: Fault| fault.at(&name))?;
        Ok(Self {
            path: name,
            readers: Some(readers),
            writer: Mutex::new(writer),
            _lock: Some(lock),
        })
    }

    /// The same for a file that must be there, and be a store.
    #[cfg(feature = "postgres")]
    pub(crate) fn open_existing(path: &Path) -> Result<Self> {
        let name = path.to_string_lossy();
        let found = connection::reader(path).map_err(|fault| fault.at(&name))?;
        if !migrations::is_ours(&found).map_err(|fault| fault.at(&name))? {
            return Err(StoreError::Unavailable {
                path: name.into_owned(),
                reason: "this is not a store; name another file".to_owned(),
            });
        }
        drop(found);
        Self::open(path)
    }

    /// A database that is gone when it is dropped.
    pub(crate) fn open_in_memory() -> Result<Self> {
        let path = "a store in memory".to_owned();
        let open = || {
            let mut writer = connection::in_memory()?;
            migrations::apply(&mut writer, &path, migrations::ALL)?;
            Ok(writer)
        };
        let writer = open().map_err(|fault: Fault| fault.at(&path))?;
        Ok(Self {
            path,
            readers: None,
            writer: Mutex::new(writer),
            _lock: None,
        })
    }

    fn writer(&self) -> MutexGuard<'_, rusqlite::Connection> {
        // A transaction that a panic cut off was rolled back with it.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, in one transaction.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Connection<'_>) -> Outcome<T>,
    ) -> Result<(T, Changed)> {
        let mut writer = self.writer();
        let before = writer.total_changes();
        let change = || {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&Connection::Sqlite(&transaction))?;
            transaction.commit()?;
            Ok(done)
        };
        let done = change().map_err(|fault: Fault| fault.at(&self.path))?;
        let changed = match writer.total_changes() == before {
            true => Changed::Nothing,
            false => Changed::Something,
        };
        Ok((done, changed))
    }

    /// Reads something, in one transaction: all of it from one state.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection<'_>) -> Outcome<T>) -> Result<T> {
        let reading = |connection: &mut rusqlite::Connection| {
            work(&Connection::Sqlite(&*connection.transaction()?))
        };
        let read = match &self.readers {
            Some(readers) => readers.with(reading),
            None => reading(&mut self.writer()),
        };
        read.map_err(|fault| fault.at(&self.path))
    }

    /// As [`Self::read`], for what takes long: on a connection of its own.
    pub(crate) fn read_apart<T>(
        &self,
        work: impl FnOnce(&Connection<'_>) -> Outcome<T>,
    ) -> Result<T> {
        let Some(readers) = &self.readers else {
            return self.read(work);
        };
        let read = || work(&Connection::Sqlite(&*readers.another()?.transaction()?));
        read().map_err(|fault: Fault| fault.at(&self.path))
    }

    /// Reads everything; an error says the first thing that is wrong.
    pub(crate) fn check(&self) -> Result<Checked> {
        self.read_apart(|connection| match connection {
            Connection::Sqlite(connection) => check::check(connection),
            #[cfg(feature = "postgres")]
            Connection::Postgres(_) => Err(Fault::Refused("not a database of SQLite".to_owned())),
        })
    }
}
