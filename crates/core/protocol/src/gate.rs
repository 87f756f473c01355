//! The gate's own routes: what stands in their requests and answers.
//!
//! | Route | Request | Answer |
//! |---|---|---|
//! | `POST /challenge` | nothing, or `{}` | [`Challenge`] |
//! | `POST /attest` | [`AttestRequest`] | [`AttestAnswer`], or a problem with [`RefusalFinding`]s |
//! | `POST /release` | [`ReleaseRequest`] | [`ReleaseAnswer`] |
//! | `PUT /gate/secrets` | [`SecretSpec`] | |
//!
//! Requests are read strictly: an unknown member is an error and not ignored, a value has the one
//! form that is written here, and what is longer than its limit is refused before it is decoded.
//! Answers are read by clients of any age, and there an unknown member is passed over.
//!
//! ```
//! use bulla_protocol::gate::{AttestRequest, GateError, Request};
//!
//! let request = AttestRequest::read(br#"{"nonce": "AAAA"}"#);
//! assert!(matches!(request, Err(GateError::Form(_))));
//! ```

mod answer;
mod request;
mod value;

#[cfg(test)]
mod tests;

pub use answer::{AttestAnswer, Challenge, RefusalFinding, ReleaseAnswer, ResultStatus};
pub use request::{
    AttestRequest, Audience, ChallengeRequest, Evidence, EvidenceFormat, Platforms, ReleaseRequest,
    Request, SecretSpec,
};
pub use value::{
    Instant, Key, Name, Nonce, Octets, Quote, SecretValue, Sha256, TokenText, X25519Jwk,
};

use crate::problem::Code;

/// Longest request to `/challenge`, in bytes: `{}` and space around it.
pub const MAX_CHALLENGE_SIZE: usize = 64;

/// Longest request to `/attest`, in bytes: the longest quote in base64, and names.
pub const MAX_ATTEST_SIZE: usize = 64 * 1024;

/// Longest quote that is decoded, in bytes. Those of today have 4 to 8 KiB; the interface of Linux
/// through which they come (configfs-tsm) hands out at most 32 KiB.
pub const MAX_QUOTE_SIZE: usize = 32 * 1024;

/// Longest request to `/release`, in bytes: a token and a name.
pub const MAX_RELEASE_SIZE: usize = 24 * 1024;

/// Longest token, in bytes: those of today have some 4 KiB; most servers take headers of 8 KiB, but
/// long lists of advisories need room.
pub const MAX_TOKEN_SIZE: usize = 16 * 1024;

/// Longest secret, in bytes: a private key or a configuration file, not data.
pub const MAX_SECRET_SIZE: usize = 64 * 1024;

/// Longest body with a secret, in bytes: the longest secret in base64, limits, platforms.
pub const MAX_SECRET_SPEC_SIZE: usize = 192 * 1024;

/// Most platforms that one secret can be limited to: a rack or a cluster, not a fleet.
pub const MAX_PLATFORMS: usize = 1024;

/// Longest answer of the gate that is read, in bytes: the longest secret in base64, and names.
pub const MAX_ANSWER_SIZE: usize = 128 * 1024;

/// Why a request or an answer is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// Longer than anything of its kind.
    #[error("{size} bytes are too long (at most {limit})")]
    TooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// Not the JSON that it should be; the text says what and where, and repeats no value.
    #[error("not the JSON that is expected: {0}")]
    Form(String),
}

/// The evidence was looked at and is not good enough; `findings` says why.
pub const ATTESTATION_REFUSED: Code = Code::known("attestation-refused");
/// The nonce was not issued here.
pub const NONCE_UNKNOWN: Code = Code::known("nonce-unknown");
/// The nonce was issued here and has ended.
pub const NONCE_EXPIRED: Code = Code::known("nonce-expired");
/// The nonce was used before.
pub const NONCE_USED: Code = Code::known("nonce-used");
/// The evidence is bound to another nonce or another key.
pub const BINDING_MISMATCH: Code = Code::known("binding-mismatch");
/// There is no policy of this name.
pub const POLICY_UNKNOWN: Code = Code::known("policy-unknown");
/// No secret is released; the operator's log says why.
pub const RELEASE_REFUSED: Code = Code::known("release-refused");

/// The text of an error of the JSON reader, without what stood there: it may have been secret.
fn form(error: &serde_json::Error) -> GateError {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a member is missing, unknown, twice, or wrong",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
    };
    GateError::Form(format!(
        "{kind} (line {}, column {})",
        error.line(),
        error.column()
    ))
}

fn limited(bytes: &[u8], limit: usize) -> Result<(), GateError> {
    if bytes.len() > limit {
        return Err(GateError::TooLong {
            size: bytes.len(),
            limit,
        });
    }
    Ok(())
}
