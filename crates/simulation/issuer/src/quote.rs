//! Quotes of every kind.

use bulla_evidence::layout::{BodyDescriptor, QuoteHeader, SgxReportBody};
use bulla_evidence::{AuthData, BodyType, QuoteVersion, write_quote};
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

use crate::key::SigningKey;
use crate::quote_data::{Certification, QuoteBody};

/// The forms of quotes that verifiers must know: a version and a kind of body that it admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteKind {
    /// Version 3, SGX.
    SgxV3,
    /// Version 4, SGX.
    SgxV4,
    /// Version 5, SGX.
    SgxV5,
    /// Version 4, TDX 1.0.
    Td10V4,
    /// Version 5, TDX 1.0.
    Td10V5,
    /// Version 5, TDX 1.5.
    Td15V5,
    /// Version 5, TDX 1.5 with the extended service TD fields.
    Td15ExV5,
}

impl QuoteKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::SgxV3,
        Self::SgxV4,
        Self::SgxV5,
        Self::Td10V4,
        Self::Td10V5,
        Self::Td15V5,
        Self::Td15ExV5,
    ];

    /// The version of the quote format.
    pub const fn version(self) -> QuoteVersion {
        match self {
            Self::SgxV3 => QuoteVersion::V3,
            Self::SgxV4 | Self::Td10V4 => QuoteVersion::V4,
            Self::SgxV5 | Self::Td10V5 | Self::Td15V5 | Self::Td15ExV5 => QuoteVersion::V5,
        }
    }

    /// The kind of body.
    pub const fn body_type(self) -> BodyType {
        match self {
            Self::SgxV3 | Self::SgxV4 | Self::SgxV5 => BodyType::Sgx,
            Self::Td10V4 | Self::Td10V5 => BodyType::Td10,
            Self::Td15V5 => BodyType::Td15,
            Self::Td15ExV5 => BodyType::Td15Ex,
        }
    }
}

/// A quote before it is signed; every field may be changed to something wrong.
#[derive(Clone, Debug)]
pub struct QuoteSpec {
    /// The header.
    pub header: QuoteHeader,
    /// What stands between header and body: present in version 5.
    pub descriptor: Option<BodyDescriptor>,
    /// The body.
    pub body: QuoteBody,
    /// The key that signs header and body.
    pub attestation_key: SigningKey,
    /// The quoting enclave's report; its report data is filled in when the quote is signed.
    pub qe_report: SgxReportBody,
    /// Data of the quoting enclave's choice: at most 65,535 bytes.
    pub qe_auth: Vec<u8>,
}

impl QuoteSpec {
    /// A quote of Intel's format; the bytes 0 to 31 are its QE auth data, as of the vendor's
    /// quoting enclave.
    pub fn new(
        version: QuoteVersion,
        body: QuoteBody,
        attestation_key: SigningKey,
        qe_report: SgxReportBody,
    ) -> Self {
        let body_type: BodyType = body.as_body().body_type();
        Self {
            header: QuoteHeader::new(version, body_type.tee()),
            descriptor: (version == QuoteVersion::V5).then(|| BodyDescriptor::new(body_type)),
            body,
            attestation_key,
            qe_report,
            qe_auth: (0..32).collect(),
        }
    }

    /// Lets the QE report vouch for the attestation key, the PCK for the QE report, and the
    /// attestation key for header and body.
    pub fn sign(&self, pck_key: &SigningKey, certification: Certification) -> QuoteParts {
        let attestation_key = quote_point(&self.attestation_key);
        let mut parts = QuoteParts {
            signed: self.signed_part(),
            signature: [0; 64],
            attestation_key,
            qe_report: self.qe_report,
            qe_report_signature: [0; 64],
            qe_auth: self.qe_auth.clone(),
            certification,
        };
        parts.qe_report.reportdata = qe_report_data(&attestation_key, &self.qe_auth);
        parts.sign_qe_report(pck_key);
        parts.sign_body(&self.attestation_key);
        parts
    }

    /// Header, descriptor and body one after the other.
    ///
    /// Unlike the writer of `bulla_evidence` this does not ask whether they belong together.
    fn signed_part(&self) -> Vec<u8> {
        let descriptor = self
            .descriptor
            .as_ref()
            .map_or(&[][..], IntoBytes::as_bytes);
        [
            self.header.as_bytes(),
            descriptor,
            self.body.as_body().as_bytes(),
        ]
        .concat()
    }
}

/// A quote that is signed and not yet written: each part can be replaced, and signed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteParts {
    /// Header, descriptor (version 5) and body, as bytes.
    pub signed: Vec<u8>,
    /// The attestation key's signature over `signed`: `r` then `s`, big-endian.
    pub signature: [u8; 64],
    /// The attestation key: x then y, big-endian.
    pub attestation_key: [u8; 64],
    /// The quoting enclave's report.
    pub qe_report: SgxReportBody,
    /// The PCK's signature over `qe_report`: `r` then `s`, big-endian.
    pub qe_report_signature: [u8; 64],
    /// Data of the quoting enclave's choice.
    pub qe_auth: Vec<u8>,
    /// Where the PCK certificate is or is to be found.
    pub certification: Certification,
}

impl QuoteParts {
    /// Signs `signed` as it now is.
    pub fn sign_body(&mut self, attestation_key: &SigningKey) {
        self.signature = attestation_key.sign(&self.signed);
    }

    /// Signs `qe_report` as it now is.
    pub fn sign_qe_report(&mut self, pck_key: &SigningKey) {
        self.qe_report_signature = pck_key.sign(self.qe_report.as_bytes());
    }

    /// The quote as bytes.
    ///
    /// # Panics
    ///
    /// When `signed` starts with no known version, or a part is longer than its length field can
    /// say: such a quote is made by changing the bytes of another one.
    pub fn write(&self) -> Vec<u8> {
        let auth = AuthData {
            signature: &self.signature,
            attestation_key: &self.attestation_key,
            qe_report: &self.qe_report,
            qe_report_signature: &self.qe_report_signature,
            qe_auth: &self.qe_auth,
            certification: self.certification.as_data(),
        };
        write_quote(&self.signed, &auth).expect("a known version and parts that fit")
    }
}

/// What a quoting enclave reports to vouch for its key: SHA-256 of key and auth data, then zeros.
pub fn qe_report_data(attestation_key: &[u8; 64], qe_auth: &[u8]) -> [u8; 64] {
    let mut data = [0; 64];
    let digest = Sha256::new()
        .chain_update(attestation_key)
        .chain_update(qe_auth)
        .finalize();
    data[..32].copy_from_slice(&digest);
    data
}

/// A public key as quotes hold it: x then y, without the octet that says "uncompressed".
pub fn quote_point(key: &SigningKey) -> [u8; 64] {
    let mut point = [0; 64];
    point.copy_from_slice(&key.public_key()[1..]);
    point
}
