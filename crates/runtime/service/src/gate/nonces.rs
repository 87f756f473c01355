//! Nonces: issued without remembering them, taken once.
//!
//! A nonce has 32 bytes: the last second at which it is taken (8 bytes, most significant first, in
//! seconds since 1970), 8 random bytes, and the first 16 bytes of HMAC-SHA-256 over both. The key is
//! made at the start and kept nowhere, so that whatever another run of the service issued is
//! unknown here. Only nonces that were taken are remembered, until they end.
//!
//! Where several nodes share a store, the key follows from the gate's key, which all of them have, and
//! the store remembers what was taken: a nonce of one node is good once, at any of them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use bulla_pki::mac::{RandomError, random};
use bulla_pki::{MacKey, Timestamp};

/// Most nonces that are remembered at a time, of 40 bytes each with their place in a tree: at the
/// usual life of two minutes this is more than 2,000 attestations a second, which is what two
/// processors verify.
pub const MOST_TAKEN: usize = 1 << 18;

/// By how many seconds the clocks of several nodes may differ: more than those differ that are kept in
/// time, and little beside the life of a nonce.
const TOLERANCE: u64 = 5;

/// The bytes of a nonce.
pub(super) type Nonce = [u8; 32];

/// Why a nonce is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It was not issued here, or before the service was started.
    Unknown,
    /// It has ended.
    Expired,
    /// It was taken before.
    Used,
    /// There is no room to remember it: to be tried again later.
    Full,
}

/// Issues nonces and takes them.
pub(super) struct Nonces {
    key: MacKey,
    /// How long a nonce is good, in seconds.
    lifetime: u64,
    /// By how many seconds the clock of whoever issued one may be ahead.
    tolerance: u64,
    most: usize,
    /// Random parts of the nonces that were taken, by the second in which they end.
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    by_end: BTreeSet<(u64, [u8; 8])>,
    /// The latest second up to which nonces were forgotten: whatever ended before it may have been
    /// taken, also where the clock is set back.
    forgotten: u64,
}

impl Nonces {
    /// Nonces that are good for `lifetime` seconds.
    pub(super) fn new(lifetime: u64) -> Result<Self, RandomError> {
        Ok(Self {
            key: MacKey::generate()?,
            lifetime,
            tolerance: 0,
            most: MOST_TAKEN,
            taken: Mutex::default(),
        })
    }

    /// Nonces of several nodes that have the same key. That each is taken once at all of them has to be
    /// seen to by what they share.
    pub(super) fn shared(lifetime: u64, key: MacKey) -> Self {
        Self {
            key,
            lifetime,
            tolerance: TOLERANCE,
            most: MOST_TAKEN,
            taken: Mutex::default(),
        }
    }

    /// A new nonce, and the last second at which it is taken.
    pub(super) fn issue(&self, now: Timestamp) -> Result<(Nonce, Timestamp), RandomError> {
        let until = now.saturating_add(self.lifetime);
        let mut nonce = [0; 32];
        let (content, code) = nonce.split_at_mut(16);
        let (end, chance) = content.split_at_mut(8);
        end.copy_from_slice(&until.unix_seconds().to_be_bytes());
        chance.copy_from_slice(&random::<8>()?);
        code.copy_from_slice(&self.key.short_tag(content));
        Ok((nonce, until))
    }

