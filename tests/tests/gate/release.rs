//! Secrets at the gate: released to the key that was attested, within their limits, and to nobody
//! else; each release stands in the audit before it leaves.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_pki::SigningKey;
use bulla_pki::hpke::KeyPair;
use bulla_tests::front::{ADMINISTRATOR, JSON};
use bulla_tests::gatehouse::{Gatehouse, POLICY, later, opened, unverified};
use bulla_token::{Claims, TokenKey};
use bulla_vendor::QuoteKind;
use serde_json::{Value, json};

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A gate with a secret, a key, and a token for it.
fn attested(limits: &Value) -> (Gatehouse, KeyPair, String) {
    let house = Gatehouse::open();
    house.put_secret("database", b"open sesame", limits);
    let key = key();
    let token = house.token(&key);
    (house, key, token)
}

#[test]
fn a_released_secret_opens_with_the_attested_key_and_with_no_other() {
    let (house, key, token) = attested(&json!({}));
    let reply = house.release(&token, "database");
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let answer = reply.json();
    assert_eq!(
        (&answer["secret"], &answer["version"]),
        (&"database".into(), &1.into())
    );
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    let open = |key: &KeyPair, token: &str, secret: &str| opened(&reply, key, token, secret);
    assert_eq!(
        open(&key, &token, "database").expect("the value"),
        b"open sesame"
    );
    assert!(open(&self::key(), &token, "database").is_err());
    // Nor for another token of the same key, nor under another name.
    let other = house.token(&key);
    assert!(open(&key, &other, "database").is_err());
    assert!(open(&key, &token, "databasf").is_err());
    // Each answer is sealed anew.
    assert_ne!(
        house.release(&token, "database").json()["enc"],
        answer["enc"]
    );
}

