//! What the service remembers.
//!
//! Six ports, each small: [`Documents`] keeps every issue of the vendor's documents, [`Fleet`]
//! the platforms, [`Governance`] what the operator decided, [`Secrets`] what the gate releases,
//! [`Audit`] who did what, [`Nodes`] what
//! several nodes owe each other. [`Store`] has all six, over embedded SQLite or, with the feature
//! `postgres`, over a database that several nodes share. Calls block, for as long as a disk or a
//! network takes; what was acknowledged survives a power failure.
//!
//! Nothing is checked here: what comes in was verified before. Beside the store, [`pccs_database`] reads
//! the database of Intel's cache for whoever takes it over.
#![forbid(unsafe_code)]

pub mod audit;
pub mod documents;
mod encoding;
pub mod error;
pub mod fleet;
pub mod governance;
pub mod nodes;
pub mod pccs_database;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod secrets;
mod sql;
mod sqlite;
mod store;

pub use audit::Audit;
pub use documents::Documents;
pub use error::StoreError;
pub use fleet::Fleet;
pub use governance::Governance;
pub use nodes::Nodes;
pub use secrets::Secrets;
#[cfg(feature = "postgres")]
pub use sql::Copied;
pub use sql::{Checked, Pruned, Retention};
pub use store::Store;

/// What a call to a store gives.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Under which trust anchor something holds: SHA-256 of the root's public key, an uncompressed
/// point of 65 bytes. Documents and platforms of different anchors never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnchorId(
    /// The digest.
    pub [u8; 32],
);
