//! Two opinions held against each other.

use std::collections::BTreeSet;

use bulla_verifier::Verdict;

use crate::case::Case;
use crate::divergence::Divergences;
use crate::opinion::Opinion;
use crate::ours::Ours;
use crate::theirs::Theirs;
use crate::traits::traits;

/// What the comparison of one case gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Both accept, and say the same; the TCB status.
    BothAccept(String),
    /// Both reject.
    BothReject,
    /// They differ, and every way in which they do is known: numbers of the kinds.
    Known(BTreeSet<usize>),
    /// They differ in a way that is not known.
    Surprise(Surprise),
}

/// A difference without an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Surprise {
    /// In a few words: surprises of the same words are likely of the same cause.
    pub(crate) summary: String,
    /// The same with everything that was said.
    pub(crate) detail: String,
    /// Traits of the case.
    pub(crate) traits: BTreeSet<String>,
}

/// Both verifiers and the known differences between them.
pub(crate) struct Comparison {
    pub(crate) ours: Ours,
    pub(crate) theirs: Theirs,
    pub(crate) divergences: Divergences,
}

impl Comparison {
    /// Asks both about a case.
    pub(crate) fn of(&self, case: &Case) -> Outcome {
        let verdict = self.ours.verdict(case);
        let bulla = self.ours.opinion(case, &verdict);
        let other = self.theirs.opinion(case);
        self.outcome(case, verdict.as_ref().ok(), &bulla, &other)
    }

    /// Holds two opinions against each other.
    pub(crate) fn outcome(
        &self,
        case: &Case,
        verdict: Option<&Verdict>,
        bulla: &Opinion,
        other: &Opinion,
    ) -> Outcome {
        let traits = || {
            verdict.map(|verdict| traits(case, verdict, self.ours.anchors(case.root)))
                .unwrap_or_default()
        };
        let known = &self.divergences;
        let (explained, traits, summary, detail) = match (bulla, other) {
            (Opinion::Rejects(_), Opinion::Rejects(_)) => return Outcome::BothReject,
            (Opinion::Accepts(ours), Opinion::Accepts(theirs)) => {
                let differences = ours.differences(theirs);
                if differences.is_empty() {
                    return Outcome::BothAccept(ours.status.clone());
                }
                let traits = traits();
                let fields: Vec<String> = differences
                    .iter()
                    .map(|of| format!("{}: bulla {}, other {}", of.field, of.bulla, of.other))
                    .collect();
                let names: Vec<&str> = differences.iter().map(|of| of.field).collect();
                let summary = format!("both accept and differ in {}", names.join(", "));
                (known.explain_facts(&differences, &traits), traits, summary, fields.join("; "))
            }
            (Opinion::Rejects(reasons), Opinion::Accepts(_)) => {
                let traits = traits();
                let names = reasons.iter().map(|reason| without_values(&reason.to_string()));
                let names: BTreeSet<String> = names.collect();
                let names: Vec<String> = names.into_iter().collect();
                let summary = format!("only bulla rejects: {}", names.join(", "));
                let detail = bulla.to_string();
                (known.explain_rejection(reasons, &traits), traits, summary, detail)
            }
            (Opinion::Accepts(_), Opinion::Rejects(reasons)) => {
                let traits = traits();
                let error = reasons.first().map_or("", |reason| reason.name.as_str());
                let summary = format!("only the other side rejects: {}", without_values(error));
                let detail = error.to_owned();
                (known.explain_acceptance(error, &traits), traits, summary, detail)
            }
            (Opinion::Panics(message), _) => {
                (None, BTreeSet::new(), "bulla panics".to_owned(), message.clone())
            }
            (_, Opinion::Panics(message)) => {
                (None, BTreeSet::new(), "the other side panics".to_owned(), message.clone())
            }
        };
        match explained {
            Some(kinds) => Outcome::Known(kinds),
            None => Outcome::Surprise(Surprise {
                summary,
                detail,
                traits,
            }),
        }
    }
}

/// A text without its numbers and quoted values, which differ from case to case.
fn without_values(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        match word.contains(|c: char| c.is_ascii_digit() || c == '`' || c == '=') {
            true => "#",
            false => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
