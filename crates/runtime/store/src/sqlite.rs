//! The ports over embedded SQLite.
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
//!
//! # Damage
//!
//! SQLite notices pages that make no sense, not bytes that changed inside a value. So every row
//! carries SHA-256 over its content, which is checked when it is read: what is given out is what
//! was put in, or an error. A row that a damaged index hides is found by [`Store::check`] alone.

mod audit;
mod backup;
mod check;
mod column;
mod connection;
mod documents;
mod fault;
mod fleet;
mod governance;
mod lock;
mod migrations;
mod readers;
mod retention;
mod secrets;
mod set_aside;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::fault::{Fault, Outcome};
use self::lock::Lock;
use self::readers::Readers;
use crate::{Result, StoreError};

pub use self::check::Checked;
pub use self::retention::{Pruned, Retention};

/// What the service remembers, in one SQLite database. Shared by reference between threads; calls
/// block.
#[derive(Debug)]
pub struct Store {
    /// For messages.
    path: String,
    /// Absent for a database in memory, where the writer reads. Closed before the writer, which
    /// tidies up the log as the last one.
    readers: Option<Readers>,
    writer: Mutex<Connection>,
    /// Whether the disk took the last change.
    takes_changes: AtomicBool,
    /// Absent for a database in memory. Given back as the last thing.
    _lock: Option<Lock>,
}

impl Store {
    /// The file of the store, for people and for whoever puts something beside it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Opens the store in the file `path`, or makes it, for its owner alone; brings it to the
    /// latest schema. One process may have it at a time.
    pub fn open(path: &Path) -> Result<Self> {
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
            takes_changes: AtomicBool::new(true),
            _lock: Some(lock),
        })
    }

    /// A store that is gone when it is dropped, for tests.
    pub fn open_in_memory() -> Result<Self> {
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
            takes_changes: AtomicBool::new(true),
            _lock: None,
        })
    }

    /// Whether the disk took the last change: `false` from the first that failed because it is full,
    /// read-only or broken until one succeeds. What is stored can be read all the same.
    pub fn takes_changes(&self) -> bool {
        self.takes_changes.load(Ordering::Relaxed)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic cut off was rolled back with it.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, in one transaction.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> Result<T> {
        let mut writer = self.writer();
        let before = writer.total_changes();
        let change = || {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        let changed = change().map_err(|fault: Fault| fault.at(&self.path));
        match &changed {
            // What changes nothing writes nothing, and says nothing of the disk.
            Ok(_) if writer.total_changes() == before => {}
            Ok(_) => self.takes_changes.store(true, Ordering::Relaxed),
            Err(
                StoreError::Full { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::Unavailable { .. },
            ) => self.takes_changes.store(false, Ordering::Relaxed),
            Err(_) => {}
        }
        changed
    }

    /// Reads something, in one transaction: all of it from one state.
    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> Result<T> {
        let reading = |connection: &mut Connection| work(&connection.transaction()?);
        let read = match &self.readers {
            Some(readers) => readers.with(reading),
            None => reading(&mut self.writer()),
        };
        read.map_err(|fault| fault.at(&self.path))
    }

    /// As [`Self::read`], for what takes long: on a connection of its own.
    fn read_apart<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Outcome<T>) -> Result<T> {
        let Some(readers) = &self.readers else {
            return self.read(work);
        };
        let read = || work(&readers.another()?.transaction()?);
        read().map_err(|fault: Fault| fault.at(&self.path))
    }
}
