//! Where clients come from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whom limits for one client hold for: an IPv4 address, or an IPv6 network of 64 bits, as that is
/// the least that a household is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin(IpAddr);

impl Origin {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self([a, b, c, d, 0, 0, 0, 0].into())
            }
        }
    }
}

/// How many connections each origin has.
#[derive(Debug, Default)]
pub(super) struct Crowd(Mutex<HashMap<Origin, usize>>);

/// One connection of an origin, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    origin: Origin,
}

impl Crowd {
    /// Lets one more in, unless there are `most` of its origin already.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr, most: usize) -> Option<Seat> {
        let origin = Origin::of(address);
        let mut counts = self.lock();
        let count = counts.entry(origin).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        let crowd = Arc::clone(self);
        Some(Seat { crowd, origin })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.crowd.lock();
        if let Some(count) = counts.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_gets_so_many_and_no_more() {
        let crowd = Arc::new(Crowd::default());
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        let first = crowd.admit(one, 2).unwrap();
        let _second = crowd.admit(mapped, 2).unwrap();
        assert!(crowd.admit(one, 2).is_none());
        let third = crowd.admit(other, 2).unwrap();
        drop(first);
        assert!(crowd.admit(one, 2).is_some());
        drop(third);
        assert_eq!(crowd.lock().len(), 1);
    }

    #[test]
    fn addresses_of_one_network_are_one_origin() {
        let origin = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::9"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
    }
}
