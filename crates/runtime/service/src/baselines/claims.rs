//! What rings can claim: a name that nothing here has would have a ring followed by nobody, in silence.

use std::collections::BTreeSet;

use bulla_appraisal::baseline::{Changes, Refusal, Refused};

/// What the service is configured with.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "what has names here")]
pub struct Claimable {
    /// Names of tokens.
    pub tokens: BTreeSet<String>,
    /// Names of listeners.
    pub listeners: BTreeSet<String>,
}

impl Claimable {
    /// That every token and listener that rings of a plan claim is there.
    pub(super) fn check(&self, wanted: &Changes) -> Result<(), Refused> {
        let mut refusals = Vec::new();
        for (name, ring) in &wanted.rings {
            let claims = [
                ("tokens", "unknown-token", &ring.tokens, &self.tokens),
                (
                    "listeners",
                    "unknown-listener",
                    &ring.listeners,
                    &self.listeners,
                ),
            ];
            for (field, code, claimed, known) in claims {
                for one in claimed.difference(known) {
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    let message = format!(
                        "`{one}` is none of the {field} that the service is configured with: {}",
                        known.join(", ")
                    );
                    let subject = format!("rings.{name}.{field}");
                    refusals.push(Refusal::new(code, subject, message));
                }
            }
        }
        Refused::all(refusals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_here_is_called_cannot_be_claimed() {
        let claimable = Claimable {
            tokens: ["rack 12".to_owned()].into(),
            listeners: ["inside".to_owned(), "outside".to_owned()].into(),
        };
        let check = |text: &str| claimable.check(&Changes::from_toml(text).unwrap());
        let good = "[rings.a]\ntokens = [\"rack 12\"]\nlisteners = [\"inside\"]\nhosts = [\"x\"]\n";
        assert_eq!(check(good), Ok(()));
        let refused = check("[rings.a]\ntokens = [\"rack\"]\nlisteners = [\"in\", \"inside\"]\n");
        let refused = refused.unwrap_err();
        let codes: Vec<(&str, &str)> = refused
            .refusals()
            .iter()
            .map(|one| (one.code, one.subject.as_str()))
            .collect();
        let expected = [
            ("unknown-token", "rings.a.tokens"),
            ("unknown-listener", "rings.a.listeners"),
        ];
        assert_eq!(codes, expected);
        assert!(refused.to_string().contains("inside, outside"), "{refused}");
    }
}
