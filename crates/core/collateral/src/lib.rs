//! The vendor's signed documents as types: TCB info, enclave identities, evaluation data numbers,
//! and the collateral set that one quote needs.
//!
//! Documents are read strictly from the text that was signed; a document that exists is well
//! formed. Whether its signature holds is the verifier's question.
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::exhaustive_enums,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

pub mod evaluation_numbers;
pub mod identity;
mod json;
pub mod levels;
pub mod pck_selection;
pub mod set;
pub mod set_json;
pub mod slot;
pub mod status;
pub mod tcb_info;

pub use evaluation_numbers::{EvaluationDataNumber, EvaluationDataNumbers};
pub use identity::{EnclaveId, EnclaveIdentity};
pub use json::{DocumentError, MAX_DOCUMENT_SIZE};
pub use levels::{IsvLevel, IsvLevels};
pub use pck_selection::{PckSelectionError, PckTcb};
pub use set::{CollateralSet, SignedKind, SignedText};
pub use set_json::{MAX_SET_SIZE, SetError};
pub use slot::{PckCa, Selector, Series, Slot, SlotError};
pub use status::{TcbStatus, UnknownTcbStatus};
pub use tcb_info::{
    ComponentName, TcbInfo, TcbInfoId, TcbLevel, TcbLevels, TdxModule, TdxModuleIdentity,
};
