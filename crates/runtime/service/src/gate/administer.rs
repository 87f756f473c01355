//! What an administrator does with policies, secrets and keys. Values of secrets go in and never
//! come out.

use bulla_appraisal::Policy;
use bulla_pki::Timestamp;
use bulla_protocol::gate::{Name, Request as _, SecretSpec};
use bulla_protocol::wire::Status;
use bulla_store::Secrets as _;
use bulla_store::audit::Event;
use bulla_store::secrets::{Limits, NewSecret, Secret};
use serde::Serialize;
use serde_json::json;

use super::policies::{self, Named};
use super::{Decided, Gate, KeysError, policy_unknown, secret_context};
use crate::administration::{MOST, Outcome, Problem, Query, json, read, read_text};
use crate::http::Asked;
use crate::keeper::unhurried;

#[derive(Serialize)]
struct ShownPolicy {
    name: String,
    version: u32,
    sha256: String,
    at: String,
    author: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    toml: Option<String>,
}

#[derive(Serialize)]
struct ShownSecret {
    name: String,
    version: u32,
    policy: String,
    times: Option<u64>,
    until: Option<String>,
    platforms: Option<Vec<String>>,
    releases: u64,
    at: String,
    author: String,
}

impl Gate {
    /// All policies, or one with its text.
    pub(super) fn policies(&self, query: &Query) -> Outcome {
        query.only(&["name"])?;
        match query.typed::<Name>("name")? {
            None => {
                let all = self.policies.list();
                let rows: Vec<_> = all.iter().map(|named| shown_policy(named, false)).collect();
                json(&rows)
            }
            Some(name) => match self.policies.find(name.as_str()) {
                Some(named) => json(&shown_policy(&named, true)),
                None => Err(policy_unknown(&name)),
            },
        }
    }

    pub(super) async fn put_policy(&self, query: &Query, asked: Asked, actor: &str) -> Outcome {
        query.only(&["name"])?;
        let name: Name = query.required("name")?;
        let text = read_text(asked, policies::LONGEST, "the policy").await?;
        // What was forgotten must not pass for the default.
        if text.trim().is_empty() {
            let detail = "the policy is empty; where the default is meant, say so in a comment";
            return Err(Problem::bad_request(detail));
        }
        Policy::from_toml(&text)
            .map_err(|error| Problem::bad_request(&format!("the policy: {error}")))?;
        let is_new = self.policies.find(name.as_str()).is_none();
        if is_new && self.policies.list().len() >= policies::MOST {
            return Err(too_many("policies", policies::MOST));
        }
        unhurried(|| {
            let put = self.policies.put(name.as_str(), &text, self.now(), actor)?;
            let Some(named) = put else {
                let title = "The policy was changed in the same moment; ask again.";
                return Err(Problem::new(Status::CONFLICT, "changed-meanwhile", title));
            };
            json(&shown_policy(&named, false))
        })
    }

    /// Removes a policy. Secrets under it stay, and are not released.
    pub(super) fn remove_policy(&self, query: &Query, actor: &str) -> Outcome {
        query.only(&["name"])?;
        let name: Name = query.required("name")?;
        unhurried(|| {
            if !self.policies.remove(name.as_str(), self.now(), actor)? {
                return Err(policy_unknown(&name));
            }
            let secrets = self.store.secrets()?.into_iter();
            let held_back: Vec<_> = secrets
                .filter(|secret| secret.policy == name.as_str())
                .map(|secret| secret.name)
                .collect();
            json(&json!({ "removed": name.as_str(), "secrets_held_back": held_back }))
        })
    }

    /// All secrets, or one, without their values.
    pub(super) fn secrets(&self, query: &Query) -> Outcome {
        query.only(&["name"])?;
        match query.typed::<Name>("name")? {
            None => {
                let all = self.store.secrets()?;
                json(&all.into_iter().map(shown_secret).collect::<Vec<_>>())
            }
            Some(name) => match self.store.secret(name.as_str())? {
                Some(secret) => json(&shown_secret(secret)),
                None => Err(Problem::not_found("no secret of this name is kept")),
            },
        }
    }

