//! One connection within one transaction, of whichever database: statements in, rows out.
//!
//! The statements are written once, in what SQLite and PostgreSQL have in common. `?1` is the
//! first parameter.

use std::borrow::Cow;

use rusqlite::params_from_iter;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::fault::{Fault, Outcome};
use super::value::{Column, Found, Parameter, Value};
#[cfg(feature = "postgres")]
use crate::postgres;

/// A connection within a transaction.
#[derive(Debug)]
pub(crate) enum Connection<'a> {
    /// Of SQLite.
    Sqlite(&'a rusqlite::Connection),
    /// Of PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(&'a postgres::Session),
}

/// A row that was found.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    /// In SQLite.
    Sqlite(&'a rusqlite::Row<'a>),
    /// In PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(&'a postgres::Row),
}

impl Connection<'_> {
    /// Every row that a statement finds.
    pub(crate) fn query<T>(
        &self,
        sql: &'static str,
        parameters: &[&dyn Parameter],
        mut read: impl FnMut(&Row<'_>) -> Outcome<T>,
    ) -> Outcome<Vec<T>> {
        let values = values(parameters)?;
        let mut found = Vec::new();
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params_from_iter(values))?;
                while let Some(row) = rows.next()? {
                    found.push(read(&Row::Sqlite(row))?);
                }
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => {
                for row in session.query(sql, &values)? {
                    found.push(read(&Row::Postgres(&row))?);
                }
            }
        }
        Ok(found)
    }

    /// The one row that a statement finds; absent where it finds none.
    pub(crate) fn first<T>(
        &self,
        sql: &'static str,
        parameters: &[&dyn Parameter],
        read: impl FnMut(&Row<'_>) -> Outcome<T>,
    ) -> Outcome<Option<T>> {
        Ok(self.query(sql, parameters, read)?.into_iter().next())
    }

    /// Looks at every row that a statement finds, however many they are.
    pub(crate) fn each(
        &self,
        sql: &'static str,
        mut look: impl FnMut(&Row<'_>) -> Outcome<()>,
    ) -> Outcome<()> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare(sql)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    look(&Row::Sqlite(row))?;
                }
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.each(sql, |row| look(&Row::Postgres(row))),
        }
    }

    /// Changes something; gives how many rows.
    pub(crate) fn execute(
        &self,
        sql: &'static str,
        parameters: &[&dyn Parameter],
    ) -> Outcome<usize> {
        let values = values(parameters)?;
        match self {
            Self::Sqlite(connection) => Ok(connection
                .prepare_cached(sql)?
                .execute(params_from_iter(values))?),
            #[cfg(feature = "postgres")]
            Self::Postgres(session) => session.execute(sql, &values),
        }
    }
}

impl Row<'_> {
    /// What a column has.
    pub(crate) fn get<T: Column>(&self, column: &str) -> Outcome<T> {
        let damaged = || Fault::Damaged(format!("{column} is not of the kind that was written"));
        match self {
            Self::Sqlite(row) => {
                let found = match row.get_ref(column)? {
                    ValueRef::Null => None,
                    ValueRef::Integer(number) => Some(Found::Integer(number)),
                    ValueRef::Text(octets) => Some(Found::Text(octets)),
                    ValueRef::Blob(octets) => Some(Found::Blob(octets)),
                    ValueRef::Real(_) => return Err(damaged()),
                };
                T::read(found).ok_or_else(damaged)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.with(column, T::read)?.ok_or_else(damaged),
        }
    }

    /// The bytes of a text, whether they are text any more or not.
    pub(crate) fn octets(&self, column: &str) -> Outcome<Cow<'_, [u8]>> {
        match self {
            Self::Sqlite(row) => match row.get_ref(column)? {
                ValueRef::Text(octets) | ValueRef::Blob(octets) => Ok(Cow::Borrowed(octets)),
                _ => Err(Fault::Damaged(format!("{column} is no text"))),
            },
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => match row.with(column, octets)? {
                Some(octets) => Ok(Cow::Owned(octets)),
                None => Err(Fault::Damaged(format!("{column} is no text"))),
            },
        }
    }
}

#[cfg(feature = "postgres")]
fn octets(found: Option<Found<'_>>) -> Option<Vec<u8>> {
    match found? {
        Found::Text(octets) | Found::Blob(octets) => Some(octets.to_vec()),
        Found::Integer(_) => None,
    }
}

fn values<'a>(parameters: &'a [&dyn Parameter]) -> Outcome<Vec<Value<'a>>> {
    parameters
        .iter()
        .map(|parameter| parameter.value())
        .collect()
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(octets) => ValueRef::Blob(octets),
        }))
    }
}
