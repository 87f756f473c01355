//! The database of Intel's cache (PCCS 1.27, SQLite, schema 5), read to be taken over.
//!
//! What comes out is what `PUT /platformcollateral` takes in, and is as little believed: nothing here
//! is verified. The database is opened for reading alone, and read as of one moment, also while the
//! cache runs.

mod documents;
mod platforms;
mod row;

use std::path::{Path, PathBuf};

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use crate::sqlite::read_carefully;
pub use documents::{Documents, Policy};
pub use platforms::{Platforms, Rows, Waiting};

/// Longest value that is read, in bytes: the longest of the vendor's, a CRL, has 1 MiB.
const LONGEST_VALUE: i32 = 4 * 1024 * 1024;

/// Most rows of one list, in which each family has eight documents: more than any fleet that waits.
const MOST_ROWS: usize = 1_000_000;

/// Most certificates, and most TCBs, of one platform: the vendor knows a dozen.
const MOST_OF_PLATFORM: usize = 1_000;

/// The schema that is known.
const SCHEMA: u32 = 5;

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct PccsDatabaseError {
    path: PathBuf,
    reason: String,
}

/// Something in the database that is not what its column says, and is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a row of a report")]
pub struct LeftOut {
    /// Table and key.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// The database.
pub struct PccsDatabase {
    connection: Connection,
    path: PathBuf,
}

type Result<T> = std::result::Result<T, PccsDatabaseError>;

impl PccsDatabase {
    /// Opens a database, and looks whether it is one of Intel's cache in a schema that is known.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error: rusqlite::Error| PccsDatabaseError {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        read_carefully(&connection).map_err(failed)?;
        connection
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
            .map_err(failed)?;
        // One moment for all that is read.
        connection.execute_batch("BEGIN").map_err(failed)?;
        let database = Self {
            connection,
            path: path.to_owned(),
        };
        database.check_tables()?;
        database.check_schema()?;
        Ok(database)
    }

    /// The cache has tables alone. What is computed while it is read could go on for ever.
    fn check_tables(&self) -> Result<()> {
        let others = "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index') \
                      OR sql LIKE 'CREATE VIRTUAL%' OR sql LIKE '%GENERATED%'";
        let others = self.connection.query_row(others, [], |row| row.get(0));
        match others.map_err(self.failed())? {
            0_i64 => Ok(()),
            _ => Err(self.unfit("this is no database of Intel's cache: it has more than tables")),
        }
    }

    fn check_schema(&self) -> Result<()> {
        let version = self.connection.query_row(
            "SELECT db_version FROM pcs_version ORDER BY id LIMIT 1",
            [],
            |row| row.get::<_, u32>(0),
        );
        match version {
            Ok(SCHEMA) => Ok(()),
            Ok(other) => Err(self.unfit(&format!(
                "its schema is {other}, and {SCHEMA} is known; start the latest release of the cache \
                 once, which brings its database up to date"
            ))),
            Err(error) => Err(self.unfit(&format!(
                "this is no database of Intel's cache, or one of an old release: {error}"
            ))),
        }
    }

    fn unfit(&self, reason: &str) -> PccsDatabaseError {
        PccsDatabaseError {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }

    /// All rows, where they are not more than `most`.
    fn collect<T>(
        &self,
        rows: impl Iterator<Item = rusqlite::Result<T>>,
        most: usize,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for row in rows {
            if all.len() == most {
                return Err(self.unfit(&format!("a list of it has more than {most} rows")));
            }
            all.push(row.map_err(self.failed())?);
        }
        Ok(all)
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> PccsDatabaseError + '_ {
        |error| self.unfit(&error.to_string())
    }
}
