//! How often clients may have the upstreams asked for what is not there.
//!
//! Names of families and platforms cost nothing to invent, and each one that nobody has asked for
//! before is a question to the vendor, who limits how many there may be. Those that come to nothing
//! are granted by this measure only. Registering platforms, refreshing, and questions that an
//! administrator has asked are not measured.

use std::sync::{Mutex, PoisonError};

use bulla_pki::Timestamp;

/// Questions in vain that are granted at once: a fleet whose hosts ask for five families that the
/// vendor does not know, in every version, edition and technology.
const BURST: u32 = 120;

/// Seconds until one more is granted: sixty a minute, as few as the vendor bears from one address.
const INTERVAL: u64 = 1;

/// What is left of the measure.
#[derive(Debug, Default)]
pub(crate) struct Vain(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many were used up.
    used: u32,
    /// Up to when grants have been counted.
    counted: Option<Timestamp>,
}

impl Vain {
    /// Has one question granted, which is kept used up unless it is given back; otherwise the
    /// seconds until the next one is.
    pub(crate) fn take(&self, now: Timestamp) -> Result<(), u32> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was ahead delays nothing.
        let counted = state.counted.unwrap_or(now).min(now);
        let granted = (now.unix_seconds() - counted.unix_seconds()) / INTERVAL;
        state.used = state
            .used
            .saturating_sub(u32::try_from(granted).unwrap_or(u32::MAX));
        state.counted = Some(counted.saturating_add(granted.saturating_mul(INTERVAL)));
        if state.used >= BURST {
            return Err(u32::try_from(INTERVAL).unwrap_or(u32::MAX));
        }
        state.used += 1;
        Ok(())
    }

    /// Gives one back: it was not in vain.
    pub(crate) fn give_back(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.used = state.used.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    /// How many are granted at an instant.
    fn granted(vain: &Vain, seconds: u64) -> usize {
        (0..1_000)
            .take_while(|_| vain.take(at(seconds)).is_ok())
            .count()
    }

    #[test]
    fn after_a_burst_they_are_granted_one_by_one() {
        let vain = Vain::default();
        assert_eq!(granted(&vain, 1_000), 120);
        assert_eq!(vain.take(at(1_000)), Err(1));
        assert_eq!(granted(&vain, 1_001), 1);
        assert_eq!(granted(&vain, 1_011), 10);
        assert_eq!(granted(&vain, 1_000_000), 120);
    }

    #[test]
    fn what_was_not_in_vain_is_given_back() {
        let vain = Vain::default();
        for _ in 0..1_000 {
            assert_eq!(vain.take(at(1_000)), Ok(()));
            vain.give_back();
        }
    }

    #[test]
    fn a_clock_that_was_ahead_delays_nothing() {
        let vain = Vain::default();
        let last = Timestamp::MAX.unix_seconds();
        assert_eq!(granted(&vain, last), 120);
        assert_eq!(granted(&vain, 1_000), 0);
        assert_eq!(granted(&vain, 1_002), 2);
        assert_eq!(granted(&vain, 0), 0);
        assert_eq!(granted(&vain, 1), 1);
    }
}
