//! What changes, in words.

use bulla_collateral::TcbStatus;

use super::name::Name;
use super::objects::{Changes, Exception, Group, Rollout};
use super::requirement::Requirement;
use super::state::State;
use crate::policy::AcceptedStatuses;

impl State {
    /// One line for each change, for people: `+` for what is new, `~` for what is put in place of
    /// another, `-` for what goes.
    pub fn difference(&self, changes: &Changes) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |kind: &str, name: &Name, is_there: bool, what: String| {
            let sign = if is_there { "~" } else { "+" };
            lines.push(format!("{sign} {kind} {name}{what}"));
        };
        for (name, baseline) in &changes.baselines {
            let what: Vec<String> = baseline
                .requirements()
                .map(|(place, _, requirement)| format!("{place} {}", asked(requirement)))
                .collect();
            let is_there = self.baselines.contains_key(name);
            line("baseline", name, is_there, format!(": {}", what.join(", ")));
        }
        for (name, ring) in &changes.rings {
            let claims: Vec<String> = ring
                .claims()
                .map(|(kind, value)| format!("{kind} {value}"))
                .collect();
            let what = match claims.is_empty() {
                true => format!(": path /ring/{name}"),
                false => format!(": path /ring/{name}, {}", claims.join(", ")),
            };
            line("ring", name, self.rings.contains_key(name), what);
        }
        for (name, exception) in &changes.exceptions {
            let Exception {
                advisory, until, ..
            } = exception;
            let what = format!(": {advisory} until {until}{}", whom(exception));
            line("exception", name, self.exceptions.contains_key(name), what);
        }
        for (name, rollout) in &changes.rollouts {
            let (ring, baseline) = (&rollout.ring, &rollout.baseline);
            let what = format!(": ring {ring} follows {baseline} {}", terms(rollout));
            line("rollout", name, self.rollouts.contains_key(name), what);
        }
        let gone = &changes.remove;
        let gone = [
            ("baseline", &gone.baselines),
            ("ring", &gone.rings),
            ("exception", &gone.exceptions),
            ("rollout", &gone.rollouts),
        ];
        for (kind, names) in gone {
            lines.extend(names.iter().map(|name| format!("- {kind} {name}")));
        }
        lines
    }
}

/// The number, and in a few words what differs from the default beside it.
fn asked(requirement: &Requirement) -> String {
    let mut asked = requirement.number.to_string();
    if requirement.accepted_tcb_statuses != AcceptedStatuses::default() {
        let accepted = requirement.accepted_tcb_statuses.iter();
        let statuses: Vec<&str> = accepted.map(TcbStatus::as_str).collect();
        asked += &format!(" ({})", statuses.join(" or "));
    }
    if let Some(minimum) = requirement.minimum_this_update {
        asked += &format!(" with CRLs from {minimum}");
    }
    if requirement.floor.is_some() {
        asked += " with a floor";
    }
    asked
}

/// On which platforms.
fn whom(exception: &Exception) -> String {
    let Group {
        families,
        platforms,
    } = &exception.group;
    let families: Vec<String> = families.iter().map(ToString::to_string).collect();
    match (families.as_slice(), platforms.len()) {
        ([], 0) => " on every platform".to_owned(),
        (families, 0) => format!(" on {}", families.join(", ")),
        ([], platforms) => format!(" on {platforms} platforms"),
        (families, platforms) => format!(" on {}, {platforms} platforms", families.join(", ")),
    }
}

/// From when on, and what else there is to be said.
fn terms(rollout: &Rollout) -> String {
    let mut terms = match rollout.from {
        Some(from) => format!("from {from}"),
        None => "from when the plan is applied".to_owned(),
    };
    if let Some(deadline) = rollout.deadline {
        terms += &format!(", deadline {deadline}");
    }
    if let Some(held) = &rollout.held {
        terms += &format!(", held: {}", held.reason);
    }
    terms
}
