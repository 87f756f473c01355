//! HPKE (RFC 9180): a text that only the holder of one private key can read.
//!
//! Base mode, one text at a time, with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM:
//! the numbers 0x0020, 0x0001 and 0x0002. The implementation is that of `rustls`, over the same
//! crypto library as everything else here.

use std::fmt;

use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};
use zeroize::Zeroizing;

/// Size of public keys and of encapsulated keys, in bytes (RFC 9180, section 7.1).
pub const PUBLIC_KEY_SIZE: usize = 32;

/// What sealing adds to a text, in bytes: the tag of AES-GCM.
pub const OVERHEAD: usize = 16;

/// Why something was not sealed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HpkeError {
    /// The operating system gave no random bytes.
    #[error("the crypto library did not generate a key: no random bytes")]
    NotGenerated,
    /// The public key is none that a secret can be agreed on with: a point of small order.
    #[error("cannot seal to this public key: it is no X25519 key that a secret can be shared with")]
    NotSealed,
    /// Another key, another purpose, or changed bytes; which of them cannot be known.
    #[error("does not open: sealed to another key or for another purpose, or changed since")]
    NotOpened,
}

/// A sealed text and the key that was made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "what RFC 9180 returns, and no more"
)]
pub struct Sealed {
    /// The encapsulated key, `enc` in RFC 9180.
    pub enc: [u8; PUBLIC_KEY_SIZE],
    /// The ciphertext with its tag, [`OVERHEAD`] bytes longer than the text.
    pub ciphertext: Vec<u8>,
}

/// Seals `text` to a public key (RFC 7748, as it stands in a JWK's `x`).
///
/// `info` says what for, `aad` for which occasion; neither is part of the result, and both must be
/// the same at opening.
pub fn seal(
    public_key: &[u8; PUBLIC_KEY_SIZE],
    info: &[u8],
    aad: &[u8],
    text: &[u8],
) -> Result<Sealed, HpkeError> {
    let key = HpkePublicKey(public_key.to_vec());
    let (enc, ciphertext) = SUITE
        .seal(info, aad, text, &key)
        .map_err(|_| HpkeError::NotSealed)?;
    let enc = enc.0.try_into().map_err(|_| HpkeError::NotSealed)?;
    Ok(Sealed { enc, ciphertext })
}

/// A pair of X25519 keys. The private half never leaves, is cleared when it goes, and shows itself
/// to nobody.
pub struct KeyPair {
    public: [u8; PUBLIC_KEY_SIZE],
    private: HpkePrivateKey,
}

impl KeyPair {
    /// A new pair, from the random bytes of the crypto library.
    pub fn generate() -> Result<Self, HpkeError> {
        let (public, private) = SUITE
            .generate_key_pair()
            .map_err(|_| HpkeError::NotGenerated)?;
        let public = public.0.try_into().map_err(|_| HpkeError::NotGenerated)?;
        Ok(Self { public, private })
    }

    /// The public half (RFC 7748).
    pub const fn public_key(&self) -> &[u8; PUBLIC_KEY_SIZE] {
        &self.public
    }

    /// The text that was sealed to this pair for this purpose and occasion.
    pub fn open(
        &self,
        sealed: &Sealed,
        info: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
        let enc = EncapsulatedSecret(sealed.enc.to_vec());
        SUITE
            .open(&enc, info, aad, &sealed.ciphertext, &self.private)
            .map(Zeroizing::new)
            .map_err(|_| HpkeError::NotOpened)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair(.., {})", hex::encode(self.public))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;

    use super::*;

    fn bytes(digits: &str) -> Vec<u8> {
        hex::decode(digits).unwrap()
    }

    /// RFC 9180, appendix A.1.1: the same exchange of keys, with the shorter AES. The numbers of
    /// our own suite are checked by the test below it.
    #[test]
    fn a_published_vector_opens() {
        let enc = bytes("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
        let private = bytes("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8");
        let ciphertext = bytes(concat!(
            "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a9",
            "6d8770ac83d07bea87e13c512a",
        ));
        let info = bytes("4f6465206f6e2061204772656369616e2055726e");
        let text = DH_KEM_X25519_HKDF_SHA256_AES_128.open(
            &EncapsulatedSecret(enc),
            &info,
            b"Count-0",
            &ciphertext,
            &HpkePrivateKey::from(private),
        );
        assert_eq!(text.unwrap(), b"Beauty is truth, truth beauty");
    }

    #[test]
    fn the_suite_is_the_one_that_is_documented() {
        let suite = SUITE.suite();
        let numbers = (
            u16::from(suite.kem),
            u16::from(suite.sym.kdf_id),
            u16::from(suite.sym.aead_id),
        );
        assert_eq!(numbers, (0x0020, 0x0001, 0x0002));
    }

    #[test]
    fn nothing_is_sealed_to_a_point_of_small_order() {
        let mut one = [0; 32];
        one[0] = 1;
        for key in [[0; 32], one] {
            assert_eq!(seal(&key, b"", b"", b"text"), Err(HpkeError::NotSealed));
        }
    }

    #[test]
    fn a_pair_shows_only_its_public_half() {
        let pair = KeyPair::generate().unwrap();
        let shown = format!("{pair:?}");
        assert_eq!(
            shown,
            format!("KeyPair(.., {})", hex::encode(pair.public_key()))
        );
        assert!(!shown.contains(&hex::encode(pair.private.secret_bytes())));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn only_the_holder_of_the_key_opens_for_the_same_purpose(
            text in vec(any::<u8>(), 0..80),
            at in any::<prop::sample::Index>(),
            flip in 1..=u8::MAX,
        ) {
            let pair = KeyPair::generate().unwrap();
            let sealed = seal(pair.public_key(), b"info", b"aad", &text).unwrap();
            prop_assert_eq!(sealed.ciphertext.len(), text.len() + OVERHEAD);
            let opened = pair.open(&sealed, b"info", b"aad").unwrap();
            prop_assert_eq!(opened.as_slice(), text.as_slice());

            let mut changed = sealed.clone();
            changed.ciphertext[at.index(sealed.ciphertext.len())] ^= flip;
            let mut other_enc = sealed.clone();
            other_enc.enc = *KeyPair::generate().unwrap().public_key();
            let other = KeyPair::generate().unwrap();
            for refused in [
                pair.open(&changed, b"info", b"aad"),
                pair.open(&other_enc, b"info", b"aad"),
                pair.open(&sealed, b"other", b"aad"),
                pair.open(&sealed, b"info", b"other"),
                other.open(&sealed, b"info", b"aad"),
            ] {
                prop_assert_eq!(refused.unwrap_err(), HpkeError::NotOpened);
            }
        }
    }
}
