//! From a file of SQLite into a database of PostgreSQL: every row of every table, as it is.

use super::check;
use super::connection::{Connection, Row};
use super::fault::{Fault, Outcome};
use super::value::{Column, Found, Parameter, Value};

/// What a copy brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// How many rows of which table, in the order in which they were copied.
    pub rows: Vec<(&'static str, u64)>,
    /// How many entries the audit chain has.
    pub audit_entries: u64,
}

/// A table and its statements.
struct Table {
    name: &'static str,
    columns: &'static str,
    all: &'static str,
    count: &'static str,
    insert: &'static str,
    /// Has the numbers of rows to come go on behind those that were copied; absent where rows have
    /// none of their own.
    go_on: Option<&'static str>,
}

macro_rules! table {
    ($name:literal, $columns:literal, $values:literal) => {
        table!($name, $columns, $values, None)
    };
    ($name:literal, $columns:literal, $values:literal, numbered) => {
        table!(
            $name,
            $columns,
            $values,
            Some(concat!(
                "SELECT setval(pg_get_serial_sequence('bulla.",
                $name,
                "', 'id'), max(id)) AS last FROM ",
                $name,
                " HAVING count(*) > 0"
            ))
        )
    };
    ($name:literal, $columns:literal, $values:literal, $go_on:expr) => {
        Table {
            name: $name,
            columns: $columns,
            all: concat!("SELECT ", $columns, " FROM ", $name),
            count: concat!("SELECT count(*) AS count FROM ", $name),
            insert: concat!(
                "INSERT INTO ",
                $name,
                " (",
                $columns,
                ") OVERRIDING SYSTEM VALUE VALUES (",
                $values,
                ")"
            ),
            go_on: $go_on,
        }
    };
}

/// All tables; those that others refer to come first.
const TABLES: &[Table] = &[
    table!(
        "documents",
        "id, anchor, slot, sha256, valid_from, valid_until, arrived, source, seal, issuer_chain, body",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11",
        numbered
    ),
    table!(
        "selections",
        "id, anchor, series, selector, number, since, seen, seal",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8",
        numbered
    ),
    table!(
        "set_aside",
        "id, anchor, what, body_sha256, arrived, size, source, code, reason, seal, body",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11",
        numbered
    ),
    table!(
        "platforms",
        "id, anchor, qe_id, pce_id, fmspc, ca, registered, seal, encrypted_ppid, manifest",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10",
        numbered
    ),
    table!(
        "pck_sets",
        "platform, fmspc, ca, arrived, source, size, seal, issuer_chain",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8"
    ),
    table!(
        "pck_certificates",
        "platform, position, tcbm, seal, certificate",
        "?1, ?2, ?3, ?4, ?5"
    ),
    table!(
        "raw_tcbs",
        "platform, cpu_svn, pce_svn, selected, seal",
        "?1, ?2, ?3, ?4, ?5"
    ),
    table!(
        "evidence",
        "id, anchor, ppid, tee, pce_id, qe_id, fmspc, arrived, tcb_status, seal, quote",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11",
        numbered
    ),
    table!(
        "registrations",
        "id, anchor, qe_id, pce_id, cpu_svn, pce_svn, state, queued, leased_until, seal, \
         encrypted_ppid, manifest",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12",
        numbered
    ),
    table!(
        "decisions",
        "kind, name, version, at, author, seal, body",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7"
    ),
    table!(
        "audit",
        "sequence, at, actor, action, subject, details, sha256",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7"
    ),
    table!("audit_head", "one, sequence, sha256", "?1, ?2, ?3"),
    table!(
        "secrets",
        "name, version, at, author, policy, times, until, platforms, releases, seal, value",
        "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11"
    ),
];

/// Copies everything, counts it again where it arrived, and reads all of it there, so that every seal
/// and the chain of the audit are checked. Refuses to add to what is there already.
pub(crate) fn copy(from: &Connection<'_>, to: &Connection<'_>) -> Outcome<Copied> {
    for table in TABLES {
        if count(to, table)? != 0 {
            return Err(Fault::Refused(format!(
                "it is not empty: there are rows in {}. A copy is not mixed with anything else: name a \
                 database in which no node was started yet",
                table.name
            )));
        }
    }
    let mut rows = Vec::new();
    for table in TABLES {
        let mut copied = 0;
        from.each(table.all, |row| {
            let columns = table.columns.split(", ");
            let cells: Vec<Cell> = columns
                .map(|column| row.get(column))
                .collect::<Outcome<_>>()?;
            let values: Vec<&dyn Parameter> =
                cells.iter().map(|cell| cell as &dyn Parameter).collect();
            to.execute(table.insert, &values)?;
            copied += 1;
            Ok(())
        })?;
        if let Some(go_on) = table.go_on {
            to.first(go_on, &[], |row| row.get::<i64>("last"))?;
        }
        let arrived = count(to, table)?;
        if arrived != copied {
            return Err(Fault::Damaged(format!(
                "{copied} rows of {} were copied, and {arrived} arrived",
                table.name
            )));
        }
        rows.push((table.name, copied));
    }
    let audit_entries = check(to)?.audit_entries;
    Ok(Copied {
        rows,
        audit_entries,
    })
}

fn count(connection: &Connection<'_>, table: &Table) -> Outcome<u64> {
    let count = connection.first(table.count, &[], |row: &Row<'_>| row.get("count"))?;
    Ok(count.unwrap_or(0))
}

/// What stands in one column of one row.
enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Column for Cell {
    fn read(found: Option<Found<'_>>) -> Option<Self> {
        Some(match found {
            None => Self::Null,
            Some(Found::Integer(number)) => Self::Integer(number),
            Some(Found::Text(octets)) => Self::Text(std::str::from_utf8(octets).ok()?.to_owned()),
            Some(Found::Blob(octets)) => Self::Blob(octets.to_vec()),
        })
    }
}

impl Parameter for Cell {
    fn value(&self) -> Outcome<Value<'_>> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(octets) => Value::Blob(octets),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Store;

    /// A table or a column that a later step adds is not forgotten here.
    #[test]
    fn every_column_of_every_table_is_copied() {
        let store = Store::open_in_memory().unwrap();
        let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
        store
            .read(|connection| {
                connection.each(
                    "SELECT tables.name AS of, columns.name AS name
                     FROM pragma_table_list AS tables, pragma_table_info(tables.name) AS columns
                     WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
                           AND tables.name <> 'migrations'",
                    |row| {
                        let columns = there.entry(row.get("of")?).or_default();
                        columns.push(row.get("name")?);
                        Ok(())
                    },
                )
            })
            .unwrap();
        let copied = TABLES.iter().map(|table| {
            let columns = table.columns.split(", ").map(str::to_owned);
            (table.name.to_owned(), columns.collect())
        });
        assert_eq!(copied.collect::<BTreeMap<String, Vec<String>>>(), there);
        for table in TABLES {
            let places = table.insert.matches('?').count();
            assert_eq!(places, table.columns.split(", ").count(), "{}", table.name);
            let is_numbered = table.columns.starts_with("id, ");
            assert_eq!(table.go_on.is_some(), is_numbered, "{}", table.name);
        }
    }
}
