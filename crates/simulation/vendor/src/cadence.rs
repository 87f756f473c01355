//! When documents are issued, and how long they count.
//!
//! Nothing that was issued is kept: whoever asks for the document of an instant gets the one that
//! was issued last before it, written anew and the same to the byte. That is why issues lie at
//! fixed hours.

use bulla_issuer::YEAR;
use bulla_pki::{Timestamp, Window};

/// Seconds in a day.
pub const DAY: u64 = 86_400;

/// The time of day, UTC, at which documents are signed anew.
const SIGNING_TIME: u64 = 4 * 3_600;

/// TCB info, identities, numbers and CRLs of PCK certificates count for this long.
const DOCUMENT_PERIOD: u64 = 30 * DAY;

/// The root's CRL is issued this often, and counts a fortnight longer.
const ROOT_CRL_INTERVAL: u64 = 365 * DAY;
const ROOT_CRL_PERIOD: u64 = 379 * DAY;

/// Certificates of the signer and of platforms count this long, and are renewed a year before.
const CERTIFICATE_PERIOD: u64 = 7 * YEAR;
const CERTIFICATE_INTERVAL: u64 = 6 * YEAR;

/// The window of the document that is current at `at`: signed last at the fixed hour of a day, or
/// at `changed`, the last time its content changed, whichever is later.
pub(crate) fn document(changed: Timestamp, at: Timestamp) -> Window {
    let since_signing = at.saturating_sub(SIGNING_TIME).unix_seconds() % DAY;
    lasting(
        at.saturating_sub(since_signing).max(changed),
        DOCUMENT_PERIOD,
    )
}

/// The window of the root's CRL that is current at `at`, for a vendor of this founding and a list
/// that last changed at `changed`.
pub(crate) fn root_crl(founded: Timestamp, changed: Timestamp, at: Timestamp) -> Window {
    lasting(
        repeated(founded, ROOT_CRL_INTERVAL, at).max(changed),
        ROOT_CRL_PERIOD,
    )
}

/// The window of the certificate that is current at `at`, first issued at `first`.
pub(crate) fn certificate(first: Timestamp, at: Timestamp) -> Window {
    lasting(
        repeated(first, CERTIFICATE_INTERVAL, at),
        CERTIFICATE_PERIOD,
    )
}

/// The start of the day: the vendor dates levels by the day.
pub fn midnight(at: Timestamp) -> Timestamp {
    at.saturating_sub(at.unix_seconds() % DAY)
}

/// The last of `first`, `first + interval` and so on that is not after `at`; at the least `first`.
fn repeated(first: Timestamp, interval: u64, at: Timestamp) -> Timestamp {
    let age = at.unix_seconds().saturating_sub(first.unix_seconds());
    first.saturating_add(age - age % interval)
}

fn lasting(from: Timestamp, period: u64) -> Window {
    Window {
        from,
        until: from.saturating_add(period),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn documents_change_at_their_hour_and_when_something_happens() {
        let issued = |changed, at| document(time(changed), time(at)).from.to_string();
        let before = "2026-11-01T12:00:00Z";
        assert_eq!(
            issued(before, "2026-11-23T03:59:59Z"),
            "2026-11-22T04:00:00Z"
        );
        assert_eq!(
            issued(before, "2026-11-23T04:00:00Z"),
            "2026-11-23T04:00:00Z"
        );
        assert_eq!(
            issued(before, "2026-11-24T03:59:59Z"),
            "2026-11-23T04:00:00Z"
        );
        let today = "2026-11-23T10:00:00Z";
        assert_eq!(issued(today, "2026-11-23T11:00:00Z"), today);
        assert_eq!(
            issued(today, "2026-11-24T04:00:00Z"),
            "2026-11-24T04:00:00Z"
        );
    }

    #[test]
    fn what_is_current_counts_then_and_for_a_while() {
        let founded = time("2020-02-29T17:30:00Z");
        for days in 0..4_000 {
            let at = founded.saturating_add(days * (DAY + 601));
            let windows = [
                document(founded, at),
                root_crl(founded, founded, at),
                certificate(founded, at),
            ];
            for window in windows {
                assert!(window.from <= at && founded <= window.from);
                assert!(at.saturating_add(13 * DAY) < window.until);
            }
        }
    }
}
