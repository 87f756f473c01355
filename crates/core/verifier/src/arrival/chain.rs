//! The chain of whoever issued a document.

use bulla_collateral::PckCa;
use bulla_pki::certificate::Certificate;
use bulla_pki::{PublicKey, SignatureError, Timestamp, TrustAnchor, TrustAnchors, pem};

use super::{CLOCK_SKEW, RevocationList};
use crate::chain::{Chain, ChainDer, ChainNames, Checked, Link, Role, Shape};
use crate::document;
use crate::finding::{Code, Findings};
use crate::issuance::{self, Issuer};

const NAMES: ChainNames = ChainNames {
    chain: "issuer_chain",
    end: "signer",
    ca: "pck_ca",
    root: "root_ca",
};

/// Most certificates of a text that a root is looked for in: as in any chain, three roles and one
/// more.
pub(super) const MOST: usize = 4;

/// Whoever issued a document, with everything above.
pub(super) struct IssuerChain {
    pub(super) anchor: TrustAnchor,
    /// An error where the bytes of the key are no point of the curve.
    pub(super) key: Result<PublicKey, SignatureError>,
    /// Uncompressed, whether it is a point of the curve or not.
    pub(super) key_bytes: [u8; 65],
    name: Vec<u8>,
    key_identifier: Vec<u8>,
    /// Which CA it is; absent for a TCB signer and the root.
    pub(super) pck_ca: Option<PckCa>,
    /// The earliest end of a certificate.
    pub(super) until: Timestamp,
    /// The issuer first, the root last.
    pub(super) pem: Vec<u8>,
}

impl IssuerChain {
    /// The chain of a TCB signer; absent where something is missing, which is among the findings.
    pub(super) fn of_signer(
        text: &[u8],
        anchors: &TrustAnchors,
        revoked: Option<&RevocationList>,
        at: Timestamp,
        findings: &mut Findings,
    ) -> Option<Self> {
        Self::read(text, Role::TcbSigner, anchors, revoked, at, findings)
    }

    /// The chain of a PCK CA.
    pub(super) fn of_pck_ca(
        text: &[u8],
        anchors: &TrustAnchors,
        revoked: Option<&RevocationList>,
        at: Timestamp,
        findings: &mut Findings,
    ) -> Option<Self> {
        Self::read(text, Role::PckCa, anchors, revoked, at, findings)
    }

    fn read(
        text: &[u8],
        role: Role,
        anchors: &TrustAnchors,
        revoked: Option<&RevocationList>,
        at: Timestamp,
        findings: &mut Findings,
    ) -> Option<Self> {
        let der = ChainDer::from_pem(text, NAMES.chain, findings);
        let (shape, name) = match role {
            Role::TcbSigner => (Shape::TCB_SIGNING, NAMES.end),
            _ => (Shape::CRL_ISSUER, NAMES.ca),
        };
        let chain = Chain::assign(&der, shape, NAMES, Checked::default(), findings);
        let root = chain.root.as_ref().and_then(Link::fresh)?;
        let issuer = match role {
            Role::TcbSigner => chain.end.as_ref(),
            _ => chain.ca.as_ref().and_then(Link::fresh),
        }?;
        let anchor = issuance::check_root(root, anchors, NAMES.root, findings);
        issuance::check_profile(issuer, role, anchor, name, findings);
        if let Some(root) = Issuer::of(root) {
            issuance::check_issued(issuer, &root, name, findings);
        }
        let revoked = revoked.filter(|list| list.is_of(root.public_key_bytes()));
        let revoked = revoked.map_or(&[][..], RevocationList::as_slice);
        for (certificate, name) in [(issuer, name), (root, NAMES.root)] {
            check_time(certificate, name, at, findings);
            document::check_revocation(certificate, revoked, name, findings);
        }
        Some(Self {
            anchor: anchor?.clone(),
            key: issuer.public_key(),
            key_bytes: *issuer.public_key_bytes(),
            name: issuer.subject().der().to_vec(),
            key_identifier: issuer.extensions().subject_key_identifier?.to_vec(),
            pck_ca: chain.ca.as_ref().and_then(Link::pck_ca),
            until: issuer.validity().until.min(root.validity().until),
            pem: written(&[issuer.der(), root.der()]),
        })
    }

    /// The root in any chain, or by itself. What else stands in the chain counts for nothing.
    pub(super) fn of_root(
        bytes: &[u8],
        anchors: &TrustAnchors,
        at: Timestamp,
        findings: &mut Findings,
    ) -> Option<Self> {
        let blocks = read_certificates(bytes, NAMES.chain, MOST, findings)?;
        let mut root = None;
        for der in &blocks {
            match Certificate::parse(der) {
                Ok(certificate) if certificate.issuer() == certificate.subject() => {
                    root = root.or(Some(certificate));
                }
                Ok(_) => {}
                Err(error) => {
                    let message = format!("A certificate cannot be read: {error}.");
                    findings.fail(Code::CertificateMalformed, NAMES.chain, message);
                }
            }
        }
        let Some(root) = &root else {
            // It may be the one that cannot be read, which has failed already.
            if !findings.failed() {
                let message = "There is no certificate of the root.";
                findings.fail(Code::CertificateMissing, NAMES.root, message);
            }
            return None;
        };
        let anchor = issuance::check_root(root, anchors, NAMES.root, findings);
        check_time(root, NAMES.root, at, findings);
        Some(Self {
            anchor: anchor?.clone(),
            key: root.public_key(),
            key_bytes: *root.public_key_bytes(),
            name: root.subject().der().to_vec(),
            key_identifier: root.extensions().subject_key_identifier?.to_vec(),
            pck_ca: None,
            until: root.validity().until,
            pem: written(&[root.der()]),
        })
    }

    /// The issuer, to check what it has issued.
    pub(super) fn issuer(&self) -> Issuer<'_> {
        Issuer {
            name: &self.name,
            key_identifier: &self.key_identifier,
            key: self.key.clone(),
        }
    }
}

/// One to `most` certificates in PEM, or one in DER; a failure, and `None`, where it is neither.
pub(super) fn read_certificates(
    bytes: &[u8],
    name: &'static str,
    most: usize,
    findings: &mut Findings,
) -> Option<Vec<Vec<u8>>> {
    // The tag of a DER sequence; PEM begins with a hyphen.
    if bytes.first() == Some(&0x30) {
        return Some(vec![bytes.to_vec()]);
    }
    pem::decode(bytes, "CERTIFICATE", most)
        .map_err(|error| {
            let message = format!("It is neither a certificate in DER nor in PEM: {error}.");
            findings.fail(Code::ChainMalformed, name, message);
        })
        .ok()
}

/// A certificate that is used outside its window vouches for nothing.
pub(super) fn check_time(
    certificate: &Certificate<'_>,
    name: &'static str,
    at: Timestamp,
    findings: &mut Findings,
) {
    let window = certificate.validity();
    if at > window.until {
        let message = format!("The certificate ended on {}; it is {at}.", window.until);
        findings.fail(Code::ChainExpired, name, message);
    }
    if at.saturating_add(CLOCK_SKEW) < window.from {
        let message = format!("The certificate begins on {}; it is {at}.", window.from);
        findings.fail(Code::DocumentNotYetValid, name, message);
    }
}

/// The certificates in PEM, one after the other.
fn written(certificates: &[&[u8]]) -> Vec<u8> {
    let blocks = certificates
        .iter()
        .map(|der| pem::encode("CERTIFICATE", der));
    blocks.collect::<String>().into_bytes()
}
