//! Chains of fixed roles: PCK certificate, its CA and the root; or TCB signer and the root.
//!
//! Every certificate has a place of its own, so nothing is searched for and every failing check
//! can be reported. The path length is inherent: exactly one certificate stands between root and
//! PCK certificate, none between root and TCB signer.

use bulla_collateral::PckCa;
use bulla_pki::certificate::Certificate;
use bulla_pki::pem;
use bulla_pki::{Name, PublicKey, TrustAnchor, Window};

use crate::finding::{Code, Findings};
use crate::issuance::Issuer;
use crate::verdict::{DocumentFacts, DocumentKind};

/// Most certificates in one chain: three roles. One more is read, to name the surplus.
const MAX_CERTIFICATES: usize = 4;

/// What a certificate is in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Root,
    PckCa,
    PckLeaf,
    TcbSigner,
}

impl Role {
    /// The phrase that the common name contains; under the vendor's own root it is the whole name
    /// but for the vendor's.
    pub(crate) fn phrases(self) -> &'static [&'static str] {
        match self {
            Self::Root => &["SGX Root CA"],
            Self::PckCa => &["SGX PCK Processor CA", "SGX PCK Platform CA"],
            Self::PckLeaf => &["SGX PCK Certificate"],
            Self::TcbSigner => &["SGX TCB Signing"],
        }
    }

    pub(crate) fn is_ca(self) -> bool {
        matches!(self, Self::Root | Self::PckCa)
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Root => "root CA",
            Self::PckCa => "PCK CA",
            Self::PckLeaf => "PCK certificate",
            Self::TcbSigner => "TCB signing certificate",
        }
    }

    /// The role of a certificate by its names. A self-issued certificate can only be a root.
    fn of(certificate: &Certificate<'_>) -> Option<Self> {
        if certificate.issuer() == certificate.subject() {
            return Some(Self::Root);
        }
        let name = certificate.subject().common_name()?;
        [Self::PckCa, Self::PckLeaf, Self::TcbSigner]
            .into_iter()
            .find(|role| role.phrases().iter().any(|phrase| name.contains(phrase)))
    }

    /// Whether the common name is right for the role under this anchor.
    pub(crate) fn names(self, subject: Name<'_>, anchor: Option<&TrustAnchor>) -> bool {
        let Some(name) = subject.common_name() else {
            return false;
        };
        let genuine = anchor.is_some_and(TrustAnchor::is_genuine);
        self.phrases().iter().any(|phrase| match genuine {
            true => name.strip_prefix("Intel ") == Some(phrase),
            false => name.contains(phrase),
        })
    }
}

/// Where a certificate of a chain is reported: as document and as subject of findings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainNames {
    pub(crate) chain: &'static str,
    pub(crate) end: &'static str,
    pub(crate) ca: &'static str,
    pub(crate) root: &'static str,
}

/// The certificates of a chain, split from PEM but not yet parsed: owners of the bytes.
pub(crate) struct ChainDer(Vec<Vec<u8>>);

impl ChainDer {
    /// Splits PEM; the number of certificates is bounded before anything is decoded.
    pub(crate) fn from_pem(text: &[u8], chain: &'static str, findings: &mut Findings) -> Self {
        match pem::decode(text, "CERTIFICATE", MAX_CERTIFICATES) {
            Ok(blocks) => Self(blocks),
            Err(error) => {
                findings.fail(
                    Code::ChainMalformed,
                    chain,
                    format!("The chain is not PEM certificates: {error}."),
                );
                Self(Vec::new())
            }
        }
    }
}

/// A CA or root of the collateral set whose every check was passed. Where the same bytes occur
/// again there is nothing left to check.
#[derive(Debug)]
pub(crate) struct CheckedCertificate {
    der: Vec<u8>,
    subject: Vec<u8>,
    key_identifier: Vec<u8>,
    key: PublicKey,
    pck_ca: Option<PckCa>,
    window: Window,
    sha256: [u8; 32],
}

impl CheckedCertificate {
    /// Remembers a certificate that the caller has checked, with its key as an issuer.
    pub(crate) fn new(certificate: &Certificate<'_>, issuer: Issuer<'_>) -> Option<Self> {
        Some(Self {
            der: certificate.der().to_vec(),
            subject: issuer.name.to_vec(),
            key_identifier: issuer.key_identifier.to_vec(),
            key: issuer.key.ok()?,
            pck_ca: pck_ca(certificate),
            window: certificate.validity(),
            sha256: certificate.sha256(),
        })
    }

    pub(crate) fn as_issuer(&self) -> Issuer<'_> {
        Issuer {
            name: &self.subject,
            key_identifier: &self.key_identifier,
            key: Ok(self.key.clone()),
        }
    }

    /// Whether `other` is a certificate of the same CA: name, key identifier and key are equal.
    pub(crate) fn is_same_authority(&self, other: &Certificate<'_>) -> bool {
        other.subject().der() == self.subject
            && other.extensions().subject_key_identifier == Some(&self.key_identifier)
            && other.public_key_bytes() == self.public_key_bytes()
    }

    pub(crate) fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }

    pub(crate) fn public_key_bytes(&self) -> &[u8; 65] {
        self.key.uncompressed()
    }
}

