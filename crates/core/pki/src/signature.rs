//! ECDSA over P-256 with SHA-256: the only signature algorithm of the DCAP world.

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};

use crate::der::{DerError, Reader};

/// The order n of the P-256 group, big-endian (SEC 2, section 2.4.2).
const GROUP_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// What stands before the point in the `SubjectPublicKeyInfo` of a key of P-256 (RFC 5480, section 2):
/// the two headers, the algorithm `id-ecPublicKey`, the curve `secp256r1`, and no unused bits.
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why a key or a signature was turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The public key is not a point of the curve P-256 other than infinity.
    #[error("the public key is not a point on P-256")]
    KeyNotOnCurve,
    /// `r` or `s` is zero or not below the group order, or the encoding is not the strict one.
    #[error("the signature is not two numbers between 1 and the order of P-256, strictly encoded")]
    Malformed,
    /// The signature is well formed and does not verify.
    #[error("the signature does not verify under this key")]
    Invalid,
}

/// A public key that lies on P-256.
#[derive(Clone)]
pub struct PublicKey {
    uncompressed: [u8; 65],
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// Reads the uncompressed form (SEC 1, section 2.3.3): `04`, x, y, big-endian.
    pub fn from_uncompressed(bytes: &[u8; 65]) -> Result<Self, SignatureError> {
        if bytes.first() != Some(&4) {
            return Err(SignatureError::KeyNotOnCurve);
        }
        let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes)
            .map_err(|_| SignatureError::KeyNotOnCurve)?;
        Ok(Self {
            uncompressed: *bytes,
            parsed,
        })
    }

    /// Reads x then y, 32 bytes each, big-endian: the form of the attestation key in a quote.
    pub fn from_coordinates(xy: &[u8; 64]) -> Result<Self, SignatureError> {
        let mut bytes = [4; 65];
        bytes[1..].copy_from_slice(xy);
        Self::from_uncompressed(&bytes)
    }

    /// Reads the `SubjectPublicKeyInfo` (RFC 5480, section 2) in DER: what stands in a PEM block
    /// `PUBLIC KEY`.
    pub fn from_spki(der: &[u8]) -> Result<Self, SignatureError> {
        let point = der.strip_prefix(&SPKI_PREFIX);
        let point = point.and_then(|point| point.try_into().ok());
        Self::from_uncompressed(point.ok_or(SignatureError::KeyNotOnCurve)?)
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub fn to_spki(&self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.uncompressed].concat()
    }

    /// `04`, x, y, big-endian.
    pub fn uncompressed(&self) -> &[u8; 65] {
        &self.uncompressed
    }

    /// Checks `signature` over SHA-256 of `message`.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        self.parsed
            .verify_sig(message, &signature.0)
            .map_err(|_| SignatureError::Invalid)
    }

    /// Checks `signature` over a message whose SHA-256 is `digest`.
    pub fn verify_digest(
        &self,
        digest: &[u8; 32],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        Digest::import_less_safe(digest, &SHA256)
            .and_then(|digest| self.parsed.verify_digest_sig(&digest, &signature.0))
            .map_err(|_| SignatureError::Invalid)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.uncompressed == other.uncompressed
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.uncompressed))
    }
}

