//! The keys that sign tokens: made here, kept sealed, published, followed by others, withdrawn.
//!
//! Each key is a decision of its own in the store, under its id; its versions are the steps of its
//! life. The first has the private half, sealed under the gate's key, which shows that the key was made
//! here; only the key that signs is opened and held.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_pki::signing::SigningError;
use bulla_pki::{PublicKey, SealingKey, SigningKey, Timestamp};
use bulla_store::governance::Decision;
use bulla_store::secrets::InForce;
use bulla_store::{Governance as _, Store, StoreError};
use bulla_token::{Claims, KeySet, KeySetError, KeyState, SignError, TokenKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::policies::told;

/// Under which kind they are kept.
const KIND: &str = "token-key";

/// Most keys that are believed at a time: somewhat fewer than a set can have. Rotated once a token's
/// life there are two.
const MOST: usize = 28;

/// Who decides where nobody told the service to.
const SERVICE: &str = "service";

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept was sealed under another key.
    #[error(
        "the gate's key is not the one that the token key {kid} was sealed under: put the right \
         file in its place"
    )]
    OtherKey {
        /// The id of the token key.
        kid: String,
    },
    /// What is kept cannot be read.
    #[error("the token key {kid} cannot be read: {reason}")]
    Malformed {
        /// Its id.
        kid: String,
        /// What is wrong.
        reason: String,
    },
    /// There are too many that are still believed.
    #[error("{MOST} keys are still believed; wait until the tokens of the first have ended")]
    TooMany,
    /// Another hand changed the key in the store.
    #[error("the token key {kid} was changed in the same moment; ask again")]
    Changed {
        /// Its id.
        kid: String,
    },
    /// A key cannot be made or sealed.
    #[error("no token key can be made: {0}")]
    NotMade(String),
}

/// The form in which a key is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    state: KeyState,
    /// An uncompressed point, in base64.
    public: String,
    /// PKCS#8, sealed, in base64; absent once it signs no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private: Option<String>,
}

/// A step in the life of a key.
struct Step {
    state: KeyState,
    /// PKCS#8, sealed, in base64; absent once it signs no more.
    private: Option<String>,
    /// What the audit says of it, in the same step; absent where it only follows from another.
    told_as: Option<&'static str>,
}

/// A key as it is listed.
#[derive(Serialize)]
pub(super) struct Shown {
    kid: String,
    state: &'static str,
    /// The last second at which a token of it can count; absent for all but the retired.
    until: Option<String>,
}

/// The keys of one moment.
pub(super) struct Keys {
    store: Arc<Store>,
    /// How long a token counts at most, in seconds.
    lifetime: u64,
    present: ArcSwap<Present>,
    /// Held while something changes.
    changing: Mutex<()>,
}

/// What signs, and under what tokens are believed.
pub(super) struct Present {
    pub(super) set: KeySet,
    signing: Option<TokenKey>,
    versions: BTreeMap<String, u32>,
}

impl Present {
    /// Signs claims.
    pub(super) fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        self.signing.as_ref().ok_or(SignError)?.sign(claims)
    }

    /// That a key must stand where it stands now.
    pub(super) fn in_force(&self, kid: &str) -> Option<InForce> {
        Some(InForce {
            kind: KIND.to_owned(),
            name: kid.to_owned(),
            version: *self.versions.get(kid)?,
        })
    }
}

impl Keys {
    /// Reads what the store has, and makes the first key where none signs. Blocks.
    pub(super) fn open(
        store: Arc<Store>,
        seal: &SealingKey,
        lifetime: u64,
        now: Timestamp,
    ) -> Result<Self, KeysError> {
        let keys = Self {
            store,
            lifetime,
            present: ArcSwap::from_pointee(Present {
                set: KeySet::new(),
                signing: None,
                versions: BTreeMap::new(),
            }),
            changing: Mutex::default(),
        };
        keys.take_up(seal, now)?;
        Ok(keys)
    }

