//! The key to which platforms encrypt their PPID, so that only the vendor can tell them apart.

use bulla_issuer::Seed;
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, PublicKey};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::random::SeededRng;
use crate::rsa_key::{RsaKey, SIZE, fixed};

/// The suite RSA-3072 with OAEP and SHA-256, as the certification enclave numbers it.
const SUITE: u8 = 1;

const EXPONENT: u32 = 65_537;

/// The provisioning service's public key, RSA-3072.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningPublicKey(PublicKey);

impl ProvisioningPublicKey {
    /// The key with this modulus, big-endian, and exponent.
    ///
    /// # Errors
    ///
    /// When no RSA-3072 key has them.
    pub fn new(modulus: &[u8; SIZE], exponent: u32) -> Result<Self, ProvisioningError> {
        let number = BoxedUint::from_be_slice(modulus, 3072);
        let modulus = number.map_err(|_| ProvisioningError::KeyInvalid)?;
        let key = PublicKey::new(modulus, u64::from(exponent).into());
        match key {
            Ok(key) if key.n().bit_width() == 3072 => Ok(Self(key)),
            _ => Err(ProvisioningError::KeyInvalid),
        }
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> [u8; SIZE] {
        fixed(&self.0.n_bytes())
    }

    /// The exponent.
    pub fn exponent(&self) -> u32 {
        let bytes = self.0.e_bytes();
        bytes.iter().fold(0, |e, byte| e << 8 | u32::from(*byte))
    }

    /// What a quoting enclave reports to have the PPID encrypted to this key: SHA-256 of suite,
    /// modulus and exponent, big-endian, then zeros.
    pub fn report_data(&self) -> [u8; 64] {
        let digest = Sha256::new()
            .chain_update([SUITE])
            .chain_update(self.modulus())
            .chain_update(self.exponent().to_be_bytes())
            .finalize();
        let mut data = [0; 64];
        data[..32].copy_from_slice(&digest);
        data
    }

    /// The PPID by RSA-OAEP with SHA-256. The seed stands for the processor's random numbers.
    pub(crate) fn encrypt(&self, ppid: &[u8; 16], random: [u8; 32]) -> [u8; SIZE] {
        let ciphertext = self
            .0
            .oaep_encrypt_with_rng::<Sha256, _>(&mut SeededRng::new(random), ppid)
            .expect("16 bytes fit");
        fixed(&ciphertext)
    }
}

/// The provisioning service's key pair. For the simulation only.
#[derive(Clone, Debug)]
pub struct ProvisioningKey(RsaKey);

impl ProvisioningKey {
    /// The key that `seed` has under `label`. Finding it takes a second or two.
    pub fn derive(seed: &Seed, label: &str) -> Self {
        Self(RsaKey::derive(seed, label, EXPONENT))
    }

    /// The public half.
    pub fn public_key(&self) -> ProvisioningPublicKey {
        ProvisioningPublicKey(self.0.private().to_public_key())
    }

    /// The PPID that was encrypted to this key.
    ///
    /// # Errors
    ///
    /// When nothing of 16 bytes was.
    pub fn decrypt(&self, ciphertext: &[u8; SIZE]) -> Result<[u8; 16], ProvisioningError> {
        let plaintext = self.0.private().oaep_decrypt::<Sha256>(ciphertext);
        plaintext
            .ok()
            .and_then(|plaintext| plaintext.try_into().ok())
            .ok_or(ProvisioningError::CiphertextInvalid)
    }
}

/// Why a PPID cannot be encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProvisioningError {
    /// No such key.
    #[error("this is no RSA-3072 public key")]
    KeyInvalid,
    /// Not encrypted to this key, or not a PPID.
    #[error("no PPID was encrypted to this provisioning key; ask the platform for it anew")]
    CiphertextInvalid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ppid_comes_back_and_a_changed_one_does_not() {
        let key = ProvisioningKey::derive(&Seed::from(1), "provisioning");
        let public = key.public_key();
        let mut ciphertext = public.encrypt(&[7; 16], [1; 32]);
        assert_eq!(key.decrypt(&ciphertext), Ok([7; 16]));
        assert_ne!(ciphertext, public.encrypt(&[7; 16], [2; 32]));

        let again = ProvisioningPublicKey::new(&public.modulus(), public.exponent());
        assert_eq!(again.as_ref(), Ok(&public));
        assert_eq!(public.exponent(), EXPONENT);
        assert_eq!(public.report_data()[32..], [0; 32]);

        ciphertext[200] ^= 1;
        assert_eq!(
            key.decrypt(&ciphertext),
            Err(ProvisioningError::CiphertextInvalid)
        );
        for (modulus, exponent) in [([0; 384], EXPONENT), (public.modulus(), 2)] {
            assert_eq!(
                ProvisioningPublicKey::new(&modulus, exponent),
                Err(ProvisioningError::KeyInvalid)
            );
        }
    }
}
