//! The client's side of the gate: evidence of where a program runs, and what that opens.
//!
//! An [`EvidenceProvider`] has the platform sign who it is; [`ConfigfsTsm`] is the one of guests of
//! TDX and SEV-SNP on Linux, [`Gramine`] that of enclaves of SGX. No provider here makes simulated evidence. A [`Client`] attests with it
//! at a gate, and has secrets released; [`blocking::Client`] does the same for programs that wait in
//! their threads. What comes of it is [`Attested`]: it exists only as the result of a successful
//! appraisal, and ends with it.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bulla_gate::{ConfigfsTsm, Settings, blocking::Client};
//!
//! let settings = Settings::new("https://gate.test.example", "payroll");
//! let client = Client::new(settings, Arc::new(ConfigfsTsm::default()))?;
//! let attestation = client.attest()?;
//! let key = client.release(&attestation, "database")?;
//! println!("{} bytes", key.get()?.len());
//! # Ok::<(), bulla_gate::GateError>(())
//! ```
#![forbid(unsafe_code)]

mod attested;
pub mod blocking;
mod client;
mod configfs;
mod error;
mod evidence;
mod gramine;
mod http;
mod verify;
mod wire;

pub use attested::{Attested, Ended, OtherPolicy, Permission};
pub use client::{Attestation, Client, Settings, TokenKeys};
pub use configfs::{ATTEMPTS, ConfigfsTsm, Files, MAX_BLOB_SIZE, SystemFiles, TSM_REPORTS};
pub use error::GateError;
pub use evidence::{Evidence, EvidenceError, EvidenceFormat, EvidenceProvider, REPORT_DATA_SIZE};
pub use gramine::{GRAMINE_ATTESTATION, Gramine};
