//! Baselines: which TCB level is mandatory, for whom and from when on.
//!
//! The vendor publishes a TCB level on its own day; the operator enforces it on his. Four kinds of
//! objects say how. A [`Baseline`] is what must be reached, a [`Ring`] who follows, a [`Rollout`]
//! from when on a ring follows a baseline, an [`Exception`] an open advisory that is tolerated until
//! a day. [`Governance`] has all that was decided, and when; what is demanded of a ring at an instant
//! ([`Governance::in_force`]) is a function of that and of the instant, so that a rollout takes
//! effect without anybody doing anything, and any past decision can be made again.
//!
//! Without any object there is one ring, [`Name::DEFAULT_RING`], with the baseline
//! [`Name::STANDARD`]: the number that the vendor enforces, and `UpToDate`.

mod demand;
mod difference;
mod governance;
mod name;
mod number;
mod objects;
mod planning;
pub mod preview;
mod refusal;
mod requirement;
mod state;

pub use demand::Demand;
pub use governance::{Applied, Governance};
pub use name::{FamilyName, Name};
pub use number::Number;
pub use objects::{Changes, Exception, Group, Hold, Removals, Ring, Rollout};
pub use planning::{KnownNumbers, Plan};
pub use refusal::{Refusal, Refused};
pub use requirement::{Baseline, Floor, Requirement, Requirements};
pub use state::{Phase, State};

/// The technologies that a baseline tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the vendor has these two")]
pub enum Technology {
    /// SGX enclaves.
    Sgx,
    /// Trust domains.
    Tdx,
}

impl Technology {
    /// `sgx` or `tdx`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sgx => "sgx",
            Self::Tdx => "tdx",
        }
    }
}
