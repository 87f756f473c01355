//! Genuine documents arrive one by one: kept while they are current, byte for byte as recorded, and
//! under the vendor's root, whoever else is trusted; refused later.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bulla_collateral::{
    EnclaveIdentity, EvaluationDataNumbers, SignedKind, SignedText, Slot, TcbInfo,
};
use bulla_evidence::{CertificationData, Quote};
use bulla_issuer::{QuoteKind, pem};
use bulla_pki::{Crl, TrustAnchors, Window};
use bulla_tests::{cases, scenarios, vectors};
use bulla_verifier::Code;
use bulla_verifier::arrival::{
    Arrival, PckExpectation, Received, Refusal, receive, receive_pck_certificates,
};

/// The vendor's root, and a simulated one beside it.
fn anchors() -> TrustAnchors {
    scenarios::trusting(
        &scenarios::scenario(QuoteKind::SgxV3)
            .vendor
            .root_certificate(),
    )
}

/// Absent for a document of a form that the vendor gave up long ago.
fn json_window(document: &[u8]) -> Option<Window> {
    let (kind, text) = SignedText::from_wrapped(document).expect("a signed document");
    let window = match kind {
        SignedKind::TcbInfo => TcbInfo::parse(&text.body).map(|info| info.window),
        SignedKind::EnclaveIdentity => EnclaveIdentity::parse(&text.body).map(|it| it.window),
        _ => EvaluationDataNumbers::parse(&text.body).map(|numbers| numbers.window),
    };
    window.ok()
}

fn crl_window(der: &[u8]) -> Window {
    Crl::parse(der).expect("a CRL of the vendor").window()
}

fn code(result: Result<Arrival, Refusal>) -> Option<Code> {
    result.err().map(|refusal| refusal.code())
}

/// Kept at both ends of its window, with these bytes, under the vendor's root; refused before and
/// after.
fn assert_arrives(name: &str, received: Received<'_>, window: Window, body: &[u8]) -> Arrival {
    let anchors = &anchors();
    let at = |at| receive(received, anchors, None, at);
    let arrival = at(window.from).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    assert!(arrival.anchor.is_genuine(), "{name}");
    assert_eq!(arrival.window, window, "{name}");
    assert!(arrival.body == body, "{name}: other bytes are kept");
    assert!(arrival.notes.is_empty(), "{name}: {:?}", arrival.notes);

    let last = arrival.window.until.min(arrival.chain_until);
    assert_eq!(code(at(last)), None, "{name}");
    let late = code(at(last.saturating_add(1)));
    let expected = match last == arrival.window.until {
        true => Code::DocumentExpired,
        false => Code::ChainExpired,
    };
    assert_eq!(late, Some(expected), "{name}");
    let early = code(at(window.from.saturating_sub(3_600)));
    assert_eq!(early, Some(Code::DocumentNotYetValid), "{name}");
    // What is kept arrives again as it is, for a service that starts anew.
    let (document, crl) = (&arrival.body, &arrival.body);
    let issuer_chain = &arrival.issuer_chain;
    let again = match received {
        Received::Signed { .. } => Received::Signed {
            document,
            issuer_chain,
        },
        Received::PckCrl { .. } => Received::PckCrl { crl, issuer_chain },
        Received::RootCaCrl { .. } => Received::RootCaCrl {
            crl,
            root: issuer_chain,
        },
    };
    let again = receive(again, anchors, None, window.from).expect("it was good before");
    assert_eq!(again.sha256, arrival.sha256, "{name}");
    assert_eq!(again.issuer_chain, arrival.issuer_chain, "{name}");
    arrival
}

#[test]
fn recorded_answers_of_the_vendors_service_arrive() {
    let Some(folder) = vectors::folder("arrival, recorded answers") else {
        return;
    };
    let mut slots = Vec::new();
    for path in files(&folder.join("pcs")) {
        let text = fs::read(&path).expect("a readable file");
        let answer: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let field = |name: &str| answer.get(name).and_then(|value| value.as_str());
        let Some(issuer_chain) = field("issuer_chain").map(str::as_bytes) else {
            continue;
        };
        let name = path.display().to_string();
        let document = [
            "tcb_info",
            "enclave_identity",
            "tcb_evaluation_data_numbers",
        ]
        .iter()
        .find_map(|kind| field(&format!("{kind}_json")));
        let arrival = if let Some(document) = document.map(str::as_bytes) {
            let received = Received::Signed {
                document,
                issuer_chain,
            };
            let window = json_window(document).expect("a document of the vendor");
            assert_arrives(&name, received, window, document)
        } else {
            let crl = match (field("crl_data"), field("crl_data_base64")) {
                (Some(text), _) => text.as_bytes().to_vec(),
                (None, Some(digits)) => BASE64_STANDARD.decode(digits).expect("base64"),
                (None, None) => panic!("{name}: neither a document nor a CRL"),
            };
            let crl = &crl;
            let der = bulla_pki::crl::decode_encoding(crl).expect("a CRL");
            let received = Received::PckCrl { crl, issuer_chain };
            assert_arrives(&name, received, crl_window(&der), &der)
        };
        slots.push(arrival.slot);
    }
    let count = |wanted: fn(&Slot) -> bool| slots.iter().filter(|slot| wanted(slot)).count();
    assert_eq!(count(|slot| matches!(slot, Slot::Numbered(..))), 12);
    assert_eq!(
        count(|slot| matches!(slot, Slot::EvaluationDataNumbers(_))),
        2
    );
    assert_eq!(count(|slot| matches!(slot, Slot::PckCrl(_))), 3);
}

