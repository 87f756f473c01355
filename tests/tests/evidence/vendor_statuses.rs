//! A living vendor, its platforms and the verifier: whatever happened, the status is the one that
//! follows from what happened.
//!
//! The expected status is computed from the story alone: which updates a platform lacks, and what
//! the recoveries say of whoever lacks them. No document is looked into.

use std::collections::{BTreeMap, BTreeSet};

use bulla_collateral::TcbStatus;
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_vendor::{
    Charter, Event, Order, Part, PckCa, PlatformName, QuoteKind, Recovery, Selection, Subject,
    Vendor,
};
use bulla_verifier::{Verification, verify};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

const DAY: u64 = 86_400;

/// Something that happens some time after what happened before.
#[derive(Clone, Debug)]
enum Step {
    Recovery { raises: Vec<Part>, below: TcbStatus },
    Promotion(Index),
    EndOfSigning(Index),
    SignerRotation,
    Update { to: Index, parts: Vec<Part> },
}

/// What is known of the story without the vendor: for each number what it raised and said.
#[derive(Clone, Debug, Default)]
struct Story {
    recoveries: Vec<(BTreeSet<Part>, TcbStatus)>,
    /// To which number each part of the platform was updated; absent for the first.
    updates: BTreeMap<Part, u32>,
    standard: u32,
    ended: BTreeSet<u32>,
}

impl Story {
    fn newest(&self) -> u32 {
        1 + u32::try_from(self.recoveries.len()).expect("few")
    }

    /// The recoveries up to `number` that raised one of these parts: their number, what they
    /// raised of these, and their word.
    fn recoveries(&self, number: u32, parts: &[Part]) -> Vec<(u32, BTreeSet<Part>, TcbStatus)> {
        (2..=number)
            .zip(&self.recoveries)
            .map(|(number, (raises, below))| {
                let of_these = raises.iter().filter(|part| parts.contains(part));
                (number, of_these.copied().collect(), *below)
            })
            .filter(|(_, raises, _): &(_, BTreeSet<Part>, _)| !raises.is_empty())
            .collect()
    }

    /// What is said by `number` of whoever lacks what this platform lacks of these parts: the
    /// words of the first recovery of which something is missing, and of all after it.
    fn words(&self, number: u32, parts: &[Part]) -> Vec<TcbStatus> {
        let lacks = |raised: u32, part: &Part| self.updates.get(part).unwrap_or(&1) < &raised;
        self.recoveries(number, parts)
            .into_iter()
            .skip_while(|(number, raises, _)| !raises.iter().any(|part| lacks(*number, part)))
            .map(|(_, _, word)| word)
            .collect()
    }

    fn status(&self, number: u32, kind: QuoteKind) -> TcbStatus {
        let mut platform: Vec<Part> = Part::of_sgx_platforms().collect();
        let mut words = Vec::new();
        match kind {
            QuoteKind::SgxV3 | QuoteKind::SgxV4 | QuoteKind::SgxV5 => {
                words.extend(self.words(number, &[Part::Qe]));
            }
            _ => {
                platform.push(Part::TdxMicrocode);
                words.extend(self.words(number, &[Part::TdQe]));
                words.extend(self.words(number, &[Part::TdxModule]));
            }
        }
        words.extend(self.words(number, &platform));
        let says = |word: &str| words.iter().any(|said| said.as_str().contains(word));
        // The words of the vendor are made of these three.
        let name = match (
            says("Revoked"),
            says("OutOfDate"),
            says("Configuration"),
            says("SWH"),
        ) {
            (true, ..) => "Revoked",
            (_, true, true, _) => "OutOfDateConfigurationNeeded",
            (_, true, false, _) => "OutOfDate",
            (_, _, true, true) => "ConfigurationAndSWHardeningNeeded",
            (_, _, true, false) => "ConfigurationNeeded",
            (_, _, _, true) => "SWHardeningNeeded",
            _ => "UpToDate",
        };
        name.parse().expect("a status")
    }
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    // The eighth component begins at 255 and cannot be raised.
    let raisable: Vec<Part> = Part::all()
        .filter(|part| part.to_string() != "component-8")
        .collect();
    subsequence(raisable, 1..6)
}

fn step() -> impl Strategy<Value = Step> {
    let words = [
        TcbStatus::OutOfDate,
        TcbStatus::Revoked,
        TcbStatus::SWHardeningNeeded,
        TcbStatus::ConfigurationNeeded,
        TcbStatus::ConfigurationAndSWHardeningNeeded,
        TcbStatus::OutOfDateConfigurationNeeded,
    ];
    let recovery = (parts(), select(words.to_vec())).prop_map(|(raises, below)| {
        // Enclaves and modules are out of date or revoked, nothing else.
        let enclaves = [Part::Qe, Part::TdQe, Part::TdxModule];
        let below = match raises.iter().any(|part| enclaves.contains(part)) {
            true if below != TcbStatus::Revoked => TcbStatus::OutOfDate,
            _ => below,
        };
        Step::Recovery { raises, below }
    });
    prop_oneof![
        3 => recovery,
        2 => any::<Index>().prop_map(Step::Promotion),
        1 => any::<Index>().prop_map(Step::EndOfSigning),
        1 => Just(Step::SignerRotation),
        3 => (any::<Index>(), parts()).prop_map(|(to, parts)| Step::Update { to, parts }),
    ]
}

fn founded() -> Timestamp {
    "2026-01-05T12:34:56Z".parse().expect("a time")
}

fn name() -> PlatformName {
    "node-1".parse().expect("a name")
}

