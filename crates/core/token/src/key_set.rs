//! The keys under which tokens are believed, and how they follow one another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_pki::{PublicKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::encoding::seconds;
use crate::key::{coordinates, key_id};

/// Most keys in a set: one that signs, one that comes, and those of a month of daily rotation.
pub const MAX_KEYS: usize = 32;

/// Longest set of keys that is read, in bytes: one of ours has some 250 per key.
pub const MAX_JWKS_SIZE: usize = 64 * 1024;

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "state",
    rename_all = "lowercase",
    rename_all_fields = "lowercase",
    deny_unknown_fields
)]
#[expect(clippy::exhaustive_enums, reason = "a key's whole life")]
pub enum KeyState {
    /// Shown to relying parties before it signs, so that they know it when it does.
    Published,
    /// The one that signs.
    Current,
    /// It signs no more, and what it signed counts until it ends.
    Retired {
        /// Last second at which a token of it can count.
        #[serde(with = "seconds")]
        until: Timestamp,
    },
    /// Nothing that it signed counts, from this moment on. It stays known so that the refusal can
    /// say so.
    Withdrawn,
}

/// A key under which tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPublicKey {
    id: String,
    key: PublicKey,
    state: KeyState,
}

impl TokenPublicKey {
    /// Its id; see [`key_id`].
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Where it stands.
    pub const fn state(&self) -> KeyState {
        self.state
    }
}

/// Why a set of keys does not change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// The key is in the set.
    #[error("the key {id} is in the set already")]
    Duplicate {
        /// Its id.
        id: String,
    },
    /// There is a key that signs.
    #[error("the key {id} signs already; publish the new one, then rotate to it")]
    CurrentExists {
        /// The id of that one.
        id: String,
    },
    /// There is no key of this id.
    #[error("there is no key {id}")]
    Unknown {
        /// The id asked for.
        id: String,
    },
    /// Only a key that relying parties could see takes over.
    #[error("the key {id} is not published; only a published key can begin to sign")]
    NotPublished {
        /// Its id.
        id: String,
    },
    /// The set is full.
    #[error("there are {MAX_KEYS} keys; remove those that have ended")]
    TooMany,
}

