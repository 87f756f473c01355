//! Tokens: none counts that was not signed, what is signed reads as it was written, and a set of
//! keys that is read is published the same.

#![no_main]

use std::sync::LazyLock;

use bulla_pki::{SigningKey, Timestamp};
use bulla_token::{Claims, Expected, KeySet, KeyState, TokenKey, verify};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<(TokenKey, KeySet)> = LazyLock::new(|| {
    let key = TokenKey::new(SigningKey::generate().expect("there are random bytes"));
    let mut keys = KeySet::new();
    keys.insert(key.public_key().clone(), KeyState::Current)
        .expect("the set is empty");
    (key, keys)
});

fuzz_target!(|bytes: &[u8]| {
    let (key, keys) = &*KEY;
    if let Ok(claims) = serde_json::from_slice::<Claims>(bytes) {
        signed(key, keys, &claims);
    }
    if let Ok(text) = str::from_utf8(bytes) {
        assert!(verify(text, keys, &expected("", "", Timestamp::MAX)).is_err());
        // The same as the payload or the header of a token, so that the fuzzer gets behind base64.
        let encode = |text: &str| base64::Engine::encode(&BASE64URL, text);
        let id = key.id();
        for token in [
            format!("{}.e30.AAAA", encode(text)),
            format!(
                "{}.{}.AAAA",
                encode(&format!(r#"{{"alg":"ES256","kid":"{id}"}}"#)),
                encode(text)
            ),
        ] {
            assert!(verify(&token, keys, &expected("", "", Timestamp::MAX)).is_err());
        }
    }
    if let Ok(set) = KeySet::from_jwks(bytes) {
        let published = set.to_jwks(Timestamp::MAX);
        let again = KeySet::from_jwks(published.as_bytes()).expect("it was published");
        assert_eq!(again, set);
        assert_eq!(set.current(), None, "nobody else's key signs here");
    }
});

const BASE64URL: base64::engine::GeneralPurpose = base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn expected<'a>(issuer: &'a str, audience: &'a str, at: Timestamp) -> Expected<'a> {
    Expected {
        issuer,
        audience,
        at,
        leeway_seconds: 0,
    }
}

/// Signed, the claims count exactly in their time, and say the same.
fn signed(key: &TokenKey, keys: &KeySet, claims: &Claims) {
    let token = key.sign(claims).expect("the library signs");
    let begin = claims.nbf.max(claims.iat);
    let at = |at| verify(&token, keys, &expected(&claims.iss, &claims.aud, at));
    if token.len() > bulla_token::MAX_TOKEN_SIZE || begin >= claims.exp {
        assert!(at(begin).is_err());
        return;
    }
    assert_eq!(at(begin).as_ref(), Ok(claims));
    assert!(at(claims.exp).is_err());
    let other = format!("{}.", claims.aud);
    assert!(verify(&token, keys, &expected(&claims.iss, &other, begin)).is_err());
}
