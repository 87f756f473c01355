//! A verdict and a policy to a decision.
//!
//! A verdict says what is true about evidence; a [`Policy`] says what its owner demands;
//! [`appraise`] holds the one against the other. It depends on nothing else: the instant is the
//! verdict's own, so that any decision can be made again later with the same outcome.
//!
//! Evidence is accepted only when verification succeeded and nothing is refused, and a
//! [`Decision`] names every reason, not only the first.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod baseline;
pub mod decision;
pub mod policy;

mod appraise;
mod place;

pub use appraise::{appraise, appraise_under};
pub use baseline::Demand;
pub use decision::{Appraisal, Decision, Finding, Reason, Severity};
pub use place::TomlPlace;
pub use policy::{DOCUMENT_NAMES, Policy, PolicyError, ValueError};
