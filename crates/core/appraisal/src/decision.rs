//! What an appraisal decided, and why.

use std::fmt;

use bulla_pki::Timestamp;

/// Whether evidence is good enough for an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Appraisal {
    /// Verification succeeded and nothing is refused.
    Accepted,
    /// Verification failed, or something is refused.
    Refused,
}

impl Appraisal {
    /// `accepted` or `refused`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }
}

/// The outcome of an appraisal with all its reasons. Only [`appraise`](crate::appraise) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    findings: Vec<Finding>,
}

impl Decision {
    pub(crate) fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// Whether the evidence is good enough: exactly when there is no refusal.
    pub fn appraisal(&self) -> Appraisal {
        match self.refusals().next() {
            None => Appraisal::Accepted,
            Some(_) => Appraisal::Refused,
        }
    }

    /// Every reason, in the order of the appraisal.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The reasons why the evidence is not good enough.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.severity == Severity::Refusal)
    }

    /// Last second at which every exception that was applied counts, and with it the longest that
    /// the decision can; absent where none was.
    pub fn exceptions_until(&self) -> Option<Timestamp> {
        self.findings.iter().filter_map(|f| f.until).min()
    }
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Evidence is refused.
    Refusal,
    /// Worth an operator's attention; changes nothing.
    Warning,
    /// A fact that explains the decision; changes nothing.
    Note,
}

impl Severity {
    /// `refusal`, `warning` or `note`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refusal => "refusal",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One reason, with both sides of the comparison where there are two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stable name of the reason.
    pub reason: Reason,
    /// How much it weighs.
    pub severity: Severity,
    /// What was looked at, for example `tcb.status` or `sgx.mrenclave`.
    pub check: String,
    /// One sentence for an operator: what, which value, and what to do.
    pub message: String,
    /// What would have passed; absent where there are no two sides.
    pub expected: Option<String>,
    /// What was there; absent where there are no two sides.
    pub actual: Option<String>,
    /// Last second at which an exception that was applied counts; absent for everything else.
    pub until: Option<Timestamp>,
}

impl Finding {
    pub(crate) fn refusal(reason: Reason, check: impl Into<String>, message: String) -> Self {
        Self::new(Severity::Refusal, reason, check, message)
    }

    pub(crate) fn new(
        severity: Severity,
        reason: Reason,
        check: impl Into<String>,
        message: String,
    ) -> Self {
        Self {
            reason,
            severity,
            check: check.into(),
            message,
            expected: None,
            actual: None,
            until: None,
        }
    }

    /// A note that something passed by way of an exception.
    pub(crate) fn excepted(check: impl Into<String>, message: String, until: Timestamp) -> Self {
        Self {
            until: Some(until),
            ..Self::new(Severity::Note, Reason::ExceptionApplied, check, message)
        }
    }

