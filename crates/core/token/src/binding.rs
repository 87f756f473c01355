//! What is bound to what, byte for byte.

use bulla_pki::digest;

/// What the hash in report data begins with. Nothing else that bulla hashes begins so.
const ATTESTATION: &[u8; 20] = b"bulla attestation v1";

/// What the `info` of a sealed secret begins with.
const RELEASE: &[u8; 16] = b"bulla release v1";

/// The report data that evidence must carry to count for `nonce` and `key`:
///
/// ```text
/// SHA-512( "bulla attestation v1" || 0x00 || nonce (32 bytes) || key (32 bytes) )
/// ```
///
/// All parts but the first have one length, so that no two inputs give the same bytes. `nonce` is
/// what the challenge answered, `key` the attester's public key of X25519 (RFC 7748).
///
/// ```
/// let data = bulla_token::binding::report_data(&[0x11; 32], &[0x22; 32]);
/// assert_eq!(
///     hex::encode(data),
///     concat!(
///         "72035bc8ae927eaddb226007339750dd7ec24a3a718e7eeb0ce97f3c02ff134c",
///         "4a825e421df5f4644b9592a41fd9c6c1f8a23c63c93cdf87297b36adf6a0c419",
///     )
/// );
/// ```
pub fn report_data(nonce: &[u8; 32], key: &[u8; 32]) -> [u8; 64] {
    let message = [ATTESTATION.as_slice(), &[0], nonce, key].concat();
    digest::sha512(&message)
}

/// The `info` with which a secret is sealed (HPKE): `"bulla release v1" || 0x00 || name`. The name
/// comes last, so that its end needs no mark.
pub fn release_info(name: &str) -> Vec<u8> {
    [RELEASE.as_slice(), &[0], name.as_bytes()].concat()
}

/// The name of a platform in results and in the limits of secrets: SHA-256 of its PPID. The PPID
/// itself follows a machine around; its digest is no secret either, but says nothing elsewhere.
pub fn platform(ppid: &[u8; 16]) -> [u8; 32] {
    digest::sha256(ppid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_info_of_a_secret_names_it() {
        assert_eq!(release_info("db-key"), b"bulla release v1\0db-key");
    }

    proptest! {
        #[test]
        fn any_other_nonce_or_key_gives_other_report_data(
            nonce in any::<[u8; 32]>(),
            key in any::<[u8; 32]>(),
            at in 0..32_usize,
            flip in 1..=u8::MAX,
        ) {
            let data = report_data(&nonce, &key);
            let (mut other_nonce, mut other_key) = (nonce, key);
            other_nonce[at] ^= flip;
            other_key[at] ^= flip;
            prop_assert_ne!(report_data(&other_nonce, &key), data);
            prop_assert_ne!(report_data(&nonce, &other_key), data);
            if nonce != key {
                prop_assert_ne!(report_data(&key, &nonce), data);
            }
        }
    }
}
