//! What is swapped, borrowed, cut off or lengthened is refused; what nobody signed is left behind.

use bulla_collateral::SignedText;
use bulla_issuer::{DocumentKind, PckCa, QuoteKind, Scenario, Seed, extension, pem, sign_text};
use bulla_pki::TrustAnchors;
use bulla_verifier::arrival::{Arrival, Received, Refusal, receive};
use bulla_verifier::{Code, Stage};

use crate::{anchors, failures, now, pck_crl, root_ca_crl, scenario, signed, tcb_info};

fn document(scenario: &Scenario, document: &[u8], issuer_chain: &[u8]) -> Result<Arrival, Refusal> {
    let received = Received::Signed {
        document,
        issuer_chain,
    };
    receive(received, &anchors(scenario), None, now())
}

/// Every key that the vendor certifies signs one kind of thing.
#[test]
fn certificates_of_another_role_vouch_for_nothing() {
    let scenario = scenario(QuoteKind::SgxV3);
    let documents = scenario.documents();
    let vendor = &scenario.vendor;
    let (root, ca) = (
        vendor.root_certificate(),
        vendor.ca_certificate(PckCa::Processor),
    );
    let (leaf, signer) = (
        &documents.pck_certificate[..],
        vendor.tcb_signing_certificate(),
    );
    for (key, chain) in [
        (&vendor.processor_ca.key, pem::chain(&[&ca, &root])),
        (&scenario.pck_key, pem::chain(&[leaf, &ca, &root])),
        (&vendor.root.key, pem::chain(&[&root])),
    ] {
        let text = sign_text(scenario.tcb_info.to_json(), key);
        let served = DocumentKind::TcbInfo.served(&text);
        let codes = failures(document(&scenario, &served, &chain));
        assert!(codes.contains(&Code::CertificateMissing), "{codes:?}");
    }
    for (key, chain) in [
        (&vendor.tcb_signer.key, pem::chain(&[&signer, &root])),
        (&scenario.pck_key, pem::chain(&[leaf, &root])),
        (&vendor.root.key, pem::chain(&[&root])),
    ] {
        let crl = &scenario.pck_crl.sign(key);
        let issuer_chain = &chain;
        let received = Received::PckCrl { crl, issuer_chain };
        let codes = failures(receive(received, &anchors(&scenario), None, now()));
        assert!(codes.contains(&Code::CertificateMissing), "{codes:?}");
    }
    let (crl, root) = (&documents.collateral.root_ca_crl, &ca);
    let received = Received::RootCaCrl { crl, root };
    let codes = failures(receive(received, &anchors(&scenario), None, now()));
    assert_eq!(codes, [Code::CertificateMissing]);
}

#[test]
fn a_crl_is_that_of_its_issuer_by_name_and_by_key() {
    let scenario = scenario(QuoteKind::SgxV3);
    let read = |crl: &[u8]| failures(pck_crl(&scenario, crl, None, now()));
    let key = &scenario.vendor.processor_ca.key;
    // A vendor of the same names.
    let other = Scenario::new(&Seed::from("namesake"), QuoteKind::SgxV3, now());
    let namesake = other.documents().collateral.pck_crl;
    let codes = read(&namesake);
    assert_eq!(codes, [Code::CrlIssuerMismatch, Code::CrlSignatureInvalid]);
    // The right key under another identifier, and under another name.
    let mut list = scenario.pck_crl.clone();
    let identifier = other.vendor.processor_ca.key.key_identifier();
    let identifier = extension::authority_key_identifier(identifier);
    list.extensions.set(identifier);
    assert_eq!(read(&list.sign(key)), [Code::CrlIssuerMismatch]);
    let mut list = scenario.pck_crl.clone();
    list.issuer = scenario.vendor.platform_ca.certificate.subject.clone();
    assert_eq!(read(&list.sign(key)), [Code::CrlIssuerMismatch]);
}

