//! Why a gate gives nothing.

use bulla_pki::hpke::HpkeError;
use bulla_token::TokenError;

use crate::attested::Ended;
use crate::evidence::EvidenceError;

/// Why there is no attestation, or no secret.
///
/// Three kinds, with three consequences: a refusal ([`Self::is_refusal`]) is the gate's decision; what
/// may pass ([`Self::may_pass`]) can be asked again; all else wants somebody to look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// A setting that cannot be used.
    #[error("{setting}: {reason}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The platform gave no evidence.
    #[error("no evidence: {0}")]
    Evidence(#[from] EvidenceError),
    /// The gate cannot be reached.
    #[error("the gate cannot be asked: {reason}; check its address, and that it runs")]
    Unreachable {
        /// What happened on the way.
        reason: String,
    },
    /// The gate answers that it cannot decide now: collateral is missing, or too many ask.
    #[error("the gate cannot decide now: {reason}")]
    Unavailable {
        /// What it says.
        reason: String,
        /// Seconds after which it wants to be asked again; absent where it does not say.
        retry_after: Option<u32>,
    },
    /// The gate refuses.
    #[error("the gate refuses ({code}): {reason}")]
    Refused {
        /// Its name for the reason, stable.
        code: String,
        /// What it says, with every finding about the evidence.
        reason: String,
    },
    /// What answers is no gate, or one of another version.
    #[error("this is no answer of a gate: {reason}; check its address")]
    Answer {
        /// What is wrong with the answer.
        reason: String,
    },
    /// The gate's token does not verify.
    #[error("the token of the gate does not verify: {0}")]
    Token(#[from] TokenError),
    /// The gate's token is not about this attestation.
    #[error("the token of the gate is not about this attestation: {reason}")]
    OtherToken {
        /// What differs.
        reason: &'static str,
    },
    /// A key could not be made, or a secret is not sealed to it.
    #[error("{subject}: {source}")]
    Key {
        /// Whose: the name of a secret, or the key's own purpose.
        subject: String,
        /// What the library says.
        source: HpkeError,
    },
    /// The appraisal has ended.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// The attestation was not renewed before it was to end.
    #[error("the gate did not answer before the attestation ended")]
    Late,
    /// There is no time to judge by.
    #[error("the clock is before 1970 or after 9999; set it")]
    Clock,
    /// A provider of evidence ended without an answer.
    #[error("the provider of evidence failed: {reason}")]
    Provider {
        /// How it ended.
        reason: String,
    },
}

impl GateError {
    /// Whether the gate has decided: asking again without a change would end likewise.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Whether asking again may help.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Unavailable { .. }
                | Self::Evidence(
                    EvidenceError::Busy { .. }
                        | EvidenceError::Interfered { .. }
                        | EvidenceError::OtherData { .. }
                        | EvidenceError::Throttled { .. }
                )
        )
    }

    /// The gate's name for the reason of a refusal; `None` where it did not refuse.
    pub fn refusal_code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}
