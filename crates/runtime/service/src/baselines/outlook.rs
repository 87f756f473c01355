//! The outlook: what becomes of the fleet under what rings follow and will follow, under the vendor's
//! newest number, and under every other that it lists. Computed anew every now and then, so that a
//! number is previewed when it arrives and whoever asks for metrics waits for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulla_appraisal::Demand;
use bulla_appraisal::baseline::preview::{Counts, FallsOut, Outcome, Preview};
use bulla_appraisal::baseline::{FamilyName, Name, Number, State, Technology};
use bulla_collateral::{EnclaveId, Selector, Series};
use bulla_pki::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Baselines;
use super::census::Census;
use super::forecast::demand_of_number;
use super::preview::{Library, Reach, Reason, documents_of, foresee, wants};
use crate::gauges::family;
use crate::held::Snapshot;
use crate::http::prometheus_client;
use crate::want::{Choice, Want};

/// How often it is looked at least.
const LOOK: Duration = Duration::from_secs(15);

/// For how many times as long as a look takes there is none: to read a fleet of 100,000 takes over a second.
const REST: u32 = 100;

/// How many reasons why platforms fall out are remembered of each ring: what a page shows.
const MOST_REASONS: usize = 25;

/// Of a fleet with more different platforms no reasons are gathered every now and then: where all
/// differ, each has one of its own, of some 500 bytes.
const MOST_DIFFERENT: usize = 10_000;

const TECHNOLOGIES: [Technology; 2] = [Technology::Sgx, Technology::Tdx];

/// What was found at the last look.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    /// When that was; absent before the first.
    pub(crate) at: Option<Timestamp>,
    pub(crate) rows: Vec<(Subject, Technology, Counts)>,
    /// Under what each ring follows, and what it will follow next.
    pub(crate) prospects: Vec<Prospect>,
}

/// Of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// `now`, `next` or `number`.
    pub(crate) kind: &'static str,
    /// The ring, or the number.
    pub(crate) name: String,
}

/// What becomes of the fleet under what one ring follows.
#[derive(Debug)]
pub(crate) struct Prospect {
    pub(crate) subject: Subject,
    pub(crate) baseline: Name,
    pub(crate) counts: Counts,
    /// By technology and the vendor's word for the level that is reached, or why that is not known.
    pub(crate) standings: BTreeMap<(Technology, &'static str), Counts>,
    /// Why platforms do not pass, those of the most platforms first; absent where too many differ.
    pub(crate) reasons: Option<Vec<Reason>>,
}

impl Baselines {
    /// Looks every now and then, for ever.
    pub async fn run(&self) {
        loop {
            let begin = Instant::now();
            self.look().await;
            let rest = begin.elapsed().saturating_mul(REST);
            tokio::time::sleep(LOOK.max(rest)).await;
        }
    }

    /// Computes the outlook, and has the documents kept that it needs and that rings follow.
    pub async fn look(&self) {
        let (governance, now) = (self.governance(), self.now());
        let state = governance.latest();
        let census = match self.census(state, |_, _| {}) {
            Ok(census) => census,
            Err(error) => {
                tracing::error!(%error, "the fleet cannot be read");
                return;
            }
        };
        let followed = followed(state, now);
        let listed = self.collection().look(listed);
        self.refresh.keep(documents(
            &followed,
            &listed,
            &census,
            &self.refresh.families(),
        ));
        let mut library = Library::new(self.keeper(), Reach::AtHand);
        let mut rows = Vec::new();
        let mut prospects = Vec::new();
        for (subject, demand) in followed {
            let mut preview = library.preview(&demand, now, &census).await;
            for (technology, counts) in counts(&mut preview, &census) {
                rows.push((subject.clone(), technology, counts));
            }
            prospects.push(prospect(subject, &demand, &mut preview, &census));
        }
        let numbers: BTreeSet<Number> = listed.iter().map(|(_, number)| *number).collect();
        for number in numbers {
            let demand = demand_of_number(state, number, now);
            let mut preview = library.preview(&demand, now, &census).await;
            let name = number.to_string();
            for (technology, counts) in counts(&mut preview, &census) {
                if listed.contains(&(technology, number)) {
                    let kind = "number";
                    let name = name.clone();
                    rows.push((Subject { kind, name }, technology, counts));
                }
            }
        }
        self.outlook.store(Arc::new(Outlook {
            at: Some(now),
            rows,
            prospects,
        }));
    }

