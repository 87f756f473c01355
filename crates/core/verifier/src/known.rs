//! A bounded memory of platforms that were seen before.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use bulla_evidence::Quote;
use bulla_pki::Timestamp;

use crate::pck::{self, Platform};
use crate::prepare::PreparedCollateral;
use crate::procedure;
use crate::verdict::Verdict;

/// Verifies quotes under one collateral set and remembers the platforms it has seen.
///
/// A platform keeps its PCK certificate and its quoting enclave's attestation key for months. What
/// was checked about them (the chain, the report of the quoting enclave) holds as long as all their
/// bytes and the collateral are the same; it is remembered by a digest over those bytes, and only
/// where nothing failed. The memory lives and dies with the collateral it was checked under. The
/// quote's signature, its TCB level, revocation and time are evaluated for every quote.
#[derive(Debug)]
pub struct KnownPlatforms {
    collateral: Arc<PreparedCollateral>,
    memory: Mutex<Memory>,
}

impl KnownPlatforms {
    /// An empty memory for at most `capacity` platforms under `collateral`; about 2 KB each.
    pub fn new(collateral: Arc<PreparedCollateral>, capacity: NonZeroUsize) -> Self {
        Self {
            collateral,
            memory: Mutex::new(Memory {
                generation_size: capacity.get().div_ceil(2),
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }

    /// The collateral that everything remembered was checked under.
    pub fn collateral(&self) -> &Arc<PreparedCollateral> {
        &self.collateral
    }

    /// How many platforms are remembered; never more than the capacity, rounded up to even.
    pub fn len(&self) -> usize {
        self.with_memory(|memory| memory.young.len().saturating_add(memory.old.len()))
    }

    /// Whether no platform is remembered yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The verdict on `quote` at `at`: the same as [`PreparedCollateral::verify`] gives.
    pub fn verify(&self, quote: &[u8], at: Timestamp) -> Verdict {
        procedure::verify(quote, &self.collateral, at, |quote| self.platform(quote))
    }

    fn platform(&self, quote: &Quote<'_>) -> Arc<Platform> {
        let key = pck::fingerprint(quote.auth());
        if let Some(known) = self.with_memory(|memory| memory.find(&key)) {
            return known;
        }
        let platform = Arc::new(pck::check(quote.auth(), &self.collateral));
        if platform.is_sound() {
            self.with_memory(|memory| memory.keep(key, Arc::clone(&platform)));
        }
        platform
    }

    /// Nothing that runs under the lock can leave an entry half made, so a panic elsewhere while
    /// it was held does no harm.
    fn with_memory<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        work(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Two generations: when the young one is full it becomes the old one, whose platforms are
/// forgotten unless they were seen again. Constant work, no clock, a hard bound.
#[derive(Debug)]
struct Memory {
    generation_size: usize,
    young: HashMap<[u8; 32], Arc<Platform>>,
    old: HashMap<[u8; 32], Arc<Platform>>,
}

impl Memory {
    fn find(&mut self, key: &[u8; 32]) -> Option<Arc<Platform>> {
        if let Some(known) = self.young.get(key) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(key)?;
        self.keep(*key, Arc::clone(&known));
        Some(known)
    }

    fn keep(&mut self, key: [u8; 32], platform: Arc<Platform>) {
        if self.young.len() >= self.generation_size {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, platform);
    }
}

#[cfg(test)]
mod tests {
    use bulla_issuer::{Documents, QuoteKind, Scenario};

    use super::*;
    use crate::simulated::{prepared, scenario};

    fn memory_for(scenario: &Scenario, capacity: usize) -> KnownPlatforms {
        let prepared = prepared(scenario, &scenario.build().collateral);
        KnownPlatforms::new(Arc::new(prepared), NonZeroUsize::new(capacity).unwrap())
    }

    /// The scenario's quote by one of several quoting enclaves, told apart by what they add.
    fn quote(scenario: &Scenario, number: u8) -> Vec<u8> {
        let mut scenario = scenario.clone();
        scenario.quote.qe_auth = vec![number; 32];
        scenario.build().quote
    }

    #[test]
    fn each_platform_is_remembered_once() {
        let scenario = scenario(QuoteKind::SgxV3);
        let known = memory_for(&scenario, 4);
        assert!(known.is_empty());
        for (number, expected) in [(1, 1), (1, 1), (2, 2), (1, 2)] {
            known.verify(&quote(&scenario, number), scenario.at);
            assert_eq!(known.len(), expected);
            assert!(!known.is_empty());
        }
    }

    #[test]
    fn a_platform_of_which_anything_failed_is_not_remembered() {
        let scenario = scenario(QuoteKind::SgxV3);
        let known = memory_for(&scenario, 4);
        let without = |change: fn(&mut Documents)| {
            let mut documents = scenario.documents();
            change(&mut documents);
            known.verify(&documents.assemble().quote, scenario.at);
            known.len()
        };
        assert_eq!(
            without(|documents| documents.quote.qe_report_signature[63] ^= 1),
            0
        );
        assert_eq!(
            without(|documents| documents.quote.attestation_key[0] ^= 1),
            0
        );
        // The quote itself is judged each time: what its platform is stays true.
        assert_eq!(without(|documents| documents.quote.signature[63] ^= 1), 1);
    }

    #[test]
    fn what_was_not_seen_for_a_generation_is_forgotten() {
        let scenario = scenario(QuoteKind::SgxV3);
        let known = memory_for(&scenario, 4);
        let key = |number| {
            let quote = quote(&scenario, number);
            pck::fingerprint(Quote::parse(&quote).unwrap().auth())
        };
        let remembers = |number| {
            known.with_memory(|memory| {
                let key = key(number);
                memory.young.contains_key(&key) || memory.old.contains_key(&key)
            })
        };
        // 1 is seen again while it is old, 2 is not.
        for number in [1, 2, 3, 1, 4] {
            known.verify(&quote(&scenario, number), scenario.at);
            assert!(remembers(number), "{number}");
            assert!(known.len() <= 4);
        }
        assert_eq!([1, 2, 3, 4].map(remembers), [true, false, true, true]);
    }

    /// What is remembered is what is used: nothing about a known platform is checked again.
    #[test]
    fn the_platform_that_was_remembered_is_the_one_that_counts() {
        let scenario = scenario(QuoteKind::SgxV3);
        let known = memory_for(&scenario, 2);
        let bytes = quote(&scenario, 1);
        let parsed = Quote::parse(&bytes).unwrap();
        let first = known.platform(&parsed);
        assert!(Arc::ptr_eq(&first, &known.platform(&parsed)));
    }
}