/// An ECDSA signature whose `r` and `s` lie between 1 and n - 1.
///
/// Both `s` and n - `s` are accepted: half of all genuine signatures have the larger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Reads `r` then `s`, 32 bytes each, big-endian.
    pub fn from_fixed(bytes: &[u8; 64]) -> Result<Self, SignatureError> {
        let in_range =
            |number: &[u8]| number.iter().any(|byte| *byte != 0) && number < &GROUP_ORDER[..];
        let (r, s) = bytes.split_at(32);
        if in_range(r) && in_range(s) {
            Ok(Self(*bytes))
        } else {
            Err(SignatureError::Malformed)
        }
    }

    /// Reads exactly 128 hexadecimal digits, either case: the form in the vendor's JSON.
    pub fn from_hex(text: &str) -> Result<Self, SignatureError> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SignatureError::Malformed)?;
        Self::from_fixed(&bytes)
    }

    /// Reads the strict DER form of certificates and CRLs (RFC 3279, section 2.2.3):
    ///
    /// ```text
    /// Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }
    /// ```
    pub fn from_der(bytes: &[u8]) -> Result<Self, SignatureError> {
        let read = || -> Result<[u8; 64], DerError> {
            let mut reader = Reader::new(bytes);
            let mut numbers = reader.sequence()?;
            reader.finish()?;
            let mut fixed = [0; 64];
            let (r, s) = fixed.split_at_mut(32);
            for out in [r, s] {
                let at = numbers;
                let digits = numbers.unsigned()?;
                let start = out.len().checked_sub(digits.len());
                let end = start.and_then(|start| out.get_mut(start..));
                end.ok_or(at.error("a number of more than 256 bits"))?
                    .copy_from_slice(digits);
            }
            numbers.finish()?;
            Ok(fixed)
        };
        let fixed = read().map_err(|_| SignatureError::Malformed)?;
        Self::from_fixed(&fixed)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;

    fn signed(message: &[u8]) -> (PublicKey, [u8; 64]) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = pair.public_key().as_ref().try_into().unwrap();
        let signature = pair.sign(&SystemRandom::new(), message).unwrap();
        (
            PublicKey::from_uncompressed(&key).unwrap(),
            signature.as_ref().try_into().unwrap(),
        )
    }

    /// n - s, big-endian.
    fn negated(s: &[u8]) -> Vec<u8> {
        let mut borrow = 0i16;
        let mut out = vec![0; 32];
        for i in (0..32).rev() {
            let difference = i16::from(GROUP_ORDER[i]) - i16::from(s[i]) - borrow;
            borrow = i16::from(difference < 0);
            out[i] = difference.rem_euclid(256) as u8;
        }
        out
    }

    #[test]
    fn both_forms_of_s_verify_and_another_message_does_not() {
        let (key, fixed) = signed(b"message");
        let signature = Signature::from_fixed(&fixed).unwrap();
        assert_eq!(key.verify(b"message", &signature), Ok(()));
        assert_eq!(
            key.verify(b"massage", &signature),
            Err(SignatureError::Invalid)
        );
        let by_digest = |message| key.verify_digest(&crate::digest::sha256(message), &signature);
        assert_eq!(by_digest(b"message"), Ok(()));
        assert_eq!(by_digest(b"massage"), Err(SignatureError::Invalid));

        let mut other_s = fixed;
        other_s[32..].copy_from_slice(&negated(&fixed[32..]));
        let signature = Signature::from_fixed(&other_s).unwrap();
        assert_eq!(key.verify(b"message", &signature), Ok(()));
    }

    #[test]
    fn a_key_reads_back_from_its_spki_and_from_nothing_else() {
        let (key, _) = signed(b"");
        let der = key.to_spki();
        assert_eq!(PublicKey::from_spki(&der), Ok(key));
        let mut other_curve = der.clone();
        other_curve[22] = 0x08;
        let longer = [&der[..], &[0]].concat();
        for bad in [&der[1..], &der[..90], &longer, &other_curve, &[]] {
            let refused = PublicKey::from_spki(bad);
            assert_eq!(refused, Err(SignatureError::KeyNotOnCurve), "{bad:x?}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_malformed() {
        let one = {
            let mut x = [0; 32];
            x[31] = 1;
            x
        };
        for bad in [[0; 32], GROUP_ORDER, [0xff; 32]] {
            for (r, s) in [(bad, one), (one, bad)] {
                let fixed: [u8; 64] = [r, s].concat().try_into().unwrap();
                assert_eq!(
                    Signature::from_fixed(&fixed),
                    Err(SignatureError::Malformed)
                );
            }
        }
        let small: [u8; 64] = [one, one].concat().try_into().unwrap();
        let (key, _) = signed(b"");
        let signature = Signature::from_fixed(&small).unwrap();
        assert_eq!(key.verify(b"", &signature), Err(SignatureError::Invalid));
    }

    #[test]
    fn hexadecimal_takes_128_digits_and_nothing_else() {
        let (_, fixed) = signed(b"message");
        let text = hex::encode(fixed);
        assert!(Signature::from_hex(&text).is_ok());
        assert!(Signature::from_hex(&text.to_uppercase()).is_ok());
        for bad in [
            &text[..126],
            &format!("{text}00"),
            &format!("0x{}", &text[2..]),
            "",
        ] {
            assert_eq!(
                Signature::from_hex(bad),
                Err(SignatureError::Malformed),
                "{bad}"
            );
        }
    }

    #[test]
    fn der_is_strict() {
        let good = [0x30, 6, 2, 1, 5, 2, 1, 7];
        assert!(Signature::from_der(&good).is_ok());
        for bad in [
            &[0x30, 0x81, 6, 2, 1, 5, 2, 1, 7][..], // length in the long form
            &[0x30, 7, 2, 2, 0, 5, 2, 1, 7],        // leading zero
            &[0x30, 6, 2, 1, 0x85, 2, 1, 7],        // negative
            &[0x30, 6, 2, 1, 5, 2, 1, 7, 0],        // trailing byte
            &[0x30, 7, 2, 1, 5, 2, 1, 7, 0],        // trailing byte inside
            &[0x30, 6, 2, 1, 0, 2, 1, 7],           // zero
            &[],
        ] {
            assert_eq!(
                Signature::from_der(bad),
                Err(SignatureError::Malformed),
                "{bad:x?}"
            );
        }
    }

    #[test]
    fn a_key_must_be_a_point_of_the_curve() {
        let refused = |bytes: &[u8; 65]| PublicKey::from_uncompressed(bytes).unwrap_err();
        let (key, _) = signed(b"");
        let mut off = *key.uncompressed();
        off[64] ^= 1;
        let mut compressed_tag = *key.uncompressed();
        compressed_tag[0] = 2;
        for bad in [off, compressed_tag, [0; 65], {
            let mut zero = [0; 65];
            zero[0] = 4;
            zero
        }] {
            assert_eq!(refused(&bad), SignatureError::KeyNotOnCurve);
        }
        assert!(PublicKey::from_coordinates(&[0; 64]).is_err());
    }
}
