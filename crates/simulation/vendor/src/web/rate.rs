//! A limit of requests in a time, as the vendor's service has one.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many requests are answered in a time, all clients together; the others get status 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many requests.
    pub requests: NonZeroU32,
    /// In which time; the next begins with the first request after it.
    pub period: Duration,
}

/// A limit and what was used of it.
#[derive(Debug)]
pub(super) struct Rate {
    limit: RateLimit,
    /// When the present period began, and the requests in it.
    used: Mutex<Option<(Instant, u32)>>,
}

impl Rate {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            used: Mutex::new(None),
        }
    }

    /// Counts a request; an error with the seconds until the next period where it is too many.
    pub(super) fn admit(&self, now: Instant) -> Result<(), u32> {
        let RateLimit { requests, period } = self.limit;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, count) = used
            .filter(|(began, _)| now.duration_since(*began) < period)
            .unwrap_or((now, 0));
        if count >= requests.get() {
            let left = period.saturating_sub(now.duration_since(began));
            let seconds = left.as_secs().saturating_add(1);
            return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        *used = Some((began, count + 1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_so_many_requests_and_the_next_has_them_again() {
        let rate = Rate::new(RateLimit {
            requests: NonZeroU32::new(2).unwrap(),
            period: Duration::from_secs(60),
        });
        let start = Instant::now();
        let admit = |seconds| rate.admit(start + Duration::from_secs(seconds));
        assert_eq!([admit(0), admit(10), admit(20)], [Ok(()), Ok(()), Err(41)]);
        assert_eq!([admit(60), admit(61), admit(62)], [Ok(()), Ok(()), Err(59)]);
    }
}
