//! The machine that the evidence comes from.

use bulla_verifier::PlatformFacts;

use crate::decision::{Finding, Reason};
use crate::policy::{AnyOf, HexBytes, Policy};

pub(super) fn check(
    platform: Option<&PlatformFacts>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    let Some(listed) = &policy.platforms else {
        return;
    };
    let Some(platform) = platform else {
        let message = "The PCK certificate does not tell the platform, and the policy lists \
                       platforms; collect the quote anew.";
        let refusal = Finding::refusal(Reason::PlatformNotListed, "platform", message.to_owned());
        findings.push(refusal);
        return;
    };
    if is_in(listed.ppid.as_ref(), Some(platform.ppid))
        || is_in(
            listed.platform_instance_id.as_ref(),
            platform.platform_instance_id,
        )
    {
        return;
    }

    let actual = match platform.platform_instance_id {
        Some(instance) => {
            format!(
                "PPID {}, instance {}",
                shortened(&platform.ppid),
                shortened(&instance)
            )
        }
        None => format!("PPID {}", shortened(&platform.ppid)),
    };
    let message = format!(
        "The platform ({actual}) is not among those that may attest; if it should, add its PPID \
         or platform instance id to `platforms` of the policy."
    );
    let expected = format!(
        "one of {} PPIDs or {} platform instance ids",
        count(listed.ppid.as_ref()),
        count(listed.platform_instance_id.as_ref())
    );
    findings.push(
        Finding::refusal(Reason::PlatformNotListed, "platform", message).sides(expected, actual),
    );
}

fn is_in(listed: Option<&AnyOf<HexBytes<16>>>, id: Option<[u8; 16]>) -> bool {
    listed
        .zip(id)
        .is_some_and(|(listed, id)| listed.contains(&HexBytes(id)))
}

fn count(listed: Option<&AnyOf<HexBytes<16>>>) -> usize {
    listed.map_or(0, |listed| listed.iter().len())
}

/// The first 8 of 32 digits: these ids are personal to a machine, and findings end in logs. They
/// suffice to find the platform in an inventory, and to let nobody else follow it.
fn shortened(id: &[u8; 16]) -> String {
    let [a, b, c, d, ..] = *id;
    format!("{}…", hex::encode([a, b, c, d]))
}
