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
            verdict
                .map(|verdict| traits(case, verdict, self.ours.anchors(case.root)))
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
                (
                    known.explain_facts(&differences, &traits),
                    traits,
                    summary,
                    fields.join("; "),
                )
            }
            (Opinion::Rejects(reasons), Opinion::Accepts(_)) => {
                let traits = traits();
                let names = reasons
                    .iter()
                    .map(|reason| without_values(&reason.to_string()));
                let names: BTreeSet<String> = names.collect();
                let names: Vec<String> = names.into_iter().collect();
                let summary = format!("only bulla rejects: {}", names.join(", "));
                let detail = bulla.to_string();
                (
                    known.explain_rejection(reasons, &traits),
                    traits,
                    summary,
                    detail,
                )
            }
            (Opinion::Accepts(_), Opinion::Rejects(reasons)) => {
                let traits = traits();
                let error = reasons.first().map_or("", |reason| reason.name.as_str());
                let summary = format!("only the other side rejects: {}", without_values(error));
                let detail = error.to_owned();
                (
                    known.explain_acceptance(error, &traits),
                    traits,
                    summary,
                    detail,
                )
            }
            (Opinion::Panics(message), _) => (
                None,
                BTreeSet::new(),
                "bulla panics".to_owned(),
                message.clone(),
            ),
            (_, Opinion::Panics(message)) => (
                None,
                BTreeSet::new(),
                "the other side panics".to_owned(),
                message.clone(),
            ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;
    use crate::issued::Issued;
    use crate::opinion::{Facts, Reason};

    /// A case that both sides accept, and the comparison.
    fn accepted() -> (Case, Comparison) {
        let root = Issued::root_der();
        let comparison = Comparison {
            ours: Ours::new(&root),
            theirs: Theirs::new(&root),
            divergences: Divergences::known(),
        };
        let generator = Generator::new(1, None, &comparison.ours).expect("a generator");
        (generator.case(0), comparison)
    }

    fn rejects(names: &[&str]) -> Opinion {
        let reason = |name: &&str| Reason {
            name: (*name).to_owned(),
            text: String::new(),
        };
        Opinion::Rejects(names.iter().map(reason).collect())
    }

    #[test]
    fn what_both_accept_alike_is_an_agreement() {
        let (case, comparison) = accepted();
        assert_eq!(
            comparison.of(&case),
            Outcome::BothAccept("UpToDate".to_owned())
        );
    }

    #[test]
    fn a_planted_difference_in_any_fact_is_found() {
        let (case, comparison) = accepted();
        let verdict = comparison.ours.verdict(&case);
        let bulla = comparison.ours.opinion(&case, &verdict);
        let Opinion::Accepts(facts) = comparison.theirs.opinion(&case) else {
            panic!("the other side accepts the case");
        };
        let change: [fn(&mut Facts); 18] = [
            |facts| facts.status = "OutOfDate".to_owned(),
            |facts| facts.advisories = ["SIMULATED-SA-00009".to_owned()].into(),
            |facts| facts.evaluation_number += 1,
            |facts| facts.tcb_date += 1,
            |facts| facts.fmspc[5] ^= 1,
            |facts| facts.ppid[0] ^= 1,
            |facts| facts.pce_id[1] ^= 1,
            |facts| facts.pcesvn += 1,
            |facts| facts.cpusvn[15] ^= 1,
            |facts| facts.platform_instance_id = Some([1; 16]),
            |facts| facts.dynamic_platform = Some(false),
            |facts| facts.cached_keys = Some(false),
            |facts| facts.smt_enabled = Some(false),
            |facts| facts.pck_crl_number += 1,
            |facts| facts.root_ca_crl_number += 1,
            |facts| facts.earliest_issue += 1,
            |facts| facts.latest_issue += 1,
            |facts| facts.earliest_expiration += 1,
        ];
        assert_eq!(change.len(), Facts::names().len());
        for change in change {
            let mut planted = facts.clone();
            change(&mut planted);
            let other = Opinion::Accepts(planted);
            let outcome = comparison.outcome(&case, verdict.as_ref().ok(), &bulla, &other);
            assert!(matches!(outcome, Outcome::Surprise(_)), "{outcome:?}");
        }
    }

    #[test]
    fn a_planted_acceptance_is_found_on_either_side() {
        let (mut case, comparison) = accepted();
        let good = comparison.theirs.opinion(&case);
        let index = case.quote.len() / 20;
        case.quote[index] ^= 1;
        let verdict = comparison.ours.verdict(&case);
        let bad = comparison.ours.opinion(&case, &verdict);
        let verdict = verdict.as_ref().ok();
        for (bulla, other) in [(&bad, &good), (&good, &bad)] {
            let outcome = comparison.outcome(&case, verdict, bulla, other);
            assert!(matches!(outcome, Outcome::Surprise(_)), "{outcome:?}");
        }
        assert_eq!(comparison.of(&case), Outcome::BothReject);
    }

    #[test]
    fn every_reason_needs_an_explanation_and_its_traits() {
        let (case, comparison) = accepted();
        let good = comparison.theirs.opinion(&case);
        let outcome = |reasons: &[&str]| {
            let verdict = comparison.ours.verdict(&case);
            comparison.outcome(&case, verdict.as_ref().ok(), &rejects(reasons), &good)
        };
        let surprises = |reasons: &[&str]| matches!(outcome(reasons), Outcome::Surprise(_));
        assert!(!surprises(&["PceIdMismatch@tcb_info"]));
        assert!(surprises(&["PceIdMismatch@qe_identity"]));
        assert!(surprises(&[
            "PceIdMismatch@tcb_info",
            "FmspcMismatch@tcb_info"
        ]));
        // Known only where the chain holds another root than the trusted one.
        assert!(surprises(&["CertificateSignatureInvalid@pck_ca"]));
    }

    #[test]
    fn an_error_of_the_other_side_is_known_only_with_its_traits() {
        let (case, comparison) = accepted();
        let verdict = comparison.ours.verdict(&case);
        let bulla = comparison.ours.opinion(&case, &verdict);
        for error in [
            "SGX TEE quote must have version 3",
            "Invalid QE auth data length",
            "new",
        ] {
            let other = rejects(&[error]);
            let outcome = comparison.outcome(&case, verdict.as_ref().ok(), &bulla, &other);
            assert!(
                matches!(outcome, Outcome::Surprise(_)),
                "{error}: {outcome:?}"
            );
        }
    }

    #[test]
    fn a_panic_is_never_known() {
        let (case, comparison) = accepted();
        let panics = Opinion::Panics("a text".to_owned());
        let rejects = rejects(&["PceIdMismatch@tcb_info"]);
        for (bulla, other) in [(&panics, &rejects), (&rejects, &panics)] {
            let outcome = comparison.outcome(&case, None, bulla, other);
            assert!(matches!(outcome, Outcome::Surprise(_)), "{outcome:?}");
        }
    }
}
