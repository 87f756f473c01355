//! Azure's Trusted Hardware Identity Management (THIM), as its client (Azure-DCAP-Client 1.13.1)
//! asks it for SGX and TDX.
//!
//! A request is read in two steps, as with [`pccs`](crate::pccs): [`Route::read`] takes method and
//! path, [`Route::request`] the query. Nothing here takes a token or has a body. Refusals are those
//! of Intel's cache, as nobody has described Azure's.
//!
//! ```
//! use bulla_protocol::pcs::{Selection, Tee};
//! use bulla_protocol::thim::{Request, Route};
//!
//! let route = Route::read("GET", "/sgx/certification/v4/tcb")?;
//! // tcbEvaluationDataNumber=14;region=us central
//! let number = "dGNiRXZhbHVhdGlvbkRhdGFOdW1iZXI9MTQ7cmVnaW9uPXVzIGNlbnRyYWwA";
//! let query = format!("fmspc=00906ed50000&customParameter={number}&clientid=a");
//! assert_eq!(
//!     route.request(&query)?,
//!     Request::TcbInfo {
//!         tee: Tee::Sgx,
//!         fmspc: "00906ED50000".parse()?,
//!         version: 3,
//!         selection: Selection::Number(14),
//!     }
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What that client was measured to need, whoever answers has to give:
//!
//! - every answer but the PCK certificate carries `Cache-Control` with `max-age` from 1 to
//!   [`LONGEST_AGE`]; without it the client fails, beyond it the client keeps nothing;
//! - the PCK certificate is JSON with all four keys in their exact case ([`PckCertificate`]); where
//!   one is missing, the client's process aborts;
//! - TCB info carries its chain under both names;
//! - no header is empty, and the protocol is HTTP/1.1 or later.

mod certificate;
mod crl_place;
mod custom_parameter;
#[cfg(test)]
mod properties;
mod request;
mod route;
#[cfg(test)]
mod tests;

pub use certificate::PckCertificate;
pub use crl_place::CrlPlace;
pub use request::Request;
pub use route::{Operation, Route};

/// The longest `max-age` that the client keeps an answer for, in seconds.
pub const LONGEST_AGE: u32 = 86_400;
