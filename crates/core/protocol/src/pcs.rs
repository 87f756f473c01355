//! Intel's Provisioning Certification Service, version 4.
//!
//! A [`Request`] is read from and written to what an HTTP library carries, and so is the
//! [`Response`] to it: [`Request::read`] and [`Response::write`] for whoever serves,
//! [`Request::write`] and [`Response::read`] for whoever asks.
//!
//! ```
//! use bulla_protocol::pcs::{Request, Selection, Tee};
//!
//! let request = Request::TcbInfo {
//!     tee: Tee::Tdx,
//!     fmspc: "00806F050000".parse()?,
//!     selection: Selection::Number(18),
//! };
//! let parts = request.write();
//! assert_eq!(
//!     parts.target(),
//!     "/tdx/certification/v4/tcb?fmspc=00806F050000&tcbEvaluationDataNumber=18"
//! );
//! assert_eq!(Request::read(parts)?, request);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What the vendor's description leaves open is decided so: parameters of unknown names are
//! ignored, known ones must not stand twice; paths and words count as written, letter case
//! included; a header or an answer that nobody described is not an error.

pub(crate) mod answer;
pub(crate) mod certificates;
mod endpoint;
mod error;
mod fmspcs;
mod parameters;
#[cfg(test)]
mod properties;
mod read;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod write;

pub use answer::{Answer, EncodedCrl, IssuedDocument, MembershipCertificates};
pub use certificates::PckCertificateEntry;
pub use endpoint::{Enclave, Endpoint, Tee};
pub use error::{ErrorCode, RequestError, ResponseError};
pub use fmspcs::{PlatformClass, PlatformFilter, SupportedPlatform};
pub use request::{CrlEncoding, CrlFile, PckCa, PlatformKey, Request, Selection, SubscriptionKey};
pub use response::{Refusal, Response};

/// Longest query that is read, in bytes. The longest known, with an encrypted PPID of 768 digits,
/// has 900; every character of it percent-encoded it has 2,700.
pub const MAX_QUERY_SIZE: usize = 4_096;

/// Longest body of a request that is read, in bytes. The largest manifest has 112,884 digits, and
/// some 100 bytes of JSON around them.
pub const MAX_REQUEST_BODY_SIZE: usize = 128 * 1024;

/// Longest body of an answer that is read, in bytes: a CRL of the largest size in PEM. All PCK
/// certificates of a platform, about 20 of 2.4 KB each, need 50,000.
pub const MAX_RESPONSE_BODY_SIZE: usize = crate::value::Pem::LONGEST;

/// Media types of bodies.
mod media_type {
    pub(super) const JSON: &str = "application/json";
    pub(super) const OCTETS: &str = "application/octet-stream";
    pub(super) const PEM: &str = "application/x-pem-file";
    pub(super) const CRL: &str = "application/pkix-crl";
    pub(super) const TEXT: &str = "text/plain";
}
