//! Intel's Provisioning Certification Caching Service (PCCS 1.27), versions 3 and 4.
//!
//! A request is read in three steps, so that nobody's body is looked at before it is known who
//! sends it: [`Route::read`] takes method and path; [`Route::access`] says who may use that route;
//! [`Route::request`] reads query and body. What comes back is an [`Answer`] or a [`Refusal`], and
//! either is written for the version that was asked.
//!
//! ```
//! use bulla_protocol::pccs::{Access, Request, Route, RouteRules, Version};
//! use bulla_protocol::pcs::{Selection, Tee};
//!
//! let rules = RouteRules::default();
//! let route = Route::read("GET", "/sgx/certification/v4/TCB/", rules)?;
//! assert_eq!(route.access(), Access::Anybody);
//! let request = route.request("fmspc=00906ed50000&update=Early", None, b"")?;
//! assert_eq!(
//!     request,
//!     Request::TcbInfo {
//!         tee: Tee::Sgx,
//!         fmspc: "00906ED50000".parse()?,
//!         selection: Selection::Early,
//!     }
//! );
//! assert_eq!(
//!     request.write(Version::V4).target(),
//!     "/sgx/certification/v4/tcb?fmspc=00906ED50000&update=early"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Paths and words are read in any letter case, parameters of unknown names are ignored, and of
//! several of one name the first counts, as Intel's cache does. Where that cache does harm, bulla
//! differs: paths have one spelling but for letter case and one slash at the end; `GET` does not
//! refresh and `HEAD` drains nothing; `tcbEvaluationDataNumber` is honoured; every refusal says its
//! cause in `Error-Code` and `Error-Message`; 503 has no body, which Intel's client would take for
//! the beginning of the next answer's.

mod answer;
#[cfg(test)]
mod answer_tests;
mod collateral;
mod collateral_json;
pub(crate) mod crl_uri;
mod json_object;
mod platform;
mod policy;
#[cfg(test)]
mod properties;
pub(crate) mod query;
pub(crate) mod read;
mod refusal;
mod request;
mod route;
#[cfg(test)]
mod tests;
mod write;

pub use answer::Answer;
pub use collateral::{
    IdentityDocument, PlatformCertificates, PlatformCollateral, TcbInfoDocument, Update,
};
pub use crl_uri::{CrlTarget, CrlUri};
pub use json_object::JsonObject;
pub use platform::{ListedPlatform, PlatformIdentity, QeId, RegisteredPlatform};
pub use policy::{PolicyKind, SubmittedPolicy};
pub use refusal::{Reason, Refusal, cause};
pub use request::{CrlForm, Refresh, RefreshedDocuments, Request, Source, UpdateScope};
pub use route::{Access, Operation, Route, RouteRules, Version};

/// The header with the token of a user.
pub const USER_TOKEN: &str = "user-token";

/// The header with the token of an administrator.
pub const ADMIN_TOKEN: &str = "admin-token";

/// Longest query that is read, in bytes. A PCK certificate is asked for with 900; a `uri` of 2,048
/// characters has 6,144 when each is percent-encoded.
pub const MAX_QUERY_SIZE: usize = 8_192;

/// Longest body of `POST /platforms`, in bytes. The largest manifest has 112,884 digits, an
/// encrypted PPID 768, a name of a platform 260 characters of up to 6 bytes each.
pub const MAX_PLATFORM_BODY_SIZE: usize = 128 * 1024;

/// Longest body of `PUT /platformcollateral`, in bytes: TCB info of 44 families for both
/// technologies, standard and early, needs 2 MB, certificates 35 KB for each platform. Intel's
/// cache takes 2 MiB unless told otherwise.
pub const MAX_COLLATERAL_BODY_SIZE: usize = 32 * 1024 * 1024;

/// Longest body of `PUT /appraisalpolicy`, in bytes. A policy is a list of some hundred values,
/// twice encoded.
pub const MAX_POLICY_BODY_SIZE: usize = 256 * 1024;
