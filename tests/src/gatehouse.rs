//! A gate with a vendor in a box behind it, and somebody who attests there.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bulla_evidence::{Body, Quote};
use bulla_pki::Timestamp;
use bulla_pki::hpke::{HpkeError, KeyPair, Sealed};
use bulla_service::keeper::Mode;
use bulla_token::{Claims, Expected, KeySet, binding};
use bulla_vendor::{QuoteKind, Selection, Subject, Vendor};
use serde_json::{Value, json};

use crate::daemon::Reply;
use crate::front::{ADMINISTRATOR, Front, ISSUER, JSON};
use crate::site::{Clock, Site, platform, vendor};

/// The policy of most tests, which names the root and asks for nothing else.
pub const POLICY: &str = "payroll";

/// The gate.
pub struct Gatehouse {
    /// What time it is.
    pub clock: Clock,
    /// Who makes evidence.
    pub vendor: Vendor,
    /// The vendor's service.
    pub site: Site,
    /// The gate's.
    pub front: Front,
}

/// What is asked for.
pub struct Attempt {
    /// The body of the request.
    pub body: Value,
}

impl Gatehouse {
    /// A gate with the vendor of all tests, on 2026-11-23 at noon, and a policy [`POLICY`].
    pub fn open() -> Self {
        Self::with(vendor())
    }

    /// The same with another vendor's history.
    pub fn with(vendor: Vendor) -> Self {
        let clock = Clock::at("2026-11-23T12:00:00Z");
        let site = Site::open(vendor.clone(), &clock);
        let mut upstream = site.upstream("vendor");
        upstream.attempts = 1;
        let front = Front::open(&clock, vec![upstream], Mode::Lazy);
        let house = Self {
            clock,
            vendor,
            site,
            front,
        };
        house.put_policy(POLICY, &house.naming_root(""));
        house
    }

    /// A policy that names the root, and demands this too.
    pub fn naming_root(&self, demands: &str) -> String {
        let collection = self.front.keeping.keeper.collection();
        let root = hex::encode(collection.realm().anchor().public_key_sha256());
        format!("trust_anchors = [\"{root}\"]\n{demands}")
    }

    /// Puts a policy in force.
    #[track_caller]
    pub fn put_policy(&self, name: &str, text: &str) {
        let target = format!("/gate/policies?name={name}");
        let reply = self
            .front
            .send("PUT", &target, &[ADMINISTRATOR], text.as_bytes());
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }

    /// Has the gate keep a secret under [`POLICY`], within these limits.
    #[track_caller]
    pub fn put_secret(&self, name: &str, value: &[u8], limits: &Value) {
        let mut body = json!({ "policy": POLICY, "value": STANDARD.encode(value) });
        for (name, limit) in limits.as_object().unwrap() {
            body[name] = limit.clone();
        }
        let target = format!("/gate/secrets?name={name}");
        let headers = [ADMINISTRATOR, JSON];
        let reply = self
            .front
            .send("PUT", &target, &headers, body.to_string().as_bytes());
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }

    /// A nonce.
    #[track_caller]
    pub fn nonce(&self) -> [u8; 32] {
        let reply = self.front.send("POST", "/challenge", &[], b"");
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let nonce = URL_SAFE_NO_PAD.decode(reply.json()["nonce"].as_str().unwrap());
        nonce.unwrap().try_into().unwrap()
    }

    /// A quote of the platform `one` for a nonce and a key.
    pub fn quote(&self, kind: QuoteKind, nonce: &[u8; 32], key: &KeyPair) -> Vec<u8> {
        let data = binding::report_data(nonce, key.public_key());
        self.quote_with("one", kind, false, data)
    }

    /// A quote of a platform with this report data.
    pub fn quote_with(&self, name: &str, kind: QuoteKind, debug: bool, data: [u8; 64]) -> Vec<u8> {
        let subject = Subject {
            kind,
            report_data: data,
            debug,
            launched: None,
        };
        let (platform, now) = (platform(&self.vendor, name), self.clock.now());
        let selection = Selection::Standard;
        let attested = self.vendor.attest(platform, &subject, selection, now);
        attested.unwrap().quote
    }

    /// What is to be sent for good evidence of SGX.
    pub fn attempt(&self, key: &KeyPair) -> Attempt {
        let nonce = self.nonce();
        Attempt::new(&nonce, &self.quote(QuoteKind::SgxV3, &nonce, key), key)
    }

    /// Sends it.
    #[track_caller]
    pub fn attest(&self, attempt: &Attempt) -> Reply {
        let body = attempt.body.to_string();
        self.front.send("POST", "/attest", &[JSON], body.as_bytes())
    }