#[test]
fn every_genuine_document_of_the_past_arrived_well_in_its_time() {
    let Some(folder) = vectors::folder("arrival, history") else {
        return;
    };
    let certificate = |path: &PathBuf| fs::read(path).expect("a readable file");
    let named = |part: &str| -> Vec<Vec<u8>> {
        let all = files(&folder.join("dcap/certs"));
        let is_named = |path: &&PathBuf| path.to_string_lossy().contains(part);
        all.iter().filter(is_named).map(certificate).collect()
    };
    let root = named("rootca-2018-05-21-2049").remove(0);
    let chains = |issuers: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        let chain = |issuer: &Vec<u8>| pem::chain(&[issuer, &root]);
        issuers.iter().map(chain).collect()
    };
    let signers = chains(named("tcbsigning-"));
    let cas = chains(
        named("processorca-")
            .into_iter()
            .chain(named("platformca-"))
            .collect(),
    );
    let anchors = anchors();

    let mut count = 0;
    for kind in ["tcb-info", "enclave-identity"] {
        for path in files(&folder.join("dcap/history").join(kind)) {
            let document = &fs::read(&path).expect("a readable file")[..];
            let name = path.display().to_string();
            // The one document of version 1, of 2018, in a form given up since.
            let Some(window) = json_window(document) else {
                let received = Received::Signed {
                    document,
                    issuer_chain: &signers[0],
                };
                let at = "2018-06-07T00:00:00Z".parse().expect("a time");
                let code = code(receive(received, &anchors, None, at));
                assert_eq!(code, Some(Code::DocumentMalformed));
                assert!(name.contains("-v1-"), "{name}");
                continue;
            };
            // Nobody recorded the chain; one of the vendor's signers it must be.
            let signed_by = |issuer_chain: &&Vec<u8>| {
                let received = Received::Signed {
                    document,
                    issuer_chain,
                };
                receive(received, &anchors, None, window.from).is_ok()
            };
            let issuer_chain = signers.iter().find(signed_by);
            let issuer_chain = issuer_chain.unwrap_or_else(|| panic!("{name}: nobody signed it"));
            let received = Received::Signed {
                document,
                issuer_chain,
            };
            assert_arrives(&name, received, window, document);
            count += 1;
        }
    }
    for path in files(&folder.join("dcap/history/crl")) {
        let crl = &fs::read(&path).expect("a readable file")[..];
        let window = crl_window(crl);
        let name = path.display().to_string();
        if name.contains("/root-") {
            let received = Received::RootCaCrl { crl, root: &root };
            let arrival = assert_arrives(&name, received, window, crl);
            assert_eq!(arrival.slot, Slot::RootCaCrl);
        } else {
            let issued_by = |issuer_chain: &&Vec<u8>| {
                let received = Received::PckCrl { crl, issuer_chain };
                receive(received, &anchors, None, window.from).is_ok()
            };
            let issuer_chain = cas.iter().find(issued_by);
            let issuer_chain = issuer_chain.unwrap_or_else(|| panic!("{name}: nobody issued it"));
            assert_arrives(&name, Received::PckCrl { crl, issuer_chain }, window, crl);
        }
        count += 1;
    }
    assert_eq!(count, 407);
}

/// The certificates in genuine quotes arrive like those that the vendor's service gives out.
#[test]
fn certificates_of_genuine_platforms_arrive() {
    let Some(folder) = vectors::folder("arrival, PCK certificates") else {
        return;
    };
    let anchors = anchors();
    let mut kept = 0;
    for case in cases::read_all(&folder) {
        let bytes = case.quote(&folder);
        let quote = Quote::parse(&bytes).expect("a quote");
        let CertificationData::PckChain(text) = quote.auth().certification else {
            continue;
        };
        let blocks = bulla_pki::pem::decode(text, "CERTIFICATE", 3).expect("a chain");
        let [leaf, ca, root] = &blocks[..] else {
            continue;
        };
        let issuer_chain = pem::chain(&[ca, root]);
        let expectation = PckExpectation {
            pce_id: [0; 2],
            fmspc: None,
        };
        let arrive = |leaves: &[&[u8]]| {
            receive_pck_certificates(
                leaves,
                &issuer_chain,
                &anchors,
                None,
                &expectation,
                case.at(),
            )
        };
        // The known difference: a root whose own signature does not hold.
        if case.expect.pck_chain == "STATUS_SGX_ROOT_CA_INVALID_ISSUER" {
            let refusal = arrive(&[leaf]).expect_err("a broken root");
            assert_eq!(refusal.code(), Code::RootSignatureInvalid, "{}", case.id);
            continue;
        }
        let arrival =
            arrive(&[leaf]).unwrap_or_else(|refusal| panic!("case {}: {refusal}", case.id));
        assert!(arrival.anchor.is_genuine());
        assert_eq!(arrival.certificates.len(), 1);
        kept += 1;
    }
    assert!(kept > 800, "{kept}");
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}
