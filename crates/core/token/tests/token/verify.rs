//! A token counts, and each way it must not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_pki::SigningKey;
use bulla_token::{Expected, KeySet, KeyState, TokenError, TokenKey, key_id, verify};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, LIFETIME, claims, expected, key, now};

/// A token of this header and these claims, signed by this key over whatever they are.
fn forged(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signing_key() -> (SigningKey, KeySet) {
    let key = SigningKey::generate().unwrap();
    let mut keys = KeySet::new();
    keys.insert(key.public_key().clone(), KeyState::Current)
        .unwrap();
    (key, keys)
}

#[test]
fn what_was_signed_counts_and_says_the_same() {
    let (key, keys) = key();
    let claims = claims();
    let token = key.sign(&claims).unwrap();
    assert_eq!(verify(&token, &keys, &expected()), Ok(claims));
    // Relying parties have the set from the service.
    let published = KeySet::from_jwks(keys.to_jwks(now()).as_bytes()).unwrap();
    assert!(verify(&token, &published, &expected()).is_ok());
}

#[test]
fn every_other_algorithm_is_refused_also_with_a_signature_that_would_hold() {
    let (key, keys) = signing_key();
    let claims = serde_json::to_value(claims()).unwrap();
    let id = key_id(key.public_key());
    let good = forged(&key, &json!({"alg": "ES256", "kid": id}), &claims);
    assert!(verify(&good, &keys, &expected()).is_ok());
    for alg in [
        "none", "None", "HS256", "RS256", "ES384", "ES256K", "EdDSA", "es256", "",
    ] {
        let header = json!({"alg": alg, "kid": id});
        let token = forged(&key, &header, &claims);
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        for token in [token, unsigned] {
            let refused = verify(&token, &keys, &expected());
            assert_eq!(refused, Err(TokenError::AlgorithmNotAccepted), "{alg}");
        }
    }
    // HMAC with the public key as the secret, which careless libraries accept. Its 65 bytes are
    // more than a block, so that HMAC takes their digest in their place (RFC 2104, section 2).
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "HS256", "kid": id, "typ": "JWT"});
    let signed = format!("{}.{}", part(&header), part(&claims));
    let secret = bulla_pki::digest::sha256(key.public_key().uncompressed());
    let code = bulla_pki::MacKey::from_bytes(&secret).tag(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code));
    let refused = verify(&token, &keys, &expected());
    assert_eq!(refused, Err(TokenError::AlgorithmNotAccepted));
}

#[test]
fn a_header_with_more_or_less_than_ours_is_refused() {
    let (key, keys) = signing_key();
    let claims = serde_json::to_value(claims()).unwrap();
    let id = key_id(key.public_key());
    let refusal = |header: Value| verify(&forged(&key, &header, &claims), &keys, &expected());
    for extra in [
        json!({"alg": "ES256", "kid": id, "jwk": {}}),
        json!({"alg": "ES256", "kid": id, "jku": "https://elsewhere.example"}),
        json!({"alg": "ES256", "kid": id, "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": id, "typ": "JWE"}),
        json!({"kid": id}),
        json!([]),
    ] {
        let shown = extra.to_string();
        assert_eq!(refusal(extra), Err(TokenError::Malformed), "{shown}");
    }
    let nameless = refusal(json!({"alg": "ES256"}));
    assert_eq!(nameless, Err(TokenError::KeyUnknown));
    let other = refusal(json!({"alg": "ES256", "kid": "../../key"}));
    assert_eq!(other, Err(TokenError::KeyUnknown));
}

#[test]
fn a_signature_by_another_key_or_over_other_bytes_is_refused() {
    let (key, keys) = signing_key();
    let claims = serde_json::to_value(claims()).unwrap();
    let header = json!({"alg": "ES256", "kid": key_id(key.public_key())});
    let good = forged(&key, &header, &claims);
    let other = forged(&SigningKey::generate().unwrap(), &header, &claims);
    let invalid = Err(TokenError::SignatureInvalid);
    assert_eq!(verify(&other, &keys, &expected()), invalid);

    let mut other_claims = claims;
    other_claims["iss"] = json!("https://other.example");
    let changed = forged(&key, &header, &other_claims);
    let (signed, _) = changed.rsplit_once('.').unwrap();
    let (_, signature) = good.rsplit_once('.').unwrap();
    let spliced = format!("{signed}.{signature}");
    assert_eq!(verify(&spliced, &keys, &expected()), invalid);

    let (signed, _) = good.rsplit_once('.').unwrap();
    for signature in [[0; 64].as_slice(), &[0xff; 64], &[1; 63], &[1; 72], &[]] {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(verify(&token, &keys, &expected()), invalid);
    }
}

