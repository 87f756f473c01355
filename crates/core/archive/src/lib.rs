//! Archives: what a collection holds, in one signed file that crosses an air gap.
//!
//! An archive is a tar file (POSIX.1-1988, `ustar`) of *volumes*, each of which is a tar file again:
//! a signature, a manifest in JSON, then documents and platforms' certificates, with the issuer chains
//! that they need. Any tool unpacks it. Each volume names the one before it by digest, and the last
//! says that it is, so that what its signer sealed is all there, in its order, or not an archive.
//! A fleet of any size is written by [`Sealing`] and read by [`Reading`] with one volume at hand.
//!
//! The manifests list everything that there is, with digest and end. A whole archive carries all of
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
mod platform;
mod reading;
mod seal;
mod signature;
mod tar;
#[cfg(test)]
mod tests;
mod volume;

pub use digest::Sha256;
pub use error::{ArchiveError, SealError};
pub use manifest::{Anchor, Base, DocumentRow, Manifest, Part};
pub use platform::{PlatformName, PlatformRow};
pub use reading::{HEADER_SIZE, Next, Reading, Whole};
pub use seal::{Contents, Document, Platform, Sealing};
pub use signature::{Signer, key_sha256};
pub use volume::{Item, Volume};

/// Largest volume, in bytes: 32 MiB. The documents of all of the vendor's families have 4 MiB and stand
/// in the first one; of platforms a volume takes about a quarter of that.
pub const MAX_VOLUME_SIZE: usize = 32 << 20;

/// Most volumes of an archive: at 270 platforms each, more than four million.
pub const MAX_VOLUMES: u32 = 16_384;

/// Largest manifest of a volume, in bytes: 8 MiB, at 650 for each row.
pub const MAX_MANIFEST_SIZE: usize = 8 << 20;

/// Largest single file inside, in bytes: 1 MiB, as the largest document that is read anywhere. A
/// platform with the largest manifest of the vendor's grammar and a certificate for each of a hundred
/// TCBs has 400 KB.
pub const MAX_FILE_SIZE: usize = 1 << 20;

/// Most documents: the vendor has 50 families with two technologies and three numbers each.
pub const MAX_DOCUMENTS: usize = 4_096;

/// Most platforms of a volume.
pub const MAX_PLATFORMS: usize = 8_192;
