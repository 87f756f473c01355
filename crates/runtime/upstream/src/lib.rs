//! Whom the service asks for documents: the vendor, another cache, a directory.
//!
//! [`Upstreams`] is an ordered list; a question goes to the first that can answer it acceptably.
//! What comes back is examined by whoever asks, before an answer counts: an upstream that lies is
//! passed over like one that is down.
#![forbid(unsafe_code)]

/// Why no upstream gave an acceptable answer: of several reasons the one that says most, in the
/// order of the variants from last to first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No upstream can be reached, or none answers as it should; it may in a while.
    #[error("no upstream answers: {reason}")]
    Unavailable {
        /// What each of them did, for the operator.
        reason: String,
        /// Seconds after which asking again may help; absent where nobody said.
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
    },
}
