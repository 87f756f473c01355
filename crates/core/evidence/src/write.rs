//! Quotes written by the layouts they are parsed by.
//!
//! In two steps, because a quote is signed in between: the signed part first, then the whole.

use zerocopy::IntoBytes;

use crate::layout::{BodyDescriptor, QuoteHeader, certification_type};
use crate::{AuthData, Body, QuoteVersion, WriteError};

/// The part of a quote that the attestation key signs: header and body, and the descriptor
/// between them in version 5.
///
/// # Errors
///
/// When quotes of this version have no place for this body, and when the header names another
/// version or technology; [`QuoteHeader::new`] makes one that fits.
pub fn signed_part(
    version: QuoteVersion,
    header: &QuoteHeader,
    body: Body<'_>,
) -> Result<Vec<u8>, WriteError> {
    if !version.admits(body.body_type()) {
        return Err(WriteError::BodyUnsupported {
            version: version.number(),
            body: body.name(),
        });
    }
    must_be(
        "version",
        version.number().into(),
        header.version.get().into(),
    )?;
    must_be("tee_type", body.tee().tee_type(), header.tee_type.get())?;

    let mut bytes = header.as_bytes().to_vec();
    if version == QuoteVersion::V5 {
        bytes.extend_from_slice(BodyDescriptor::new(body.body_type()).as_bytes());
    }
    bytes.extend_from_slice(body.as_bytes());
    Ok(bytes)
}

/// A whole quote: the signed part as it is, and the auth data in the form of its version.
///
/// The signed part is not examined beyond the version that it starts with, so that tests can
/// also write quotes that no parser should accept.
///
/// # Errors
///
/// When the signed part starts with no known version, and when `qe_auth` or the certification
/// data is longer than the field for its size can say.
pub fn write_quote(signed_part: &[u8], auth: &AuthData<'_>) -> Result<Vec<u8>, WriteError> {
    let version = signed_part
        .first_chunk()
        .and_then(|number| QuoteVersion::from_number(u16::from_le_bytes(*number)))
        .ok_or(WriteError::VersionUnknown)?;

    let mut vouching = auth.qe_report.as_bytes().to_vec();
    vouching.extend_from_slice(auth.qe_report_signature);
    push_qe_auth(&mut vouching, auth.qe_auth)?;
    push_certification(
        &mut vouching,
        auth.certification.kind(),
        auth.certification.as_bytes(),
    )?;

    let mut auth_data = [*auth.signature, *auth.attestation_key].concat();
    if version.wraps_certification() {
        push_certification(&mut auth_data, certification_type::QE_REPORT, &vouching)?;
    } else {
        auth_data.extend_from_slice(&vouching);
    }

    let mut quote = signed_part.to_vec();
    push_sized(&mut quote, "the auth data", &auth_data)?;
    Ok(quote)
}

fn must_be(field: &'static str, expected: u32, actual: u32) -> Result<(), WriteError> {
    if actual == expected {
        return Ok(());
    }
    Err(WriteError::HeaderMismatch {
        field,
        expected,
        actual,
    })
}

fn push_qe_auth(bytes: &mut Vec<u8>, qe_auth: &[u8]) -> Result<(), WriteError> {
    let size = u16::try_from(qe_auth.len()).map_err(|_| WriteError::TooLong {
        field: "the QE auth data",
        maximum: u16::MAX.into(),
        actual: qe_auth.len(),
    })?;
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(qe_auth);
    Ok(())
}

fn push_certification(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) -> Result<(), WriteError> {
    bytes.extend_from_slice(&kind.to_le_bytes());
    push_sized(bytes, "the certification data", data)
}

/// Appends the size of the data in 4 bytes, then the data.
fn push_sized(bytes: &mut Vec<u8>, field: &'static str, data: &[u8]) -> Result<(), WriteError> {
    let size = u32::try_from(data.len()).map_err(|_| WriteError::TooLong {
        field,
        maximum: usize::try_from(u32::MAX).unwrap_or(usize::MAX),
        actual: data.len(),
    })?;
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(data);
    Ok(())
}