    /// A token for a key.
    #[track_caller]
    pub fn token(&self, key: &KeyPair) -> String {
        self.token_of(&self.attempt(key))
    }

    /// The token for an attempt that is accepted.
    #[track_caller]
    pub fn token_of(&self, attempt: &Attempt) -> String {
        let reply = self.attest(attempt);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// The keys that the gate publishes.
    #[track_caller]
    pub fn keys(&self) -> KeySet {
        let reply = self.front.get("/.well-known/jwks.json");
        assert_eq!(reply.status(), 200, "{}", reply.text());
        KeySet::from_jwks(&reply.body).unwrap()
    }

    /// What a token says, where it counts by the published keys.
    #[track_caller]
    pub fn claims(&self, token: &str) -> Claims {
        let expected = Expected {
            issuer: ISSUER,
            audience: ISSUER,
            at: self.clock.now(),
            leeway_seconds: 0,
        };
        bulla_token::verify(token, &self.keys(), &expected).unwrap()
    }

    /// Asks for a secret.
    #[track_caller]
    pub fn release(&self, token: &str, secret: &str) -> Reply {
        let body = json!({ "token": token, "secret": secret }).to_string();
        self.front
            .send("POST", "/release", &[JSON], body.as_bytes())
    }

    /// The value of a secret that is released.
    #[track_caller]
    pub fn value(&self, key: &KeyPair, token: &str, secret: &str) -> Vec<u8> {
        let reply = self.release(token, secret);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        opened(&reply, key, token, secret).unwrap()
    }

    /// That a secret is not released, and why, as the operator sees it.
    #[track_caller]
    pub fn withheld(&self, token: &str, secret: &str) -> String {
        let reply = self.release(token, secret);
        assert_eq!(reply.status(), 403, "{}", reply.text());
        let told = json!({
            "type": "urn:bulla:problem:release-refused",
            "title": "The secret is not released.",
            "status": 403,
            "code": "release-refused",
        });
        assert_eq!(reply.json(), told, "it is always the same");
        let last = self.last_decision();
        assert_eq!(
            (&last["action"], &last["outcome"]),
            (&"release".into(), &"refused".into())
        );
        assert_eq!(last["secret"], secret);
        last["code"].as_str().unwrap().to_owned()
    }

    /// The last decision.
    #[track_caller]
    pub fn last_decision(&self) -> Value {
        let reply = self.front.administrate("GET", "/gate/decisions?limit=1");
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()[0].clone()
    }

    /// Actions and subjects of the audit, behind a sequence.
    pub fn audit(&self, after: u64) -> Vec<Value> {
        let target = format!("/audit?after={after}");
        let entries = self.front.administrate("GET", &target).json();
        entries.as_array().unwrap().clone()
    }
}

impl Attempt {
    /// A quote for a nonce and a key, under [`POLICY`].
    pub fn new(nonce: &[u8; 32], quote: &[u8], key: &KeyPair) -> Self {
        Self {
            body: json!({
                "nonce": URL_SAFE_NO_PAD.encode(nonce),
                "evidence": { "format": "dcap-quote", "quote": STANDARD.encode(quote) },
                "public_key": {
                    "kty": "OKP",
                    "crv": "X25519",
                    "x": URL_SAFE_NO_PAD.encode(key.public_key()),
                },
                "policy": POLICY,
            }),
        }
    }

    /// The same with another value of a member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.body[member] = value.into();
        self
    }
}

/// The measurement of an enclave in a quote.
pub fn mrenclave(quote: &[u8]) -> String {
    match Quote::parse(quote).unwrap().body() {
        Body::Sgx(report) => hex::encode(report.mrenclave),
        other => panic!("{other:?}"),
    }
}

/// Opens what was released, with a key and for a token and a secret.
pub fn opened(
    reply: &Reply,
    key: &KeyPair,
    token: &str,
    secret: &str,
) -> Result<Vec<u8>, HpkeError> {
    let answer = reply.json();
    let octets = |name: &str| {
        URL_SAFE_NO_PAD
            .decode(answer[name].as_str().unwrap())
            .unwrap()
    };
    let sealed = Sealed {
        enc: octets("enc").try_into().unwrap(),
        ciphertext: octets("ciphertext"),
    };
    let aad = unverified(token)["jti"].as_str().unwrap().to_owned();
    let info = binding::release_info(secret);
    let value = key.open(&sealed, &info, aad.as_bytes())?;
    Ok(value.to_vec())
}

/// What stands in a token, whoever signed it.
pub fn unverified(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// A later instant.
pub fn later(at: Timestamp, seconds: u64) -> String {
    at.saturating_add(seconds).to_string()
}
