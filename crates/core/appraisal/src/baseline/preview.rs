//! Who would fall out: a fleet held against a baseline before anybody enforces it.
//!
//! A [`Preview`] takes platforms one by one, by what their last evidence reports, and the documents
//! of the number in question. Platforms that report the same are judged once, and what it remembers
//! grows with the number of different ones. It judges by the same rules as the verifier and the
//! appraisal, so that it says beforehand what they will say.

mod shortfall;

use std::collections::HashMap;
use std::sync::Arc;

use bulla_collateral::{EnclaveIdentity, TcbInfo, TcbInfoId, TcbStatus};
use bulla_pki::Timestamp;
use bulla_pki::digest::sha256;
use bulla_verifier::{NoLevel, ReportedTcb};
use serde::{Deserialize, Serialize};

use super::Technology;
use super::demand::{Demand, as_policy_has_it};
use super::name::FamilyName;
use super::requirement::Requirement;
use crate::appraise::baseline::check_floor;
use crate::appraise::tcb::{Terms, check_levels};
use crate::decision::Severity;
use crate::policy::AdvisoryException;
use crate::policy::value::HexBytes;

pub use shortfall::{Part, Remedy, Shortfall};

/// What is known of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "what a preview depends on")]
pub struct Platform {
    /// The technology that it is looked at for.
    pub technology: Technology,
    /// Its family.
    pub family: FamilyName,
    /// Its PPID; absent where it is not known, and then it is in no group by name.
    pub ppid: Option<[u8; 16]>,
    /// What its last evidence reports; absent where there is none.
    pub reported: Option<ReportedTcb>,
}

/// The documents that a family is held against.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the two documents with levels")]
pub struct Target {
    /// TCB info of the family and technology.
    pub tcb_info: Arc<TcbInfo>,
    /// The identity of the quoting enclave for the technology.
    pub identity: Arc<EnclaveIdentity>,
}

/// What becomes of a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth answer")]
pub enum Outcome {
    /// It passes.
    Passes(Passes),
    /// It does not.
    FallsOut(FallsOut),
    /// Nobody can say.
    Unknown {
        /// Why.
        reason: Unknown,
    },
}

/// How a platform passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Passes {
    /// The status that it reaches.
    #[serde(serialize_with = "word")]
    pub status: TcbStatus,
    /// The last second of the exception that ends first, of those without which it would fall out;
    /// absent where it needs none.
    #[serde(
        serialize_with = "super::objects::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<Timestamp>,
}

/// Why a platform falls out, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FallsOut {
    /// The status that it reaches; absent where it reaches no level at all.
    #[serde(
        serialize_with = "optional_word",
        skip_serializing_if = "Option::is_none"
    )]
    pub status: Option<TcbStatus>,
    /// Every reason, as an appraisal gives it.
    pub reasons: Vec<String>,
    /// What is short of the nearest level that passes, by how much, and what raises it. Empty where
    /// no update leads to one: none passes, a level above hides it, or the platform has all that it
    /// asks for and is refused for something else.
    pub short: Vec<Shortfall>,
    /// The advisories that are open on it and would be closed by that.
    pub closes: Vec<String>,
}

/// Why nothing can be said of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "the two things that are needed")]
pub enum Unknown {
    /// There is no evidence of it for the technology.
    NoEvidence,
    /// The documents of the number are not there for its family.
    NoDocuments,
}

impl Unknown {
    /// Why, in two words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoEvidence => "no evidence",
            Self::NoDocuments => "no documents",
        }
    }
}

/// How many there are of each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "one for each outcome")]
pub struct Counts {
    /// Those that pass.
    pub pass: u64,
    /// Those that fall out.
    pub fall_out: u64,
    /// Those of which nobody can say.
    pub unknown: u64,
}