/// Why a set of keys is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// Longer than any set of keys.
    #[error("{size} bytes are too long for a set of keys (at most {MAX_JWKS_SIZE})")]
    TooLong {
        /// Size found, in bytes.
        size: usize,
    },
    /// Not a set of keys (RFC 7517).
    #[error("not a set of keys (JWKS): line {line}, column {column}")]
    Form {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A key for ES256 that is no point of P-256, or has another id than its own.
    #[error("key {index} is no key of P-256, or its `kid` is not its thumbprint (RFC 7638)")]
    Key {
        /// Which, from 0.
        index: usize,
    },
    /// A key twice, or too many.
    #[error(transparent)]
    Set(#[from] KeySetError),
    /// No key that could verify a token.
    #[error("there is no key for ES256 in the set")]
    Empty,
}

/// Keys, each once, at most one of which signs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<TokenPublicKey>);

impl KeySet {
    /// No keys.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a key.
    pub fn insert(&mut self, key: PublicKey, state: KeyState) -> Result<(), KeySetError> {
        let id = key_id(&key);
        if self.find(&id).is_some() {
            return Err(KeySetError::Duplicate { id });
        }
        if let (KeyState::Current, Some(current)) = (state, self.current()) {
            let id = current.id.clone();
            return Err(KeySetError::CurrentExists { id });
        }
        if self.0.len() >= MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        self.0.push(TokenPublicKey { id, key, state });
        Ok(())
    }

    /// Lets a published key sign from now on. The one before it is retired; `until` is the last
    /// second at which a token of it can count: now, and the longest lifetime of a token.
    pub fn rotate(&mut self, id: &str, until: Timestamp) -> Result<(), KeySetError> {
        match self.known(id)?.state {
            KeyState::Published => {}
            _ => return Err(KeySetError::NotPublished { id: id.to_owned() }),
        }
        for key in &mut self.0 {
            if key.id == id {
                key.state = KeyState::Current;
            } else if key.state == KeyState::Current {
                key.state = KeyState::Retired { until };
            }
        }
        Ok(())
    }

    /// Lets nothing count any more that a key signed. Where it was the one that signs, none does
    /// until another is rotated to.
    pub fn withdraw(&mut self, id: &str) -> Result<(), KeySetError> {
        self.known(id)?;
        for key in self.0.iter_mut().filter(|key| key.id == id) {
            key.state = KeyState::Withdrawn;
        }
        Ok(())
    }

    /// Forgets the retired keys whose last token has ended; returns their ids.
    pub fn remove_ended(&mut self, at: Timestamp) -> Vec<String> {
        let has_ended =
            |key: &TokenPublicKey| matches!(key.state, KeyState::Retired { until } if until < at);
        let ended = self.0.iter().filter(|key| has_ended(key));
        let ids = ended.map(|key| key.id.clone()).collect();
        self.0.retain(|key| !has_ended(key));
        ids
    }

    /// The key that signs.
    pub fn current(&self) -> Option<&TokenPublicKey> {
        self.iter().find(|key| key.state == KeyState::Current)
    }

    /// The key of this id, wherever it stands.
    pub fn find(&self, id: &str) -> Option<&TokenPublicKey> {
        self.iter().find(|key| key.id == id)
    }

    /// All keys, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &TokenPublicKey> {
        self.0.iter()
    }

    /// The set as relying parties see it (RFC 7517): all keys but the withdrawn ones and those that
    /// have ended.
    pub fn to_jwks(&self, at: Timestamp) -> String {
        let shown = self.iter().filter(|key| match key.state {
            KeyState::Published | KeyState::Current => true,
            KeyState::Retired { until } => at <= until,
            KeyState::Withdrawn => false,
        });
        let keys = shown.map(jwk).collect();
        serde_json::to_string(&Jwks { keys }).expect("texts are JSON")
    }

    /// Reads a set as a service publishes it; its keys count as published. Keys for anything else
    /// than ES256 are passed over (RFC 7517, section 5).
    pub fn from_jwks(text: &[u8]) -> Result<Self, JwksError> {
        if text.len() > MAX_JWKS_SIZE {
            return Err(JwksError::TooLong { size: text.len() });
        }
        let jwks: Jwks = serde_json::from_slice(text).map_err(|error| JwksError::Form {
            line: error.line(),
            column: error.column(),
        })?;
        let mut set = Self::new();
        for (index, jwk) in jwks.keys.iter().enumerate() {
            if !jwk.is_for_es256() {
                continue;
            }
            let key = jwk.public_key().ok_or(JwksError::Key { index })?;
            set.insert(key, KeyState::Published)?;
        }
        match set.0.is_empty() {
            true => Err(JwksError::Empty),
            false => Ok(set),
        }
    }

    fn known(&self, id: &str) -> Result<&TokenPublicKey, KeySetError> {
        let unknown = || KeySetError::Unknown { id: id.to_owned() };
        self.find(id).ok_or_else(unknown)
    }
}

#[derive(Serialize, Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default = "es256")]
    alg: String,
    #[serde(default = "signature", rename = "use")]
    usage: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

fn es256() -> String {
    "ES256".to_owned()
}

fn signature() -> String {
    "sig".to_owned()
}

fn jwk(key: &TokenPublicKey) -> Jwk {
    let (x, y) = coordinates(&key.key);
    Jwk {
        kty: "EC".to_owned(),
        crv: "P-256".to_owned(),
        alg: es256(),
        usage: signature(),
        kid: key.id.clone(),
        x,
        y,
    }
}

impl Jwk {
    fn is_for_es256(&self) -> bool {
        (&*self.kty, &*self.crv, &*self.alg, &*self.usage) == ("EC", "P-256", "ES256", "sig")
    }

