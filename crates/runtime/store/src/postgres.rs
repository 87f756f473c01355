//! PostgreSQL: one database, several nodes.
//!
//! # Who waits for whom
//!
//! One transaction writes at a time, whichever node it is of: each takes an advisory lock of the
//! database first, which ends with it. So the statements mean what they mean in SQLite, with its
//! one writer, and the audit stays one chain. Readers see the state of one moment, and wait for
//! nobody.
//!
//! # What an acknowledgement means
//!
//! A call that changes something returns after PostgreSQL has said that it is durable. Where the
//! connection is lost while that is awaited, the database is asked again what became of the
//! transaction. Its number alone does not tell: a server that crashed before any of it was on the disk
//! gives the number to the next one. So each transaction that changes something leaves a mark of its
//! own behind, which is forgotten when nobody asks any more. A call that fails has changed nothing, but
//! for one that says that this is not known.
//!
//! # A database out of reach
//!
//! Every step has a deadline, so that a call fails in bounded time. Connections that were lost are
//! made anew, at most once a second, by whoever needs one.

mod failure;
mod migrations;
mod pool;
mod session;
mod settings;
mod tls;
mod value;
mod wait;

use std::thread;
use std::time::{Duration, Instant};

use bulla_pki::mac::random;

pub(crate) use self::failure::Failure;
use self::pool::{Pool, Taken};
pub(crate) use self::session::{Row, Session};
pub use self::settings::{Settings, SettingsError};
use self::wait::unhurried;
use crate::Result;
use crate::sql::connection::Connection;
use crate::sql::fault::{Fault, Outcome};
use crate::store::Changed;

/// The lock of whoever writes, in the numbers of advisory locks: `bulla` in ASCII.
const WRITER: i64 = 0x0062_756c_6c61;

/// For how long it is asked what became of a transaction whose end was not heard: a server that
/// ends in order is back within that time.
const ASKED_FOR: Duration = Duration::from_secs(10);

/// For how long a transaction's mark is kept, in seconds: longer than anybody can come to ask.
const MARKED: u64 = 300;

/// How long is waited between such questions.
const ASKED_AGAIN: Duration = Duration::from_millis(200);

/// A database of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Postgres {
    name: String,
    pool: Pool,
}

impl Postgres {
    /// Reaches the database, and brings it to the latest schema.
    pub(crate) fn connect(settings: Settings) -> Result<Self> {
        let name = settings.name().to_owned();
        let pool = Pool::new(settings).map_err(|fault| fault.at(&name))?;
        let postgres = Self { name, pool };
        postgres.write(|connection| match connection {
            Connection::Postgres(session) => {
                migrations::apply(session, &postgres.name, migrations::ALL)
            }
            Connection::Sqlite(_) => Err(Fault::Refused("not a database of PostgreSQL".to_owned())),
        })?;
        Ok(postgres)
    }

