//! How tests of a verifier make what is wrong: each kind of place is tried once.

use bulla_evidence::Quote;
use bulla_evidence::layout::sgx_attributes;
use bulla_issuer::{
    ComponentSpec, QuoteKind, Scenario, Seed, certificate, extension, pem, sgx_extension,
    sign_text, tlv, with_other_s,
};

fn scenario(kind: QuoteKind) -> Scenario {
    let at = "2026-11-23T00:00:00Z".parse().expect("a time");
    Scenario::new(&Seed::from("faults"), kind, at)
}

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len())
        .filter(|bytes| *bytes == part)
        .count()
}

#[test]
fn a_level_with_an_svn_and_a_number_of_components_that_do_not_exist() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    let components = &mut scenario.tcb_info.levels[0].sgx_components;
    components[0].svn = 256;
    components.push(ComponentSpec::default());
    let body = scenario.build().collateral.tcb_info.body;
    let info: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let components = &info["tcbLevels"][0]["tcb"]["sgxtcbcomponents"];
    assert_eq!(components[0]["svn"], 256);
    assert_eq!(components.as_array().map(Vec::len), Some(17));
}

#[test]
fn a_json_key_twice() {
    let scenario = scenario(QuoteKind::SgxV3);
    let mut documents = scenario.documents();
    let body = scenario
        .tcb_info
        .to_json()
        .replacen('{', r#"{"tcbType":1,"#, 1);
    documents.collateral.tcb_info = sign_text(body, &scenario.vendor.tcb_signer.key);
    assert_eq!(
        count(&documents.collateral.tcb_info.body, br#""tcbType""#),
        2
    );
}

#[test]
fn a_field_of_the_sgx_extension_twice() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    let mut entries = scenario.sgx_extension.entries();
    entries.push(entries[3].clone());
    scenario
        .pck_certificate
        .extensions
        .set(sgx_extension::extension(&entries));
    let leaf = scenario.documents().pck_certificate;
    assert_eq!(count(&leaf, b"\xffSIMUL"), 2);
}

#[test]
fn a_boolean_that_is_neither_true_nor_false() {
    let mut scenario = scenario(QuoteKind::Td10V4);
    let platform = scenario
        .sgx_extension
        .platform
        .as_ref()
        .expect("a platform");
    let mut flags = platform.entries();
    flags[0].value = tlv::raw(0x01, &[1], &[0x01]);
    let mut entries = scenario.sgx_extension.entries();
    entries[6].value = sgx_extension::sequence_of(&flags);
    scenario
        .pck_certificate
        .extensions
        .set(sgx_extension::extension(&entries));
    let leaf = scenario.documents().pck_certificate;
    assert_eq!(count(&leaf, &sgx_extension::sequence_of(&flags)), 1);
}

#[test]
fn a_length_that_is_not_minimal() {
    let scenario = scenario(QuoteKind::SgxV3);
    let mut documents = scenario.documents();
    let spec = scenario.pck_certificate_spec();
    let minimal = tlv::unsigned(&spec.serial);
    let (length, serial) = (minimal[1], &minimal[2..]);
    let padded = tlv::raw(0x02, &[0x81, length], serial);

    let to_be_signed = spec.to_be_signed();
    let contents = &to_be_signed[4..];
    let start = contents
        .windows(minimal.len())
        .position(|bytes| bytes == minimal);
    let (before, rest) = contents.split_at(start.expect("the serial number"));
    let faulty = tlv::sequence(&[before, &padded, &rest[minimal.len()..]]);
    let ca_key = &scenario.vendor.ca(scenario.ca).key;
    documents.pck_certificate = certificate::seal(&faulty, ca_key);
    documents.rewrite_chains();
    assert_eq!(count(&documents.pck_certificate, &padded), 1);
}

#[test]
fn an_extension_that_is_missing_and_a_key_identifier_that_is_wrong() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    let ca = &mut scenario.vendor.processor_ca.certificate.extensions;
    ca.remove(extension::KEY_USAGE);
    scenario
        .pck_crl
        .extensions
        .set(extension::authority_key_identifier([7; 20]));
    let documents = scenario.documents();
    assert_eq!(count(&documents.collateral.pck_crl, &[7; 20]), 1);
    assert_eq!(count(&documents.pck_ca_certificate, b"\x55\x1d\x0f"), 0);
}

#[test]
fn a_chain_with_a_certificate_twice_and_text_behind_it() {
    let mut documents = scenario(QuoteKind::SgxV3).documents();
    let (leaf, ca) = (&documents.pck_certificate, &documents.pck_ca_certificate);
    let mut chain = pem::chain(&[leaf, leaf, ca]);
    chain.extend_from_slice(b"text");
    documents.quote.certification = bulla_issuer::Certification::PckChain(chain);
    let quote = documents.assemble().quote;
    assert_eq!(count(&quote, b"-----BEGIN CERTIFICATE-----"), 3);
}

#[test]
fn a_quoting_enclave_open_to_debugging_and_a_report_with_a_tail() {
    let mut scenario = scenario(QuoteKind::Td15V5);
    scenario.quote.qe_report.attributes.flags |= sgx_attributes::DEBUG;
    let mut documents = scenario.documents();
    documents.quote.qe_report.reportdata[63] = 1;
    documents.quote.sign_qe_report(&scenario.pck_key);
    let bytes = documents.assemble().quote;
    let quote = Quote::parse(&bytes).expect("well formed");
    assert_eq!(quote.auth().qe_report.reportdata[63], 1);
    assert_ne!(
        quote.auth().qe_report.attributes.flags.get() & sgx_attributes::DEBUG,
        0
    );
}

#[test]
fn a_header_that_belies_the_body_and_a_signature_with_the_other_s() {
    let mut scenario = scenario(QuoteKind::SgxV5);
    scenario.quote.header.tee_type = 0x81.into();
    let mut parts = scenario.documents().quote;
    assert!(Quote::parse(&parts.write()).is_err());

    parts.signed[4] = 0;
    parts.sign_body(&scenario.quote.attestation_key);
    parts.signature = with_other_s(&parts.signature).expect("in range");
    assert!(Quote::parse(&parts.write()).is_ok());
}
