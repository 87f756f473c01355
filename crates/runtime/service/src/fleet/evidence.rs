//! Evidence: a platform's last quote is what is known of its state.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bulla_collateral::Selector;
use bulla_evidence::Quote;
use bulla_pki::Timestamp;
use bulla_pki::digest::sha256;
use bulla_protocol::value::{Fmspc, PceId};
use bulla_store::audit::Event;
use bulla_store::fleet::Evidence;
use bulla_store::{Audit as _, Fleet as _, StoreError};
use bulla_verifier::{Verdict, Verification};

use super::Fleet;
use super::versions::{Lowered, Versions};
use crate::clock;
use crate::judging::{Asking, Need, NoVerdict};
use crate::keeper::unhurried;
use crate::want::Choice;

/// For how long the audit says once of a platform that somebody showed an older state of it, in
/// seconds: a day. Whoever repeats a quote must not fill the store.
const SAID_AGAIN_AFTER: u64 = 24 * 3_600;

/// What becomes of genuine evidence of an older state of a platform than the one that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Regression {
    /// It is refused: whoever has an old quote could otherwise undo an update, as far as anybody
    /// here knows.
    Refuse,
    /// It is kept: an administrator says that the platform went back.
    Keep,
}

/// What a quote said of its platform.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The verdict that it rests on.
    pub verdict: Verdict,
    /// The family of the platform.
    pub fmspc: Fmspc,
    /// What is lower than it was known to be, where nothing is higher; mostly empty.
    pub lowered: Vec<Lowered>,
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
    /// The quote is genuine, and shows an older state than the one that is known.
    #[error("regressed: {}", listed(.0))]
    Regressed(Vec<Lowered>),
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

fn listed(lowered: &[Lowered]) -> String {
    let parts: Vec<String> = lowered.iter().map(ToString::to_string).collect();
    parts.join("; ")
}

impl Fleet {
    /// Verifies a quote in binary form and keeps it as the last of its platform; one that shows an
    /// older state only where `regression` says so. `actor` is for the audit.
    pub async fn observe(
        &self,
        quote: &[u8],
        regression: Regression,
        actor: &str,
    ) -> Result<Observation, NotObserved> {
        let parsed = Quote::parse(quote).map_err(NoVerdict::from)?;
        let need = Need::of(&parsed, Choice::Selected(Selector::Standard))?;
        let verdict = self.judge.verify(quote, need, Asking::Insisting).await?;
        let Some(evidence) = self.evidence_of(&verdict, quote) else {
            return Err(NotObserved::Failed(Box::new(verdict)));
        };
        let lowered = self.enter(&evidence, regression, actor)?;
        self.refresh.keep_family(evidence.fmspc.0);
        Ok(Observation {
            verdict,
            fmspc: evidence.fmspc,
            lowered,
        })
    }

    /// What a quote needs, by the certificate that it carries.
    pub fn need(&self, quote: &Quote<'_>, choice: Choice) -> Result<Need, NoVerdict> {
        self.judge.need(quote, choice)
    }

    /// The verdict on a quote in binary form that anybody may have sent, by the collateral that it
    /// needs; nothing is kept.
    pub async fn judge(&self, quote: &[u8], need: Need) -> Result<Verdict, NoVerdict> {
        self.judge.verify(quote, need, Asking::Measured).await
    }

    /// Keeps a quote that anybody sent, and that was shown to be genuine, as the last of its
    /// platform: where its TCB status is another than that of the one before, or that one is
    /// [`OFTEN_ENOUGH`] seconds old; never one of an older state. A store that fails is logged, and
    /// changes nothing about the verdict. Blocks only where it keeps something.
    pub fn note_evidence(&self, verdict: &Verdict, quote: &[u8], actor: &str) {
        let Some(evidence) = self.evidence_of(verdict, quote) else {
            return;
        };
        if !self.noted.is_news(&evidence) {
            return;
        }
        match unhurried(|| self.enter(&evidence, Regression::Refuse, actor)) {
            Ok(_) => self.refresh.keep_family(evidence.fmspc.0),
            Err(error) => tracing::warn!(%error, "evidence is not kept"),
        }
    }

