//! How often somebody may guess at a token.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::address::Origin;

/// Guesses in a row: somebody who tries the tokens of several installations by hand.
const BURST: u32 = 10;

/// Until one more guess is granted. A day has 14,400 of them, of tokens that nobody guesses in
/// 2^100.
const INTERVAL: Duration = Duration::from_secs(6);

/// Most origins that are remembered, about 200 KB. Beyond that the one whose guess is longest ago is
/// forgotten, which costs an attacker as many addresses as it gains guesses.
const MOST_ORIGINS: usize = 4_096;

/// The wrong guesses of late.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<Origin, Instant>>);

/// For each origin the instant at which all its guesses are granted again is all there is to know:
/// each wrong one moves it on by an interval.
impl Guesses {
    /// How long until this origin may guess again; `None` if it may now.
    pub(super) fn wait(&self, origin: Origin, now: Instant) -> Option<Duration> {
        let clear = *self.lock().get(&origin)?;
        let latest = now + INTERVAL * (BURST - 1);
        (clear > latest).then(|| clear - latest)
    }

    /// Notes a wrong guess.
    pub(super) fn note(&self, origin: Origin, now: Instant) {
        let mut origins = self.lock();
        if origins.len() >= MOST_ORIGINS && !origins.contains_key(&origin) {
            origins.retain(|_, clear| *clear > now);
            if origins.len() >= MOST_ORIGINS {
                let first = origins.iter().min_by_key(|(_, clear)| **clear);
                if let Some(first) = first.map(|(origin, _)| *origin) {
                    origins.remove(&first);
                }
            }
        }
        let clear = origins.entry(origin).or_insert(now);
        *clear = (*clear).max(now) + INTERVAL;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn origin(last: u8) -> Origin {
        Origin::of(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn after_a_burst_guesses_are_granted_one_by_one() {
        let guesses = Guesses::default();
        let start = Instant::now();
        for _ in 0..BURST {
            assert_eq!(guesses.wait(origin(1), start), None);
            guesses.note(origin(1), start);
        }
        assert_eq!(guesses.wait(origin(1), start), Some(INTERVAL));
        assert_eq!(guesses.wait(origin(2), start), None);

        let later = start + INTERVAL;
        assert_eq!(guesses.wait(origin(1), later), None);
        guesses.note(origin(1), later);
        assert_eq!(guesses.wait(origin(1), later), Some(INTERVAL));

        let much_later = start + INTERVAL * 100;
        for _ in 0..BURST {
            assert_eq!(guesses.wait(origin(1), much_later), None);
            guesses.note(origin(1), much_later);
        }
        assert_eq!(guesses.wait(origin(1), much_later), Some(INTERVAL));
    }

    #[test]
    fn memory_of_guesses_is_bounded() {
        let guesses = Guesses::default();
        let start = Instant::now();
        let many = u32::try_from(MOST_ORIGINS).unwrap() + 100;
        for number in 0..many {
            let origin = Origin::of(IpAddr::from(number.to_be_bytes()));
            guesses.note(origin, start + Duration::from_nanos(number.into()));
        }
        assert_eq!(guesses.lock().len(), MOST_ORIGINS);
    }
}