    /// Whether the store has any key, so that there must be what it was sealed under. Blocks.
    pub(super) fn are_kept(store: &Store) -> Result<bool, StoreError> {
        Ok(!store.decisions(KIND)?.is_empty())
    }

    /// The keys of this moment.
    pub(super) fn present(&self) -> Arc<Present> {
        self.present.load_full()
    }

    /// The keys that sign, signed and were withdrawn.
    pub(super) fn list(&self, now: Timestamp) -> Vec<Shown> {
        let present = self.present.load();
        let all = present
            .set
            .iter()
            .filter(|key| !has_ended(key.state(), now));
        all.map(|key| {
            let (state, until) = match key.state() {
                KeyState::Published => ("published", None),
                KeyState::Current => ("current", None),
                KeyState::Retired { until } => ("retired", Some(until.to_string())),
                KeyState::Withdrawn => ("withdrawn", None),
            };
            Shown {
                kid: key.id().to_owned(),
                state,
                until,
            }
        })
        .collect()
    }

    /// Has a new key sign. What the one before signed counts until it ends. Gives the new one's id.
    /// Blocks.
    pub(super) fn rotate(
        &self,
        seal: &SealingKey,
        now: Timestamp,
        author: &str,
    ) -> Result<String, KeysError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let present = self.present();
        let believed = present
            .set
            .iter()
            .filter(|key| key.state() != KeyState::Withdrawn && !has_ended(key.state(), now));
        if believed.count() >= MOST {
            return Err(KeysError::TooMany);
        }
        self.make(seal, now, author, Some("token-key.rotate"))?;
        self.take_up(seal, now)?;
        self.signing()
            .ok_or_else(|| KeysError::NotMade("it was withdrawn at once".to_owned()))
    }

    /// The id of the key that signs.
    fn signing(&self) -> Option<String> {
        let present = self.present();
        let signing = present.signing.as_ref();
        signing.map(|key| key.id().to_owned())
    }

    /// Has nothing count any more that a key signed; gives the id of the one that signs now, or
    /// nothing where there is no such key. Blocks.
    pub(super) fn withdraw(
        &self,
        seal: &SealingKey,
        kid: &str,
        now: Timestamp,
        author: &str,
    ) -> Result<Option<String>, KeysError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let present = self.present();
        let Some(key) = present.set.find(kid) else {
            return Ok(None);
        };
        // First this: whatever follows, its tokens are worth nothing from here on.
        let withdrawn = Step {
            state: KeyState::Withdrawn,
            private: None,
            told_as: Some("token-key.withdraw"),
        };
        let last = self.store.decision_version(KIND, kid)?;
        if !self.decide(key.key(), withdrawn, last, now, author)? {
            let kid = kid.to_owned();
            return Err(KeysError::Changed { kid });
        }
        self.take_up(seal, now)?;
        Ok(self.signing())
    }

    /// Reads anew what the store has, by whatever node. Blocks.
    pub(super) fn catch_up(&self, seal: &SealingKey, now: Timestamp) -> Result<(), KeysError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.take_up(seal, now)
    }

    /// Reads what the store has, and sees to it that one key signs. Of several the one signs that began
    /// last, and the others are retired, as after a rotation that was broken off. Whichever nodes do
    /// so at the same time choose from what they read, and none retires the last: so one goes on.
    fn take_up(&self, seal: &SealingKey, now: Timestamp) -> Result<(), KeysError> {
        let mut kept = loop {
            let kept = self.read()?;
            let current = |one: &Kept| one.state == KeyState::Current;
            let Some((last, its)) = began_last(&kept) else {
                self.make(seal, now, SERVICE, None)?;
                continue;
            };
            // None is retired for one that cannot sign.
            open(&last.name, its, seal)?;
            let before = kept
                .iter()
                .filter(|(it, one)| current(one) && it.name != last.name);
            let mut is_alone = true;
            for (decision, one) in before {
                is_alone = false;
                let until = now.saturating_add(self.lifetime);
                let public = public_key(&decision.name, one)?;
                let retired = Step {
                    state: KeyState::Retired { until },
                    private: None,
                    told_as: None,
                };
                // Only where nobody was quicker: another node may have withdrawn it meanwhile, and
                // what a withdrawn key signed must not count again.
                let _is_retired = self.decide(&public, retired, decision.version, now, SERVICE)?;
            }
            if is_alone {
                break kept;
            }
        };
        // Last the withdrawn, as far as there is room: one that is not known is refused as well.
        kept.sort_by_key(|(_, one)| one.state == KeyState::Withdrawn);
        let mut present = Present {
            set: KeySet::new(),
            signing: None,
            versions: BTreeMap::new(),
        };
        for (decision, one) in kept {
            // A withdrawn key is known as such as long as a token of it could otherwise count.
            let has_ended = match one.state {
                KeyState::Withdrawn => decision.at.saturating_add(self.lifetime) < now,
                state => has_ended(state, now),
            };
            if has_ended {
                continue;
            }
            let kid = decision.name;
            let public = public_key(&kid, &one)?;
            match one.state {
                KeyState::Current => present.signing = Some(open(&kid, &one, seal)?),
                KeyState::Published | KeyState::Retired { .. } => {
                    self.made_here(&kid, seal)?;
                }
                KeyState::Withdrawn => {}
            }
            match present.set.insert(public, one.state) {
                Ok(()) => {}
                Err(KeySetError::TooMany) if one.state == KeyState::Withdrawn => continue,
                Err(error) => {
                    let reason = error.to_string();
                    return Err(KeysError::Malformed { kid, reason });
                }
            }
            present.versions.insert(kid, decision.version);
        }
        self.present.store(Arc::new(present));
        Ok(())
    }

    fn read(&self) -> Result<Vec<(Decision, Kept)>, KeysError> {
        let decisions = self.store.decisions(KIND)?.into_iter();
        let read = decisions.map(|decision| {
            let kept = kept(&decision)?;
            Ok((decision, kept))
        });
        read.collect()
    }

    /// That a key which is believed and does not sign was made by somebody with the gate's key: else
    /// whoever can write to the store could have his own believed.
    fn made_here(&self, kid: &str, seal: &SealingKey) -> Result<(), KeysError> {
        let steps = self.store.decision_history(KIND, kid)?;
        let first = steps.last().map(kept).transpose()?;
        match first.filter(|first| first.private.is_some()) {
            Some(first) => open(kid, &first, seal).map(drop),
            None => Err(KeysError::Malformed {
                kid: kid.to_owned(),
                reason: "nothing shows that it was made here: look who can write to the store"
                    .to_owned(),
            }),
        }
    }

    /// Makes a key that signs; gives its id. It begins behind every other, also where the node that made
    /// that one has a clock that is ahead.
    fn make(
        &self,
        seal: &SealingKey,
        now: Timestamp,
        author: &str,
        told_as: Option<&'static str>,
    ) -> Result<String, KeysError> {
        let not_made = |error: SigningError| KeysError::NotMade(error.to_string());
        let key = SigningKey::generate().map_err(not_made)?;
        let kid = bulla_token::key_id(key.public_key());
        let sealed = seal
            .seal(&context(&kid), key.expose_pkcs8())
            .map_err(|error| KeysError::NotMade(error.to_string()))?;
        let current = Step {
            state: KeyState::Current,
            private: Some(STANDARD.encode(sealed)),
            told_as,
        };
        let kept = self.read()?;
        let latest = kept.iter().map(|(decision, _)| decision.at).max();
        let begins = latest.map_or(now, |latest| now.max(latest.saturating_add(1)));
        match self.decide(key.public_key(), current, 0, begins, author)? {
            true => Ok(kid),
            false => Err(KeysError::Changed { kid }),
        }
    }

    /// Takes a key's next step behind the version `last`; `false` where that is not its last one any
    /// more, and then nothing has happened.
    fn decide(
        &self,
        public: &PublicKey,
        step: Step,
        last: u32,
        at: Timestamp,
        author: &str,
    ) -> Result<bool, StoreError> {
        let kept = Kept {
            state: step.state,
            public: STANDARD.encode(public.uncompressed()),
            private: step.private,
        };
        let decision = Decision {
            kind: KIND.to_owned(),
            name: bulla_token::key_id(public),
            version: last.saturating_add(1),
            body: Some(json!(kept).to_string()),
            at,
            author: author.to_owned(),
        };
        match step.told_as {
            Some(action) => {
                let event = told(&decision, action, &json!({}));
                self.store.enact(&decision, &event)
            }
            None => self.store.supersede(&decision),
        }
    }
}