    /// Takes a nonce, which can never be done again.
    pub(super) fn take(&self, nonce: &Nonce, now: Timestamp) -> Result<(), NotTaken> {
        let (content, code) = split(nonce);
        if !self.key.verify_short(&content, &code) {
            return Err(NotTaken::Unknown);
        }
        let (until, chance) = parts(&content);
        let now = now.unix_seconds();
        if now > until {
            return Err(NotTaken::Expired);
        }
        // One that ends later than any issued now was issued by a clock that was ahead.
        if until > now.saturating_add(self.lifetime + self.tolerance) {
            return Err(NotTaken::Expired);
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.forget_before(now);
        if until < taken.forgotten {
            return Err(NotTaken::Expired);
        }
        if taken.by_end.contains(&(until, chance)) {
            return Err(NotTaken::Used);
        }
        if taken.by_end.len() >= self.most {
            return Err(NotTaken::Full);
        }
        taken.by_end.insert((until, chance));
        Ok(())
    }
}

impl Taken {
    fn forget_before(&mut self, now: u64) {
        self.forgotten = self.forgotten.max(now);
        while self.by_end.first().is_some_and(|(until, _)| *until < now) {
            self.by_end.pop_first();
        }
    }
}

/// The last second at which a nonce is taken.
pub(super) fn end(nonce: &Nonce) -> Timestamp {
    let (until, _) = parts(&split(nonce).0);
    Timestamp::from_unix_seconds(until).unwrap_or(Timestamp::MAX)
}

/// What is authenticated, and its code.
fn split(nonce: &Nonce) -> ([u8; 16], [u8; 16]) {
    let (mut content, mut code) = ([0; 16], [0; 16]);
    let (first, second) = nonce.split_at(16);
    content.copy_from_slice(first);
    code.copy_from_slice(second);
    (content, code)
}

/// The last second, and the random part.
fn parts(content: &[u8; 16]) -> (u64, [u8; 8]) {
    let (mut end, mut chance) = ([0; 8], [0; 8]);
    let (first, second) = content.split_at(8);
    end.copy_from_slice(first);
    chance.copy_from_slice(second);
    (u64::from_be_bytes(end), chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: u64 = 120;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn nonces() -> Nonces {
        Nonces::new(LIFETIME).unwrap()
    }

    #[test]
    fn a_nonce_is_taken_once_until_its_last_second() {
        let nonces = nonces();
        let issue = || nonces.issue(at(1_000)).unwrap();
        let (first, until) = issue();
        let (second, _) = issue();
        let (third, _) = issue();
        assert_ne!(first, second);
        assert_eq!(until, at(1_000 + LIFETIME));
        assert_eq!(nonces.take(&first, at(1_000)), Ok(()));
        assert_eq!(nonces.take(&first, at(1_001)), Err(NotTaken::Used));
        assert_eq!(nonces.take(&second, until), Ok(()));
        assert_eq!(nonces.take(&second, until), Err(NotTaken::Used));
        let later = until.saturating_add(1);
        assert_eq!(nonces.take(&second, later), Err(NotTaken::Expired));
        assert_eq!(nonces.take(&third, later), Err(NotTaken::Expired));
    }

    #[test]
    fn what_was_not_issued_here_is_unknown() {
        let (nonces, other) = (nonces(), self::nonces());
        let (nonce, _) = nonces.issue(at(1_000)).unwrap();
        assert_eq!(other.take(&nonce, at(1_000)), Err(NotTaken::Unknown));
        for bit in 0..256 {
            let mut changed = nonce;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(nonces.take(&changed, at(1_000)), Err(NotTaken::Unknown));
        }
        assert_eq!(nonces.take(&[0; 32], at(0)), Err(NotTaken::Unknown));
        assert_eq!(nonces.take(&nonce, at(1_000)), Ok(()));
    }

    /// Otherwise a nonce that was taken and forgotten could be taken again.
    #[test]
    fn a_clock_that_is_set_back_brings_no_nonce_back() {
        let nonces = nonces();
        let issue = |second| nonces.issue(at(second)).unwrap().0;
        let (early, late) = (issue(9_000), issue(9_500));
        assert_eq!(nonces.take(&early, at(9_000)), Ok(()));
        assert_eq!(nonces.take(&late, at(9_500)), Ok(()));
        assert_eq!(nonces.take(&early, at(9_000)), Err(NotTaken::Expired));
        assert_eq!(nonces.take(&late, at(9_500)), Err(NotTaken::Used));
        assert_eq!(
            nonces.take(&issue(9_500), at(9_000)),
            Err(NotTaken::Expired)
        );
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_it_is_not_forgotten_for_others() {
        let nonces = Nonces {
            most: 3,
            ..self::nonces()
        };
        let issue = |second| nonces.issue(at(second)).unwrap().0;
        let taken = [(); 3].map(|()| issue(1_000));
        for nonce in &taken {
            assert_eq!(nonces.take(nonce, at(1_000)), Ok(()));
        }
        let further = issue(1_000);
        assert_eq!(nonces.take(&further, at(1_000)), Err(NotTaken::Full));
        assert_eq!(nonces.take(&taken[0], at(1_000)), Err(NotTaken::Used));
        let later = 1_000 + LIFETIME + 1;
        assert_eq!(nonces.take(&issue(later), at(later)), Ok(()));
        let kept = nonces.taken.lock().unwrap().by_end.len();
        assert_eq!(kept, 1);
    }
}
