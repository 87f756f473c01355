//! Checks of one CRL or one JSON document, in a set or by itself.

use std::borrow::Cow;

use bulla_collateral::SignedText;
use bulla_pki::certificate::Certificate;
use bulla_pki::crl::{self, Crl, Revocation};
use bulla_pki::{CrlError, PublicKey, Signature, SignatureError};

use crate::finding::{Code, Findings};
use crate::issuance::Issuer;

/// The DER of a CRL; a failure, and `None`, where the bytes are none of the forms it comes in.
pub(crate) fn decode_crl<'a>(
    bytes: &'a [u8],
    name: &'static str,
    findings: &mut Findings,
) -> Option<Cow<'a, [u8]>> {
    crl::decode_encoding(bytes)
        .map_err(|error| malformed_crl(&error, name, findings))
        .ok()
}

/// Reads a CRL; a failure, and `None`, where it cannot be read. No bytes at all are no CRL.
pub(crate) fn parse_crl<'a>(
    der: &'a [u8],
    name: &'static str,
    findings: &mut Findings,
) -> Option<Crl<'a>> {
    Crl::parse(der)
        .map_err(|error| malformed_crl(&error, name, findings))
        .ok()
}

fn malformed_crl(error: &CrlError, name: &'static str, findings: &mut Findings) {
    let message = format!("The CRL cannot be read: {error}.");
    findings.fail(Code::CrlMalformed, name, message);
}

/// Checks that a CRL is the list of this issuer: by name, by key identifier, by signature.
pub(crate) fn check_crl(
    crl: &Crl<'_>,
    issuer: Option<&Issuer<'_>>,
    name: &'static str,
    findings: &mut Findings,
) {
    // Without an issuer its chain has failed already.
    let Some(issuer) = issuer else { return };
    if crl.issuer().der() != issuer.name {
        findings.fail(
            Code::CrlIssuerMismatch,
            name,
            format!(
                "The CRL was issued by `{}`, not by the CA it is used for.",
                crl.issuer().to_text()
            ),
        );
    }
    if crl.authority_key_identifier() != issuer.key_identifier {
        findings.differ(
            Code::CrlIssuerMismatch,
            name,
            "The authority key identifier of the CRL is not that of its issuer.",
            hex::encode(issuer.key_identifier),
            hex::encode(crl.authority_key_identifier()),
        );
    }
    let holds = issuer.key.as_ref().map_err(|error| *error);
    if let Err(error) = holds.and_then(|key| crl.verify_signature(key)) {
        findings.fail(
            Code::CrlSignatureInvalid,
            name,
            format!("The CRL is not signed by the key of its issuer: {error}."),
        );
    }
}

/// Looks a certificate up in the list of its issuer.
pub(crate) fn check_revocation(
    certificate: &Certificate<'_>,
    revoked: &[Revocation],
    name: &'static str,
    findings: &mut Findings,
) {
    if let Some(revocation) = crl::find_revocation(revoked, certificate.serial()) {
        fail_revoked(&revocation, name, findings);
    }
}

pub(crate) fn fail_revoked(revocation: &Revocation, name: &'static str, findings: &mut Findings) {
    findings.fail(
        Code::CertificateRevoked,
        name,
        format!(
            "The certificate with serial number {} was revoked by its issuer on {}.",
            revocation.serial, revocation.date
        ),
    );
}

/// Checks the signature over the received text, of which `sha256` is the digest.
///
/// Without a key nothing is said of it: the chain that should have brought one has failed already.
pub(crate) fn check_text(
    text: &SignedText,
    sha256: &[u8; 32],
    key: Option<&Result<PublicKey, SignatureError>>,
    name: &'static str,
    findings: &mut Findings,
) {
    let signature = match Signature::from_hex(&text.signature) {
        Ok(signature) => signature,
        Err(_) => {
            findings.fail(
                Code::DocumentSignatureMalformed,
                name,
                "The signature is not 128 hexadecimal digits of two numbers in range.",
            );
            return;
        }
    };
    let Some(key) = key else { return };
    let holds = key.as_ref().map_err(|error| *error);
    if let Err(error) = holds.and_then(|key| key.verify_digest(sha256, &signature)) {
        findings.fail(
            Code::DocumentSignatureInvalid,
            name,
            format!("The received text is not signed by the key of its signer: {error}."),
        );
    }
}

pub(crate) fn malformed(name: &'static str, reason: &str, findings: &mut Findings) {
    let message = format!("The document cannot be read: {reason}.");
    findings.fail(Code::DocumentMalformed, name, message);
}

pub(crate) fn note_unknown_fields(fields: &[String], name: &'static str, findings: &mut Findings) {
    if !fields.is_empty() {
        let names: Vec<String> = fields
            .iter()
            .take(8)
            .map(|field| field.escape_debug().take(40).collect())
            .collect();
        findings.note(
            Code::DocumentFieldUnknown,
            name,
            format!(
                "Fields that this version does not know: {}.",
                names.join(", ")
            ),
        );
    }
}
