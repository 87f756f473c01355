//! The SGX and TDX processor as a model: measurement, initialisation, reports, keys, quotes.
//!
//! What instructions compute and refuse is here, as functions; nothing executes. Structures and
//! measurements are those of the hardware, byte for byte; the keys are the model's own, by
//! `MODEL-KDF v1` (see `kdf.rs`), from [`Fuses`] that no hardware has. Evidence ends under a root
//! that says it is simulated, and under no other.
//!
//! * [`Image`](sgxs::Image), [`Sigstruct`], [`EnclaveSigner`]: enclaves before they run;
//! * [`EnclaveBuild`], [`Enclave`]: `ECREATE`, `EADD`, `EEXTEND`, `EINIT`;
//! * [`Processor`]: `EREPORT`, `EGETKEY`, `EVERIFYREPORT2`, and sealing;
//! * [`TdBuild`], [`TrustDomain`]: the same for trust domains;
//! * [`Platform`]: a processor, its TDX module, and the enclaves that certify and quote.
//!
//! Everything is the same wherever it runs: what stands for random numbers follows from the fuses.
//!
//! ```
//! use bulla_issuer::{QuoteKind, Seed};
//! use bulla_processor::{EnclaveSigner, Fuses, Platform, SmallEnclave, Tcb, TdxModule, Workload};
//!
//! let fuses = Fuses::derive(&Seed::from(1), "a platform");
//! let tcb = Tcb {
//!     cpusvn: [7; 16],
//!     pcesvn: 13,
//!     qe_svn: 8,
//!     tdqe_svn: 4,
//!     tdx_module: TdxModule::new([5, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
//! };
//! let platform = Platform::new(fuses, tcb);
//! let enclave = SmallEnclave::new("an application").start(&EnclaveSigner::demonstration())?;
//! let pck = tcb.pck();
//! let quote = platform.attest(
//!     QuoteKind::SgxV3,
//!     Workload::Enclave(&enclave),
//!     [0; 64],
//!     pck,
//!     platform.ppid_clear(pck),
//! )?;
//! assert!(bulla_evidence::Quote::parse(&quote.write()).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! RSA here is for the simulation only: the library's private keys can be learnt by timing
//! (RUSTSEC-2023-0071). What is not checked against the manual is marked "unchecked".

#![forbid(unsafe_code)]

pub mod architectural;
pub mod sgxs;
pub mod structures;

mod derivation;
mod enclave;
mod error;
mod fuses;
mod kdf;
mod keys;
mod mac;
mod measurement;
mod platform;
mod processor;
mod provisioning;
mod random;
mod rsa_key;
mod sealing;
mod signer;
mod signer_key;
mod sigstruct;
mod small;
mod td;

#[cfg(test)]
mod properties;

pub use enclave::{Enclave, EnclaveBuild, Grants, StartParameters, xsave_size};
pub use error::{ErrorCode, Failure};
pub use fuses::{Fuses, FusesError};
pub use kdf::Key;
pub use measurement::Measurement;
pub use platform::{Downgrade, PckTcb, Platform, Tcb, Workload};
pub use processor::Processor;
pub use provisioning::{ProvisioningError, ProvisioningKey, ProvisioningPublicKey};
pub use sealing::UnsealError;
pub use signer::EnclaveSigner;
pub use signer_key::SignerKeyError;
pub use sigstruct::{SIGSTRUCT_SIZE, Sigstruct};
pub use small::SmallEnclave;
pub use td::{TD_CHUNK_SIZE, TdBuild, TdError, TdParameters, TdReportForm, TdxModule, TrustDomain};