#[test]
fn what_has_not_three_parts_or_is_too_long_is_no_token() {
    let (key, keys) = key();
    let token = key.sign(&claims()).unwrap();
    for text in [
        "",
        "a",
        "a.b",
        "a.b.c",
        "..",
        &format!("{token}.a"),
        &format!(" {token}"),
    ] {
        let refused = verify(text, &keys, &expected());
        assert_eq!(refused, Err(TokenError::Malformed), "{text}");
    }
    let long = "a".repeat(bulla_token::MAX_TOKEN_SIZE + 1);
    let size = long.len();
    let refused = verify(&long, &keys, &expected());
    assert_eq!(refused, Err(TokenError::TooLong { size }));
}

#[test]
fn signed_claims_that_are_not_ours_are_refused() {
    let (key, keys) = signing_key();
    let header = json!({"alg": "ES256", "kid": key_id(key.public_key())});
    let refusal = |claims: &Value| verify(&forged(&key, &header, claims), &keys, &expected());
    let good = serde_json::to_value(claims()).unwrap();
    assert!(refusal(&good).is_ok());
    for name in good.as_object().unwrap().keys() {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(
            refusal(&without),
            Err(TokenError::ClaimsMalformed),
            "{name}"
        );
    }
    for (path, value) in [
        ("/cnf/jwk/crv", json!("Ed25519")),
        ("/cnf/jwk/x", json!("AAAA")),
        ("/exp", json!(-1)),
        ("/exp", json!("tomorrow")),
        ("/eat_profile", json!("tag:github.com,2023:veraison/ear")),
        ("/ear_status", json!("none")),
        (
            "/submods/bulla/ear_trustworthiness_vector/hardware",
            json!(0),
        ),
        ("/aud", json!([AUDIENCE])),
        ("/bulla/tcb/status", json!("Fine")),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(path).unwrap() = value;
        assert_eq!(
            refusal(&changed),
            Err(TokenError::ClaimsMalformed),
            "{path}"
        );
    }
}

#[test]
fn another_issuer_and_another_audience_are_refused() {
    let (key, keys) = key();
    let token = key.sign(&claims()).unwrap();
    let other = "https://other.example";
    let issuer = Expected {
        issuer: other,
        ..expected()
    };
    let audience = Expected {
        audience: other,
        ..expected()
    };
    let refused = verify(&token, &keys, &issuer).unwrap_err();
    assert!(matches!(refused, TokenError::IssuerMismatch { .. }));
    let refused = verify(&token, &keys, &audience).unwrap_err();
    assert!(matches!(refused, TokenError::AudienceMismatch { .. }));
}

#[test]
fn a_token_counts_from_its_first_second_until_before_its_end() {
    let (key, keys) = key();
    let token = key.sign(&claims()).unwrap();
    let at = |at, leeway_seconds| {
        let expected = Expected {
            at,
            leeway_seconds,
            ..expected()
        };
        verify(&token, &keys, &expected).map(|_| ())
    };
    let (begin, end) = (now(), now().saturating_add(LIFETIME.into()));
    let (before, last) = (begin.saturating_sub(1), end.saturating_sub(1));
    assert_eq!(
        at(before, 0),
        Err(TokenError::NotYetValid { begin, at: before })
    );
    assert_eq!(at(before, 1), Ok(()));
    assert_eq!(at(begin, 0), Ok(()));
    assert_eq!(at(last, 0), Ok(()));
    // The end is not moved by a leeway.
    assert_eq!(at(end, 60), Err(TokenError::Expired { end, at: end }));
}

#[test]
fn keys_follow_one_another_and_a_withdrawn_one_ends_at_once() {
    let (old, mut keys) = key();
    let new = TokenKey::new(SigningKey::generate().unwrap());
    let (by_old, by_new) = (old.sign(&claims()).unwrap(), new.sign(&claims()).unwrap());
    let counts = |token: &str, keys: &KeySet| verify(token, keys, &expected()).map(|_| ());
    assert_eq!(counts(&by_new, &keys), Err(TokenError::KeyUnknown));

    keys.insert(new.public_key().clone(), KeyState::Published)
        .unwrap();
    keys.rotate(new.id(), now()).unwrap();
    assert_eq!(counts(&by_old, &keys), Ok(()));
    assert_eq!(counts(&by_new, &keys), Ok(()));

    let later = Expected {
        at: now().saturating_add(1),
        ..expected()
    };
    assert_eq!(
        verify(&by_old, &keys, &later).unwrap_err(),
        TokenError::KeyEnded { until: now() }
    );
    assert!(verify(&by_new, &keys, &later).is_ok());

    keys.withdraw(new.id()).unwrap();
    assert_eq!(counts(&by_new, &keys), Err(TokenError::KeyWithdrawn));
    assert_eq!(counts(&by_old, &keys), Ok(()));
}
