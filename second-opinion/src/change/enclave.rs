//! The quoting enclave: its report, what it vouches for, and its identity.

use super::{Change, levels, near};
use crate::draft::{Draft, Part};
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    report_isvsvn,
    report_isvsvn,
    report_field,
    any_report_byte,
    auth_data,
    identity_levels,
    identity_levels,
    identity_levels,
    identity_field,
    identity_header,
];

/// Changes of the report alone.
pub(super) const REPORT_CHANGES: &[Change] = &[report_isvsvn];

fn report_isvsvn(draft: &mut Draft, random: &mut Random) -> Option<String> {
    draft.touch(Part::QeReport);
    let report = &mut draft.scenario.quote.qe_report;
    report.isvsvn = (near(report.isvsvn.get().into(), 65_535, random) as u16).into();
    Some(format!("QE of ISVSVN {}", report.isvsvn))
}

fn report_field(draft: &mut Draft, random: &mut Random) -> Option<String> {
    draft.touch(Part::QeReport);
    let report = &mut draft.scenario.quote.qe_report;
    Some(match random.below(5) {
        0 => {
            report.mrsigner[random.index(32)] ^= 1 << random.below(8);
            "QE of another signer".to_owned()
        }
        1 => {
            report.isvprodid = (near(report.isvprodid.get().into(), 65_535, random) as u16).into();
            format!("QE of ISVPRODID {}", report.isvprodid)
        }
        2 => {
            report
                .miscselect
                .set(report.miscselect.get() ^ (1 << random.below(32)));
            "MISCSELECT of the QE".to_owned()
        }
        3 => {
            let bit = random.below(64);
            report
                .attributes
                .flags
                .set(report.attributes.flags.get() ^ (1 << bit));
            format!("attribute bit {bit} of the QE")
        }
        _ => {
            let bit = random.below(64);
            report
                .attributes
                .xfrm
                .set(report.attributes.xfrm.get() ^ (1 << bit));
            format!("XFRM bit {bit} of the QE")
        }
    })
}

/// One byte of the QE's report, report data included, whatever it means.
fn any_report_byte(draft: &mut Draft, random: &mut Random) -> Option<String> {
    draft.sign();
    let quote = &mut draft.documents.quote;
    let bit = 1 << random.below(8);
    let place = if random.one_in(2) {
        let index = random.index(64);
        quote.qe_report.reportdata[index] ^= bit;
        format!("byte {index} of its report data")
    } else {
        let index = random.index(384);
        zerocopy::IntoBytes::as_mut_bytes(&mut quote.qe_report)[index] ^= bit;
        format!("byte {index}")
    };
    let key = draft.scenario.pck_key.clone();
    quote.sign_qe_report(&key);
    Some(format!(
        "QE report signed again with a bit changed in {place}"
    ))
}

fn auth_data(draft: &mut Draft, random: &mut Random) -> Option<String> {
    draft.touch(Part::QeReport);
    let length = *random.pick(&[0, 1, 31, 32, 32, 33, 64, 1_000]);
    draft.scenario.quote.qe_auth = (0..length).map(|_| random.byte()).collect();
    Some(format!("QE auth data of {length} bytes"))
}

fn identity(draft: &mut Draft) -> &mut bulla_issuer::EnclaveIdentitySpec {
    draft.touch(Part::QeIdentity);
    &mut draft.scenario.qe_identity
}

fn identity_levels(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let isvsvn = draft.scenario.quote.qe_report.isvsvn.get().into();
    let levels = levels::random_part_levels(draft, isvsvn, 65_535, random);
    let count = levels.len();
    identity(draft).levels = levels;
    Some(format!("{count} random levels of the QE"))
}

fn identity_field(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let identity = identity(draft);
    let bit = 1_u8 << random.below(8);
    let byte = random.index(16);
    Some(
        match random.below(8) {
            0 => {
                identity.miscselect[random.index(4)] ^= bit;
                "miscselect of the identity"
            }
            1 => {
                identity.miscselect_mask[random.index(4)] ^= bit;
                "miscselectMask of the identity"
            }
            2 => {
                identity.attributes[byte] ^= bit;
                "attributes of the identity"
            }
            3 => {
                identity.attributes_mask[byte] ^= bit;
                "attributesMask of the identity"
            }
            4 => {
                identity.attributes[byte] |= bit;
                identity.attributes_mask[byte] &= !bit;
                "an attribute of the identity outside its mask"
            }
            5 => {
                identity.mrsigner[random.index(32)] ^= bit;
                "mrsigner of the identity"
            }
            6 => {
                identity.attributes_mask[0] &= !2;
                "a mask without DEBUG in the identity"
            }
            _ => {
                identity.isvprodid = near(identity.isvprodid, 65_536, random);
                "isvprodid of the identity"
            }
        }
        .to_owned(),
    )
}

fn identity_header(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let identity = identity(draft);
    Some(match random.below(4) {
        0 => {
            identity.id = (*random.pick(&["QE", "TD_QE", "QVE", "QAE", "qe", ""])).to_owned();
            format!("identity of `{}`", identity.id)
        }
        1 => {
            identity.version = random.below(5) as u32;
            format!("identity of version {}", identity.version)
        }
        2 => {
            identity.levels.clear();
            "no levels of the QE".to_owned()
        }
        _ => {
            identity.evaluation_data_number = near(identity.evaluation_data_number, 40, random);
            format!(
                "identity of evaluation data number {}",
                identity.evaluation_data_number
            )
        }
    })
}