/// What a step has.
fn kept(decision: &Decision) -> Result<Kept, KeysError> {
    let kept = serde_json::from_str(decision.body.as_deref().unwrap_or_default());
    kept.map_err(|error| KeysError::Malformed {
        kid: decision.name.clone(),
        reason: error.to_string(),
    })
}

/// The key that began to sign last, of those that sign.
fn began_last(kept: &[(Decision, Kept)]) -> Option<&(Decision, Kept)> {
    let current = kept
        .iter()
        .filter(|(_, one)| one.state == KeyState::Current);
    current.max_by_key(|(decision, _)| (decision.at, &decision.name))
}

fn has_ended(state: KeyState, now: Timestamp) -> bool {
    matches!(state, KeyState::Retired { until } if until < now)
}

fn public_key(kid: &str, kept: &Kept) -> Result<PublicKey, KeysError> {
    let malformed = || KeysError::Malformed {
        kid: kid.to_owned(),
        reason: "its public half is none, or another key's".to_owned(),
    };
    let octets = STANDARD.decode(&kept.public).map_err(|_| malformed())?;
    let point = octets.as_slice().try_into().map_err(|_| malformed())?;
    let key = PublicKey::from_uncompressed(point).map_err(|_| malformed())?;
    match bulla_token::key_id(&key) == kid {
        true => Ok(key),
        false => Err(malformed()),
    }
}

