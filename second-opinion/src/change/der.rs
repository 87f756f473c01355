//! Bytes of certificates and CRLs, changed below a signature that holds.

use bulla_issuer::certificate::{seal, seal_with};
use bulla_issuer::{SigningKey, tlv};

use super::Change;
use crate::draft::Draft;
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[any_byte, any_byte, any_byte, byte_inserted, envelope];

/// Rewrites the signed part of one certificate or CRL and seals it with its issuer's key.
fn rewrite(
    draft: &mut Draft,
    random: &mut Random,
    change: fn(&mut Vec<u8>, &mut Random) -> Option<String>,
) -> Option<String> {
    let scenario = &draft.scenario;
    let vendor = &scenario.vendor;
    let ca = vendor.ca(scenario.ca);
    let which = random.index(6);
    let (mut signed, key): (Vec<u8>, &SigningKey) = match which {
        0 => (scenario.pck_certificate_spec().to_be_signed(), &ca.key),
        1 => (ca.certificate.to_be_signed(), &vendor.root.key),
        2 => (
            vendor.tcb_signer.certificate.to_be_signed(),
            &vendor.root.key,
        ),
        3 => (vendor.root.certificate.to_be_signed(), &vendor.root.key),
        4 => (scenario.pck_crl.to_be_signed(), &ca.key),
        _ => (scenario.root_ca_crl.to_be_signed(), &vendor.root.key),
    };
    let description = change(&mut signed, random)?;
    let sealed = seal(&signed, key);
    place(draft, which, sealed);
    Some(format!("{}: {description}", NAMES[which]))
}

const NAMES: [&str; 6] = [
    "PCK certificate",
    "PCK CA",
    "TCB signer",
    "root",
    "PCK CRL",
    "root CA's CRL",
];

fn place(draft: &mut Draft, which: usize, der: Vec<u8>) {
    let documents = &mut draft.documents;
    match which {
        0 => documents.pck_certificate = der,
        1 => documents.pck_ca_certificate = der,
        2 => documents.tcb_signing_certificate = der,
        3 => documents.root_certificate = der,
        4 => documents.collateral.pck_crl = der,
        _ => documents.collateral.root_ca_crl = der,
    }
    if which < 4 {
        documents.rewrite_chains();
    }
}

fn any_byte(draft: &mut Draft, random: &mut Random) -> Option<String> {
    rewrite(draft, random, |signed, random| {
        let index = random.index(signed.len());
        let byte = signed.get_mut(index)?;
        *byte = if random.one_in(2) {
            *byte ^ (1 << random.below(8))
        } else {
            random.byte()
        };
        Some(format!("byte {index} is {byte:#04x}, sealed again"))
    })
}

/// A byte that belongs to nothing, or moves what follows; the outer length counts it.
fn byte_inserted(draft: &mut Draft, random: &mut Random) -> Option<String> {
    rewrite(draft, random, |signed, random| {
        // Tag and length of the signed part: a long length says how many octets it has.
        let header = match signed.get(1)? {
            long @ 0x80.. => 2 + usize::from(long & 0x7f),
            _ => 2,
        };
        let mut content = signed.split_off(header);
        let index = random.index(content.len());
        let inserted = *random.pick(&[0, 0x80, 0x81, 0xff]);
        content.insert(index, inserted);
        *signed = tlv::sequence(&[content]);
        Some(format!("{inserted:#04x} inserted at {index}, sealed again"))
    })
}

/// What stands around the signed part.
fn envelope(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let scenario = &draft.scenario;
    let key = &scenario.vendor.ca(scenario.ca).key;
    let signed = scenario.pck_certificate_spec().to_be_signed();
    let signature = key.sign_der(&signed);
    let (der, what) = match random.below(4) {
        0 => {
            let mut sealed = seal(&signed, key);
            sealed.push(0);
            (sealed, "a byte behind it")
        }
        1 => (
            seal_with(&signed, &[&signature[..], &[0]].concat()),
            "a byte behind the signature",
        ),
        2 => {
            let content = signature.get(2..)?;
            let long = tlv::raw(0x30, &[0x81, content.len() as u8], content);
            (
                seal_with(&signed, &long),
                "a signature with a length that is not minimal",
            )
        }
        _ => {
            let mut damaged = signature;
            let index = random.index(damaged.len());
            damaged[index] ^= 1 << random.below(8);
            (
                seal_with(&signed, &damaged),
                "a bit of the signature changed",
            )
        }
    };
    place(draft, 0, der);
    Some(format!("PCK certificate with {what}"))
}
