//! What is true about a quote.

use std::sync::Arc;

use bulla_collateral::{PckCa, TcbStatus};
use bulla_evidence::layout::{QuoteHeader, SgxReportBody, TdReport10, TdReport15, TdReport15Ex};
use bulla_evidence::{Body, QuoteVersion};
use bulla_pki::{Timestamp, TrustAnchor, Window};

use crate::finding::{Finding, Severity};

/// Whether evidence was shown to be genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Verification {
    /// Genuine: every signature, chain and identity holds, under an anchor the caller trusts.
    Ok,
    /// Not genuine, or not shown to be.
    Failed,
}

/// All that is true about one quote at one instant: facts, never a judgement of what is good
/// enough. That is the appraisal's.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The instant the quote was judged by.
    pub at: Timestamp,
    /// The root that every chain ended in; absent where a chain failed.
    pub trust_anchor: Option<Arc<TrustAnchor>>,
    /// What the quote says; absent where the bytes are not a quote. Shown also when verification
    /// failed, and then claimed by nobody.
    pub evidence: Option<EvidenceFacts>,
    /// The TCB level; absent where verification failed.
    pub tcb: Option<TcbFacts>,
    /// The collateral that was used, and its age.
    pub collateral: CollateralFacts,
    /// Every reason, in the order of the procedure.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// `Ok` exactly when a trust anchor was reached, a TCB level applies and nothing failed.
    pub fn verification(&self) -> Verification {
        let failed = self
            .findings
            .iter()
            .any(|f| f.severity == Severity::Failure);
        if !failed && self.trust_anchor.is_some() && self.evidence.is_some() && self.tcb.is_some() {
            Verification::Ok
        } else {
            Verification::Failed
        }
    }

    /// The findings that made verification fail.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.severity == Severity::Failure)
    }
}

/// What a quote says about itself.
#[derive(Clone, Debug)]
pub struct EvidenceFacts {
    /// Version of the quote's format.
    pub quote_version: QuoteVersion,
    /// The header, with QE vendor and user data (whose first 16 bytes are the QE-ID).
    pub header: QuoteHeader,
    /// The report of the enclave or TD.
    pub body: OwnedBody,
    /// The report of the quoting enclave.
    pub qe_report: SgxReportBody,
    /// What the PCK certificate says of the platform; absent where it could not be read.
    pub platform: Option<PlatformFacts>,
}

/// A quote's body, owned. See [`Body`].
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once; boxing would cost an allocation per quote"
)]
#[expect(clippy::exhaustive_enums, reason = "follows `Body`")]
pub enum OwnedBody {
    /// An SGX enclave report.
    Sgx(SgxReportBody),
    /// A TD report 1.0.
    Td10(TdReport10),
    /// A TD report 1.5.
    Td15(TdReport15),
    /// A TD report 1.5 with the extensions for service TDs.
    Td15Ex(TdReport15Ex),
}

impl OwnedBody {
    /// The same body, borrowed.
    pub fn borrow(&self) -> Body<'_> {
        match self {
            Self::Sgx(body) => Body::Sgx(body),
            Self::Td10(body) => Body::Td10(body),
            Self::Td15(body) => Body::Td15(body),
            Self::Td15Ex(body) => Body::Td15Ex(body),
        }
    }
}

/// What the PCK certificate says of the platform (Intel SGX PCK Certificate Specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformFacts {
    /// Family, model, stepping, platform type and customised SKU; 6 bytes.
    pub fmspc: [u8; 6],
    /// Identity of the provisioning certification enclave; 2 bytes as in the certificate.
    pub pce_id: [u8; 2],
    /// Platform provisioning id: one per platform and PCE. Personal to a machine.
    pub ppid: [u8; 16],
    /// The SVNs of the 16 TCB components.
    pub components: [u8; 16],
    /// SVN of the provisioning certification enclave.
    pub pcesvn: u16,
    /// Id of a multi-package platform instance; absent under the Processor CA.
    pub platform_instance_id: Option<[u8; 16]>,
    /// Whether packages can be added to the platform; absent under the Processor CA.
    pub dynamic_platform: Option<bool>,
    /// Whether the vendor keeps the platform's keys; absent under the Processor CA.
    pub cached_keys: Option<bool>,
    /// Whether simultaneous multithreading is on; absent under the Processor CA.
    pub smt_enabled: Option<bool>,
    /// Which CA signed the certificate.
    pub ca: PckCa,
}

/// The TCB level that a platform reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbFacts {
    /// The vendor's word, converged over platform, TDX module and quoting enclave.
    pub status: TcbStatus,
    /// The level at launch; holds the advice itself where a relaunch is advised, as in Intel's
    /// library.
    pub launch_status: TcbStatus,
    /// The level now; differs from the level at launch only for TD reports 1.5 and later.
    pub current_status: TcbStatus,
    /// The earliest `tcbDate` of the levels reached.
    pub date: Timestamp,
    /// Union of the advisories of the levels reached, sorted.
    pub advisory_ids: Vec<Arc<str>>,
    /// `tcbEvaluationDataNumber` of the TCB info.
    pub tcb_info_evaluation_data_number: u32,
    /// `tcbEvaluationDataNumber` of the identity.
    pub qe_identity_evaluation_data_number: u32,
    /// The platform's own level (SGX components and PCE, TDX components).
    pub platform_level: ReachedLevel,
    /// The TDX module's level; absent for SGX and for TDX modules without identity.
    pub tdx_module_level: Option<ReachedLevel>,
    /// The quoting enclave's level.
    pub qe_level: ReachedLevel,
}

