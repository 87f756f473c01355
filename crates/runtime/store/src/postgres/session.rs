//! One connection, used by one thread at a time.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use super::failure::Failure;
use super::value::{Received, Sent};
use super::wait::wait;
use super::{Settings, tls};
use crate::sql::fault::{Fault, Outcome};
use crate::sql::value::{Found, Value};
use crate::store::Changed;

/// How long one statement may take by the server's clock: all are small, and a lock is held as long
/// as one transaction takes.
const STATEMENT: Duration = Duration::from_secs(8);

/// How long an answer is waited for: a little longer, so that the server says by itself what it
/// gave up. Whoever does not answer by then is out of reach.
const ANSWER: Duration = Duration::from_secs(10);

/// How many rows are fetched at a time where all of a table are looked at: with the largest, of a
/// megabyte each, they fit into the memory of small machines.
const AT_A_TIME: u32 = 50;

/// A row.
#[derive(Debug)]
pub(crate) struct Row(tokio_postgres::Row);

impl Row {
    /// Reads a column.
    pub(crate) fn with<T>(
        &self,
        column: &str,
        read: impl FnOnce(Option<Found<'_>>) -> T,
    ) -> Outcome<T> {
        let received: Option<Received<'_>> = self
            .0
            .try_get(column)
            .map_err(|error| Fault::Damaged(error.to_string()))?;
        Ok(read(received.as_ref().map(Received::found)))
    }
}

/// A connection.
pub(crate) struct Session {
    client: Client,
    runtime: Handle,
    /// What was prepared, by the statement as the ports write it.
    statements: RefCell<HashMap<&'static str, Statement>>,
    /// Whether it cannot be used any more.
    is_lost: Cell<bool>,
    /// Whether it has done something before.
    was_used: Cell<bool>,
    /// Whether the present transaction has written.
    has_changed: Cell<bool>,
    /// How many tables are being looked through.
    cursors: Cell<u32>,
}

impl Session {
    /// Connects, and sets the connection up.
    pub(super) fn connect(settings: &Settings, runtime: &Handle) -> Result<Self, Failure> {
        let _inside = runtime.enter();
        let connecting = async {
            let tls = tls::Connector::new(settings);
            let (client, connection) = settings.config().connect(tls).await?;
            // It ends when the client is dropped, or with the connection; the client tells.
            tokio::spawn(connection);
            client.batch_execute(&set_up()).await?;
            Ok::<_, tokio_postgres::Error>(client)
        };
        let client = match wait(tokio::time::timeout(ANSWER, connecting)) {
            Ok(connected) => connected?,
            Err(_) => return Err(silent()),
        };
        Ok(Self {
            client,
            runtime: runtime.clone(),
            statements: RefCell::default(),
            is_lost: Cell::new(false),
            was_used: Cell::new(false),
            has_changed: Cell::new(false),
            cursors: Cell::new(0),
        })
    }

    /// Whether the connection is of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.get() || self.client.is_closed()
    }

    /// Whether a transaction was in it before.
    pub(super) fn was_used(&self) -> bool {
        self.was_used.get()
    }

    /// Whether the transaction has written anything.
    pub(super) fn changed(&self) -> Changed {
        match self.has_changed.get() {
            true => Changed::Something,
            false => Changed::Nothing,
        }
    }

    /// Makes ready for the next transaction.
    pub(super) fn rest(&self) {
        self.was_used.set(true);
        self.has_changed.set(false);
    }

    /// Statements without parameters; gives the first column of the last row of all.
    pub(super) fn batch(&self, sql: &str) -> Outcome<Option<String>> {
        let messages = self.run(self.client.simple_query(sql))?;
        let last = messages.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        Ok(last.flatten())
    }

    /// Every row that a statement finds.
    pub(crate) fn query(&self, sql: &'static str, values: &[Value<'_>]) -> Outcome<Vec<Row>> {
        let statement = self.prepared(sql)?;
        let sent: Vec<_> = values.iter().map(|value| Sent(*value)).collect();
        let rows = self.run(self.client.query(&statement, &references(&sent)))?;
        if sql.starts_with("INSERT") && !rows.is_empty() {
            self.has_changed.set(true);
        }
        Ok(rows.into_iter().map(Row).collect())
    }

    /// Looks at every row that a statement without parameters finds, a few at a time.
    pub(crate) fn each(&self, sql: &str, mut look: impl FnMut(&Row) -> Outcome<()>) -> Outcome<()> {
        let number = self.cursors.replace(self.cursors.get() + 1);
        self.batch(&format!("DECLARE all_{number} CURSOR FOR {sql}"))?;
        let fetch = format!("FETCH {AT_A_TIME} FROM all_{number}");
        loop {
            let rows = self.run(self.client.query(&fetch, &[]))?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                look(&Row(row))?;
            }
        }
        self.batch(&format!("CLOSE all_{number}"))?;
        Ok(())
    }

    /// Changes something; gives how many rows.
    pub(crate) fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Outcome<usize> {
        let statement = self.prepared(sql)?;
        let sent: Vec<_> = values.iter().map(|value| Sent(*value)).collect();
        let rows = self.run(self.client.execute(&statement, &references(&sent)))?;
        if rows != 0 {
            self.has_changed.set(true);
        }
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    fn prepared(&self, sql: &'static str) -> Outcome<Statement> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.run(self.client.prepare(&sql.replace('?', "$")))?;
        self.statements.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    /// Waits for an answer, no longer than is to be.
    fn run<T>(&self, asking: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Outcome<T> {
        let _inside = self.runtime.enter();
        let failure = match wait(tokio::time::timeout(ANSWER, asking)) {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.into(),
            Err(_) => silent(),
        };
        if failure.is_unreachable() {
            self.is_lost.set(true);
        }
        Err(Fault::Postgres(failure))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("is_lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}

fn references<'a>(sent: &'a [Sent<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    sent.iter().map(|one| one as &(dyn ToSql + Sync)).collect()
}

fn silent() -> Failure {
    Failure::unreachable(format!("no answer within {} seconds", ANSWER.as_secs()))
}

/// How each connection is set up. A node that falls silent within a transaction loses it, so that
/// others do not wait for it. Where the server would acknowledge what is not on its disk, it is told
/// not to.
fn set_up() -> String {
    let statement = STATEMENT.as_millis();
    format!(
        "SET search_path = bulla, pg_temp;
         SET statement_timeout = {statement};
         SET idle_in_transaction_session_timeout = {statement};
         SELECT set_config('synchronous_commit', 'on', false)
         WHERE current_setting('synchronous_commit') = 'off'"
    )
}
