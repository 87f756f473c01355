//! What the PCK certificate says of the platform.

use bulla_issuer::certificate::CertificateSpec;
use bulla_issuer::sgx_extension::{self, Entry};
use bulla_issuer::{SgxType, Tag, tlv};

use super::{Change, near};
use crate::draft::{Draft, Part};
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    svns,
    svns,
    svns,
    svns,
    cpusvn_alone,
    identifiers,
    entries,
    entry_values,
    configuration,
];

fn platform(draft: &mut Draft) -> &mut bulla_issuer::SgxExtensionSpec {
    draft.touch(Part::PckCertificate);
    &mut draft.scenario.sgx_extension
}

/// Component SVNs and CPUSVN alike, and the PCESVN.
fn svns(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let platform = platform(draft);
    for _ in 0..random.below(4) {
        let index = random.index(platform.component_svns.len());
        let svn = near(platform.component_svns[index], 255, random);
        platform.component_svns[index] = svn;
        platform.cpusvn[index] = svn as u8;
    }
    if random.one_in(3) {
        platform.pcesvn = near(platform.pcesvn, 65_535, random);
    }
    Some(format!(
        "platform with SVNs {:?}, PCESVN {}",
        platform.cpusvn, platform.pcesvn
    ))
}

fn cpusvn_alone(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let platform = platform(draft);
    let index = random.index(16);
    if random.one_in(2) {
        platform.cpusvn[index] = platform.cpusvn[index].wrapping_add(1 + random.byte() % 3);
        return Some(format!("byte {index} of the CPUSVN unlike the component"));
    }
    platform.component_svns[index] = *random.pick(&[0, 1, 254, 255, 256]);
    Some(format!("component {index} unlike the CPUSVN"))
}

fn identifiers(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let platform = platform(draft);
    Some(
        match random.below(4) {
            0 => {
                platform.fmspc[random.index(6)] ^= 1 << random.below(8);
                "platform of another FMSPC"
            }
            1 => {
                platform.pceid[random.index(2)] ^= 1 << random.below(8);
                "platform of another PCE-ID"
            }
            2 => {
                platform.sgx_type = *random.pick(&[
                    SgxType::Standard,
                    SgxType::Scalable,
                    SgxType::ScalableWithIntegrity,
                ]);
                "another SGX type"
            }
            _ => {
                platform.ppid = std::array::from_fn(|_| random.byte());
                "another PPID"
            }
        }
        .to_owned(),
    )
}

/// The entries of the SGX extension or, one level down, those of its TCB: `change` makes of them
/// what it likes, and the certificate gets the outcome.
fn rewrite(
    draft: &mut Draft,
    random: &mut Random,
    change: fn(&mut Vec<Entry>, usize, &mut Random) -> &'static str,
) -> String {
    let extension = platform(draft).clone();
    let (mut entries, mut tcb) = (extension.entries(), extension.tcb_entries());
    let in_tcb = random.one_in(2);
    let (list, place) = match in_tcb {
        true => (&mut tcb, "TCB entry"),
        false => (&mut entries, "entry"),
    };
    let index = random.index(list.len());
    let description = change(list, index, random);
    if in_tcb {
        entries[TCB].value = sgx_extension::sequence_of(&tcb);
    }
    set_entries(&mut draft.scenario.pck_certificate, &entries);
    format!("{place} {index} of the SGX extension: {description}")
}

/// Where the TCB and the configuration stand among the entries.
const TCB: usize = 1;
const CONFIGURATION: usize = 6;

fn set_entries(certificate: &mut CertificateSpec, entries: &[Entry]) {
    let extension = sgx_extension::extension(entries);
    certificate.extensions.set(extension);
}

/// Entries removed, repeated, added, or in another order.
fn entries(draft: &mut Draft, random: &mut Random) -> Option<String> {
    Some(rewrite(draft, random, |list, index, random| {
        match random.below(5) {
            0 => {
                list.remove(index);
                "removed"
            }
            1 => {
                list.push(list[index].clone());
                "a second time at the end"
            }
            2 => {
                let mut first = list[index].clone();
                first
                    .value
                    .clone_from(&list[random.index(list.len())].value);
                list.insert(0, first);
                "a second time in front, with another value"
            }
            3 => {
                // Neither the extension nor its TCB has a 19th entry.
                list.push(Entry::new(&[2, 19], tlv::encode(&1_u8)));
                "an unknown one added"
            }
            _ => {
                random.shuffle(list);
                "shuffled"
            }
        }
    }))
}

/// An entry of another type or length.
fn entry_values(draft: &mut Draft, random: &mut Random) -> Option<String> {
    Some(rewrite(draft, random, |list, index, random| {
        let value = &mut list[index].value;
        let content = value.get(2..).unwrap_or_default().to_vec();
        match random.below(6) {
            0 => {
                *value = tlv::octets(&[&content[..], &[0]].concat());
                "an OCTET STRING one byte longer"
            }
            1 => {
                *value = tlv::octets(&content);
                "an OCTET STRING"
            }
            2 => {
                *value = tlv::wrap(Tag::Integer, &content);
                "an INTEGER of the same content"
            }
            3 => {
                *value = tlv::raw(value[0], &[0x81, content.len() as u8], &content);
                "a length that is not minimal"
            }
            4 => {
                *value = tlv::wrap(Tag::Integer, &[&[0], &content[..]].concat());
                "an INTEGER with a leading zero"
            }
            _ => {
                *value = tlv::wrap(Tag::Integer, &[]);
                "an empty INTEGER"
            }
        }
    }))
}

/// What only platforms of several packages have.
fn configuration(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let extension = platform(draft);
    if random.one_in(4) {
        extension.platform = match extension.platform {
            Some(_) => None,
            None => Some(bulla_issuer::PlatformSpec {
                platform_instance_id: [7; 16],
                dynamic_platform: false,
                cached_keys: true,
                smt_enabled: false,
            }),
        };
        return Some("platform entries of the other CA".to_owned());
    }
    let platform = extension.platform.as_mut()?;
    platform.dynamic_platform = random.one_in(2);
    platform.cached_keys = random.one_in(2);
    platform.smt_enabled = random.one_in(2);
    if !random.one_in(3) {
        return Some("another platform configuration".to_owned());
    }
    let mut flags = platform.entries();
    let index = random.index(flags.len());
    let octet = random.byte();
    flags[index].value = tlv::raw(1, &[1], &[octet]);
    let mut entries = extension.entries();
    entries[CONFIGURATION].value = sgx_extension::sequence_of(&flags);
    set_entries(&mut draft.scenario.pck_certificate, &entries);
    Some(format!(
        "configuration flag {index}: a BOOLEAN of {octet:#04x}"
    ))
}
