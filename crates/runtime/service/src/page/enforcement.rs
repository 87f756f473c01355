//! What is demanded of whom, what will be and from when on, and who would fall out.

use std::sync::Arc;

use askama::Template;
use bulla_appraisal::baseline::FamilyName;
use bulla_appraisal::baseline::preview::{Counts, Outcome as Fate, Shortfall};

use crate::administration::{Administration, Query};
use crate::baselines::{Coming, Outlook, Prospect, Reason, Shown};
use crate::http::StatusCode;

use super::Outcome;
use super::frame::Frame;
use super::reply::page;

/// Most rows of a table: more are for the lists in JSON.
const MOST: usize = 200;

#[derive(Template)]
#[template(path = "page/enforcement.html")]
struct EnforcementPage<'a> {
    frame: Frame,
    shown: &'a Shown<'a>,
    outlook: Arc<Outlook>,
}

/// A rollout that lies ahead.
struct Ahead<'a> {
    ring: String,
    coming: &'a Coming,
    /// What becomes of the fleet then; absent where another rollout of the ring comes before it, or
    /// nobody has looked yet.
    prospect: Option<&'a Prospect>,
}

impl EnforcementPage<'_> {
    /// What comes, the next first.
    fn ahead(&self) -> Vec<Ahead<'_>> {
        let rings = self.shown.rings.iter();
        let mut all: Vec<Ahead<'_>> = rings
            .flat_map(|(name, ring)| {
                let name = name.to_string();
                ring.next
                    .iter()
                    .enumerate()
                    .map(move |(place, coming)| Ahead {
                        prospect: self.prospect("next", &name).filter(|_| place == 0),
                        ring: name.clone(),
                        coming,
                    })
            })
            .collect();
        // RFC 3339 in UTC: the order of the texts is that of time.
        all.sort_by(|one, other| one.coming.from.cmp(&other.coming.from));
        all.truncate(MOST);
        all
    }

    /// What becomes of the fleet under what a ring follows now, or next.
    fn prospect(&self, kind: &str, ring: &str) -> Option<&Prospect> {
        let mut all = self.outlook.prospects.iter();
        all.find(|prospect| prospect.subject.kind == kind && prospect.subject.name == ring)
    }

    /// Under what platforms fall out, or nothing is known of them.
    fn troubled(&self) -> Vec<&Prospect> {
        let all = self.outlook.prospects.iter();
        all.filter(|prospect| prospect.counts.fall_out + prospect.counts.unknown > 0)
            .take(MOST)
            .collect()
    }
}

/// What is demanded as of now.
pub(super) fn show(frame: Frame, administration: &Administration, query: &Query) -> Outcome {
    query.only(&[])?;
    let baselines = administration.baselines();
    let outlook = baselines.outlook();
    Ok(baselines.shown(baselines.now(), |shown| {
        let shown = EnforcementPage {
            frame,
            shown,
            outlook,
        };
        page(StatusCode::OK, &shown)
    }))
}

/// The share that passes, as people write it.
fn percent(counts: &Counts) -> String {
    let share = counts.pass_share();
    format!("{}.{:02} %", share / 100, share % 100)
}

/// The family; that of platforms by their names alone may not be known.
fn family(reason: &Reason) -> String {
    match reason.fmspc {
        FamilyName([0, 0, 0, 0, 0, 0]) => "not known".to_owned(),
        family => family.to_string(),
    }
}

/// Why platforms do not pass.
fn why(reason: &Reason) -> String {
    match &reason.outcome {
        Fate::Passes(_) => String::new(),
        Fate::FallsOut(fate) => fate.reasons.join("; "),
        Fate::Unknown { reason } => reason.as_str().to_owned(),
    }
}

/// What would raise them.
fn remedies(reason: &Reason) -> Vec<String> {
    let tell = |short: &Shortfall| {
        let name = short.name.as_deref();
        format!(
            "{}{}: has {}, needs {}; {}",
            short.part,
            name.map_or_else(String::new, |name| format!(" ({name})")),
            short.has,
            short.needs,
            short.remedy.as_str()
        )
    };
    match &reason.outcome {
        Fate::FallsOut(fate) => fate.short.iter().map(tell).collect(),
        Fate::Passes(_) | Fate::Unknown { .. } => Vec::new(),
    }
}
