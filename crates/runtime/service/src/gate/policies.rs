//! The policies that evidence is appraised under: kept with their history as decisions of the
//! operator, read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bulla_appraisal::Policy;
use bulla_pki::Timestamp;
use bulla_pki::digest::sha256;
use bulla_store::audit::Event;
use bulla_store::governance::Decision;
use bulla_store::secrets::InForce;
use bulla_store::{Governance as _, Store, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Under which kind they are kept.
pub(super) const KIND: &str = "policy";

/// Longest policy, in bytes: one that lists a thousand platforms has 40 KB.
pub const LONGEST: usize = 64 * 1024;

/// Most policies: those of a hundred applications with ten versions of each; all of them are in
/// memory.
pub(super) const MOST: usize = 1_000;

/// A policy by its name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    /// From 1 on.
    pub(super) version: u32,
    /// As it was given, in TOML.
    pub(super) text: String,
    /// SHA-256 of the text.
    pub(super) sha256: [u8; 32],
    pub(super) policy: Policy,
    pub(super) at: Timestamp,
    pub(super) author: String,
}

impl Named {
    /// That this version must be in force.
    pub(super) fn in_force(&self) -> InForce {
        InForce {
            kind: KIND.to_owned(),
            name: self.name.clone(),
            version: self.version,
        }
    }
}

/// The form in which a policy is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    toml: String,
}

type All = BTreeMap<String, Arc<Named>>;

/// The policies in force.
pub(super) struct Policies {
    store: Arc<Store>,
    all: ArcSwap<All>,
}

impl Policies {
    /// Reads what the store has. One that cannot be read any more is left out and logged: nothing
    /// is appraised under it. Blocks.
    pub(super) fn open(store: Arc<Store>) -> Result<Self, StoreError> {
        let policies = Self {
            store,
            all: ArcSwap::default(),
        };
        policies.take_up()?;
        Ok(policies)
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Named>> {
        self.all.load().get(name).cloned()
    }

    /// All of them, by their names.
    pub(super) fn list(&self) -> Vec<Arc<Named>> {
        self.all.load().values().cloned().collect()
    }

    /// Puts a policy, whose text was read before, in force, with an entry in the audit; `None` where
    /// it was changed in the same moment. Blocks.
    pub(super) fn put(
        &self,
        name: &str,
        text: &str,
        at: Timestamp,
        author: &str,
    ) -> Result<Option<Arc<Named>>, StoreError> {
        let kept = json!(Kept {
            toml: text.to_owned()
        });
        let version = self.next_version(name)?;
        let details = json!({
            "version": version,
            "sha256": hex::encode(sha256(text.as_bytes())),
        });
        let decision = decision(name, version, Some(kept.to_string()), at, author);
        let event = told(&decision, "policy.put", &details);
        let is_put = self.store.enact(&decision, &event)?;
        self.take_up()?;
        Ok(self.find(name).filter(|_| is_put))
    }

    /// Removes a policy, with an entry in the audit; `false` where there is none, or it was changed in
    /// the same moment. Blocks.
    pub(super) fn remove(
        &self,
        name: &str,
        at: Timestamp,
        author: &str,
    ) -> Result<bool, StoreError> {
        if self.find(name).is_none() {
            return Ok(false);
        }
        let decision = decision(name, self.next_version(name)?, None, at, author);
        let event = told(&decision, "policy.remove", &json!({}));
        let is_removed = self.store.enact(&decision, &event)?;
        self.take_up()?;
        Ok(is_removed)
    }

    fn next_version(&self, name: &str) -> Result<u32, StoreError> {
        let last = self.store.decision_version(KIND, name)?;
        Ok(last.saturating_add(1))
    }

    /// Reads all of them anew. Blocks.
    pub(super) fn take_up(&self) -> Result<(), StoreError> {
        let mut all = All::new();
        for decision in self.store.decisions(KIND)? {
            let body = decision.body.as_deref().unwrap_or_default();
            let kept: Result<Kept, _> = serde_json::from_str(body);
            let read = kept.map_err(|error| error.to_string()).and_then(|kept| {
                let policy = Policy::from_toml(&kept.toml).map_err(|error| error.to_string())?;
                Ok((kept.toml, policy))
            });
            match read {
                Ok((text, policy)) => {
                    let named = Named {
                        name: decision.name.clone(),
                        version: decision.version,
                        sha256: sha256(text.as_bytes()),
                        text,
                        policy,
                        at: decision.at,
                        author: decision.author,
                    };
                    all.insert(decision.name, Arc::new(named));
                }
                Err(error) => {
                    let (name, version) = (decision.name, decision.version);
                    tracing::error!(name, version, error, "a policy cannot be read any more");
                }
            }
        }
        self.all.store(Arc::new(all));
        Ok(())
    }
}

fn decision(
    name: &str,
    version: u32,
    body: Option<String>,
    at: Timestamp,
    author: &str,
) -> Decision {
    Decision {
        kind: KIND.to_owned(),
        name: name.to_owned(),
        version,
        body,
        at,
        author: author.to_owned(),
    }
}

/// What the audit says of a decision.
pub(super) fn told(decision: &Decision, action: &str, details: &Value) -> Event {
    Event {
        at: decision.at,
        actor: decision.author.clone(),
        action: action.to_owned(),
        subject: decision.name.clone(),
        details: details.to_string(),
    }
}
