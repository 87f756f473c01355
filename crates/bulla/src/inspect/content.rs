//! Telling by its content what a file is.

use std::borrow::Cow;

use bulla_enclave::image::is_elf;
use bulla_evidence::QuoteVersion;
use bulla_evidence::input::{Encoding, decode_text_or_raw};
use bulla_evidence::layout::ReportType;
use bulla_pki::{Certificate, CertificateError};
use bulla_processor::{Sigstruct, sgxs};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Bytes and what they seem to be.
pub(super) enum Content<'a> {
    Quote(Cow<'a, [u8]>, Encoding),
    Report(Cow<'a, [u8]>),
    Sigstruct(Box<Sigstruct>),
    Image(&'a [u8]),
    Program(&'a [u8]),
    CertificatesPem(&'a [u8]),
    CertificateDer(Cow<'a, [u8]>),
    /// In any of the encodings of CRLs.
    Crl(Cow<'a, [u8]>),
    Wrapped(&'a [u8]),
    TcbInfo(&'a [u8]),
    EnclaveIdentity(&'a [u8]),
    EvaluationDataNumbers(&'a [u8]),
    CollateralSet(&'a [u8]),
}

impl<'a> Content<'a> {
    /// What the bytes seem to be, or why they are nothing known.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, String> {
        let text = bytes.trim_ascii_start();
        if sgxs::is_image(bytes) {
            return Ok(Self::Image(bytes));
        }
        if is_elf(bytes) {
            return Ok(Self::Program(bytes));
        }
        if text.starts_with(b"-----BEGIN CERTIFICATE-----") {
            return Ok(Self::CertificatesPem(bytes));
        }
        if text.starts_with(b"-----BEGIN X509 CRL-----") {
            return Ok(Self::Crl(Cow::Borrowed(bytes)));
        }
        if text.starts_with(b"-----BEGIN") {
            return Err("this is PEM, but neither CERTIFICATE nor X509 CRL".to_owned());
        }
        if text.starts_with(b"{") {
            return Self::of_json(bytes);
        }
        // DER is longer than any quote where a CRL is long, so that it comes before decoding.
        if is_der(bytes) {
            return Ok(Self::of_der(Cow::Borrowed(bytes)));
        }
        let (decoded, encoding) = match decode_text_or_raw(bytes) {
            Ok(decoded) => (decoded, Encoding::detect(bytes).unwrap_or(Encoding::Raw)),
            Err(error) => return Err(error.to_string()),
        };
        Self::of_binary(decoded, encoding)
    }

    fn of_binary(bytes: Cow<'a, [u8]>, encoding: Encoding) -> Result<Self, String> {
        if is_der(&bytes) {
            return Ok(Self::of_der(bytes));
        }
        if let Some(sigstruct) = Sigstruct::parse(&bytes) {
            return Ok(Self::Sigstruct(Box::new(sigstruct.clone())));
        }
        match (bytes.len(), bytes.first()) {
            (384 | 432, _) | (1024, Some(&ReportType::TDX)) => return Ok(Self::Report(bytes)),
            _ => {}
        }
        let version = match *bytes {
            [low, high, ..] => QuoteVersion::from_number(u16::from_le_bytes([low, high])),
            _ => None,
        };
        match version {
            Some(_) => Ok(Self::Quote(bytes, encoding)),
            None => {
                let start = hex::encode(bytes.get(..8).unwrap_or(&bytes));
                Err(format!(
                    "{} bytes that begin with {start} are nothing known",
                    bytes.len()
                ))
            }
        }
    }

    /// Certificate or CRL: the first fits only the structure of the one.
    fn of_der(der: Cow<'a, [u8]>) -> Self {
        match Certificate::parse(&der) {
            Err(CertificateError::Der { .. } | CertificateError::TooLong { .. })
                if bulla_pki::Crl::parse(&der).is_ok() =>
            {
                Self::Crl(der)
            }
            _ => Self::CertificateDer(der),
        }
    }

    fn of_json(text: &'a [u8]) -> Result<Self, String> {
        let names: Names = serde_json::from_slice(text)
            .map_err(|error| format!("this looks like JSON, but is not: {error}"))?;
        let wrapped = names.tcb_info_wrapped.is_some()
            || names.enclave_identity.is_some()
            || names.tcb_evaluation_data_numbers.is_some();
        if wrapped {
            Ok(Self::Wrapped(text))
        } else if names.tcb_info.is_some() || names.pck_crl.is_some() {
            Ok(Self::CollateralSet(text))
        } else if names.fmspc.is_some() {
            Ok(Self::TcbInfo(text))
        } else if names.mrsigner.is_some() {
            Ok(Self::EnclaveIdentity(text))
        } else if names.tcb_eval_numbers.is_some() {
            Ok(Self::EvaluationDataNumbers(text))
        } else {
            Err("this is JSON, but no document of the vendor and no collateral set".to_owned())
        }
    }
}

/// The names that tell JSON objects of this field apart.
#[derive(Deserialize)]
struct Names {
    #[serde(rename = "tcbInfo")]
    tcb_info_wrapped: Option<IgnoredAny>,
    #[serde(rename = "enclaveIdentity")]
    enclave_identity: Option<IgnoredAny>,
    #[serde(rename = "tcbEvaluationDataNumbers")]
    tcb_evaluation_data_numbers: Option<IgnoredAny>,
    tcb_info: Option<IgnoredAny>,
    pck_crl: Option<IgnoredAny>,
    fmspc: Option<IgnoredAny>,
    mrsigner: Option<IgnoredAny>,
    #[serde(rename = "tcbEvalNumbers")]
    tcb_eval_numbers: Option<IgnoredAny>,
}

/// Whether the bytes begin as DER of some size does: a SEQUENCE with a length of two octets. No
/// quote begins so, as its version would be unknown.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x84, ..])
}
