//! Quotes, part by part.

use bulla_evidence::input::Encoding;
use bulla_evidence::layout::{PpidRecord, QuoteHeader};
use bulla_evidence::{AuthData, CertificationData, Quote};

use super::{Described, Description, Malformed, x509};
use crate::describe::{Fields, Value, body};

pub(super) fn describe(bytes: &[u8], encoding: Encoding) -> Described {
    let quote = Quote::parse(bytes).map_err(|error| Malformed::new("a quote", error))?;
    let quote_body = quote.body();
    let fields = Fields::new()
        .with("encoding", encoding.as_str())
        .with("size", quote.encoded().len())
        .with("trailing_bytes", quote.trailing().len())
        .with("tee", quote.tee().as_str())
        .with("header", header(quote.header()))
        .with("body_type", quote_body.name())
        .with("body", body::body(quote_body))
        .with("authentication", authentication(quote.auth()));
    Ok(Description::new("quote", fields))
}

fn header(header: &QuoteHeader) -> Fields {
    Fields::new()
        .with("version", header.version.get())
        .with("attestation_key_type", header.attestation_key_type.get())
        .with("tee_type", format!("{:#x}", header.tee_type.get()))
        .with("qe_svn", header.qe_svn.get())
        .with("pce_svn", header.pce_svn.get())
        .hex("qe_vendor_id", header.qe_vendor_id)
        .hex("user_data", header.user_data)
}

fn authentication(auth: &AuthData<'_>) -> Fields {
    Fields::new()
        .hex("signature", auth.signature)
        .hex("attestation_key", auth.attestation_key)
        .with("qe_report", body::sgx(auth.qe_report))
        .hex("qe_report_signature", auth.qe_report_signature)
        .hex("qe_auth_data", auth.qe_auth)
        .with("certification_data", certification(&auth.certification))
}

fn certification(data: &CertificationData<'_>) -> Fields {
    let fields = Fields::new().with("type", data.kind());
    match data {
        CertificationData::PpidClear(record) => fields
            .with("name", "PPID in the clear")
            .and(ppid("ppid", record)),
        CertificationData::PpidRsa2048(record) => fields
            .with("name", "PPID, encrypted with RSA-2048")
            .and(ppid("encrypted_ppid", record)),
        CertificationData::PpidRsa3072(record) => fields
            .with("name", "PPID, encrypted with RSA-3072")
            .and(ppid("encrypted_ppid", record)),
        CertificationData::PckLeaf(text) => fields
            .with("name", "PCK certificate")
            .with("certificates", certificates(text)),
        CertificationData::PckChain(text) => fields
            .with("name", "PCK certificate chain")
            .with("certificates", certificates(text)),
        CertificationData::PlatformManifest(manifest) => fields
            .with("name", "platform manifest")
            .hex("manifest", manifest),
    }
}

fn ppid<const N: usize>(name: &'static str, record: &PpidRecord<N>) -> Fields {
    Fields::new()
        .hex(name, record.ppid)
        .hex("cpusvn", record.cpusvn)
        .with("pcesvn", record.pcesvn.get())
        .with("pceid", record.pceid.get())
}

/// The chain, or why it cannot be read: the rest of the quote is worth showing all the same.
fn certificates(text: &[u8]) -> Value {
    match x509::certificates(text) {
        Ok(certificates) => certificates.into(),
        Err(Malformed { reason, .. }) => format!("unreadable: {reason}").into(),
    }
}
