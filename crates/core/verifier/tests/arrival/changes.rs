//! Nothing unsigned is kept: every single-bit change of what arrives is refused, or changes nothing
//! of what is kept.
//!
//! A release build changes every bit, a debug build a fixed sample.

use bulla_issuer::{DocumentKind, QuoteKind, pem};
use bulla_verifier::arrival::{Arrival, Received, receive};

use crate::{anchors, now, scenario};

/// Every how many bits one is changed. A prime, so that all bit positions of a byte occur.
const STRIDE: usize = if cfg!(debug_assertions) { 61 } else { 1 };

/// What is kept, apart from notes.
fn kept(arrival: &Arrival) -> String {
    format!(
        "{} {} {} {} {}",
        arrival.slot,
        arrival.anchor.name(),
        hex::encode(arrival.sha256),
        hex::encode(&arrival.body),
        hex::encode(&arrival.issuer_chain)
    )
}

/// Changes bits of `original`; gives the changes, as characters, that were not refused.
fn change_bits(original: &[u8], arrive: impl Fn(&[u8]) -> Option<Arrival>) -> Vec<(char, char)> {
    let expected = kept(&arrive(original).expect("unchanged, it is good"));
    let mut changed = original.to_vec();
    let mut harmless = Vec::new();
    for bit in (0..original.len() * 8).step_by(STRIDE) {
        let (byte, mask) = (bit / 8, 1 << (bit % 8));
        changed[byte] ^= mask;
        if let Some(arrival) = arrive(&changed) {
            assert_eq!(kept(&arrival), expected, "bit {bit} changes what is kept");
            harmless.push((char::from(original[byte]), char::from(changed[byte])));
        }
        changed[byte] ^= mask;
    }
    harmless
}

#[test]
fn any_changed_bit_of_a_signed_document_is_refused_or_not_kept() {
    let scenario = scenario(QuoteKind::Td15V5);
    let collateral = scenario.documents().collateral;
    let anchors = anchors(&scenario);
    for (kind, text) in [
        (DocumentKind::TcbInfo, &collateral.tcb_info),
        (DocumentKind::EnclaveIdentity, &collateral.qe_identity),
    ] {
        let document = kind.served(text);
        let chain = &collateral.tcb_info_issuer_chain;
        let arrive = |document: &[u8], issuer_chain: &[u8]| {
            let received = Received::Signed {
                document,
                issuer_chain,
            };
            receive(received, &anchors, None, now()).ok()
        };
        // The case of a hexadecimal digit in the signature is no information.
        for (from, to) in change_bits(&document, |changed| arrive(changed, chain)) {
            let is_case = from.is_ascii_hexdigit() && from.eq_ignore_ascii_case(&to);
            assert!(is_case, "{from:?} to {to:?}");
        }
        assert_eq!(change_bits(chain, |changed| arrive(&document, changed)), []);
    }
}

#[test]
fn any_changed_bit_of_a_crl_is_refused() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    scenario.pck_crl.revoke(&[0x5a; 20]);
    let collateral = scenario.documents().collateral;
    let anchors = anchors(&scenario);
    let issuer_chain = &collateral.pck_crl_issuer_chain[..];
    let arrive = |crl: &[u8]| {
        let received = Received::PckCrl { crl, issuer_chain };
        receive(received, &anchors, None, now()).ok()
    };
    assert_eq!(change_bits(&collateral.pck_crl, arrive), []);
    let root = &pem::chain(&[&scenario.vendor.root_certificate()])[..];
    let arrive = |crl: &[u8]| {
        let received = Received::RootCaCrl { crl, root };
        receive(received, &anchors, None, now()).ok()
    };
    assert_eq!(change_bits(&collateral.root_ca_crl, arrive), []);
}
