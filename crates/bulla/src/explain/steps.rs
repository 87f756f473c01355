//! The chain of trust, link by link: who vouches for whom, and whether it held.

use bulla_pki::AnchorKind;
use bulla_verifier::{Code, EvidenceFacts, Finding, Severity, Stage, Verdict};
use serde::Serialize;

/// A link of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Link {
    Root,
    PckCa,
    PckCertificate,
    Collateral,
    QuotingEnclave,
    AttestationKey,
    Evidence,
    TcbLevel,
}

const LINKS: [Link; 8] = [
    Link::Root,
    Link::PckCa,
    Link::PckCertificate,
    Link::Collateral,
    Link::QuotingEnclave,
    Link::AttestationKey,
    Link::Evidence,
    Link::TcbLevel,
];

/// One link, told.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) link: Link,
    /// Absent where it was not looked at, because something before it is missing.
    pub(crate) held: Option<bool>,
    /// Who vouches for whom.
    pub(crate) title: &'static str,
    /// What that means.
    pub(crate) meaning: &'static str,
    /// What it was in this case; absent where it is not known.
    pub(crate) here: Option<String>,
    /// What failed.
    pub(crate) failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// All links, from the root to the level.
pub(crate) fn of(verdict: &Verdict) -> Vec<Step> {
    LINKS.into_iter().map(|link| step(link, verdict)).collect()
}

fn step(link: Link, verdict: &Verdict) -> Step {
    let failures: Vec<Failure> = verdict
        .failures()
        .filter(|finding| link_of(finding) == link)
        .map(|finding| Failure {
            code: finding.code.as_str(),
            message: finding.message.clone(),
        })
        .collect();
    let (title, meaning) = words(link);
    Step {
        link,
        held: match failures.is_empty() {
            true => was_looked_at(link, verdict).then_some(true),
            false => Some(false),
        },
        title,
        meaning,
        here: here(link, verdict),
        failures,
    }
}

/// Whether a link without failures was checked at all, rather than passed over since something it
/// needs is missing. In doubt it was not: a link that held must have been seen to hold.
fn was_looked_at(link: Link, verdict: &Verdict) -> bool {
    let failed = |codes: &[Code]| verdict.failures().any(|f| codes.contains(&f.code));
    let platform = verdict
        .evidence
        .as_ref()
        .and_then(|evidence| evidence.platform.as_ref());
    let read = |name| verdict.collateral.document(name).is_some();
    let chain = || {
        platform.is_some()
            && !failed(&[
                Code::ChainMalformed,
                Code::CertificateMalformed,
                Code::CertificateMissing,
                Code::CertificateUnexpected,
            ])
    };
    match link {
        Link::Collateral => read("tcb_info") && read("qe_identity") && read("root_ca_crl"),
        Link::Root => chain(),
        Link::PckCa => chain() && read("root_ca_crl"),
        Link::PckCertificate => chain() && read("pck_crl"),
        Link::QuotingEnclave => platform.is_some() && read("qe_identity"),
        Link::AttestationKey => platform.is_some(),
        Link::Evidence => verdict.evidence.is_some() && !failed(&[Code::AttestationKeyInvalid]),
        Link::TcbLevel => verdict.tcb.is_some(),
    }
}

/// The link that a finding is about.
fn link_of(finding: &Finding) -> Link {
    debug_assert_eq!(finding.severity, Severity::Failure);
    match finding.stage {
        Stage::TcbInfo | Stage::QeIdentity => Link::Collateral,
        Stage::PckChain => match finding.subject {
            "root_ca" | "pck_crl_root_ca" | "root_ca_crl" => Link::Root,
            "pck_ca" | "pck_crl_ca" | "pck_crl_issuer_chain" => Link::PckCa,
            _ => Link::PckCertificate,
        },
        _ => link_in_quote(finding.code),
    }
}

