//! Whoever signs enclaves.

use std::sync::LazyLock;

use bulla_issuer::Seed;
use rsa::Pkcs1v15Sign;
use sha2::{Digest, Sha256};

use crate::rsa_key::{RsaKey, fixed};
use crate::sigstruct::Sigstruct;

/// The exponent that the processor prescribes.
pub(crate) const EXPONENT: u32 = 3;

/// The seeds of the two signers that everybody has, and where the primes of their keys are. That they
/// are primes is looked at once: a platform needs its signer at every start.
const ARCHITECTURAL: (&str, [u16; 2]) = ("bulla architectural enclaves", [186, 928]);
const DEMONSTRATION: (&str, [u16; 2]) = ("bulla demonstration enclaves", [1570, 3294]);

/// An RSA-3072 key with exponent 3 that signs enclaves.
///
/// For the simulation, and for whoever signs on a machine of his own: the library's signatures take
/// time that depends on the key (RUSTSEC-2023-0071), so nothing may sign for strangers.
#[derive(Clone, Debug)]
pub struct EnclaveSigner(RsaKey);

impl EnclaveSigner {
    /// The signer that `seed` has under `label`. Finding its key takes a second or two.
    pub fn derive(seed: &Seed, label: &str) -> Self {
        Self(RsaKey::derive(seed, label, EXPONENT))
    }

    /// The signer of the model's own architectural enclaves, the same everywhere.
    ///
    /// Anybody can sign with it: what it signs is genuine because of the platform's root only.
    pub fn architectural() -> Self {
        static SIGNER: LazyLock<EnclaveSigner> =
            LazyLock::new(|| EnclaveSigner::known(ARCHITECTURAL));
        SIGNER.clone()
    }

    /// Another signer that is the same everywhere, for enclaves of demonstrations and tests.
    pub fn demonstration() -> Self {
        static SIGNER: LazyLock<EnclaveSigner> =
            LazyLock::new(|| EnclaveSigner::known(DEMONSTRATION));
        SIGNER.clone()
    }

    pub(crate) fn of(key: RsaKey) -> Self {
        Self(key)
    }

    pub(crate) fn key(&self) -> &RsaKey {
        &self.0
    }

    fn known((seed, distances): (&str, [u16; 2])) -> Self {
        let seed = Seed::from(seed);
        Self(RsaKey::derive_at(&seed, "signer", EXPONENT, distances))
    }

    /// Signs the structure as it now is: modulus, signature and quotients are filled in.
    pub fn sign(&self, sigstruct: &mut Sigstruct) {
        let digest = Sha256::digest(sigstruct.signed_message());
        let signature = self
            .0
            .private()
            .sign(Pkcs1v15Sign::new::<Sha256>(), &digest)
            .expect("a digest of the right size");
        sigstruct.set_signature(&self.0.modulus(), &fixed(&signature));
    }

    /// The identity of the signer: SHA-256 of its modulus, little-endian.
    pub fn mrsigner(&self) -> [u8; 32] {
        let mut modulus = self.0.modulus();
        modulus.reverse();
        Sha256::digest(modulus).into()
    }

    #[cfg(test)]
    pub(crate) fn public_key(&self) -> &rsa::PublicKey {
        self.0.private().as_public_key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architectural;

    #[test]
    fn the_known_keys_are_those_that_a_search_finds() {
        for known in [ARCHITECTURAL, DEMONSTRATION] {
            let searched = EnclaveSigner::derive(&Seed::from(known.0), "signer");
            assert_eq!(searched.mrsigner(), EnclaveSigner::known(known).mrsigner());
        }
        assert_eq!(
            EnclaveSigner::architectural().mrsigner(),
            architectural::MRSIGNER
        );
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        let shown = format!("{:?}", EnclaveSigner::architectural());
        assert!(shown.len() < 60, "{shown}");
    }
}
