//! Answers for platforms, remembered for a moment where the store is on another machine.
//!
//! Every request of a quoting host asks for one: from a store across a network that would cost more
//! than all else. While the store is out of reach, what is remembered is answered however old it is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bulla_protocol::value::{CpuSvn, PceSvn};
use bulla_store::StoreError;
use bulla_store::fleet::{PckAnswer, PlatformId};

use super::Wanted;

/// For how long an answer is given again without asking the store: what another node has changed is
/// seen here after that. Certificates change with TCB recoveries, which take weeks to be enforced.
const FRESH: Duration = Duration::from_secs(10);

/// Most answers that are remembered, of 5 KB each: those of a large site, in 100 MB.
const MOST: usize = 20_000;

type Key = (PlatformId, CpuSvn, PceSvn);

/// What was answered of late.
#[derive(Default)]
pub(super) struct Remembered(Mutex<HashMap<Key, (Instant, PckAnswer)>>);

impl Remembered {
    /// The answer to a question: a fresh one from memory, else what `find` finds, else, where the
    /// store is out of reach, what is remembered.
    pub(super) fn find(
        &self,
        wanted: &Wanted,
        find: impl FnOnce() -> Result<Option<PckAnswer>, StoreError>,
    ) -> Result<Option<PckAnswer>, StoreError> {
        let known = self.all().get(&key(wanted)).cloned();
        if let Some((when, answer)) = &known
            && when.elapsed() < FRESH
        {
            return Ok(Some(answer.clone()));
        }
        match (find(), known) {
            (Ok(found), _) => {
                self.note(wanted, found.as_ref());
                Ok(found)
            }
            (Err(StoreError::Unreachable { .. }), Some((_, answer))) => Ok(Some(answer)),
            (Err(error), _) => Err(error),
        }
    }

    /// Forgets all answers for a platform.
    pub(super) fn forget(&self, id: &PlatformId) {
        self.all().retain(|(known, ..), _| known != id);
    }

    /// Remembers what was found; nothing where nothing was.
    pub(super) fn note(&self, wanted: &Wanted, found: Option<&PckAnswer>) {
        let key = key(wanted);
        let mut all = self.all();
        let Some(found) = found else {
            all.remove(&key);
            return;
        };
        if all.len() >= MOST && !all.contains_key(&key) {
            // Whatever goes is asked for again.
            let gone = all.keys().next().cloned();
            gone.and_then(|gone| all.remove(&gone));
        }
        all.insert(key, (Instant::now(), found.clone()));
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (Instant, PckAnswer)>> {
        // Nothing is left half done in it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(wanted: &Wanted) -> Key {
    (wanted.id.clone(), wanted.cpu_svn, wanted.pce_svn)
}

#[cfg(test)]
mod tests {
    use bulla_collateral::PckCa;
    use bulla_protocol::value::{Fmspc, PceId, Tcbm};

    use super::*;

    fn wanted(name: &str) -> Wanted {
        Wanted {
            id: PlatformId {
                qe_id: name.to_owned(),
                pce_id: PceId([0; 2]),
            },
            cpu_svn: CpuSvn([1; 16]),
            pce_svn: PceSvn(1),
            encrypted_ppid: None,
        }
    }

    fn answer() -> PckAnswer {
        PckAnswer {
            certificate: b"certificate".to_vec(),
            tcbm: Tcbm {
                cpusvn: CpuSvn([1; 16]),
                pcesvn: PceSvn(1),
            },
            fmspc: Fmspc([1; 6]),
            ca: PckCa::Platform,
            issuer_chain: Vec::new(),
        }
    }

    fn unreachable() -> Result<Option<PckAnswer>, StoreError> {
        Err(StoreError::Unreachable {
            path: "a database".to_owned(),
            reason: "a test".to_owned(),
        })
    }

    #[test]
    fn what_is_fresh_is_not_asked_for_again() {
        let remembered = Remembered::default();
        let found = remembered
            .find(&wanted("A"), || Ok(Some(answer())))
            .unwrap();
        assert!(found == Some(answer()));
        let again = remembered.find(&wanted("A"), || panic!("asked again"));
        assert!(again.unwrap() == Some(answer()));
        remembered.forget(&wanted("A").id);
        assert!(
            remembered
                .find(&wanted("A"), || Ok(None))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn what_is_old_is_answered_only_while_the_store_is_out_of_reach() {
        let remembered = Remembered::default();
        let old = Instant::now().checked_sub(FRESH).unwrap();
        remembered.all().insert(key(&wanted("A")), (old, answer()));
        assert!(
            remembered
                .find(&wanted("A"), unreachable)
                .unwrap()
                .is_some()
        );
        assert!(remembered.find(&wanted("B"), unreachable).is_err());
        assert!(
            remembered
                .find(&wanted("A"), || Ok(None))
                .unwrap()
                .is_none()
        );
        assert!(remembered.find(&wanted("A"), unreachable).is_err());
    }
}
