//! AES-256-GCM under a key of one's own: what is stored, and must not be readable where it lies.

use std::fmt;

use aws_lc_rs::aead::{
    AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, RandomizedNonceKey, UnboundKey,
};
use zeroize::Zeroizing;

/// Size of a key, in bytes.
pub const KEY_SIZE: usize = 32;

/// What sealing adds to a text, in bytes: 12 of nonce before it, 16 of tag behind it.
pub const OVERHEAD: usize = NONCE_LEN + TAG_SIZE;

const TAG_SIZE: usize = 16;

/// Why something was not sealed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The operating system gave no random bytes, or the text is longer than the cipher takes.
    #[error("the crypto library did not seal: no random bytes, or too long a text")]
    NotSealed,
    /// Another key, another context, or changed bytes; which of them cannot be known.
    #[error("does not open: sealed with another key or for another place, or changed since")]
    NotOpened,
}

/// A key of AES-256-GCM. Its memory is cleared when it goes, and it shows itself to nobody.
///
/// Nonces are random and of 96 bits, so that one key is good for 2^32 texts (NIST SP 800-38D,
/// section 8.3).
pub struct SealingKey(Zeroizing<[u8; KEY_SIZE]>);

impl SealingKey {
    /// A new key, from the random bytes of the crypto library.
    pub fn generate() -> Result<Self, SealError> {
        let mut key = Zeroizing::new([0; KEY_SIZE]);
        aws_lc_rs::rand::fill(key.as_mut_slice()).map_err(|_| SealError::NotSealed)?;
        Ok(Self(key))
    }

    /// The key of these bytes, for example from a file. Whoever has them clears them.
    pub fn from_bytes(bytes: &[u8; KEY_SIZE]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The bytes, to be written where only the owner reads.
    pub fn expose(&self) -> &[u8; KEY_SIZE] {
        &self.0
    }

    /// The text, sealed: nonce (12 bytes), ciphertext, tag (16 bytes).
    ///
    /// `context` is not hidden and not part of the result; it must be the same at opening. It
    /// names the place where the sealed bytes belong, so that they count nowhere else.
    pub fn seal(&self, context: &[u8], text: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.0.as_slice())
            .map_err(|_| SealError::NotSealed)?;
        let size = text.len().checked_add(OVERHEAD);
        let mut sealed = Vec::with_capacity(size.ok_or(SealError::NotSealed)?);
        sealed.extend_from_slice(&[0; NONCE_LEN]);
        sealed.extend_from_slice(text);
        let (head, body) = sealed
            .split_at_mut_checked(NONCE_LEN)
            .ok_or(SealError::NotSealed)?;
        let (nonce, tag) = key
            .seal_in_place_separate_tag(Aad::from(context), body)
            .map_err(|_| SealError::NotSealed)?;
        head.copy_from_slice(nonce.as_ref());
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// The text of what [`SealingKey::seal`] sealed with this key for this context.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let refused = SealError::NotOpened;
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(refused)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused)?;
        let key = UnboundKey::new(&AES_256_GCM, self.0.as_slice()).map_err(|_| refused)?;
        let mut text = Zeroizing::new(body.to_vec());
        let size = LessSafeKey::new(key)
            .open_in_place(nonce, Aad::from(context), text.as_mut_slice())
            .map_err(|_| refused)?
            .len();
        text.truncate(size);
        Ok(text)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The GCM specification (McGrew and Viega), test case 16, whose parts stand in our order.
    #[test]
    fn a_published_vector_opens() {
        let key = hex::decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let key = SealingKey::from_bytes(&key.unwrap().try_into().unwrap());
        let context = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let sealed = hex::decode(concat!(
            "cafebabefacedbaddecaf888",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ));
        let text = key.open(&context, &sealed.unwrap()).unwrap();
        assert_eq!(
            hex::encode(text.as_slice()),
            concat!(
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
                "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            )
        );
    }

    #[test]
    fn the_same_text_is_never_sealed_to_the_same_bytes() {
        let key = SealingKey::generate().unwrap();
        let sealed = || key.seal(b"", b"text").unwrap();
        assert_ne!(sealed(), sealed());
        assert_eq!(sealed().len(), 4 + OVERHEAD);
    }

    #[test]
    fn a_key_shows_itself_to_nobody() {
        let key = SealingKey::from_bytes(&[0xab; 32]);
        assert_eq!(format!("{key:?}"), "SealingKey(..)");
    }

    proptest! {
        #[test]
        fn only_the_same_key_context_and_bytes_open(
            text in vec(any::<u8>(), 0..80),
            context in vec(any::<u8>(), 0..20),
            at in any::<prop::sample::Index>(),
            flip in 1..=u8::MAX,
        ) {
            let key = SealingKey::generate().unwrap();
            let sealed = key.seal(&context, &text).unwrap();
            let opened = key.open(&context, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), text.as_slice());

            let mut changed = sealed.clone();
            changed[at.index(sealed.len())] ^= flip;
            let other = SealingKey::generate().unwrap();
            let longer = [context.as_slice(), &[0]].concat();
            let shorter = &sealed[..at.index(sealed.len())];
            for refused in [
                key.open(&context, &changed),
                key.open(&context, shorter),
                key.open(&longer, &sealed),
                other.open(&context, &sealed),
            ] {
                prop_assert_eq!(refused.unwrap_err(), SealError::NotOpened);
            }
        }
    }
}
