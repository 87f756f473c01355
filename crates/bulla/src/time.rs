//! Times as people give them, and the only look at the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bulla_pki::Timestamp;

use crate::error::{Error, Result};

/// The present instant.
pub(crate) fn now() -> Result<Timestamp> {
    let seconds = since_1970()?.as_secs();
    Timestamp::from_unix_seconds(seconds).map_err(|_| Error::ClockUnusable)
}

/// The time since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub(crate) fn since_1970() -> Result<Duration> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_err(|_| Error::ClockUnusable)
}

/// The instant that was asked for, or the present one.
pub(crate) fn given_or_now(text: Option<&str>) -> Result<Timestamp> {
    text.map_or_else(now, parse)
}

/// Reads RFC 3339 with any offset, or whole seconds since 1970. Parts of a second are dropped, as
/// no document has them.
pub(crate) fn parse(text: &str) -> Result<Timestamp> {
    let invalid = |reason: String| Error::TimeInvalid {
        text: text.chars().take(64).collect(),
        reason,
    };
    let out_of_range = || invalid("it is not between 1970 and 9999".to_owned());
    let trimmed = text.trim();
    let seconds = if !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
        trimmed.parse::<u64>().map_err(|_| out_of_range())?
    } else {
        let instant: jiff::Timestamp = trimmed
            .parse()
            .map_err(|error: jiff::Error| invalid(error.to_string()))?;
        u64::try_from(instant.as_second()).map_err(|_| out_of_range())?
    };
    Timestamp::from_unix_seconds(seconds).map_err(|_| out_of_range())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse(text).ok().map(|time| time.to_string())
    }

    #[test]
    fn rfc_3339_with_any_offset_and_unix_seconds() {
        let noon = Some("2026-11-23T12:00:00Z".to_owned());
        for text in [
            "2026-11-23T12:00:00Z",
            "2026-11-23T13:00:00+01:00",
            "2026-11-23T04:00:00-08:00",
            "2026-11-23T12:00:00.999Z",
            "1795435200",
            " 1795435200\n",
        ] {
            assert_eq!(read(text), noon, "{text}");
        }
    }

    #[test]
    fn what_names_no_instant_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-11-23",
            "2026-11-23T12:00:00",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "-1",
            "253402300800",
            "99999999999999999999999999",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
