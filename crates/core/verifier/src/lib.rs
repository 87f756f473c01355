//! Evidence, collateral and an instant to a verdict: Intel's DCAP verification procedure, strictly.
//!
//! One procedure at three speeds, with the same verdict from each:
//!
//! * [`verify`], *cold*: bytes in, verdict out;
//! * [`PreparedCollateral::verify`], *prepared*: the collateral was verified once;
//! * [`KnownPlatforms::verify`], *known*: the platform was seen before under this collateral.
//!
//! Verification finds out what is true. Whether that is good enough is for the appraisal to say: a
//! verdict may be `Ok` for an enclave in debug mode on a platform that is out of date, judged by
//! expired documents; it says so, and the default policy refuses all three.
//!
//! Everything is pure: trust anchors, collateral and time are arguments.
#![forbid(unsafe_code)]
#![deny(
    clippy::exhaustive_enums,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used))]

pub mod arrival;
mod chain;
mod document;
pub mod finding;
mod issuance;
mod known;
mod pck;
mod prepare;
mod procedure;
mod qe;
#[cfg(test)]
mod simulated;
mod tcb;
pub mod verdict;

use std::sync::Arc;

use bulla_collateral::CollateralSet;
use bulla_pki::{Timestamp, TrustAnchors};

pub use bulla_collateral::PckCa;
pub use finding::{Code, Finding, Severity, Stage};
pub use known::KnownPlatforms;
pub use prepare::PreparedCollateral;
pub use tcb::{NoLevel, ReportedTcb};
pub use verdict::{
    CollateralFacts, DocumentFacts, DocumentKind, EvidenceFacts, OwnedBody, PlatformFacts,
    ReachedLevel, TcbFacts, Verdict, Verification,
};

/// The verdict on `quote` with `collateral` at the instant `at`, everything checked from bytes.
///
/// `quote` is the binary form. Zero bytes behind it are accepted with a note, as interfaces of
/// fixed size add them; a caller that expects anything else there passes
/// [`Quote::encoded`](bulla_evidence::Quote::encoded).
pub fn verify(
    quote: &[u8],
    collateral: &CollateralSet,
    anchors: &TrustAnchors,
    at: Timestamp,
) -> Verdict {
    PreparedCollateral::new(collateral, anchors).verify(quote, at)
}

impl PreparedCollateral {
    /// The verdict on `quote` at the instant `at`.
    pub fn verify(&self, quote: &[u8], at: Timestamp) -> Verdict {
        procedure::verify(quote, self, at, |quote| {
            Arc::new(pck::check(quote.auth(), self))
        })
    }
}