/// A CA or root in a chain.
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for one verification"
)]
pub(crate) enum Link<'a> {
    /// The very bytes of a certificate that was checked before.
    Checked(&'a CheckedCertificate),
    /// A certificate still to be checked.
    Fresh(Certificate<'a>),
}

impl Link<'_> {
    pub(crate) fn as_issuer(&self) -> Option<Issuer<'_>> {
        match self {
            Self::Checked(known) => Some(known.as_issuer()),
            Self::Fresh(certificate) => Issuer::of(certificate),
        }
    }

    pub(crate) fn pck_ca(&self) -> Option<PckCa> {
        match self {
            Self::Checked(known) => known.pck_ca,
            Self::Fresh(certificate) => pck_ca(certificate),
        }
    }

    pub(crate) fn fresh(&self) -> Option<&Certificate<'_>> {
        match self {
            Self::Checked(_) => None,
            Self::Fresh(certificate) => Some(certificate),
        }
    }

    fn document(&self, name: &'static str) -> DocumentFacts {
        match self {
            Self::Checked(known) => DocumentFacts {
                name,
                kind: DocumentKind::Certificate,
                window: known.window,
                sha256: known.sha256,
            },
            Self::Fresh(certificate) => document(name, certificate),
        }
    }
}

fn document(name: &'static str, certificate: &Certificate<'_>) -> DocumentFacts {
    DocumentFacts {
        name,
        kind: DocumentKind::Certificate,
        window: certificate.validity(),
        sha256: certificate.sha256(),
    }
}

/// The certificates of a chain by role.
#[derive(Default)]
pub(crate) struct Chain<'a> {
    pub(crate) root: Option<Link<'a>>,
    pub(crate) ca: Option<Link<'a>>,
    pub(crate) end: Option<Certificate<'a>>,
}

/// The certificates that were checked before, by role.
#[derive(Clone, Copy, Default)]
pub(crate) struct Checked<'a> {
    pub(crate) root: Option<&'a CheckedCertificate>,
    pub(crate) ca: Option<&'a CheckedCertificate>,
}

/// The shape that a chain must have.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// PCK certificate or TCB signer at the end; absent in the issuer chain of a CRL.
    pub(crate) end: Option<Role>,
    /// Whether a PCK CA stands in it.
    pub(crate) ca: bool,
    /// Whether the root must stand in it.
    pub(crate) root_required: bool,
}

impl Shape {
    /// The chain of a quote: the root may be left out.
    pub(crate) const PCK: Self = Self {
        end: Some(Role::PckLeaf),
        ca: true,
        root_required: false,
    };
    /// The issuer chain of TCB info and identities.
    pub(crate) const TCB_SIGNING: Self = Self {
        end: Some(Role::TcbSigner),
        ca: false,
        root_required: true,
    };
    /// The issuer chain of the PCK CRL.
    pub(crate) const CRL_ISSUER: Self = Self {
        end: None,
        ca: true,
        root_required: true,
    };
}

impl<'a> Chain<'a> {
    /// Gives every certificate its role: each once, in any order, none left over.
    pub(crate) fn assign(
        der: &'a ChainDer,
        shape: Shape,
        names: ChainNames,
        checked: Checked<'a>,
        findings: &mut Findings,
    ) -> Self {
        let mut chain = Self::default();
        for der in &der.0 {
            let is = |known: &&CheckedCertificate| known.der == *der;
            if let (Some(known), None) = (checked.root.filter(is), &chain.root) {
                chain.root = Some(Link::Checked(known));
                continue;
            }
            if let (Some(known), None, true) = (checked.ca.filter(is), &chain.ca, shape.ca) {
                chain.ca = Some(Link::Checked(known));
                continue;
            }
            let certificate = match Certificate::parse(der) {
                Ok(certificate) => certificate,
                Err(error) => {
                    let message = format!("A certificate of the chain cannot be read: {error}.");
                    findings.fail(Code::CertificateMalformed, names.chain, message);
                    continue;
                }
            };
            let surplus = match Role::of(&certificate) {
                Some(Role::Root) if chain.root.is_none() => {
                    chain.root = Some(Link::Fresh(certificate));
                    continue;
                }
                Some(Role::PckCa) if shape.ca && chain.ca.is_none() => {
                    chain.ca = Some(Link::Fresh(certificate));
                    continue;
                }
                role if role.is_some() && role == shape.end && chain.end.is_none() => {
                    chain.end = Some(certificate);
                    continue;
                }
                _ => certificate.subject().to_text(),
            };
            findings.fail(
                Code::CertificateUnexpected,
                names.chain,
                format!(
                    "A certificate has no role in this chain, or one that is taken: {surplus}."
                ),
            );
        }
        let mut require = |missing: bool, subject, role: Role| {
            if missing {
                let message = format!("The chain holds no {}.", role.title());
                findings.fail(Code::CertificateMissing, subject, message);
            }
        };
        if let Some(role) = shape.end {
            require(chain.end.is_none(), names.end, role);
        }
        require(shape.ca && chain.ca.is_none(), names.ca, Role::PckCa);
        require(
            shape.root_required && chain.root.is_none(),
            names.root,
            Role::Root,
        );
        chain
    }

    /// Window and digest of each certificate.
    pub(crate) fn documents(&self, names: ChainNames) -> impl Iterator<Item = DocumentFacts> {
        let end = self
            .end
            .as_ref()
            .map(|certificate| document(names.end, certificate));
        let ca = self.ca.as_ref().map(|link| link.document(names.ca));
        let root = self.root.as_ref().map(|link| link.document(names.root));
        [end, ca, root].into_iter().flatten()
    }
}

/// Which PCK CA a certificate is.
fn pck_ca(certificate: &Certificate<'_>) -> Option<PckCa> {
    let name = certificate.subject().common_name()?;
    if name.contains("SGX PCK Platform CA") {
        Some(PckCa::Platform)
    } else if name.contains("SGX PCK Processor CA") {
        Some(PckCa::Processor)
    } else {
        None
    }
}
