//! The documents that one quote needs, as received and not yet checked.

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
