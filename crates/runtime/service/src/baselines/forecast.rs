//! What a preview answers: how many pass, who does not and why, and what raises them.

use std::sync::Arc;

use bulla_appraisal::Demand;
use bulla_appraisal::baseline::preview::{Outcome, Platform};
use bulla_appraisal::baseline::{Baseline, FamilyName, Name, Number, Plan, Rollout, State};
use bulla_pki::Timestamp;
use bulla_store::StoreError;
use serde::Serialize;

use super::Baselines;
use super::census::{Census, Named, named_in};
use super::preview::{Foreseen, Library, Reach, foresee};
use crate::administration::{MOST, Outcome as Answer, Problem, Query, json};
use crate::keeper::unhurried;

/// Longest place of a platform in the fleet, in bytes: a QE-ID has up to 260, and there are names of
/// four digits behind it.
const LONGEST_PLACE: usize = 270;

#[derive(Serialize)]
struct Forecast<'a> {
    at: String,
    demand: Demanded<'a>,
    #[serde(flatten)]
    foreseen: Foreseen,
    /// Those that do not pass.
    platforms: Vec<Fallen>,
    /// Behind which to go on; absent where these were the last.
    next: Option<String>,
}

/// What the fleet was held against.
#[derive(Serialize)]
struct Demanded<'a> {
    /// Absent where it was not asked by a ring.
    ring: Option<&'a Name>,
    baseline: &'a Name,
    decision: Option<u32>,
    rollout: Option<&'a Name>,
    #[serde(flatten)]
    content: &'a Baseline,
}

/// A platform that does not pass.
#[derive(Serialize)]
struct Fallen {
    technology: &'static str,
    fmspc: FamilyName,
    /// Absent where there is no evidence.
    ppid_sha256: Option<String>,
    qe_id: String,
    pce_id: String,
    #[serde(flatten)]
    outcome: Outcome,
    #[serde(skip)]
    place: String,
}

/// What a rollout of a plan would do.
#[derive(Serialize)]
pub(super) struct PlannedRollout {
    rollout: Name,
    ring: Name,
    baseline: Name,
    from: String,
    #[serde(flatten)]
    foreseen: Foreseen,
}

/// What is asked for.
enum Question {
    Ring(Name),
    Baseline(Name),
    Number(Number),
}

impl Question {
    fn read(query: &Query) -> Result<Self, Problem> {
        let all = [
            query.typed("ring")?.map(Self::Ring),
            query.typed("baseline")?.map(Self::Baseline),
            query.typed("number")?.map(Self::Number),
        ];
        let mut asked = all.into_iter().flatten();
        match (asked.next(), asked.next()) {
            (None, _) => Ok(Self::Ring(Name::default_ring())),
            (Some(one), None) => Ok(one),
            _ => Err(Problem::bad_request(
                "ring, baseline and number are three questions; ask one of them",
            )),
        }
    }

    /// What would be demanded at an instant.
    fn demand(&self, state: &State, at: Timestamp) -> Result<Demand, Problem> {
        match self {
            Self::Ring(ring) => state
                .demand(ring, at)
                .ok_or_else(|| Problem::not_found("there is no ring of this name")),
            Self::Baseline(name) => {
                let known = state
                    .baselines
                    .get(name)
                    .map(|(_, known)| Arc::clone(known));
                let standard = (*name == Name::standard()).then(Arc::default);
                let baseline = known.or(standard);
                let baseline = baseline
                    .ok_or_else(|| Problem::not_found("there is no baseline of this name"))?;
                Ok(state.demand_of(name.clone(), baseline, at))
            }
            Self::Number(number) => Ok(demand_of_number(state, *number, at)),
        }
    }
}

/// What would be demanded of a ring that followed a number and otherwise the default.
pub(super) fn demand_of_number(state: &State, number: Number, at: Timestamp) -> Demand {
    // Numbers and their words are names.
    let name = number.to_string().parse();
    let name = name.unwrap_or_else(|_| Name::standard());
    state.demand_of(name, Arc::new(Baseline::of_number(number)), at)
}

impl Baselines {
    /// Holds the fleet's last evidence against what a ring follows, a baseline, or a number.
    pub(super) async fn forecast(&self, query: &Query) -> Answer {
        query.only(&["ring", "baseline", "number", "at", "after", "limit"])?;
        let question = Question::read(query)?;
        let mut page = Page::behind(query.find("after"), query.limit(MOST)?)?;
        let now = self.now();
        let at = query.at()?.unwrap_or(now);
        if at < now {
            return Err(Problem::bad_request(
                "at: previews are of now or later; what counted before says /baselines?at=",
            ));
        }
        let state = self.governance().state_at(at);
        let demand = question.demand(&state, at)?;
        let census = self.census(&state, |_, _| {})?;
        let mut library = Library::new(self.keeper(), Reach::Upstreams);
        let mut preview = library.preview(&demand, at, &census).await;
        let foreseen = foresee(&mut preview, &census);
        if foreseen.counts.fall_out + foreseen.counts.unknown > 0 || page.after.is_some() {
            self.census(&state, |platform, named| {
                page.look(platform, named, || preview.judge(platform));
            })?;
            page.check()?;
        }
        json(&Forecast {
            at: at.to_string(),
            demand: Demanded {
                ring: matches!(question, Question::Ring(_)).then_some(&demand.ring),
                baseline: &demand.name,
                decision: demand.decision,
                rollout: demand.rollout.as_ref(),
                content: &demand.baseline,
            },
            foreseen,
            next: page.next(),
            platforms: page.platforms,
        })
    }

