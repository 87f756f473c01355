//! PCK certificates as those of one platform.

use bulla_issuer::{QuoteKind, Scenario, pem, sgx_extension};
use bulla_pki::{Serial, Timestamp};
use bulla_verifier::arrival::{
    PckArrival, PckExpectation, PckIssuer, Refusal, RevocationList, receive_pck_certificates,
};
use bulla_verifier::{Code, PckCa};

use crate::{DAY, anchors, assert_ends, failures, now, pck_crl, root_ca_crl, scenario};

/// The certificates of these scenarios as those of one platform of the first.
fn pck(
    scenarios: &[&Scenario],
    expectation: &PckExpectation,
    at: Timestamp,
) -> Result<PckArrival, Refusal> {
    let leaf = |scenario: &&Scenario| pem::chain(&[&scenario.documents().pck_certificate]);
    let leaves: Vec<Vec<u8>> = scenarios.iter().map(leaf).collect();
    let leaves: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
    let chain = scenarios[0].documents().collateral.pck_crl_issuer_chain;
    let anchors = anchors(scenarios[0]);
    receive_pck_certificates(&leaves, &chain, &anchors, None, expectation, at)
}

fn expectation(scenario: &Scenario) -> PckExpectation {
    PckExpectation {
        pce_id: scenario.sgx_extension.pceid,
        fmspc: None,
    }
}

#[test]
fn pck_certificates_say_of_which_platform_they_are() {
    let mut scenario = scenario(QuoteKind::SgxV4);
    let mut second = scenario.clone();
    second.sgx_extension.pcesvn += 1;
    second.sgx_extension.cpusvn[0] += 1;
    second.sgx_extension.component_svns[0] += 1;
    scenario.pck_certificate.validity.until = now().saturating_add(DAY);
    let mut expected = expectation(&scenario);
    for fmspc in [None, Some(scenario.sgx_extension.fmspc)] {
        expected.fmspc = fmspc;
        let arrival = pck(&[&scenario, &second], &expected, now()).expect("good certificates");
        assert_eq!(arrival.ppid, scenario.sgx_extension.ppid);
        assert_eq!(arrival.fmspc, scenario.sgx_extension.fmspc);
        assert_eq!(arrival.ca, PckCa::Platform);
        assert_eq!(arrival.until, now().saturating_add(DAY));
        let tcbs = arrival.certificates.iter();
        let tcbs: Vec<_> = tcbs
            .map(|leaf| (leaf.cpusvn, u32::from(leaf.pcesvn)))
            .collect();
        let extensions = [&scenario.sgx_extension, &second.sgx_extension];
        assert_eq!(
            tcbs,
            extensions.map(|extension| (extension.cpusvn, extension.pcesvn))
        );
    }
    let window = scenario.pck_certificate.validity;
    let at = |at| failures(pck(&[&scenario], &expected, at));
    assert_ends(window, at, Code::ChainExpired, "PCK certificate");
}

#[test]
fn pck_certificates_of_another_or_of_several_platforms_are_refused() {
    let scenario = scenario(QuoteKind::SgxV4);
    let mut expected = expectation(&scenario);
    let read = |other: &Scenario, expected: &PckExpectation| {
        failures(pck(&[&scenario, other], expected, now()))
    };
    assert_eq!(read(&scenario, &expected), []);
    let mut other = scenario.clone();
    other.sgx_extension.ppid[0] ^= 1;
    assert_eq!(read(&other, &expected), [Code::PlatformsMixed]);
    let mut other = scenario.clone();
    let platform = other.sgx_extension.platform.as_mut();
    platform.expect("of the Platform CA").platform_instance_id[0] ^= 1;
    assert_eq!(read(&other, &expected), [Code::PlatformsMixed]);
    let mut other = scenario.clone();
    other.sgx_extension.fmspc[0] ^= 1;
    assert_eq!(read(&other, &expected), [Code::FmspcMismatch]);
    let mut other = scenario.clone();
    other.sgx_extension.pceid[0] ^= 1;
    assert_eq!(read(&other, &expected), [Code::PceIdMismatch]);

    expected.fmspc = Some([0xff; 6]);
    let both = [Code::FmspcMismatch; 2];
    assert_eq!(read(&scenario, &expected), both);
    let none = receive_pck_certificates(
        &[],
        &scenario.documents().collateral.pck_crl_issuer_chain,
        &anchors(&scenario),
        None,
        &expectation(&scenario),
        now(),
    );
    assert_eq!(failures(none), [Code::CertificateMissing]);
}

/// A chain and leaves, each as given.
fn given(
    scenario: &Scenario,
    leaves: &[&[u8]],
    revoked: Option<&RevocationList>,
) -> Result<PckArrival, Refusal> {
    let chain = scenario.documents().collateral.pck_crl_issuer_chain;
    let anchors = anchors(scenario);
    receive_pck_certificates(
        leaves,
        &chain,
        &anchors,
        revoked,
        &expectation(scenario),
        now(),
    )
}

