//! What is special about a case, in words that the list of divergences refers to.

use std::collections::BTreeSet;

use bulla_collateral::{CollateralSet, EnclaveIdentity, TcbInfo};
use bulla_evidence::{CertificationData, Quote, QuoteVersion, Tee};
use bulla_pki::digest::sha256;
use bulla_pki::{Certificate, TrustAnchors, pem};
use bulla_verifier::{Code, DocumentKind, Severity, Verdict};

use crate::case::Case;

/// OBJECT IDENTIFIER 1.3.6.1.4.1.32473.1.1, the issuer's mark of simulation, and BOOLEAN TRUE.
const CRITICAL_MARK: [u8; 15] = [6, 10, 0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 1, 1, 1, 1, 0xff];

/// The traits of a case, as far as bulla could read it. Only differences are looked at so closely.
pub(crate) fn traits(case: &Case, verdict: &Verdict, anchors: &TrustAnchors) -> BTreeSet<String> {
    let mut traits = BTreeSet::new();
    traits.extend(of_chains(verdict, anchors).map(str::to_owned));
    for finding in &verdict.findings {
        if finding.severity != Severity::Failure {
            traits.insert(format!("noted-{}", finding.code));
        }
        let sides = finding.expected.as_deref().zip(finding.actual.as_deref());
        if finding.code == Code::PckCpusvnMismatch {
            traits.insert("cpusvn-differs-from-components".to_owned());
        }
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
    traits.extend(of_certificates(case, verdict).map(str::to_owned));
    traits
}

/// What the other side does not look at: the root in a chain, and the chain of the PCK CRL.
fn of_chains(verdict: &Verdict, anchors: &TrustAnchors) -> impl Iterator<Item = &'static str> {
    let digest = |name| {
        verdict
            .collateral
            .document(name)
            .map(|document| document.sha256)
    };
    let known = |name| {
        let known = |digest| {
            anchors
                .iter()
                .any(|anchor| anchor.knows_certificate(&digest))
        };
        digest(name).is_some_and(known)
    };
    let roots = [
        "root_ca",
        "pck_crl_root_ca",
        "tcb_info_root_ca",
        "qe_identity_root_ca",
    ];
    [
        (
            !roots.into_iter().all(known),
            "a-root-certificate-is-not-a-known-one",
        ),
        (
            digest("pck_ca") != digest("pck_crl_ca"),
            "pck-crl-chain-has-another-ca",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, name)| holds.then_some(name))
}

fn of_quote(quote: &Quote<'_>) -> impl Iterator<Item = &'static str> {
    [
        (
            quote.tee() == Tee::Sgx && quote.version() != QuoteVersion::V3,
            "sgx-quote-of-version-4-or-5",
        ),
        (
            quote.auth().qe_auth.len() != 32,
            "qe-auth-data-not-32-bytes",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, name)| holds.then_some(name))
}

fn of_documents(set: &CollateralSet) -> impl Iterator<Item = &'static str> {
    let tcb_info = TcbInfo::parse(&set.tcb_info.body).ok();
    let identity = EnclaveIdentity::parse(&set.qe_identity.body).ok();
    let modules = tcb_info
        .as_ref()
        .map(|info| info.tdx_module_identities.as_slice());
    let high = modules
        .unwrap_or_default()
        .iter()
        .any(|module| module.tcb_levels.iter().any(|level| level.isvsvn > 255));
    let beyond = identity.as_ref().is_some_and(|identity| {
        outside(&identity.attributes, &identity.attributes_mask)
            || outside(&identity.miscselect, &identity.miscselect_mask)
    });
    let falling = levels_fall(&set.qe_identity.body) && levels_fall(&set.tcb_info.body);
    let not_der = |crl: &[u8]| !crl.starts_with(&[0x30]);
    [
        (
            tcb_info.is_some_and(|info| info.version == 2),
            "tcb-info-of-version-2",
        ),
        (high, "module-isvsvn-above-255"),
        (beyond, "qe-identity-outside-its-mask"),
        (!falling, "levels-of-parts-not-falling"),
        (
            not_der(&set.pck_crl) || not_der(&set.root_ca_crl),
            "crl-not-der",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, name)| holds.then_some(name))
}

/// Whether bits are set that a mask leaves out.
fn outside(bits: &[u8], mask: &[u8]) -> bool {
    bits.iter().zip(mask).any(|(bits, mask)| bits & !mask != 0)
}

/// The chains as the other side sees them: the first certificate is the end.
fn of_certificates(case: &Case, verdict: &Verdict) -> impl Iterator<Item = &'static str> {
    let set = &case.collateral;
    let quote = Quote::parse(&case.quote).ok();
    let own = quote.and_then(|quote| match quote.auth().certification {
        CertificationData::PckChain(text) => Some(text),
        _ => None,
    });
    let chains = [
        (
            own.or(set.pck_certificate_chain.as_deref())
                .unwrap_or_default(),
            "pck_certificate",
        ),
        (&set.tcb_info_issuer_chain, "tcb_info_signer"),
        (&set.qe_identity_issuer_chain, "qe_identity_signer"),
    ];
    let (mut other_order, mut critical_mark) = (false, false);
    let mut pck_cas = 0;
    for (text, end) in chains {
        let certificates = pem::decode(text, "CERTIFICATE", 8).unwrap_or_default();
        let first = certificates.first().map(|der| sha256(der));
        other_order |= first
            != verdict
                .collateral
                .document(end)
                .map(|document| document.sha256);
        for der in &certificates {
            critical_mark |= der
                .windows(CRITICAL_MARK.len())
                .any(|bytes| bytes == CRITICAL_MARK);
            let Ok(read) = Certificate::parse(der) else {
                continue;
            };
            let constraints = read.extensions().basic_constraints;
            let is_ca = constraints.is_some_and(|basic| basic.ca);
            let is_root = read.subject() == read.issuer();
            pck_cas += u32::from(end == "pck_certificate" && is_ca && !is_root);
        }
    }
    [
        (other_order, "a-chain-does-not-begin-with-its-end"),
        (critical_mark, "critical-mark-of-simulation"),
        (pck_cas > 1, "pck-chain-has-two-cas"),
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
        let svns: Vec<u64> = svns
            .filter_map(|level| level["tcb"]["isvsvn"].as_u64())
            .collect();
        svns.is_sorted_by(|higher, lower| higher > lower)
    })
}
