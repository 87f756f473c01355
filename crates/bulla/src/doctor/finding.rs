//! What can be wrong with a cache, and what to do about it.

use bulla_verifier::Code;
use serde::Serialize;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Clients fail, or are deceived.
    Failure,
    /// Some clients fail, or all will before long.
    Warning,
    /// Worth knowing; nothing is wrong.
    Note,
}

impl Severity {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    /// The document that it is about, or `service`.
    pub(crate) subject: String,
    pub(crate) message: String,
    pub(crate) remedy: &'static str,
}

/// What only a look at the service shows. What is wrong with a document by itself has the codes of
/// verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ailment {
    Unanswered,
    Unavailable,
    BodyWithUnavailable,
    Missing,
    Redirected,
    UnexpectedStatus,
    ChainHeaderMissing,
    ChainHeaderOfVersion4Missing,
    ChainHeaderOfVersion3Missing,
    ChainNotEncoded,
    HeadersTooLong,
    ContentTypeUnexpected,
    DocumentNotAsked,
    Due,
    Overdue,
    RolledBack,
    Slow,
    NumbersDiffer,
    EarlyBehindStandard,
    StandardLags,
    NumberIgnored,
    FamiliesUnknown,
    FamiliesTooMany,
    PlainHttp,
    TlsUntrusted,
}

impl Ailment {
    const fn row(self) -> (&'static str, Severity, &'static str) {
        use Severity::{Failure, Note, Warning};
        match self {
            Self::Unanswered => (
                "Unanswered",
                Failure,
                "look into the log of the service, and at what stands before it",
            ),
            Self::Unavailable => (
                "Unavailable",
                Failure,
                "see why the service cannot get the document: its upstream, its proxy, its key",
            ),
            Self::BodyWithUnavailable => (
                "BodyWithUnavailable",
                Failure,
                "answer 503 with an empty body: Intel's client takes it for the start of the next \
                 answer",
            ),
            Self::Missing => (
                "Missing",
                Failure,
                "have the service fetch or import the document, and check the name of the family",
            ),
            Self::Redirected => (
                "Redirected",
                Failure,
                "give clients the address that it leads to: Intel's client follows none",
            ),
            Self::UnexpectedStatus => (
                "UnexpectedStatus",
                Failure,
                "see why; Intel's client tries again after 503 alone",
            ),
            Self::ChainHeaderMissing => (
                "ChainHeaderMissing",
                Failure,
                "have the header passed on: without it clients have nothing to verify by",
            ),
            Self::ChainHeaderOfVersion4Missing => (
                "ChainHeaderOfVersion4Missing",
                Warning,
                "send TCB-Info-Issuer-Chain too: Fortanix' client looks for no other",
            ),
            Self::ChainHeaderOfVersion3Missing => (
                "ChainHeaderOfVersion3Missing",
                Note,
                "send SGX-TCB-Info-Issuer-Chain too, for clients of the old name",
            ),
            Self::ChainNotEncoded => (
                "ChainNotEncoded",
                Failure,
                "percent-encode the chain: raw line ends break HTTP",
            ),
            Self::HeadersTooLong => (
                "HeadersTooLong",
                Warning,
                "remove headers that something between adds: clients in Node.js take 16 KiB",
            ),
            Self::ContentTypeUnexpected => (
                "ContentTypeUnexpected",
                Warning,
                "send the type that the interface describes: Intel's tools compare it exactly",
            ),
            Self::DocumentNotAsked => (
                "DocumentNotAsked",
                Failure,
                "do not use this service until it is known why it gives out other documents",
            ),
            Self::Due => (
                "Due",
                Note,
                "nothing, if the service asks for the next issue by itself",
            ),
            Self::Overdue => (
                "Overdue",
                Warning,
                "have the service refresh, and see why it did not",
            ),
            Self::RolledBack => (
                "DocumentRolledBack",
                Warning,
                "have the service refresh: it gives out an older issue than it has",
            ),
            Self::Slow => (
                "Slow",
                Warning,
                "ask again, as a cache may have fetched it first; then look at the way, then at the \
                 service",
            ),
            Self::NumbersDiffer => (
                "NumbersDiffer",
                Warning,
                "have the service refresh everything: TCB info and identities belong together by \
                 their number",
            ),
            Self::EarlyBehindStandard => (
                "EarlyBehindStandard",
                Warning,
                "have the service refresh: its newest set is older than the one in force",
            ),
            Self::StandardLags => (
                "StandardLags",
                Note,
                "update platforms before the vendor makes the newer set the standard",
            ),
            Self::NumberIgnored => (
                "NumberIgnored",
                Warning,
                "do not pin evaluation numbers through this service, or look at the number in each \
                 answer",
            ),
            Self::FamiliesUnknown => (
                "FamiliesUnknown",
                Note,
                "name families by --fmspc to have their TCB info examined",
            ),
            Self::FamiliesTooMany => (
                "FamiliesTooMany",
                Note,
                "name the families that matter by --fmspc",
            ),
            Self::PlainHttp => (
                "PlainHttp",
                Warning,
                "use https: who listens sees the encrypted PPIDs of platforms, and tokens",
            ),
            Self::TlsUntrusted => (
                "TlsUntrusted",
                Warning,
                "give clients the CA of its certificate, or the service one that they know",
            ),
        }
    }

    /// The finding about a subject.
    pub(super) fn of(self, subject: &str, message: String) -> Finding {
        let (code, severity, remedy) = self.row();
        Finding {
            code,
            severity,
            subject: subject.to_owned(),
            message,
            remedy,
        }
    }
}

/// What to do about a document that does not hold by itself.
pub(super) fn refused(subject: &str, code: Code, message: String) -> Finding {
    Finding {
        code: code.as_str(),
        severity: Severity::Failure,
        subject: subject.to_owned(),
        message,
        remedy: match code {
            Code::DocumentExpired | Code::ChainExpired => {
                "have the service refresh, and see why it did not"
            }
            Code::DocumentNotYetValid => "set the clock, here or where the document came from",
            Code::RootUntrusted | Code::AnchorsDiffer => {
                "name the root by --trust-root if you trust it; else do not use this service"
            }
            _ => "do not use this service until it is known how the document was changed",
        },
    }
}

/// What an operator should know of a document that holds.
pub(super) fn noted(subject: &str, finding: &bulla_verifier::Finding) -> Finding {
    let (severity, remedy) = match finding.code {
        Code::DocumentTooLongForClients => (
            Severity::Warning,
            "use clients without that limit; the document itself is genuine",
        ),
        _ => (Severity::Note, "nothing"),
    };
    Finding {
        code: finding.code.as_str(),
        severity,
        subject: subject.to_owned(),
        message: finding.message.clone(),
        remedy,
    }
}
