//! Quotes of the vendor's platforms, and the collateral to check them with.

use bulla_collateral::{CollateralSet, EnclaveId, SignedText};
use bulla_evidence::layout::{SgxReport, sgx_attributes, td_attributes};
use bulla_evidence::{QuoteVersion, Tee};
use bulla_issuer::{Certification, QuoteKind};
use bulla_pki::Timestamp;
use bulla_processor::architectural::Refusal;
use bulla_processor::{
    Enclave, EnclaveSigner, PckTcb, SmallEnclave, TdBuild, TdParameters, TdxModule, TrustDomain,
    Workload,
};
use bulla_protocol::pcs::Selection;

use crate::documents::{Absent, Issued};
use crate::platform::Platform;
use crate::vendor::Vendor;

/// What is to be attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Form of the quote.
    pub kind: QuoteKind,
    /// Data of the enclave's or trust domain's choice.
    pub report_data: [u8; 64],
    /// Whether it is open to debugging.
    pub debug: bool,
    /// When the trust domain was launched: its first measurement is of the TDX module of that
    /// time. Absent for the time of the quote; enclaves have no such memory.
    pub launched: Option<Timestamp>,
}

/// A quote and what is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// The quote, with its PCK certificate chain.
    pub quote: Vec<u8>,
    /// The collateral as served at the time of the quote.
    pub collateral: CollateralSet,
}

