//! What is answered on the routes of baselines.

use std::collections::BTreeMap;

use bulla_appraisal::PolicyError;
use bulla_appraisal::baseline::{Baseline, Changes, Exception, Name, Phase, Ring, Rollout, State};
use bulla_pki::Timestamp;
use bulla_protocol::wire::Status;
use serde::Serialize;

use super::forecast::PlannedRollout;
use super::pins::EndingPin;
use super::{Baselines, Decided, NotDecided};
use crate::administration::{MOST, Outcome, Problem, Query, json, read_text};
use crate::http::Asked;
use crate::keeper::unhurried;

/// Longest plan, in bytes: one that excepts three thousand platforms by name has 200 KB.
pub const LONGEST_PLAN: usize = 256 * 1024;

/// Longest reason, in bytes: some lines of a list.
const LONGEST_REASON: usize = 1_000;

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Shows everything in force.
    List,
    /// Lists what was decided.
    History,
    /// Says what a file would change.
    Plan,
    /// Carries out a plan that was reviewed.
    Apply,
    /// Holds a rollout that has not begun.
    Pause,
    /// Lets a rollout that is held count again.
    Resume,
    /// Has a ring follow again what it followed before.
    RollBack,
    /// Grants an exception.
    Grant,
    /// Ends an exception.
    End,
    /// Holds the fleet against what is or would be demanded.
    Preview,
}

/// Everything as it is at an instant.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    pub(crate) at: String,
    /// How many decisions it follows from.
    pub(crate) decisions: usize,
    pub(crate) baselines: BTreeMap<&'a Name, ShownBaseline<'a>>,
    pub(crate) rings: BTreeMap<Name, ShownRing>,
    pub(crate) rollouts: BTreeMap<&'a Name, ShownRollout<'a>>,
    pub(crate) exceptions: BTreeMap<&'a Name, ShownException<'a>>,
    /// As of now, whatever instant was asked for.
    pub(crate) ending_pins: Vec<EndingPin>,
}

/// A baseline with what it demands.
#[derive(Serialize)]
pub(crate) struct ShownBaseline<'a> {
    /// Which decision gave it its content; absent for the one that is always there.
    pub(crate) decision: Option<u32>,
    #[serde(flatten)]
    pub(crate) baseline: &'a Baseline,
}

/// A ring, what it follows and will follow.
#[derive(Serialize)]
pub(crate) struct ShownRing {
    #[serde(flatten)]
    pub(crate) ring: Ring,
    pub(crate) demand: ShownDemand,
    /// What it will follow, the next first.
    pub(crate) next: Vec<Coming>,
}

/// What a ring follows.
#[derive(Serialize)]
pub(crate) struct ShownDemand {
    pub(crate) baseline: Name,
    pub(crate) decision: Option<u32>,
    /// Absent where no rollout has begun.
    pub(crate) rollout: Option<Name>,
}

/// A rollout that will count.
#[derive(Serialize)]
pub(crate) struct Coming {
    pub(crate) rollout: Name,
    pub(crate) baseline: Name,
    pub(crate) from: String,
}

/// A rollout and where it stands.
#[derive(Serialize)]
pub(crate) struct ShownRollout<'a> {
    #[serde(flatten)]
    pub(crate) rollout: &'a Rollout,
    pub(crate) state: Option<Phase>,
}

/// An exception and whether it counts.
#[derive(Serialize)]
pub(crate) struct ShownException<'a> {
    #[serde(flatten)]
    pub(crate) exception: &'a Exception,
    pub(crate) in_force: bool,
}

#[derive(Serialize)]
struct Planned {
    digest: String,
    /// How many decisions it was held against.
    state: usize,
    at: String,
    difference: Vec<String>,
    changes: Changes,
    previews: Vec<PlannedRollout>,
}

#[derive(Serialize)]
struct Past<'a> {
    decision: u32,
    at: String,
    author: &'a str,
    difference: Vec<String>,
    changes: &'a Changes,
}

