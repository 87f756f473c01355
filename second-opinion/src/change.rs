//! What can be wrong, or only different: changes to what the issuer writes, and to bytes.
//!
//! A change says what it did in a few words, or nothing where it does not apply.

pub(crate) mod bytes;
mod certificates;
mod chains;
mod dates;
mod der;
mod enclave;
mod json;
mod levels;
mod platform;
mod report;
mod revocation;
mod signatures;

use crate::draft::Draft;
use crate::random::Random;

/// A change to a draft.
pub(crate) type Change = fn(&mut Draft, &mut Random) -> Option<String>;

/// Changes of one kind and how often they are chosen.
struct Family {
    weight: u32,
    changes: &'static [Change],
}

/// Changes of what a scenario says; the parts that they touch are signed afterwards.
const BEFORE_SIGNING: [Family; 7] = [
    Family {
        weight: 30,
        changes: levels::CHANGES,
    },
    Family {
        weight: 20,
        changes: platform::CHANGES,
    },
    Family {
        weight: 20,
        changes: report::CHANGES,
    },
    Family {
        weight: 14,
        changes: enclave::CHANGES,
    },
    Family {
        weight: 14,
        changes: dates::CHANGES,
    },
    Family {
        weight: 8,
        changes: revocation::CHANGES,
    },
    Family {
        weight: 8,
        changes: certificates::CHANGES,
    },
];

/// Changes of signed documents.
const AFTER_SIGNING: [Family; 4] = [
    Family {
        weight: 10,
        changes: chains::CHANGES,
    },
    Family {
        weight: 8,
        changes: signatures::CHANGES,
    },
    Family {
        weight: 20,
        changes: json::CHANGES,
    },
    Family {
        weight: 12,
        changes: der::CHANGES,
    },
];

/// Makes a few changes and signs what they touched.
pub(crate) fn change_and_sign(draft: &mut Draft, random: &mut Random, log: &mut Vec<String>) {
    // Few at a time: of many changes one is likely refused by both, and hides the others.
    let (before, after) = match random.below(20) {
        0..=7 => (1, 0),
        8..=10 => (2, 0),
        11 => (3 + random.below(3), 0),
        12..=17 => (0, 1),
        18 => (1, 1),
        _ => (0, 2),
    };
    for _ in 0..before {
        change_once(&BEFORE_SIGNING, draft, random, log);
    }
    draft.sign();
    for _ in 0..after {
        change_once(&AFTER_SIGNING, draft, random, log);
    }
}

/// Signs genuine levels for a platform near one of them: everything about the platform changes,
/// the documents only as text.
pub(crate) fn vary_platform(draft: &mut Draft, random: &mut Random, log: &mut Vec<String>) {
    const FAMILIES: [Family; 3] = [
        Family {
            weight: 4,
            changes: report::TCB_CHANGES,
        },
        Family {
            weight: 2,
            changes: enclave::REPORT_CHANGES,
        },
        Family {
            weight: 1,
            changes: report::CHANGES,
        },
    ];
    for _ in 0..random.below(3) {
        change_once(&FAMILIES, draft, random, log);
    }
    draft.sign();
    if random.one_in(3) {
        change_once(
            &[Family {
                weight: 1,
                changes: json::CHANGES,
            }],
            draft,
            random,
            log,
        );
    }
}

fn change_once(families: &[Family], draft: &mut Draft, random: &mut Random, log: &mut Vec<String>) {
    let weights: Vec<u32> = families.iter().map(|family| family.weight).collect();
    // Some changes do not apply to some kinds of evidence; one of a few tries always does.
    for _ in 0..8 {
        let family = &families[random.weighted(&weights)];
        let change = random.pick(family.changes);
        if let Some(description) = change(draft, random) {
            log.push(description);
            return;
        }
    }
}

/// An SVN near `svn`, seldom one at the end of the range up to `most`.
fn near(svn: u32, most: u32, random: &mut Random) -> u32 {
    match random.below(12) {
        0 => 0,
        1 => most,
        2 => random.below(u64::from(most) + 1) as u32,
        _ => svn
            .saturating_add_signed(random.range(-2, 2) as i32)
            .min(most),
    }
}
