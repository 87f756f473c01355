//! A verdict and its appraisal as programs read them. Fields are added, never renamed.

use bulla_appraisal::Appraisal;
use bulla_pki::{AnchorKind, Timestamp, TrustAnchor};
use bulla_verifier::{
    CollateralFacts, DocumentKind, EvidenceFacts, ReachedLevel, TcbFacts, Verification,
};
use serde::Serialize;

use crate::describe::{Fields, body, platform};
use crate::judge::{Finding, Outcome};

/// The answer on one quote.
#[derive(Serialize)]
pub(crate) struct Answer<'a> {
    verification: &'static str,
    appraisal: &'static str,
    at: String,
    trust_anchor: Option<Anchor<'a>>,
    evidence: Option<Evidence>,
    tcb: Option<Tcb<'a>>,
    baseline: Option<Fields>,
    collateral: Collateral,
    findings: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Anchor<'a> {
    name: &'a str,
    genuine: bool,
    kind: &'static str,
    public_key_sha256: String,
}

#[derive(Serialize)]
struct Evidence {
    tee: &'static str,
    quote_version: u16,
    body: &'static str,
    #[serde(flatten)]
    platform: Fields,
    #[serde(flatten)]
    measurements: Fields,
    qe: Fields,
}

#[derive(Serialize)]
struct Tcb<'a> {
    status: &'static str,
    launch_status: &'static str,
    current_status: &'static str,
    date: String,
    advisory_ids: Vec<&'a str>,
    evaluation_data_numbers: EvaluationDataNumbers,
    platform: Level<'a>,
    tdx_module: Option<Level<'a>>,
    qe: Level<'a>,
}

#[derive(Serialize)]
struct EvaluationDataNumbers {
    tcb_info: u32,
    qe_identity: u32,
}

#[derive(Serialize)]
struct Level<'a> {
    status: &'static str,
    date: String,
    advisory_ids: Vec<&'a str>,
}

#[derive(Serialize)]
struct Collateral {
    earliest_issue: Option<String>,
    latest_issue: Option<String>,
    earliest_expiration: Option<String>,
    earliest_next_update: Option<String>,
    pck_crl_number: Option<u64>,
    root_ca_crl_number: Option<u64>,
    expired: Vec<&'static str>,
    sha256: Fields,
    documents: Vec<Document>,
}

#[derive(Serialize)]
struct Document {
    name: &'static str,
    kind: &'static str,
    from: String,
    until: String,
    sha256: String,
}

impl<'a> From<&'a Outcome> for Answer<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        let verdict = &outcome.verdict;
        Self {
            verification: match verdict.verification() {
                Verification::Ok => "ok",
                Verification::Failed => "failed",
            },
            appraisal: match outcome.decision.appraisal() {
                Appraisal::Accepted => "accepted",
                Appraisal::Refused => "refused",
            },
            at: verdict.at.to_string(),
            trust_anchor: verdict.trust_anchor.as_deref().map(Anchor::from),
            evidence: verdict.evidence.as_ref().map(Evidence::from),
            tcb: verdict.tcb.as_ref().map(Tcb::from),
            baseline: outcome.baseline(),
            collateral: Collateral::from(&verdict.collateral),
            findings: outcome.findings(),
        }
    }
}

impl<'a> From<&'a TrustAnchor> for Anchor<'a> {
    fn from(anchor: &'a TrustAnchor) -> Self {
        Self {
            name: anchor.name(),
            genuine: anchor.is_genuine(),
            kind: match anchor.kind() {
                AnchorKind::Vendor => "vendor",
                AnchorKind::Simulated => "simulated",
                _ => "custom",
            },
            public_key_sha256: hex::encode(anchor.public_key_sha256()),
        }
    }
}

impl From<&EvidenceFacts> for Evidence {
    fn from(evidence: &EvidenceFacts) -> Self {
        let quote_body = evidence.body.borrow();
        let qe = &evidence.qe_report;
        Self {
            tee: quote_body.tee().as_str(),
            quote_version: evidence.quote_version.number(),
            body: quote_body.name(),
            platform: platform::facts(evidence.platform.as_ref()),
            measurements: body::body(quote_body),
            qe: Fields::new()
                .hex("mrenclave", qe.mrenclave)
                .hex("mrsigner", qe.mrsigner)
                .with("isvprodid", qe.isvprodid.get())
                .with("isvsvn", qe.isvsvn.get()),
        }
    }
}

impl<'a> From<&'a TcbFacts> for Tcb<'a> {
    fn from(tcb: &'a TcbFacts) -> Self {
        Self {
            status: tcb.status.as_str(),
            launch_status: tcb.launch_status.as_str(),
            current_status: tcb.current_status.as_str(),
            date: tcb.date.to_string(),
            advisory_ids: tcb.advisory_ids.iter().map(AsRef::as_ref).collect(),
            evaluation_data_numbers: EvaluationDataNumbers {
                tcb_info: tcb.tcb_info_evaluation_data_number,
                qe_identity: tcb.qe_identity_evaluation_data_number,
            },
            platform: Level::from(&tcb.platform_level),
            tdx_module: tcb.tdx_module_level.as_ref().map(Level::from),
            qe: Level::from(&tcb.qe_level),
        }
    }
}

impl<'a> From<&'a ReachedLevel> for Level<'a> {
    fn from(level: &'a ReachedLevel) -> Self {
        Self {
            status: level.status.as_str(),
            date: level.date.to_string(),
            advisory_ids: level.advisory_ids.iter().map(AsRef::as_ref).collect(),
        }
    }
}

impl From<&CollateralFacts> for Collateral {
    fn from(collateral: &CollateralFacts) -> Self {
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let digests = collateral
            .documents
            .iter()
            .fold(Fields::new(), |fields, document| {
                fields.hex(document.name, document.sha256)
            });
        Self {
            earliest_issue: text(collateral.earliest_issue()),
            latest_issue: text(collateral.latest_issue()),
            earliest_expiration: text(collateral.earliest_expiration()),
            earliest_next_update: text(collateral.earliest_next_update()),
            pck_crl_number: collateral.pck_crl_number,
            root_ca_crl_number: collateral.root_ca_crl_number,
            expired: collateral.expired.clone(),
            sha256: digests,
            documents: collateral
                .documents
                .iter()
                .map(|document| Document {
                    name: document.name,
                    kind: kind(document.kind),
                    from: document.window.from.to_string(),
                    until: document.window.until.to_string(),
                    sha256: hex::encode(document.sha256),
                })
                .collect(),
        }
    }
}

fn kind(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Json => "json",
        DocumentKind::Crl => "crl",
        DocumentKind::Certificate => "certificate",
    }
}
