//! What can be asked of the gate.

use serde::{Deserialize, Serialize};

use super::value::{Instant, Name, Nonce, Quote, SecretValue, Sha256, TokenText, X25519Jwk};
use super::{
    GateError, MAX_ATTEST_SIZE, MAX_CHALLENGE_SIZE, MAX_PLATFORMS, MAX_RELEASE_SIZE,
    MAX_SECRET_SPEC_SIZE, form, limited,
};

/// A body that is read from bytes, strictly and within its limit.
pub trait Request: Sized + Serialize + for<'de> Deserialize<'de> {
    /// Longest body, in bytes.
    const MAX_SIZE: usize;

    /// The request of this body.
    fn read(body: &[u8]) -> Result<Self, GateError> {
        limited(body, Self::MAX_SIZE)?;
        object(body)?;
        serde_json::from_slice(body).map_err(|error| form(&error))
    }

    /// The request as it goes onto the wire.
    fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are JSON")
    }
}

/// That a body is an object: a list of the members' values would be read as well.
fn object(body: &[u8]) -> Result<(), GateError> {
    match body.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        _ => Err(GateError::Form("it is no object".to_owned())),
    }
}

/// A wish for a nonce. The body is empty, or an object without members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say")]
pub struct ChallengeRequest {}

impl Request for ChallengeRequest {
    const MAX_SIZE: usize = MAX_CHALLENGE_SIZE;

    fn read(body: &[u8]) -> Result<Self, GateError> {
        limited(body, Self::MAX_SIZE)?;
        if body.is_empty() {
            return Ok(Self {});
        }
        object(body)?;
        serde_json::from_slice(body).map_err(|error| form(&error))
    }
}

/// Evidence that is to be appraised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the interface's members")]
pub struct AttestRequest {
    /// The nonce that the evidence is bound to.
    pub nonce: Nonce,
    /// The evidence.
    pub evidence: Evidence,
    /// The key that the evidence is bound to, and that the result will name.
    pub public_key: X25519Jwk,
    /// Name of the policy to appraise under.
    pub policy: Name,
    /// For whom the result is; absent: for the service's own audience.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub audience: Option<Audience>,
}

impl Request for AttestRequest {
    const MAX_SIZE: usize = MAX_ATTEST_SIZE;
}

/// Evidence of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the interface's members")]
pub struct Evidence {
    /// Which kind.
    pub format: EvidenceFormat,
    /// The quote.
    pub quote: Quote,
}

/// The kinds of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EvidenceFormat {
    /// A quote of SGX or TDX (Intel DCAP), version 3 to 5.
    #[serde(rename = "dcap-quote")]
    DcapQuote,
}

/// A wish for a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the interface's members")]
pub struct ReleaseRequest {
    /// The result of an appraisal.
    pub token: TokenText,
    /// Name of the secret.
    pub secret: Name,
}

impl Request for ReleaseRequest {
    const MAX_SIZE: usize = MAX_RELEASE_SIZE;
}

/// A secret that an administrator hands over, with its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the interface's members")]
pub struct SecretSpec {
    /// Name of the policy under which it is released.
    pub policy: Name,
    /// The secret.
    pub value: SecretValue,
    /// How often it is released at most, from 1; absent: without end.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub times: Option<std::num::NonZeroU32>,
    /// Last second at which it is released; absent: without end.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub until: Option<Instant>,
    /// The platforms it is released to, by SHA-256 of their PPIDs, 1 to 1024; absent: to any.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub platforms: Option<Platforms>,
}

impl Request for SecretSpec {
    const MAX_SIZE: usize = MAX_SECRET_SPEC_SIZE;
}

/// For whom a result is: 1 to 256 visible characters of ASCII, usually an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Audience(String);

impl Audience {
    /// Longest text, in bytes: an address.
    pub const MAX_SIZE: usize = 256;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Audience {
    type Error = crate::value::ValueError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        use crate::value::ValueError;
        match text.len() {
            0 => Err(ValueError::Empty),
            size if size > Self::MAX_SIZE => Err(ValueError::TooLong {
                size,
                limit: Self::MAX_SIZE,
            }),
            _ if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Self(text)),
            _ => Err(ValueError::Word("visible characters of ASCII")),
        }
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> Self {
        audience.0
    }
}

/// 1 to 1024 platforms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Sha256>", into = "Vec<Sha256>")]
pub struct Platforms(Vec<Sha256>);

impl Platforms {
    /// SHA-256 of their PPIDs.
    pub fn as_slice(&self) -> &[Sha256] {
        &self.0
    }
}

impl TryFrom<Vec<Sha256>> for Platforms {
    type Error = crate::value::ValueError;

    fn try_from(platforms: Vec<Sha256>) -> Result<Self, Self::Error> {
        use crate::value::ValueError;
        match platforms.len() {
            0 => Err(ValueError::Empty),
            size if size > MAX_PLATFORMS => Err(ValueError::TooLong {
                size,
                limit: MAX_PLATFORMS,
            }),
            _ => Ok(Self(platforms)),
        }
    }
}

impl From<Platforms> for Vec<Sha256> {
    fn from(platforms: Platforms) -> Self {
        platforms.0
    }
}

/// A member that may be absent, but is not `null` where it stands.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
