//! Instants, in whole seconds.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

/// Where Unix time begins.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// An instant in whole seconds since 1970-01-01T00:00:00Z, between 1970 and 9999.
///
/// Certificates, CRLs and the vendor's JSON documents carry no finer time. Core code never reads
/// a clock: the instant to judge by is always an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// The text is not a time of the form `YYYY-MM-DDTHH:MM:SSZ`, or the time is beyond the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form YYYY-MM-DDTHH:MM:SSZ between 1970 and 9999")]
pub struct TimestampError;

impl Timestamp {
    /// The last second that X.509 and RFC 3339 can express: 9999-12-31T23:59:59Z.
    pub const MAX: Self = Self(253_402_300_799);

    /// The instant `seconds` after 1970-01-01T00:00:00Z; an error beyond the year 9999.
    pub fn from_unix_seconds(seconds: u64) -> Result<Self, TimestampError> {
        if seconds > Self::MAX.0 {
            return Err(TimestampError);
        }
        Ok(Self(seconds))
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub const fn unix_seconds(self) -> u64 {
        self.0
    }

    /// The instant written as `YYYYMMDDHHMMSS` in UTC; `None` where there is no such instant.
    pub(crate) fn from_digits(digits: &[u8; 14]) -> Option<Self> {
        let number = |range: Range<usize>| -> Option<i16> {
            digits.get(range)?.iter().try_fold(0_i16, |number, byte| {
                let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
                number.checked_mul(10)?.checked_add(i16::from(digit))
            })
        };
        let small = |range| number(range).and_then(|number| i8::try_from(number).ok());
        let time = DateTime::new(
            number(0..4)?,
            small(4..6)?,
            small(6..8)?,
            small(8..10)?,
            small(10..12)?,
            small(12..14)?,
            0,
        );
        let since_epoch = time.ok()?.duration_since(EPOCH);
        u64::try_from(since_epoch.as_secs()).ok().map(Self)
    }

    /// The instant `seconds` later, or the last representable one.
    pub fn saturating_add(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds).min(Self::MAX.0))
    }

    /// The instant `seconds` earlier, or 1970-01-01T00:00:00Z.
    pub fn saturating_sub(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

/// Reads exactly the form the vendor's documents use, `YYYY-MM-DDTHH:MM:SSZ`.
impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let &[
            y1,
            y2,
            y3,
            y4,
            b'-',
            m1,
            m2,
            b'-',
            d1,
            d2,
            b'T',
            h1,
            h2,
            b':',
            n1,
            n2,
            b':',
            s1,
            s2,
            b'Z',
        ] = text.as_bytes()
        else {
            return Err(TimestampError);
        };
        Self::from_digits(&[y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2])
            .ok_or(TimestampError)
    }
}

/// Writes RFC 3339 in UTC, for example `2026-11-23T00:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0)
            .ok()
            .and_then(|seconds| EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok());
        match time {
            Some(time) => f.pad(&format!("{time}Z")),
            None => write!(f, "{} seconds after 1970", self.0),
        }
    }
}

/// A span in which a document or certificate counts; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// First second of validity: `notBefore`, `thisUpdate` or `issueDate`.
    pub from: Timestamp,
    /// Last second of validity: `notAfter` or `nextUpdate`.
    pub until: Timestamp,
}

impl Window {
    /// Whether `at` lies in the window; both ends do.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_nothing_else_is_read() {
        for text in [
            "2018-05-21T10:45:10Z",
            "1970-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "2018-05-21",
            "2018-05-21T10:45:10",
            "2018-05-21T10:45:10.000Z",
            "2018-05-21 10:45:10Z",
            "2018-05-21t10:45:10z",
            "2018-16-06T10:12:17Z",
            "2018-02-30T10:12:17Z",
            "2018-05-21T10:45:10+00:00",
            "1969-12-31T23:59:59Z",
            "2018-05-21T10:45:0:Z",
            "2018-05-21T10:45:0/Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
        }
    }

    #[test]
    fn both_ends_of_a_window_belong_to_it() {
        let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
        let window = Window {
            from: at(10),
            until: at(20),
        };
        let inside: Vec<bool> = [9, 10, 20, 21].map(|s| window.contains(at(s))).to_vec();
        assert_eq!(inside, [false, true, true, false]);
    }

    #[test]
    fn the_range_ends_with_the_year_9999() {
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
        let last = Timestamp::MAX.unix_seconds();
        assert_eq!(Timestamp::from_unix_seconds(last), Ok(Timestamp::MAX));
        assert!(Timestamp::from_unix_seconds(last + 1).is_err());
        assert_eq!(Timestamp::MAX.saturating_add(5), Timestamp::MAX);
    }
}
