//! What a verification found, one entry for each reason.

use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The evidence is not genuine, or not shown to be. Verification fails.
    Failure,
    /// Worth an operator's attention; changes nothing.
    Warning,
    /// A fact that explains the verdict; changes nothing.
    Note,
}

impl Severity {
    /// `failure`, `warning` or `note`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The four parts of the procedure, in its order (Intel's `sgxAttestationVerify*` calls).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// PCK certificate chain, CRLs and revocation.
    PckChain,
    /// TCB info and its issuer chain.
    TcbInfo,
    /// Identity of the quoting enclave and its issuer chain.
    QeIdentity,
    /// The quote itself, and the TCB level it reaches.
    Quote,
}

impl Stage {
    /// `pck_chain`, `tcb_info`, `qe_identity` or `quote`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PckChain => "pck_chain",
            Self::TcbInfo => "tcb_info",
            Self::QeIdentity => "qe_identity",
            Self::Quote => "quote",
        }
    }
}

/// One reason, with both sides of the comparison where there are two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stable name of the reason.
    pub code: Code,
    /// How much it weighs.
    pub severity: Severity,
    /// In which part of the procedure it was found.
    pub stage: Stage,
    /// The document, certificate or field that was looked at, for example `pck_certificate`.
    pub subject: &'static str,
    /// One sentence for an operator.
    pub message: String,
    /// What would have been right; absent where there are no two sides.
    pub expected: Option<String>,
    /// What was there; absent where there are no two sides.
    pub actual: Option<String>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The stable name of a reason. Names are never reused for another meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            /// The bytes are not a quote; the name is that of the layout's own error.
            QuoteFormat(&'static str),
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code but those of the quote's layout.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in CamelCase, as in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::QuoteFormat(name) => name,
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

codes! {
    /// Non-zero bytes follow the quote's authentication data.
    TrailingData,
    /// Zero padding follows the quote's authentication data (a note).
    TrailingBytes,
    /// The quote's certification data names no certificate, and no chain was brought.
    PckChainMissing,
    /// The chain that was brought differs from the quote's own, which counts (a warning).
    BroughtChainDiffers,
    /// The text is not a sequence of PEM certificates, or has too many.
    ChainMalformed,
    /// A certificate breaks the format or the vendor's profile.
    CertificateMalformed,
    /// A role of the chain (leaf, intermediate, root, signer) has no certificate.
    CertificateMissing,
    /// A role of the chain has more than one certificate, or a certificate has no role.
    CertificateUnexpected,
    /// Subject or issuer is not what the role demands.
    CertificateNameMismatch,
    /// An extension is missing, says something else, or is critical and unknown.
    CertificateExtensionInvalid,
    /// The authority key identifier is not the issuer's subject key identifier.
    KeyIdentifierMismatch,
    /// A certificate is not signed by its issuer.
    CertificateSignatureInvalid,
    /// The root is not self-signed.
    RootSignatureInvalid,
    /// The chain ends in a key that is no trust anchor.
    RootUntrusted,
    /// Another certificate of the root key than the known ones (a note).
    RootCertificateUnknown,
    /// The chains of the set end in different trust anchors.
    AnchorsDiffer,
    /// A CRL breaks the format or the vendor's profile.
    CrlMalformed,
    /// A CRL was issued by another CA than the one it is used for.
    CrlIssuerMismatch,
    /// A CRL is not signed by its issuer.
    CrlSignatureInvalid,
    /// A certificate stands in the CRL of its issuer.
    CertificateRevoked,
    /// A JSON document breaks the format.
    DocumentMalformed,
    /// A JSON document holds a field that this version does not know (a note).
    DocumentFieldUnknown,
    /// The signature of a JSON document is not 128 hexadecimal digits in range.
    DocumentSignatureMalformed,
    /// A JSON document is not signed by its issuer.
    DocumentSignatureInvalid,
    /// The SGX extension of the PCK certificate breaks the format.
    PckExtensionInvalid,
    /// CPUSVN and component SVNs of the PCK certificate differ.
    PckCpusvnMismatch,
    /// The TCB info is for the other technology.
    TcbInfoTeeMismatch,
    /// The TCB info is for another FMSPC.
    FmspcMismatch,
    /// The TCB info is for another PCE-ID.
    PceIdMismatch,
    /// The TCB info names no TDX module identities, and the quote needs one.
    TdxModuleIdentitiesMissing,
    /// The TCB info has no identity for the TDX module of this version.
    TdxModuleIdentityNotFound,
    /// The TDX module is signed by another signer.
    TdxModuleSignerMismatch,
    /// SEAMATTRIBUTES are not zero, or not what the vendor says.
    TdxModuleAttributesMismatch,
    /// The signer of the updated TDX module stands in no field of the quote (a note).
    TdxModuleSignerUnknown,
    /// The report of the quoting enclave is not signed by the PCK key.
    QeReportSignatureInvalid,
    /// The report of the quoting enclave does not bind the attestation key.
    QeReportDataMismatch,
    /// The identity is for the quoting enclave of the other technology, or for another enclave.
    QeIdentityMismatch,
    /// MISCSELECT of the quoting enclave under its mask.
    QeMiscselectMismatch,
    /// ATTRIBUTES of the quoting enclave under their mask.
    QeAttributesMismatch,
    /// The quoting enclave is signed by another signer, or the identity names none.
    QeMrsignerMismatch,
    /// ISVPRODID of the quoting enclave.
    QeIsvprodidMismatch,
    /// The quoting enclave runs in debug mode.
    QeDebug,
    /// The attestation key is no point of the curve.
    AttestationKeyInvalid,
    /// The signature of the quote does not hold.
    QuoteSignatureInvalid,
    /// No TCB level of the TCB info applies to the platform.
    TcbLevelNotFound,
    /// No TCB level applies to the TDX module.
    TdxModuleTcbLevelNotFound,
    /// No TCB level applies to the quoting enclave.
    QeTcbLevelNotFound,
    /// TCB info and identity bear different evaluation data numbers (a note).
    EvaluationNumbersDiffer,
    /// A document has ended before it arrived.
    DocumentExpired,
    /// A document, or a certificate of its chain, is not valid yet.
    DocumentNotYetValid,
    /// A certificate of the issuer chain has ended.
    ChainExpired,
    /// A document or chain is longer than clients can take (a note).
    DocumentTooLongForClients,
    /// Certificates that were given as those of one platform are of several, or of another.
    PlatformsMixed,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Finding {
    /// Where in the procedure: the stage and what was looked at, for example `tcb_info.signature`.
    pub fn check(&self) -> String {
        format!("{}.{}", self.stage.as_str(), self.subject)
    }
}

/// The findings of one stage, collected in the order of the procedure.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    stage: Stage,
    list: Vec<Finding>,
}

impl Findings {
    pub(crate) fn new(stage: Stage) -> Self {
        Self {
            stage,
            list: Vec::new(),
        }
    }

    pub(crate) fn failed(&self) -> bool {
        self.list.iter().any(|f| f.severity == Severity::Failure)
    }

    pub(crate) fn as_slice(&self) -> &[Finding] {
        &self.list
    }

    pub(crate) fn into_list(self) -> Vec<Finding> {
        self.list
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.list.extend(other.list);
    }

    /// A failure without two sides.
    pub(crate) fn fail(&mut self, code: Code, subject: &'static str, message: impl Into<String>) {
        self.push(Severity::Failure, code, subject, message.into(), None);
    }

    /// A failure with both sides of the comparison.
    pub(crate) fn differ(
        &mut self,
        code: Code,
        subject: &'static str,
        message: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) {
        let sides = Some((expected.into(), actual.into()));
        self.push(Severity::Failure, code, subject, message.into(), sides);
    }

    pub(crate) fn warn(&mut self, code: Code, subject: &'static str, message: impl Into<String>) {
        self.push(Severity::Warning, code, subject, message.into(), None);
    }

    pub(crate) fn note(&mut self, code: Code, subject: &'static str, message: impl Into<String>) {
        self.push(Severity::Note, code, subject, message.into(), None);
    }

    fn push(
        &mut self,
        severity: Severity,
        code: Code,
        subject: &'static str,
        message: String,
        sides: Option<(String, String)>,
    ) {
        let (expected, actual) = sides.unzip();
        self.list.push(Finding {
            code,
            severity,
            stage: self.stage,
            subject,
            message: bounded(message),
            expected: expected.map(bounded),
            actual: actual.map(bounded),
        });
    }
}

/// Longest text in a finding, in characters. Names, identifiers and documents are quoted in
/// findings, and every verdict under the same collateral repeats them: a hostile CRL must not turn
/// each answer into a megabyte. What is right never comes near it.
const MAX_TEXT_LENGTH: usize = 512;

fn bounded(text: String) -> String {
    match text.char_indices().nth(MAX_TEXT_LENGTH) {
        Some((cut, _)) => format!("{} …", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let exact = "ü".repeat(MAX_TEXT_LENGTH);
        assert_eq!(bounded(exact.clone()), exact);
        assert_eq!(bounded(format!("{exact}ü")), format!("{exact} …"));
    }
}
