//! Header and body of the quote.

use super::{Change, near};
use crate::draft::{Draft, Part};
use crate::random::Random;

pub(super) const CHANGES: &[Change] = &[
    tee_tcb_svn,
    tee_tcb_svn,
    tee_tcb_svn2,
    tee_tcb_svn2,
    td_attributes,
    td_fields,
    sgx_attributes,
    header,
    any_signed_byte,
];

/// The changes that decide the TCB level.
pub(super) const TCB_CHANGES: &[Change] = &[tee_tcb_svn, tee_tcb_svn2];

fn svn_near(svn: &mut [u8; 16], random: &mut Random) {
    for _ in 0..1 + random.below(2) {
        // The first three decide: module SVN, module version, microcode.
        let index = if random.one_in(4) {
            random.index(16)
        } else {
            random.index(3)
        };
        svn[index] = near(u32::from(svn[index]), 255, random) as u8;
    }
}

fn tee_tcb_svn(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let td = draft.scenario.quote.body.td10_mut()?;
    svn_near(&mut td.tee_tcb_svn, random);
    let svn = td.tee_tcb_svn;
    draft.touch(Part::Body);
    Some(format!("tee_tcb_svn {svn:?}"))
}

fn tee_tcb_svn2(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let td = draft.scenario.quote.body.td15_mut()?;
    svn_near(&mut td.tee_tcb_svn2, random);
    let svn = td.tee_tcb_svn2;
    draft.touch(Part::Body);
    Some(format!("tee_tcb_svn2 {svn:?}"))
}

fn td_attributes(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let td = draft.scenario.quote.body.td10_mut()?;
    let bit = random.below(64);
    td.tdattributes.set(td.tdattributes.get() ^ (1 << bit));
    draft.touch(Part::Body);
    Some(format!("bit {bit} of the TD attributes"))
}

fn td_fields(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let bit = 1_u8 << random.below(8);
    let (byte, which) = (random.index(48), random.below(4));
    draft.touch(Part::Body);
    if which == 0
        && let Some(td) = draft.scenario.quote.body.td15_mut()
    {
        td.mrservicetd[byte] ^= bit;
        return Some("a service TD".to_owned());
    }
    let td = draft.scenario.quote.body.td10_mut()?;
    Some(
        match which {
            1 => {
                td.mrsignerseam[byte] ^= bit;
                "another signer of the TDX module"
            }
            2 => {
                td.seamattributes
                    .set(td.seamattributes.get() ^ (1 << random.below(64)));
                "attributes of the TDX module"
            }
            _ => {
                td.mrtd[byte] ^= bit;
                "another TD"
            }
        }
        .to_owned(),
    )
}

fn sgx_attributes(draft: &mut Draft, random: &mut Random) -> Option<String> {
    let report = draft.scenario.quote.body.sgx_mut()?;
    let bit = random.below(9);
    report
        .attributes
        .flags
        .set(report.attributes.flags.get() ^ (1 << bit));
    draft.touch(Part::Body);
    Some(format!("bit {bit} of the enclave's attributes"))
}

fn header(draft: &mut Draft, random: &mut Random) -> Option<String> {
    draft.touch(Part::Body);
    let quote = &mut draft.scenario.quote;
    let header = &mut quote.header;
    Some(match random.below(8) {
        0 => {
            header.attestation_key_type = (random.below(5) as u16).into();
            "attestation key type".to_owned()
        }
        1 => {
            header.tee_type = (*random.pick(&[0, 0x81, 1, 0x80, 0x181, u32::MAX])).into();
            format!("TEE type {:#x}", header.tee_type.get())
        }
        2 => {
            header.qe_svn = (random.next() as u16).into();
            "QE SVN in the header".to_owned()
        }
        3 => {
            header.pce_svn = (random.next() as u16).into();
            "PCE SVN in the header".to_owned()
        }
        4 => {
            header.qe_vendor_id[random.index(16)] ^= 1 << random.below(8);
            "another QE vendor".to_owned()
        }
        5 => {
            header.user_data[random.index(20)] ^= 1 << random.below(8);
            "user data".to_owned()
        }
        6 => {
            let descriptor = quote.descriptor.as_mut()?;
            descriptor.body_type = (random.below(6) as u16).into();
            format!("body type {}", descriptor.body_type)
        }
        _ => {
            let descriptor = quote.descriptor.as_mut()?;
            let size = descriptor.size.get();
            descriptor.size = near(size, 2_000, random).into();
            format!("body size {}", descriptor.size)
        }
    })
}

/// One byte of header or body, whatever it means.
fn any_signed_byte(draft: &mut Draft, random: &mut Random) -> Option<String> {
    // What other changes did is signed first: this one is about the bytes.
    draft.sign();
    let quote = &mut draft.documents.quote;
    let index = random.index(quote.signed.len());
    // A quote of no known version cannot be written.
    if index < 2 {
        return None;
    }
    quote.signed[index] ^= 1 << random.below(8);
    let key = draft.scenario.quote.attestation_key.clone();
    quote.sign_body(&key);
    Some(format!("a bit of byte {index} of the quote, signed again"))
}
