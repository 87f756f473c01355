//! Of the tests in this crate: certificates and CRLs written piece by piece, so that any piece can
//! be wrong.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use crate::der::tag;
use crate::signature::PublicKey;

/// Content octets of `1.2.840.10045.4.3.2`.
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// Content octets of `1.2.840.10045.2.1`.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// Content octets of `1.2.840.10045.3.1.7`.
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

/// An element of these contents; at most 16 MiB of them.
pub(crate) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(contents.len()).unwrap().to_be_bytes();
    let header: Vec<u8> = match length {
        [0, 0, 0, a @ 0..=0x7f] => vec![tag, a],
        [0, 0, 0, a] => vec![tag, 0x81, a],
        [0, 0, a, b] => vec![tag, 0x82, a, b],
        [_, a, b, c] => vec![tag, 0x83, a, b, c],
    };
    [&header, contents].concat()
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(tag::SEQUENCE, &parts.concat())
}

pub(crate) fn oid(octets: &[u8]) -> Vec<u8> {
    element(tag::OBJECT_IDENTIFIER, octets)
}

/// A name with this common name.
pub(crate) fn name(common_name: &str) -> Vec<u8> {
    let value = element(tag::PRINTABLE_STRING, common_name.as_bytes());
    let attribute = sequence(&[&oid(&[0x55, 4, 3]), &value]);
    sequence(&[&element(tag::SET, &attribute)])
}

pub(crate) fn ecdsa_with_sha256() -> Vec<u8> {
    sequence(&[&oid(ECDSA_WITH_SHA256)])
}

/// The algorithm of a P-256 key.
pub(crate) fn p256() -> Vec<u8> {
    sequence(&[&oid(EC_PUBLIC_KEY), &oid(PRIME256V1)])
}

pub(crate) fn utc_time(text: &str) -> Vec<u8> {
    element(tag::UTC_TIME, text.as_bytes())
}

pub(crate) fn extension(identifier: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    let value = element(tag::OCTET_STRING, value);
    sequence(&[&oid(identifier), critical, &value])
}

/// The extension for the authority key identifier, with these octets in it.
pub(crate) fn authority_key_identifier(octets: &[u8]) -> Vec<u8> {
    let identifier = element(tag::context(0), octets);
    extension(&[0x55, 0x1d, 0x23], false, &sequence(&[&identifier]))
}

pub(crate) fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

/// The key as a bit string holds it.
pub(crate) fn public_key(key: &EcdsaKeyPair) -> Vec<u8> {
    element(tag::BIT_STRING, &[&[0], key.public_key().as_ref()].concat())
}

pub(crate) fn verifying_key(key: &EcdsaKeyPair) -> PublicKey {
    PublicKey::from_uncompressed(key.public_key().as_ref().try_into().unwrap()).unwrap()
}

/// What is to be signed, the algorithm that is named beside it, and the signature.
pub(crate) fn signed(to_be_signed: &[u8], algorithm: &[u8], key: &EcdsaKeyPair) -> Vec<u8> {
    let signature = key.sign(&SystemRandom::new(), to_be_signed).unwrap();
    let signature = element(tag::BIT_STRING, &[&[0], signature.as_ref()].concat());
    sequence(&[to_be_signed, algorithm, &signature])
}

/// What `build` makes of some padding, of exactly `size` bytes in all. Takes a few attempts, as
/// signatures differ in length.
pub(crate) fn of_size(size: usize, build: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut padding = size;
    let mut attempt = || {
        let der = build(&vec![0; padding]);
        padding = padding + size - der.len();
        (der.len() == size).then_some(der)
    };
    (0..1_000).find_map(|_| attempt()).unwrap()
}

/// A certificate in pieces, each in DER.
pub(crate) struct CertificatePieces {
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) key_algorithm: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// The algorithm beside the signature.
    pub(crate) signature_algorithm: Vec<u8>,
}

impl CertificatePieces {
    /// A root for this key, without extensions.
    pub(crate) fn root(key: &EcdsaKeyPair) -> Self {
        Self {
            version: vec![2, 1, 2],
            serial: vec![2, 1, 0x11],
            algorithm: ecdsa_with_sha256(),
            issuer: name("root"),
            validity: sequence(&[&utc_time("180521104510Z"), &utc_time("330521104510Z")]),
            subject: name("root"),
            key_algorithm: p256(),
            key: public_key(key),
            extensions: Vec::new(),
            signature_algorithm: ecdsa_with_sha256(),
        }
    }

    pub(crate) fn signed_by(&self, key: &EcdsaKeyPair) -> Vec<u8> {
        let extensions = element(tag::SEQUENCE, &self.extensions.concat());
        let to_be_signed = sequence(&[
            &element(tag::constructed(0), &self.version),
            &self.serial,
            &self.algorithm,
            &self.issuer,
            &self.validity,
            &self.subject,
            &sequence(&[&self.key_algorithm, &self.key]),
            &element(tag::constructed(3), &extensions),
        ]);
        signed(&to_be_signed, &self.signature_algorithm, key)
    }
}