#[derive(Serialize)]
struct Done {
    decision: u32,
    at: String,
    difference: Vec<String>,
}

impl Baselines {
    /// Answers one request of somebody who may make it; `actor` is the name of the token.
    pub(crate) async fn respond(
        &self,
        action: Action,
        query: &Query,
        asked: Asked,
        actor: &str,
    ) -> Outcome {
        match action {
            Action::List => self.list(query),
            Action::History => self.history(query),
            Action::Plan => {
                query.only(&[])?;
                self.answer_plan(changes(asked).await?).await
            }
            Action::Apply => {
                query.only(&["digest"])?;
                let digest = digest(query)?;
                let wanted = changes(asked).await?;
                // Another node may have made the plan.
                self.look_up_numbers(&wanted).await;
                decided(|| self.apply(wanted, &digest, actor))
            }
            Action::Pause => {
                query.only(&["rollout", "reason"])?;
                let (rollout, reason) = (query.required("rollout")?, reason(query)?);
                decided(|| self.pause(&rollout, &reason, actor))
            }
            Action::Resume => {
                query.only(&["rollout"])?;
                let rollout = query.required("rollout")?;
                decided(|| self.resume(&rollout, actor))
            }
            Action::RollBack => {
                query.only(&["ring", "reason"])?;
                let (ring, reason) = (query.required("ring")?, reason(query)?);
                decided(|| self.roll_back(&ring, &reason, actor))
            }
            Action::Grant => {
                query.only(&["name"])?;
                let name = query.required("name")?;
                let text = read_text(asked, LONGEST_PLAN, "the exception").await?;
                let exception = Exception::from_toml(&text)
                    .map_err(|error| unreadable("the exception", &error))?;
                decided(|| self.grant(&name, exception, actor))
            }
            Action::End => {
                query.only(&["name"])?;
                let name = query.required("name")?;
                decided(|| self.end(&name, actor))
            }
            Action::Preview => self.forecast(query).await,
        }
    }

    fn list(&self, query: &Query) -> Outcome {
        query.only(&["at"])?;
        let at = query.at()?.unwrap_or_else(|| self.now());
        self.shown(at, |shown| json(shown))
    }

