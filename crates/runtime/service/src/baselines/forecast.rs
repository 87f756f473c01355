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

#[derive(Serialize)]
struct Forecast<'a> {
    at: String,
    demand: Demanded<'a>,
    #[serde(flatten)]
    foreseen: Foreseen,
    /// Those that do not pass.
    platforms: Vec<Fallen>,
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
        query.only(&["ring", "baseline", "number", "at", "limit"])?;
        let question = Question::read(query)?;
        let limit = query.limit(MOST)?;
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
        let mut platforms = Vec::new();
        if foreseen.counts.fall_out + foreseen.counts.unknown > 0 {
            self.census(&state, |platform, named| {
                let outcome = preview.judge(platform);
                if platforms.len() < limit && !matches!(*outcome, Outcome::Passes(_)) {
                    platforms.push(fallen(platform, named, &outcome));
                }
            })?;
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
            platforms,
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

fn fallen(platform: &Platform, named: &Named<'_>, outcome: &Outcome) -> Fallen {
    Fallen {
        technology: platform.technology.as_str(),
        fmspc: platform.family,
        ppid_sha256: named.ppid_sha256.map(hex::encode),
        qe_id: named.qe_id.to_owned(),
        pce_id: named.pce_id.to_string(),
        outcome: outcome.clone(),
    }
}
