//! Whether the gate's token is genuine, and about this attestation.

use bulla_pki::Timestamp;
use bulla_protocol::gate::{Audience, Name, TokenText};
use bulla_token::{Claims, KeySet};

use crate::error::GateError;

/// How many seconds the clocks of gate and client may differ before a new token seems to come from
/// the future: far more than time servers leave, far less than a token lasts.
const LEEWAY: u32 = 60;

/// What the token must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    /// Absent where the token is for its issuer.
    pub(crate) audience: Option<&'a Audience>,
    pub(crate) policy: &'a Name,
    pub(crate) nonce: &'a [u8; 32],
    pub(crate) public_key: &'a [u8; 32],
}

/// The claims of a token that was made for this very attestation.
pub(crate) fn verify(
    token: &TokenText,
    keys: &KeySet,
    expected: &Expected<'_>,
    at: Timestamp,
) -> Result<Claims, GateError> {
    let audience = expected.audience.map(Audience::as_str);
    let terms = bulla_token::Expected {
        issuer: expected.issuer,
        audience: audience.unwrap_or(expected.issuer),
        at,
        leeway_seconds: LEEWAY,
    };
    let claims = bulla_token::verify(token.as_str(), keys, &terms)?;
    let reason = match &claims {
        claims if claims.cnf.jwk.0.0 != *expected.public_key => "it names another key",
        claims if claims.eat_nonce.0 != *expected.nonce => "it answers another nonce",
        claims if claims.bulla.policy.name != expected.policy.as_str() => {
            "it was made under another policy"
        }
        _ => return Ok(claims),
    };
    Err(GateError::OtherToken { reason })
}

/// The keys of a JWKS.
pub(crate) fn keys(text: &[u8]) -> Result<KeySet, bulla_token::JwksError> {
    KeySet::from_jwks(text)
}
