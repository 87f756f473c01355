//! Reports, local attestation, TCB recovery and quotes of a platform.

use std::sync::LazyLock;

use bulla_evidence::layout::{SgxReport, TdReport, sgx_attributes};
use bulla_evidence::{CertificationData, Quote, Tee};
use bulla_issuer::{Certification, QuoteKind, Seed, SigningKey, qe_report_data};
use bulla_pki::{PublicKey, Signature};
use bulla_processor::architectural::{self, Refusal, Role};
use bulla_processor::structures::key_policy;
use bulla_processor::{
    Downgrade, Enclave, EnclaveSigner, ErrorCode, Fuses, Platform, Processor, ProvisioningKey,
    SmallEnclave, Tcb, TdReportForm, TdxModule, TrustDomain, UnsealError, Workload,
};
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

fn fuses(number: u64) -> Fuses {
    Fuses::derive(&Seed::from(number), "platform")
}

fn tcb() -> Tcb {
    Tcb {
        cpusvn: [7, 7, 2, 2, 4, 1, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0],
        pcesvn: 13,
        qe_svn: 8,
        tdqe_svn: 4,
        tdx_module: TdxModule::new([5, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    }
}

fn later() -> Tcb {
    let mut tcb = tcb();
    tcb.cpusvn[0] = 8;
    tcb.pcesvn = 14;
    tcb.qe_svn = 9;
    tcb.tdx_module = TdxModule::new([6, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    tcb
}

fn enclave(code: &str) -> Enclave {
    SmallEnclave::new(code)
        .start(&EnclaveSigner::demonstration())
        .expect("it starts")
}

fn public_key(key: &SigningKey) -> PublicKey {
    PublicKey::from_uncompressed(&key.public_key()).expect("a point")
}

#[test]
fn a_report_holds_for_its_target_on_its_processor_until_the_next_start() {
    let (reporter, target, other) = (enclave("a"), enclave("b"), enclave("c"));
    let mut processor = Processor::new(fuses(1), tcb().cpusvn);
    let report = processor
        .ereport(&reporter, &target.target_info(), [7; 64])
        .expect("a good target");
    let holds = |processor: &Processor, target| processor.verify_report(target, &report).is_ok();
    assert!(holds(&processor, &target));
    assert!(!holds(&processor, &other));
    assert!(!holds(&processor, &reporter));
    assert!(!holds(&Processor::new(fuses(2), tcb().cpusvn), &target));
    assert_eq!(report.body.mrenclave, reporter.secs().mrenclave);
    assert_eq!(report.body.cpusvn, tcb().cpusvn);

    processor.restart(later().cpusvn);
    assert!(
        !holds(&processor, &target),
        "the report key is of another version"
    );
    let mut target_info = target.target_info();
    target_info.reserved3[0] = 1;
    assert!(processor.ereport(&reporter, &target_info, [7; 64]).is_err());
}

static TARGET: LazyLock<Enclave> = LazyLock::new(|| enclave("b"));
static PLATFORM: LazyLock<Platform> = LazyLock::new(|| Platform::new(fuses(1), tcb()));

proptest! {
    #[test]
    fn a_changed_report_does_not_hold(offset in 0usize..432, change in 1u8..=255) {
        let processor = PLATFORM.processor();
        let mut report = processor
            .ereport(&TARGET, &TARGET.target_info(), [7; 64])
            .expect("a good target");
        report.as_mut_bytes()[offset] ^= change;
        let failure = processor.verify_report(&TARGET, &report).unwrap_err();
        prop_assert_eq!(failure.error_code(), Some(ErrorCode::MacCompareFail));
    }

    #[test]
    fn changed_sealed_data_stays_closed(offset in 0usize..566, change in 1u8..=255) {
        let processor = PLATFORM.processor();
        let mut sealed = processor
            .seal(&TARGET, key_policy::MRSIGNER, b"secret")
            .expect("a policy that fits");
        sealed[offset] ^= change;
        prop_assert!(processor.unseal(&TARGET, &sealed).is_err());
    }

    #[test]
    fn a_changed_td_report_is_refused(offset in 0usize..1024, change in 1u8..=255) {
        let platform = &*PLATFORM;
        let domain = TrustDomain::small(b"td", &tcb().tdx_module);
        let mut report = platform.report_domain(&domain, [7; 64], TdReportForm::Td15);
        report.as_mut_bytes()[offset] ^= change;
        // Between the two structures that have digests, 17 bytes are nobody's.
        let unauthenticated = (495..512).contains(&offset);
        let quote = platform.quote_domain(
            QuoteKind::Td15V5,
            &report,
            tcb().pck(),
            platform.ppid_clear(tcb().pck()),
        );
        prop_assert_eq!(quote.is_ok(), unauthenticated);
        let expected = match offset {
            16..32 => Some(ErrorCode::InvalidCpuSvn),
            0..256 => Some(ErrorCode::InvalidReportMacStruct),
            _ => None,
        };
        let verified = platform.processor().everifyreport2(&report.report_mac);
        prop_assert_eq!(verified.err().and_then(|failure| failure.error_code()), expected);
    }
}

#[test]
fn sealing_survives_an_update_and_refuses_a_downgrade() {
    let version = |isvsvn| {
        SmallEnclave {
            isvsvn,
            ..SmallEnclave::new(&format!("version {isvsvn}"))
        }
        .start(&EnclaveSigner::demonstration())
        .expect("it starts")
    };
    let (first, second) = (version(1), version(2));
    let signer = key_policy::MRSIGNER;
    let seal = |platform: &Platform, enclave| {
        let sealed = platform.processor().seal(enclave, signer, b"secret");
        sealed.expect("a policy that fits")
    };
    let unseal =
        |platform: &Platform, enclave, sealed: &[u8]| platform.processor().unseal(enclave, sealed);
    let mut platform = Platform::new(fuses(1), tcb());
    let before = seal(&platform, &first);
    assert_eq!(unseal(&platform, &first, &before), Ok(b"secret".to_vec()));

    platform.raise(later()).expect("everything is later");
    assert_eq!(unseal(&platform, &first, &before), Ok(b"secret".to_vec()));
    assert_eq!(unseal(&platform, &second, &before), Ok(b"secret".to_vec()));

    let after = seal(&platform, &second);
    let code = |platform: &Platform, enclave| match unseal(platform, enclave, &after) {
        Err(UnsealError::Refused(failure)) => failure.error_code(),
        other => panic!("{other:?}"),
    };
    assert_eq!(code(&platform, &first), Some(ErrorCode::InvalidIsvSvn));
    let downgraded = Platform::new(fuses(1), tcb());
    assert_eq!(code(&downgraded, &second), Some(ErrorCode::InvalidCpuSvn));
}

#[test]
fn sealed_data_opens_for_whom_the_policy_says() {
    let (one, other) = (enclave("a"), enclave("b"));
    let processor = PLATFORM.processor();
    for (policy, for_other) in [(key_policy::MRSIGNER, true), (key_policy::MRENCLAVE, false)] {
        let sealed = processor.seal(&one, policy, b"secret").expect("it may");
        assert_eq!(processor.unseal(&one, &sealed), Ok(b"secret".to_vec()));
        assert_eq!(processor.unseal(&other, &sealed).is_ok(), for_other);
        let elsewhere = Processor::new(fuses(2), tcb().cpusvn);
        assert_eq!(elsewhere.unseal(&one, &sealed), Err(UnsealError::Closed));
        let debugged = SmallEnclave {
            flags: sgx_attributes::DEBUG,
            ..SmallEnclave::new("a")
        }
        .start(&EnclaveSigner::demonstration())
        .expect("it starts");
        assert_eq!(
            processor.unseal(&debugged, &sealed),
            Err(UnsealError::Closed)
        );
    }
    let kss = processor.seal(&one, key_policy::CONFIGID, b"secret");
    assert!(kss.is_err(), "the policy needs KSS");
    assert_eq!(
        processor.unseal(&one, &[0; 559]),
        Err(UnsealError::Malformed)
    );
    assert_eq!(
        processor.unseal(&one, &[0; 560]),
        Err(UnsealError::Malformed)
    );
}

#[test]
fn a_platform_is_only_raised() {
    let mut platform = Platform::new(fuses(1), later());
    assert_eq!(platform.raise(tcb()), Err(Downgrade { part: "CPUSVN" }));
    assert_eq!(platform.tcb(), &later());
    let mut mixed = later();
    mixed.cpusvn[0] = 9;
    mixed.qe_svn = 1;
    let refused = platform.raise(mixed);
    assert_eq!(
        refused,
        Err(Downgrade {
            part: "quoting enclave"
        })
    );
    assert_eq!(platform.raise(later()), Ok(()));
}

/// Checks everything that a quote says of itself, given the key that certified it.
fn check(bytes: &[u8], kind: QuoteKind, pck: &PublicKey) {
    let quote = Quote::parse(bytes).expect("well formed");
    assert_eq!(quote.version(), kind.version());
    assert_eq!(quote.body().body_type(), kind.body_type());
    let auth = quote.auth();
    let holds = |key: &PublicKey, message: &[u8], signature| {
        key.verify(message, &Signature::from_fixed(signature).expect("r and s"))
            .expect("the signature holds");
    };
    holds(pck, auth.qe_report.as_bytes(), auth.qe_report_signature);
    assert_eq!(
        auth.qe_report.reportdata,
        qe_report_data(auth.attestation_key, auth.qe_auth)
    );
    let attestation_key = PublicKey::from_coordinates(auth.attestation_key).expect("a point");
    holds(&attestation_key, quote.signed(), auth.signature);
    assert_eq!(auth.qe_report.mrsigner, architectural::MRSIGNER);
}

#[test]
fn every_kind_of_quote_is_certified_by_the_pck() {
    let platform = Platform::new(fuses(1), tcb());
    let application = enclave("application");
    let domain = TrustDomain::small(b"domain", &tcb().tdx_module);
    let pck = public_key(&fuses(1).pck_key(tcb().cpusvn, tcb().pcesvn));
    assert_eq!(pck, public_key(&platform.pck_key()));
    for kind in QuoteKind::ALL {
        let tee = kind.body_type().tee();
        let workload = match tee {
            Tee::Sgx => Workload::Enclave(&application),
            Tee::Tdx => Workload::Domain(&domain),
        };
        let chain = Certification::PckChain(b"a chain".to_vec());
        let quote = platform
            .attest(kind, workload, [9; 64], tcb().pck(), chain)
            .expect("a quote");
        check(&quote.write(), kind, &pck);
        let svn = platform.quoting_enclave(tee).enclave().secs().isvsvn.get();
        let mut expected = Role::quoting(tee).report(tcb().cpusvn, svn);
        expected.reportdata = quote.qe_report.reportdata;
        assert_eq!(quote.qe_report, expected);
    }
}

#[test]
fn a_certificate_of_an_earlier_version_still_serves_after_an_update() {
    let mut platform = Platform::new(fuses(1), tcb());
    platform.raise(later()).expect("everything is later");
    let application = enclave("application");
    let quote = |platform: &Platform, pck| {
        let named = platform.ppid_clear(pck);
        platform.attest(
            QuoteKind::SgxV3,
            Workload::Enclave(&application),
            [9; 64],
            pck,
            named,
        )
    };
    for of in [tcb(), later()] {
        let key = fuses(1).pck_key(of.cpusvn, of.pcesvn);
        let bytes = quote(&platform, of.pck()).expect("a quote").write();
        check(&bytes, QuoteKind::SgxV3, &public_key(&key));
    }

    let old = Platform::new(fuses(1), tcb());
    let mut beyond = tcb().pck();
    beyond.pcesvn += 1;
    let codes = [beyond, later().pck()].map(|pck| match quote(&old, pck) {
        Err(Refusal::Instruction(failure)) => failure.error_code(),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        codes,
        [ErrorCode::InvalidIsvSvn, ErrorCode::InvalidCpuSvn].map(Some)
    );
}

#[test]
fn quotes_without_a_certificate_name_the_platform() {
    let platform = Platform::new(fuses(1), tcb());
    let service = ProvisioningKey::derive(&Seed::from(1), "provisioning");
    let domain = TrustDomain::small(b"domain", &tcb().tdx_module);
    let named = [
        platform.ppid_clear(tcb().pck()),
        platform.ppid_encrypted(tcb().pck(), &service.public_key()),
    ];
    for certification in named {
        let quote = platform
            .attest(
                QuoteKind::Td10V4,
                Workload::Domain(&domain),
                [9; 64],
                tcb().pck(),
                certification,
            )
            .expect("a quote")
            .write();
        let quote = Quote::parse(&quote).expect("well formed");
        let (ppid, cpusvn, pcesvn) = match quote.auth().certification {
            CertificationData::PpidClear(data) => (data.ppid, data.cpusvn, data.pcesvn),
            CertificationData::PpidRsa3072(data) => {
                let ppid = service.decrypt(&data.ppid).expect("encrypted to us");
                (ppid, data.cpusvn, data.pcesvn)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(ppid, fuses(1).ppid());
        assert_eq!((cpusvn, pcesvn.get()), (tcb().cpusvn, 13));
    }
    let info = platform.pce_info(&service.public_key());
    assert_eq!((info.pcesvn, info.pce_id), (13, 0));
    let again = ProvisioningKey::derive(&Seed::from(2), "provisioning");
    assert!(again.decrypt(&info.encrypted_ppid).is_err());
}

#[test]
fn the_certification_enclave_serves_quoting_enclaves_only() {
    let platform = Platform::new(fuses(1), tcb());
    let pce = platform.certification_enclave();
    let certify =
        |report: &SgxReport| pce.certify(platform.processor(), report, tcb().cpusvn, tcb().pcesvn);
    let report = |enclave: &Enclave| {
        let target = pce.target_info();
        let report = platform.processor().ereport(enclave, &target, [0; 64]);
        report.expect("a good target")
    };
    let quoting = platform.quoting_enclave(Tee::Sgx).enclave();
    assert!(certify(&report(quoting)).is_ok());
    assert_eq!(certify(&report(&enclave("a"))), Err(Refusal::NotPermitted));
    let mut forged = report(&enclave("a"));
    forged.body.attributes = quoting.secs().attributes;
    assert!(matches!(certify(&forged), Err(Refusal::Instruction(_))));

    let service = ProvisioningKey::derive(&Seed::from(1), "provisioning").public_key();
    let of_another_key = pce.pc_info(platform.processor(), &report(quoting), &service);
    assert_eq!(of_another_key, Err(Refusal::ReportData));
}

#[test]
fn a_quote_needs_what_its_kind_says() {
    let platform = Platform::new(fuses(1), tcb());
    let application = enclave("application");
    let domain = TrustDomain::small(b"domain", &tcb().tdx_module);
    let named = || platform.ppid_clear(tcb().pck());
    for kind in QuoteKind::ALL {
        let workload = match kind.body_type().tee() {
            Tee::Sgx => Workload::Domain(&domain),
            Tee::Tdx => Workload::Enclave(&application),
        };
        let quote = platform.attest(kind, workload, [9; 64], tcb().pck(), named());
        assert!(matches!(quote, Err(Refusal::Unsupported(_))), "{kind:?}");
    }
    let quote = |kind, form| {
        let report = platform.report_domain(&domain, [9; 64], form);
        platform.quote_domain(kind, &report, tcb().pck(), named())
    };
    use {QuoteKind as Kind, TdReportForm as Form};
    assert!(
        quote(Kind::Td10V4, Form::Td15).is_ok(),
        "a later module, an older quote"
    );
    for (kind, form) in [
        (Kind::Td15V5, Form::Td10),
        (Kind::Td15ExV5, Form::Td10),
        (Kind::Td15ExV5, Form::Td15),
    ] {
        assert!(matches!(quote(kind, form), Err(Refusal::Unsupported(_))));
    }
}

#[test]
fn a_trust_domain_is_what_it_was_launched_as_and_what_it_has_extended() {
    let mut platform = Platform::new(fuses(1), tcb());
    let mut domain = TrustDomain::small(b"domain", &tcb().tdx_module);
    assert_ne!(
        domain.info().mrtd,
        TrustDomain::small(b"domaim", &tcb().tdx_module).info().mrtd
    );
    domain.extend_rtmr(3, &[1; 48]).expect("a register");
    assert!(domain.extend_rtmr(4, &[1; 48]).is_err());
    assert_eq!(domain.info().rtmr[..3], [[0; 48]; 3]);
    // SHA-384 of 48 times 00 and 48 times 01, by Python's hashlib.
    assert_eq!(
        hex::encode(domain.info().rtmr[3]),
        "b2cdfa15c3fdc5772b099d6e1a5acb8a2eb8b94adb63393a7ae3068c8b4bd8cdad83d6eb649d8178d0fe7a8135d0a003"
    );

    // The module is updated under the running domain.
    platform.raise(later()).expect("everything is later");
    domain.bind_service_domains([2; 48]);
    let report = platform.report_domain(&domain, [9; 64], TdReportForm::Td15Ex);
    let parsed = TdReport::read_from_bytes(report.as_bytes()).expect("1024 bytes");
    assert_eq!(parsed.report_mac.report_type.version, 1);
    let quote = platform
        .quote_domain(
            QuoteKind::Td15ExV5,
            &report,
            later().pck(),
            platform.ppid_clear(later().pck()),
        )
        .expect("a quote")
        .write();
    let quote = Quote::parse(&quote).expect("well formed");
    let td15 = quote.body().td15().expect("TDX 1.5");
    assert_eq!(td15.td10.tee_tcb_svn[0], 5);
    assert_eq!(td15.tee_tcb_svn2[0], 6);
    assert_eq!(td15.mrservicetd, [2; 48]);
    assert_eq!(td15.td10.rtmr3, domain.info().rtmr[3]);
    assert_eq!(td15.td10.reportdata, [9; 64]);
}