#[test]
fn documents_in_the_place_of_others_are_refused() {
    let scenario = scenario(QuoteKind::SgxV3);
    let collateral = scenario.documents().collateral;
    let root_list = &collateral.root_ca_crl;
    let wrong_crl = [
        Code::CrlIssuerMismatch,
        Code::CrlIssuerMismatch,
        Code::CrlSignatureInvalid,
    ];
    assert_eq!(
        failures(pck_crl(&scenario, root_list, None, now())),
        wrong_crl
    );
    let pck_list = &collateral.pck_crl;
    assert_eq!(failures(root_ca_crl(&scenario, pck_list, now())), wrong_crl);

    let (info, identity) = (&collateral.tcb_info, &collateral.qe_identity);
    let read = |kind, text: &SignedText| failures(signed(&scenario, kind, text, None, now()));
    let malformed = [Code::DocumentMalformed];
    assert_eq!(read(DocumentKind::TcbInfo, identity), malformed);
    assert_eq!(read(DocumentKind::EnclaveIdentity, info), malformed);
    assert_eq!(read(DocumentKind::EvaluationNumbers, info), malformed);
    let signature = identity.signature.clone();
    let borrowed = SignedText {
        signature,
        ..info.clone()
    };
    let invalid = [Code::DocumentSignatureInvalid];
    assert_eq!(read(DocumentKind::TcbInfo, &borrowed), invalid);
}

#[test]
fn what_is_cut_off_or_lengthened_is_refused() {
    let scenario = scenario(QuoteKind::SgxV3);
    let collateral = scenario.documents().collateral;
    let served = DocumentKind::TcbInfo.served(&collateral.tcb_info);
    let chain = &collateral.tcb_info_issuer_chain[..];
    let forms = |bytes: &[u8]| {
        let cuts = [0, 1, bytes.len() / 2, bytes.len() - 1];
        let cut = cuts.map(|length| bytes[..length].to_vec());
        let longer = [[bytes, b"x"].concat(), [bytes, bytes].concat()];
        [&cut[..], &longer].concat()
    };
    for changed in forms(&served) {
        let codes = failures(document(&scenario, &changed, chain));
        assert_eq!(codes, [Code::DocumentMalformed], "{changed:?}");
    }
    for changed in forms(&collateral.pck_crl) {
        let codes = failures(pck_crl(&scenario, &changed, None, now()));
        assert_eq!(codes, [Code::CrlMalformed], "{changed:?}");
    }
    // The line end behind a chain is none of it.
    for changed in forms(chain.trim_ascii_end()) {
        let codes = failures(document(&scenario, &served, &changed));
        assert!(
            codes.contains(&Code::ChainMalformed) || codes.contains(&Code::CertificateUnexpected),
            "{codes:?}"
        );
    }
}

#[test]
fn what_nobody_signed_is_not_kept() {
    let scenario = scenario(QuoteKind::SgxV3);
    let collateral = scenario.documents().collateral;
    let chain = &collateral.tcb_info_issuer_chain;
    let text = &collateral.tcb_info;
    let served = DocumentKind::TcbInfo.served(text);
    let body = String::from_utf8_lossy(&text.body);
    let signature = text.signature.to_ascii_uppercase();
    for arrived in [
        format!("{{\"tcbInfo\":{body},\"signature\":\"{signature}\"}}"),
        format!("\n{{ \"signature\" : \"{signature}\",\r\n\"tcbInfo\":{body} }}\n"),
        format!("{{\"tcbInfo\":{body},\"signature\":\"{signature}\",\"x\":[\"tcbInfo\"]}}"),
    ] {
        let arrival = document(&scenario, arrived.as_bytes(), chain).expect("a good document");
        assert_eq!(arrival.body, served, "{arrived}");
    }
    // Of a chain the certificates are kept, each in its place.
    let mut certificates: Vec<String> = String::from_utf8_lossy(chain)
        .split_inclusive("-----END CERTIFICATE-----\n")
        .map(|block| block.replace('\n', " \r\n"))
        .collect();
    certificates.reverse();
    let reversed = format!("\n{}\0", certificates.join("\t"));
    let arrival = document(&scenario, &served, reversed.as_bytes()).expect("a good document");
    assert_eq!(&arrival.issuer_chain, chain);
}