    /// Has a look at everything as it is at an instant.
    pub(crate) fn shown<T>(&self, at: Timestamp, look: impl FnOnce(&Shown<'_>) -> T) -> T {
        let governance = self.governance();
        let state = governance.state_at(at);
        let standard = (Name::standard(), Baseline::default());
        look(&Shown {
            at: at.to_string(),
            decisions: governance.decisions_until(at),
            baselines: state
                .baselines
                .iter()
                .map(|(name, (decision, baseline))| (name, Some(*decision), &**baseline))
                .chain([(&standard.0, None, &standard.1)])
                .map(|(name, decision, baseline)| (name, ShownBaseline { decision, baseline }))
                .collect(),
            rings: rings(&state, at),
            rollouts: state
                .rollouts
                .iter()
                .map(|(name, rollout)| {
                    let state = state.phase(name, at);
                    (name, ShownRollout { rollout, state })
                })
                .collect(),
            exceptions: state
                .exceptions
                .iter()
                .map(|(name, exception)| {
                    let in_force = exception.in_force(at);
                    let shown = ShownException {
                        exception,
                        in_force,
                    };
                    (name, shown)
                })
                .collect(),
            ending_pins: self.ending_pins(),
        })
    }

    fn history(&self, query: &Query) -> Outcome {
        query.only(&["limit"])?;
        let limit = query.limit(MOST)?;
        let governance = self.governance();
        let latest = governance.history().into_iter().rev().take(limit);
        let rows: Vec<Past<'_>> = latest
            .map(|(decision, applied, difference)| Past {
                decision,
                at: applied.at.to_string(),
                author: &applied.author,
                difference,
                changes: &applied.changes,
            })
            .collect();
        json(&rows)
    }

    async fn answer_plan(&self, wanted: Changes) -> Outcome {
        self.check_claims(&wanted).map_err(NotDecided::from)?;
        self.look_up_numbers(&wanted).await;
        let governance = self.governance();
        let now = self.collection().now().at;
        let plan = governance.plan(wanted, &self.known_numbers(), now);
        let plan = plan.map_err(NotDecided::from)?;
        let previews = self.foresee_plan(&plan, now).await?;
        json(&Planned {
            digest: plan.digest,
            state: governance.decisions().len(),
            at: now.to_string(),
            difference: plan.difference,
            changes: plan.changes,
            previews,
        })
    }
}

fn rings(state: &State, at: Timestamp) -> BTreeMap<Name, ShownRing> {
    let names = state.ring_names().into_iter();
    let shown = names.filter_map(|name| {
        let demand = state.demand(&name, at)?;
        let next = state.coming(&name, at).into_iter();
        let ring = ShownRing {
            ring: state.rings.get(&name).cloned().unwrap_or_default(),
            demand: ShownDemand {
                baseline: demand.name,
                decision: demand.decision,
                rollout: demand.rollout,
            },
            next: next
                .map(|(from, rollout, planned)| Coming {
                    rollout: rollout.clone(),
                    baseline: planned.baseline.clone(),
                    from: from.to_string(),
                })
                .collect(),
        };
        Some((name, ring))
    });
    shown.collect()
}

/// A plan, from a body.
async fn changes(asked: Asked) -> Result<Changes, Problem> {
    let text = read_text(asked, LONGEST_PLAN, "the plan").await?;
    if text.trim().is_empty() {
        return Err(Problem::bad_request("the plan is empty"));
    }
    Changes::from_toml(&text).map_err(|error| unreadable("the plan", &error))
}

fn unreadable(what: &str, error: &PolicyError) -> Problem {
    Problem::bad_request(&format!("{what}: {error}"))
}

/// For whoever wonders later: it stands in lists and logs.
fn reason(query: &Query) -> Result<String, Problem> {
    let reason: String = query.required("reason")?;
    let is_plain = !reason.chars().any(char::is_control);
    match is_plain && !reason.trim().is_empty() && reason.len() <= LONGEST_REASON {
        true => Ok(reason),
        false => Err(Problem::bad_request(&format!(
            "reason: up to {LONGEST_REASON} bytes of text without control characters"
        ))),
    }
}

fn digest(query: &Query) -> Result<String, Problem> {
    let digest: String = query.required("digest")?;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match digest.len() == 64 && digest.bytes().all(is_digit) {
        true => Ok(digest),
        false => Err(Problem::bad_request(
            "digest: 64 hexadecimal digits in lower case, as the plan has them",
        )),
    }
}

fn decided(decide: impl FnOnce() -> Result<Decided, NotDecided>) -> Outcome {
    let Decided {
        number,
        at,
        difference,
    } = unhurried(decide)?;
    json(&Done {
        decision: number,
        at: at.to_string(),
        difference,
    })
}

impl From<NotDecided> for Problem {
    fn from(reason: NotDecided) -> Self {
        match reason {
            NotDecided::Refused(refused) => {
                let moved = |code: &str| code == "plan-moved";
                let problem = match refused.refusals().iter().any(|one| moved(one.code)) {
                    true => {
                        let title = "The plan is not the one that was reviewed.";
                        Self::new(Status::CONFLICT, "plan-moved", title)
                    }
                    false => {
                        let title = "This cannot be decided.";
                        Self::new(Status::UNPROCESSABLE_CONTENT, "decision-refused", title)
                    }
                };
                problem
                    .because(&refused.to_string())
                    .refused(refused.refusals())
            }
            NotDecided::Changed => {
                let title = "Something else was decided in the same moment; ask again.";
                Self::new(Status::CONFLICT, "changed-meanwhile", title)
            }
            NotDecided::Store(error) => error.into(),
            NotDecided::Unreadable(error) => {
                tracing::error!(%error, "baselines cannot be read");
                let title = "The service cannot answer; its log says why.";
                Self::new(Status::INTERNAL_SERVER_ERROR, "internal", title)
            }
        }
    }
}
