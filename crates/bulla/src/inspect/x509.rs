//! Certificates and revocation lists.

use bulla_pki::crl::{Revocation, decode_encoding};
use bulla_pki::{Certificate, Crl, SgxExtension, pem};

use super::{Described, Description, Malformed};
use crate::describe::{Fields, Value, platform};

/// Most certificates that one file may hold: chains have three.
const MAX_CERTIFICATES: usize = 16;

const CERTIFICATE: &str = "a certificate";
const CRL: &str = "a certificate revocation list";

pub(super) fn chain(text: &[u8]) -> Described {
    let certificates = certificates(text)?;
    let fields = Fields::new().with("certificates", certificates);
    Ok(Description::new("certificate_chain", fields))
}

pub(super) fn single(der: &[u8]) -> Described {
    Ok(Description::new("certificate", certificate(der)?))
}

/// The certificates of a PEM text, in its order.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<Fields>, Malformed> {
    pem::decode(text, "CERTIFICATE", MAX_CERTIFICATES)
        .map_err(|error| Malformed::new("a certificate chain", error))?
        .iter()
        .map(|der| certificate(der))
        .collect()
}

fn certificate(der: &[u8]) -> Result<Fields, Malformed> {
    let certificate =
        Certificate::parse(der).map_err(|error| Malformed::new(CERTIFICATE, error))?;
    let extensions = certificate.extensions();
    let usage = extensions.key_usage.map(|usage| {
        let purposes = [
            (usage.digital_signature, "digital signature"),
            (usage.key_cert_sign, "certificate signing"),
            (usage.crl_sign, "CRL signing"),
        ];
        let set = purposes.into_iter().filter(|(set, _)| *set);
        set.map(|(_, purpose)| purpose).collect::<Vec<_>>()
    });
    let constraints = extensions.basic_constraints;
    let public_key = match certificate.public_key() {
        Ok(key) => hex::encode(key.uncompressed()),
        Err(error) => format!("unusable: {error}"),
    };
    Ok(Fields::new()
        .with("subject", certificate.subject().to_text())
        .with("issuer", certificate.issuer().to_text())
        .with("serial", certificate.serial().to_string())
        .window("not_before", "not_after", certificate.validity())
        .with("public_key", public_key)
        .with("ca", constraints.map(|constraints| constraints.ca))
        .with("path_length", constraints.and_then(|c| c.path_length))
        .with("key_usage", usage)
        .with(
            "subject_key_identifier",
            extensions.subject_key_identifier.map(hex::encode),
        )
        .with(
            "authority_key_identifier",
            extensions.authority_key_identifier.map(hex::encode),
        )
        .with(
            "crl_distribution_point",
            extensions.crl_distribution_point.flatten(),
        )
        .with("simulated", extensions.simulated)
        .with(
            "unknown_critical_extension",
            extensions.unknown_critical.clone(),
        )
        .with("sgx_extension", extensions.sgx.map(sgx_extension))
        .hex("sha256", certificate.sha256()))
}

fn sgx_extension(content: &[u8]) -> Value {
    match SgxExtension::parse(content) {
        Ok(sgx) => platform::extension(&sgx).into(),
        Err(error) => format!("unreadable: {error}").into(),
    }
}

pub(super) fn crl(bytes: impl AsRef<[u8]>) -> Described {
    Ok(Description::new("crl", crl_fields(bytes.as_ref())?))
}

/// A CRL in any of its encodings.
pub(super) fn crl_fields(bytes: &[u8]) -> Result<Fields, Malformed> {
    let der = decode_encoding(bytes).map_err(|error| Malformed::new(CRL, error))?;
    let crl = Crl::parse(&der).map_err(|error| Malformed::new(CRL, error))?;
    let revoked: Vec<Fields> = crl.revoked().iter().map(revocation).collect();
    Ok(Fields::new()
        .with("issuer", crl.issuer().to_text())
        .window("this_update", "next_update", crl.window())
        .with("number", crl.number())
        .hex("authority_key_identifier", crl.authority_key_identifier())
        .with("revoked_count", revoked.len())
        .with("revoked", revoked)
        .hex("sha256", crl.sha256()))
}

fn revocation(revocation: &Revocation) -> Fields {
    Fields::new()
        .with("serial", revocation.serial.to_string())
        .with("date", revocation.date)
}
