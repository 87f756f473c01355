//! What the certification and the quoting enclave make of a key of the processor.
//!
//! Intel's enclaves derive their ECDSA keys so: three blocks of AES-CMAC under the processor's
//! key, of which 40 bytes are reduced to a scalar. DCAP sources: `pce/pce.cpp`, `quote/qe.cpp`.

use bulla_issuer::SigningKey;
use crypto_bigint::{NonZero, U320};

use crate::kdf::Key;
use crate::mac::cmac;

/// Labels the PCK.
pub(crate) const PCK_LABEL: &[u8] = b"PAK_KEY_DER";

/// Labels the attestation key of the quoting enclave for enclaves.
pub(crate) const QE_LABEL: &[u8] = b"QE_KEY_DER";

/// Labels the attestation key of the quoting enclave for trust domains.
pub(crate) const TDQE_LABEL: &[u8] = b"TDX_QE_DER";

/// The order of the group of P-256, less one.
const ORDER_LESS_ONE: U320 = U320::from_be_hex(
    "0000000000000000ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
);

/// The PPID, of the provisioning key for security versions of zero.
pub(crate) fn ppid(provisioning_key: &Key) -> [u8; 16] {
    cmac(provisioning_key.as_bytes(), &[0; 16])
}

/// The ECDSA key that a processor's key gives under a label of at most 13 bytes.
pub(crate) fn signing_key(key: &Key, label: &[u8]) -> SigningKey {
    SigningKey::from_scalar(&scalar(key, label)).expect("between 1 and the order less one")
}

/// `(40 bytes of blocks mod (n - 1)) + 1`, big-endian.
fn scalar(key: &Key, label: &[u8]) -> [u8; 32] {
    let blocks = [1, 2, 3].map(|counter| {
        let mut block = [0; 16];
        block[0] = counter;
        block[1..=label.len()].copy_from_slice(label);
        // The length of the output in bits, 320, big-endian.
        block[14..].copy_from_slice(&[0x01, 0x40]);
        cmac(key.as_bytes(), &block)
    });
    let seed = U320::from_be_slice(&blocks.as_flattened()[..40]);
    let modulus = NonZero::new(ORDER_LESS_ONE).expect("not zero");
    let scalar = seed.rem(&modulus).wrapping_add(&U320::ONE);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&scalar.to_be_bytes()[8..]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::new(std::array::from_fn(|i| i as u8))
    }

    #[test]
    fn the_ppid_of_a_known_key() {
        assert_eq!(
            hex::encode(ppid(&key())),
            "be7ed6ae787dd5544c5561c7dcd06abb"
        );
    }

    #[test]
    fn the_signing_keys_of_a_known_key() {
        let cases = [
            (
                PCK_LABEL,
                "49f96a0fa2027b416e641c07353fcd62ded815e9c2aa1d0c13dd40539a1cb0ca",
                "a6389be260c54d77558d2d6dfc77289268cf4cd1f669a48532e3d88b772319e0",
            ),
            (
                QE_LABEL,
                "1c9c55276f108bdb35db3bd764d0b26597ac874029eb14464448ee952e402c9c",
                "3d31819b799b1024afa3fd938aeacbbd917f55591c2e813dbd8243595d76df18",
            ),
            (
                TDQE_LABEL,
                "d4ff828b004999c60e669d13db90fe847772510968d0d9387502c3cbdbf6b918",
                "f11206933d680eb2df0a79f97d198e92570a2c5758fbafc8ec4df2226fcd4868",
            ),
        ];
        for (label, d, x) in cases {
            assert_eq!(hex::encode(scalar(&key(), label)), d);
            let public = signing_key(&key(), label).public_key();
            assert_eq!(hex::encode(&public[1..33]), x);
        }
    }
}
