//! The fleet. Names of platforms and PPIDs are personal to machines: an administrator sees the
//! names; lists tell a PPID as a digest. A quote has it in its certificate, and is given out to an
//! administrator alone, of one platform at a time.

use bulla_evidence::input::decode_text_or_raw;
use bulla_protocol::value::{Fmspc, PceId};
use bulla_protocol::wire::Status;
use bulla_store::Fleet as _;
use bulla_store::fleet::{self, PlatformId};
use bulla_verifier::Verdict;
use serde::Serialize;

use super::{Administration, MOST, Outcome, Problem, Query, json, read};
use crate::fleet::{NotObserved, Regression};
use crate::http::Asked;
use crate::judging::NoVerdict;

/// Longest quote that is taken, in bytes, in any encoding: the longest have 12 KB with the
/// certificate chain, in hexadecimal digits twice that.
const LONGEST_QUOTE: usize = 64 * 1024;

/// A platform that is registered.
#[derive(Serialize)]
pub(crate) struct Platform {
    pub(crate) qe_id: String,
    pub(crate) pce_id: String,
    pub(crate) fmspc: Option<String>,
    pub(crate) ca: Option<&'static str>,
    pub(crate) registered: String,
    pub(crate) has_manifest: bool,
}

#[derive(Serialize)]
struct Evidence {
    /// SHA-256 of the PPID: tells platforms apart without naming them.
    ppid_sha256: String,
    qe_id: String,
    pce_id: String,
    fmspc: String,
    tee: String,
    tcb_status: String,
    arrived: String,
}

/// Evidence with what it rests on.
#[derive(Serialize)]
struct ShownQuote {
    #[serde(flatten)]
    evidence: Evidence,
    quote_hex: String,
}

#[derive(Serialize)]
struct Observed {
    fmspc: String,
    tcb_status: Option<&'static str>,
    advisory_ids: Vec<String>,
    genuine: bool,
    /// Whether it shows an older state than the one that was known, and was kept all the same.
    regressed: bool,
}

impl Administration {
    pub(super) fn platforms(&self, query: &Query) -> Outcome {
        query.only(&["fmspc", "after_qe_id", "after_pce_id", "limit"])?;
        let fmspc: Option<Fmspc> = query.typed("fmspc")?;
        let after = after(query)?;
        json(&self.registered(fmspc, after.as_ref(), query.limit(MOST)?)?)
    }

    /// Platforms that are registered, of one family or of all, in the order of their names behind
    /// `after`.
    pub(crate) fn registered(
        &self,
        fmspc: Option<Fmspc>,
        after: Option<&PlatformId>,
        limit: usize,
    ) -> Result<Vec<Platform>, Problem> {
        let collection = self.keeper.collection();
        let platforms =
            collection
                .store()
                .platforms(collection.realm().id(), fmspc, after, limit)?;
        let rows = platforms
            .into_iter()
            .map(|platform| Platform {
                qe_id: platform.id.qe_id,
                pce_id: platform.id.pce_id.to_string(),
                fmspc: platform.fmspc.map(|fmspc| fmspc.to_string()),
                ca: platform.ca.map(|ca| ca.as_str()),
                registered: platform.registered.to_string(),
                has_manifest: platform.manifest.is_some(),
            })
            .collect();
        Ok(rows)
    }

    pub(super) fn remove_platform(&self, query: &Query, actor: &str) -> Outcome {
        query.only(&["qe_id", "pce_id"])?;
        let id = PlatformId {
            qe_id: query.required::<String>("qe_id")?.to_uppercase(),
            pce_id: query.required::<PceId>("pce_id")?,
        };
        if !self.fleet.remove(&id)? {
            return Err(Problem::not_found("no platform of this name is registered"));
        }
        let subject = format!("{}/{}", id.qe_id, id.pce_id);
        self.note(actor, "platform.remove", subject, &serde_json::json!({}))?;
        json(&serde_json::json!({ "removed": id.qe_id }))
    }

