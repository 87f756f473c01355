//! The vendor's certificate revocation lists.

use bulla_issuer::{CrlSpec, KEY_COMPROMISE, PckCa, RevokedCertificate, pem};
use bulla_pki::Timestamp;

use crate::cadence;
use crate::history::{Event, Revoked};
use crate::vendor::Vendor;

/// A CRL as the vendor serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCrl {
    /// The CRL, DER.
    pub der: Vec<u8>,
    /// PEM: the certificate of the CA that signed it, then the root's; of the root's own CRL, the
    /// root's alone.
    pub chain: Vec<u8>,
}

impl Vendor {
    /// The CRL of one of the two CAs that certify platforms, as served at `at`. Before the
    /// founding it is the first one, of the future.
    pub fn pck_crl(&self, ca: PckCa, at: Timestamp) -> IssuedCrl {
        let hierarchy = self.hierarchy(at);
        let window = cadence::document(self.history.latest(at), at);
        let mut spec = hierarchy.pck_crl(ca, window);
        for platform in self.platforms.iter().filter(|platform| platform.ca == ca) {
            let of = Revoked::Platform(platform.name.clone());
            if let Some(date) = self.history.revoked(&of, at) {
                for serial in self.pck_serials(platform, at) {
                    revoke(&mut spec, serial, date);
                }
            }
        }
        IssuedCrl {
            der: spec.sign(&hierarchy.ca(ca).key),
            chain: pem::chain(&[&hierarchy.ca_certificate(ca), &hierarchy.root_certificate()]),
        }
    }

    /// The root's CRL, as served at `at`. Before the founding it is the first one, of the future.
    pub fn root_ca_crl(&self, at: Timestamp) -> IssuedCrl {
        let hierarchy = self.hierarchy(at);
        let mut revoked = Vec::new();
        // Whose turn it is follows the order of the events: two may be of the same second.
        let mut signers = self.signers(at).map(|(key, _)| key);
        let mut signer = signers.next();
        for occurrence in self.history.until(at) {
            let serial = match &occurrence.event {
                Event::Revocation {
                    of: Revoked::Ca(ca),
                } => hierarchy.ca(*ca).certificate.serial.clone(),
                // A signer's certificates keep their serial number, that of the key.
                Event::Revocation {
                    of: Revoked::Signer,
                } => {
                    let key = signer.as_ref().expect("there is a first signer");
                    key.key_identifier().to_vec()
                }
                Event::SignerRotation => {
                    signer = signers.next();
                    continue;
                }
                _ => continue,
            };
            revoked.push((serial, occurrence.at));
        }
        let founded = self.charter.founded;
        let changed = revoked.last().map_or(founded, |(_, date)| *date);
        let mut spec = hierarchy.root_ca_crl(cadence::root_crl(founded, changed, at));
        for (serial, date) in revoked {
            revoke(&mut spec, serial, date);
        }
        IssuedCrl {
            der: spec.sign(&hierarchy.root.key),
            chain: pem::chain(&[&hierarchy.root_certificate()]),
        }
    }
}

fn revoke(crl: &mut CrlSpec, serial: Vec<u8>, date: Timestamp) {
    crl.revoked.push(RevokedCertificate {
        serial,
        date,
        reason: Some(KEY_COMPROMISE),
    });
}
