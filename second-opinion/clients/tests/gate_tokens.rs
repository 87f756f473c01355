//! Tokens of the gate as a relying party has them: verified by `jsonwebtoken` with the published
//! keys, and read as attestation results by `ear`.

use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ear::{EAR_PROFILE, Ear, TrustTier};
use independent_clients::{Gate, ISSUER, Vendor, now};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const AUDIENCE: &str = "https://payroll.test.example";

/// Who believes a gate, as the documentation says it is done.
struct RelyingParty {
    keys: JwkSet,
    validation: Validation,
}

impl RelyingParty {
    /// With the keys that are published now.
    fn of(gate: &Gate<'_>) -> Self {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        Self {
            keys: serde_json::from_str(&gate.published()).expect("a set of keys"),
            validation,
        }
    }

    /// The result, if it counts.
    fn result(&self, token: &str) -> Result<Ear, Refused> {
        self.claims(token)
    }

    /// What it says, if it counts.
    fn claims<T: DeserializeOwned>(&self, token: &str) -> Result<T, Refused> {
        let header = decode_header(token).map_err(Refused::Token)?;
        let key = self.keys.find(&header.kid.unwrap_or_default());
        let key = DecodingKey::from_jwk(key.ok_or(Refused::KeyUnknown)?).expect("a public key");
        let decoded = decode::<T>(token, &key, &self.validation);
        decoded
            .map(|decoded| decoded.claims)
            .map_err(Refused::Token)
    }

    #[track_caller]
    fn refuses(&self, token: &str, expected: ErrorKind) {
        match self.claims::<Value>(token) {
            Err(Refused::Token(error)) => assert_eq!(*error.kind(), expected),
            other => panic!("{other:?}"),
        }
    }
}

/// Why a token does not count.
#[derive(Debug)]
enum Refused {
    /// It names a key that is not published.
    KeyUnknown,
    /// The library's reason.
    Token(Error),
}

/// Header, payload and signature.
fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().expect("three parts")
}

fn read(part: &str) -> Value {
    let text = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&text).expect("JSON")
}

