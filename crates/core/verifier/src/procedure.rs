//! The procedure, once for all speeds.

use std::sync::Arc;

use bulla_evidence::{Body, Quote};
use bulla_pki::crl;
use bulla_pki::{Signature, Timestamp};

use crate::document;
use crate::finding::{Code, Finding, Findings, Severity, Stage};
use crate::pck::Platform;
use crate::prepare::PreparedCollateral;
use crate::qe;
use crate::tcb::{NoLevel, ReportedTcb};
use crate::verdict::{CollateralFacts, EvidenceFacts, OwnedBody, TcbFacts, Verdict};

/// Verifies `bytes`, looking platforms up through `platform_of`.
///
/// `platform_of` is where the speeds differ: it gives what [`crate::pck::check`] says of a quote, checked
/// now or remembered. All else is evaluated for every quote.
pub(crate) fn verify(
    bytes: &[u8],
    collateral: &PreparedCollateral,
    at: Timestamp,
    platform_of: impl FnOnce(&Quote<'_>) -> Arc<Platform>,
) -> Verdict {
    let mut findings = Findings::new(Stage::Quote);
    let quote = match Quote::parse(bytes) {
        Ok(quote) => quote,
        Err(error) => {
            findings.fail(
                Code::QuoteFormat(error.code()),
                "format",
                format!("The bytes are not a quote: {error}."),
            );
            return not_a_quote(collateral, at, findings);
        }
    };
    check_trailing(quote.trailing(), &mut findings);
    let platform = platform_of(&quote);
    let mut chain_findings = Findings::new(Stage::PckChain);
    if let Some(serial) = platform.pck_serial
        && let Some(revocation) = crl::find_revocation(&collateral.pck_revoked, serial)
    {
        document::fail_revoked(&revocation, "pck_certificate", &mut chain_findings);
    }
    let tcb_before_signature = check_content(&quote, &platform, collateral, &mut findings);
    check_signature(&quote, &platform, &mut findings);
    let level = tcb_before_signature.map(|level| take_level(level, &mut findings));

    let findings: Vec<Finding> = [
        platform.chain_findings.as_slice(),
        &collateral.pck_chain_findings,
        chain_findings.as_slice(),
        &collateral.document_findings,
        &platform.quote_findings,
        findings.as_slice(),
    ]
    .concat();
    let failed_in = |stages: &[Stage]| {
        findings
            .iter()
            .any(|f| f.severity == Severity::Failure && stages.contains(&f.stage))
    };
    // Nothing failed, and everything that must have been there was: either alone would do if
    // every check reports what it misses.
    let genuine = platform.is_sound()
        && collateral.is_sound()
        && !failed_in(&[
            Stage::PckChain,
            Stage::TcbInfo,
            Stage::QeIdentity,
            Stage::Quote,
        ]);
    Verdict {
        at,
        trust_anchor: collateral
            .anchor
            .clone()
            .filter(|_| platform.anchored && !failed_in(&[Stage::PckChain])),
        tcb: level.flatten().filter(|_| genuine),
        collateral: collateral_facts(collateral, &platform, at),
        evidence: Some(evidence_facts(&quote, &platform)),
        findings,
    }
}

fn not_a_quote(collateral: &PreparedCollateral, at: Timestamp, findings: Findings) -> Verdict {
    let mut all: Vec<Finding> = collateral.findings().cloned().collect();
    all.extend(findings.into_list());
    let nothing = Platform {
        facts: None,
        pck_serial: None,
        attestation_key: None,
        documents: Vec::new(),
        anchored: false,
        chain_findings: Vec::new(),
        quote_findings: Vec::new(),
    };
    Verdict {
        at,
        trust_anchor: None,
        evidence: None,
        tcb: None,
        collateral: collateral_facts(collateral, &nothing, at),
        findings: all,
    }
}

/// Bytes behind the quote belong to nothing that is signed. Interfaces of fixed size pad with
/// zeros; anything else may be an attempt to smuggle.
fn check_trailing(trailing: &[u8], findings: &mut Findings) {
    if trailing.iter().any(|byte| *byte != 0) {
        findings.fail(
            Code::TrailingData,
            "format",
            format!(
                "{} bytes follow the quote and are not zero padding; cut them off if they are \
                 meant.",
                trailing.len()
            ),
        );
    } else if !trailing.is_empty() {
        findings.note(
            Code::TrailingBytes,
            "format",
            format!(
                "{} zero bytes follow the quote; they do not count.",
                trailing.len()
            ),
        );
    }
}

/// Everything about the quote's content, and the level it reaches where one can be asked for.
fn check_content(
    quote: &Quote<'_>,
    platform: &Platform,
    collateral: &PreparedCollateral,
    findings: &mut Findings,
) -> Option<Result<TcbFacts, NoLevel>> {
    let body = quote.body();
    let report = quote.auth().qe_report;
    if let Some(tcb_info) = &collateral.tcb_info {
        qe::check_tcb_info_fits(tcb_info, quote.tee(), platform.facts.as_ref(), findings);
        qe::check_tdx_modules(tcb_info, body, findings);
    }
    if let Some(identity) = &collateral.qe_identity {
        qe::check_quoting_enclave(identity, quote.tee(), report, findings);
    }
    let (Some(tcb_info), Some(identity)) = (&collateral.tcb_info, &collateral.qe_identity) else {
        return None;
    };
    if tcb_info.evaluation_data_number != identity.evaluation_data_number {
        findings.note(
            Code::EvaluationNumbersDiffer,
            "tcb",
            format!(
                "TCB info bears evaluation data number {}, the identity {}; the smaller one counts.",
                tcb_info.evaluation_data_number, identity.evaluation_data_number
            ),
        );
    }
    // A level of another platform or technology, or for an unknown TDX module, would say nothing.
    if findings.failed() {
        return None;
    }
    let facts = platform.facts.as_ref()?;
    let reported = ReportedTcb::new(facts, body, report.isvsvn.get());
    Some(reported.level(tcb_info, identity))
}

fn check_signature(quote: &Quote<'_>, platform: &Platform, findings: &mut Findings) {
    // A key that cannot be used has failed already.
    let Some(key) = &platform.attestation_key else {
        return;
    };
    let holds = Signature::from_fixed(quote.auth().signature)
        .and_then(|signature| key.verify(quote.signed(), &signature));
    if let Err(error) = holds {
        findings.fail(
            Code::QuoteSignatureInvalid,
            "signature",
            format!("The quote is not signed by its attestation key: {error}."),
        );
    }
}

fn take_level(level: Result<TcbFacts, NoLevel>, findings: &mut Findings) -> Option<TcbFacts> {
    let (code, part) = match level {
        Ok(level) => return Some(level),
        Err(NoLevel::Platform) => (Code::TcbLevelNotFound, "platform"),
        Err(NoLevel::TdxModule) => (Code::TdxModuleTcbLevelNotFound, "TDX module"),
        Err(NoLevel::Qe) => (Code::QeTcbLevelNotFound, "quoting enclave"),
    };
    findings.fail(
        code,
        "tcb",
        format!(
            "The {part} is below every level that the vendor lists: it is no longer supported, \
             or the collateral is older than the {part}."
        ),
    );
    None
}

fn evidence_facts(quote: &Quote<'_>, platform: &Platform) -> EvidenceFacts {
    EvidenceFacts {
        quote_version: quote.version(),
        header: *quote.header(),
        body: match quote.body() {
            Body::Sgx(body) => OwnedBody::Sgx(*body),
            Body::Td10(body) => OwnedBody::Td10(*body),
            Body::Td15(body) => OwnedBody::Td15(*body),
            Body::Td15Ex(body) => OwnedBody::Td15Ex(*body),
        },
        qe_report: *quote.auth().qe_report,
        platform: platform.facts,
    }
}

fn collateral_facts(
    collateral: &PreparedCollateral,
    platform: &Platform,
    at: Timestamp,
) -> CollateralFacts {
    let documents = [platform.documents.as_slice(), &collateral.documents].concat();
    let expired = documents
        .iter()
        .filter(|document| !document.window.contains(at))
        .map(|document| document.name)
        .collect();
    CollateralFacts {
        documents,
        pck_crl_number: collateral.pck_crl_number,
        root_ca_crl_number: collateral.root_ca_crl_number,
        expired,
    }
}
