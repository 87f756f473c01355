//! What is too long for clients is kept and noted.

use bulla_issuer::{DocumentKind, QuoteKind, extension, sign_text};
use bulla_verifier::Code;

use crate::{notes, now, pck_crl, root_ca_crl, scenario, signed, tcb_info};

#[test]
fn a_document_that_clients_cannot_take_is_noted() {
    let scenario = scenario(QuoteKind::SgxV3);
    let chain = scenario.documents().collateral.tcb_info_issuer_chain;
    let noted = |length: usize| {
        let read = |body: &str| {
            let text = sign_text(body, &scenario.vendor.tcb_signer.key);
            signed(&scenario, DocumentKind::TcbInfo, &text, None, now()).expect("a good document")
        };
        let body = scenario.tcb_info.to_json();
        let padding = length - chain.len() - read(&body).body.len();
        let arrival = read(&body.replacen('{', &format!("{{{}", " ".repeat(padding)), 1));
        notes(&arrival)
    };
    assert_eq!(noted(65_533), []);
    assert_eq!(noted(65_534), [Code::DocumentTooLongForClients]);
}

/// Clients ask for CRLs in hexadecimal digits, for that of the root without a chain.
#[test]
fn a_crl_that_clients_cannot_take_is_noted() {
    let scenario = scenario(QuoteKind::SgxV3);
    let chain = scenario.documents().collateral.pck_crl_issuer_chain;
    let serials = |count: u32| (1..=count).map(|serial| serial.to_be_bytes());
    let mut noted = Vec::new();
    for count in (800..1_100).step_by(20) {
        let mut list = scenario.pck_crl.clone();
        serials(count).for_each(|serial| list.revoke(&serial));
        let crl = list.sign(&scenario.vendor.processor_ca.key);
        let arrival = pck_crl(&scenario, &crl, None, now()).expect("a good CRL");
        let is_long = 2 * crl.len() + chain.len() + 2 > 65_535;
        assert_eq!(!notes(&arrival).is_empty(), is_long, "{count}");

        let mut list = scenario.root_ca_crl.clone();
        serials(count).for_each(|serial| list.revoke(&serial));
        let crl = list.sign(&scenario.vendor.root.key);
        let arrival = root_ca_crl(&scenario, &crl, now()).expect("a good CRL");
        let is_long_alone = 2 * crl.len() + 1 > 65_535;
        assert_eq!(!notes(&arrival).is_empty(), is_long_alone, "{count}");
        noted.push((is_long, is_long_alone));
    }
    for case in [(false, false), (true, false), (true, true)] {
        assert!(noted.contains(&case), "no list of such a length: {case:?}");
    }
}

/// A chain stands in headers: with TCB info twice.
#[test]
fn a_chain_that_clients_cannot_take_is_noted() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    let long_name = format!("http://localhost/{}", "a".repeat(4_000));
    let place = extension::crl_distribution_point(&long_name);
    scenario.vendor.tcb_signer.certificate.extensions.set(place);
    let arrival = tcb_info(&scenario, None, now()).expect("a good document");
    assert_eq!(notes(&arrival), [Code::DocumentTooLongForClients]);
    assert_eq!(arrival.notes[0].subject, "issuer_chain");

    let text = scenario.documents().collateral.qe_identity;
    let arrival = signed(&scenario, DocumentKind::EnclaveIdentity, &text, None, now());
    assert_eq!(notes(&arrival.expect("a good document")), []);
}
