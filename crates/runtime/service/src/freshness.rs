//! How fresh a document is, and when to ask for it again.

use std::fmt;

use bulla_pki::{Timestamp, Window};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Which part of its validity passes until a document is asked for again: a document of the usual
/// 30 days every day, which is also how often the vendor signs CRLs anew.
const PARTS: u64 = 30;

/// Shortest and longest time between two questions, in seconds. A CRL of a root is valid for a
/// year or ten, and still must be seen within a week.
const INTERVALS: (u64, u64) = (HOUR, 7 * DAY);

/// How long before its end a document that nothing followed is called overdue, in seconds, unless
/// half its validity is less. Ten days: the vendor's worst gap between two CRLs was 7.4 days of
/// the 30, so that 22 remained; and a root's CRL follows two weeks before the end of the last.
const ALARM: u64 = 10 * DAY;

/// First and longest wait after a failure, in seconds: an outage that is over is noticed within an
/// hour or so, and one question an hour is no load for anybody.
const RETRIES: (u64, u64) = (5 * 60, HOUR);

/// How fresh a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each state is told apart everywhere"
)]
pub enum Freshness {
    /// Nothing is to be done.
    Current,
    /// It is time to ask for the next issue; this one is good.
    Due,
    /// The end is near and nothing has followed: somebody should look. It is still good.
    Overdue,
    /// The document or a certificate of its chain has ended.
    Expired,
}

impl Freshness {
    /// `current`, `due`, `overdue` or `expired`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Due => "due",
            Self::Overdue => "overdue",
            Self::Expired => "expired",
        }
    }

    /// Every state, the best first.
    pub const ALL: [Self; 4] = [Self::Current, Self::Due, Self::Overdue, Self::Expired];
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What freshness follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// From issue to the end of the document or of its chain, whichever is first.
    pub window: Window,
    /// When an upstream was last asked, with success.
    pub asked: Timestamp,
}

impl Age {
    /// Seconds between two questions.
    pub fn interval(&self) -> u64 {
        let (shortest, longest) = INTERVALS;
        (self.validity() / PARTS).clamp(shortest, longest)
    }

    /// When it is time to ask again. `jitter` is spread over all documents, in 1024ths: up to a
    /// tenth of the interval sooner, so that not all are asked for at once.
    pub fn due(&self, jitter: u16) -> Timestamp {
        let interval = self.interval();
        let sooner = interval / 10 * u64::from(jitter.min(1_024)) / 1_024;
        self.asked.saturating_add(interval - sooner)
    }

    /// From when on somebody should look.
    pub fn alarm(&self) -> Timestamp {
        let before = ALARM.min(self.validity() / 2);
        self.window.until.saturating_sub(before)
    }

    /// The state at an instant.
    pub fn freshness(&self, now: Timestamp, jitter: u16) -> Freshness {
        if now > self.window.until {
            Freshness::Expired
        } else if now >= self.alarm() {
            Freshness::Overdue
        } else if now >= self.due(jitter) {
            Freshness::Due
        } else {
            Freshness::Current
        }
    }

    fn validity(&self) -> u64 {
        let Window { from, until } = self.window;
        until.unix_seconds().saturating_sub(from.unix_seconds())
    }
}

/// How long to wait after `failures` failures in a row (at least one), in seconds: twice as long
/// after each, with up to a quarter of it more by `jitter`, in 1024ths.
pub fn retry_after(failures: u32, jitter: u16) -> u64 {
    let (first, longest) = RETRIES;
    let doublings = failures.saturating_sub(1).min(16);
    let wait = (first << doublings).min(longest);
    wait + wait / 4 * u64::from(jitter.min(1_024)) / 1_024
}

/// The longest wait that [`retry_after`] gives, in seconds.
pub(crate) const LONGEST_RETRY: u64 = RETRIES.1 + RETRIES.1 / 4;

/// A number of 1024 that stays the same for a name, and differs between names.
pub fn jitter(name: &str) -> u16 {
    // FNV-1a: spreads similar names; nothing rests on it.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    u16::try_from((hash >> 32) % 1_024).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(days: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000 + days * DAY).unwrap()
    }

    fn age(days: u64, asked: u64) -> Age {
        Age {
            window: Window {
                from: day(0),
                until: day(days),
            },
            asked: day(asked),
        }
    }

    #[test]
    fn a_document_of_thirty_days_goes_through_all_states() {
        let age = age(30, 0);
        let states: Vec<_> = [0, 1, 19, 20, 30]
            .map(|days| age.freshness(day(days), 0))
            .to_vec();
        use Freshness::{Current, Due, Expired, Overdue};
        assert_eq!(states, [Current, Due, Due, Overdue, Overdue]);
        assert_eq!(age.freshness(day(30).saturating_add(1), 0), Expired);
    }

    #[test]
    fn every_document_is_asked_for_within_a_week_and_not_twice_an_hour() {
        assert_eq!(age(3_650, 0).interval(), 7 * DAY);
        assert_eq!(age(365, 0).interval(), 7 * DAY);
        assert_eq!(age(0, 0).interval(), HOUR);
    }

    #[test]
    fn jitter_makes_it_sooner_by_a_tenth_at_most() {
        let age = age(30, 3);
        assert_eq!(age.due(0), day(4));
        let soonest = age.due(1_024);
        assert_eq!(day(4).unix_seconds() - soonest.unix_seconds(), DAY / 10);
        assert_eq!(age.due(u16::MAX), soonest);
    }

    #[test]
    fn a_short_validity_is_overdue_at_its_half() {
        assert_eq!(age(4, 0).alarm(), day(2));
    }

    #[test]
    fn waiting_doubles_up_to_a_bound() {
        let waits: Vec<_> = [0, 1, 2, 3, 20, u32::MAX]
            .map(|n| retry_after(n, 0))
            .to_vec();
        assert_eq!(waits, [300, 300, 600, 1_200, 3_600, 3_600]);
        assert_eq!(retry_after(1, 1_024), 375);
    }

    #[test]
    fn names_are_spread() {
        let names = (0..1_000).map(|n| jitter(&format!("tcb-info/sgx/{n:012X}/3/17")));
        let different: std::collections::BTreeSet<_> = names.collect();
        assert!(different.len() > 500, "{}", different.len());
        assert!(different.iter().all(|n| *n < 1_024));
    }
}
