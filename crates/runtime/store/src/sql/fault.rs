//! From what a database says to what the caller can do about it.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::StoreError;

/// What went wrong inside a transaction, before the database's name is put to it.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// PostgreSQL refused, or is out of reach.
    #[cfg(feature = "postgres")]
    Postgres(crate::postgres::Failure),
    /// This crate refused, for a reason in words.
    Refused(String),
    /// What was read is not what was written.
    Damaged(String),
    /// An error that needs no more words.
    Known(StoreError),
}

/// What happens inside a transaction.
pub(crate) type Outcome<T> = std::result::Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// The same, told of another file than the database.
    pub(crate) fn within(self, path: &Path) -> Self {
        Self::Known(self.at(&path.to_string_lossy()))
    }

    /// The same, told of the database at `path`.
    pub(crate) fn at(self, path: &str) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Sqlite(error) => sqlite(path, &error),
            #[cfg(feature = "postgres")]
            Self::Postgres(failure) => failure.at(path),
            Self::Refused(reason) => StoreError::Unavailable { path, reason },
            Self::Damaged(reason) => StoreError::Damaged { path, reason },
            Self::Known(error) => error,
        }
    }
}

fn sqlite(path: String, error: &rusqlite::Error) -> StoreError {
    use rusqlite::Error;

    let reason = error.to_string();
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreError::Full { path },
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                StoreError::ReadOnly { path, reason }
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                StoreError::Damaged { path, reason }
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::InUse {
                path,
                holder: "a program that keeps its tables locked".to_owned(),
            },
            _ => StoreError::Unavailable { path, reason },
        },
        // Everything is written by this crate: a value that it cannot read is not what it wrote.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreError::Damaged { path, reason },
        _ => StoreError::Unavailable { path, reason },
    }
}

/// An error of the file system.
pub(crate) fn file(path: impl Into<String>, error: &io::Error) -> StoreError {
    let path = path.into();
    let reason = error.to_string();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path, reason }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        _ => StoreError::Unavailable { path, reason },
    }
}
