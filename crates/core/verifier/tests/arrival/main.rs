//! Documents one by one, as a service receives them: what is kept, and why one is refused.

use bulla_collateral::{EnclaveId, Series, SignedText, Slot, TcbInfoId};
use bulla_issuer::{
    CertificateSpec, DocumentKind, Documents, QuoteKind, Scenario, Seed, pem, sign_text,
};
use bulla_pki::digest::sha256;
use bulla_pki::{Timestamp, TrustAnchors, Window};
use bulla_verifier::arrival::{
    Arrival, CLOCK_SKEW, PckArrival, PckExpectation, Received, Refusal, RevocationList, receive,
    receive_pck_certificates,
};
use bulla_verifier::{Code, PckCa, Severity};

const DAY: u64 = 86_400;

fn now() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().expect("a time")
}

fn scenario(kind: QuoteKind) -> Scenario {
    Scenario::new(&Seed::from("arrival"), kind, now())
}

fn anchors(scenario: &Scenario) -> TrustAnchors {
    TrustAnchors::vendors()
        .with_simulated(&scenario.vendor.root_certificate())
        .expect("a simulated root")
}

/// Everything for which something was refused; empty where it was kept.
fn failures<T>(result: Result<T, Refusal>) -> Vec<Code> {
    let Err(refusal) = result else {
        return Vec::new();
    };
    let failures = refusal
        .findings()
        .iter()
        .filter(|finding| finding.severity == Severity::Failure);
    let codes: Vec<Code> = failures.map(|finding| finding.code).collect();
    assert_eq!(codes.first(), Some(&refusal.code()));
    codes
}

/// A document with the issuer chain of TCB info, at this instant.
fn signed(
    scenario: &Scenario,
    kind: DocumentKind,
    text: &SignedText,
    revoked: Option<&RevocationList>,
    at: Timestamp,
) -> Result<Arrival, Refusal> {
    let received = Received::Signed {
        document: &kind.served(text),
        issuer_chain: &scenario.documents().collateral.tcb_info_issuer_chain,
    };
    receive(received, &anchors(scenario), revoked, at)
}

fn tcb_info(
    scenario: &Scenario,
    revoked: Option<&RevocationList>,
    at: Timestamp,
) -> Result<Arrival, Refusal> {
    let text = scenario.documents().collateral.tcb_info;
    signed(scenario, DocumentKind::TcbInfo, &text, revoked, at)
}

fn pck_crl(
    scenario: &Scenario,
    crl: &[u8],
    revoked: Option<&RevocationList>,
    at: Timestamp,
) -> Result<Arrival, Refusal> {
    let issuer_chain = &scenario.documents().collateral.pck_crl_issuer_chain;
    let received = Received::PckCrl { crl, issuer_chain };
    receive(received, &anchors(scenario), revoked, at)
}

fn root_ca_crl(scenario: &Scenario, crl: &[u8], at: Timestamp) -> Result<Arrival, Refusal> {
    let root = &pem::chain(&[&scenario.vendor.root_certificate()]);
    receive(
        Received::RootCaCrl { crl, root },
        &anchors(scenario),
        None,
        at,
    )
}

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
fn signed_documents_are_kept_under_their_names() {
    for (kind, id, enclave) in [
        (QuoteKind::SgxV3, TcbInfoId::Sgx, EnclaveId::Qe),
        (QuoteKind::Td15V5, TcbInfoId::Tdx, EnclaveId::TdQe),
    ] {
        let scenario = scenario(kind);
        let Documents { collateral, .. } = scenario.documents();
        let arrival = tcb_info(&scenario, None, now()).expect("a good document");
        let fmspc = scenario.sgx_extension.fmspc;
        let series = Series::TcbInfo {
            id,
            fmspc,
            version: 3,
        };
        let number = scenario.tcb_info.evaluation_data_number;
        assert_eq!(arrival.slot, Slot::Numbered(series, number));
        assert_eq!(arrival.window, scenario.tcb_info.validity);
        let signer = &scenario.vendor.tcb_signer.certificate;
        assert_eq!(arrival.chain_until, signer.validity.until);
        let served = DocumentKind::TcbInfo.served(&collateral.tcb_info);
        assert_eq!(arrival.sha256, sha256(&served));
        assert_eq!(arrival.body, served);
        assert_eq!(arrival.issuer_chain, collateral.tcb_info_issuer_chain);
        assert!(!arrival.anchor.is_genuine());
        assert_eq!((arrival.revocations, arrival.notes.len()), (None, 0));

        let text = collateral.qe_identity;
        let kind = DocumentKind::EnclaveIdentity;
        let arrival = signed(&scenario, kind, &text, None, now()).expect("a good document");
        let series = Series::EnclaveIdentity(enclave);
        assert_eq!(arrival.slot, Slot::Numbered(series, number));
        assert_eq!(arrival.window, scenario.qe_identity.validity);

        let numbers = format!(
            r#"{{"id":"{}","version":1,"issueDate":"2026-11-01T00:00:00Z",
            "nextUpdate":"2026-12-01T00:00:00Z","tcbEvalNumbers":[{{
            "tcbEvaluationDataNumber":19,"tcbRecoveryEventDate":"2025-08-12T00:00:00Z",
            "tcbDate":"2025-08-13T00:00:00Z"}}]}}"#,
            id.as_str()
        );
        let text = sign_text(numbers, &scenario.vendor.tcb_signer.key);
        let kind = DocumentKind::EvaluationNumbers;
        let arrival = signed(&scenario, kind, &text, None, now()).expect("a good document");
        assert_eq!(arrival.slot, Slot::EvaluationDataNumbers(id));
    }
}

