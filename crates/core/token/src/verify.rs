//! Whether a token counts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_pki::{Signature, Timestamp};
use serde::Deserialize;

use crate::MAX_TOKEN_SIZE;
use crate::claims::Claims;
use crate::key_set::{KeySet, KeyState};

/// What a token must say to count.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever verifies must say all of it"
)]
pub struct Expected<'a> {
    /// Who must have issued it.
    pub issuer: &'a str,
    /// For whom it must be.
    pub audience: &'a str,
    /// The instant to judge by.
    pub at: Timestamp,
    /// How many seconds a token may seem to come from the future, because two clocks differ. The
    /// end is not moved.
    pub leeway_seconds: u32,
}

/// Why a token does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than any token.
    #[error("{size} bytes are too long for a token (at most {MAX_TOKEN_SIZE})")]
    TooLong {
        /// Size found, in bytes.
        size: usize,
    },
    /// Not three parts, or the first is no header of ours.
    #[error(
        "not a token: it is not three parts of base64url, or its header has other members than `alg`, `kid` and `typ`"
    )]
    Malformed,
    /// The header names another algorithm than ES256, or none.
    #[error("the token is not signed with ES256")]
    AlgorithmNotAccepted,
    /// The header names no key, or one that is not in the set.
    #[error("the token is signed with a key that is not published; fetch the keys anew")]
    KeyUnknown,
    /// The key was withdrawn.
    #[error("the token is signed with a key that was withdrawn; attest again")]
    KeyWithdrawn,
    /// The key was retired, and its last token has ended.
    #[error("the token is signed with a key whose last token ended at {until}; attest again")]
    KeyEnded {
        /// Last second at which one counted.
        until: Timestamp,
    },
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    SignatureInvalid,
    /// It is signed, and its claims are none of ours.
    #[error("the token's claims are not those of an attestation result of this version")]
    ClaimsMalformed,
    /// Another issuer.
    #[error("the token is issued by `{actual}`, and `{expected}` is expected")]
    IssuerMismatch {
        /// Who should have issued it.
        expected: String,
        /// Who did.
        actual: String,
    },
    /// Another audience.
    #[error("the token is for `{actual}`, and `{expected}` is expected")]
    AudienceMismatch {
        /// For whom it should be.
        expected: String,
        /// For whom it is.
        actual: String,
    },
    /// It has ended.
    #[error("the token ended at {end}, and it is {at}; attest again")]
    Expired {
        /// First second at which it does not count.
        end: Timestamp,
        /// The instant judged by.
        at: Timestamp,
    },
    /// It does not count yet.
    #[error("the token counts from {begin} on, and it is {at}; look at the clocks")]
    NotYetValid {
        /// First second at which it counts.
        begin: Timestamp,
        /// The instant judged by.
        at: Timestamp,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
}

/// The claims of a token that counts: signed with ES256 under a key of the set that signs, will
/// sign, or did and is not withdrawn; from this issuer, for this audience, at this instant.
///
/// Nothing that a token says is looked at before its signature holds, but for the name of the key;
/// what the header says of the algorithm is compared and never followed.
pub fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    if token.len() > MAX_TOKEN_SIZE {
        return Err(TokenError::TooLong { size: token.len() });
    }
    let parts = Parts::of(token).ok_or(TokenError::Malformed)?;
    let header = parts.header().ok_or(TokenError::Malformed)?;
    if header.alg != "ES256" {
        return Err(TokenError::AlgorithmNotAccepted);
    }
    let key = header.kid.and_then(|id| keys.find(&id));
    let key = key.ok_or(TokenError::KeyUnknown)?;
    match key.state() {
        KeyState::Withdrawn => return Err(TokenError::KeyWithdrawn),
        KeyState::Retired { until } if until < expected.at => {
            return Err(TokenError::KeyEnded { until });
        }
        KeyState::Published | KeyState::Current | KeyState::Retired { .. } => {}
    }

    let signature = parts.signature().ok_or(TokenError::SignatureInvalid)?;
    key.key()
        .verify(parts.signed.as_bytes(), &signature)
        .map_err(|_| TokenError::SignatureInvalid)?;
    let claims = parts.claims().ok_or(TokenError::ClaimsMalformed)?;
    check(&claims, expected)?;
    Ok(claims)
}

/// A JWS in compact form (RFC 7515, section 3.1): header, payload and signature in base64url
/// without padding, between them dots.
struct Parts<'a> {
    /// What is signed: header and payload with the dot between them, as they came.
    signed: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        (!payload.contains('.')).then_some(Self {
            signed,
            header,
            payload,
            signature,
        })
    }

    fn header(&self) -> Option<Header> {
        let text = URL_SAFE_NO_PAD.decode(self.header).ok()?;
        let header: Header = serde_json::from_slice(&text).ok()?;
        match header.typ.as_deref() {
            None | Some("JWT") => Some(header),
            Some(_) => None,
        }
    }

    /// r then s, 32 bytes each (RFC 7518, section 3.4).
    fn signature(&self) -> Option<Signature> {
        let bytes = URL_SAFE_NO_PAD.decode(self.signature).ok()?;
        Signature::from_fixed(bytes.as_slice().try_into().ok()?).ok()
    }

    fn claims(&self) -> Option<Claims> {
        let text = URL_SAFE_NO_PAD.decode(self.payload).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), TokenError> {
    let at = expected.at;
    if claims.iss != expected.issuer {
        return Err(TokenError::IssuerMismatch {
            expected: expected.issuer.to_owned(),
            actual: claims.iss.clone(),
        });
    }
    if claims.aud != expected.audience {
        return Err(TokenError::AudienceMismatch {
            expected: expected.audience.to_owned(),
            actual: claims.aud.clone(),
        });
    }
    if at >= claims.exp {
        let end = claims.exp;
        return Err(TokenError::Expired { end, at });
    }
    let begin = claims.nbf.max(claims.iat);
    if at.saturating_add(expected.leeway_seconds.into()) < begin {
        return Err(TokenError::NotYetValid { begin, at });
    }
    Ok(())
}
