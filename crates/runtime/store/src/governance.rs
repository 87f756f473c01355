//! What the operator decided: objects with history, as policies and the keys of the gate.

use bulla_pki::Timestamp;

use crate::Result;

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What kind of object.
    pub kind: String,
    /// Its name, unique for the kind.
    pub name: String,
    /// 1 for the first, one more for each later one.
    pub version: u32,
    /// The object, in JSON; absent where this version removes it.
    pub body: Option<String>,
    /// Since when it is so.
    pub at: Timestamp,
    /// Who decided it.
    pub author: String,
}

/// The decisions.
pub trait Governance {
    /// Adds a version behind the others of its kind and name; gives its number.
    fn decide(
        &self,
        kind: &str,
        name: &str,
        body: Option<&str>,
        at: Timestamp,
        author: &str,
    ) -> Result<u32>;

    /// The latest version of every object of a kind, those removed left out.
    fn decisions(&self, kind: &str) -> Result<Vec<Decision>>;

    /// Every version of an object, latest first.
    fn decision_history(&self, kind: &str, name: &str) -> Result<Vec<Decision>>;
}
