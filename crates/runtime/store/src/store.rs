//! The store: five ports over one of two databases.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "postgres")]
use crate::postgres::{self, Postgres};
use crate::sql::Checked;
#[cfg(feature = "postgres")]
use crate::sql::Copied;
use crate::sql::connection::Connection;
#[cfg(feature = "postgres")]
use crate::sql::fault::Fault;
use crate::sql::fault::Outcome;
use crate::sqlite::Sqlite;
use crate::{Result, StoreError};

/// What the service remembers, in one database. Shared by reference between threads; calls block.
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// Whether the database took the last change.
    takes_changes: AtomicBool,
}

#[derive(Debug)]
enum Database {
    Sqlite(Sqlite),
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

impl Store {
    fn over(database: Database) -> Self {
        Self {
            database,
            takes_changes: AtomicBool::new(true),
        }
    }

    /// Opens the store in the SQLite file `path`, or makes it, for its owner alone; brings it to
    /// the latest schema. One process may have it at a time.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::over(Database::Sqlite(Sqlite::open(path)?)))
    }

    /// A store that is gone when it is dropped, for tests.
    pub fn open_in_memory() -> Result<Self> {
        Ok(Self::over(Database::Sqlite(Sqlite::open_in_memory()?)))
    }

    /// The store in a database of PostgreSQL, brought to the latest schema. Many processes may
    /// have it at a time.
    #[cfg(feature = "postgres")]
    pub fn connect(settings: postgres::Settings) -> Result<Self> {
        Ok(Self::over(Database::Postgres(Postgres::connect(settings)?)))
    }

    /// Puts the backup `from` in the place `to`, where nothing may be, after checking it and
    /// bringing it to the latest schema. The backup stays as it is.
    pub fn restore(from: &Path, to: &Path) -> Result<Checked> {
        Sqlite::restore(from, to)
    }

    /// Copies the store in the SQLite file `from`, which no process may have at the time, into a
    /// database of PostgreSQL in which nothing is yet. Both are checked, and brought to the latest
    /// schema. All of it arrives, or nothing.
    #[cfg(feature = "postgres")]
    pub fn copy(from: &Path, to: postgres::Settings) -> Result<Copied> {
        let from = Sqlite::open_existing(from)?;
        from.check()?;
        let to = Postgres::connect(to)?;
        from.read_apart(|from| {
            let copied = to.write(|to| crate::sql::copy(from, to));
            copied.map(|(copied, _)| copied).map_err(Fault::Known)
        })
    }

    /// What the store is called in messages: the file, or the database and its server.
    pub fn name(&self) -> &str {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.path(),
            #[cfg(feature = "postgres")]
            Database::Postgres(postgres) => postgres.name(),
        }
    }

    /// The file of the store, for whoever puts something beside it; absent where it is none.
    pub fn file(&self) -> Option<&Path> {
        match &self.database {
            Database::Sqlite(sqlite) => Some(Path::new(sqlite.path())),
            #[cfg(feature = "postgres")]
            Database::Postgres(_) => None,
        }
    }

    /// Whether other processes may have the store too: what is read may have changed since.
    pub fn is_shared(&self) -> bool {
        match &self.database {
            Database::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Database::Postgres(_) => true,
        }
    }

    /// Whether the database took the last change: `false` from the first that failed because it is
    /// full, read-only, broken or out of reach until one succeeds. What is stored can be read all
    /// the same, unless it is out of reach.
    pub fn takes_changes(&self) -> bool {
        self.takes_changes.load(Ordering::Relaxed)
    }

    /// Reads everything: pages and indexes, what refers to what, the digest of every row, the
    /// audit chain. An error says the first thing that is wrong. Takes as long as reading
    /// everything does; others go on meanwhile. Of PostgreSQL only what is in the rows is looked
    /// at: pages and indexes are its own matter.
    pub fn check(&self) -> Result<Checked> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.check(),
            #[cfg(feature = "postgres")]
            Database::Postgres(postgres) => postgres.read_apart(crate::sql::check),
        }
    }

    /// Writes the present state to a new file `to`, checks it, and only then gives it its name.
    /// Refuses to write over something. Readers and the writer go on meanwhile.
    ///
    /// A backup is a store: [`Store::open`] opens it. The file holds everything, and is for the
    /// owner alone. A store in PostgreSQL is backed up with the tools of PostgreSQL, and refuses.
    pub fn backup(&self, to: &Path) -> Result<Checked> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.backup(to),
            #[cfg(feature = "postgres")]
            Database::Postgres(postgres) => Err(StoreError::Unavailable {
                path: postgres.name().to_owned(),
                reason: "this store is backed up by PostgreSQL, not by bulla: use pg_dump, or \
                         archive its write-ahead log"
                    .to_owned(),
            }),
        }
    }

    /// Changes something, in one transaction.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Connection<'_>) -> Outcome<T>) -> Result<T> {
        let changed = match &self.database {
            Database::Sqlite(sqlite) => sqlite.write(work),
            #[cfg(feature = "postgres")]
            Database::Postgres(postgres) => postgres.write(work),
        };
        match &changed {
            // What changes nothing writes nothing, and says nothing of the disk.
            Ok((_, Changed::Nothing)) => {}
            Ok((_, Changed::Something)) => self.takes_changes.store(true, Ordering::Relaxed),
            Err(
                StoreError::Full { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Unavailable { .. },
            ) => self.takes_changes.store(false, Ordering::Relaxed),
            Err(_) => {}
        }
        changed.map(|(done, _)| done)
    }

    /// Reads something, in one transaction: all of it from one state.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection<'_>) -> Outcome<T>) -> Result<T> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.read(work),
            #[cfg(feature = "postgres")]
            Database::Postgres(postgres) => postgres.read(work),
        }
    }

    /// As [`Self::read`], for what takes long: on a connection of its own.
    pub(crate) fn read_apart<T>(
        &self,
        work: impl FnOnce(&Connection<'_>) -> Outcome<T>,
    ) -> Result<T> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.read_apart(work),
            #[cfg(feature = "postgres")]
            Database::Postgres(postgres) => postgres.read_apart(work),
        }
    }

    /// The database in its file, for tests that need a hand inside.
    #[cfg(test)]
    pub(crate) fn sqlite(&self) -> &Sqlite {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite,
            #[cfg(feature = "postgres")]
            Database::Postgres(_) => panic!("a store in PostgreSQL"),
        }
    }
}

/// What a transaction did to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// It wrote.
    Something,
    /// It only looked.
    Nothing,
}