fn link_in_quote(code: Code) -> Link {
    match code {
        Code::PckChainMissing | Code::PckExtensionInvalid | Code::PckCpusvnMismatch => {
            Link::PckCertificate
        }
        Code::QeReportSignatureInvalid
        | Code::QeIdentityMismatch
        | Code::QeMiscselectMismatch
        | Code::QeAttributesMismatch
        | Code::QeMrsignerMismatch
        | Code::QeIsvprodidMismatch
        | Code::QeDebug => Link::QuotingEnclave,
        Code::QeReportDataMismatch | Code::AttestationKeyInvalid => Link::AttestationKey,
        Code::TcbInfoTeeMismatch
        | Code::FmspcMismatch
        | Code::PceIdMismatch
        | Code::TdxModuleIdentitiesMissing
        | Code::TdxModuleIdentityNotFound
        | Code::TdxModuleSignerMismatch
        | Code::TdxModuleAttributesMismatch
        | Code::TcbLevelNotFound
        | Code::TdxModuleTcbLevelNotFound
        | Code::QeTcbLevelNotFound => Link::TcbLevel,
        _ => Link::Evidence,
    }
}

fn words(link: Link) -> (&'static str, &'static str) {
    match link {
        Link::Root => (
            "You trust a root key",
            "Nobody vouches for it: it is compiled in or was given by you. Whatever is proven \
             below is proven in its name.",
        ),
        Link::PckCa => (
            "The root vouches for the CA of platforms",
            "It signed the CA's certificate, and says in its revocation list which ones no longer \
             count.",
        ),
        Link::PckCertificate => (
            "The CA vouches for the processor",
            "The PCK certificate binds a key that only this processor can derive to its kind \
             (FMSPC) and the security versions of its parts.",
        ),
        Link::Collateral => (
            "The root vouches for what is known about platforms",
            "TCB info says which versions are up to date, the identity which quoting enclave is \
             the vendor's. Both are signed by a key that the root certified.",
        ),
        Link::QuotingEnclave => (
            "The processor vouches for the quoting enclave",
            "The key of the PCK certificate signed what the processor reported of the enclave that \
             makes quotes, and that report fits the identity.",
        ),
        Link::AttestationKey => (
            "The quoting enclave vouches for its attestation key",
            "Its report holds the digest of the key, so nobody else can have put one there.",
        ),
        Link::Evidence => (
            "The attestation key vouches for what you attest",
            "It signed the measurements and the report data. No bit of them can change without \
             notice.",
        ),
        Link::TcbLevel => (
            "The versions reach a TCB level",
            "The collateral is for this platform, and names the level its parts reach together.",
        ),
    }
}

fn here(link: Link, verdict: &Verdict) -> Option<String> {
    let evidence = verdict.evidence.as_ref();
    let platform = evidence.and_then(|evidence| evidence.platform.as_ref());
    match link {
        Link::Root => verdict.trust_anchor.as_deref().map(|anchor| {
            let standing = match anchor.kind() {
                AnchorKind::Vendor => "compiled in",
                AnchorKind::Simulated => "SIMULATED: no processor stands behind it",
                _ => "a custom root, given by you",
            };
            format!("{} ({standing})", anchor.name())
        }),
        Link::PckCa => platform.map(|platform| format!("PCK {} CA", platform.ca.as_str())),
        Link::PckCertificate => platform.map(|platform| {
            format!(
                "FMSPC {}, component SVNs {}, PCESVN {}",
                hex::encode(platform.fmspc),
                hex::encode(platform.components),
                platform.pcesvn
            )
        }),
        Link::Collateral => {
            let day = |name: &str| {
                let document = verdict.collateral.document(name)?;
                Some(crate::render::text::day(document.window.from))
            };
            day("tcb_info")
                .zip(day("qe_identity"))
                .map(|(info, identity)| format!("TCB info of {info}, identity of {identity}"))
        }
        Link::QuotingEnclave => evidence.map(|evidence| {
            let report = &evidence.qe_report;
            format!(
                "ISVPRODID {}, ISVSVN {}",
                report.isvprodid.get(),
                report.isvsvn.get()
            )
        }),
        Link::AttestationKey => None,
        Link::Evidence => evidence.map(attested),
        Link::TcbLevel => verdict.tcb.as_ref().map(|tcb| {
            let open = match tcb.advisory_ids.is_empty() {
                true => "no open advisories".to_owned(),
                false => format!("open: {}", tcb.advisory_ids.join(", ")),
            };
            format!("{} ({open})", tcb.status)
        }),
    }
}

fn attested(evidence: &EvidenceFacts) -> String {
    let body = evidence.body.borrow();
    match (body.sgx(), body.td10()) {
        (Some(report), _) => format!("enclave with MRENCLAVE {}", hex::encode(report.mrenclave)),
        (None, Some(report)) => format!("trust domain with MRTD {}", hex::encode(report.mrtd)),
        (None, None) => body.name().to_owned(),
    }
}