#[test]
fn crls_are_kept_in_der_under_their_names() {
    for (kind, ca) in [
        (QuoteKind::SgxV3, PckCa::Processor),
        (QuoteKind::SgxV4, PckCa::Platform),
    ] {
        let scenario = scenario(kind);
        let Documents { collateral, .. } = scenario.documents();
        let text = hex::encode(&collateral.pck_crl);
        let arrival = pck_crl(&scenario, text.as_bytes(), None, now()).expect("a good CRL");
        assert_eq!(arrival.slot, Slot::PckCrl(ca));
        assert_eq!(arrival.window, scenario.pck_crl.validity);
        assert_eq!(arrival.body, collateral.pck_crl);
        assert_eq!(arrival.issuer_chain, collateral.pck_crl_issuer_chain);
        assert!(arrival.revocations.is_some());

        let arrival = root_ca_crl(&scenario, &collateral.root_ca_crl, now()).expect("a good CRL");
        assert_eq!(arrival.slot, Slot::RootCaCrl);
        assert_eq!(arrival.window, scenario.root_ca_crl.validity);
        let root = scenario.vendor.root_certificate();
        assert_eq!(arrival.issuer_chain, pem::chain(&[&root]));
        assert!(arrival.revocations.is_some());
    }
}

/// Asks at both ends of a window and just beyond; a vendor's clock may be a little ahead.
fn assert_ends(
    window: Window,
    failures: impl Fn(Timestamp) -> Vec<Code>,
    expired: Code,
    context: &str,
) {
    let earliest = window.from.saturating_sub(CLOCK_SKEW);
    assert_eq!(failures(earliest), [], "{context}");
    assert_eq!(failures(window.until), [], "{context}");
    let early = failures(earliest.saturating_sub(1));
    assert_eq!(early, [Code::DocumentNotYetValid], "{context}");
    let late = failures(window.until.saturating_add(1));
    assert_eq!(late, [expired], "{context}");
}

#[test]
fn documents_are_kept_from_their_issue_to_their_end() {
    let scenario = scenario(QuoteKind::SgxV3);
    let collateral = scenario.documents().collateral;
    let expired = Code::DocumentExpired;
    let window = scenario.tcb_info.validity;
    let at = |at| failures(tcb_info(&scenario, None, at));
    assert_ends(window, at, expired, "TCB info");
    let window = scenario.pck_crl.validity;
    let at = |at| failures(pck_crl(&scenario, &collateral.pck_crl, None, at));
    assert_ends(window, at, expired, "PCK CRL");
    let window = scenario.root_ca_crl.validity;
    let at = |at| failures(root_ca_crl(&scenario, &collateral.root_ca_crl, at));
    assert_ends(window, at, expired, "root CRL");
}

#[test]
fn certificates_above_a_document_must_be_valid_as_well() {
    let window = Window {
        from: now().saturating_sub(DAY / 2),
        until: now().saturating_add(DAY),
    };
    let holders: [fn(&mut Scenario) -> &mut CertificateSpec; 2] = [
        |scenario| &mut scenario.vendor.tcb_signer.certificate,
        |scenario| &mut scenario.vendor.root.certificate,
    ];
    for holder in holders {
        let mut scenario = scenario(QuoteKind::SgxV3);
        holder(&mut scenario).validity = window;
        let arrival = tcb_info(&scenario, None, now()).expect("a good document");
        assert_eq!(arrival.chain_until, window.until);
        let at = |at| failures(tcb_info(&scenario, None, at));
        assert_ends(window, at, Code::ChainExpired, "signer or root");
    }
    let mut scenario = scenario(QuoteKind::SgxV3);
    scenario.vendor.processor_ca.certificate.validity = window;
    let crl = scenario.documents().collateral.pck_crl;
    let at = |at| failures(pck_crl(&scenario, &crl, None, at));
    assert_ends(window, at, Code::ChainExpired, "PCK CA");
    scenario.vendor.root.certificate.validity = window;
    let crl = scenario.documents().collateral.root_ca_crl;
    let at = |at| failures(root_ca_crl(&scenario, &crl, at));
    assert_ends(window, at, Code::ChainExpired, "root of a CRL");
}

