//! What is demanded of evidence now, and whether it still is what a result was given under.
//!
//! The ring is that of the policy, and `default` for a policy that is in none: whoever attests must not
//! choose how much is demanded of him.

use bulla_appraisal::baseline::{Exception, FamilyName, Name};
use bulla_appraisal::{Decision, Demand, Policy, appraise, appraise_under};
use bulla_pki::Timestamp;
use bulla_store::secrets::InForce;
use bulla_token::Claims;
use bulla_token::claims::BaselineId;
use bulla_verifier::Verdict;

use super::Gate;
use super::release::NotGiven;
use crate::baselines::{self, ring};
use crate::judging::Need;
use crate::want::Choice;

/// What is demanded of somebody who attests.
pub(super) struct Demanded {
    demand: Demand,
    /// How many decisions it follows from.
    decisions: usize,
    /// The first second at which something else is demanded.
    pub(super) changes: Option<Timestamp>,
}

impl Demanded {
    /// Which TCB info and identity show whether it is met.
    pub(super) fn choice(&self, need: &Need) -> Choice {
        let family = FamilyName(need.fmspc);
        let requirement = self.demand.requirement(ring::technology(need.id), &family);
        requirement.number.into()
    }

    /// Whether evidence is good enough under a policy and what is demanded.
    pub(super) fn appraise(&self, verdict: &Verdict, policy: &Policy) -> Decision {
        match self.demand.binds_beside(policy) {
            true => appraise_under(verdict, policy, &self.demand),
            false => appraise(verdict, policy),
        }
    }

    /// As a result names it; absent where nothing was ever decided.
    pub(super) fn id(&self) -> Option<BaselineId> {
        (self.decisions > 0).then(|| BaselineId {
            name: self.demand.name.to_string(),
            version: self.demand.decision.unwrap_or_default().into(),
            decisions: u64::try_from(self.decisions).unwrap_or(u64::MAX),
        })
    }
}

impl Gate {
    /// What is demanded under a policy.
    pub(super) fn demanded(&self, policy: &str) -> Demanded {
        let governance = self.baselines.governance();
        let (state, now) = (governance.latest(), self.baselines.now());
        let default = Name::default_ring();
        let ring = state.ring_by("policy", policy).unwrap_or(&default);
        let coming = state.coming(ring, now);
        Demanded {
            demand: state.demand(ring, now).unwrap_or_default(),
            decisions: governance.decisions().len(),
            changes: coming.first().map(|(begins, ..)| *begins),
        }
    }

    /// That what is demanded is what was demanded when a token was given, as far as that has not ended
    /// by itself; gives what must not change while something is released for it.
    pub(super) fn still_demanded(
        &self,
        claims: &Claims,
        policy: &str,
    ) -> Result<InForce, NotGiven> {
        let Demanded {
            demand, decisions, ..
        } = self.demanded(policy);
        let given = claims.bulla.baseline.clone().unwrap_or_else(|| BaselineId {
            name: Name::STANDARD.to_owned(),
            version: 0,
            decisions: 0,
        });
        let now = (
            demand.name.as_str(),
            u64::from(demand.decision.unwrap_or_default()),
        );
        if (given.name.as_str(), given.version) != now {
            return Err(NotGiven::OtherBaseline {
                expected: format!("{}@{}", now.0, now.1),
                actual: format!("{}@{}", given.name, given.version),
            });
        }
        let then = usize::try_from(given.decisions).unwrap_or(usize::MAX);
        if then != decisions {
            let state = self.baselines.governance().state_after(then);
            let at = self.baselines.now();
            let is_gone = |(name, exception): (&Name, &Exception)| {
                exception.in_force(at) && demand.exceptions.get(name) != Some(exception)
            };
            if let Some((name, _)) = state.exceptions.iter().find(|one| is_gone(*one)) {
                return Err(NotGiven::ExceptionEnded {
                    name: name.to_string(),
                });
            }
        }
        Ok(InForce {
            kind: baselines::KIND.to_owned(),
            name: baselines::KIND.to_owned(),
            version: u32::try_from(decisions).unwrap_or(u32::MAX),
        })
    }
}