#[test]
fn pck_certificates_come_in_der_as_well_and_each_alone() {
    let scenario = scenario(QuoteKind::SgxV4);
    let der = scenario.documents().pck_certificate;
    let text = pem::chain(&[&der]);
    let two = pem::chain(&[&der, &der]);
    let arrival = given(&scenario, &[&der, &text], None).expect("good certificates");
    let [one, other] = arrival.certificates[..] else {
        panic!("{arrival:?}");
    };
    assert_eq!(one, other);
    assert_eq!(one.window, scenario.pck_certificate.validity);
    let serial = Serial::from_digits(&scenario.pck_certificate.serial);
    assert_eq!(Some(one.serial), serial);
    assert_eq!(arrival.pce_id, scenario.sgx_extension.pceid);

    let longer = [&der[..], &[0]].concat();
    for (leaf, codes) in [
        (&two[..], [Code::ChainMalformed]),
        (b"", [Code::ChainMalformed]),
        (b"x", [Code::ChainMalformed]),
        (&longer, [Code::CertificateMalformed]),
        (&der[..der.len() - 1], [Code::CertificateMalformed]),
    ] {
        assert_eq!(failures(given(&scenario, &[leaf], None)), codes);
        assert_eq!(failures(given(&scenario, &[&der, leaf], None)), codes);
    }
}

#[test]
fn pck_certificates_of_another_issuer_or_role_are_refused() {
    let scenario = scenario(QuoteKind::SgxV4);
    let mut stranger = scenario.clone();
    stranger.vendor.platform_ca.key = scenario.pck_key.clone();
    let leaf = stranger.documents().pck_certificate;
    let codes = failures(given(&scenario, &[&leaf], None));
    assert_eq!(codes, [Code::CertificateSignatureInvalid]);

    let signer = scenario.vendor.tcb_signing_certificate();
    let codes = failures(given(&scenario, &[&signer], None));
    for code in [
        Code::CertificateNameMismatch,
        Code::CertificateSignatureInvalid,
        Code::PckExtensionInvalid,
    ] {
        assert!(codes.contains(&code), "{codes:?}");
    }

    let mut single = crate::scenario(QuoteKind::SgxV3);
    single.vendor = scenario.vendor.clone();
    let leaf = single.documents().pck_certificate;
    let codes = failures(given(&scenario, &[&leaf], None));
    assert!(codes.contains(&Code::KeyIdentifierMismatch), "{codes:?}");
}

/// What the certificate says of its TCB must agree with itself.
#[test]
fn pck_certificates_whose_components_are_not_their_cpusvn_are_refused() {
    let mut scenario = scenario(QuoteKind::SgxV4);
    scenario.sgx_extension.component_svns[3] += 1;
    let leaf = scenario.documents().pck_certificate;
    let codes = failures(given(&scenario, &[&leaf], None));
    assert_eq!(codes, [Code::PckCpusvnMismatch]);

    let mut entries = scenario.sgx_extension.entries();
    entries.pop();
    let extension = sgx_extension::extension(&entries);
    scenario.pck_certificate.extensions.set(extension);
    let leaf = scenario
        .pck_certificate
        .sign(&scenario.vendor.platform_ca.key);
    let codes = failures(given(&scenario, &[&leaf], None));
    assert_eq!(codes, [Code::PckExtensionInvalid]);
}

#[test]
fn revoked_pck_certificates_are_named_and_those_of_a_revoked_ca_refused() {
    let mut scenario = scenario(QuoteKind::SgxV4);
    let leaf = scenario.documents().pck_certificate;
    let list = |scenario: &Scenario| {
        let crl = scenario.documents().collateral.pck_crl;
        let arrival = pck_crl(scenario, &crl, None, now()).expect("a good CRL");
        arrival.revocations.expect("the list of a CRL")
    };
    let arrival = given(&scenario, &[&leaf], None).expect("good certificates");
    assert_eq!(arrival.revoked_by(&list(&scenario)), Some(vec![]));
    let serial = scenario.pck_certificate.serial.clone();
    scenario.pck_crl.revoke(&serial);
    let revoked = arrival.revoked_by(&list(&scenario));
    assert_eq!(revoked, Some(vec![&arrival.certificates[0]]));
    // The same number below another CA is another certificate.
    let mut other = crate::scenario(QuoteKind::SgxV3);
    other.pck_crl.revoke(&serial);
    assert_eq!(arrival.revoked_by(&list(&other)), None);

    let ca = scenario.vendor.platform_ca.certificate.serial.clone();
    scenario.root_ca_crl.revoke(&ca);
    let crl = scenario.documents().collateral.root_ca_crl;
    let root_list = root_ca_crl(&scenario, &crl, now()).expect("a good CRL");
    let codes = failures(given(&scenario, &[&leaf], root_list.revocations.as_ref()));
    assert_eq!(codes, [Code::CertificateRevoked]);

    // What was checked before the root revoked its CA is known by its chain.
    let list = root_list.revocations.expect("the list of a CRL");
    assert!(list.has_of_chain(&arrival.issuer_chain));
    assert!(list.has_of_chain(b"what cannot be read"));
    let other = crate::scenario(QuoteKind::SgxV3);
    let leaf = other.documents().pck_certificate;
    let spared = given(&other, &[&leaf], None).expect("good certificates");
    assert!(!list.has_of_chain(&spared.issuer_chain));
}

#[test]
fn a_ca_knows_whose_certificates_name_it() {
    let platform = scenario(QuoteKind::SgxV4);
    let processor = scenario(QuoteKind::SgxV3);
    let issuer = |scenario: &Scenario| {
        let chain = scenario.documents().collateral.pck_crl_issuer_chain;
        PckIssuer::receive(&chain, &anchors(scenario), None, now()).expect("a good chain")
    };
    for (one, other) in [(&platform, &processor), (&processor, &platform)] {
        let leaf = one.documents().pck_certificate;
        for leaf in [pem::chain(&[&leaf]), leaf] {
            assert!(issuer(one).is_named_by(&leaf));
            assert!(!issuer(other).is_named_by(&leaf));
        }
        assert!(!issuer(one).is_named_by(b"none"));
    }
}
