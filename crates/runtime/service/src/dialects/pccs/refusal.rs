//! Why nothing is answered, in the words of the dialect.

use bulla_protocol::pccs::{Reason, Refusal, Version, cause};
use bulla_store::StoreError;

use crate::fleet::NoCertificate;
use crate::keeper::{Absent, COME_AGAIN};

/// A document is not there.
pub(in crate::dialects) fn absent(version: Version, absent: &Absent) -> Refusal {
    let refusal = match absent {
        Absent::Missing(_) => Refusal::new(Reason::NoCacheData),
        Absent::Gone(_) => Refusal::new(match version {
            Version::V3 => Reason::Version3Ended,
            Version::V4 => Reason::NumberGone,
        }),
        Absent::Expired { retry_after, .. } => Refusal::new(Reason::Unavailable)
            .coded(cause::EXPIRED)
            .retry_after(*retry_after),
        Absent::Unavailable { retry_after, .. } => {
            Refusal::new(Reason::Unavailable).retry_after(*retry_after)
        }
    };
    refusal.because(&absent.to_string())
}

/// The store does not answer. What the disk says is for the operator, who has it in the log.
pub(in crate::dialects) fn no_store(error: &StoreError) -> Refusal {
    match error {
        StoreError::Unreachable { .. } => Refusal::new(Reason::Unavailable).retry_after(COME_AGAIN),
        _ => Refusal::new(Reason::Internal),
    }
}

/// A certificate is not there.
pub(in crate::dialects) fn no_certificate(error: &NoCertificate) -> Refusal {
    let refusal = match error {
        NoCertificate::PlatformUnknown => Refusal::new(Reason::PlatformUnknown),
        NoCertificate::NotStored => Refusal::new(Reason::NoCacheData),
        NoCertificate::IssuerRevoked => {
            Refusal::new(Reason::NoCacheData).coded(cause::ISSUER_REVOKED)
        }
        NoCertificate::PpidMissing => {
            Refusal::new(Reason::InvalidRequest).coded(cause::PLATFORM_KEY_MISSING)
        }
        NoCertificate::PpidEmpty => {
            Refusal::new(Reason::NoCacheData).coded(cause::PLATFORM_KEY_MISSING)
        }
        NoCertificate::TcbTooLow => Refusal::new(Reason::NoCacheData).coded(cause::TCB_TOO_LOW),
        NoCertificate::Selection(_) => {
            Refusal::new(Reason::NoCacheData).coded(cause::CERTIFICATES_CONTRADICT)
        }
        NoCertificate::Refused { .. } => Refusal::new(Reason::IntegrityFailed),
        NoCertificate::UpstreamInvalid(_) => Refusal::new(Reason::Unavailable)
            .coded(cause::UPSTREAM_INVALID)
            .retry_after(COME_AGAIN),
        NoCertificate::Absent(why) => return absent(Version::V4, why),
        NoCertificate::Store(error) => return no_store(error),
    };
    refusal.because(&error.to_string())
}

/// A platform could not be registered. Here whoever asks has a token, and can be told that it was
/// the vendor who gave no answer.
pub(super) fn not_registered(error: &NoCertificate) -> Refusal {
    match error {
        NoCertificate::Absent(Absent::Missing(_)) => Refusal::new(Reason::NoCacheData)
            .coded(cause::UPSTREAM_HAS_NONE)
            .because(&error.to_string()),
        NoCertificate::Absent(Absent::Unavailable { retry_after, .. }) => {
            Refusal::new(Reason::UpstreamFailed)
                .retry_after(*retry_after)
                .because(&error.to_string())
        }
        NoCertificate::UpstreamInvalid(_) | NoCertificate::Refused { .. } => {
            Refusal::new(Reason::UpstreamFailed)
                .coded(cause::UPSTREAM_INVALID)
                .retry_after(COME_AGAIN)
                .because(&error.to_string())
        }
        _ => no_certificate(error),
    }
}