impl TcbFacts {
    /// The smaller of the two evaluation data numbers: what the collateral as a whole vouches for.
    pub fn evaluation_data_number(&self) -> u32 {
        self.tcb_info_evaluation_data_number
            .min(self.qe_identity_evaluation_data_number)
    }
}

/// One level that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReachedLevel {
    /// The vendor's word for it.
    pub status: TcbStatus,
    /// Its `tcbDate`.
    pub date: Timestamp,
    /// Its advisories, as listed.
    pub advisory_ids: Arc<[Arc<str>]>,
}

/// The collateral that a verdict rests on.
#[derive(Clone, Debug, Default)]
pub struct CollateralFacts {
    /// Every document and certificate that could be read, each once, in the order of the
    /// procedure.
    pub documents: Vec<DocumentFacts>,
    /// CRL number of the PCK CRL; absent where it could not be read.
    pub pck_crl_number: Option<u64>,
    /// CRL number of the root CA's CRL; absent where it could not be read.
    pub root_ca_crl_number: Option<u64>,
    /// Names of the documents and certificates outside their window at the instant of the verdict.
    pub expired: Vec<&'static str>,
}

/// A document or certificate and its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentFacts {
    /// `tcb_info`, `qe_identity`, `pck_crl`, `root_ca_crl`, or a certificate such as
    /// `pck_certificate`, `pck_ca`, `tcb_info_signer`.
    pub name: &'static str,
    /// What kind of thing it is.
    pub kind: DocumentKind,
    /// `issueDate`..`nextUpdate`, `thisUpdate`..`nextUpdate` or `notBefore`..`notAfter`.
    pub window: Window,
    /// SHA-256 of the signed JSON text, or of the DER.
    pub sha256: [u8; 32],
}

/// The kinds of things that make up collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the three kinds of signed things in this field"
)]
pub enum DocumentKind {
    /// TCB info or enclave identity.
    Json,
    /// A certificate revocation list.
    Crl,
    /// A certificate of the quote's chain or of an issuer chain.
    Certificate,
}

impl CollateralFacts {
    /// The document of this name.
    pub fn document(&self, name: &str) -> Option<&DocumentFacts> {
        self.documents.iter().find(|document| document.name == name)
    }

    /// First second at which all documents and certificates had been issued.
    pub fn latest_issue(&self) -> Option<Timestamp> {
        self.documents.iter().map(|d| d.window.from).max()
    }

    /// Issue of the oldest document or certificate.
    pub fn earliest_issue(&self) -> Option<Timestamp> {
        self.documents.iter().map(|d| d.window.from).min()
    }

    /// Last second at which all documents and certificates are valid.
    pub fn earliest_expiration(&self) -> Option<Timestamp> {
        self.documents.iter().map(|d| d.window.until).min()
    }

    /// The earlier `nextUpdate` of TCB info and identity.
    pub fn earliest_next_update(&self) -> Option<Timestamp> {
        self.documents
            .iter()
            .filter(|d| d.kind == DocumentKind::Json)
            .map(|d| d.window.until)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use bulla_issuer::QuoteKind;

    use super::*;
    use crate::simulated::{prepared, scenario};

    /// What is missing has failed as well; the answer must not rest on that.
    #[test]
    fn verification_is_ok_only_with_anchor_evidence_and_level() {
        let scenario = scenario(QuoteKind::SgxV3);
        let attestation = scenario.build();
        let prepared = prepared(&scenario, &attestation.collateral);
        let verdict = prepared.verify(&attestation.quote, scenario.at);
        assert_eq!(verdict.verification(), Verification::Ok);
        let without: [fn(&mut Verdict); 3] = [
            |verdict| verdict.trust_anchor = None,
            |verdict| verdict.evidence = None,
            |verdict| verdict.tcb = None,
        ];
        for (index, remove) in without.iter().enumerate() {
            let mut verdict = verdict.clone();
            remove(&mut verdict);
            assert_eq!(verdict.verification(), Verification::Failed, "{index}");
        }
    }

    #[test]
    fn dates_of_the_collateral_are_the_first_and_the_last_of_all_parts() {
        let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
        let document = |kind, from, until| DocumentFacts {
            name: "any",
            kind,
            window: Window {
                from: at(from),
                until: at(until),
            },
            sha256: [0; 32],
        };
        let facts = CollateralFacts {
            documents: vec![
                document(DocumentKind::Json, 30, 80),
                document(DocumentKind::Crl, 10, 70),
                document(DocumentKind::Json, 40, 90),
                document(DocumentKind::Certificate, 20, 60),
            ],
            ..CollateralFacts::default()
        };
        assert_eq!(facts.earliest_issue(), Some(at(10)));
        assert_eq!(facts.latest_issue(), Some(at(40)));
        assert_eq!(facts.earliest_expiration(), Some(at(60)));
        assert_eq!(facts.earliest_next_update(), Some(at(80)));
    }
}
