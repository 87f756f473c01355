//! The documents that one quote needs, as received and not yet checked.

use serde_json::value::RawValue;

use crate::json::{self, DocumentError, Text, object};

/// A signed JSON document taken apart: the text that was signed, and the signature over it.
///
/// Nothing is checked here; the verifier reads both strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedText {
    /// The inner JSON object, byte for byte as the vendor signed it.
    pub body: Vec<u8>,
    /// ECDSA P-256 over SHA-256 of `body`: `r` then `s`, 128 hexadecimal digits.
    pub signature: String,
}

/// The documents that the vendor signs as JSON, named by the field that holds their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignedKind {
    /// `tcbInfo`.
    TcbInfo,
    /// `enclaveIdentity`.
    EnclaveIdentity,
    /// `tcbEvaluationDataNumbers`.
    EvaluationDataNumbers,
}

impl SignedText {
    /// Takes a document apart as services deliver it: `{"tcbInfo":{...},"signature":"..."}` or
    /// the same with one of the other kinds.
    ///
    /// The text of the inner object is kept as received, never written anew. Other fields beside
    /// the two are unsigned and therefore ignored.
    pub fn from_wrapped(document: &[u8]) -> Result<(SignedKind, Self), DocumentError> {
        let wrapped: Wrapped<'_> = json::parse(document)?;
        let bodies = [
            (SignedKind::TcbInfo, wrapped.tcb_info),
            (SignedKind::EnclaveIdentity, wrapped.enclave_identity),
            (
                SignedKind::EvaluationDataNumbers,
                wrapped.tcb_evaluation_data_numbers,
            ),
        ];
        let mut found = bodies
            .into_iter()
            .filter_map(|(kind, body)| Some((kind, body?)));
        let field = "tcbInfo, enclaveIdentity or tcbEvaluationDataNumbers";
        match (found.next(), found.next()) {
            (Some((kind, body)), None) => Ok((
                kind,
                Self {
                    body: body.get().as_bytes().to_vec(),
                    signature: wrapped.signature.0.into_owned(),
                },
            )),
            (None, _) => Err(DocumentError::Field {
                field,
                problem: "is missing",
            }),
            (Some(_), Some(_)) => Err(DocumentError::Field {
                field,
                problem: "stands beside another of them",
            }),
        }
    }
}

object! {
    struct Wrapped<'de>;
    required {
        signature: Text<'de> = "signature",
    }
    optional {
        tcb_info: &'de RawValue = "tcbInfo",
        enclave_identity: &'de RawValue = "enclaveIdentity",
        tcb_evaluation_data_numbers: &'de RawValue = "tcbEvaluationDataNumbers",
    }
}

/// The collateral for one quote: unverified bytes in the forms that services deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollateralSet {
    /// TCB info of the platform's FMSPC, for the technology of the quote.
    pub tcb_info: SignedText,
    /// PEM: TCB signing certificate and root.
    pub tcb_info_issuer_chain: Vec<u8>,
    /// Identity of the quoting enclave (`QE` or `TD_QE`).
    pub qe_identity: SignedText,
    /// PEM: TCB signing certificate and root.
    pub qe_identity_issuer_chain: Vec<u8>,
    /// CRL of the CA that issued the PCK certificate: DER, PEM or hexadecimal DER.
    pub pck_crl: Vec<u8>,
    /// PEM: PCK Processor CA or PCK Platform CA, and root.
    pub pck_crl_issuer_chain: Vec<u8>,
    /// CRL of the root CA: DER, PEM or hexadecimal DER.
    pub root_ca_crl: Vec<u8>,
    /// PEM: PCK certificate, its CA and root, for quotes that carry no chain; absent otherwise.
    pub pck_certificate_chain: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Result<(SignedKind, SignedText), DocumentError> {
        SignedText::from_wrapped(document.as_bytes())
    }

    #[test]
    fn the_signed_text_is_kept_as_it_stands() {
        for (name, kind) in [
            ("tcbInfo", SignedKind::TcbInfo),
            ("enclaveIdentity", SignedKind::EnclaveIdentity),
            (
                "tcbEvaluationDataNumbers",
                SignedKind::EvaluationDataNumbers,
            ),
        ] {
            let document = format!("{{\"{name}\" : {{ \"a\":\t1}} ,\"signature\":\"5a\"}}");
            let text = SignedText {
                body: b"{ \"a\":\t1}".to_vec(),
                signature: "5a".to_owned(),
            };
            assert_eq!(read(&document), Ok((kind, text)));
        }
    }

    #[test]
    fn no_document_or_two_of_them_are_refused() {
        for (document, wrong) in [
            (r#"{"signature":"5a"}"#, "is missing"),
            (
                r#"{"tcbInfo":{},"enclaveIdentity":{},"signature":"5a"}"#,
                "stands beside another of them",
            ),
        ] {
            match read(document) {
                Err(DocumentError::Field { problem, .. }) => assert_eq!(problem, wrong),
                other => panic!("{document}: {other:?}"),
            }
        }
        assert!(read(r#"{"tcbInfo":{}}"#).is_err(), "no signature");
    }
}
