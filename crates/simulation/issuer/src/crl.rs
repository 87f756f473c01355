//! Certificate revocation lists of the vendor's profile.

use bulla_pki::{Timestamp, Window};

use crate::certificate::{Issuer, seal, signature_algorithm};
use crate::extension::{self, Extensions};
use crate::key::SigningKey;
use crate::name::Name;
use crate::tlv;

/// Reason code `keyCompromise` (RFC 5280, section 5.3.1), the one the vendor uses.
pub const KEY_COMPROMISE: u8 = 1;

/// One entry of a CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// Serial number of the revoked certificate: the magnitude, big-endian.
    pub serial: Vec<u8>,
    /// When it was revoked.
    pub date: Timestamp,
    /// Reason code; absent means that the entry has no extensions at all.
    pub reason: Option<u8>,
}

/// A CRL before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlSpec {
    /// Issuer name.
    pub issuer: Name,
    /// `thisUpdate` and `nextUpdate`, both inclusive.
    pub validity: Window,
    /// Entries in the order in which they are written; none leaves the list out, as DER asks.
    pub revoked: Vec<RevokedCertificate>,
    /// Extensions of the whole list, in the order in which they are written.
    pub extensions: Extensions,
}

impl CrlSpec {
    /// A CRL without entries, with the vendor's constant number 1.
    pub fn new(issuer: Issuer, validity: Window) -> Self {
        Self {
            issuer: issuer.name,
            validity,
            revoked: Vec::new(),
            extensions: Extensions(vec![
                extension::crl_number(1),
                extension::authority_key_identifier(issuer.key_identifier),
            ]),
        }
    }

    /// Adds a certificate, revoked for key compromise at `thisUpdate`.
    pub fn revoke(&mut self, serial: &[u8]) {
        self.revoked.push(RevokedCertificate {
            serial: serial.to_vec(),
            date: self.validity.from,
            reason: Some(KEY_COMPROMISE),
        });
    }

    /// `TBSCertList`: the part that is signed (RFC 5280, section 5.1.2).
    pub fn to_be_signed(&self) -> Vec<u8> {
        let mut elements = vec![
            tlv::encode(&1_u8),
            signature_algorithm(),
            self.issuer.to_der(),
            tlv::time(self.validity.from),
            tlv::time(self.validity.until),
        ];
        if !self.revoked.is_empty() {
            let entries: Vec<Vec<u8>> = self
                .revoked
                .iter()
                .map(RevokedCertificate::to_der)
                .collect();
            elements.push(tlv::sequence(&entries));
        }
        elements.push(tlv::context(0, &self.extensions.to_der()));
        tlv::sequence(&elements)
    }

    /// The CRL in DER, signed with the issuer's key.
    pub fn sign(&self, issuer_key: &SigningKey) -> Vec<u8> {
        seal(&self.to_be_signed(), issuer_key)
    }
}

impl RevokedCertificate {
    fn to_der(&self) -> Vec<u8> {
        let mut elements = vec![tlv::unsigned(&self.serial), tlv::time(self.date)];
        if let Some(code) = self.reason {
            elements.push(Extensions(vec![extension::crl_reason(code)]).to_der());
        }
        tlv::sequence(&elements)
    }
}
