//! Whom an issuer has revoked, kept apart from the CRL that said so.

use bulla_pki::Serial;
use bulla_pki::crl::{self, Revocation};

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