    /// What was found at the last look.
    pub(crate) fn outlook(&self) -> Arc<Outlook> {
        self.outlook.load_full()
    }
}

/// What each ring follows, and what it will follow next.
fn followed(state: &State, now: Timestamp) -> Vec<(Subject, Demand)> {
    let mut followed = Vec::new();
    for ring in state.ring_names() {
        let next = state.coming(&ring, now).first().map(|(begins, ..)| *begins);
        let instants = [("now", Some(now)), ("next", next)];
        for (kind, at) in instants {
            if let Some(demand) = at.and_then(|at| state.demand(&ring, at)) {
                let name = ring.to_string();
                followed.push((Subject { kind, name }, demand));
            }
        }
    }
    followed
}

/// The vendor's newest number, and every other on its lists.
fn listed(snapshot: &Snapshot) -> BTreeSet<(Technology, Number)> {
    let mut listed = BTreeSet::new();
    for technology in TECHNOLOGIES {
        let (id, _) = documents_of(technology);
        let numbers = snapshot.numbers(id).into_iter().flatten();
        listed.extend(numbers.map(|number| (technology, Number::Pinned(number))));
        listed.insert((technology, Number::Early));
    }
    listed
}

/// What must be kept: what rings follow, for every family that is known, and what the vendor has
/// disclosed, for the families of which there is evidence.
fn documents(
    followed: &[(Subject, Demand)],
    listed: &BTreeSet<(Technology, Number)>,
    census: &Census,
    families: &BTreeSet<[u8; 6]>,
) -> BTreeSet<Want> {
    let mut kept = BTreeSet::new();
    let seen = census.families();
    let mut known = seen.clone();
    for family in families {
        let family = FamilyName(*family);
        known.extend(TECHNOLOGIES.map(|technology| (technology, family)));
    }
    for (technology, family) in known {
        for (_, demand) in followed {
            let number = demand.requirement(technology, &family).number;
            // What is standard is kept anyway.
            if number != Number::Standard {
                kept.extend(wants(technology, family, number.into()));
            }
        }
    }
    for (_, demand) in followed {
        let number = demand.baseline.sgx.number;
        if number != Number::Standard {
            let series = Series::EnclaveIdentity(EnclaveId::Qve);
            kept.insert(Want::Series(series, number.into()));
        }
    }
    for (technology, family) in seen {
        let of_technology = listed.iter().filter(|(other, _)| *other == technology);
        for (_, number) in of_technology {
            kept.extend(wants(technology, family, (*number).into()));
        }
    }
    kept
}

fn counts(preview: &mut Preview<'_>, census: &Census) -> BTreeMap<Technology, Counts> {
    let mut counts: BTreeMap<Technology, Counts> =
        TECHNOLOGIES.map(|one| (one, Counts::default())).into();
    for (platform, number) in &census.0 {
        let counts = counts.entry(platform.technology).or_default();
        counts.count(&preview.judge(platform), *number);
    }
    counts
}

fn prospect(
    subject: Subject,
    demand: &Demand,
    preview: &mut Preview<'_>,
    census: &Census,
) -> Prospect {
    let mut all = Counts::default();
    let mut standings: BTreeMap<_, Counts> = BTreeMap::new();
    for (platform, number) in &census.0 {
        let outcome = preview.judge(platform);
        let word = match &*outcome {
            Outcome::Passes(passes) => passes.status.as_str(),
            Outcome::FallsOut(FallsOut { status, .. }) => {
                status.map_or("no level", |status| status.as_str())
            }
            Outcome::Unknown { reason } => reason.as_str(),
        };
        let standing = standings.entry((platform.technology, word)).or_default();
        standing.count(&outcome, *number);
        all.count(&outcome, *number);
    }
    let gather = census.0.len() <= MOST_DIFFERENT;
    let reasons = gather.then(|| {
        let mut reasons = foresee(preview, census).by_reason;
        reasons.truncate(MOST_REASONS);
        reasons
    });
    Prospect {
        subject,
        baseline: demand.name.clone(),
        counts: all,
        standings,
        reasons,
    }
}

/// The counts of baselines, for Prometheus.
pub(crate) struct BaselineGauges(pub(crate) Arc<Baselines>);

impl BaselineGauges {
    fn previews(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let outlook = self.0.outlook.load();
        let mut rows = Vec::new();
        for (subject, technology, counts) in &outlook.rows {
            let outcomes = [
                ("pass", counts.pass),
                ("fall_out", counts.fall_out),
                ("unknown", counts.unknown),
            ];
            for (outcome, count) in outcomes {
                let labels = vec![
                    ("under", subject.kind.to_owned()),
                    ("name", subject.name.clone()),
                    ("technology", technology.as_str().to_owned()),
                    ("outcome", outcome.to_owned()),
                ];
                rows.push((labels, i64::try_from(count).unwrap_or(i64::MAX)));
            }
        }
        let help = "Platforms by what becomes of them under what a ring follows now or next, or a \
                    number of the vendor";
        family(encoder, "baseline_platforms", help, &rows)
    }

