//! A vendor in a box: platforms, collateral, events, and its web service.
//!
//! A [`Vendor`] is a value: a seed, a [`Charter`], a [`History`] of dated events and the platforms
//! it made. Every document it ever issued or will issue follows from these and an instant. Nothing
//! here passes for genuine: the names in every certificate say `SIMULATED`, an extension does, and
//! every FMSPC begins with `ff`.
#![forbid(unsafe_code)]

pub mod answer;
pub mod cadence;
mod certificates;
mod charter;
mod documents;
mod enclaves;
mod history;
mod levels;
mod manifest;
mod platform;
mod quote;
mod revocation;
mod sealing;
pub mod state;
mod tcb;
mod text;
mod vendor;
pub mod web;

pub use bulla_issuer::{PckCa, QuoteKind, Seed};
pub use bulla_processor::PckTcb;
pub use bulla_protocol::pcs::Selection;
pub use certificates::{PckCertificate, PckCertificates};
pub use charter::{Charter, PublicUrl, PublicUrlError};
pub use documents::{Absent, Issued};
pub use history::{
    Edition, Event, EventError, FIRST_NUMBER, History, Occurrence, Recovery, Revoked,
};
pub use levels::{Level, levels};
pub use manifest::{MANIFEST_SIZE, ManifestError};
pub use platform::{Platform, PlatformName, PlatformNameError, Registration};
pub use quote::{AttestError, Attested, Subject};
pub use revocation::IssuedCrl;
pub use state::{SeedSecret, StateDirectory, StateError};
pub use tcb::{ComponentNumber, Part, SvnExhausted, Svns, TDX_MODULE_MAJOR, UnknownPart};
pub use vendor::{Order, PLATFORM_FMSPC, PROCESSOR_FMSPC, PlatformError, Vendor};
