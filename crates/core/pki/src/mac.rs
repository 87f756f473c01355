//! HMAC-SHA-256: what a service recognises as its own, without keeping it.

use std::fmt;

use aws_lc_rs::constant_time;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError;

/// As many random bytes as the array has, from the crypto library.
pub fn random<const SIZE: usize>() -> Result<[u8; SIZE], RandomError> {
    let mut bytes = [0; SIZE];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// A key of HMAC-SHA-256, 32 bytes. Its memory is cleared when it goes, and it shows itself to
/// nobody.
pub struct MacKey(Zeroizing<[u8; 32]>);

impl MacKey {
    /// A new key, from the random bytes of the crypto library.
    pub fn generate() -> Result<Self, RandomError> {
        random().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The key of these bytes. Whoever has them clears them.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The code of `message`, 32 bytes.
    pub fn tag(&self, message: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        tag.copy_from_slice(self.code(message).as_ref());
        tag
    }

    /// The first half of the code, 16 bytes: the least that may be used of it (RFC 2104,
    /// section 5).
    pub fn short_tag(&self, message: &[u8]) -> [u8; 16] {
        let mut short = [0; 16];
        for (short, byte) in short.iter_mut().zip(self.tag(message)) {
            *short = byte;
        }
        short
    }

    /// Whether this is the code of `message`; in a time that does not tell where they differ.
    pub fn verify(&self, message: &[u8], tag: &[u8; 32]) -> bool {
        constant_time::verify_slices_are_equal(&self.tag(message), tag).is_ok()
    }

    /// Whether this is the first half of the code of `message`; likewise.
    pub fn verify_short(&self, message: &[u8], tag: &[u8; 16]) -> bool {
        constant_time::verify_slices_are_equal(&self.short_tag(message), tag).is_ok()
    }

    fn code(&self, message: &[u8]) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        hmac::sign(&key, message)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 4231, test case 2, whose key of four bytes equals one that is filled up with zeros.
    #[test]
    fn a_published_vector() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let key = MacKey::from_bytes(&key);
        let tag = key.tag(b"what do ya want for nothing?");
        assert_eq!(
            hex::encode(tag),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(key.short_tag(b"what do ya want for nothing?"), tag[..16]);
    }

    #[test]
    fn a_key_shows_itself_to_nobody_and_no_two_are_the_same() {
        let key = MacKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), "MacKey(..)");
        assert_ne!(key.tag(b""), MacKey::generate().unwrap().tag(b""));
        assert_ne!(random::<16>().unwrap(), random::<16>().unwrap());
    }

    proptest! {
        #[test]
        fn any_other_message_or_code_is_refused(
            message in any::<[u8; 12]>(),
            at in 0..16_usize,
            flip in 1..=u8::MAX,
        ) {
            let key = MacKey::from_bytes(&[7; 32]);
            let (tag, short) = (key.tag(&message), key.short_tag(&message));
            prop_assert!(key.verify(&message, &tag) && key.verify_short(&message, &short));
            let (mut changed, mut changed_short) = (tag, short);
            changed[at + 16] ^= flip;
            changed_short[at] ^= flip;
            prop_assert!(!key.verify(&message, &changed));
            prop_assert!(!key.verify_short(&message, &changed_short));
            prop_assert!(!key.verify(&message[1..], &tag));
            prop_assert!(!key.verify_short(&message[1..], &short));
        }
    }
}