    pub(crate) fn sides(mut self, expected: impl fmt::Display, actual: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self.actual = Some(actual.to_string());
        self
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// The stable name of a reason. Names are never reused for another meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $name,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in CamelCase, as in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

reasons! {
    /// The evidence was not shown to be genuine; the verdict's own findings say why.
    VerificationFailed,
    /// The evidence ends in a root that the policy does not name.
    TrustAnchorNotAccepted,
    /// The evidence ends in a root that is no vendor's, and the policy names it (a warning).
    TrustAnchorNotGenuine,
    /// A document or certificate is past its window.
    CollateralExpired,
    /// A document or certificate is not valid yet.
    CollateralNotYetValid,
    /// A refusal did not happen because of a dated exception (a note).
    ExceptionApplied,
    /// A document that the policy sets a limit for was not among the collateral.
    CollateralMissing,
    /// A `tcbEvaluationDataNumber` is below the lowest accepted.
    EvaluationNumberTooLow,
    /// TCB info and identity bear different evaluation data numbers.
    EvaluationNumbersNotEqual,
    /// A JSON document was issued before the oldest accepted date.
    DocumentTooOld,
    /// A CRL was issued before the oldest accepted date.
    CrlTooOld,
    /// The platform, or a part of it, is revoked.
    TcbRevoked,
    /// The TCB status is none that the policy accepts, and no exception covers it.
    TcbStatusNotAccepted,
    /// An advisory is open and has no exception in force, where one was needed.
    AdvisoryNotAccepted,
    /// An advisory is open that the policy rejects.
    AdvisoryRejected,
    /// The TCB level is older than the oldest accepted.
    TcbDateTooOld,
    /// A security version is below the floor of the baseline.
    TcbBelowFloor,
    /// The platform is not among those that may attest.
    PlatformNotListed,
    /// The policy is written for the other technology.
    TechnologyNotAccepted,
    /// The report data is none that the policy accepts.
    ReportDataMismatch,
    /// The enclave is in debug mode.
    DebugEnclave,
    /// MRENCLAVE is none that the policy accepts.
    MrenclaveMismatch,
    /// MRSIGNER is none that the policy accepts.
    MrsignerMismatch,
    /// ISVPRODID is none that the policy accepts.
    IsvprodidMismatch,
    /// ISVSVN is below the lowest accepted.
    IsvsvnTooLow,
    /// ISVEXTPRODID is none that the policy accepts.
    IsvextprodidMismatch,
    /// ISVFAMILYID is none that the policy accepts.
    IsvfamilyidMismatch,
    /// CONFIGID is none that the policy accepts.
    ConfigidMismatch,
    /// An attribute that the policy requires is not set.
    EnclaveAttributeMissing,
    /// An attribute that the policy forbids is set.
    EnclaveAttributeForbidden,
    /// The TD is in debug mode.
    DebugTd,
    /// The host may profile the TD.
    TdProfiling,
    /// An attribute bit is set that must be zero.
    TdReservedAttributes,
    /// The host can inject exceptions into the TD through pending pages.
    SeptVeDisableClear,
    /// The TD can move to another platform.
    Migratable,
    /// The TD has the attribute SERVTD_EXT.
    ServiceTdExtension,
    /// Service TDs are bound to the TD.
    ServiceTdBound,
    /// The quote does not tell whether service TDs are bound to the TD.
    ServiceTdUnknown,
    /// MRTD is none that the policy accepts.
    MrtdMismatch,
    /// MRSEAM is none that the policy accepts.
    MrseamMismatch,
    /// MRSIGNERSEAM is none that the policy accepts.
    MrsignerseamMismatch,
    /// MRCONFIGID is none that the policy accepts.
    MrconfigidMismatch,
    /// MROWNER is none that the policy accepts.
    MrownerMismatch,
    /// MROWNERCONFIG is none that the policy accepts.
    MrownerconfigMismatch,
    /// RTMR0 is none that the policy accepts.
    Rtmr0Mismatch,
    /// RTMR1 is none that the policy accepts.
    Rtmr1Mismatch,
    /// RTMR2 is none that the policy accepts.
    Rtmr2Mismatch,
    /// RTMR3 is none that the policy accepts.
    Rtmr3Mismatch,
    /// MRSERVICETD is none that the policy accepts.
    MrservicetdMismatch,
    /// XFAM is none that the policy accepts.
    XfamMismatch,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity) -> Finding {
        Finding::new(
            severity,
            Reason::Migratable,
            "tdx.migratable",
            String::new(),
        )
    }

    #[test]
    fn one_refusal_among_notes_refuses() {
        use Severity::{Note, Refusal, Warning};
        let decide = |severities: &[Severity]| {
            Decision::new(severities.iter().map(|s| finding(*s)).collect()).appraisal()
        };
        assert_eq!(decide(&[]), Appraisal::Accepted);
        assert_eq!(decide(&[Note, Warning]), Appraisal::Accepted);
        assert_eq!(decide(&[Note, Refusal, Warning]), Appraisal::Refused);
    }

    #[test]
    fn every_reason_has_its_own_name() {
        let names: std::collections::BTreeSet<&str> =
            Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
