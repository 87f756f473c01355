//! Pauses between attempts.

use std::time::Duration;

/// The pause after the first attempt, at most: long enough for a connection that was reset to be
/// gone, short against any deadline.
const FIRST: Duration = Duration::from_millis(200);

/// The longest pause: behind it the deadline is near.
const LONGEST: Duration = Duration::from_secs(2);

/// The pause after an attempt, the first being 1: doubled each time, and half of it by chance, so
/// that those who failed together do not come back together.
pub(crate) fn pause(attempt: u32) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    let whole = doubled.min(LONGEST);
    // Without randomness the pause is the whole.
    let part = getrandom::u32().map_or(1.0, |value| f64::from(value) / f64::from(u32::MAX));
    whole / 2 + (whole / 2).mul_f64(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_end_and_differ() {
        for (attempt, whole) in [
            (1, 200),
            (2, 400),
            (3, 800),
            (4, 1_600),
            (5, 2_000),
            (99, 2_000),
        ] {
            let whole = Duration::from_millis(whole);
            let pauses: Vec<Duration> = (0..16).map(|_| pause(attempt)).collect();
            assert!(
                pauses
                    .iter()
                    .all(|pause| (whole / 2..=whole).contains(pause))
            );
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}
