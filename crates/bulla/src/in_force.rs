//! Everything that a service demands at an instant, as `GET /baselines` tells it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulla_appraisal::Demand;
use bulla_appraisal::baseline::{Baseline, Exception, Name, Ring, Rollout};
use bulla_pki::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::service::Service;

/// Everything at an instant, as far as it is of use here.
#[derive(Deserialize)]
pub(crate) struct Shown {
    pub(crate) at: String,
    pub(crate) decisions: u32,
    pub(crate) baselines: BTreeMap<String, ShownBaseline>,
    pub(crate) rings: BTreeMap<String, ShownRing>,
    pub(crate) rollouts: BTreeMap<String, ShownRollout>,
    pub(crate) exceptions: BTreeMap<String, ShownException>,
    /// Pins that end soon; absent where the service does not know.
    #[serde(default)]
    pub(crate) ending_pins: Vec<EndingPin>,
}

#[derive(Deserialize)]
pub(crate) struct ShownBaseline {
    pub(crate) decision: Option<u32>,
    #[serde(flatten)]
    pub(crate) baseline: Baseline,
}

#[derive(Deserialize)]
pub(crate) struct ShownRing {
    #[serde(flatten)]
    pub(crate) ring: Ring,
    pub(crate) demand: Followed,
    pub(crate) next: Vec<Coming>,
}

#[derive(Deserialize)]
pub(crate) struct Followed {
    pub(crate) baseline: String,
    pub(crate) rollout: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Coming {
    pub(crate) rollout: String,
    pub(crate) baseline: String,
    pub(crate) from: String,
}

#[derive(Deserialize)]
pub(crate) struct ShownRollout {
    #[serde(flatten)]
    pub(crate) rollout: Rollout,
    pub(crate) state: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct ShownException {
    #[serde(flatten)]
    pub(crate) exception: Exception,
    pub(crate) in_force: bool,
}

#[derive(Deserialize)]
pub(crate) struct EndingPin {
    pub(crate) ring: String,
    pub(crate) technology: String,
    /// Absent where it is that of the whole technology.
    pub(crate) family: Option<String>,
    pub(crate) number: u32,
    /// The last second of the document that ends first; absent where none is there.
    pub(crate) last_next_update: Option<String>,
    pub(crate) message: String,
}

impl Shown {
    /// Reads what the service answered.
    pub(crate) fn read(service: &Service, value: &Json) -> Result<Self> {
        Self::deserialize(value).map_err(|error| unknown(service, error.to_string()))
    }

    /// An instant of the answer.
    pub(crate) fn instant(&self, service: &Service, text: &str) -> Result<Timestamp> {
        text.parse()
            .map_err(|error| unknown(service, format!("`{text}`: {error}")))
    }

    /// What is demanded of a ring; absent where there is no such ring.
    pub(crate) fn demand(&self, service: &Service, ring: &str) -> Result<Option<Demand>> {
        let Some(ShownRing { demand, .. }) = self.rings.get(ring) else {
            return Ok(None);
        };
        let named = |text: &str| -> Result<Name> {
            text.parse()
                .map_err(|error| unknown(service, format!("`{text}`: {error}")))
        };
        let Some(followed) = self.baselines.get(&demand.baseline) else {
            let reason = format!("it does not tell the baseline `{}`", demand.baseline);
            return Err(unknown(service, reason));
        };
        let in_force = self.exceptions.iter().filter(|(_, one)| one.in_force);
        let exceptions: Result<BTreeMap<Name, Exception>> = in_force
            .map(|(name, one)| Ok((named(name)?, one.exception.clone())))
            .collect();
        let mut whole = Demand::default();
        whole.ring = named(ring)?;
        whole.name = named(&demand.baseline)?;
        whole.decision = followed.decision;
        whole.rollout = demand.rollout.as_deref().map(named).transpose()?;
        whole.baseline = Arc::new(followed.baseline.clone());
        whole.exceptions = exceptions?;
        Ok(Some(whole))
    }
}

fn unknown(service: &Service, reason: String) -> Error {
    Error::ServiceAnswerUnknown {
        url: format!("{}/baselines", service.url),
        reason,
    }
}