    /// The database and its server, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Changes something, in one transaction, while nobody else does.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Connection<'_>) -> Outcome<T>,
    ) -> Result<(T, Changed)> {
        unhurried(|| self.try_write(work)).map_err(|fault| fault.at(&self.name))
    }

    fn try_write<T>(
        &self,
        work: impl FnOnce(&Connection<'_>) -> Outcome<T>,
    ) -> Outcome<(T, Changed)> {
        let (session, number) = self.begin(|session| {
            session.batch(&format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
                 SELECT pg_advisory_xact_lock({WRITER});
                 SELECT pg_current_xact_id()::text"
            ))
        })?;
        let done = match work(&Connection::Postgres(&session)) {
            Ok(done) => done,
            Err(fault) => {
                session.roll_back();
                return Err(fault);
            }
        };
        let changed = session.changed();
        let mark = match changed {
            Changed::Something => Some(mark()?),
            Changed::Nothing => None,
        };
        let end = mark.as_deref().map_or_else(|| "COMMIT".to_owned(), commit);
        match (session.batch(&end), mark) {
            (Ok(_), _) => {}
            (Err(fault), Some(mark)) if session.is_lost() => {
                self.ask_after(&number, &mark, fault)?;
            }
            (Err(fault), _) => {
                session.roll_back();
                return Err(fault);
            }
        }
        session.give_back();
        Ok((done, changed))
    }

    /// Reads something, in one transaction: all of it from one state.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection<'_>) -> Outcome<T>) -> Result<T> {
        let read = || {
            let (session, _) = self.begin(|session| session.batch(READ))?;
            let read = work(&Connection::Postgres(&session));
            session.roll_back();
            read
        };
        unhurried(read).map_err(|fault: Fault| fault.at(&self.name))
    }

    /// As [`Self::read`], for what takes long: on a connection of its own.
    pub(crate) fn read_apart<T>(
        &self,
        work: impl FnOnce(&Connection<'_>) -> Outcome<T>,
    ) -> Result<T> {
        let read = || {
            let session = self.pool.another()?;
            session.batch(READ)?;
            work(&Connection::Postgres(&session))
        };
        unhurried(read).map_err(|fault: Fault| fault.at(&self.name))
    }

    /// Begins a transaction. A connection that was lost while nobody used it is no reason to fail.
    fn begin(
        &self,
        begin: impl Fn(&Session) -> Outcome<Option<String>>,
    ) -> Outcome<(Taken<'_>, String)> {
        loop {
            let session = self.pool.take()?;
            match begin(&session) {
                Ok(number) => return Ok((session, number.unwrap_or_default())),
                Err(_) if session.is_lost() && session.was_used() => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    /// What became of a transaction whose connection was lost while it was to be made durable.
    fn ask_after(&self, number: &str, mark: &str, lost: Fault) -> Outcome<()> {
        let from = Instant::now();
        let unknown = |reason: &str| {
            Fault::Refused(format!(
                "the connection was lost while a change was made durable, and {reason}; whether it \
                 was made is not known"
            ))
        };
        while from.elapsed() < ASKED_FOR {
            let asked = self.pool.take().and_then(|session| {
                let state = session.batch(&format!("SELECT pg_xact_status('{number}'::xid8)"))?;
                let is_there = session.batch(&format!(
                    "SELECT EXISTS (SELECT FROM used WHERE thing = decode('{mark}', 'hex'))"
                ))?;
                session.give_back();
                Ok((state, is_there.as_deref() == Some("t")))
            });
            let asked = asked.as_ref();
            match asked.map(|(state, is_there)| (state.as_deref(), is_there)) {
                Ok((Some("committed"), true)) => return Ok(()),
                // Where it is committed without the mark, it is another one with the number.
                Ok((Some("committed" | "aborted"), _)) => return Err(lost),
                // It still ends, or nobody can be asked yet.
                Ok((Some("in progress"), _)) | Err(_) => thread::sleep(ASKED_AGAIN),
                Ok(_) => return Err(unknown("the database has forgotten what became of it")),
            }
        }
        Err(unknown("the database cannot be asked"))
    }
}

/// What a transaction leaves behind: 32 bytes of chance in hexadecimal digits.
fn mark() -> Outcome<String> {
    let chance = || random().map(u128::from_be_bytes);
    let both = chance().and_then(|first| Ok((first, chance()?)));
    let (first, second) = both.map_err(|error| Fault::Refused(error.to_string()))?;
    Ok(format!("{first:032x}{second:032x}"))
}

/// Makes a transaction durable with its mark, among what may be used once.
fn commit(mark: &str) -> String {
    let now = "extract(epoch FROM clock_timestamp())";
    format!(
        "DELETE FROM used WHERE until < {now};
         INSERT INTO used (thing, until)
         VALUES (decode('{mark}', 'hex'), CAST(ceil({now}) AS BIGINT) + {MARKED});
         COMMIT"
    )
}

const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
