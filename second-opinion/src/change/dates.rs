//! Windows of documents and certificates, and the instant to judge by.

use bulla_pki::{Timestamp, Window};

use super::Change;
use crate::draft::{Draft, Part};
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[window_at_the_instant, window_at_the_instant, instant];

const PARTS: [Part; 8] = [
    Part::TcbInfo,
    Part::QeIdentity,
    Part::PckCrl,
    Part::RootCaCrl,
    Part::PckCertificate,
    Part::PckCaCertificate,
    Part::TcbSigningCertificate,
    Part::RootCertificate,
];

fn window(draft: &mut Draft, part: Part) -> &mut Window {
    let scenario = &mut draft.scenario;
    match part {
        Part::TcbInfo => &mut scenario.tcb_info.validity,
        Part::QeIdentity => &mut scenario.qe_identity.validity,
        Part::PckCrl => &mut scenario.pck_crl.validity,
        Part::RootCaCrl => &mut scenario.root_ca_crl.validity,
        Part::PckCaCertificate => match scenario.ca {
            bulla_issuer::PckCa::Processor => {
                &mut scenario.vendor.processor_ca.certificate.validity
            }
            bulla_issuer::PckCa::Platform => &mut scenario.vendor.platform_ca.certificate.validity,
        },
        Part::TcbSigningCertificate => &mut scenario.vendor.tcb_signer.certificate.validity,
        Part::RootCertificate => &mut scenario.vendor.root.certificate.validity,
        _ => &mut scenario.pck_certificate.validity,
    }
}

/// A time within seconds of another, or far from it.
fn around(time: Timestamp, random: &mut Random) -> Timestamp {
    let seconds = match random.below(3) {
        0 => random.range(-1, 1),
        1 => random.range(-2, 2) * 86_400,
        _ => random.range(-40_000_000, 40_000_000),
    };
    match u64::try_from(seconds) {
        Ok(later) => time.saturating_add(later),
        Err(_) => time.saturating_sub(seconds.unsigned_abs()),
    }
}

/// One end of a window moved to the instant, or a second beside it.
fn window_at_the_instant(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let part = *random.pick(&PARTS);
    let at = draft.scenario.at;
    draft.touch(part);
    let window = window(draft, part);
    if random.one_in(2) {
        window.from = around(at, random);
    } else {
        window.until = around(at, random);
    }
    Some(format!(
        "{part:?} valid from {} until {}",
        window.from, window.until
    ))
}

/// The instant moved to one end of a window, or a second beside it.
fn instant(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let part = *random.pick(&PARTS);
    let window = *window(draft, part);
    let end = if random.one_in(2) {
        window.from
    } else {
        window.until
    };
    draft.scenario.at = around(end, random);
    Some(format!(
        "judged at {}, near an end of {part:?}",
        draft.scenario.at
    ))
}
