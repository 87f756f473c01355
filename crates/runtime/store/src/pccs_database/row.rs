//! Values of a row, whatever the database calls their type.

use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::ValueRef;

/// The bytes of a text or blob; empty for NULL.
pub(super) fn bytes(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
        ValueRef::Integer(number) => number.to_string().into_bytes(),
        ValueRef::Null | ValueRef::Real(_) => Vec::new(),
    })
}

/// A text; what is no UTF-8 is replaced, and fails where it is looked into.
pub(super) fn text(row: &Row<'_>, column: &str) -> rusqlite::Result<String> {
    let bytes = bytes(row, column)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// A number; absent for everything else.
pub(super) fn number(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    })
}

/// A value in hexadecimal digits or the like; in words why it is none.
pub(super) fn parsed<T>(name: &str, text: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|problem| format!("{name}: {problem}"))
}
