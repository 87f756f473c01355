//! Requests and answers read what they write, and nothing else.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::request::{Audience, Platforms};
use super::*;

fn attest() -> Value {
    json!({
        "nonce": "A".repeat(43),
        "evidence": {"format": "dcap-quote", "quote": "AAECAw"},
        "public_key": {"kty": "OKP", "crv": "X25519", "x": "A".repeat(43)},
        "policy": "strict",
        "audience": "https://service.example",
    })
}

fn secret() -> Value {
    json!({
        "policy": "strict",
        "value": "c2VjcmV0",
        "times": 3,
        "until": "2026-12-31T23:59:59Z",
        "platforms": ["ab".repeat(32)],
    })
}

fn read<T: Request>(value: &Value) -> Result<T, GateError> {
    T::read(value.to_string().as_bytes())
}

/// The value with the member at this path put in the place of what is there.
fn with(mut value: Value, path: &str, member: Value) -> Value {
    *value.pointer_mut(path).expect("the path exists") = member;
    value
}

#[test]
fn the_examples_are_read() {
    let request: AttestRequest = read(&attest()).unwrap();
    assert_eq!(request.evidence.quote.as_bytes(), [0, 1, 2, 3]);
    assert_eq!(request.public_key, X25519Jwk(value::Octets([0; 32])));
    assert_eq!(
        request.audience.unwrap().as_str(),
        "https://service.example"
    );
    let spec: SecretSpec = read(&secret()).unwrap();
    assert_eq!(spec.value.expose(), b"secret");
    assert_eq!(spec.platforms.unwrap().as_slice(), [Sha256([0xab; 32])]);
    assert!(ChallengeRequest::read(b"").is_ok() && ChallengeRequest::read(b" {} ").is_ok());
}

#[test]
fn every_member_of_a_wrong_kind_is_refused() {
    let wrong = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("\u{0}"),
        json!("ü"),
        json!([]),
        json!({}),
        json!(["a"]),
        json!("x".repeat(200_000)),
    ];
    let of_attest = [
        "/nonce",
        "/evidence",
        "/evidence/format",
        "/evidence/quote",
        "/public_key",
        "/public_key/kty",
        "/public_key/crv",
        "/public_key/x",
        "/policy",
        "/audience",
    ];
    for path in of_attest {
        for member in &wrong {
            let request = read::<AttestRequest>(&with(attest(), path, member.clone()));
            assert!(request.is_err(), "{path} {}", &member.to_string()[..1]);
        }
    }
    for path in [
        "/policy",
        "/value",
        "/times",
        "/until",
        "/platforms",
        "/platforms/0",
    ] {
        for member in &wrong {
            let request = read::<SecretSpec>(&with(secret(), path, member.clone()));
            assert!(request.is_err(), "{path} {}", &member.to_string()[..1]);
        }
    }
}

