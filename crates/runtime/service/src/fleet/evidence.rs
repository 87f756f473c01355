//! Evidence: a platform's last quote is what is known of its state.

use bulla_collateral::Selector;
use bulla_protocol::value::{Fmspc, PceId};
use bulla_store::fleet::Evidence;
use bulla_store::{Fleet as _, StoreError};
use bulla_verifier::{Verdict, Verification};

use super::Fleet;
use crate::judging::NoVerdict;
use crate::want::Choice;

/// What a quote said of its platform.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The verdict that it rests on.
    pub verdict: Verdict,
    /// The family of the platform.
    pub fmspc: Fmspc,
}

/// Why a quote was not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotObserved {
    /// There is no verdict.
    #[error(transparent)]
    NoVerdict(#[from] NoVerdict),
    /// The quote is not genuine.
    #[error("the quote failed verification: {}", first_failure(.0))]
    Failed(Box<Verdict>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn first_failure(verdict: &Verdict) -> String {
    verdict
        .failures()
        .next()
        .map_or_else(String::new, |finding| finding.message.to_string())
}

impl Fleet {
    /// Verifies a quote in binary form and keeps it as the last of its platform.
    pub async fn observe(&self, quote: &[u8]) -> Result<Observation, NotObserved> {
        let choice = Choice::Selected(Selector::Standard);
        let verdict = self.judge.verify(quote, choice).await?;
        let facts = verdict
            .evidence
            .as_ref()
            .and_then(|evidence| Some((evidence, evidence.platform?)));
        let (Verification::Ok, Some((evidence, platform)), Some(tcb)) =
            (verdict.verification(), facts, &verdict.tcb)
        else {
            return Err(NotObserved::Failed(Box::new(verdict)));
        };
        let mut qe_id = [0; 16];
        if let Some(start) = evidence.header.user_data.first_chunk() {
            qe_id = *start;
        }
        let kept = Evidence {
            ppid: platform.ppid,
            pce_id: PceId(platform.pce_id),
            qe_id,
            fmspc: Fmspc(platform.fmspc),
            tee: match evidence.body {
                bulla_verifier::OwnedBody::Sgx(_) => "sgx",
                _ => "tdx",
            }
            .to_owned(),
            quote: quote.to_vec(),
            arrived: self.keeper.collection().now().at,
            tcb_status: tcb.status.as_str().to_owned(),
        };
        self.store().put_evidence(self.anchor(), &kept)?;
        self.refresh.keep_family(platform.fmspc);
        let fmspc = kept.fmspc;
        Ok(Observation { verdict, fmspc })
    }
}
