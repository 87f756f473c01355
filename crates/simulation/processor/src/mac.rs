//! The two message authentication codes of reports.

use aes::Aes128;
use cmac::{Cmac, KeyInit as _, Mac as _};
use hmac::Hmac;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// AES-128-CMAC (RFC 4493).
pub(crate) fn cmac(key: &[u8; 16], message: &[u8]) -> [u8; 16] {
    let mut mac = Cmac::<Aes128>::new(&(*key).into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA-256.
pub(crate) fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Compares in a time that does not depend on where the two differ.
pub(crate) fn equal<const N: usize>(left: &[u8; N], right: &[u8; N]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4493, section 4, examples 1 and 2.
    #[test]
    fn the_examples_of_the_rfc() {
        let key: [u8; 16] = *b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c";
        assert_eq!(
            hex::encode(cmac(&key, b"")),
            "bb1d6929e95937287fa37d129b756746"
        );
        let block = b"\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a";
        assert_eq!(
            hex::encode(cmac(&key, block)),
            "070a16b46b4d4144f79bdd9dd04a287c"
        );
    }

    // RFC 4231, test case 2, with the key padded as HMAC does.
    #[test]
    fn hmac_pads_its_key_with_zeros() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            hex::encode(hmac_sha256(&key, b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
