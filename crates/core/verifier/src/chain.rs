//! Chains of fixed roles: PCK certificate, its CA and the root; or TCB signer and the root.
//!
//! Every certificate has a place of its own, so nothing is searched for and every failing check
//! can be reported. The path length is inherent: exactly one certificate stands between root and
//! PCK certificate, none between root and TCB signer.

use bulla_pki::certificate::Certificate;
use bulla_pki::pem;
use bulla_pki::{Name, PublicKey, SignatureError, TrustAnchor, TrustAnchors, Window};

use crate::finding::{Code, Findings};
use crate::verdict::{DocumentFacts, DocumentKind, PckCa};

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
    fn phrases(self) -> &'static [&'static str] {
        match self {
            Self::Root => &["SGX Root CA"],
            Self::PckCa => &["SGX PCK Processor CA", "SGX PCK Platform CA"],
            Self::PckLeaf => &["SGX PCK Certificate"],
            Self::TcbSigner => &["SGX TCB Signing"],
        }
    }

    fn is_ca(self) -> bool {
        matches!(self, Self::Root | Self::PckCa)
    }

    fn title(self) -> &'static str {
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
    fn names(self, subject: Name<'_>, anchor: Option<&TrustAnchor>) -> bool {
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
            sha256: *certificate.sha256(),
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
            && other.public_key_bytes() == self.key.uncompressed()
    }

    pub(crate) fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
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
        sha256: *certificate.sha256(),
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

/// Who a certificate must have been issued by.
pub(crate) struct Issuer<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) key_identifier: &'a [u8],
    /// An error where the bytes of the key are no point of the curve.
    pub(crate) key: Result<PublicKey, SignatureError>,
}

impl<'a> Issuer<'a> {
    /// The issuer that a certificate describes; absent without a subject key identifier, which
    /// the check of its own extensions reports.
    pub(crate) fn of(certificate: &'a Certificate<'_>) -> Option<Self> {
        Self::with_key(certificate, certificate.public_key())
    }

    /// As [`Self::of`], with the certificate's key read before.
    pub(crate) fn with_key(
        certificate: &'a Certificate<'_>,
        key: Result<PublicKey, SignatureError>,
    ) -> Option<Self> {
        Some(Self {
            name: certificate.subject().der(),
            key_identifier: certificate.extensions().subject_key_identifier?,
            key,
        })
    }
}

/// Checks the root of a chain and finds its anchor.
///
/// A root whose bytes are known needs no work. Any other must be signed by its own key, and the
/// key must be an anchor's; another certificate of an anchor's key is accepted with a note.
pub(crate) fn check_root<'t>(
    root: &Certificate<'_>,
    anchors: &'t TrustAnchors,
    name: &'static str,
    findings: &mut Findings,
) -> Option<&'t TrustAnchor> {
    let anchor = anchors.find(root.public_key_bytes());
    let known = anchor.is_some_and(|anchor| anchor.knows_certificate(root.sha256()));
    let self_signed = || root.verify_signature(&root.public_key()?);
    if !known && let Err(error) = self_signed() {
        findings.fail(
            Code::RootSignatureInvalid,
            name,
            format!("The root certificate is not signed by its own key: {error}."),
        );
        return None;
    }
    let Some(anchor) = anchor else {
        findings.differ(
            Code::RootUntrusted,
            name,
            format!(
                "The chain ends in the root `{}`, whose key is no trust anchor.",
                root.subject().to_text()
            ),
            anchors
                .iter()
                .map(TrustAnchor::name)
                .collect::<Vec<_>>()
                .join(", "),
            format!(
                "public key with SHA-256 {}",
                hex::encode(bulla_pki::digest::sha256(root.public_key_bytes()))
            ),
        );
        return None;
    };
    check_profile(root, Role::Root, Some(anchor), name, findings);
    if !known {
        findings.note(
            Code::RootCertificateUnknown,
            name,
            "This certificate of the root key is none of the known ones; the key is what counts.",
        );
    }
    Some(anchor)
}

/// Checks that `issuer` issued the certificate: names, key identifiers, signature.
pub(crate) fn check_issued(
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    name: &'static str,
    findings: &mut Findings,
) {
    if certificate.issuer().der() != issuer.name {
        findings.fail(
            Code::CertificateNameMismatch,
            name,
            format!(
                "The certificate names as its issuer `{}`, not the certificate above it.",
                certificate.issuer().to_text()
            ),
        );
    }
    let authority = certificate.extensions().authority_key_identifier;
    if authority != Some(issuer.key_identifier) {
        findings.differ(
            Code::KeyIdentifierMismatch,
            name,
            "The authority key identifier is not the issuer's subject key identifier.",
            hex::encode(issuer.key_identifier),
            authority.map_or_else(|| "absent".to_owned(), hex::encode),
        );
    }
    let holds = issuer.key.as_ref().map_err(|error| *error);
    if let Err(error) = holds.and_then(|key| certificate.verify_signature(key)) {
        findings.fail(
            Code::CertificateSignatureInvalid,
            name,
            format!("The certificate is not signed by the key of its issuer: {error}."),
        );
    }
}

/// Checks name and extensions of a certificate against its role (RFC 5280, section 4.2).
pub(crate) fn check_profile(
    certificate: &Certificate<'_>,
    role: Role,
    anchor: Option<&TrustAnchor>,
    name: &'static str,
    findings: &mut Findings,
) {
    if !role.names(certificate.subject(), anchor) {
        findings.differ(
            Code::CertificateNameMismatch,
            name,
            format!("The common name is not that of a {}.", role.title()),
            role.phrases().join(" or "),
            certificate.subject().to_text(),
        );
    }
    let extensions = certificate.extensions();
    let mut wrong = |problem: &str| {
        findings.fail(
            Code::CertificateExtensionInvalid,
            name,
            format!("The extensions do not fit a {}: {problem}.", role.title()),
        );
    };
    match extensions.basic_constraints {
        None => wrong("basic constraints are missing"),
        Some(constraints) if constraints.ca != role.is_ca() => {
            wrong(if role.is_ca() {
                "it is not a CA"
            } else {
                "it is a CA"
            });
        }
        Some(_) => {}
    }
    match extensions.key_usage {
        None => wrong("key usage is missing"),
        Some(usage) if role.is_ca() && !(usage.key_cert_sign && usage.crl_sign) => {
            wrong("the key may not sign certificates and CRLs");
        }
        Some(usage) if !role.is_ca() && !usage.digital_signature => {
            wrong("the key may not sign data");
        }
        Some(usage) if !role.is_ca() && usage.key_cert_sign => {
            wrong("the key may sign certificates");
        }
        Some(_) => {}
    }
    if extensions.subject_key_identifier.is_none() {
        wrong("the subject key identifier is missing");
    }
    if extensions.authority_key_identifier.is_none() {
        wrong("the authority key identifier is missing");
    }
    if extensions.crl_distribution_point.is_none() {
        wrong("CRL distribution points are missing");
    }
    if let Some(oid) = &extensions.unknown_critical {
        wrong(&format!("the critical extension {oid} is unknown"));
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