impl Counts {
    /// Whether at least this share of all passes, in hundredths of a percent, 10 000 being all.
    /// What is unknown does not pass. Of no platforms, every share passes.
    pub fn pass_share_is_at_least(&self, share: u32) -> bool {
        let all = u128::from(self.pass) + u128::from(self.fall_out) + u128::from(self.unknown);
        u128::from(self.pass) * 10_000 >= all * u128::from(share)
    }

    /// The share of all that passes, in hundredths of a percent, rounded down. Of no platforms, all.
    pub fn pass_share(&self) -> u32 {
        let all = u128::from(self.pass) + u128::from(self.fall_out) + u128::from(self.unknown);
        let share = (u128::from(self.pass) * 10_000).checked_div(all);
        share.map_or(10_000, |share| u32::try_from(share).unwrap_or(0))
    }

    /// Counts so many more.
    pub fn count(&mut self, outcome: &Outcome, number: u64) {
        let counter = match outcome {
            Outcome::Passes(_) => &mut self.pass,
            Outcome::FallsOut(_) => &mut self.fall_out,
            Outcome::Unknown { .. } => &mut self.unknown,
        };
        *counter = counter.saturating_add(number);
    }
}

/// Judges platforms by a demand and the documents of the numbers that it chooses.
#[derive(Debug)]
pub struct Preview<'a> {
    demand: &'a Demand,
    at: Timestamp,
    targets: HashMap<(Technology, FamilyName), Target>,
    judged: HashMap<Key, Arc<Outcome>>,
    names_platforms: bool,
    no_evidence: Arc<Outcome>,
    no_documents: Arc<Outcome>,
    counts: Counts,
}

/// All that an outcome depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    technology: Technology,
    family: FamilyName,
    reported: ReportedTcb,
    /// The exceptions for the platform, by their place; empty, and no allocation, for nearly all.
    exceptions: Box<[usize]>,
}

impl<'a> Preview<'a> {
    /// Nothing looked at yet. `at` is the instant in question: exceptions that have ended by then do
    /// not help.
    pub fn new(demand: &'a Demand, at: Timestamp) -> Self {
        let mut exceptions = demand.exceptions.values();
        Self {
            demand,
            at,
            targets: HashMap::new(),
            judged: HashMap::new(),
            names_platforms: exceptions.any(|exception| !exception.group.platforms.is_empty()),
            no_evidence: unknown(Unknown::NoEvidence),
            no_documents: unknown(Unknown::NoDocuments),
            counts: Counts::default(),
        }
    }

    /// Gives the documents for a family; those that are for another, or for the other technology, are
    /// not taken.
    pub fn target(&mut self, technology: Technology, family: FamilyName, target: Target) {
        let id = match technology {
            Technology::Sgx => TcbInfoId::Sgx,
            Technology::Tdx => TcbInfoId::Tdx,
        };
        if target.tcb_info.id == id && target.tcb_info.fmspc == family.0 {
            self.targets.insert((technology, family), target);
        }
    }

    /// What becomes of a platform.
    pub fn judge(&mut self, platform: &Platform) -> Arc<Outcome> {
        let outcome = self.outcome(platform);
        self.counts.count(&outcome, 1);
        outcome
    }

    /// How many there were of each outcome.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many different ones were judged.
    pub fn different(&self) -> usize {
        self.judged.len()
    }

    fn outcome(&mut self, platform: &Platform) -> Arc<Outcome> {
        let Some(reported) = platform.reported else {
            return Arc::clone(&self.no_evidence);
        };
        let key = Key {
            technology: platform.technology,
            family: platform.family,
            reported,
            exceptions: self.exceptions_by_name(platform),
        };
        if let Some(known) = self.judged.get(&key) {
            return Arc::clone(known);
        }
        let Some(target) = self.targets.get(&(platform.technology, platform.family)) else {
            return Arc::clone(&self.no_documents);
        };
        let exceptions = self.exceptions_for(platform);
        let requirement = self
            .demand
            .requirement(platform.technology, &platform.family);
        let question = Question {
            reported: &reported,
            target,
            requirement,
            exceptions: &exceptions,
            at: self.at,
            who: format!("the baseline {}", self.demand.name),
        };
        let outcome = Arc::new(question.outcome());
        self.judged.insert(key, Arc::clone(&outcome));
        outcome
    }

