//! What is special about a case, in words that the list of divergences refers to.

use std::collections::BTreeSet;

use bulla_collateral::{CollateralSet, EnclaveIdentity, TcbInfo};
use bulla_evidence::{CertificationData, Quote, QuoteVersion, Tee};
use bulla_verifier::{Code, DocumentKind, Severity, Verdict};

use crate::case::Case;

/// The traits of a case, as far as bulla could read it. Only differences are looked at so closely.
pub(crate) fn traits(case: &Case, verdict: &Verdict) -> BTreeSet<String> {
    let mut traits = BTreeSet::new();
    for finding in &verdict.findings {
        if finding.severity != Severity::Failure {
            traits.insert(format!("noted-{}", finding.code));
        }
        let sides = finding.expected.as_deref().zip(finding.actual.as_deref());
        if finding.code == Code::QeReportDataMismatch
            && sides.is_some_and(|(expected, actual)| expected[..64] == actual[..64])
        {
            traits.insert("qe-report-data-differs-behind-the-digest".to_owned());
        }
    }
    for document in &verdict.collateral.documents {
        if document.kind == DocumentKind::Crl && document.window.until == case.at {
            traits.insert("crl-in-its-last-second".to_owned());
        }
    }
    let evidence = verdict.evidence.as_ref();
    if let Some(platform) = evidence.and_then(|evidence| evidence.platform)
        && platform.pcesvn > 0x7fff
    {
        traits.insert("pcesvn-above-32767".to_owned());
    }
    if let Ok(quote) = Quote::parse(&case.quote) {
        traits.extend(of_quote(&quote).map(str::to_owned));
    }
    traits.extend(of_documents(&case.collateral).map(str::to_owned));
    traits
}

fn of_quote(quote: &Quote<'_>) -> impl Iterator<Item = &'static str> {
    let auth = quote.auth();
    [
        (quote.tee() == Tee::Sgx && quote.version() != QuoteVersion::V3, "sgx-quote-of-version-4-or-5"),
        (auth.qe_auth.len() != 32, "qe-auth-data-not-32-bytes"),
        (
            !matches!(auth.certification, CertificationData::PckChain(_)),
            "quote-without-chain",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, name)| holds.then_some(name))
}

fn of_documents(set: &CollateralSet) -> impl Iterator<Item = &'static str> {
    let tcb_info = TcbInfo::parse(&set.tcb_info.body).ok();
    let identity = EnclaveIdentity::parse(&set.qe_identity.body).ok();
    let modules = tcb_info.as_ref().map(|info| info.tdx_module_identities.as_slice());
    let high = modules.unwrap_or_default().iter().any(|module| {
        module.tcb_levels.iter().any(|level| level.isvsvn > 255)
    });
    let not_der = |crl: &[u8]| !crl.starts_with(&[0x30]);
    [
        (tcb_info.is_some_and(|info| info.version == 2), "tcb-info-of-version-2"),
        (high, "module-isvsvn-above-255"),
        (identity.is_some() && !levels_fall(&set.qe_identity.body), "qe-levels-not-falling"),
        (!levels_fall(&set.tcb_info.body), "module-levels-not-falling"),
        (not_der(&set.pck_crl) || not_der(&set.root_ca_crl), "crl-not-der"),
    ]
    .into_iter()
    .filter_map(|(holds, name)| holds.then_some(name))
}

/// Whether every list of levels of one SVN stands in falling order, as genuine ones do.
fn levels_fall(document: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(document) else {
        return true;
    };
    let modules = document["tdxModuleIdentities"].as_array();
    let lists = modules.into_iter().flatten().chain([&document]);
    lists.map(|holder| &holder["tcbLevels"]).all(|levels| {
        let svns = levels.as_array().into_iter().flatten();
        let svns: Vec<u64> =
            svns.filter_map(|level| level["tcb"]["isvsvn"].as_u64()).collect();
        svns.is_sorted_by(|higher, lower| higher > lower)
    })
}
