//! Who signed a document, and how the signature is written.

use bulla_collateral::SignedText;
use bulla_issuer::{SigningKey, sign_text, with_other_s};

use super::Change;
use crate::draft::Draft;
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    document_signer,
    document_signature,
    quote_signature,
    quote_key,
    crl_signer,
    crl_swapped,
];

/// The order of the group P-256 (SEC 2, section 2.4.2).
const GROUP_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn document(draft: &mut Draft, tcb_info: bool) -> (&mut SignedText, &'static str) {
    let collateral = &mut draft.documents.collateral;
    if tcb_info {
        (&mut collateral.tcb_info, "TCB info")
    } else {
        (&mut collateral.qe_identity, "identity")
    }
}

fn any_key(draft: &Draft, random: &mut Random) -> (SigningKey, &'static str) {
    let vendor = &draft.scenario.vendor;
    let (key, whose) = match random.below(5) {
        0 => (&draft.scenario.pck_key, "the platform"),
        1 => (&vendor.ca(draft.scenario.ca).key, "its CA"),
        2 => (&vendor.root.key, "the root"),
        3 => (&vendor.tcb_signer.key, "the TCB signer"),
        _ => (&draft.scenario.quote.attestation_key, "the quoting enclave"),
    };
    (key.clone(), whose)
}

/// A document signed by whoever has a key, with the chain that belongs to that key or without.
fn document_signer(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (key, whose) = any_key(draft, random);
    let tcb_info = random.one_in(2);
    let with_chain = random.one_in(2);
    if with_chain {
        let documents = &draft.documents;
        let (leaf, ca) = (
            &documents.pck_certificate[..],
            &documents.pck_ca_certificate[..],
        );
        let root = &documents.root_certificate[..];
        let chain = match whose {
            "the platform" => bulla_issuer::pem::chain(&[leaf, ca, root]),
            "its CA" => bulla_issuer::pem::chain(&[ca, root]),
            _ => bulla_issuer::pem::chain(&[root]),
        };
        let collateral = &mut draft.documents.collateral;
        match tcb_info {
            true => collateral.tcb_info_issuer_chain = chain,
            false => collateral.qe_identity_issuer_chain = chain,
        }
    }
    let (document, name) = document(draft, tcb_info);
    *document = sign_text(document.body.clone(), &key);
    Some(format!(
        "{name} signed by {whose}, chain replaced: {with_chain}"
    ))
}

/// The same signature written otherwise, or damaged.
fn document_signature(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let tcb_info = random.one_in(2);
    let (document, name) = document(draft, tcb_info);
    let raw: [u8; 64] = hex::decode(&document.signature).ok()?.try_into().ok()?;
    let (r, s) = raw.split_at(32);
    let (digits, change) = match random.below(9) {
        0 => (document.signature.to_uppercase(), "in capitals"),
        1 => (hex::encode(with_other_s(&raw)?), "with the other s"),
        2 => (
            hex::encode([r, &[0], s].concat()),
            "with a zero in front of s",
        ),
        3 => (
            hex::encode([&[0], r, s].concat()),
            "with a zero in front of r",
        ),
        4 => (document.signature[..126].to_owned(), "one byte short"),
        5 => (
            format!("{} ", document.signature),
            "with a blank at the end",
        ),
        6 => (hex::encode([r, s, &[0]].concat()), "one byte longer"),
        7 => (hex::encode([r, &[0; 32]].concat()), "with s of zero"),
        _ => {
            let mut raw = raw;
            raw[random.index(64)] ^= 1 << random.below(8);
            (hex::encode(raw), "with a bit changed")
        }
    };
    document.signature = digits;
    Some(format!("signature of the {name} {change}"))
}

fn quote_signature(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let quote = &mut draft.documents.quote;
    let (signature, name) = if random.one_in(2) {
        (&mut quote.signature, "quote")
    } else {
        (&mut quote.qe_report_signature, "QE report")
    };
    let half = 32 * random.index(2);
    let number = signature.get_mut(half..half + 32)?;
    let change = match random.below(5) {
        0 => {
            *signature = with_other_s(signature)?;
            "with the other s"
        }
        1 => {
            number.fill(0);
            "with a number of zero"
        }
        2 => {
            number.copy_from_slice(&GROUP_ORDER);
            "with a number that is the group order"
        }
        3 => {
            signature.fill(0);
            signature[31] = 1;
            signature[63] = 1;
            "of r = s = 1"
        }
        _ => {
            number[random.index(32)] ^= 1 << random.below(8);
            "with a bit changed"
        }
    };
    Some(format!("signature of the {name} {change}"))
}

/// An attestation key that the quoting enclave vouches for and that is none.
fn quote_key(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let quote = &mut draft.documents.quote;
    let change = match random.below(3) {
        0 => {
            quote.attestation_key.fill(0);
            "of zeros"
        }
        1 => {
            quote.attestation_key[random.index(64)] ^= 1 << random.below(8);
            "off the curve"
        }
        _ => {
            quote.attestation_key.fill(0xff);
            "beyond the field"
        }
    };
    quote.qe_report.reportdata =
        bulla_issuer::qe_report_data(&quote.attestation_key, &quote.qe_auth);
    let key = draft.scenario.pck_key.clone();
    quote.sign_qe_report(&key);
    Some(format!("attestation key {change}"))
}

fn crl_signer(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (key, whose) = any_key(draft, random);
    let collateral = &mut draft.documents.collateral;
    if random.one_in(2) {
        collateral.pck_crl = draft.scenario.pck_crl.sign(&key);
        return Some(format!("PCK CRL signed by {whose}"));
    }
    collateral.root_ca_crl = draft.scenario.root_ca_crl.sign(&key);
    Some(format!("root CA's CRL signed by {whose}"))
}

fn crl_swapped(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let scenario = &draft.scenario;
    let validity = scenario.pck_crl.validity;
    let collateral = &mut draft.documents.collateral;
    let change = match random.below(6) {
        0 => {
            collateral.pck_crl.clone_from(&collateral.root_ca_crl);
            "the root CA's CRL as PCK CRL"
        }
        1 => {
            collateral.root_ca_crl.clone_from(&collateral.pck_crl);
            "the PCK CRL as the root CA's"
        }
        2 => {
            std::mem::swap(&mut collateral.root_ca_crl, &mut collateral.pck_crl);
            "the CRLs swapped"
        }
        3 => {
            let other = match scenario.ca {
                bulla_issuer::PckCa::Processor => bulla_issuer::PckCa::Platform,
                bulla_issuer::PckCa::Platform => bulla_issuer::PckCa::Processor,
            };
            let vendor = &scenario.vendor;
            collateral.pck_crl = vendor.pck_crl(other, validity).sign(&vendor.ca(other).key);
            "the CRL of the other PCK CA"
        }
        4 => {
            let pem = bulla_issuer::pem::block("X509 CRL", &collateral.pck_crl);
            collateral.pck_crl = pem.into_bytes();
            "the PCK CRL as PEM"
        }
        _ => {
            collateral.root_ca_crl = hex::encode(&collateral.root_ca_crl).into_bytes();
            "the root CA's CRL as hexadecimal digits"
        }
    };
    Some(change.to_owned())
}
