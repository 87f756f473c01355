//! `PUT /platformcollateral`: what was fetched outside, across an air gap. The answer tells the first
//! thing that was not taken, as Intel's tools read no more.

use bulla_protocol::pccs::{Answer, PlatformCollateral, Reason, Refusal, Version};

use super::{Pccs, refusal};
use crate::intake::{NotTaken, Uncertified};

/// Where documents come from that are put.
const SOURCE: &str = "platformcollateral";

impl Pccs {
    pub(super) async fn put(
        &self,
        version: Version,
        put: PlatformCollateral,
    ) -> Result<Answer, Refusal> {
        let taken = self
            .intake
            .take(version, &put, Uncertified::Refuse, SOURCE)
            .await
            .map_err(|error| refusal::no_store(&error))?;
        let refused = taken.into_iter().find_map(|one| {
            let error = one.outcome.err()?;
            Some((one.what, error))
        });
        let Some((what, error)) = refused else {
            return Ok(Answer::Done);
        };
        let refusal = match &error {
            NotTaken::ChainMissing | NotTaken::Platform(_) => Refusal::new(Reason::InvalidRequest),
            NotTaken::Document(_) => Refusal::new(Reason::IntegrityFailed),
            NotTaken::Certificates(error) => refusal::no_certificate(error),
        };
        Err(refusal.because(&format!("{what}: {error}")))
    }
}
