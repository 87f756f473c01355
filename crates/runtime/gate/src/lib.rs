//! The client's side of the gate: evidence of where a program runs, and what that opens.
//!
//! An [`EvidenceProvider`] has the platform sign who it is; [`ConfigfsTsm`] is the one of guests of
//! TDX and SEV-SNP on Linux. No provider here makes simulated evidence.
#![forbid(unsafe_code)]

mod configfs;
mod evidence;

pub use configfs::{ATTEMPTS, ConfigfsTsm, Files, MAX_BLOB_SIZE, SystemFiles, TSM_REPORTS};
pub use evidence::{Evidence, EvidenceError, EvidenceFormat, EvidenceProvider, REPORT_DATA_SIZE};
