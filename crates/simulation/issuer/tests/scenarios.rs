//! What a scenario yields holds together: formats, signatures, names, and the same bytes again.

use bulla_evidence::{CertificationData, Quote};
use bulla_issuer::{
    Attestation, CertificationKind, PckCa, QuoteKind, Scenario, Seed, SigningKey, certificate,
    qe_report_data,
};
use bulla_pki::Timestamp;
use der::{Decode, Encode};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};

fn at() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().expect("a time")
}

fn scenario(kind: QuoteKind) -> Scenario {
    Scenario::new(&Seed::from("scenarios"), kind, at())
}

fn holds(point: &[u8], message: &[u8], signature: &Signature) {
    let key = VerifyingKey::from_sec1_bytes(point).expect("a point");
    key.verify(message, signature).expect("the signature holds");
}

/// The signed part of a certificate or CRL, and the signature.
fn opened(der: &[u8]) -> (Vec<u8>, Signature) {
    let parts: Vec<der::Any> = Vec::from_der(der).expect("three parts");
    assert_eq!(parts.len(), 3);
    let bits = parts[2]
        .decode_as::<der::asn1::BitString>()
        .expect("a signature");
    let signature = Signature::from_der(bits.as_bytes().expect("whole octets")).expect("r and s");
    (parts[0].to_der().expect("DER"), signature)
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for kind in QuoteKind::ALL {
        let built = |seed: u64| Scenario::new(&Seed::from(seed), kind, at()).build();
        assert_eq!(built(1), built(1));
        assert_ne!(built(1).quote, built(2).quote);
        assert_ne!(built(1).collateral, built(2).collateral);
    }
}

#[test]
fn quotes_of_every_kind_are_read_as_what_they_are() {
    for kind in QuoteKind::ALL {
        let scenario = scenario(kind);
        let Attestation { quote, collateral } = scenario.build();
        let quote = Quote::parse(&quote).expect("a quote");
        assert_eq!(quote.version(), kind.version());
        assert_eq!(quote.body().body_type(), kind.body_type());
        assert_eq!(quote.body(), scenario.quote.body.as_body());
        assert!(quote.trailing().is_empty());
        assert!(matches!(
            quote.auth().certification,
            CertificationData::PckChain(_)
        ));
        assert_eq!(collateral.pck_certificate_chain, None);
    }
}

#[test]
fn every_signature_of_a_quote_holds() {
    for kind in QuoteKind::ALL {
        let scenario = scenario(kind);
        let bytes = scenario.build().quote;
        let quote = Quote::parse(&bytes).expect("a quote");
        let auth = quote.auth();

        let report_data = qe_report_data(auth.attestation_key, auth.qe_auth);
        assert_eq!(auth.qe_report.reportdata, report_data);

        let signature = |raw| Signature::from_slice(raw).expect("r and s");
        let report = zerocopy::IntoBytes::as_bytes(auth.qe_report);
        let pck = scenario.pck_certificate.public_key;
        holds(&pck, report, &signature(auth.qe_report_signature));
        let attestation_key = [&[4], &auth.attestation_key[..]].concat();
        holds(&attestation_key, quote.signed(), &signature(auth.signature));
    }
}

#[test]
fn every_signature_of_the_collateral_holds() {
    for ca in [PckCa::Processor, PckCa::Platform] {
        let seed = Seed::from("scenarios");
        let scenario = Scenario::certified_by(ca, &seed, QuoteKind::Td10V4, at());
        let documents = scenario.documents();
        let root = scenario.vendor.root.key.public_key();
        let issuer = scenario.vendor.ca(ca).key.public_key();
        let signed = [
            (&documents.root_certificate, root),
            (&documents.pck_ca_certificate, root),
            (&documents.tcb_signing_certificate, root),
            (&documents.collateral.root_ca_crl, root),
            (&documents.pck_certificate, issuer),
            (&documents.collateral.pck_crl, issuer),
        ];
        for (der, key) in signed {
            let (to_be_signed, signature) = opened(der);
            holds(&key, &to_be_signed, &signature);
        }
        let signer = scenario.vendor.tcb_signer.key.public_key();
        for text in [
            &documents.collateral.tcb_info,
            &documents.collateral.qe_identity,
        ] {
            let raw = hex::decode(&text.signature).expect("hexadecimal digits");
            holds(
                &signer,
                &text.body,
                &Signature::from_slice(&raw).expect("r and s"),
            );
        }
    }
}

#[test]
fn without_a_chain_in_the_quote_the_collateral_brings_it() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    let chain = match scenario.documents().quote.certification {
        bulla_issuer::Certification::PckChain(chain) => chain,
        other => panic!("no chain: {other:?}"),
    };
    for certification in [
        CertificationKind::PpidClear,
        CertificationKind::PpidRsa2048,
        CertificationKind::PpidRsa3072,
        CertificationKind::PckLeaf,
    ] {
        scenario.certification = certification;
        let built = scenario.build();
        Quote::parse(&built.quote).expect("a quote");
        assert_eq!(
            built.collateral.pck_certificate_chain.as_ref(),
            Some(&chain)
        );
    }
}

#[test]
fn no_certificate_passes_for_genuine() {
    let documents = scenario(QuoteKind::SgxV3).documents();
    for der in [
        &documents.root_certificate,
        &documents.pck_ca_certificate,
        &documents.tcb_signing_certificate,
        &documents.pck_certificate,
    ] {
        let contains = |text: &str| {
            der.windows(text.len())
                .any(|bytes| bytes == text.as_bytes())
        };
        assert!(contains(bulla_issuer::SIMULATED_ORGANIZATION));
        assert!(contains("Simulated SGX "));
        assert!(contains("\u{c}\u{9}SIMULATED"));
        assert!(!contains("Intel"));
    }
}

#[test]
fn the_mark_of_simulation_can_be_critical() {
    let mut vendor = scenario(QuoteKind::SgxV3).vendor;
    vendor.mark_critically();
    let key = SigningKey::derive(&Seed::from(1), "pck");
    let validity = vendor.root.certificate.validity;
    let leaf = vendor.pck_certificate(PckCa::Processor, &key, validity);
    for spec in [
        &leaf,
        &vendor.root.certificate,
        &vendor.tcb_signer.certificate,
    ] {
        let mark = spec
            .extensions
            .get(bulla_issuer::extension::SIMULATED)
            .expect("a mark");
        assert!(mark.critical);
    }
}

#[test]
fn a_sealed_text_need_not_be_der() {
    let key = SigningKey::derive(&Seed::from(1), "any");
    let (text, signature) = opened(&certificate::seal(&[0x30, 0x01, 0x05], &key));
    assert_eq!(text, [0x30, 0x01, 0x05]);
    holds(&key.public_key(), &text, &signature);
}
