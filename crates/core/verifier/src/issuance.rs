//! Whether one certificate was issued by another, and fits its role.

use bulla_pki::certificate::Certificate;
use bulla_pki::{AnchorKind, PublicKey, SignatureError, TrustAnchor, TrustAnchors};

use crate::chain::Role;
use crate::finding::{Code, Findings};

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
    let known = anchor.is_some_and(|anchor| anchor.knows_certificate(&root.sha256()));
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
        Some(constraints) if role.is_ca() && !constraints.ca => wrong("it is not a CA"),
        Some(constraints) if !role.is_ca() && constraints.ca => wrong("it is a CA"),
        Some(constraints) if !constraints.ca && constraints.path_length.is_some() => {
            wrong("a path length stands beside what is no CA");
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
        Some(usage) if !role.is_ca() && (usage.key_cert_sign || usage.crl_sign) => {
            wrong("the key may sign certificates or CRLs");
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
    if extensions.simulated && anchor.is_some_and(|a| a.kind() != AnchorKind::Simulated) {
        wrong("it says that it is simulated, under a root that was not given as simulated");
    }
    if let Some(oid) = &extensions.unknown_critical {
        wrong(&format!("the critical extension {oid} is unknown"));
    }
}