fn open(kid: &str, kept: &Kept, seal: &SealingKey) -> Result<TokenKey, KeysError> {
    let malformed = |reason: &str| KeysError::Malformed {
        kid: kid.to_owned(),
        reason: reason.to_owned(),
    };
    let private = kept.private.as_deref();
    let private = private.ok_or_else(|| malformed("it signs, and its private half is gone"))?;
    let sealed = STANDARD
        .decode(private)
        .map_err(|_| malformed("its private half is no base64"))?;
    let octets = seal
        .open(&context(kid), &sealed)
        .map_err(|_| KeysError::OtherKey {
            kid: kid.to_owned(),
        })?;
    let key = SigningKey::from_pkcs8(&octets).map_err(|error| malformed(&error.to_string()))?;
    let key = TokenKey::new(key);
    match key.id() == kid {
        true => Ok(key),
        false => Err(malformed("its private half is another key's")),
    }
}

/// Where a sealed private half belongs.
fn context(kid: &str) -> Vec<u8> {
    [b"bulla token key v1\0", kid.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: u64 = 300;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn opened(store: &Arc<Store>, seal: &SealingKey, now: u64) -> Keys {
        Keys::open(Arc::clone(store), seal, LIFETIME, at(now)).unwrap()
    }

    fn states(keys: &Keys, now: u64) -> BTreeMap<String, &'static str> {
        let all = keys.list(at(now)).into_iter();
        all.map(|shown| (shown.kid, shown.state)).collect()
    }

    fn current(keys: &Keys) -> String {
        keys.present().set.current().unwrap().id().to_owned()
    }

    #[test]
    fn the_key_that_was_made_at_the_first_start_signs_after_the_next() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        assert!(!Keys::are_kept(&store).unwrap());
        let kid = current(&opened(&store, &seal, 1_000));
        assert!(Keys::are_kept(&store).unwrap());
        let again = opened(&store, &seal, 2_000);
        assert_eq!(current(&again), kid);
        assert!(again.present().signing.is_some());
        let other = SealingKey::generate().unwrap();
        let refused = Keys::open(store, &other, LIFETIME, at(2_000));
        assert!(matches!(refused.err(), Some(KeysError::OtherKey { .. })));
    }

    #[test]
    fn a_rotated_key_is_believed_until_its_last_token_ends_and_signs_no_more() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        let keys = opened(&store, &seal, 1_000);
        let first = current(&keys);
        let before = keys.present().in_force(&first).unwrap();
        let second = keys.rotate(&seal, at(2_000), "me").unwrap();
        assert_eq!(current(&keys), second);
        assert_eq!(states(&keys, 2_300)[&first], "retired");
        assert_ne!(keys.present().in_force(&first), Some(before));
        assert!(!states(&keys, 2_301).contains_key(&first));
        // The step in force has no private half.
        let history = store.decision_history(KIND, &first).unwrap();
        assert!(!history[0].body.as_ref().unwrap().contains("private"));
        let later = opened(&store, &seal, 2_301);
        assert_eq!(states(&later, 2_301).len(), 1);
    }

    #[test]
    fn a_withdrawn_key_is_not_published_and_another_signs() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        let keys = opened(&store, &seal, 1_000);
        let first = current(&keys);
        let second = keys.withdraw(&seal, &first, at(1_000), "me").unwrap();
        assert_ne!(second.as_deref(), Some(first.as_str()));
        assert_eq!(second, Some(current(&keys)));
        assert_eq!(states(&keys, 1_000)[&first], "withdrawn");
        assert!(!keys.present().set.to_jwks(at(1_000)).contains(&first));
        assert_eq!(keys.withdraw(&seal, "none", at(1_000), "me").unwrap(), None);
        let later = opened(&store, &seal, 1_000 + LIFETIME + 1);
        assert_eq!(states(&later, 2_000).len(), 1);
    }

    /// Another node has read the key before it was withdrawn, and finds that a later one signs.
    #[test]
    fn a_key_that_was_withdrawn_meanwhile_is_not_retired() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        let keys = opened(&store, &seal, 1_000);
        let first = current(&keys);
        let public = keys.present().set.find(&first).unwrap().key().clone();
        let before = keys.present().in_force(&first).unwrap().version;
        keys.withdraw(&seal, &first, at(1_000), "me").unwrap();

        let until = at(1_000 + LIFETIME);
        let retired = Step {
            state: KeyState::Retired { until },
            private: None,
            told_as: None,
        };
        let decided = keys.decide(&public, retired, before, at(1_000), SERVICE);
        assert!(!decided.unwrap());
        keys.catch_up(&seal, at(1_000)).unwrap();
        assert_eq!(states(&keys, 1_000)[&first], "withdrawn");
    }

    /// Whoever can write to the store, and has not the gate's key, puts a key of his own there.
    #[test]
    fn a_key_that_was_not_made_under_the_gates_key_is_not_believed() {
        let seal = SealingKey::generate().unwrap();
        let other = SealingKey::generate().unwrap();
        for is_sealed in [false, true] {
            let store = Arc::new(Store::open_in_memory().unwrap());
            let keys = opened(&store, &seal, 1_000);
            let first = current(&keys);
            let made = SigningKey::generate().unwrap();
            let kid = bulla_token::key_id(made.public_key());
            let sealed = other.seal(&context(&kid), made.expose_pkcs8()).unwrap();
            let until = at(1_000_000);
            let retired = Step {
                state: KeyState::Retired { until },
                private: is_sealed.then(|| STANDARD.encode(sealed)),
                told_as: None,
            };
            let decided = keys.decide(made.public_key(), retired, 0, at(1_000), "he");
            assert!(decided.unwrap());

            let refused = keys.catch_up(&seal, at(1_000));
            assert!(refused.is_err(), "{is_sealed}");
            assert!(keys.present().set.find(&kid).is_none());
            assert_eq!(current(&keys), first);
            assert!(Keys::open(store, &seal, LIFETIME, at(1_000)).is_err());
        }
    }

    /// Else the key that signs would be gone for ever.
    #[test]
    fn no_key_is_retired_for_one_that_cannot_be_opened() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        let keys = opened(&store, &seal, 1_000);
        let first = current(&keys);
        let other = SealingKey::generate().unwrap();
        keys.make(&other, at(2_000), "he", None).unwrap();
        let refused = keys.catch_up(&seal, at(2_000));
        assert!(matches!(refused, Err(KeysError::OtherKey { .. })));
        assert_eq!(store.decision_version(KIND, &first).unwrap(), 1);
        assert_eq!(current(&keys), first);
    }

    #[test]
    fn however_often_keys_are_rotated_and_withdrawn_one_signs_and_the_store_can_be_read() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        let keys = opened(&store, &seal, 1_000);
        for _ in 1..MOST {
            keys.rotate(&seal, at(1_000), "me").unwrap();
        }
        let refused = keys.rotate(&seal, at(1_000), "me");
        assert!(matches!(refused, Err(KeysError::TooMany)));
        for _ in 0..10 {
            let kid = current(&keys);
            keys.withdraw(&seal, &kid, at(1_000), "me").unwrap();
        }
        assert_eq!(current(&opened(&store, &seal, 1_000)), current(&keys));
        keys.rotate(&seal, at(1_000 + LIFETIME + 1), "me").unwrap();
    }

    /// Killed between the two steps of a rotation.
    #[test]
    fn of_two_that_sign_the_later_goes_on() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        let keys = opened(&store, &seal, 1_000);
        let first = current(&keys);
        let second = keys.make(&seal, at(1_500), "me", None).unwrap();
        let again = opened(&store, &seal, 1_600);
        assert_eq!(current(&again), second);
        assert_eq!(states(&again, 1_600)[&first], "retired");
    }

    /// Two nodes, one of whose clocks is an hour ahead.
    #[test]
    fn a_rotation_counts_whatever_the_clock_of_the_node_before_it() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        let ahead = opened(&store, &seal, 5_000);
        let behind = opened(&store, &seal, 1_400);
        ahead.rotate(&seal, at(5_001), "me").unwrap();
        let kid = behind.rotate(&seal, at(1_401), "me").unwrap();
        ahead.catch_up(&seal, at(5_002)).unwrap();
        assert_eq!((current(&behind), current(&ahead)), (kid.clone(), kid));
    }

    /// The one has made a key, and the other looks before the one before it is retired; then it goes on.
    #[test]
    fn nodes_that_rotate_at_once_agree_on_one_key_and_retire_no_more() {
        let store = Arc::new(Store::open_in_memory().unwrap());
        let seal = SealingKey::generate().unwrap();
        let ahead = opened(&store, &seal, 1_460);
        let behind = opened(&store, &seal, 1_400);
        let made = behind.make(&seal, at(1_400), "me", None).unwrap();
        let later = ahead.make(&seal, at(1_460), "me", None).unwrap();
        assert_ne!(made, later);
        behind.catch_up(&seal, at(1_400)).unwrap();
        ahead.catch_up(&seal, at(1_460)).unwrap();
        assert_eq!((current(&behind), current(&ahead)), (later.clone(), later));
        assert_eq!(states(&ahead, 1_400)[&made], "retired");
    }
}
