//! From what PostgreSQL says to what the caller can do about it.

use std::error::Error as _;
use std::fmt::Write as _;

use tokio_postgres::error::SqlState;

use crate::StoreError;
use crate::sql::fault::Fault;

/// Why PostgreSQL did not do what it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: Kind,
    /// In words. Nothing of a row and no password is in it.
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No server answers, or it lets nobody in.
    Unreachable,
    Full,
    ReadOnly,
    Damaged,
    Other,
}

impl Failure {
    /// Nobody answers.
    pub(super) fn unreachable(reason: impl Into<String>) -> Self {
        Self {
            kind: Kind::Unreachable,
            reason: reason.into(),
        }
    }

    /// Whether the server could not be asked at all.
    pub(super) fn is_unreachable(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// The same, told of the database of this name.
    pub(crate) fn at(self, path: String) -> StoreError {
        let reason = self.reason;
        match self.kind {
            Kind::Unreachable => StoreError::Unreachable { path, reason },
            Kind::Full => StoreError::Full { path },
            Kind::ReadOnly => StoreError::ReadOnly { path, reason },
            Kind::Damaged => StoreError::Damaged { path, reason },
            Kind::Other => StoreError::Unavailable { path, reason },
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            return Self::unreachable(in_words(&error));
        };
        // The detail of a message can have the content of a row.
        let reason = format!(
            "PostgreSQL says: {} (SQLSTATE {})",
            told.message(),
            told.code().code()
        );
        Self {
            kind: kind(told.code()),
            reason,
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error.into())
    }
}

fn kind(code: &SqlState) -> Kind {
    match *code {
        SqlState::DISK_FULL => Kind::Full,
        SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::INSUFFICIENT_PRIVILEGE => Kind::ReadOnly,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Kind::Damaged,
        SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::TOO_MANY_CONNECTIONS
        | SqlState::INVALID_PASSWORD
        | SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        | SqlState::UNDEFINED_DATABASE => Kind::Unreachable,
        _ => Kind::Other,
    }
}

/// An error with what is behind it.
fn in_words(error: &tokio_postgres::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        let told = one.to_string();
        if !words.contains(&told) {
            // Writing to a string does not fail.
            let _written = write!(words, ": {told}");
        }
        cause = one.source();
    }
    words
}