/// Why a report of an enclave comes to no quote that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The quoting enclave refuses the report.
    #[error("the platform's quoting enclave refuses the report: {0}")]
    Refused(#[from] Refusal),
    /// There is the quote, and nothing to check it with.
    #[error(transparent)]
    Collateral(#[from] Absent),
}

impl Vendor {
    /// A quote of a platform as it is at `at`, with the collateral of a set as served then.
    pub fn attest(
        &self,
        platform: &Platform,
        subject: &Subject,
        selection: Selection,
        at: Timestamp,
    ) -> Result<Attested, Absent> {
        Ok(Attested {
            quote: self.quote(platform, subject, at),
            collateral: self.collateral(platform, subject.kind, selection, at)?,
        })
    }

    /// The quote of an enclave that reported, on a processor of this platform as it is at `at`, to
    /// [the quoting enclave](Platform::quoting_target); with the collateral of a set as served then.
    ///
    /// # Errors
    ///
    /// As [`Self::quote_enclave`], and where the vendor has no such set.
    pub fn attest_enclave(
        &self,
        platform: &Platform,
        report: &SgxReport,
        selection: Selection,
        at: Timestamp,
    ) -> Result<Attested, AttestError> {
        Ok(Attested {
            quote: self.quote_enclave(platform, report, at)?,
            collateral: self.collateral(platform, QuoteKind::SgxV3, selection, at)?,
        })
    }

    /// The quote alone, of version 3, with its PCK certificate chain.
    ///
    /// # Errors
    ///
    /// When the code of the report does not hold: it was changed, or made for another enclave, on
    /// another platform or under other security versions.
    pub fn quote_enclave(
        &self,
        platform: &Platform,
        report: &SgxReport,
        at: Timestamp,
    ) -> Result<Vec<u8>, Refusal> {
        let running = platform.start(at);
        let (pck, certification) = self.certification(platform, &running, at);
        let quote = running.quote_enclave(QuoteVersion::V3, report, pck, certification)?;
        Ok(quote.write())
    }

    /// The collateral that quotes of this kind and platform need, as served at `at`.
    pub fn collateral(
        &self,
        platform: &Platform,
        kind: QuoteKind,
        selection: Selection,
        at: Timestamp,
    ) -> Result<CollateralSet, Absent> {
        let tee = kind.body_type().tee();
        let quoting_enclave = match tee {
            Tee::Sgx => EnclaveId::Qe,
            Tee::Tdx => EnclaveId::TdQe,
        };
        let tcb_info = self.tcb_info(tee, platform.fmspc, selection, at)?;
        let qe_identity = self.identity(quoting_enclave, selection, at)?;
        let pck_crl = self.pck_crl(platform.ca, at);
        Ok(CollateralSet {
            tcb_info: signed(&tcb_info),
            tcb_info_issuer_chain: tcb_info.chain,
            qe_identity: signed(&qe_identity),
            qe_identity_issuer_chain: qe_identity.chain,
            pck_crl: pck_crl.der,
            pck_crl_issuer_chain: pck_crl.chain,
            root_ca_crl: self.root_ca_crl(at).der,
            pck_certificate_chain: None,
        })
    }
}

fn signed(issued: &Issued) -> SignedText {
    let (_, text) = SignedText::from_wrapped(&issued.body).expect("the vendor wrote it");
    text
}

impl Vendor {
    fn quote(&self, platform: &Platform, subject: &Subject, at: Timestamp) -> Vec<u8> {
        let running = platform.start(at);
        let (pck, certification) = self.certification(platform, &running, at);
        let enclave;
        let domain;
        let workload = match subject.kind.body_type().tee() {
            Tee::Sgx => {
                enclave = application(subject.debug);
                Workload::Enclave(&enclave)
            }
            Tee::Tdx => {
                let launched = platform.svns(subject.launched.unwrap_or(at));
                domain = trust_domain(subject.debug, &launched.tdx_module());
                Workload::Domain(&domain)
            }
        };
        running
            .attest(
                subject.kind,
                workload,
                subject.report_data,
                pck,
                certification,
            )
            .expect("the workload is of this kind, and no certificate is above its platform")
            .write()
    }

    /// The certificate that a platform uses, and what it was issued for.
    fn certification(
        &self,
        platform: &Platform,
        running: &bulla_processor::Platform,
        at: Timestamp,
    ) -> (PckTcb, Certification) {
        let pck = self
            .select_pck_certificate(platform, running.tcb().pck(), at)
            .expect("no platform is below the founding level");
        let mut chain = pck.pem().into_bytes();
        chain.extend(self.pck_issuer_chain(platform.ca, at));
        (pck.tcb, Certification::PckChain(chain))
    }
}

/// The enclave that is attested. Its signer is the same for everybody, and not that of the quoting
/// enclave: a policy that names one does not name the other.
fn application(debug: bool) -> Enclave {
    let flags = if debug { sgx_attributes::DEBUG } else { 0 };
    let enclave = SmallEnclave {
        flags,
        ..SmallEnclave::new("bulla vendor: an application\n")
    };
    enclave
        .start(&EnclaveSigner::demonstration())
        .expect("an enclave of the model starts")
}

/// The trust domain that is attested, launched under this module.
fn trust_domain(debug: bool, module: &TdxModule) -> TrustDomain {
    let mut parameters = TdParameters::default();
    if debug {
        parameters.attributes |= td_attributes::DEBUG;
    }
    let mut build = TdBuild::new(&parameters).expect("parameters that fit");
    build.add_page(0).expect("the first page");
    build.finalize(module)
}

#[cfg(test)]
mod tests {
    use bulla_evidence::Quote;
    use bulla_issuer::{PckCa, Seed};
    use bulla_processor::{ErrorCode, architectural};

    use super::*;
    use crate::{Charter, Order};

    const FOUNDED: u64 = 1_790_000_000;

    fn time(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).expect("representable")
    }

    fn vendor(seed: u64) -> Vendor {
        let charter = Charter {
            public_url: "http://localhost".parse().expect("a URL"),
            founded: time(FOUNDED),
            mark_critically: false,
        };
        let mut vendor = Vendor::new(Seed::from(seed), charter);
        for (name, ca) in [("one", PckCa::Processor), ("two", PckCa::Platform)] {
            let order = Order {
                name: name.parse().expect("a name"),
                ca,
                fmspc: None,
                number: None,
            };
            vendor.make(order, time(FOUNDED)).expect("a new platform");
        }
        vendor
    }

    #[test]
    fn an_enclave_is_quoted_as_it_reported() {
        let (vendor, at) = (vendor(1), time(FOUNDED + 60));
        for platform in vendor.platforms() {
            let target = platform.quoting_target(at);
            let report = platform
                .start(at)
                .processor()
                .ereport(&application(false), &target, [7; 64])
                .expect("a good target");
            let attested = vendor
                .attest_enclave(platform, &report, Selection::Standard, at)
                .expect("its own platform");
            let quote = Quote::parse(&attested.quote).expect("a quote");
            assert_eq!(quote.version(), QuoteVersion::V3);
            assert_eq!(quote.body().sgx(), Some(&report.body));
        }
    }

    #[test]
    fn a_report_that_does_not_hold_is_not_quoted() {
        let (vendor, at) = (vendor(1), time(FOUNDED + 60));
        let [one, two] = vendor.platforms() else {
            panic!("two platforms");
        };
        let enclave = application(false);
        let report = |platform: &Platform, target| {
            let running = platform.start(at);
            let report = running.processor().ereport(&enclave, &target, [7; 64]);
            report.expect("a good target")
        };
        let good = report(one, one.quoting_target(at));
        let mut changed = good;
        changed.body.isvsvn = 9.into();
        for (of, wrong) in [
            ("a changed report", changed),
            ("another target", report(one, enclave.target_info())),
            ("another platform", report(two, two.quoting_target(at))),
        ] {
            let refused = vendor.quote_enclave(one, &wrong, at).expect_err(of);
            let Refusal::Instruction(failure) = refused else {
                panic!("{of}: {refused}");
            };
            assert_eq!(
                failure.error_code(),
                Some(ErrorCode::MacCompareFail),
                "{of}"
            );
        }
        assert!(vendor.quote_enclave(one, &good, at).is_ok());
    }

    #[test]
    fn what_is_attested_has_another_signer_than_what_attests() {
        let mrsigner = application(false).secs().mrsigner;
        assert_eq!(mrsigner, EnclaveSigner::demonstration().mrsigner());
        assert_ne!(mrsigner, architectural::MRSIGNER);
    }
}
