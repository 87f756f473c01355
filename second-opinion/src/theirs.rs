//! The other side's opinion: `dcap-qvl`, with `ring` for signatures.

use std::panic::AssertUnwindSafe;

use bulla_collateral::CollateralSet;
use dcap_qvl::configs::RingConfig;
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{PckCertFlag, Policy, QuoteClaims, QuoteCollateralV3, TcbStatus};

use crate::case::{Case, Root, Tolerance};
use crate::opinion::{Facts, Opinion, Reason};
use crate::panics;

/// The other verifier, set up for both roots.
pub(crate) struct Theirs {
    issuer_root_der: Vec<u8>,
}

/// Accepts whatever was verified: what the other side asks beyond the vendor's procedure it asks
/// while it verifies.
struct Anything;

impl Policy for Anything {
    fn validate(&self, _: &QuoteClaims) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Theirs {
    /// The other verifier with the vendor's root that it has built in and, apart from it, the
    /// issuer's.
    pub(crate) fn new(issuer_root_der: &[u8]) -> Self {
        Self {
            issuer_root_der: issuer_root_der.to_vec(),
        }
    }

    /// What it says about a case.
    pub(crate) fn opinion(&self, case: &Case) -> Opinion {
        let collateral = match in_their_form(&case.collateral) {
            Ok(collateral) => collateral,
            Err(reason) => return rejects(reason.to_owned()),
        };
        let verifier = self.verifier(case.root, case.tolerance);
        let at = case.at.unix_seconds();
        let claims = panics::caught(AssertUnwindSafe(|| {
            verifier.verify_with_policy(&case.quote, collateral, at, &Anything)
        }));
        match claims {
            Ok(Ok(claims)) => {
                facts(&claims).map_or_else(rejects, |facts| Opinion::Accepts(Box::new(facts)))
            }
            Ok(Err(error)) => rejects(format!("{error:#}")),
            Err(message) => Opinion::Panics(message),
        }
    }

    /// A verifier for one root.
    pub(crate) fn verifier(&self, root: Root, tolerance: Tolerance) -> QuoteVerifier<RingConfig> {
        let verifier = match root {
            Root::Vendor => QuoteVerifier::new_prod().with_config(),
            Root::Issuer => QuoteVerifier::new_with_config(self.issuer_root_der.clone()),
        };
        verifier
            .allow_debug(tolerance.debug)
            .allow_service_td(tolerance.service_td)
    }
}

/// The collateral as the other side takes it: texts as `String`, signatures and CRLs as bytes.
///
/// An error is a form that has no place there, which its own client would refuse too.
pub(crate) fn in_their_form(set: &CollateralSet) -> Result<QuoteCollateralV3, &'static str> {
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| "adapter: the text is not UTF-8")
    };
    let signature = |digits: &str| {
        hex::decode(digits).map_err(|_| "adapter: the signature is not hexadecimal digits")
    };
    Ok(QuoteCollateralV3 {
        pck_crl_issuer_chain: text(&set.pck_crl_issuer_chain)?,
        root_ca_crl: set.root_ca_crl.clone(),
        pck_crl: set.pck_crl.clone(),
        tcb_info_issuer_chain: text(&set.tcb_info_issuer_chain)?,
        tcb_info: text(&set.tcb_info.body)?,
        tcb_info_signature: signature(&set.tcb_info.signature)?,
        qe_identity_issuer_chain: text(&set.qe_identity_issuer_chain)?,
        qe_identity: text(&set.qe_identity.body)?,
        qe_identity_signature: signature(&set.qe_identity.signature)?,
        pck_certificate_chain: set.pck_certificate_chain.as_deref().map(text).transpose()?,
    })
}

fn rejects(name: String) -> Opinion {
    Opinion::Rejects(vec![Reason {
        name,
        text: String::new(),
    }])
}

fn facts(claims: &QuoteClaims) -> Result<Facts, String> {
    let (platform, pck) = (&claims.platform, &claims.platform.pck);
    let flag = |flag| match flag {
        PckCertFlag::True => Some(true),
        PckCertFlag::False => Some(false),
        PckCertFlag::Undefined => None,
    };
    // Their platform date covers the TDX module and not the quoting enclave; bulla's covers all.
    let qe_date = &claims.qe.tcb_level.tcb_date;
    let qe_date: bulla_pki::Timestamp = qe_date
        .parse()
        .map_err(|_| format!("adapter: the QE's tcbDate is `{qe_date}`"))?;
    Ok(Facts {
        status: status(claims.tcb.status).to_owned(),
        advisories: claims.tcb.advisory_ids.iter().cloned().collect(),
        evaluation_number: claims.tcb.eval_data_number,
        tcb_date: platform.tcb_date_tag.min(qe_date.unix_seconds()),
        fmspc: pck.fmspc.to_vec(),
        ppid: pck.ppid.clone(),
        pce_id: pck.pce_id.clone(),
        pcesvn: pck.pce_svn,
        cpusvn: pck.cpu_svn.to_vec(),
        platform_instance_id: pck.platform_instance_id,
        dynamic_platform: flag(pck.dynamic_platform),
        cached_keys: flag(pck.cached_keys),
        smt_enabled: flag(pck.smt_enabled),
        pck_crl_number: platform.pck_crl_num.into(),
        root_ca_crl_number: platform.root_ca_crl_num.into(),
        earliest_issue: claims.earliest_issue_date,
        latest_issue: claims.latest_issue_date,
        earliest_expiration: claims.earliest_expiration_date,
    })
}

fn status(status: TcbStatus) -> &'static str {
    match status {
        TcbStatus::UpToDate => "UpToDate",
        TcbStatus::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
        TcbStatus::OutOfDate => "OutOfDate",
        TcbStatus::ConfigurationAndSWHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
        TcbStatus::ConfigurationNeeded => "ConfigurationNeeded",
        TcbStatus::SWHardeningNeeded => "SWHardeningNeeded",
        TcbStatus::Revoked => "Revoked",
        TcbStatus::TDRelaunchAdvised => "TDRelaunchAdvised",
        TcbStatus::TDRelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
    }
}
