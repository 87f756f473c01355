//! Archives: what a collection holds, in one signed file that crosses an air gap.
//!
//! An archive is a tar file (POSIX.1-1988, `ustar`) that any tool unpacks: a signature, a manifest in
//! JSON, then each document and each platform's certificates, with the issuer chains that they need.
//! [`Contents::seal`] writes one; [`Archive::read`] reads one, and refuses it for any bit that is not
//! as it was written.
//!
//! The manifest lists everything that there is, with digest and end. A whole archive carries all of
//! it; one that was made *since* another leaves out what that one listed.
//!
//! The signature says who put the archive together, and that it is whole. It does not say that a
//! document is genuine: whoever takes one checks the vendor's own signature, as of any other.
//!
//! Everything is pure: bytes, keys and instants are arguments.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod digest;
mod error;
mod manifest;
mod read;
mod seal;
mod signature;
mod tar;
#[cfg(test)]
mod tests;

pub use digest::Sha256;
pub use error::{ArchiveError, SealError};
pub use manifest::{Anchor, Base, DocumentRow, Manifest, Part, PlatformRow};
pub use read::{Archive, Item};
pub use seal::{Contents, Document, Platform};
pub use signature::key_sha256;

/// Largest archive, in bytes: 128 MiB. The documents of all of the vendor's families have 4 MiB; a
/// platform has a certificate for each of about twelve TCBs, 30 KB together, which leaves room for
/// four thousand platforms.
pub const MAX_SIZE: usize = 128 << 20;

/// Largest manifest, in bytes: 8 MiB, at 500 for each row.
pub const MAX_MANIFEST_SIZE: usize = 8 << 20;

/// Largest single file inside, in bytes: 1 MiB, as the largest document that is read anywhere. A
/// platform with the largest manifest of the vendor's grammar and a certificate for each of a hundred
/// TCBs has 400 KB.
pub const MAX_FILE_SIZE: usize = 1 << 20;

/// Most documents: the vendor has 50 families with two technologies and three numbers each.
pub const MAX_DOCUMENTS: usize = 4_096;

/// Most platforms.
pub const MAX_PLATFORMS: usize = 12_288;
