//! What time it is, for everything that the service decides.

use bulla_pki::Timestamp;

/// Tells the time. Only the door reads the machine's clock; tests turn one of their own.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

impl<F> Clock for F
where
    F: Fn() -> Timestamp + Send + Sync + 'static,
{
    fn now(&self) -> Timestamp {
        self()
    }
}

/// How far a clock may be behind the latest document before it is called wrong, in seconds: ten
/// minutes, more than the clocks of vendor and machine differ by where either is kept in time at
/// all.
pub const TOLERANCE: u64 = 600;

/// The time to judge by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// The instant.
    pub at: Timestamp,
    /// By how many seconds the clock is behind what the vendor has signed; 0 where it is not.
    pub behind: u64,
}

/// The time to judge by, where `latest_issue` is the latest start of a verified document's window.
///
/// A document is never signed before its issue date, so it is at least that late, whatever the
/// clock says: one that was set back must not make expired documents current again.
pub fn judge(clock: Timestamp, latest_issue: Option<Timestamp>) -> Instant {
    let latest = latest_issue.unwrap_or(clock);
    let behind = latest.unix_seconds().saturating_sub(clock.unix_seconds());
    Instant {
        at: clock.max(latest),
        behind: if behind > TOLERANCE { behind } else { 0 },
    }
}

/// Whether a wait until `until` is still on, of a kind that takes `longest` seconds at most. One
/// that would take longer was begun by a clock that was ahead, and is over.
pub(crate) fn is_waiting(now: Timestamp, until: Timestamp, longest: u64) -> bool {
    now < until && until <= now.saturating_add(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    #[test]
    fn a_clock_set_back_is_not_believed() {
        let judged = |clock, latest: Option<u64>| judge(at(clock), latest.map(at));
        let right = Instant {
            at: at(5_000),
            behind: 0,
        };
        assert_eq!(judged(5_000, None), right);
        assert_eq!(judged(5_000, Some(4_000)), right);
        assert_eq!(judged(4_400, Some(5_000)), right);
        let wrong = Instant {
            at: at(5_000),
            behind: 601,
        };
        assert_eq!(judged(4_399, Some(5_000)), wrong);
    }

    #[test]
    fn a_wait_that_a_wrong_clock_began_is_over() {
        let waits = |until| is_waiting(at(5_000), at(until), 60);
        assert!(waits(5_001) && waits(5_060));
        assert!(!waits(5_000) && !waits(5_061));
    }
}
