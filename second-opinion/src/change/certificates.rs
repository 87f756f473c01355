//! Names, extensions and keys of certificates.

use bulla_issuer::extension;
use bulla_issuer::{CertificateSpec, Extension, ObjectIdentifier, PckCa, tlv};

use super::Change;
use crate::draft::{Draft, Part};
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    extension_removed,
    extension_changed,
    extension_changed,
    extension_added,
    name,
    key,
    serial,
];

fn certificate<'a>(
    draft: &'a mut Draft,
    random: &mut Random,
) -> (&'a mut CertificateSpec, &'static str) {
    let which = random.below(4);
    let (part, name) = match which {
        0 => (Part::PckCertificate, "PCK certificate"),
        1 => (Part::PckCaCertificate, "PCK CA"),
        2 => (Part::TcbSigningCertificate, "TCB signer"),
        _ => (Part::RootCertificate, "root"),
    };
    draft.touch(part);
    let scenario = &mut draft.scenario;
    let vendor = &mut scenario.vendor;
    let spec = match (which, scenario.ca) {
        (0, _) => &mut scenario.pck_certificate,
        (1, PckCa::Processor) => &mut vendor.processor_ca.certificate,
        (1, PckCa::Platform) => &mut vendor.platform_ca.certificate,
        (2, _) => &mut vendor.tcb_signer.certificate,
        _ => &mut vendor.root.certificate,
    };
    (spec, name)
}

const EXTENSIONS: [(ObjectIdentifier, &str); 6] = [
    (
        extension::AUTHORITY_KEY_IDENTIFIER,
        "authority key identifier",
    ),
    (
        extension::CRL_DISTRIBUTION_POINTS,
        "CRL distribution points",
    ),
    (extension::SUBJECT_KEY_IDENTIFIER, "subject key identifier"),
    (extension::KEY_USAGE, "key usage"),
    (extension::BASIC_CONSTRAINTS, "basic constraints"),
    (extension::SIMULATED, "mark of simulation"),
];

fn extension_removed(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (spec, name) = certificate(draft, random);
    let (oid, what) = *random.pick(&EXTENSIONS);
    spec.extensions.remove(oid);
    Some(format!("{name} without {what}"))
}

fn extension_changed(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (spec, name) = certificate(draft, random);
    let (changed, what) = match random.below(8) {
        0 => (
            extension::authority_key_identifier([7; 20]),
            "another authority key identifier",
        ),
        1 => (
            extension::subject_key_identifier([7; 20]),
            "another subject key identifier",
        ),
        2 => (extension::ca_key_usage(), "the key usage of a CA"),
        3 => (extension::signing_key_usage(), "the key usage of a signer"),
        4 => (extension::ca_constraints(0), "path length 0"),
        5 => (extension::ca_constraints(3), "path length 3"),
        6 => (
            extension::end_entity_constraints(),
            "the constraints of no CA",
        ),
        _ => (extension::simulated(true), "a critical mark of simulation"),
    };
    spec.extensions.set(changed);
    Some(format!("{name} with {what}"))
}

fn extension_added(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (spec, name) = certificate(draft, random);
    // Unknown, extended key usage, name constraints, certificate policies, alternative name.
    let oids = [
        "1.3.6.1.4.1.32473.1.9",
        "2.5.29.37",
        "2.5.29.30",
        "2.5.29.32",
        "2.5.29.17",
    ];
    let oid = *random.pick(&oids);
    let critical = random.one_in(2);
    spec.extensions.set(Extension {
        oid: ObjectIdentifier::new(oid).ok()?,
        critical,
        value: tlv::sequence::<Vec<u8>>(&[]),
    });
    Some(format!("{name} with extension {oid}, critical: {critical}"))
}

fn name(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (spec, whose) = certificate(draft, random);
    let name = if random.one_in(2) {
        &mut spec.subject
    } else {
        &mut spec.issuer
    };
    match random.below(4) {
        0 => name.common_name = "Nobody".to_owned(),
        1 => name.common_name = "Simulated SGX PCK Certificate".to_owned(),
        2 => name.locality.push('x'),
        _ => name.common_name.push_str(" 2"),
    }
    Some(format!(
        "{whose}: a name with `{}` in {}",
        name.common_name, name.locality
    ))
}

fn key(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (spec, name) = certificate(draft, random);
    match random.below(3) {
        0 => spec.public_key[1..].fill(0),
        1 => spec.public_key[0] = *random.pick(&[0, 2, 3, 6, 7]),
        _ => spec.public_key[1 + random.index(64)] ^= 1 << random.below(8),
    }
    Some(format!("{name} of another key"))
}

fn serial(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let (spec, name) = certificate(draft, random);
    let length = *random.pick(&[1, 2, 8, 19, 20, 21, 32]);
    spec.serial = (0..length).map(|_| random.byte()).collect();
    Some(format!("{name} with a serial number of {length} octets"))
}
