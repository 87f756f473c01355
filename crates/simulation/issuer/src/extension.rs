//! The extensions of certificates and CRLs in the vendor's profile.

use der::Tag;
use der::asn1::ObjectIdentifier;

use crate::tlv;

/// OID of the authority key identifier (RFC 5280, section 4.2.1.1).
pub const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
/// OID of the CRL distribution points (RFC 5280, section 4.2.1.13).
pub const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
/// OID of the subject key identifier (RFC 5280, section 4.2.1.2).
pub const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
/// OID of the key usage (RFC 5280, section 4.2.1.3).
pub const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
/// OID of the basic constraints (RFC 5280, section 4.2.1.9).
pub const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
/// OID of the number of a CRL (RFC 5280, section 5.2.3).
pub const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
/// OID of the reason of a revocation (RFC 5280, section 5.3.1).
pub const CRL_REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");

/// OID of the extension that marks a certificate as simulated.
///
/// bulla has no enterprise number of its own yet. 32473 is the one that RFC 5612 reserves for
/// examples in documentation, so this OID can collide with nothing that is deployed.
pub const SIMULATED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1.1");

/// One extension of a certificate, a CRL or a CRL entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// What kind of extension it is.
    pub oid: ObjectIdentifier,
    /// Whether a reader who does not know the OID must reject the document.
    pub critical: bool,
    /// The DER inside the OCTET STRING.
    pub value: Vec<u8>,
}

impl Extension {
    /// `Extension` (RFC 5280, section 4.1).
    pub fn to_der(&self) -> Vec<u8> {
        let mut elements = vec![tlv::oid(self.oid)];
        // DER leaves out a value that is the default, FALSE here.
        if self.critical {
            elements.push(tlv::encode(&true));
        }
        elements.push(tlv::octets(&self.value));
        tlv::sequence(&elements)
    }
}

/// Extensions in the order in which they are written; a list may hold one OID twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(pub Vec<Extension>);

impl Extensions {
    /// The first extension with this OID.
    pub fn get(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        self.0.iter().find(|extension| extension.oid == oid)
    }

    /// Puts `extension` in the place of the first one with its OID, or at the end.
    pub fn set(&mut self, extension: Extension) {
        match self
            .0
            .iter_mut()
            .find(|present| present.oid == extension.oid)
        {
            Some(present) => *present = extension,
            None => self.0.push(extension),
        }
    }

    /// Takes out every extension with this OID.
    pub fn remove(&mut self, oid: ObjectIdentifier) {
        self.0.retain(|extension| extension.oid != oid);
    }

    /// `Extensions`, without the context tag around them.
    pub fn to_der(&self) -> Vec<u8> {
        let elements: Vec<Vec<u8>> = self.0.iter().map(Extension::to_der).collect();
        tlv::sequence(&elements)
    }
}

/// Which key signed: the identifier of the issuer's key.
pub fn authority_key_identifier(key_identifier: [u8; 20]) -> Extension {
    let value = tlv::sequence(&[tlv::context_primitive(0, &key_identifier)]);
    plain(AUTHORITY_KEY_IDENTIFIER, value)
}

/// Where the CRL of the issuer is found: one distribution point, one URI.
pub fn crl_distribution_point(uri: &str) -> Extension {
    let general_names = tlv::context(0, &tlv::context_primitive(6, uri.as_bytes()));
    let point = tlv::sequence(&[tlv::context(0, &general_names)]);
    plain(CRL_DISTRIBUTION_POINTS, tlv::sequence(&[point]))
}

/// The identifier of the certificate's own key.
pub fn subject_key_identifier(key_identifier: [u8; 20]) -> Extension {
    plain(SUBJECT_KEY_IDENTIFIER, tlv::octets(&key_identifier))
}

/// Key usage of a CA, critical: `keyCertSign` and `cRLSign`.
pub fn ca_key_usage() -> Extension {
    critical(KEY_USAGE, vec![0x03, 0x02, 0x01, 0b0000_0110])
}

/// Key usage of an end entity, critical: `digitalSignature` and `nonRepudiation`.
pub fn signing_key_usage() -> Extension {
    critical(KEY_USAGE, vec![0x03, 0x02, 0x06, 0b1100_0000])
}

/// Basic constraints of a CA, critical: at most `path_length` CAs may follow below it.
pub fn ca_constraints(path_length: u8) -> Extension {
    let value = tlv::sequence(&[tlv::encode(&true), tlv::encode(&path_length)]);
    critical(BASIC_CONSTRAINTS, value)
}

/// Basic constraints of an end entity, critical and empty: not a CA.
pub fn end_entity_constraints() -> Extension {
    critical(BASIC_CONSTRAINTS, tlv::wrap(Tag::Sequence, &[]))
}

/// The mark of simulation: UTF8String `SIMULATED` under [`SIMULATED`].
///
/// Not critical by default, so that an independent verifier who was given the simulated root can
/// check the whole chain; critical, it makes every reader that does not know it refuse.
pub fn simulated(critical: bool) -> Extension {
    Extension {
        oid: SIMULATED,
        critical,
        value: tlv::utf8("SIMULATED"),
    }
}

/// Number of a CRL. The vendor's stay the same from issue to issue.
pub fn crl_number(number: u64) -> Extension {
    plain(CRL_NUMBER, tlv::encode(&number))
}

/// Reason of a revocation, for the entry of a CRL.
pub fn crl_reason(code: u8) -> Extension {
    plain(CRL_REASON, tlv::wrap(Tag::Enumerated, &[code]))
}

fn plain(oid: ObjectIdentifier, value: Vec<u8>) -> Extension {
    Extension {
        oid,
        critical: false,
        value,
    }
}

fn critical(oid: ObjectIdentifier, value: Vec<u8>) -> Extension {
    Extension {
        oid,
        critical: true,
        value,
    }
}
