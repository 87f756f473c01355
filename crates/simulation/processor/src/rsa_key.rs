//! RSA-3072 keys that follow from a seed: for signers of enclaves, and for a provisioning service.
//!
//! For the simulation only: the library's operations on private keys are not free of timing
//! differences that a network can measure (RUSTSEC-2023-0071).

use std::fmt;
use std::num::NonZeroU32;

use bulla_issuer::Seed;
use crypto_bigint::{Limb, NonZero, U1536};
use crypto_primes::hazmat::SmallFactorsSieve;
use crypto_primes::{Flavor, is_prime};
use rsa::PrivateKey;
use rsa::traits::PublicKeyParts as _;

/// Bytes of a modulus, and of whatever is encrypted or signed.
pub(crate) const SIZE: usize = 384;

const PRIME_BITS: NonZeroU32 = NonZeroU32::new(1536).expect("not zero");

/// An RSA-3072 key pair.
#[derive(Clone)]
pub(crate) struct RsaKey(PrivateKey);

impl RsaKey {
    /// The key that `seed` has under `label`. Takes a second or two.
    ///
    /// Each prime is the first at or above 192 bytes of the seed, whose two highest bits are set
    /// so that the modulus has all its 3072.
    pub(crate) fn derive(seed: &Seed, label: &str, exponent: u32) -> Self {
        let [p, q] = starts(seed, label).map(|start| prime_from(start, exponent));
        Self::of(p, q, exponent)
    }

    /// The same key, without the search: the primes lie at these distances from where it starts.
    pub(crate) fn derive_at(seed: &Seed, label: &str, exponent: u32, at: [u16; 2]) -> Self {
        let [p, q] = starts(seed, label);
        let [p_distance, q_distance] = at.map(U1536::from_u16);
        Self::of(
            p.wrapping_add(&p_distance),
            q.wrapping_add(&q_distance),
            exponent,
        )
    }

    fn of(p: U1536, q: U1536, exponent: u32) -> Self {
        Self::of_primes(p, q, exponent).expect("two primes that suit the exponent")
    }

    /// The key of two primes; `None` if they are none, do not suit the exponent or make up a
    /// modulus of fewer than 3072 bits.
    pub(crate) fn of_primes(p: U1536, q: U1536, exponent: u32) -> Option<Self> {
        let are_prime = [p, q].iter().all(|prime| is_prime(Flavor::Any, prime));
        let key = PrivateKey::from_p_q(p.into(), q.into(), u64::from(exponent).into()).ok()?;
        (are_prime && p != q && key.n_bytes().len() == SIZE).then_some(Self(key))
    }

    /// The modulus, big-endian.
    pub(crate) fn modulus(&self) -> [u8; SIZE] {
        fixed(&self.0.n_bytes())
    }

    pub(crate) fn private(&self) -> &PrivateKey {
        &self.0
    }
}

/// Names the key by its modulus and shows nothing of the secret.
impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaKey({}.., ..)", hex::encode(&self.modulus()[..8]))
    }
}

/// Where the search for each of the two primes starts: odd, with the two highest bits set.
fn starts(seed: &Seed, label: &str) -> [U1536; 2] {
    ["p", "q"].map(|name| {
        let bytes: [u8; 192] = seed.bytes(&format!("rsa {label} {name}"));
        let set = U1536::from_u8(3).shl_vartime(1534).bitor(&U1536::ONE);
        U1536::from_be_slice(&bytes).bitor(&set)
    })
}

/// The first prime from `start` on that leaves the exponent an inverse.
fn prime_from(start: U1536, exponent: u32) -> U1536 {
    let exponent = NonZero::new(Limb::from(exponent)).expect("not zero");
    SmallFactorsSieve::new(start, PRIME_BITS, false)
        .expect("the size of the type")
        .filter(|candidate| candidate.rem_limb(exponent) != Limb::ONE)
        .find(|candidate| is_prime(Flavor::Any, candidate))
        .expect("primes are dense below 2^1536")
}

/// Bytes of the right size, with the leading zeros that encodings of integers drop.
pub(crate) fn fixed(bytes: &[u8]) -> [u8; SIZE] {
    let mut fixed = [0; SIZE];
    fixed[SIZE - bytes.len()..].copy_from_slice(bytes);
    fixed
}