    /// What each rollout that a plan puts would do at its first second.
    pub(super) async fn foresee_plan(
        &self,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<Vec<PlannedRollout>, Problem> {
        let begins = |rollout: &Rollout| rollout.begins().map(|begins| begins.max(now));
        let put = plan.changes.rollouts.keys();
        let mut planned = Vec::new();
        for name in put {
            let Some(rollout) = plan.after.rollouts.get(name) else {
                continue;
            };
            let Some((from, demand)) = begins(rollout).and_then(|from| {
                let demand = plan.after.demand(&rollout.ring, from)?;
                Some((from, demand))
            }) else {
                continue;
            };
            planned.push((name, from, demand));
        }
        if planned.is_empty() {
            return Ok(Vec::new());
        }
        let census = self.census(&plan.after, |_, _| {})?;
        let mut library = Library::new(self.keeper(), Reach::Upstreams);
        let mut previews = Vec::new();
        for (name, from, demand) in planned {
            let mut preview = library.preview(&demand, from, &census).await;
            previews.push(PlannedRollout {
                rollout: name.clone(),
                ring: demand.ring.clone(),
                baseline: demand.name.clone(),
                from: from.to_string(),
                foreseen: foresee(&mut preview, &census),
            });
        }
        Ok(previews)
    }

    /// Counts the fleet; platforms that exceptions of these objects name are told apart.
    pub(super) fn census(
        &self,
        state: &State,
        look: impl FnMut(&Platform, &Named<'_>),
    ) -> Result<Census, StoreError> {
        let anchor = self.collection().realm().id();
        let named = named_in(state);
        unhurried(|| Census::take(self.collection().store(), anchor, &named, look))
    }
}

/// Some of the platforms that do not pass, in the order of the fleet.
struct Page {
    /// Behind which platform it begins, by its place; absent once that was seen.
    after: Option<String>,
    limit: usize,
    platforms: Vec<Fallen>,
    /// Whether there are more behind it.
    more: bool,
}

impl Page {
    fn behind(after: Option<&str>, limit: usize) -> Result<Self, Problem> {
        let is_place = |text: &str| text.len() <= LONGEST_PLACE && text.contains('/');
        if !after.is_none_or(is_place) {
            let detail = "after: what the page before has as `next`";
            return Err(Problem::bad_request(detail));
        }
        Ok(Self {
            after: after.map(str::to_owned),
            limit,
            platforms: Vec::new(),
            more: false,
        })
    }

    fn look(
        &mut self,
        platform: &Platform,
        named: &Named<'_>,
        outcome: impl FnOnce() -> Arc<Outcome>,
    ) {
        if let Some(after) = &self.after {
            if *after == place(platform.technology.as_str(), named) {
                self.after = None;
            }
            return;
        }
        if self.more {
            return;
        }
        let outcome = outcome();
        match (&*outcome, self.platforms.len() < self.limit) {
            (Outcome::Passes(_), _) => {}
            (_, false) => self.more = true,
            (_, true) => self.platforms.push(fallen(platform, named, &outcome)),
        }
    }

    /// Whether the platform behind which it begins was there.
    fn check(&self) -> Result<(), Problem> {
        match &self.after {
            None => Ok(()),
            Some(_) => Err(Problem::not_found(
                "after: the platform is not in the fleet, or no more; begin anew",
            )),
        }
    }

    fn next(&self) -> Option<String> {
        let last = self.platforms.last()?;
        self.more.then(|| last.place.clone())
    }
}

/// A platform's place in the fleet: by the digest of its PPID, or the name under which it is registered.
fn place(technology: &str, named: &Named<'_>) -> String {
    match named.ppid_sha256 {
        Some(digest) => format!("{technology}/{}", hex::encode(digest)),
        None => format!("{}/{}", named.qe_id, named.pce_id),
    }
}

fn fallen(platform: &Platform, named: &Named<'_>, outcome: &Outcome) -> Fallen {
    Fallen {
        technology: platform.technology.as_str(),
        fmspc: platform.family,
        ppid_sha256: named.ppid_sha256.map(hex::encode),
        qe_id: named.qe_id.to_owned(),
        pce_id: named.pce_id.to_string(),
        outcome: outcome.clone(),
        place: place(platform.technology.as_str(), named),
    }
}
