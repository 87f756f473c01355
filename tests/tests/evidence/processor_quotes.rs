//! Quotes of the model processor, judged with the issuer's collateral: as good as any under their
//! own root, and worth nothing under the vendors'.

use bulla_collateral::{CollateralSet, TcbStatus};
use bulla_evidence::Tee;
use bulla_issuer::{Certification, EnclaveIdentitySpec, QuoteKind, Scenario, Seed};
use bulla_pki::TrustAnchors;
use bulla_processor::architectural::Role;
use bulla_processor::{
    EnclaveSigner, Fuses, Platform, SmallEnclave, Tcb, TdxModule, TrustDomain, Workload,
};
use bulla_tests::scenarios::{assert_status, failures, judge_bytes, now, scenario, trusting};
use bulla_verifier::Code;

/// A platform with what the issuer's platforms have.
fn platform(scenario: &Scenario) -> Platform {
    let extension = &scenario.sgx_extension;
    let tee_tcb_svn = scenario
        .quote
        .body
        .as_body()
        .td10()
        .map(|td| td.tee_tcb_svn);
    let tcb = Tcb {
        cpusvn: extension.cpusvn,
        pcesvn: extension.pcesvn.try_into().expect("a genuine SVN"),
        qe_svn: 8,
        tdqe_svn: 4,
        tdx_module: TdxModule::new(tee_tcb_svn.unwrap_or_default()),
    };
    Platform::new(Fuses::derive(&Seed::from("a platform"), "fuses"), tcb)
}

/// A quote of the platform, its certificate and its collateral by the issuer's vendor.
fn attested(kind: QuoteKind) -> (Vec<u8>, CollateralSet, Vec<u8>) {
    let mut scenario = scenario(kind);
    let platform = platform(&scenario);
    let (tee, tcb) = (kind.body_type().tee(), *platform.tcb());

    scenario.sgx_extension.ppid = platform.processor().fuses().ppid();
    scenario.pck_key = platform.pck_key();
    scenario.pck_certificate = scenario.vendor.pck_certificate(
        scenario.ca,
        &scenario.pck_key,
        scenario.pck_certificate.validity,
    );
    let (id, svn) = match tee {
        Tee::Sgx => ("QE", tcb.qe_svn),
        Tee::Tdx => ("TD_QE", tcb.tdqe_svn),
    };
    let report = Role::quoting(tee).report(tcb.cpusvn, svn);
    let of = &scenario.qe_identity;
    scenario.qe_identity =
        EnclaveIdentitySpec::of(id, &report, of.validity, of.evaluation_data_number);

    let enclave = SmallEnclave::new("an application")
        .start(&EnclaveSigner::demonstration())
        .expect("it starts");
    let domain = TrustDomain::small(b"an application", &tcb.tdx_module);
    let workload = match tee {
        Tee::Sgx => Workload::Enclave(&enclave),
        Tee::Tdx => Workload::Domain(&domain),
    };
    let mut documents = scenario.documents();
    let chain = Certification::PckChain(Vec::new());
    documents.quote = platform
        .attest(kind, workload, [7; 64], tcb.pck(), chain)
        .expect("a quote");
    documents.rewrite_chains();
    let root = documents.root_certificate.clone();
    let attestation = documents.assemble();
    (attestation.quote, attestation.collateral, root)
}

#[test]
fn every_kind_of_quote_is_genuine_under_its_root_and_refused_under_the_vendors() {
    for kind in QuoteKind::ALL {
        let (quote, collateral, root) = attested(kind);
        let verdict = judge_bytes(&quote, &collateral, &trusting(&root), now());
        assert_status(&verdict, TcbStatus::UpToDate);

        let vendors = judge_bytes(&quote, &collateral, &TrustAnchors::vendors(), now());
        let untrusted = |(code, _): &(Code, &str)| *code == Code::RootUntrusted;
        assert!(failures(&vendors).iter().any(untrusted), "{kind:?}");
    }
}