    pub(super) async fn put_secret(&self, query: &Query, asked: Asked, actor: &str) -> Outcome {
        query.only(&["name"])?;
        let name: Name = query.required("name")?;
        let body = read(asked, SecretSpec::MAX_SIZE).await?;
        let spec = SecretSpec::read(&body)
            .map_err(|error| Problem::bad_request(&format!("the secret: {error}")))?;
        if self.policies.find(spec.policy.as_str()).is_none() {
            return Err(policy_unknown(&spec.policy));
        }
        let limits = limits(&spec)?;
        unhurried(|| {
            let is_new = self.store.secret(name.as_str())?.is_none();
            if is_new && self.store.secrets()?.len() >= MOST {
                return Err(too_many("secrets", MOST));
            }
            let version = self.store.secret_version(name.as_str())?.saturating_add(1);
            let context = secret_context(name.as_str(), version, spec.policy.as_str());
            let value = self
                .key
                .seal(&context, spec.value.expose())
                .map_err(|error| internal(&error))?;
            let secret = NewSecret {
                name: name.as_str().to_owned(),
                version,
                policy: spec.policy.as_str().to_owned(),
                limits,
                value,
            };
            let details = json!({ "version": version, "policy": secret.policy });
            let event = self.event(actor, "secret.put", name.as_str(), &details);
            if !self.store.put_secret(&secret, &event)? {
                let title = "The secret was changed in the same moment; ask again.";
                return Err(Problem::new(Status::CONFLICT, "changed-meanwhile", title));
            }
            match self.store.secret(name.as_str())? {
                Some(secret) => json(&shown_secret(secret)),
                None => Err(Problem::not_found("the secret was removed meanwhile")),
            }
        })
    }

    pub(super) fn remove_secret(&self, query: &Query, actor: &str) -> Outcome {
        query.only(&["name"])?;
        let name: Name = query.required("name")?;
        unhurried(|| {
            let event = self.event(actor, "secret.remove", name.as_str(), &json!({}));
            match self.store.remove_secret(name.as_str(), &event)? {
                true => json(&json!({ "removed": name.as_str() })),
                false => Err(Problem::not_found("no secret of this name is kept")),
            }
        })
    }

    /// The keys that sign and signed, without their private halves.
    pub(super) fn list_keys(&self, query: &Query) -> Outcome {
        query.only(&[])?;
        json(&self.keys.list(self.now()))
    }

    pub(super) fn rotate(&self, query: &Query, actor: &str) -> Outcome {
        query.only(&[])?;
        unhurried(|| {
            let kid = self.keys.rotate(&self.key, self.now(), actor)?;
            json(&json!({ "kid": kid }))
        })
    }

    pub(super) fn withdraw(&self, query: &Query, actor: &str) -> Outcome {
        query.only(&["kid"])?;
        let kid: String = query.required("kid")?;
        unhurried(|| {
            let Some(signing) = self.keys.withdraw(&self.key, &kid, self.now(), actor)? else {
                return Err(Problem::not_found("no key of this name is published"));
            };
            json(&json!({ "withdrawn": kid, "kid": signing }))
        })
    }

    /// What was decided of late, the last one first.
    pub(super) fn list_decisions(&self, query: &Query) -> Outcome {
        query.only(&["limit"])?;
        json(&self.latest_decisions(query.limit(MOST)?))
    }

    /// What was decided of late, the last one first.
    pub(crate) fn latest_decisions(&self, limit: usize) -> Vec<Decided> {
        self.decisions.latest(limit)
    }

    pub(super) fn event(
        &self,
        actor: &str,
        action: &str,
        subject: &str,
        details: &serde_json::Value,
    ) -> Event {
        Event {
            at: self.now(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            details: details.to_string(),
        }
    }
}

fn shown_policy(named: &Named, with_text: bool) -> ShownPolicy {
    ShownPolicy {
        name: named.name.clone(),
        version: named.version,
        sha256: hex::encode(named.sha256),
        at: named.at.to_string(),
        author: named.author.clone(),
        toml: with_text.then(|| named.text.clone()),
    }
}

fn shown_secret(secret: Secret) -> ShownSecret {
    ShownSecret {
        name: secret.name,
        version: secret.version,
        policy: secret.policy,
        times: secret.limits.times,
        until: secret.limits.until.map(|until| until.to_string()),
        platforms: secret
            .limits
            .platforms
            .map(|all| all.iter().map(hex::encode).collect()),
        releases: secret.releases,
        at: secret.at.to_string(),
        author: secret.author,
    }
}

fn limits(spec: &SecretSpec) -> Result<Limits, Problem> {
    let until = spec.until.as_ref().map(|until| {
        let read: Result<Timestamp, _> = until.as_str().parse();
        read.map_err(|error| Problem::bad_request(&format!("until: {error}")))
    });
    let platforms = spec.platforms.as_ref();
    Ok(Limits {
        times: spec.times.map(|times| u64::from(times.get())),
        until: until.transpose()?,
        platforms: platforms.map(|all| all.as_slice().iter().map(|one| one.0).collect()),
    })
}

fn too_many(what: &str, most: usize) -> Problem {
    let title = "There is no room for another one.";
    Problem::new(Status::CONFLICT, "too-many", title)
        .because(&format!("there can be {most} {what}; remove some"))
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Store(error) => error.into(),
            KeysError::TooMany => {
                let title = "There is no room for another one.";
                Self::new(Status::CONFLICT, "too-many", title).because(&error.to_string())
            }
            error => internal(&error),
        }
    }
}

pub(super) fn internal(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "the gate cannot answer");
    let title = "The service cannot answer; its log says why.";
    Problem::new(Status::INTERNAL_SERVER_ERROR, "internal", title)
}
