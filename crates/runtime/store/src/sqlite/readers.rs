//! A small pool of connections that read.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use rusqlite::Connection;

use super::connection;
use crate::sql::fault::Outcome;

/// How many connections read at the same time: as many as small machines have cores. Each keeps
/// up to 2 MiB of pages, and a reading takes microseconds.
const READERS: usize = 4;

/// The connections.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    connections: [Mutex<Connection>; READERS],
    /// Where to queue when all are in use.
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        let one = || connection::reader(path).map(Mutex::new);
        Ok(Self {
            path: path.to_owned(),
            connections: [one()?, one()?, one()?, one()?],
            next: AtomicUsize::new(0),
        })
    }

    /// A connection beside those of the pool, for work that takes long.
    pub(super) fn another(&self) -> Outcome<Connection> {
        connection::reader(&self.path)
    }

    /// Works with a connection; waits for another reader where all are in use, never for a writer.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        for connection in &self.connections {
            match connection.try_lock() {
                Ok(mut idle) => return work(&mut idle),
                Err(TryLockError::Poisoned(idle)) => return work(&mut idle.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % READERS;
        let mut connection = self.connections[turn]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut connection)
    }
}