#[test]
fn the_root_is_found_wherever_it_stands() {
    let scenario = scenario(QuoteKind::SgxV3);
    let crl = &scenario.documents().collateral.root_ca_crl;
    let root = scenario.vendor.root_certificate();
    let signer = scenario.vendor.tcb_signing_certificate();
    for given in [
        root.clone(),
        pem::chain(&[&root]),
        pem::chain(&[&signer, &root]),
        pem::chain(&[&root, &signer]),
    ] {
        let received = Received::RootCaCrl { crl, root: &given };
        let arrival = receive(received, &anchors(&scenario), None, now()).expect("a good CRL");
        assert_eq!(arrival.issuer_chain, pem::chain(&[&root]));
    }
    let cut = pem::chain(&[&root[..100], &root]);
    for (given, code) in [
        (&cut[..], Code::CertificateMalformed),
        (&root[..100], Code::CertificateMalformed),
        (&pem::chain(&[&signer]), Code::CertificateMissing),
        (&pem::chain(&[&root[..]; 5]), Code::ChainMalformed),
    ] {
        let received = Received::RootCaCrl { crl, root: given };
        let codes = failures(receive(received, &anchors(&scenario), None, now()));
        assert_eq!(codes, [code]);
    }
}

/// Serial numbers mean something below one root only.
#[test]
fn the_list_of_another_root_revokes_nobody() {
    let scenario = scenario(QuoteKind::SgxV3);
    let mut other = Scenario::new(&Seed::from("other"), QuoteKind::SgxV3, now());
    let serial = &scenario.vendor.tcb_signer.certificate.serial;
    other.root_ca_crl.revoke(serial);
    let crl = other.documents().collateral.root_ca_crl;
    let list = root_ca_crl(&other, &crl, now())
        .expect("a good CRL")
        .revocations;
    assert!(tcb_info(&scenario, list.as_ref(), now()).is_ok());

    let both = TrustAnchors::vendors()
        .with_simulated(&scenario.vendor.root_certificate())
        .and_then(|anchors| anchors.with_simulated(&other.vendor.root_certificate()))
        .expect("two simulated roots");
    let collateral = scenario.documents().collateral;
    let received = Received::Signed {
        document: &DocumentKind::TcbInfo.served(&collateral.tcb_info),
        issuer_chain: &collateral.tcb_info_issuer_chain,
    };
    let arrival = receive(received, &both, list.as_ref(), now()).expect("a good document");
    let root = scenario.vendor.root.key.public_key();
    assert_eq!(arrival.anchor.public_key().uncompressed(), &root);
}

#[test]
fn a_refusal_names_the_first_reason_and_counts_the_others() {
    let scenario = scenario(QuoteKind::SgxV3);
    let text = sign_text(scenario.qe_identity.to_json(), &scenario.pck_key);
    let kind = DocumentKind::EnclaveIdentity;
    let late = scenario.qe_identity.validity.until.saturating_add(1);
    let refusal = signed(&scenario, kind, &text, None, late).expect_err("two reasons");
    assert_eq!(refusal.code(), Code::DocumentExpired);
    let stages = refusal.findings().iter().map(|finding| finding.stage);
    assert_eq!(stages.collect::<Vec<_>>(), [Stage::QeIdentity; 2]);
    let text = refusal.to_string();
    assert!(text.starts_with("The document ended on "), "{text}");
    assert!(text.ends_with(" (document) And 1 more."), "{text}");

    let root_list = scenario.documents().collateral.root_ca_crl;
    let refusal = pck_crl(&scenario, &root_list, None, now()).expect_err("another list");
    let text = refusal.to_string();
    assert!(text.ends_with(" (pck_crl) And 2 more."), "{text}");
}
