//! What only a successful appraisal gives, and what ends with it.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bulla_pki::Timestamp;
use zeroize::Zeroize;

use crate::client::Attestation;

/// A secret or a permission that exists only as the result of a successful appraisal.
///
/// It ends when the appraisal ends: with the token, and so at the latest with the collateral and
/// with every exception that the appraisal rested on. Each access asks the clock again, and what
/// has ended is not handed out. The memory is overwritten when it is dropped.
///
/// There is no way to make one but to attest, to copy one, or to have it printed:
///
/// ```compile_fail,E0451
/// use bulla_gate::Attested;
///
/// let forged = Attested { value: vec![1, 2, 3], standing: todo!() };
/// ```
///
/// ```compile_fail,E0624
/// use bulla_gate::Attested;
///
/// let forged = Attested::new(vec![1, 2, 3], todo!());
/// ```
///
/// ```compile_fail,E0599
/// fn copy(secret: bulla_gate::Attested<Vec<u8>>) -> bulla_gate::Attested<Vec<u8>> {
///     secret.clone()
/// }
/// ```
///
/// ```compile_fail,E0616
/// fn take(secret: &bulla_gate::Attested<Vec<u8>>) -> &Vec<u8> {
///     &secret.value
/// }
/// ```
///
/// This is the way:
///
/// ```
/// fn first_byte(secret: &bulla_gate::Attested<Vec<u8>>) -> Result<Option<u8>, bulla_gate::Ended> {
///     Ok(secret.get()?.first().copied())
/// }
/// ```
pub struct Attested<T: Zeroize> {
    value: T,
    standing: Standing,
}

/// Work may go on. It says nothing by itself; that there is one is what counts.
#[derive(Debug)]
pub struct Permission(());

/// The appraisal behind it has ended: attest anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attestation ended at {until}; attest anew")]
#[non_exhaustive]
pub struct Ended {
    /// When the token ended.
    pub until: Timestamp,
}

/// Another policy accepted the later evidence, so that it says nothing about this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this was given under another policy than the later attestation; have it released anew")]
#[non_exhaustive]
pub struct OtherPolicy;

impl<T: Zeroize> Attested<T> {
    pub(crate) fn new(value: T, standing: Standing) -> Self {
        Self { value, standing }
    }

    /// What it holds, for as long as the appraisal stands.
    pub fn get(&self) -> Result<&T, Ended> {
        self.standing.term.check()?;
        Ok(&self.value)
    }

    /// When it ends, unless it is extended.
    pub fn until(&self) -> Timestamp {
        self.standing.term.until
    }

    /// Lets it live as long as a later attestation of the same process, without having it released
    /// again. Also what has ended can be extended: the later appraisal counts.
    pub fn extend(&mut self, later: &Attestation) -> Result<(), OtherPolicy> {
        let later = later.standing();
        if later.policy != self.standing.policy {
            return Err(OtherPolicy);
        }
        self.standing = later.clone();
        Ok(())
    }
}

/// Overwrites what it holds.
impl<T: Zeroize> Drop for Attested<T> {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

/// Says when it ends, never what it holds.
impl<T: Zeroize> fmt::Debug for Attested<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attested")
            .field("until", &self.standing.term.until)
            .finish_non_exhaustive()
    }
}

impl Permission {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

/// A permission holds nothing that could be read.
impl Zeroize for Permission {
    fn zeroize(&mut self) {}
}

/// What an appraisal stands for, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) term: Term,
    /// SHA-256 of the policy that accepted.
    pub(crate) policy: [u8; 32],
}

/// How long something holds: until an instant, and for a time. A clock that is set back lengthens
/// neither; a clock that counts only while the machine runs does not lengthen the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) until: Timestamp,
    deadline: Instant,
}

impl Term {
    /// Ends at `until`, and no later than `left` after `from`.
    pub(crate) fn new(until: Timestamp, from: Instant, left: Duration) -> Self {
        // A time that no clock can express has ended.
        let deadline = from.checked_add(left).unwrap_or(from);
        Self { until, deadline }
    }

    /// Whether it holds now, by the clocks of the operating system.
    pub(crate) fn check(&self) -> Result<(), Ended> {
        match self.left(now(), Instant::now()) {
            Some(_) => Ok(()),
            None => Err(Ended { until: self.until }),
        }
    }

    /// How much of it is left; `None` where nothing is, or where the clock cannot be used.
    pub(crate) fn left(&self, now: Option<Timestamp>, instant: Instant) -> Option<Duration> {
        let until = self.until.unix_seconds();
        let seconds = until.checked_sub(now?.unix_seconds())?;
        let steady = self.deadline.checked_duration_since(instant)?;
        let left = steady.min(Duration::from_secs(seconds));
        (!left.is_zero()).then_some(left)
    }
}

/// The time by the clock of the operating system; `None` before 1970 and after 9999.
#[expect(
    clippy::disallowed_methods,
    reason = "what ends must end also where nobody says what time it is"
)]
pub(crate) fn now() -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Timestamp::from_unix_seconds(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Option<Timestamp> {
        Some(Timestamp::from_unix_seconds(seconds).unwrap())
    }

    fn lasting(left: Duration) -> Standing {
        let until = now().unwrap().saturating_add(3600);
        Standing {
            term: Term::new(until, Instant::now(), left),
            policy: [1; 32],
        }
    }

    #[test]
    fn a_term_ends_by_whichever_clock_says_so_first() {
        let start = Instant::now();
        let term = Term::new(at(1_060).unwrap(), start, MINUTE);
        assert_eq!(term.left(at(1_000), start), Some(MINUTE));
        assert_eq!(
            term.left(at(1_059), start + MINUTE / 2),
            Some(Duration::from_secs(1))
        );
        assert_eq!(term.left(at(1_060), start), None, "the wall clock");
        assert_eq!(term.left(at(1_000), start + MINUTE), None, "the steady one");
        assert_eq!(term.left(at(500), start + MINUTE), None, "set back");
        assert_eq!(term.left(None, start), None, "no clock, no access");
    }

    #[test]
    fn what_has_ended_is_not_handed_out() {
        let secret = Attested::new(vec![1, 2, 3], lasting(MINUTE));
        assert_eq!(secret.get().unwrap(), &[1, 2, 3]);
        let ended = Attested::new(vec![1, 2, 3], lasting(Duration::ZERO));
        let until = ended.until();
        assert_eq!(ended.get(), Err(Ended { until }));
    }

    #[test]
    fn memory_is_overwritten_when_it_is_dropped() {
        struct Watched(Arc<AtomicBool>);
        impl Zeroize for Watched {
            fn zeroize(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let overwritten = Arc::new(AtomicBool::new(false));
        let secret = Attested::new(Watched(Arc::clone(&overwritten)), lasting(MINUTE));
        assert!(!overwritten.load(Ordering::Relaxed));
        drop(secret);
        assert!(overwritten.load(Ordering::Relaxed));
    }

    #[test]
    fn nothing_is_printed_of_what_it_holds() {
        let secret = Attested::new(b"hunter2".to_vec(), lasting(MINUTE));
        let printed = format!("{secret:?}");
        assert!(printed.starts_with("Attested { until: "), "{printed}");
        assert!(
            !printed.contains("104") && !printed.contains("hunter"),
            "{printed}"
        );
    }
}