#[test]
fn a_member_that_is_missing_unknown_or_there_twice_is_refused() {
    for member in ["nonce", "evidence", "public_key", "policy"] {
        let mut value = attest();
        value.as_object_mut().unwrap().remove(member);
        assert!(read::<AttestRequest>(&value).is_err(), "{member}");
    }
    for path in ["", "/evidence", "/public_key"] {
        let mut value = attest();
        let object = value.pointer_mut(path).unwrap().as_object_mut().unwrap();
        object.insert("d".to_owned(), json!("AAAA"));
        assert!(read::<AttestRequest>(&value).is_err(), "{path}");
    }
    let twice = attest()
        .to_string()
        .replacen('{', r#"{"policy":"other","#, 1);
    assert!(AttestRequest::read(twice.as_bytes()).is_err());
    assert!(ChallengeRequest::read(br#"{"nonce":1}"#).is_err());
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read() {
    let long = vec![b' '; MAX_ATTEST_SIZE + 1];
    let expected = MAX_ATTEST_SIZE + 1;
    assert!(matches!(
        AttestRequest::read(&long),
        Err(GateError::TooLong { size, limit: MAX_ATTEST_SIZE }) if size == expected
    ));
    assert!(matches!(
        ChallengeRequest::read(&[b' '; 65]),
        Err(GateError::TooLong { limit: 64, .. })
    ));
    // The longest quote and the longest secret fit.
    let quote = Quote::new(vec![7; MAX_QUOTE_SIZE]).unwrap();
    let longest = with(attest(), "/evidence/quote", json!(quote.to_string()));
    assert_eq!(
        read::<AttestRequest>(&longest).unwrap().evidence.quote,
        quote
    );
    assert!(Quote::new(vec![7; MAX_QUOTE_SIZE + 1]).is_err());
    let platforms: Vec<String> = vec!["ab".repeat(32); MAX_PLATFORMS];
    let mut longest = with(secret(), "/platforms", json!(platforms));
    let value = SecretValue::new(vec![7; MAX_SECRET_SIZE]).unwrap();
    longest["value"] = serde_json::to_value(&value).unwrap();
    assert_eq!(read::<SecretSpec>(&longest).unwrap().value, value);
    let too_many: Vec<String> = vec!["ab".repeat(32); MAX_PLATFORMS + 1];
    assert!(read::<SecretSpec>(&with(secret(), "/platforms", json!(too_many))).is_err());
}

#[test]
fn base64_is_read_in_both_alphabets_and_not_mixed() {
    let bytes = [0xfb, 0xff, 0xbf, 0xfb];
    for text in ["+/+/+w==", "+/+/+w", "-_-_-w==", "-_-_-w"] {
        assert_eq!(text.parse::<Quote>().unwrap().as_bytes(), bytes, "{text}");
    }
    for text in [
        "-/+/+w",
        "+/+/+w=",
        "+/+/+x",
        "+/+/ +w",
        "=",
        "====",
        "+/+/+w===",
    ] {
        assert!(text.parse::<Quote>().is_err(), "{text}");
    }
}

#[test]
fn nonces_have_one_form() {
    let nonce = value::Octets([0xff; 32]);
    let text = nonce.to_string();
    assert_eq!(text.parse::<Nonce>().unwrap(), nonce);
    let padded = format!("{text}=");
    let standard = text.replace('_', "/");
    let left_over = format!("{}9", &text[..42]);
    for text in [&padded, &standard, &left_over, &text[1..], ""] {
        assert!(text.parse::<Nonce>().is_err(), "{text}");
    }
}

#[test]
fn names_stand_in_addresses_and_files() {
    for name in ["a", "7", "strict-v2.1_x", &"n".repeat(64)] {
        assert_eq!(name.parse::<Name>().unwrap().as_str(), name);
    }
    for name in [
        "",
        ".",
        "..",
        "-a",
        "_a",
        "a/b",
        "a b",
        "ä",
        "a\n",
        &"n".repeat(65),
    ] {
        assert!(name.parse::<Name>().is_err(), "{name}");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let spec: SecretSpec = read(&secret()).unwrap();
    let shown = format!("{spec:?}");
    assert!(
        !shown.contains("c2Vj") && !shown.contains("secret\""),
        "{shown}"
    );
    assert!(shown.contains("SecretValue(..)"), "{shown}");
    // The reader's own messages would repeat the value of a wrong kind.
    let error = read::<SecretSpec>(&with(secret(), "/value", json!("TOP-secret!"))).unwrap_err();
    assert!(!error.to_string().contains("TOP"), "{error}");
    let error = read::<SecretSpec>(&with(secret(), "/times", json!("TOP-secret!"))).unwrap_err();
    assert!(!error.to_string().contains("TOP"), "{error}");
    let token: TokenText = "a.b.c".parse().unwrap();
    assert_eq!(format!("{token:?}"), "TokenText(5 bytes)");
}

#[test]
fn a_token_has_three_parts() {
    for text in ["", "a.b", "a.b.c.d", "a..c", "a.b.", "a.b=.c", "a.b c.d"] {
        assert!(text.parse::<TokenText>().is_err(), "{text}");
    }
    assert!("A-_z.9.0".parse::<TokenText>().is_ok());
    assert!(
        format!("a.b.{}", "c".repeat(MAX_TOKEN_SIZE))
            .parse::<TokenText>()
            .is_err()
    );
}

/// It is written without a serializer.
#[test]
fn an_attestation_is_answered_in_json() {
    for status in [ResultStatus::Affirming, ResultStatus::Warning] {
        let answer = AttestAnswer {
            token: "A-_z.9.0".parse().unwrap(),
            expires: "2026-11-23T00:00:00Z".parse().unwrap(),
            status,
        };
        assert_eq!(answer.write(), serde_json::to_vec(&answer).unwrap());
        assert_eq!(AttestAnswer::read(&answer.write()).unwrap(), answer);
    }
}

#[test]
fn clients_pass_over_members_that_came_later() {
    let body = json!({
        "secret": "key", "version": 2, "enc": "A".repeat(43), "ciphertext": "AAAA", "later": [1],
    });
    let answer = ReleaseAnswer::read(body.to_string().as_bytes()).unwrap();
    assert_eq!((answer.version, answer.ciphertext), (2, vec![0; 3]));
    let body = json!({"token": "a.b.c", "expires": "2026-11-23T00:00:00Z", "status": "none"});
    assert!(AttestAnswer::read(body.to_string().as_bytes()).is_err());
}

#[test]
fn every_code_could_be_read() {
    for code in [
        ATTESTATION_REFUSED,
        NONCE_UNKNOWN,
        NONCE_EXPIRED,
        NONCE_USED,
        BINDING_MISMATCH,
        POLICY_UNKNOWN,
        RELEASE_REFUSED,
    ] {
        assert_eq!(Code::new(code.as_str()).unwrap(), code);
    }
}

prop_compose! {
    fn names()(text in "[A-Za-z0-9][A-Za-z0-9._-]{0,63}") -> Name {
        text.parse().unwrap()
    }
}

prop_compose! {
    fn instants()(year in 1970..10_000_u32, month in 1..13_u32) -> Instant {
        format!("{year:04}-{month:02}-28T23:59:59Z").parse().unwrap()
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(
        nonce in any::<[u8; 32]>(),
        key in any::<[u8; 32]>(),
        quote in vec(any::<u8>(), 1..300),
        policy in names(),
        secret in names(),
        audience in option::of("[!-~]{1,256}"),
        times in option::of(1..u32::MAX),
        until in option::of(instants()),
        platforms in option::of(vec(any::<[u8; 32]>(), 1..5)),
        version in any::<u64>(),
    ) {
        let attest = AttestRequest {
            nonce: value::Octets(nonce),
            evidence: Evidence {
                format: EvidenceFormat::DcapQuote,
                quote: Quote::new(quote.clone()).unwrap(),
            },
            public_key: X25519Jwk(value::Octets(key)),
            policy: policy.clone(),
            audience: audience.map(|text| Audience::try_from(text).unwrap()),
        };
        prop_assert_eq!(AttestRequest::read(&attest.write()).unwrap(), attest);
        let platforms = platforms.map(|all| all.into_iter().map(Sha256).collect::<Vec<_>>());
        let spec = SecretSpec {
            policy,
            value: SecretValue::new(quote.clone()).unwrap(),
            times: times.and_then(std::num::NonZeroU32::new),
            until,
            platforms: platforms.map(|all| Platforms::try_from(all).unwrap()),
        };
        prop_assert_eq!(SecretSpec::read(&spec.write()).unwrap(), spec);
        let answer = ReleaseAnswer { secret, version, enc: value::Octets(key), ciphertext: quote };
        prop_assert_eq!(ReleaseAnswer::read(&answer.write()).unwrap(), answer);
    }

    #[test]
    fn reading_never_panics(body in "\\{?[\\[\\{\":,0-9a-z}\\]]{0,80}") {
        let body = body.as_bytes();
        let _ = (AttestRequest::read(body), ReleaseRequest::read(body), SecretSpec::read(body));
        let _ = (Challenge::read(body), ReleaseAnswer::read(body), ChallengeRequest::read(body));
    }
}
