//! Whom the service asks for documents: the vendor, another cache, a directory.
//!
//! [`Upstreams`] is an ordered list; a question goes to the first that can answer it acceptably.
//! What comes back is examined by whoever asks, before an answer counts: an upstream that lies is
//! passed over like one that is down.
//!
//! Each upstream has one deadline for a question with everything in it, a number of attempts, a
//! number of questions at a time, and a circuit breaker; where it says when to come back
//! (`Retry-After`), it is left alone until then. [`SingleFlight`] lets equal questions share an
//! answer.
//!
//! Names of platforms travel to upstreams (encrypted PPIDs) and keys of customers to theirs;
//! neither stands in an error, a log or `Debug`.
#![forbid(unsafe_code)]

mod address;
mod backoff;
mod crl;
pub mod directory;
mod gate;
mod health;
mod http;
mod meaning;
mod mirror;
mod pccs;
mod pcs;
#[cfg(test)]
mod scripted;
pub mod settings;
mod single_flight;
mod source;
#[cfg(test)]
mod tests;
pub mod tls;
mod trouble;
mod upstream;
mod upstreams;

pub use gate::{
    Breaker, LONGEST_HOLD, OPEN_AT_MOST, OPEN_FOR, OPENS_AFTER, SHORTEST_HOLD, UNREADABLE_HOLD,
};
pub use health::{Counts, LastFailure, UpstreamHealth};
pub use mirror::{MIRRORED, Mirror};
pub use settings::{Kind, Proxy, SettingsError, UpstreamSettings};
pub use single_flight::SingleFlight;
pub use upstreams::{Supplied, Upstreams};

use bulla_protocol::pcs::ErrorCode;

/// Why no upstream gave an acceptable answer: of several reasons the one that says most.
///
/// What a source says (an upstream with the last word) ends the search and is the reason. Without
/// it [`Self::Refused`] comes first, then [`Self::Unavailable`]: a cache that has nothing
/// ([`Self::NotFound`], [`Self::Gone`]) is believed only where every other that was asked says so
/// too, since Intel's says 404 whenever the vendor does not answer it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No upstream can be reached, or none answers as it should; it may in a while. Also where
    /// none is set, or none of a kind that can be asked for this.
    #[error("no upstream answers: {reason}")]
    Unavailable {
        /// What each of them did, for the operator.
        reason: String,
        /// Seconds after which asking again may help; absent where one of them may be back at any
        /// time.
        retry_after: Option<u32>,
    },
    /// What came was refused by whoever asked.
    #[error("what the upstreams gave was refused: {reason}")]
    Refused {
        /// What was wrong with each, for the operator.
        reason: String,
    },
    /// An upstream says that this evaluation data number is no longer signed (410).
    #[error("{upstream} no longer has this evaluation data number")]
    Gone {
        /// Which upstream.
        upstream: String,
    },
    /// An upstream says that there is no such thing (404), or that the request is wrong (400).
    #[error("{upstream} has nothing of this name: {reason}")]
    NotFound {
        /// Which upstream.
        upstream: String,
        /// Its `Error-Code` and `Error-Message`, or its status.
        reason: String,
        /// Its name for what is wrong with the request; absent where it has none, and where it did
        /// not say that the request is wrong.
        error_code: Option<ErrorCode>,
    },
}