    pub(super) fn evidence(&self, query: &Query) -> Outcome {
        query.only(&["limit"])?;
        let collection = self.keeper.collection();
        let all = collection
            .store()
            .evidence(collection.realm().id(), None, query.limit(MOST)?)?;
        let rows: Vec<Evidence> = all.iter().map(shown).collect();
        json(&rows)
    }

    /// The last quotes under one QE-ID: that of a platform and a technology.
    pub(super) fn quotes(&self, query: &Query) -> Outcome {
        query.only(&["qe_id"])?;
        let name: String = query.required("qe_id")?;
        let mut qe_id = [0; 16];
        hex::decode_to_slice(&name, &mut qe_id)
            .map_err(|_| Problem::bad_request("qe_id: 32 hexadecimal digits"))?;
        let collection = self.keeper.collection();
        let all = collection
            .store()
            .evidence_under(collection.realm().id(), &qe_id)?;
        if all.is_empty() {
            return Err(Problem::not_found("there is no evidence of this platform"));
        }
        let quotes: Vec<ShownQuote> = all
            .iter()
            .map(|evidence| ShownQuote {
                evidence: shown(evidence),
                quote_hex: hex::encode(&evidence.quote),
            })
            .collect();
        json(&quotes)
    }

    pub(super) async fn observe(
        &self,
        query: &Query,
        asked: Asked,
        regression: Regression,
        actor: &str,
    ) -> Outcome {
        query.only(&[])?;
        let body = read(asked, LONGEST_QUOTE).await?;
        let quote = decode_text_or_raw(&body)
            .map_err(|error| Problem::bad_request(&format!("the quote: {error}")))?;
        match self.fleet.observe(&quote, regression, actor).await {
            Ok(observation) => json(&Observed {
                fmspc: observation.fmspc.to_string(),
                tcb_status: status(&observation.verdict),
                advisory_ids: advisories(&observation.verdict),
                genuine: self.keeper.collection().realm().anchor().is_genuine(),
                regressed: !observation.lowered.is_empty(),
            }),
            Err(NotObserved::Store(error)) => Err(error.into()),
            Err(NotObserved::NoVerdict(NoVerdict::Absent(absent))) => Err(Problem::from(&absent)),
            Err(error @ NotObserved::Failed(_)) => {
                let title = "The quote failed verification.";
                let status = Status::UNPROCESSABLE_CONTENT;
                Err(Problem::new(status, "verification-failed", title).because(&error.to_string()))
            }
            Err(error @ NotObserved::Regressed(_)) => {
                let title = "The quote shows an older state of its platform than the known one.";
                let problem = Problem::new(Status::CONFLICT, "evidence-regressed", title);
                let detail = format!(
                    "{error}. If the platform really went back, an administrator records it with PUT"
                );
                Err(problem.because(&detail))
            }
            Err(error) => Err(Problem::bad_request(&error.to_string())),
        }
    }
}

fn shown(evidence: &fleet::Evidence) -> Evidence {
    Evidence {
        ppid_sha256: hex::encode(bulla_pki::digest::sha256(&evidence.ppid)),
        qe_id: hex::encode_upper(evidence.qe_id),
        pce_id: evidence.pce_id.to_string(),
        fmspc: evidence.fmspc.to_string(),
        tee: evidence.tee.clone(),
        tcb_status: evidence.tcb_status.clone(),
        arrived: evidence.arrived.to_string(),
    }
}

/// Behind which platform a list goes on; absent where it begins.
pub(crate) fn after(query: &Query) -> Result<Option<PlatformId>, Problem> {
    let Some(qe_id) = query.find("after_qe_id") else {
        return Ok(None);
    };
    Ok(Some(PlatformId {
        qe_id: qe_id.to_owned(),
        pce_id: query.required("after_pce_id")?,
    }))
}

fn status(verdict: &Verdict) -> Option<&'static str> {
    verdict.tcb.as_ref().map(|tcb| tcb.status.as_str())
}

fn advisories(verdict: &Verdict) -> Vec<String> {
    let listed = verdict.tcb.iter().flat_map(|tcb| &tcb.advisory_ids);
    listed.map(|id| id.to_string()).collect()
}
