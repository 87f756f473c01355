//! From a challenge to the key: the attester's side of the gate (`docs/gate.md`).
//!
//! The connection is not encrypted, and need not be. What the gate releases is sealed to a key that
//! exists in this enclave only. Somebody else than the gate could seal another value to it: under that
//! one no batch of the owner opens, and no state goes on (see [`service`](crate::service)).

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_protocol::gate::{
    AttestAnswer, AttestRequest, Challenge, ChallengeRequest, Evidence, EvidenceFormat,
    MAX_ANSWER_SIZE, Name, Octets, Quote, RefusalFinding, ReleaseAnswer, ReleaseRequest, Request,
    TokenText, X25519Jwk,
};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, Serializable, setup_receiver};
use serde::Deserialize;
use sha2::{Digest, Sha512};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::http;

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;

/// Who can have a processor vouch for this program.
pub trait Attester {
    /// A quote that bears this report data.
    fn quote(&self, report_data: &[u8; 64]) -> Result<Vec<u8>, String>;
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum GateError {
    /// Nobody answers.
    #[error("the gate cannot be asked: {0}")]
    Unreachable(#[from] io::Error),
    /// The gate answers, and says no.
    #[error("the gate refuses: {0}")]
    Refused(String),
    /// Not what a gate answers.
    #[error("the answer of the gate is not understood: {0}")]
    Answer(String),
    /// The platform gives no quote.
    #[error("there is no quote: {0}")]
    NoQuote(String),
    /// Not sealed to this key, for this secret and result.
    #[error("what the gate released does not open")]
    NotOpened,
}

/// A gate, and the policy under which it is to appraise.
#[derive(Clone, Debug)]
pub struct Gate {
    address: String,
    policy: Name,
}

impl Gate {
    /// The gate at this address (host and port).
    pub fn new(address: String, policy: Name) -> Self {
        Self { address, policy }
    }

    /// Attests this program with a key made for the occasion, and has a secret released to it.
    pub fn release(
        &self,
        attester: &impl Attester,
        secret: &Name,
    ) -> Result<Zeroizing<Vec<u8>>, GateError> {
        let (private, public) = X25519HkdfSha256::gen_keypair();
        let public: [u8; 32] = public.to_bytes().into();
        let challenge = Challenge::read(&self.ask("/challenge", &ChallengeRequest {})?);
        let nonce = challenge.map_err(not_understood)?.nonce.0;
        let quote = attester.quote(&report_data(&nonce, &public));
        let quote = quote.and_then(|quote| Quote::new(quote).map_err(|error| error.to_string()));
        let request = AttestRequest {
            nonce: Octets(nonce),
            evidence: Evidence {
                format: EvidenceFormat::DcapQuote,
                quote: quote.map_err(GateError::NoQuote)?,
            },
            public_key: X25519Jwk(Octets(public)),
            policy: self.policy.clone(),
            audience: None,
        };
        let token = AttestAnswer::read(&self.ask("/attest", &request)?);
        let token = token.map_err(not_understood)?.token;
        let request = ReleaseRequest {
            token: token.clone(),
            secret: secret.clone(),
        };
        let sealed = ReleaseAnswer::read(&self.ask("/release", &request)?);
        let sealed = sealed.map_err(not_understood)?;
        let name = result_name(&token)?;
        open(&private, secret, &name, &sealed).ok_or(GateError::NotOpened)
    }

    fn ask(&self, path: &str, request: &impl Request) -> Result<Vec<u8>, GateError> {
        let (status, body) = http::post(&self.address, path, &request.write(), MAX_ANSWER_SIZE)?;
        match status {
            200 => Ok(body),
            _ => Err(GateError::Refused(reason(status, &body))),
        }
    }
}

/// What evidence for this nonce and key must carry.
fn report_data(nonce: &[u8; 32], key: &[u8; 32]) -> [u8; 64] {
    let parts = Sha512::new_with_prefix(b"bulla attestation v1\0");
    parts
        .chain_update(nonce)
        .chain_update(key)
        .finalize()
        .into()
}

/// `jti` of a token. Its signature is for others: what is sealed opens with this name or not at all.
fn result_name(token: &TokenText) -> Result<String, GateError> {
    #[derive(Deserialize)]
    struct Claims {
        jti: String,
    }
    let claims = token.as_str().split('.').nth(1).unwrap_or_default();
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(not_understood)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(not_understood)?;
    Ok(claims.jti)
}

fn open(
    private: &PrivateKey,
    secret: &Name,
    result: &str,
    sealed: &ReleaseAnswer,
) -> Option<Zeroizing<Vec<u8>>> {
    let info = [b"bulla release v1\0", secret.as_str().as_bytes()].concat();
    let enc = Deserializable::from_bytes(&sealed.enc.0).ok()?;
    let mut opening = setup_receiver::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        private,
        &enc,
        &info,
    )
    .ok()?;
    let value = opening.open(&sealed.ciphertext, result.as_bytes());
    value.ok().map(Zeroizing::new)
}

/// What a refusal says, in one line.
fn reason(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Problem {
        title: String,
        detail: Option<String>,
        #[serde(default)]
        findings: Vec<RefusalFinding>,
    }
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return format!("the status is {status}");
    };
    let findings = problem.findings.iter();
    let findings = findings.map(|finding| format!("{} ({})", finding.message, finding.code));
    let parts = [Some(problem.title), problem.detail];
    let parts = parts.into_iter().flatten().chain(findings);
    let parts: Vec<String> = parts
        .map(|part| part.trim_end_matches('.').to_owned())
        .collect();
    parts.join("; ")
}

fn not_understood(error: impl ToString) -> GateError {
    GateError::Answer(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of `docs/gate.md`.
    #[test]
    fn evidence_is_bound_as_documented() {
        let digits: String = report_data(&[0x11; 32], &[0x22; 32])
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            digits,
            concat!(
                "72035bc8ae927eaddb226007339750dd7ec24a3a718e7eeb0ce97f3c02ff134c",
                "4a825e421df5f4644b9592a41fd9c6c1f8a23c63c93cdf87297b36adf6a0c419",
            )
        );
    }

    #[test]
    fn a_refusal_says_why() {
        let body =
            br#"{"title": "T.", "detail": "d", "findings": [{"code": "C", "message": "m"}]}"#;
        assert_eq!(reason(403, body), "T; d; m (C)");
        assert_eq!(reason(502, b"<html>"), "the status is 502");
    }
}
