//! X.509 certificates of the vendor's profile.

use bulla_pki::Window;
use der::asn1::ObjectIdentifier;

use crate::extension::{self, Extensions};
use crate::key::SigningKey;
use crate::name::Name;
use crate::tlv;

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// What a certificate or CRL says about its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Subject of the issuing CA.
    pub name: Name,
    /// Identifier of the issuing key.
    pub key_identifier: [u8; 20],
    /// Where the issuer's CRL is found.
    pub crl_uri: String,
}

/// A certificate before it is signed; every field may be changed to something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSpec {
    /// Serial number: the magnitude, big-endian.
    pub serial: Vec<u8>,
    /// Issuer name.
    pub issuer: Name,
    /// `notBefore` and `notAfter`, both inclusive.
    pub validity: Window,
    /// Subject name.
    pub subject: Name,
    /// Subject's P-256 key: 0x04, then x and y, big-endian.
    pub public_key: [u8; 65],
    /// Extensions in the order in which they are written.
    pub extensions: Extensions,
}

impl CertificateSpec {
    /// A CA below which at most `path_length` further CAs may follow.
    ///
    /// The serial number is the key identifier, as in the vendor's own CAs.
    pub fn ca(
        subject: Name,
        key: &SigningKey,
        issuer: Issuer,
        validity: Window,
        path_length: u8,
    ) -> Self {
        let mut spec = Self::without_role(subject, key, issuer, validity);
        spec.extensions.set(extension::ca_key_usage());
        spec.extensions.set(extension::ca_constraints(path_length));
        spec.extensions.set(extension::simulated(false));
        spec
    }

    /// The holder of a key that signs documents or reports, never certificates.
    ///
    /// The serial number is the key identifier, as in the vendor's own TCB signing certificates.
    pub fn end_entity(subject: Name, key: &SigningKey, issuer: Issuer, validity: Window) -> Self {
        let mut spec = Self::without_role(subject, key, issuer, validity);
        spec.extensions.set(extension::signing_key_usage());
        spec.extensions.set(extension::end_entity_constraints());
        spec.extensions.set(extension::simulated(false));
        spec
    }

    fn without_role(subject: Name, key: &SigningKey, issuer: Issuer, validity: Window) -> Self {
        Self {
            serial: key.key_identifier().to_vec(),
            issuer: issuer.name,
            validity,
            subject,
            public_key: key.public_key(),
            extensions: Extensions(vec![
                extension::authority_key_identifier(issuer.key_identifier),
                extension::crl_distribution_point(&issuer.crl_uri),
                extension::subject_key_identifier(key.key_identifier()),
            ]),
        }
    }

    /// `TBSCertificate`: the part that is signed (RFC 5280, section 4.1.2).
    pub fn to_be_signed(&self) -> Vec<u8> {
        tlv::sequence(&[
            tlv::context(0, &tlv::encode(&2_u8)),
            tlv::unsigned(&self.serial),
            signature_algorithm(),
            self.issuer.to_der(),
            tlv::sequence(&[
                tlv::time(self.validity.from),
                tlv::time(self.validity.until),
            ]),
            self.subject.to_der(),
            public_key_info(&self.public_key),
            tlv::context(3, &self.extensions.to_der()),
        ])
    }

    /// The certificate in DER, signed with the issuer's key.
    pub fn sign(&self, issuer_key: &SigningKey) -> Vec<u8> {
        seal(&self.to_be_signed(), issuer_key)
    }
}

/// Signs a `TBSCertificate` or `TBSCertList` and puts the three parts together.
///
/// The bytes need not be what a specification here would write: this is how a malformed
/// certificate gets a signature that holds.
pub fn seal(to_be_signed: &[u8], key: &SigningKey) -> Vec<u8> {
    seal_with(to_be_signed, &key.sign_der(to_be_signed))
}

/// Puts a certificate or CRL together with a given signature, the contents of the BIT STRING.
pub fn seal_with(to_be_signed: &[u8], signature: &[u8]) -> Vec<u8> {
    tlv::sequence(&[
        to_be_signed.to_vec(),
        signature_algorithm(),
        tlv::bits(signature),
    ])
}

/// `ecdsa-with-SHA256`, whose parameters are absent (RFC 5758, section 3.2).
pub(crate) fn signature_algorithm() -> Vec<u8> {
    tlv::sequence(&[tlv::oid(ECDSA_WITH_SHA256)])
}

/// `SubjectPublicKeyInfo` (RFC 5480, section 2).
fn public_key_info(point: &[u8; 65]) -> Vec<u8> {
    let algorithm = tlv::sequence(&[tlv::oid(EC_PUBLIC_KEY), tlv::oid(PRIME256V1)]);
    tlv::sequence(&[algorithm, tlv::bits(point)])
}
