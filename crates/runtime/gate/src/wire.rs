//! What is sent to the gate, and what its answers say.

use bulla_pki::Timestamp;
use bulla_pki::hpke::Sealed;
use bulla_protocol::gate::{
    self, AttestAnswer, AttestRequest, Audience, Challenge, ChallengeRequest, Name, Octets, Quote,
    ReleaseAnswer, ReleaseRequest, Request, TokenText, X25519Jwk,
};

use crate::error::GateError;
use crate::evidence::{Evidence, EvidenceFormat};

/// Where a nonce is had.
pub(crate) const CHALLENGE: &str = "/challenge";

/// Where evidence goes.
pub(crate) const ATTEST: &str = "/attest";

/// Where secrets are had.
pub(crate) const RELEASE: &str = "/release";

/// Where the keys are published.
pub(crate) const KEYS: &str = "/.well-known/jwks.json";

/// A wish for a nonce.
pub(crate) fn challenge_request() -> Vec<u8> {
    ChallengeRequest {}.write()
}

/// The nonce, and the gate's clock.
pub(crate) fn challenge(body: &[u8]) -> Result<([u8; 32], Timestamp), GateError> {
    let challenge = Challenge::read(body).map_err(unreadable)?;
    let time = challenge.service_time.as_str().parse();
    let time = time.map_err(|_| GateError::Answer {
        reason: "its clock shows no instant".to_owned(),
    })?;
    Ok((challenge.nonce.0, time))
}

/// Evidence to be appraised.
pub(crate) fn attest_request(
    nonce: &[u8; 32],
    evidence: Evidence,
    public_key: &[u8; 32],
    policy: &Name,
    audience: Option<&Audience>,
) -> Result<Vec<u8>, GateError> {
    let format = match evidence.format {
        EvidenceFormat::DcapQuote => gate::EvidenceFormat::DcapQuote,
        format => {
            return Err(GateError::Setting {
                setting: "evidence",
                reason: format!("no gate takes {format} yet"),
            });
        }
    };
    let quote = Quote::new(evidence.bytes).map_err(|error| GateError::Setting {
        setting: "evidence",
        reason: error.to_string(),
    })?;
    let request = AttestRequest {
        nonce: Octets(*nonce),
        evidence: gate::Evidence { format, quote },
        public_key: X25519Jwk(Octets(*public_key)),
        policy: policy.clone(),
        audience: audience.cloned(),
    };
    Ok(request.write())
}

/// The token of an answer.
pub(crate) fn token(body: &[u8]) -> Result<TokenText, GateError> {
    AttestAnswer::read(body)
        .map(|answer| answer.token)
        .map_err(unreadable)
}

/// A wish for a secret.
pub(crate) fn release_request(token: &TokenText, secret: &Name) -> Vec<u8> {
    let request = ReleaseRequest {
        token: token.clone(),
        secret: secret.clone(),
    };
    request.write()
}

/// The sealed secret of an answer.
pub(crate) fn released(body: &[u8], secret: &Name) -> Result<Sealed, GateError> {
    let answer = ReleaseAnswer::read(body).map_err(unreadable)?;
    if answer.secret != *secret {
        return Err(GateError::Answer {
            reason: format!("it gives {} instead of {secret}", answer.secret),
        });
    }
    Ok(Sealed {
        enc: answer.enc.0,
        ciphertext: answer.ciphertext,
    })
}

fn unreadable(error: gate::GateError) -> GateError {
    GateError::Answer {
        reason: error.to_string(),
    }
}
