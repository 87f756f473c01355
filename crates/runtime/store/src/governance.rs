//! What the operator decided: objects with history, as policies and the keys of the gate.

use bulla_pki::Timestamp;

use crate::Result;
use crate::audit::Event;

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

    /// Adds a version and an entry of the audit that tells of it, in one step: both are durable when
    /// this returns, or neither has happened. `false` where the version does not follow the last one
    /// of its kind and name, and then nothing has happened.
    fn enact(&self, decision: &Decision, event: &Event) -> Result<bool>;

    /// The same for a decision of which the audit does not tell, as one that follows from another.
    fn supersede(&self, decision: &Decision) -> Result<bool>;

    /// The number of the last version of an object, also of one that was removed; 0 where there
    /// never was one.
    fn decision_version(&self, kind: &str, name: &str) -> Result<u32>;

    /// The last version of an object, also of one that was removed; absent where there never was one.
    fn last_decision(&self, kind: &str, name: &str) -> Result<Option<Decision>>;

    /// The latest version of every object of a kind, those removed left out.
    fn decisions(&self, kind: &str) -> Result<Vec<Decision>>;

    /// Every version of an object, latest first.
    fn decision_history(&self, kind: &str, name: &str) -> Result<Vec<Decision>>;
}