    fn numbers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (governance, now) = (self.0.governance(), self.0.now());
        let snapshot = self.0.collection().snapshot();
        let mut rows = Vec::new();
        for (subject, demand) in followed(governance.latest(), now) {
            for technology in TECHNOLOGIES {
                let number = match technology {
                    Technology::Sgx => demand.baseline.sgx.number,
                    Technology::Tdx => demand.baseline.tdx.number,
                };
                if let Some(number) = in_numbers(&snapshot, technology, number.into()) {
                    let labels = vec![
                        ("under", subject.kind.to_owned()),
                        ("name", subject.name.clone()),
                        ("technology", technology.as_str().to_owned()),
                    ];
                    rows.push((labels, i64::from(number)));
                }
            }
        }
        let help = "The evaluation data number that a ring demands now or next";
        family(encoder, "baseline_number", help, &rows)
    }

    fn pins(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let seconds = |at: Timestamp| i64::try_from(at.unix_seconds()).unwrap_or(i64::MAX);
        let now = seconds(self.0.now());
        let rows: Vec<_> = self
            .0
            .ending_pins()
            .into_iter()
            .map(|pin| {
                let labels = vec![
                    ("ring", pin.ring.to_string()),
                    ("baseline", pin.baseline.to_string()),
                    ("technology", pin.technology.as_str().to_owned()),
                    (
                        "family",
                        pin.family.map_or_else(String::new, |it| it.to_string()),
                    ),
                    ("number", pin.number.to_string()),
                ];
                let left = pin.last_next_update.map_or(0, |at| seconds(at) - now);
                (labels, left)
            })
            .collect();
        let help = "Seconds until nothing is left of a number that a ring stays at and the vendor \
                    signs no more; negative once it has ended";
        family(encoder, "baseline_pin_seconds_left", help, &rows)
    }
}

/// A choice as a number; absent where it is not known yet.
fn in_numbers(snapshot: &Snapshot, technology: Technology, choice: Choice) -> Option<u32> {
    let (_, enclave) = documents_of(technology);
    let selected = |selector: Selector| {
        let series = Series::EnclaveIdentity(enclave);
        Some(snapshot.selected(series, selector)?.number)
    };
    match choice {
        Choice::Number(number) => Some(number),
        Choice::Selected(selector) => selected(selector),
    }
}

impl fmt::Debug for BaselineGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaselineGauges").finish_non_exhaustive()
    }
}

impl Collector for BaselineGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.previews(&mut encoder)?;
        self.numbers(&mut encoder)?;
        self.pins(&mut encoder)
    }
}