    /// What is kept of a quote; absent where it was not shown to be genuine.
    fn evidence_of(&self, verdict: &Verdict, quote: &[u8]) -> Option<Evidence> {
        let (Verification::Ok, Some(evidence), Some(tcb)) =
            (verdict.verification(), &verdict.evidence, &verdict.tcb)
        else {
            return None;
        };
        let platform = evidence.platform?;
        let mut qe_id = [0; 16];
        if let Some(start) = evidence.header.user_data.first_chunk() {
            qe_id = *start;
        }
        Some(Evidence {
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
        })
    }

    /// Keeps evidence, unless it goes back and may not; what is lower.
    fn enter(
        &self,
        given: &Evidence,
        regression: Regression,
        actor: &str,
    ) -> Result<Vec<Lowered>, NotObserved> {
        let mut observing = self
            .observing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (store, anchor) = (self.store(), self.anchor());
        let known = store.last_evidence(anchor, &given.ppid, &given.tee)?;
        let known = known.and_then(|known| Versions::of(&known.quote));
        let lowered = match (Versions::of(&given.quote), known) {
            (Some(given), Some(known)) => given.lowered_from(&known),
            _ => Vec::new(),
        };
        if lowered.is_empty() {
            store.put_evidence(anchor, given)?;
            return Ok(lowered);
        }
        let is_kept = regression == Regression::Keep;
        if is_kept || is_news(&mut observing, given) {
            store.record(&regressed(given, &lowered, is_kept, actor))?;
        }
        if !is_kept {
            return Err(NotObserved::Regressed(lowered));
        }
        store.put_evidence(anchor, given)?;
        Ok(lowered)
    }
}

/// Whether the audit has not said of late that somebody showed an older state of this platform.
fn is_news(said: &mut HashMap<([u8; 16], String), Timestamp>, given: &Evidence) -> bool {
    let now = given.arrived;
    said.retain(|_, until| clock::is_waiting(now, *until, SAID_AGAIN_AFTER));
    let key = (given.ppid, given.tee.clone());
    let until = now.saturating_add(SAID_AGAIN_AFTER);
    said.insert(key, until).is_none()
}

/// What the audit says. A PPID is personal to a machine: its digest tells platforms apart.
fn regressed(given: &Evidence, lowered: &[Lowered], is_kept: bool, actor: &str) -> Event {
    let lowered: Vec<String> = lowered.iter().map(ToString::to_string).collect();
    let details = serde_json::json!({
        "fmspc": given.fmspc.to_string(),
        "tcb_status": given.tcb_status,
        "lowered": lowered,
        "kept": is_kept,
    });
    Event {
        at: given.arrived,
        actor: actor.to_owned(),
        action: "evidence.regressed".to_owned(),
        subject: format!("{}/{}", given.tee, hex::encode(sha256(&given.ppid))),
        details: details.to_string(),
    }
}

/// How long the last evidence of a platform stands before another with the same TCB takes its
/// place, in seconds: an hour. A fleet that attests every few minutes would wear out the disk.
pub const OFTEN_ENOUGH: u64 = 3_600;

/// Most platforms of which is remembered when evidence was kept, of some 100 bytes each. What is
/// forgotten is written once more.
const MOST_NOTED: usize = 100_000;

/// When evidence of which TCB was kept, by PPID, PCE and technology.
#[derive(Debug, Default)]
pub(super) struct Noted(Mutex<HashMap<Subject, (String, Timestamp)>>);

type Subject = ([u8; 16], PceId, bool);

impl Noted {
    /// Whether evidence is to be kept, which is noted.
    fn is_news(&self, evidence: &Evidence) -> bool {
        let subject = (evidence.ppid, evidence.pce_id, evidence.tee == "sgx");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = all.get(&subject).is_some_and(|(status, since)| {
            let until = since.saturating_add(OFTEN_ENOUGH);
            *status == evidence.tcb_status
                && clock::is_waiting(evidence.arrived, until, OFTEN_ENOUGH)
        });
        if is_known {
            return false;
        }
        if all.len() >= MOST_NOTED {
            all.clear();
        }
        all.insert(subject, (evidence.tcb_status.clone(), evidence.arrived));
        true
    }
}
