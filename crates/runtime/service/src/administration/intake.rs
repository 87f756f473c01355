//! Collateral in the form of Intel's cache, with a report of all that became of it.

use bulla_protocol::pccs::{MAX_COLLATERAL_BODY_SIZE, PlatformCollateral, Version};
use serde::Serialize;

use super::{Administration, Outcome, Problem, Query, json, read};
use crate::http::Asked;
use crate::intake::{Entered, NotTaken, Taken, Uncertified};

/// Where it comes from.
const SOURCE: &str = "taken over";

#[derive(Serialize)]
struct Answer {
    documents: Vec<Document>,
    /// Platforms whose certificates were taken.
    certificates: usize,
    /// TCBs that platforms reported, with a certificate for each.
    tcbs: usize,
    /// Platforms that wait for their certificates.
    waiting: usize,
    refused: Vec<Refused>,
}

#[derive(Serialize)]
struct Document {
    document: String,
    outcome: &'static str,
}

#[derive(Serialize)]
struct Refused {
    what: String,
    code: &'static str,
    reason: String,
}

impl Administration {
    pub(super) async fn take_in(&self, query: &Query, asked: Asked, actor: &str) -> Outcome {
        query.only(&["version"])?;
        let version = match query.find("version") {
            None | Some("4") => Version::V4,
            Some("3") => Version::V3,
            Some(_) => return Err(Problem::bad_request("the parameter version is not 3 or 4")),
        };
        let body = read(asked, MAX_COLLATERAL_BODY_SIZE).await?;
        let put = PlatformCollateral::read(version, &body);
        let put = put.map_err(|refusal| Problem::bad_request(&refusal.to_string()))?;
        drop(body);
        let taken = self
            .intake
            .take(version, &put, Uncertified::Register, SOURCE)
            .await?;
        let answer = Answer::of(taken);
        let details = serde_json::json!({
            "documents": answer.documents.len(),
            "certificates": answer.certificates,
            "waiting": answer.waiting,
            "refused": answer.refused.len(),
        });
        self.note(actor, "collateral.taken_over", String::new(), &details)?;
        json(&answer)
    }
}

impl Answer {
    fn of(taken: Vec<Taken>) -> Self {
        let mut answer = Self {
            documents: Vec::new(),
            certificates: 0,
            tcbs: 0,
            waiting: 0,
            refused: Vec::new(),
        };
        for Taken { what, outcome } in taken {
            let entered = match outcome {
                Ok(entered) => entered,
                Err(error) => {
                    answer.refuse(what, &error);
                    continue;
                }
            };
            match entered {
                Entered::Document(change) => answer.documents.push(Document {
                    document: what,
                    outcome: change.as_str(),
                }),
                Entered::Certificates => answer.certificates += 1,
                Entered::Tcb => answer.tcbs += 1,
                Entered::Waiting => answer.waiting += 1,
            }
        }
        answer
    }

    fn refuse(&mut self, what: String, error: &NotTaken) {
        self.refused.push(Refused {
            what,
            code: error.code(),
            reason: error.to_string(),
        });
    }
}
