//! `MODEL-KDF v1`: how the model's keys follow from its fuses.
//!
//! Which fields a key depends on is public (Intel SDM volume 3D, "EGETKEY", key dependencies); how
//! the vendor's processors derive it is not, so that here stands a derivation of our own:
//!
//! ```text
//! key  = HKDF-Expand-SHA256(PRK = fuse secret, info, 16 bytes)       RFC 5869
//! info = "bulla MODEL-KDF v1" || 00 || KeyDependencies, 276 bytes
//! ```
//!
//! A field that the key does not depend on is zero. Provisioning keys come from the provisioning
//! secret, all others from the seal secret. What was sealed or certified under this version must
//! stay derivable: another derivation gets another number.

use std::fmt;

use bulla_evidence::layout::SgxAttributes;
use hkdf::Hkdf;
use sha2::Sha256;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
use zeroize::Zeroize;

/// Separates this derivation from every other use of the fuses.
const LABEL: &[u8] = b"bulla MODEL-KDF v1\0";

/// Everything that an enclave's key can depend on, in the order in which it is hashed.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct KeyDependencies {
    pub(crate) key_name: U16,
    pub(crate) key_policy: U16,
    pub(crate) cpusvn: [u8; 16],
    pub(crate) isvsvn: U16,
    pub(crate) isvprodid: U16,
    pub(crate) configsvn: U16,
    pub(crate) cet_attributes: u8,
    pub(crate) cet_attributes_mask: u8,
    pub(crate) miscselect: U32,
    pub(crate) misc_mask: U32,
    pub(crate) attributes: SgxAttributes,
    pub(crate) attribute_mask: SgxAttributes,
    pub(crate) owner_epoch: [u8; 16],
    pub(crate) mrenclave: [u8; 32],
    pub(crate) mrsigner: [u8; 32],
    pub(crate) configid: [u8; 64],
    pub(crate) isvfamilyid: [u8; 16],
    pub(crate) isvextprodid: [u8; 16],
    pub(crate) keyid: [u8; 32],
}

/// The first `N` bytes, at most 8160, that `secret` gives for `label` and `info`.
pub(crate) fn expand<const N: usize>(secret: &[u8; 32], label: &[u8], info: &[u8]) -> [u8; N] {
    let mut output = [0; N];
    Hkdf::<Sha256>::from_prk(secret)
        .expect("32 bytes are what SHA-256 gives")
        .expand_multi_info(&[label, info], &mut output)
        .expect("at most 255 blocks");
    output
}

/// The enclave key that `secret` gives for these dependencies.
pub(crate) fn enclave_key(secret: &[u8; 32], dependencies: &KeyDependencies) -> Key {
    Key(expand(secret, LABEL, dependencies.as_bytes()))
}

/// A key of 128 bits, as `EGETKEY` gives it.
///
/// It shows nothing of itself and is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 16]);

impl Key {
    /// A key of these bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key: a secret.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    // Made with Python's hmac: HMAC-SHA256(000102..1f, "bulla MODEL-KDF v1\0" || 276 bytes || 01),
    // where the 276 bytes are 04 00 02 00, then zeros.
    #[test]
    fn version_1_stays_what_it_is() {
        let secret = std::array::from_fn(|i| i as u8);
        let mut dependencies = KeyDependencies::new_zeroed();
        assert_eq!(size_of_val(&dependencies), 276);
        dependencies.key_name = 4.into();
        dependencies.key_policy = 2.into();
        let key = enclave_key(&secret, &dependencies);
        assert_eq!(
            hex::encode(key.as_bytes()),
            "c298aecd967b31a5e5894855498306a1"
        );
    }

    #[test]
    fn keys_stay_out_of_debug_output() {
        assert_eq!(format!("{:?}", Key::new([0x5a; 16])), "Key(..)");
    }
}
