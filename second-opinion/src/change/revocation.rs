//! Certificate revocation lists.

use bulla_issuer::extension;
use bulla_issuer::{CrlSpec, Extension, ObjectIdentifier, RevokedCertificate, tlv};

use super::Change;
use crate::draft::{Draft, Part};
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    revoked,
    revoked,
    revoked,
    entries,
    key_identifier,
    number,
    extensions,
    issuer,
];

/// A serial number of the hierarchy, or one near it.
fn serial(draft: &Draft, random: &mut Random) -> (Vec<u8>, &'static str) {
    let vendor = &draft.scenario.vendor;
    let ca = vendor.ca(draft.scenario.ca);
    let (serial, whose) = match random.below(5) {
        0 => (
            &draft.scenario.pck_certificate.serial,
            "the PCK certificate",
        ),
        1 => (&ca.certificate.serial, "its CA"),
        2 => (&vendor.tcb_signer.certificate.serial, "the TCB signer"),
        3 => (&vendor.root.certificate.serial, "the root"),
        _ => {
            let mut near = draft.scenario.pck_certificate.serial.clone();
            match random.below(3) {
                0 => near.insert(0, 1),
                1 => drop(near.pop()),
                _ => near[0] ^= 0x80,
            }
            return (near, "nobody");
        }
    };
    (serial.clone(), whose)
}

fn crl<'a>(draft: &'a mut Draft, random: &mut Random) -> (&'a mut CrlSpec, &'static str) {
    if random.one_in(2) {
        draft.touch(Part::PckCrl);
        (&mut draft.scenario.pck_crl, "PCK CRL")
    } else {
        draft.touch(Part::RootCaCrl);
        (&mut draft.scenario.root_ca_crl, "root CA's CRL")
    }
}

fn revoked(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (serial, whose) = serial(draft, random);
    let (crl, name) = crl(draft, random);
    crl.revoke(&serial);
    Some(format!("serial number of {whose} in the {name}"))
}

fn entries(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let at = draft.scenario.at;
    let (crl, name) = crl(draft, random);
    let count = random.below(20);
    for _ in 0..count {
        let length = 1 + random.index(20);
        let mut serial: Vec<u8> = (0..length).map(|_| random.byte()).collect();
        serial[0] |= 1;
        crl.revoked.push(RevokedCertificate {
            serial,
            date: at.saturating_sub(random.below(100_000_000)),
            reason: (!random.one_in(4)).then(|| *random.pick(&[0, 1, 4, 6, 7, 8, 255])),
        });
    }
    Some(format!("{count} other certificates in the {name}"))
}

fn key_identifier(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (crl, name) = crl(draft, random);
    if random.one_in(2) {
        crl.extensions.remove(extension::AUTHORITY_KEY_IDENTIFIER);
        return Some(format!("{name} without authority key identifier"));
    }
    crl.extensions
        .set(extension::authority_key_identifier([7; 20]));
    Some(format!("{name} with another authority key identifier"))
}

fn number(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (crl, name) = crl(draft, random);
    if random.one_in(3) {
        crl.extensions.remove(extension::CRL_NUMBER);
        return Some(format!("{name} without a number"));
    }
    let number = *random.pick(&[0, 127, 128, 0xffff_ffff, 0x1_0000_0000, u64::MAX]);
    crl.extensions.set(extension::crl_number(number));
    Some(format!("{name} of number {number}"))
}

fn extensions(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (crl, name) = crl(draft, random);
    let oids = [
        "1.3.6.1.4.1.32473.1.9",
        "2.5.29.28",
        "2.5.29.27",
        "2.5.29.18",
    ];
    let oid = *random.pick(&oids);
    let critical = random.one_in(2);
    crl.extensions.set(Extension {
        oid: ObjectIdentifier::new(oid).ok()?,
        critical,
        value: tlv::encode(&1_u8),
    });
    Some(format!("{name} with extension {oid}, critical: {critical}"))
}

fn issuer(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (crl, name) = crl(draft, random);
    crl.issuer.locality.push('x');
    Some(format!("{name} of an issuer of another name"))
}
