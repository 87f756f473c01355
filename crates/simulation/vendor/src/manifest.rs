//! Platform manifests: what a platform of several packages registers with.
//!
//! To everybody but the vendor a manifest is opaque. In it, under a key that the vendor burned
//! into the platform, stands who the platform is; in front of it stands for which vendor it was
//! made, so that the wrong one can say so.

use bulla_issuer::Seed;
use bulla_pki::Timestamp;

use crate::sealing;

/// Smallest manifest, in bytes: a genuine one of two packages. Ours all have this size.
pub const MANIFEST_SIZE: usize = 8_431;

/// What every manifest begins with.
const MAGIC: &[u8; 48] = b"SIMULATED PLATFORM MANIFEST - NOT INTEL - v1\0\0\0\0";

/// Identity of the vendor: the identifier of its root key.
const VENDOR_SIZE: usize = 20;

/// Why bytes are no manifest for this vendor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not the form of a manifest of a simulated platform.
    #[error(
        "this is not the manifest of a simulated platform; `bulla vendor platform manifest` \
         writes one"
    )]
    Unknown,
    /// Made for another vendor.
    #[error(
        "this manifest was made for the vendor {actual}, this is {expected}; register the \
         platform where it was made"
    )]
    OtherVendor {
        /// Who is asked: the identifier of the root key, in hexadecimal digits.
        expected: String,
        /// For whom the manifest was made.
        actual: String,
    },
    /// Made for this vendor, and altered since.
    #[error("this manifest was damaged since the platform wrote it; export it again")]
    Damaged,
    /// Made for this vendor, for a platform that it does not have (any more).
    #[error("this manifest is genuine, but its platform is not in the vendor's books")]
    PlatformUnknown,
    /// Asks for what the first registration ruled out.
    #[error(
        "this platform registered with its first request for certificates, so that its keys are \
         not kept; it cannot register with the service as well"
    )]
    RegisteredIndirectly,
    /// The platform registers at a later time, and what was answered since stands.
    #[error("{at} is too early: this platform registered at {since}, and does so once")]
    RegisteredLater {
        /// The instant given.
        at: Timestamp,
        /// When it registered.
        since: Timestamp,
    },
    /// The platform was revoked.
    #[error("this platform was revoked")]
    Revoked,
}

/// The manifest of the platform with this PPID.
pub(crate) fn write(seed: &Seed, vendor: [u8; VENDOR_SIZE], ppid: [u8; 16]) -> Vec<u8> {
    let room = MANIFEST_SIZE - MAGIC.len() - VENDOR_SIZE - sealing::OVERHEAD;
    let mut content = ppid.to_vec();
    content.resize(room, 0);
    [
        &MAGIC[..],
        &vendor,
        &sealing::seal(seed, "platform manifest", &content),
    ]
    .concat()
}

/// The PPID in a manifest.
pub(crate) fn read(
    seed: &Seed,
    vendor: [u8; VENDOR_SIZE],
    manifest: &[u8],
) -> Result<[u8; 16], ManifestError> {
    let rest = manifest
        .strip_prefix(&MAGIC[..])
        .ok_or(ManifestError::Unknown)?;
    let (actual, sealed) = rest
        .split_at_checked(VENDOR_SIZE)
        .ok_or(ManifestError::Unknown)?;
    if actual != vendor {
        return Err(ManifestError::OtherVendor {
            expected: hex::encode(vendor),
            actual: hex::encode(actual),
        });
    }
    let content = sealing::open(seed, "platform manifest", sealed).ok_or(ManifestError::Damaged)?;
    let ppid = content.first_chunk().ok_or(ManifestError::Damaged)?;
    Ok(*ppid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PPID: [u8; 16] = [7; 16];

    #[test]
    fn a_manifest_tells_its_vendor_who_the_platform_is_and_nobody_else() {
        let seed = Seed::from(1);
        let manifest = write(&seed, [1; 20], PPID);
        assert_eq!(manifest.len(), MANIFEST_SIZE);
        assert_eq!(read(&seed, [1; 20], &manifest), Ok(PPID));
        assert!(!manifest.windows(8).any(|bytes| bytes == [7; 8]));
        let error = read(&Seed::from(2), [2; 20], &manifest).unwrap_err();
        assert!(error.to_string().contains(&hex::encode([1; 20])), "{error}");
    }

    #[test]
    fn no_byte_of_a_manifest_can_be_changed() {
        let seed = Seed::from(1);
        let manifest = write(&seed, [1; 20], PPID);
        for index in (0..200).chain([MANIFEST_SIZE - 1]) {
            let mut changed = manifest.clone();
            changed[index] ^= 1;
            assert!(read(&seed, [1; 20], &changed).is_err(), "{index}");
        }
        for size in [0, 47, 48, 67, 68, 99, MANIFEST_SIZE - 1] {
            assert!(read(&seed, [1; 20], &manifest[..size]).is_err());
        }
    }
}
