//! What is kept of each kind of document, from when until when, and under whom.

use bulla_collateral::{EnclaveId, Series, SignedText, Slot, TcbInfoId};
use bulla_issuer::{CertificateSpec, DocumentKind, Documents, QuoteKind, Scenario, pem, sign_text};
use bulla_pki::digest::sha256;
use bulla_pki::{TrustAnchors, Window};
use bulla_verifier::arrival::{Received, receive};
use bulla_verifier::{Code, PckCa};

use crate::{
    DAY, anchors, assert_ends, failures, notes, now, pck_crl, root_ca_crl, scenario, signed,
    tcb_info,
};

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
    assert_eq!(notes(&arrival), [Code::DocumentFieldUnknown]);

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
