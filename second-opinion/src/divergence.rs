//! The known differences between the two verifiers, each with who is right and why.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::opinion::{FactDifference, Reason};

/// The list, a data file beside the sources.
const FILE: &str = include_str!("../divergences.json");

/// All known differences.
#[derive(Debug)]
pub(crate) struct Divergences(Vec<Divergence>);

/// One kind of difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Divergence {
    /// A short name.
    pub(crate) kind: String,
    /// Whose answer is right.
    pub(crate) who_is_right: WhoIsRight,
    /// Why; for the readers of the file.
    #[cfg_attr(not(test), expect(dead_code, reason = "checked by a test"))]
    reason: String,
    /// How it is recognised.
    seen_as: SeenAs,
}

/// Whose answer is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhoIsRight {
    /// bulla: the other side is too lax, too strict or cannot read a form.
    Bulla,
    /// The other side: a defect of bulla that is not mended yet.
    Other,
    /// Both: the vendor's documents leave it open.
    Either,
}

impl WhoIsRight {
    /// `bulla`, `other` or `either`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bulla => "bulla",
            Self::Other => "other",
            Self::Either => "either",
        }
    }
}

/// How a difference is recognised: one of the first three, and every one of `when`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SeenAs {
    /// The other side accepts; bulla's reason is one of these: `Code@subject`, subjects separated
    /// by `|`, perhaps followed by `: part of the message`.
    bulla_rejects: Vec<String>,
    /// bulla accepts; the other side's error contains one of these.
    other_rejects: Vec<String>,
    /// Both accept and differ in one of these facts.
    both_accept: Vec<String>,
    /// Traits that the case must have.
    when: BTreeSet<String>,
}

impl SeenAs {
    fn holds(&self, traits: &BTreeSet<String>) -> bool {
        self.when.is_subset(traits)
    }
}

impl Divergences {
    /// The known differences.
    ///
    /// # Panics
    ///
    /// When the data file is malformed; a test reads it.
    pub(crate) fn known() -> Self {
        Self(serde_json::from_str(FILE).expect("the list of divergences is well formed"))
    }

    /// The kinds of difference, in the order of the file.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Divergence> {
        self.0.iter()
    }

    /// The kinds that explain why bulla rejects what the other side accepts. `None` if any one of
    /// bulla's reasons has no explanation.
    pub(crate) fn explain_rejection(
        &self,
        reasons: &[Reason],
        traits: &BTreeSet<String>,
    ) -> Option<BTreeSet<usize>> {
        let explain = |reason| {
            self.find(traits, |seen| {
                seen.bulla_rejects.iter().any(|seen| matches(seen, reason))
            })
        };
        reasons.iter().map(explain).collect()
    }

    /// The kind that explains why the other side rejects what bulla accepts.
    pub(crate) fn explain_acceptance(
        &self,
        error: &str,
        traits: &BTreeSet<String>,
    ) -> Option<BTreeSet<usize>> {
        self.find(traits, |seen| {
            seen.other_rejects.iter().any(|part| error.contains(part))
        })
        .map(|index| BTreeSet::from([index]))
    }

    /// The kinds that explain why both accept and say different things.
    pub(crate) fn explain_facts(
        &self,
        differences: &[FactDifference],
        traits: &BTreeSet<String>,
    ) -> Option<BTreeSet<usize>> {
        let explain = |difference: &FactDifference| {
            self.find(traits, |seen| {
                seen.both_accept.iter().any(|name| name == difference.field)
            })
        };
        differences.iter().map(explain).collect()
    }

    fn find(&self, traits: &BTreeSet<String>, seen: impl Fn(&SeenAs) -> bool) -> Option<usize> {
        self.0
            .iter()
            .position(|known| seen(&known.seen_as) && known.seen_as.holds(traits))
    }
}

/// Whether a reason has this code, one of these subjects and, if one is given, this part of a
/// message.
fn matches(seen: &str, reason: &Reason) -> bool {
    let (name, text) = seen.split_once(": ").unwrap_or((seen, ""));
    let (Some((code, subjects)), Some((actual, subject))) =
        (name.split_once('@'), reason.name.split_once('@'))
    else {
        return false;
    };
    code == actual
        && subjects.split('|').any(|known| known == subject)
        && reason.text.contains(text)
}

#[cfg(test)]
mod tests {
    use bulla_verifier::Code;

    use super::*;
    use crate::opinion::Facts;

    /// The codes of the quote's layout that are referred to.
    const LAYOUT: [&str; 2] = ["CertificationTypeUnsupported", "CertificationSizeMismatch"];

    #[test]
    fn every_entry_has_a_name_of_its_own_a_reason_and_one_way_to_be_recognised() {
        let divergences = Divergences::known();
        let kinds: BTreeSet<&str> = divergences
            .iter()
            .map(|known| known.kind.as_str())
            .collect();
        assert_eq!(kinds.len(), divergences.0.len(), "a kind stands twice");
        for Divergence {
            kind,
            reason,
            seen_as,
            ..
        } in divergences.iter()
        {
            assert!(
                kind.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                "{kind}"
            );
            assert!(reason.len() > 60, "{kind}: say why");
            let ways = [
                &seen_as.bulla_rejects,
                &seen_as.other_rejects,
                &seen_as.both_accept,
            ];
            assert_eq!(
                ways.iter().filter(|way| !way.is_empty()).count(),
                1,
                "{kind}"
            );
            assert!(
                ways.iter().all(|way| way.iter().all(|seen| seen.len() > 3)),
                "{kind}"
            );
        }
    }

    #[test]
    fn entries_refer_to_codes_and_facts_that_exist() {
        let codes: Vec<&str> = Code::ALL
            .iter()
            .map(|code| code.as_str())
            .chain(
                bulla_appraisal::Reason::ALL
                    .iter()
                    .map(|reason| reason.as_str()),
            )
            .collect();
        for Divergence { kind, seen_as, .. } in Divergences::known().iter() {
            for seen in &seen_as.bulla_rejects {
                let (code, rest) = seen
                    .split_once('@')
                    .unwrap_or_else(|| panic!("{kind}: {seen}"));
                assert!(!rest.is_empty(), "{kind}: {seen}");
                let of_layout = rest.starts_with("format") && LAYOUT.contains(&code);
                assert!(
                    codes.contains(&code) || of_layout,
                    "{kind}: there is no {code}"
                );
            }
            for field in &seen_as.both_accept {
                assert!(
                    Facts::names().contains(&field.as_str()),
                    "{kind}: there is no {field}"
                );
            }
        }
    }

    #[test]
    fn the_documentation_counts_every_kind_and_no_other() {
        let document = include_str!("../../docs/second-opinion.md");
        let (_, tables) = document
            .split_once("\n## The differences\n")
            .expect("a section on the differences");
        let tables = tables.split("\n## ").next().unwrap_or_default();
        let counted: BTreeSet<&str> = tables
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        let divergences = Divergences::known();
        let kinds: BTreeSet<&str> = divergences
            .iter()
            .map(|known| known.kind.as_str())
            .collect();
        assert_eq!(counted, kinds);
    }
}