    fn public_key(&self) -> Option<PublicKey> {
        let coordinate =
            |text: &str| -> Option<[u8; 32]> { URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok() };
        let xy = [coordinate(&self.x)?, coordinate(&self.y)?].concat();
        let key = PublicKey::from_coordinates(xy.as_slice().try_into().ok()?).ok()?;
        (key_id(&key) == self.kid).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use bulla_pki::SigningKey;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    fn key() -> (String, PublicKey) {
        let key = SigningKey::generate().unwrap().public_key().clone();
        (key_id(&key), key)
    }

    #[test]
    fn a_key_is_published_signs_is_retired_and_forgotten() {
        let ((first, first_key), (second, second_key)) = (key(), key());
        let mut set = KeySet::new();
        set.insert(first_key, KeyState::Current).unwrap();
        set.insert(second_key, KeyState::Published).unwrap();
        set.rotate(&second, at(100)).unwrap();
        assert_eq!(set.current().unwrap().id(), second);
        let state = set.find(&first).unwrap().state();
        assert_eq!(state, KeyState::Retired { until: at(100) });
        assert!(set.to_jwks(at(100)).contains(&first));
        assert!(!set.to_jwks(at(101)).contains(&first));
        assert!(set.remove_ended(at(100)).is_empty());
        assert_eq!(set.remove_ended(at(101)), std::slice::from_ref(&first));
        assert_eq!(set.find(&first), None);
    }

    #[test]
    fn a_withdrawn_key_is_not_shown_and_does_not_come_back() {
        let ((first, first_key), (second, second_key)) = (key(), key());
        let mut set = KeySet::new();
        set.insert(first_key.clone(), KeyState::Current).unwrap();
        set.insert(second_key, KeyState::Published).unwrap();
        set.withdraw(&first).unwrap();
        assert_eq!(set.current(), None);
        assert!(!set.to_jwks(at(0)).contains(&first));
        let again = set.rotate(&first, at(1));
        assert_eq!(again, Err(KeySetError::NotPublished { id: first.clone() }));
        let again = set.insert(first_key, KeyState::Published);
        assert_eq!(again, Err(KeySetError::Duplicate { id: first.clone() }));
        set.rotate(&second, at(1)).unwrap();
        assert_eq!(set.find(&first).unwrap().state(), KeyState::Withdrawn);
        assert!(set.remove_ended(Timestamp::MAX).is_empty());
    }

    #[test]
    fn one_key_signs_and_none_is_there_twice() {
        let ((first, first_key), (second, second_key)) = (key(), key());
        let mut set = KeySet::new();
        set.insert(first_key.clone(), KeyState::Current).unwrap();
        assert_eq!(
            set.insert(second_key, KeyState::Current),
            Err(KeySetError::CurrentExists { id: first.clone() })
        );
        assert_eq!(
            set.insert(first_key, KeyState::Published),
            Err(KeySetError::Duplicate { id: first })
        );
        let unknown = KeySetError::Unknown { id: second.clone() };
        assert_eq!(set.withdraw(&second), Err(unknown.clone()));
        assert_eq!(set.rotate(&second, at(0)), Err(unknown));
        for _ in 1..MAX_KEYS {
            set.insert(key().1, KeyState::Published).unwrap();
        }
        let full = set.insert(key().1, KeyState::Published);
        assert_eq!(full, Err(KeySetError::TooMany));
    }

    #[test]
    fn what_is_published_is_read_back_and_other_keys_are_passed_over() {
        let (id, key) = key();
        let mut set = KeySet::new();
        set.insert(key.clone(), KeyState::Current).unwrap();
        let text = set.to_jwks(at(0));
        let other =
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"},{"kty":"RSA","n":"","e":""},"#;
        let text = text.replacen(r#"{"keys":["#, other, 1);
        let read = KeySet::from_jwks(text.as_bytes()).unwrap();
        assert_eq!(read.iter().count(), 1);
        assert_eq!(read.find(&id).unwrap().key(), &key);
    }

    #[test]
    fn a_set_that_is_no_set_or_has_no_such_key_is_refused() {
        let (id, key) = key();
        let mut set = KeySet::new();
        set.insert(key, KeyState::Current).unwrap();
        let text = set.to_jwks(at(0));
        let read = |text: &str| KeySet::from_jwks(text.as_bytes()).unwrap_err();
        let renamed = text.replace(&id, "other");
        assert_eq!(read(&renamed), JwksError::Key { index: 0 });
        let off_curve = text.replace(r#""x":""#, r#""x":"A"#);
        assert_eq!(read(&off_curve), JwksError::Key { index: 0 });
        for alg in ["HS256", "none", "ES384"] {
            assert_eq!(read(&text.replace("ES256", alg)), JwksError::Empty, "{alg}");
        }
        assert_eq!(read(r#"{"keys":[]}"#), JwksError::Empty);
        assert!(matches!(read("{}"), JwksError::Form { .. }));
        let long = " ".repeat(MAX_JWKS_SIZE + 1);
        let size = long.len();
        assert_eq!(read(&long), JwksError::TooLong { size });
        let one = &text[r#"{"keys":["#.len()..text.len() - 2];
        let twice = format!(r#"{{"keys":[{one},{one}]}}"#);
        assert_eq!(read(&twice), JwksError::Set(KeySetError::Duplicate { id }));
    }

    #[test]
    fn a_state_is_kept_as_json() {
        for (state, text) in [
            (KeyState::Published, r#"{"state":"published"}"#),
            (KeyState::Current, r#"{"state":"current"}"#),
            (
                KeyState::Retired { until: at(7) },
                r#"{"state":"retired","until":7}"#,
            ),
            (KeyState::Withdrawn, r#"{"state":"withdrawn"}"#),
        ] {
            assert_eq!(serde_json::to_string(&state).unwrap(), text);
            assert_eq!(serde_json::from_str::<KeyState>(text).unwrap(), state);
        }
    }
}