#[test]
fn what_another_signed_is_refused_and_the_reason_is_no_note() {
    let scenario = scenario(QuoteKind::SgxV3);
    let body = scenario.tcb_info.to_json();
    let body = body.replacen('{', r#"{"new":1,"#, 1);
    let read = |text: &SignedText| signed(&scenario, DocumentKind::TcbInfo, text, None, now());
    let good = sign_text(&*body, &scenario.vendor.tcb_signer.key);
    let arrival = read(&good).expect("an unknown field does not speak against it");
    let notes: Vec<Code> = arrival.notes.iter().map(|note| note.code).collect();
    assert_eq!(notes, [Code::DocumentFieldUnknown]);

    let forged = sign_text(&*body, &scenario.pck_key);
    assert_eq!(failures(read(&forged)), [Code::DocumentSignatureInvalid]);
    let signature = "00".repeat(64);
    let zero = SignedText { signature, ..good };
    let malformed = [Code::DocumentSignatureMalformed];
    assert_eq!(failures(read(&zero)), malformed);

    let crl = scenario.pck_crl.sign(&scenario.pck_key);
    let invalid = [Code::CrlSignatureInvalid];
    assert_eq!(failures(pck_crl(&scenario, &crl, None, now())), invalid);
    let crl = scenario.root_ca_crl.sign(&scenario.pck_key);
    assert_eq!(failures(root_ca_crl(&scenario, &crl, now())), invalid);
}

#[test]
fn roots_that_nobody_trusts_vouch_for_nothing() {
    let scenario = scenario(QuoteKind::SgxV3);
    let collateral = scenario.documents().collateral;
    let document = &DocumentKind::TcbInfo.served(&collateral.tcb_info);
    let root = &pem::chain(&[&scenario.vendor.root_certificate()]);
    let vendors = TrustAnchors::vendors();
    for received in [
        Received::Signed {
            document,
            issuer_chain: &collateral.tcb_info_issuer_chain,
        },
        Received::PckCrl {
            crl: &collateral.pck_crl,
            issuer_chain: &collateral.pck_crl_issuer_chain,
        },
        Received::RootCaCrl {
            crl: &collateral.root_ca_crl,
            root,
        },
    ] {
        let codes = failures(receive(received, &vendors, None, now()));
        assert!(codes.contains(&Code::RootUntrusted), "{codes:?}");
    }
    for root in [&b""[..], b"x"] {
        let crl = &collateral.root_ca_crl;
        let received = Received::RootCaCrl { crl, root };
        let codes = failures(receive(received, &anchors(&scenario), None, now()));
        assert_eq!(codes, [Code::ChainMalformed]);
    }
}

#[test]
fn nobody_in_the_chain_may_be_revoked() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    let good = scenario.documents().collateral.root_ca_crl;
    let empty = root_ca_crl(&scenario, &good, now()).expect("a good CRL");
    let signer = scenario.vendor.tcb_signer.certificate.serial.clone();
    let ca = scenario.vendor.processor_ca.certificate.serial.clone();
    scenario.root_ca_crl.revoke(&signer);
    scenario.root_ca_crl.revoke(&ca);
    let collateral = scenario.documents().collateral;
    let full = root_ca_crl(&scenario, &collateral.root_ca_crl, now()).expect("a good CRL");
    for (list, codes) in [
        (empty.revocations, &[][..]),
        (full.revocations, &[Code::CertificateRevoked]),
        (None, &[]),
    ] {
        let list = list.as_ref();
        assert_eq!(failures(tcb_info(&scenario, list, now())), codes);
        let crl = &collateral.pck_crl;
        assert_eq!(failures(pck_crl(&scenario, crl, list, now())), codes);
    }
}

#[test]
fn a_document_that_clients_cannot_take_is_noted() {
    let scenario = scenario(QuoteKind::SgxV3);
    let chain = scenario.documents().collateral.tcb_info_issuer_chain;
    let notes = |length: usize| {
        let read = |body: &str| {
            let text = sign_text(body, &scenario.vendor.tcb_signer.key);
            signed(&scenario, DocumentKind::TcbInfo, &text, None, now()).expect("a good document")
        };
        let body = scenario.tcb_info.to_json();
        let padding = length - chain.len() - read(&body).body.len();
        let arrival = read(&body.replacen('{', &format!("{{{}", " ".repeat(padding)), 1));
        let notes: Vec<Code> = arrival.notes.iter().map(|note| note.code).collect();
        notes
    };
    assert_eq!(notes(65_533), []);
    assert_eq!(notes(65_534), [Code::DocumentTooLongForClients]);
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