fn written(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn a_result_is_verified_and_read() {
    let vendor = Vendor::founded();
    let gate = Gate::of(&vendor, "");
    let token = gate.attest(AUDIENCE);
    let mut party = RelyingParty::of(&gate);

    let ear = party.result(&token).expect("it counts");
    assert_eq!(ear.profile, EAR_PROFILE);
    assert!(ear.nonce.is_some());
    assert!(ear.vid.build.contains("bulla"), "{}", ear.vid.build);
    // No processor stands behind it.
    assert_eq!(ear.status, Some(TrustTier::Warning));
    assert_eq!(ear.submods.keys().collect::<Vec<_>>(), ["bulla"]);
    let appraisal = &ear.submods["bulla"];
    assert_eq!(appraisal.status, TrustTier::Warning);
    assert_eq!(appraisal.policy_ids, ["payroll@1"]);
    let vector = &appraisal.trust_vector;
    assert_eq!(vector.configuration.get(), 32);
    assert!(!vector.hardware.is_set() && !vector.executables.is_set());

    // Every part is under the signature.
    let [header, payload, signature] = parts(&token);
    let mut claims = read(payload);
    claims["ear_status"] = json!("affirming");
    party.refuses(
        &format!("{header}.{}.{signature}", written(&claims)),
        ErrorKind::InvalidSignature,
    );
    let mut other = read(header);
    other["typ"] = json!("jwt");
    party.refuses(
        &format!("{}.{payload}.{signature}", written(&other)),
        ErrorKind::InvalidSignature,
    );

    // What is for another is not for this one, and what another issued neither.
    party.refuses(&gate.attest(ISSUER), ErrorKind::InvalidAudience);
    party.validation.set_issuer(&["https://other.test.example"]);
    party.refuses(&token, ErrorKind::InvalidIssuer);
}

#[test]
fn no_other_algorithm_counts() {
    let vendor = Vendor::founded();
    let gate = Gate::of(&vendor, "");
    let token = gate.attest(AUDIENCE);
    let party = RelyingParty::of(&gate);
    let [header, payload, signature] = parts(&token);

    for name in ["none", "None", "ES256K"] {
        let mut header = read(header);
        header["alg"] = json!(name);
        for signature in ["", signature] {
            let token = format!("{}.{payload}.{signature}", written(&header));
            let refused = party.result(&token);
            assert!(
                matches!(refused, Err(Refused::Token(_))),
                "{name}: {refused:?}"
            );
        }
    }
    for (name, kind) in [
        ("ES384", ErrorKind::InvalidAlgorithm),
        ("HS256", ErrorKind::InvalidAlgorithm),
    ] {
        let mut header = read(header);
        header["alg"] = json!(name);
        let token = format!("{}.{payload}.{signature}", written(&header));
        party.refuses(&token, kind);
    }

    // Signed with what everybody has: the public key, in each of its forms, as a shared secret.
    let key = &party.keys.keys[0];
    let forged = Header {
        alg: Algorithm::HS256,
        kid: key.common.key_id.clone(),
        ..Header::default()
    };
    let mut careless = party.validation.clone();
    careless.algorithms = vec![Algorithm::HS256];
    for secret in public_forms(key) {
        let token = encode(&forged, &read(payload), &EncodingKey::from_secret(&secret));
        let token = token.expect("a token");
        let believed = decode::<Ear>(&token, &DecodingKey::from_secret(&secret), &careless);
        assert!(
            believed.is_ok(),
            "whoever lets the token choose is deceived"
        );
        party.refuses(&token, ErrorKind::InvalidAlgorithm);
    }
}

/// A public key as bytes: its JSON, its point, and `SubjectPublicKeyInfo` in DER and PEM.
fn public_forms(key: &Jwk) -> [Vec<u8>; 4] {
    let AlgorithmParameters::EllipticCurve(curve) = &key.algorithm else {
        panic!("{key:?}");
    };
    let coordinate = |text| BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let point = [vec![4], coordinate(&curve.x), coordinate(&curve.y)].concat();
    let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200");
    let der = [prefix.expect("digits"), point.clone()].concat();
    let lines = base64::prelude::BASE64_STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n");
    let json = serde_json::to_vec(key).expect("JSON");
    [json, point, der, pem.into_bytes()]
}

#[test]
fn a_result_ends() {
    let vendor = Vendor::founded();
    let gate = Gate::of(&vendor, "token_seconds = 15\n");
    let mut party = RelyingParty::of(&gate);
    let token = gate.attest(AUDIENCE);
    let end = read(parts(&token)[1])["exp"].as_u64().expect("a number");
    // This library lets the second named by `exp` pass.
    while now() <= end {
        thread::sleep(Duration::from_millis(200));
    }
    party.refuses(&token, ErrorKind::ExpiredSignature);
    // For no other reason; and the other library refuses it by itself.
    party.validation.leeway = 3600;
    assert!(party.claims::<Value>(&token).is_ok());
    let refused = party.result(&token).expect_err("it has ended");
    assert!(
        format!("{refused:?}").contains("EAR has expired"),
        "{refused:?}"
    );
}

#[test]
fn keys_change_and_are_withdrawn() {
    let vendor = Vendor::founded();
    let gate = Gate::of(&vendor, "");
    let first = gate.attest(AUDIENCE);
    let before = RelyingParty::of(&gate);

    gate.administer(&["keys", "rotate"]);
    let second = gate.attest(AUDIENCE);
    let kid = |token: &str| decode_header(token).expect("a header").kid.expect("a key");
    assert_ne!(kid(&first), kid(&second));
    // Whoever keeps the keys learns of a new one by a token that names it.
    let unknown = before.result(&second);
    assert!(matches!(unknown, Err(Refused::KeyUnknown)), "{unknown:?}");
    let rotated = RelyingParty::of(&gate);
    for token in [&first, &second] {
        assert!(rotated.result(token).is_ok());
    }

    gate.administer(&["keys", "withdraw", &kid(&first)]);
    let withdrawn = RelyingParty::of(&gate);
    assert_eq!(withdrawn.keys.find(&kid(&first)), None);
    let refused = withdrawn.result(&first);
    assert!(matches!(refused, Err(Refused::KeyUnknown)), "{refused:?}");
    assert!(withdrawn.result(&second).is_ok());
    // Nor does it pass as signed by the key that is left.
    let [header, payload, signature] = parts(&first);
    let mut header = read(header);
    header["kid"] = json!(kid(&second));
    withdrawn.refuses(
        &format!("{}.{payload}.{signature}", written(&header)),
        ErrorKind::InvalidSignature,
    );
}
