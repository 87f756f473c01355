//! How much one client may ask: every attestation costs a verification, whoever asks for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::Origin;

/// Most origins that are remembered, of some 50 bytes each. Whoever has more addresses than that is
/// slowed down by their number only.
const MOST_ORIGINS: usize = 10_000;

/// For each origin the instant at which all that it may ask at once is granted again is all there is
/// to know: each question moves it on by an interval.
pub(super) struct Meter {
    interval: Duration,
    /// What may be asked at once, in intervals.
    burst: u32,
    clear: Mutex<HashMap<Origin, Instant>>,
}

impl Meter {
    /// So many questions a minute from each origin, and as many at once.
    pub(super) fn per_minute(questions: u32) -> Self {
        let questions = questions.max(1);
        Self {
            interval: Duration::from_secs(60) / questions,
            burst: questions,
            clear: Mutex::default(),
        }
    }

    /// Counts a question of a client; or says how long it has to wait. Clients of this machine, and
    /// on Unix sockets, are not counted: a proxy may be in front.
    pub(super) fn grant(&self, peer: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let Some(peer) = peer.filter(|peer| !peer.to_canonical().is_loopback()) else {
            return Ok(());
        };
        let origin = Origin::of(peer);
        let mut all = self.clear.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_ORIGINS && !all.contains_key(&origin) {
            all.retain(|_, clear| *clear > now);
            if all.len() >= MOST_ORIGINS {
                all.clear();
            }
        }
        let clear = all.entry(origin).or_insert(now);
        let next = (*clear).max(now) + self.interval;
        let latest = now + self.interval * self.burst;
        if next > latest {
            return Err(next - latest);
        }
        *clear = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn an_origin_is_granted_so_much_at_once_and_then_one_by_one() {
        let meter = Meter::per_minute(6);
        let start = Instant::now();
        for _ in 0..6 {
            assert_eq!(meter.grant(peer(1), start), Ok(()));
        }
        let ten = Duration::from_secs(10);
        assert_eq!(meter.grant(peer(1), start), Err(ten));
        assert_eq!(meter.grant(peer(2), start), Ok(()));
        assert_eq!(meter.grant(peer(1), start + ten), Ok(()));
        assert_eq!(meter.grant(peer(1), start + ten), Err(ten));
        for _ in 0..6 {
            assert_eq!(meter.grant(peer(1), start + ten * 9), Ok(()));
        }
    }

    #[test]
    fn this_machine_is_not_counted() {
        let meter = Meter::per_minute(1);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(meter.grant(None, start), Ok(()));
            let mapped = "::ffff:127.0.0.1".parse().ok();
            assert_eq!(meter.grant(mapped, start), Ok(()));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let meter = Meter::per_minute(1);
        let start = Instant::now();
        for number in 0..u32::try_from(MOST_ORIGINS).unwrap() + 100 {
            let peer = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            let _granted = meter.grant(Some(peer), start);
        }
        assert!(meter.clear.lock().unwrap().len() <= MOST_ORIGINS);
    }
}
