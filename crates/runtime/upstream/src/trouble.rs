//! Why one exchange gave no answer.

use bulla_protocol::pcs::Refusal;

/// Why one exchange gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing came back, or not all of it.
    Connection {
        /// What went wrong.
        reason: String,
        /// Whether the request may have arrived.
        sent: bool,
    },
    /// Any other status than success.
    Refusal {
        /// The refusal.
        refusal: Box<Refusal>,
        /// Whether `Retry-After` is there, in whichever form.
        says_when: bool,
    },
    /// An answer that is none to this request.
    Malformed(String),
}

impl Trouble {
    /// A refusal by somebody who says nothing about time.
    pub(crate) fn refusal(refusal: Refusal) -> Self {
        Self::Refusal {
            refusal: Box::new(refusal),
            says_when: false,
        }
    }
}
