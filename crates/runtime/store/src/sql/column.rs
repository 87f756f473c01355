//! Between values and columns.

use std::fmt::Display;
use std::str::FromStr;

use bulla_pki::Timestamp;

use super::connection::Row;
use super::fault::{Fault, Outcome};

/// An instant from a column.
pub(super) fn timestamp(row: &Row<'_>, column: &str) -> Outcome<Timestamp> {
    let seconds: u64 = row.get(column)?;
    Timestamp::from_unix_seconds(seconds)
        .map_err(|error| Fault::Damaged(format!("{column} {seconds}: {error}")))
}

/// A value that a column holds as text.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> Outcome<T>
where
    T: FromStr,
    T::Err: Display,
{
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|error| Fault::Damaged(format!("{column} {text:?}: {error}")))
}

/// How many rows, as SQL wants it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Fails where the seal that was stored with a row is not the one of its content.
pub(super) fn sealed(row: &Row<'_>, seal: [u8; 32], table: &str) -> Outcome<()> {
    sealed_in(row, "seal", seal, table)
}

/// As [`sealed`], where the seal stands in a column of another name.
pub(super) fn sealed_in(row: &Row<'_>, column: &str, seal: [u8; 32], table: &str) -> Outcome<()> {
    let stored: [u8; 32] = row.get(column)?;
    match stored == seal {
        true => Ok(()),
        false => Err(Fault::Damaged(format!(
            "a row of {table} is not what was written"
        ))),
    }
}
