//! Keys that sign: ECDSA over P-256 with SHA-256, for what bulla itself puts its name to.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use zeroize::Zeroizing;

use crate::signature::PublicKey;

/// Why there is no key or no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The bytes are no private key of P-256 in PKCS#8.
    #[error("not a private key of P-256 in PKCS#8 (RFC 5208, DER)")]
    Key,
    /// The crypto library did not generate or did not sign.
    #[error("the crypto library failed: no random bytes")]
    Library,
}

/// A private key of P-256. Its memory is cleared when it goes, and it shows itself to nobody.
pub struct SigningKey {
    pkcs8: Zeroizing<Vec<u8>>,
    pair: EcdsaKeyPair,
    public_key: PublicKey,
}

impl SigningKey {
    /// A new key, from the random bytes of the crypto library.
    pub fn generate() -> Result<Self, SigningError> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| SigningError::Library)?;
        Self::from_pkcs8(document.as_ref())
    }

    /// The key in PKCS#8 (RFC 5208), DER. Whoever has the bytes clears them.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, SigningError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes)
            .map_err(|_| SigningError::Key)?;
        let point = pair.public_key().as_ref().try_into();
        let public_key = PublicKey::from_uncompressed(point.map_err(|_| SigningError::Key)?)
            .map_err(|_| SigningError::Key)?;
        Ok(Self {
            pkcs8: Zeroizing::new(bytes.to_vec()),
            pair,
            public_key,
        })
    }

    /// The private key in PKCS#8, DER, to be sealed or written where only the owner reads.
    pub fn expose_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The signature over SHA-256 of `message`: r then s, 32 bytes each, big-endian.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        let signature = signature.map_err(|_| SigningError::Library)?;
        signature
            .as_ref()
            .try_into()
            .map_err(|_| SigningError::Library)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(.., {:?})", self.public_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Signature;

    #[test]
    fn what_a_key_signs_verifies_under_its_public_half_and_no_other() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(key.expose_pkcs8()).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        let signature = Signature::from_fixed(&again.sign(b"message").unwrap()).unwrap();
        assert_eq!(key.public_key().verify(b"message", &signature), Ok(()));
        let other = SigningKey::generate().unwrap();
        assert!(other.public_key().verify(b"message", &signature).is_err());
    }

    #[test]
    fn what_is_no_private_key_of_p256_is_refused() {
        let key = SigningKey::generate().unwrap();
        let pkcs8 = key.expose_pkcs8();
        for bytes in [&[][..], &pkcs8[1..], &pkcs8[..pkcs8.len() - 1], &[0; 138]] {
            assert_eq!(
                SigningKey::from_pkcs8(bytes).unwrap_err(),
                SigningError::Key
            );
        }
    }

    #[test]
    fn a_key_shows_only_its_public_half() {
        let key = SigningKey::generate().unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SigningKey(.., {:?})", key.public_key()));
        // The scalar stands at the same place in every such document (36 bytes into it).
        let scalar = hex::encode(&key.expose_pkcs8()[36..68]);
        assert!(!shown.contains(&scalar), "{shown}");
    }
}