#[test]
fn a_release_is_in_the_audit_with_what_it_rests_on() {
    let (house, _, token) = attested(&json!({}));
    let before = house.audit(0).len();
    assert_eq!(house.release(&token, "database").status(), 200);
    let entries = house.audit(u64::try_from(before).expect("few"));
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!(
        (&entry["action"], &entry["subject"]),
        (&"secret.release".into(), &"database".into())
    );
    let claims = unverified(&token);
    let details = &entry["details"];
    assert_eq!(details["platform"], claims["bulla"]["platform"]);
    assert_eq!(
        details["evidence_sha256"],
        claims["bulla"]["evidence_sha256"]
    );
    assert_eq!(
        (&details["policy"], &details["policy_version"]),
        (&POLICY.into(), &1.into())
    );
    let text = entry.to_string();
    for secret in ["open sesame", &token, &hex::encode("open sesame")] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_secret_is_released_as_often_as_it_may_be() {
    let (house, key, token) = attested(&json!({ "times": 2 }));
    for _ in 0..2 {
        assert_eq!(house.value(&key, &token, "database"), b"open sesame");
    }
    assert_eq!(house.withheld(&token, "database"), "times-reached");
    let listed = house.front.administrate("GET", "/gate/secrets").json();
    assert_eq!(
        (&listed[0]["releases"], &listed[0]["times"]),
        (&2.into(), &2.into())
    );
    // A new version is counted anew.
    house.put_secret("database", b"another", &json!({ "times": 1 }));
    assert_eq!(house.value(&key, &token, "database"), b"another");
    assert_eq!(house.withheld(&token, "database"), "times-reached");
}

#[test]
fn of_many_at_once_no_more_than_may_get_it() {
    let (house, _, token) = attested(&json!({ "times": 3 }));
    let released = std::thread::scope(|scope| {
        let ask = || {
            let replies = (0..4).map(|_| house.release(&token, "database").status());
            replies.filter(|status| *status == 200).count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        let counts = threads
            .into_iter()
            .map(|thread| thread.join().expect("a count"));
        counts.sum::<usize>()
    });
    assert_eq!(released, 3);
    let audit = house.audit(0);
    let entries = audit
        .iter()
        .filter(|entry| entry["action"] == "secret.release");
    assert_eq!(entries.count(), 3);
}

#[test]
fn a_secret_is_released_until_its_last_second() {
    let house = Gatehouse::open();
    let until = later(house.clock.now(), 100);
    house.put_secret("database", b"open sesame", &json!({ "until": until }));
    let key = key();
    let token = house.token(&key);
    house.clock.pass(100);
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
    house.clock.pass(1);
    assert_eq!(house.withheld(&token, "database"), "until-passed");
}

#[test]
fn a_secret_is_released_to_its_platforms() {
    let house = Gatehouse::open();
    let key = key();
    let token = house.token(&key);
    let platform = unverified(&token)["bulla"]["platform"].clone();
    house.put_secret("mine", b"1", &json!({ "platforms": [platform] }));
    house.put_secret("theirs", b"2", &json!({ "platforms": ["00".repeat(32)] }));
    assert_eq!(house.value(&key, &token, "mine"), b"1");
    assert_eq!(house.withheld(&token, "theirs"), "platform-not-listed");
    assert_eq!(house.withheld(&token, "nobodys"), "secret-unknown");
}

#[test]
fn a_token_counts_until_its_end() {
    let (house, key, token) = attested(&json!({}));
    house.clock.pass(299);
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
    house.clock.pass(1);
    assert_eq!(house.withheld(&token, "database"), "token-expired");
}

#[test]
fn a_policy_that_changed_releases_nothing_to_those_who_attested_under_the_one_before() {
    let (house, key, token) = attested(&json!({}));
    // Not even where it says the same.
    house.put_policy(POLICY, &house.naming_root(""));
    assert_eq!(house.withheld(&token, "database"), "policy-mismatch");
    let token = house.token(&key);
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
    let target = format!("/gate/policies?name={POLICY}");
    let removed = house.front.administrate("DELETE", &target).json();
    assert_eq!(removed["secrets_held_back"], json!(["database"]));
    assert_eq!(house.withheld(&token, "database"), "policy-mismatch");
    // Another policy does not do.
    house.put_policy("lax", &house.naming_root("# anything\n"));
    let lax = house.token_of(&house.attempt(&key).with("policy", "lax"));
    assert_eq!(house.withheld(&lax, "database"), "policy-mismatch");
}

#[test]
fn a_removed_secret_is_gone() {
    let (house, _, token) = attested(&json!({}));
    let removed = house
        .front
        .administrate("DELETE", "/gate/secrets?name=database");
    assert_eq!(removed.status(), 200);
    assert_eq!(house.withheld(&token, "database"), "secret-unknown");
    let again = house
        .front
        .administrate("DELETE", "/gate/secrets?name=database");
    assert_eq!(again.status(), 404);
}

#[test]
fn what_a_rotated_key_signed_counts_and_what_a_withdrawn_one_signed_does_not() {
    let (house, key, token) = attested(&json!({}));
    let first = house.keys();
    let rotated = house.front.administrate("POST", "/gate/keys/rotate");
    assert_eq!(rotated.status(), 200);
    let second = rotated.json()["kid"].as_str().expect("an id").to_owned();
    assert!(first.find(&second).is_none());
    assert_eq!(
        house.keys().iter().count(),
        2,
        "the one before is still published"
    );
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
    let newer = house.token(&key);
    assert_eq!(house.value(&key, &newer, "database"), b"open sesame");

    let old = first.iter().next().expect("a key").id().to_owned();
    let withdraw = |kid: &str| {
        let target = format!("/gate/keys/withdraw?kid={kid}");
        house.front.administrate("POST", &target)
    };
    assert_eq!(withdraw(&old).status(), 200);
    assert_eq!(house.withheld(&token, "database"), "token-key-withdrawn");
    assert_eq!(house.value(&key, &newer, "database"), b"open sesame");
    let reply = withdraw(&second).json();
    assert_eq!(house.withheld(&newer, "database"), "token-key-withdrawn");
    // One signs in its place.
    assert_eq!(house.keys().iter().count(), 1);
    assert_ne!(reply["kid"], second.as_str());
    let token = house.token(&key);
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
    assert_eq!(withdraw("nobody").status(), 404);
}

#[test]
fn a_retired_key_is_forgotten_once_its_last_token_has_ended() {
    let (house, _, _) = attested(&json!({}));
    assert_eq!(
        house
            .front
            .administrate("POST", "/gate/keys/rotate")
            .status(),
        200
    );
    house.clock.pass(300);
    assert_eq!(house.keys().iter().count(), 2);
    house.clock.pass(1);
    assert_eq!(house.keys().iter().count(), 1);
    let listed = house.front.administrate("GET", "/gate/keys").json();
    assert_eq!(listed.as_array().expect("a list").len(), 1);
}

fn signed(claims: &Claims) -> String {
    let key = SigningKey::generate().expect("a key");
    TokenKey::new(key).sign(claims).expect("a token")
}

#[test]
fn a_token_that_this_gate_did_not_give_out_for_itself_releases_nothing() {
    let (house, key, token) = attested(&json!({}));
    let audience = house
        .attempt(&key)
        .with("audience", "https://database.example");
    let elsewhere = house.token_of(&audience);
    assert_eq!(house.withheld(&elsewhere, "database"), "token-audience");
    // The same claims, signed by another.
    let forged = signed(&house.claims(&token));
    assert_eq!(house.withheld(&forged, "database"), "token-key-unknown");

    let parts: Vec<&str> = token.split('.').collect();
    let with_header = |header: &Value, signature: &str| {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}.{}.{signature}", parts[1])
    };
    let kid = house.keys().iter().next().expect("a key").id().to_owned();
    for algorithm in ["none", "HS256", "ES384", "RS256", "es256", ""] {
        let header = json!({ "alg": algorithm, "kid": kid, "typ": "JWT" });
        let forged = with_header(&header, parts[2]);
        assert_eq!(
            house.withheld(&forged, "database"),
            "token-invalid",
            "{algorithm}"
        );
    }
    let brought = json!({ "alg": "ES256", "kid": kid, "jwk": { "kty": "EC" } });
    let forged = with_header(&brought, parts[2]);
    assert_eq!(house.withheld(&forged, "database"), "token-invalid");
    // Another key in the claims.
    let mut claims = unverified(&token);
    claims["cnf"]["jwk"]["x"] = URL_SAFE_NO_PAD.encode(self::key().public_key()).into();
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let forged = format!("{}.{claims}.{}", parts[0], parts[2]);
    assert_eq!(house.withheld(&forged, "database"), "token-invalid");
    // A token of another gate under the same root.
    let other = Gatehouse::open();
    assert_eq!(
        house.withheld(&other.token(&key), "database"),
        "token-key-unknown"
    );
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
}

/// X25519 gives no secret with such a key: it must cost no release.
#[test]
fn a_key_that_nothing_can_be_sealed_to_costs_no_release() {
    let house = Gatehouse::open();
    house.put_secret("database", b"open sesame", &json!({ "times": 1 }));
    let nonce = house.nonce();
    let data = bulla_token::binding::report_data(&nonce, &[0; 32]);
    let quote = house.quote_with("one", QuoteKind::SgxV3, false, data);
    let small = json!({ "kty": "OKP", "crv": "X25519", "x": URL_SAFE_NO_PAD.encode([0; 32]) });
    let attempt = bulla_tests::gatehouse::Attempt::new(&nonce, &quote, &key());
    let token = house.token_of(&attempt.with("public_key", small));
    assert_eq!(house.withheld(&token, "database"), "key-useless");
    let key = key();
    let token = house.token(&key);
    assert_eq!(house.value(&key, &token, "database"), b"open sesame");
}

#[test]
fn refusals_to_those_who_attested_are_in_the_audit_and_no_others() {
    let (house, _, token) = attested(&json!({ "times": 1 }));
    assert_eq!(house.release(&token, "database").status(), 200);
    let before = u64::try_from(house.audit(0).len()).expect("few");
    house.withheld(&token, "database");
    let entries = house.audit(before);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["action"], "secret.refuse");
    assert_eq!(entries[0]["details"]["code"], "times-reached");
    // Anybody can send anything: that must not fill the disk.
    house.withheld("a.b.c", "database");
    assert_eq!(house.audit(before).len(), 1);
}

#[test]
fn values_go_in_and_never_come_out_but_sealed() {
    let house = Gatehouse::open();
    house.put_secret("database", b"open sesame", &json!({}));
    for target in [
        "/gate/secrets",
        "/gate/secrets?name=database",
        "/gate/decisions",
        "/audit",
        "/metrics",
    ] {
        let reply = house.front.administrate("GET", target);
        assert_eq!(reply.status(), 200, "{target}");
        for form in ["open sesame", "b3BlbiBzZXNhbWU", "6f70656e"] {
            assert!(!reply.text().contains(form), "{target}");
        }
    }
}

#[test]
fn a_secret_needs_a_policy_that_is_there() {
    let house = Gatehouse::open();
    let body = json!({ "policy": "nobody", "value": "AAAA" }).to_string();
    let headers = [ADMINISTRATOR, JSON];
    let target = "/gate/secrets?name=database";
    let reply = house.front.send("PUT", target, &headers, body.as_bytes());
    assert_eq!(
        (reply.status(), &reply.json()["code"]),
        (404, &"policy-unknown".into())
    );
}