    /// The places of the exceptions that a platform has by its own name: those by family follow from
    /// the family.
    fn exceptions_by_name(&self, platform: &Platform) -> Box<[usize]> {
        let (true, Some(ppid)) = (self.names_platforms, &platform.ppid) else {
            return Box::default();
        };
        let name = HexBytes(sha256(ppid));
        let all = self.demand.exceptions.values().enumerate();
        all.filter(|(_, exception)| exception.group.platforms.contains(&name))
            .map(|(place, _)| place)
            .collect()
    }

    fn exceptions_for(&self, platform: &Platform) -> Vec<AdvisoryException> {
        match &platform.ppid {
            Some(ppid) => self.demand.exceptions_for(&platform.family, ppid),
            None => {
                let exceptions = self.demand.exceptions.values();
                exceptions
                    .filter(|exception| exception.group.contains_all_of(&platform.family))
                    .map(as_policy_has_it)
                    .collect()
            }
        }
    }
}

struct Question<'a> {
    reported: &'a ReportedTcb,
    target: &'a Target,
    requirement: &'a Requirement,
    exceptions: &'a [AdvisoryException],
    at: Timestamp,
    who: String,
}

impl Question<'_> {
    fn outcome(&self) -> Outcome {
        let Target { tcb_info, identity } = self.target;
        let mut findings = Vec::new();
        let reached = self.reported.level(tcb_info, identity);
        let mut reasons = Vec::new();
        match &reached {
            Ok(levels) => {
                let terms = Terms {
                    whose: self.who.clone().into(),
                    exceptions_in: "the exceptions",
                    accepted: &self.requirement.accepted_tcb_statuses,
                    allowed: self.exceptions.iter().collect(),
                };
                check_levels(levels, self.at, &[terms], &mut findings);
            }
            Err(part) => reasons.push(format!(
                "The {} is below every level that the vendor lists.",
                part_name(*part)
            )),
        }
        if let Some(floor) = &self.requirement.floor {
            check_floor(self.reported, floor, &self.who, &mut findings);
        }
        let refusals = findings.iter().filter(|f| f.severity == Severity::Refusal);
        reasons.extend(refusals.map(|finding| finding.message.clone()));
        match reached {
            Ok(levels) if reasons.is_empty() => Outcome::Passes(Passes {
                status: levels.status,
                until: findings.iter().filter_map(|finding| finding.until).min(),
            }),
            reached => {
                let accepted = &self.requirement.accepted_tcb_statuses;
                let floor = self.requirement.floor.as_ref();
                let way = shortfall::nearest(self.reported, self.target, accepted, floor);
                let levels = reached.ok();
                let way = way.as_ref();
                Outcome::FallsOut(FallsOut {
                    status: levels.as_ref().map(|levels| levels.status),
                    reasons,
                    short: way.map_or(Vec::new(), |way| way.short.clone()),
                    closes: way.map_or(Vec::new(), |way| way.closes(levels.as_ref())),
                })
            }
        }
    }
}

fn part_name(part: NoLevel) -> &'static str {
    match part {
        NoLevel::Platform => "platform",
        NoLevel::TdxModule => "TDX module",
        NoLevel::Qe => "quoting enclave",
    }
}

fn unknown(reason: Unknown) -> Arc<Outcome> {
    Arc::new(Outcome::Unknown { reason })
}

fn word<S: serde::Serializer>(status: &TcbStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}

fn optional_word<S: serde::Serializer>(
    status: &Option<TcbStatus>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match status {
        Some(status) => word(status, serializer),
        None => serializer.serialize_none(),
    }
}
