//! A few connections, for whoever needs one.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::failure::Failure;
use super::session::Session;
use super::settings::Settings;
use crate::sql::fault::{Fault, Outcome};

/// How many connections a node has at a time. A transaction takes milliseconds, and PostgreSQL lets
/// in a hundred unless told otherwise.
const CONNECTIONS: usize = 8;

/// How long is waited for a connection while all are in use.
const TURN: Duration = Duration::from_secs(5);

/// For how long nobody tries to connect again where it failed. Whoever asks meanwhile, or while
/// somebody else tries, is told the same, at once: a server that is silent holds up one caller only.
const PAUSE: Duration = Duration::from_secs(1);

/// The connections.
#[derive(Debug)]
pub(super) struct Pool {
    settings: Settings,
    /// Absent from the end on.
    runtime: Option<Runtime>,
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Session>,
    /// How many there are, with those in use.
    count: usize,
    /// When connecting failed last, and why; absent once it succeeds.
    failed: Option<(Instant, Failure)>,
    /// Whether somebody tries again after that.
    is_retried: bool,
}

/// A connection in use. It is closed, and with it what it has begun, unless it is given back.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pool: &'a Pool,
    session: Option<Session>,
}

impl Pool {
    /// A pool without connections yet, with a thread that sends and receives for all.
    pub(super) fn new(settings: Settings) -> Outcome<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("bulla-postgres")
            .enable_all()
            .build()
            .map_err(|error| Fault::Refused(format!("no thread for it: {error}")))?;
        Ok(Self {
            settings,
            runtime: Some(runtime),
            state: Mutex::default(),
            given_back: Condvar::new(),
        })
    }

    /// A connection of the pool; waits where all are in use.
    pub(super) fn take(&self) -> Outcome<Taken<'_>> {
        let until = Instant::now() + TURN;
        let mut state = self.state();
        loop {
            while let Some(session) = state.idle.pop() {
                if !session.is_lost() {
                    return Ok(self.taken(session));
                }
                state.count -= 1;
            }
            if state.count < CONNECTIONS {
                state.count += 1;
                drop(state);
                return match self.connect() {
                    Ok(session) => Ok(self.taken(session)),
                    Err(fault) => {
                        self.state().count -= 1;
                        self.given_back.notify_one();
                        Err(fault)
                    }
                };
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::Refused(format!(
                    "all {CONNECTIONS} connections were in use for {} seconds",
                    TURN.as_secs()
                )));
            }
            state = match self.given_back.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// A connection beside those of the pool, for work that takes long.
    pub(super) fn another(&self) -> Outcome<Session> {
        self.connect()
    }

    fn connect(&self) -> Outcome<Session> {
        let Some(runtime) = &self.runtime else {
            return Err(Fault::Refused("it is closed".to_owned()));
        };
        let mut state = self.state();
        if let Some((when, failure)) = state.failed.clone() {
            if state.is_retried || when.elapsed() < PAUSE {
                return Err(Fault::Postgres(failure));
            }
            state.is_retried = true;
        }
        drop(state);
        let connected = Session::connect(&self.settings, runtime.handle());
        let mut state = self.state();
        state.failed = connected
            .as_ref()
            .err()
            .map(|failure| (Instant::now(), failure.clone()));
        state.is_retried = false;
        connected.map_err(Fault::Postgres)
    }

    fn taken(&self, session: Session) -> Taken<'_> {
        Taken {
            pool: self,
            session: Some(session),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.state().idle.clear();
        // A runtime must not be waited for on a thread of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Taken<'_> {
    /// Gives it back, without a transaction.
    pub(super) fn give_back(mut self) {
        if let Some(session) = self.session.take_if(|session| !session.is_lost()) {
            session.rest();
            self.pool.state().idle.push(session);
            self.pool.given_back.notify_one();
        }
    }

    /// Ends a transaction that is to change nothing, and gives the connection back.
    pub(super) fn roll_back(self) {
        if self.batch("ROLLBACK").is_ok() {
            self.give_back();
        }
    }
}

impl Deref for Taken<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        #[expect(
            clippy::expect_used,
            reason = "only giving back takes it, and ends this"
        )]
        self.session.as_ref().expect("a connection in use")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let mut state = self.pool.state();
        state.count -= 1;
        if session.is_lost() {
            // The others are to the same server, and nobody is to wait for each in turn.
            state.count -= state.idle.len();
            state.idle.clear();
        }
        drop(state);
        self.pool.given_back.notify_one();
    }
}
