//! Keys and other values that follow from a seed.

use std::fmt;

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey as EcdsaKey};
use sha2::{Digest, Sha256};

/// Separates these derivations from every other use of SHA-256 over a seed.
const DOMAIN: &[u8] = b"bulla-issuer 1";

/// The 32 bytes from which a simulated vendor and everything it signs follow.
///
/// Whoever knows the seed knows every private key: a seed made from a number or a text is for
/// tests, a vendor that others trust needs 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A seed of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Bytes that depend on the seed and on `label` alone: serial numbers, PPIDs, measurements.
    pub fn bytes<const N: usize>(&self, label: &str) -> [u8; N] {
        let mut bytes = [0; N];
        for (block, part) in (0..).zip(bytes.chunks_mut(32)) {
            part.copy_from_slice(&self.digest(b"value", block, label)[..part.len()]);
        }
        bytes
    }

    /// Labels come last and everything before them has a fixed length, so that no two different
    /// inputs are hashed as the same bytes.
    fn digest(&self, purpose: &[u8; 5], counter: u32, label: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(purpose)
            .chain_update(self.0)
            .chain_update(counter.to_be_bytes())
            .chain_update(label)
            .finalize()
            .into()
    }
}

/// The seed with this number, for tests.
impl From<u64> for Seed {
    fn from(number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }
}

/// The SHA-256 of a text as seed, for tests.
impl From<&str> for Seed {
    fn from(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// An ECDSA P-256 key whose signatures are deterministic (RFC 6979 with SHA-256).
#[derive(Clone)]
pub struct SigningKey(EcdsaKey);

impl SigningKey {
    /// The key that `seed` has under `label`; another label gives an unrelated key.
    pub fn derive(seed: &Seed, label: &str) -> Self {
        // A digest is zero or not below the group order once in 2^32 tries.
        (0..)
            .find_map(|attempt| EcdsaKey::from_slice(&seed.digest(b"key  ", attempt, label)).ok())
            .map(Self)
            .expect("one of 2^32 digests is a scalar")
    }

    /// The key with this private scalar, big-endian; `None` for zero, and from the group order on.
    pub fn from_scalar(scalar: &[u8; 32]) -> Option<Self> {
        EcdsaKey::from_slice(scalar).ok().map(Self)
    }

    /// The public key as an uncompressed point (SEC 1): 0x04, then x and y, big-endian.
    pub fn public_key(&self) -> [u8; 65] {
        let point = self.0.verifying_key().to_sec1_point(false);
        point
            .as_bytes()
            .try_into()
            .expect("an uncompressed P-256 point has 65 bytes")
    }

    /// The key identifier: leftmost 160 bits of the SHA-256 of the public key (RFC 7093, method 1).
    pub fn key_identifier(&self) -> [u8; 20] {
        let mut identifier = [0; 20];
        identifier.copy_from_slice(&Sha256::digest(self.public_key())[..20]);
        identifier
    }

    /// Signs the SHA-256 of `message`: `r` then `s`, big-endian, as quotes and JSON documents hold.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature: Signature = self.0.sign(message);
        signature.to_bytes().into()
    }

    /// Signs the SHA-256 of `message`: the DER `ECDSA-Sig-Value` of RFC 3279, as certificates hold.
    pub fn sign_der(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}

/// Names the key by its public identifier and shows nothing of the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ..)", hex::encode(self.key_identifier()))
    }
}

/// The other signature that holds where `(r, s)` does: `(r, n - s)`, with `n` the group order.
///
/// The vendor signs with either; a verifier must accept both. `None` where `r` or `s` is out of
/// range.
pub fn with_other_s(signature: &[u8; 64]) -> Option<[u8; 64]> {
    let signature = Signature::from_slice(signature).ok()?;
    let (r, s) = signature.split_scalars();
    let other = Signature::from_scalars(r, -s).ok()?;
    Some(other.to_bytes().into())
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;

    use super::*;

    #[test]
    fn the_same_seed_and_label_give_the_same_key() {
        let key = |seed: u64, label| SigningKey::derive(&Seed::from(seed), label).public_key();
        assert_eq!(key(1, "root"), key(1, "root"));
        assert_ne!(key(1, "root"), key(2, "root"));
        assert_ne!(key(1, "root"), key(1, "signer"));
    }

    #[test]
    fn keys_stay_the_same_from_release_to_release() {
        let key = SigningKey::derive(&Seed::from(1), "root ca");
        assert_eq!(
            hex::encode(key.key_identifier()),
            "7e7fefb051423608fceb4d78527cf371fb3e456c"
        );
    }

    #[test]
    fn signatures_are_deterministic_and_hold() {
        let key = SigningKey::derive(&Seed::from("a test"), "root");
        let verifier = VerifyingKey::from_sec1_bytes(&key.public_key()).expect("a point");
        let raw = key.sign(b"text");
        assert_eq!(raw, key.sign(b"text"));

        let from_raw = Signature::from_slice(&raw).expect("r and s");
        let from_der = Signature::from_der(&key.sign_der(b"text")).expect("DER");
        assert_eq!(from_raw, from_der);
        verifier
            .verify(b"text", &from_raw)
            .expect("the signature holds");
    }

    #[test]
    fn the_signature_with_the_other_s_holds_too() {
        let key = SigningKey::derive(&Seed::from(3), "root");
        let verifier = VerifyingKey::from_sec1_bytes(&key.public_key()).expect("a point");
        let signature = key.sign(b"text");
        let other = with_other_s(&signature).expect("in range");
        assert_ne!(signature, other);
        assert_eq!(with_other_s(&other), Some(signature));
        let other = Signature::from_slice(&other).expect("r and s");
        verifier
            .verify(b"text", &other)
            .expect("the signature holds");
        assert_eq!(with_other_s(&[0; 64]), None);
    }

    // RFC 6979, section A.2.5.
    #[test]
    fn a_key_of_a_known_scalar_signs_as_the_standard_says() {
        let scalar = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
        let mut bytes = [0; 32];
        hex::decode_to_slice(scalar, &mut bytes).expect("hexadecimal digits");
        let key = SigningKey::from_scalar(&bytes).expect("a scalar");
        assert_eq!(
            hex::encode(key.sign(b"sample")),
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
             f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        );
        assert!(SigningKey::from_scalar(&[0; 32]).is_none());
        assert!(SigningKey::from_scalar(&[0xff; 32]).is_none());
    }

    #[test]
    fn secrets_stay_out_of_debug_output() {
        let seed = Seed::new([0x5a; 32]);
        assert_eq!(format!("{seed:?}"), "Seed(..)");
        let key = SigningKey::derive(&seed, "root");
        let secret = hex::encode(key.0.to_bytes());
        assert!(!format!("{key:?}").contains(&secret));
    }
}
