//! Whether an upstream may be asked now: its circuit breaker, and the time it asked us to wait.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which an upstream is left alone: more than the attempts of one unlucky
/// question, fewer than what clients would notice as a wall of waiting.
pub const OPENS_AFTER: u32 = 5;

/// How long it is left alone at first: a restart of a service takes about as long.
pub const OPEN_FOR: Duration = Duration::from_secs(15);

/// How long at most, after doubling each time that a trial fails: an outage that is over is noticed
/// within five minutes.
pub const OPEN_AT_MOST: Duration = Duration::from_secs(300);

/// The longest wait that an upstream's `Retry-After` can cause: one hour, so that a mistaken value
/// does not silence it for a day.
pub const LONGEST_HOLD: Duration = Duration::from_secs(3_600);

/// The wait where an upstream asks for one in a way that cannot be read, such as a date.
pub const UNREADABLE_HOLD: Duration = Duration::from_secs(60);

/// The shortest wait: `Retry-After: 0` must not become a loop.
pub const SHORTEST_HOLD: Duration = Duration::from_secs(1);

/// What the circuit breaker of an upstream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the three states that a circuit breaker has"
)]
pub enum Breaker {
    /// Questions pass.
    Closed,
    /// None passes.
    Open {
        /// For how long still.
        remaining: Duration,
    },
    /// One at a time is let through on trial.
    HalfOpen,
}

/// Why an upstream is not asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// It asked for it.
    Held(Duration),
    /// It failed too often.
    Open(Duration),
    /// It failed too often, and another question is on trial.
    OnTrial,
}

#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
    held_until: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    length: Duration,
    on_trial: bool,
}

/// One exchange that was let through. Dropped without a word, as when its asker has gone, it
/// proves nothing.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    is_trial: bool,
}

impl Gate {
    /// Why nothing may pass, without passing.
    pub(crate) fn check(&self) -> Result<(), Shut> {
        self.lock().shut(Instant::now()).map_or(Ok(()), Err)
    }

    /// Lets one exchange through, if any may pass.
    pub(crate) fn enter(&self) -> Result<Pass<'_>, Shut> {
        let mut state = self.lock();
        if let Some(shut) = state.shut(Instant::now()) {
            return Err(shut);
        }
        if let Some(open) = &mut state.open {
            open.on_trial = true;
        }
        Ok(Pass {
            gate: self,
            is_trial: state.open.is_some(),
        })
    }

    /// The state of the breaker, and how long the upstream is still held.
    pub(crate) fn state(&self) -> (Breaker, Option<Duration>) {
        let now = Instant::now();
        let state = self.lock();
        let breaker = match &state.open {
            None => Breaker::Closed,
            Some(open) if now < open.until => Breaker::Open {
                remaining: open.until - now,
            },
            Some(_) => Breaker::HalfOpen,
        };
        (breaker, state.held(now))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&self, now: Instant) -> Option<Duration> {
        self.held_until
            .map(|until| until.saturating_duration_since(now))
            .filter(|remaining| !remaining.is_zero())
    }

    fn shut(&self, now: Instant) -> Option<Shut> {
        if let Some(remaining) = self.held(now) {
            return Some(Shut::Held(remaining));
        }
        match &self.open {
            Some(open) if now < open.until => Some(Shut::Open(open.until - now)),
            Some(open) if open.on_trial => Some(Shut::OnTrial),
            _ => None,
        }
    }
}

impl Pass<'_> {
    /// The upstream did what it is there for, even if it had nothing.
    pub(crate) fn succeeded(self) {
        let mut state = self.gate.lock();
        state.failures = 0;
        state.open = None;
    }

    /// It did not.
    pub(crate) fn failed(self) {
        let now = Instant::now();
        let mut state = self.gate.lock();
        state.failures = state.failures.saturating_add(1);
        let length = match &state.open {
            // What was let through before it opened says nothing new.
            Some(_) if !self.is_trial => return,
            Some(open) => (open.length * 2).min(OPEN_AT_MOST),
            None if state.failures >= OPENS_AFTER => OPEN_FOR,
            None => return,
        };
        state.open = Some(Open {
            until: now + length,
            length,
            on_trial: false,
        });
    }

    /// It asks to be left alone for a while.
    pub(crate) fn held(self, wait: Duration) {
        let until = Instant::now() + wait.clamp(SHORTEST_HOLD, LONGEST_HOLD);
        let mut state = self.gate.lock();
        state.held_until = state.held_until.max(Some(until));
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_trial
            && let Some(open) = &mut self.gate.lock().open
        {
            open.on_trial = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn fail(gate: &Gate, times: u32) {
        for _ in 0..times {
            gate.enter().unwrap().failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_closes_after_a_good_trial() {
        let gate = Gate::default();
        fail(&gate, OPENS_AFTER - 1);
        gate.enter().unwrap().succeeded();
        fail(&gate, OPENS_AFTER - 1);
        assert_eq!(gate.state().0, Breaker::Closed);
        fail(&gate, 1);
        assert_eq!(gate.check(), Err(Shut::Open(OPEN_FOR)));
        assert!(gate.enter().is_err());

        advance(OPEN_FOR).await;
        assert_eq!(gate.state().0, Breaker::HalfOpen);
        let trial = gate.enter().unwrap();
        assert_eq!(gate.enter().unwrap_err(), Shut::OnTrial);
        trial.succeeded();
        assert_eq!(gate.state(), (Breaker::Closed, None));
        fail(&gate, OPENS_AFTER - 1);
        assert_eq!(gate.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_trial_doubles_the_wait_up_to_the_longest() {
        let gate = Gate::default();
        fail(&gate, OPENS_AFTER);
        let mut expected = OPEN_FOR;
        for _ in 0..8 {
            assert_eq!(gate.check(), Err(Shut::Open(expected)));
            advance(expected).await;
            fail(&gate, 1);
            expected = (expected * 2).min(OPEN_AT_MOST);
        }
        assert_eq!(expected, OPEN_AT_MOST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_nobody_waits_for_makes_room_for_another() {
        let gate = Gate::default();
        let early = gate.enter().unwrap();
        let other = gate.enter().unwrap();
        fail(&gate, OPENS_AFTER);
        early.failed();
        assert_eq!(gate.check(), Err(Shut::Open(OPEN_FOR)), "not doubled");
        advance(OPEN_FOR).await;
        drop(gate.enter().unwrap());
        let trial = gate.enter().unwrap();
        drop(other);
        assert_eq!(gate.check(), Err(Shut::OnTrial));
        trial.held(Duration::from_secs(5));
        assert_eq!(gate.check(), Err(Shut::Held(Duration::from_secs(5))));
        advance(Duration::from_secs(5)).await;
        assert!(gate.enter().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_have_two_ends_and_the_longer_one_counts() {
        let gate = Gate::default();
        let passes = [(); 4].map(|()| gate.enter().unwrap());
        let [zero, long, short, endless] = passes;
        zero.held(Duration::ZERO);
        assert_eq!(gate.state().1, Some(SHORTEST_HOLD));
        long.held(Duration::from_secs(30));
        short.held(Duration::from_secs(3));
        assert_eq!(gate.state().1, Some(Duration::from_secs(30)));
        endless.held(Duration::from_secs(u64::from(u32::MAX)));
        assert_eq!(gate.state().1, Some(LONGEST_HOLD));
        advance(LONGEST_HOLD).await;
        assert_eq!(gate.state().1, None);
    }
}
