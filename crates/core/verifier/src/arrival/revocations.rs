//! Whom an issuer has revoked, kept apart from the CRL that said so.

use bulla_pki::certificate::Certificate;
use bulla_pki::crl::{self, Revocation};
use bulla_pki::{Serial, pem};

use super::chain::MOST;

/// Whom an issuer has revoked, by its CRL that is in force.
///
/// It remembers whose it is: serial numbers mean something below one issuer only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    issuer_key: [u8; 65],
    /// Sorted by serial number.
    revoked: Vec<Revocation>,
}

impl RevocationList {
    pub(super) fn new(issuer_key: [u8; 65], revoked: Vec<Revocation>) -> Self {
        Self {
            issuer_key,
            revoked,
        }
    }

    /// Whether nobody is on it.
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// Whether somebody of an issuer chain in PEM, the root last, is on this list of that root.
    ///
    /// For chains that were checked when they arrived, and may have been revoked since: nothing
    /// else about them is checked again. Of the list of another root the answer is no; of a chain
    /// that cannot be read it is yes, since nobody can say who vouches for what came with it.
    pub fn has_of_chain(&self, issuer_chain: &[u8]) -> bool {
        // The vendor's root has revoked nobody yet, and this is asked with each certificate.
        if self.is_empty() {
            return false;
        }
        let Ok(chain) = pem::decode(issuer_chain, "CERTIFICATE", MOST) else {
            return true;
        };
        let certificates: Result<Vec<_>, _> =
            chain.iter().map(|der| Certificate::parse(der)).collect();
        let Ok(certificates) = certificates else {
            return true;
        };
        let is_mine = certificates
            .last()
            .is_some_and(|root| self.is_of(root.public_key_bytes()));
        is_mine && certificates.iter().any(|one| self.contains(one.serial()))
    }

    /// Whether this is the list of the issuer with this key.
    pub(super) fn is_of(&self, issuer_key: &[u8; 65]) -> bool {
        self.issuer_key == *issuer_key
    }

    pub(super) fn contains(&self, serial: Serial) -> bool {
        crl::find_revocation(&self.revoked, serial).is_some()
    }

    pub(super) fn as_slice(&self) -> &[Revocation] {
        &self.revoked
    }
}