fn anchors(vendor: &Vendor) -> TrustAnchors {
    TrustAnchors::vendors()
        .with_simulated(&vendor.root_certificate())
        .expect("a simulated root")
}

fn new_vendor(seed: u64, ca: PckCa) -> Vendor {
    let charter = Charter {
        public_url: "http://127.0.0.1:8181".parse().expect("an address"),
        founded: founded(),
        mark_critically: false,
    };
    let mut vendor = Vendor::new(seed.into(), charter);
    let order = Order {
        name: name(),
        ca,
        fmspc: None,
        number: None,
    };
    vendor.make(order, founded()).expect("a platform");
    vendor
}

/// Lets one step happen to the vendor and to the story.
fn happen(vendor: &mut Vendor, story: &mut Story, step: &Step, at: Timestamp) {
    let pick =
        |index: &Index, below: u32| 1 + u32::try_from(index.index(below as usize)).expect("few");
    match step {
        Step::Recovery { raises, below } => {
            let recovery = Recovery {
                number: story.newest() + 1,
                date: bulla_vendor::cadence::midnight(at),
                raises: raises.iter().copied().collect(),
                below: *below,
                advisory_ids: [format!("SIMULATED-SA-{:05}", story.newest())].into(),
            };
            story.recoveries.push((recovery.raises.clone(), *below));
            vendor
                .record(at, Event::Recovery(recovery))
                .expect("a recovery");
        }
        Step::Promotion(index) => {
            let number = pick(index, story.newest());
            let fits = number > story.standard;
            let done = vendor.record(at, Event::Promotion { number });
            assert_eq!(done.is_ok(), fits, "{done:?}");
            story.standard = story.standard.max(number);
        }
        Step::EndOfSigning(index) => {
            let number = pick(index, story.newest());
            let fits = number < story.standard && !story.ended.contains(&number);
            let done = vendor.record(at, Event::EndOfSigning { number });
            assert_eq!(done.is_ok(), fits, "{done:?}");
            if fits {
                story.ended.insert(number);
            }
        }
        Step::SignerRotation => vendor
            .record(at, Event::SignerRotation)
            .expect("a rotation"),
        Step::Update { to, parts } => {
            let number = pick(to, story.newest());
            for part in parts {
                let installed = story.updates.entry(*part).or_insert(1);
                *installed = number.max(*installed);
            }
            vendor
                .update(&name(), Some(number), parts.iter().copied(), at)
                .expect("an update");
        }
    }
}

/// A quote of the platform as it is at `at`.
fn quote(vendor: &Vendor, kind: QuoteKind, at: Timestamp) -> Vec<u8> {
    let platform = vendor.platform(&name(), at).expect("the platform");
    let subject = Subject {
        kind,
        report_data: [7; 64],
        debug: false,
        launched: None,
    };
    let attested = vendor.attest(platform, &subject, Selection::Early, at);
    attested.expect("the newest set").quote
}

/// What the verifier says of a quote made at `at`, checked with a set as served then.
fn judge(
    vendor: &Vendor,
    quote: &[u8],
    kind: QuoteKind,
    selection: Selection,
    at: Timestamp,
) -> Result<(TcbStatus, u32), String> {
    let platform = vendor.platform(&name(), at).expect("the platform");
    let collateral = vendor
        .collateral(platform, kind, selection, at)
        .map_err(|absent| absent.to_string())?;
    let verdict = verify(quote, &collateral, &anchors(vendor), at);
    if verdict.verification() != Verification::Ok {
        return Err(format!("{:?}", verdict.findings));
    }
    let tcb = verdict.tcb.expect("a TCB level");
    assert!(verdict.collateral.expired.is_empty());
    Ok((tcb.status, tcb.tcb_info_evaluation_data_number))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_status_is_the_one_that_follows_from_the_story(
        seed in any::<u64>(),
        several in any::<bool>(),
        steps in prop::collection::vec((1..40 * DAY, step()), 0..14),
        kind in select(QuoteKind::ALL.to_vec()),
        rest in 0..60 * DAY,
        asked in prop::collection::vec(any::<Index>(), 1..4),
    ) {
        let ca = if several { PckCa::Platform } else { PckCa::Processor };
        let mut vendor = new_vendor(seed, ca);
        let mut story = Story { standard: 1, ..Story::default() };
        let mut chapters = Vec::new();
        let mut at = founded();
        for (later, step) in &steps {
            chapters.push((at, story.clone()));
            at = at.saturating_add(*later);
            happen(&mut vendor, &mut story, step, at);
        }
        chapters.push((at.saturating_add(rest), story));
        // The past is asked with the whole story told, and answers as it was.
        for index in asked {
            let (at, story) = index.get(&chapters);
            let (at, newest) = (*at, story.newest());
            let quote = quote(&vendor, kind, at);
            for (selection, number) in (1..=newest)
                .map(|number| (Selection::Number(number), number))
                .chain([(Selection::Standard, story.standard), (Selection::Early, newest)])
            {
                let answer = judge(&vendor, &quote, kind, selection, at);
                if story.ended.contains(&number) {
                    let message = answer.expect_err("an ended number");
                    prop_assert!(message.contains("not signed any more"), "{message}");
                } else {
                    prop_assert_eq!(answer, Ok((story.status(number, kind), number)));
                }
            }
            let absent = judge(&vendor, &quote, kind, Selection::Number(newest + 1), at);
            prop_assert!(absent.expect_err("a future number").contains("not disclosed"));
        }
    }
}
