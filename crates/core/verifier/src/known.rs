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
