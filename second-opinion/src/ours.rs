//! bulla's opinion: verification, then appraisal by the policy that the other side has built in.

use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};

use bulla_appraisal::{Appraisal, Policy, appraise};
use bulla_collateral::TcbStatus;
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_verifier::{OwnedBody, Verdict};

use crate::case::{Case, Root, Tolerance};
use crate::opinion::{Facts, Opinion, Reason};
use crate::panics;

/// bulla, set up for both roots.
pub(crate) struct Ours {
    vendor: Side,
    issuer: Side,
}

/// Anchors and policies for one root.
struct Side {
    anchors: TrustAnchors,
    policies: Vec<(PolicyKey, Policy)>,
}

/// What decides which policy is equivalent to the other side's checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PolicyKey {
    tolerance: Tolerance,
    /// A TD report 1.0 does not tell about service TDs; the other side does not ask it.
    tells_service_td: bool,
}

impl Ours {
    /// bulla with the vendors' roots and, apart from them, the issuer's.
    pub(crate) fn new(issuer_root_der: &[u8]) -> Self {
        let issuer = TrustAnchors::vendors().with_simulated(issuer_root_der);
        Self {
            vendor: Side::new(TrustAnchors::vendors()),
            issuer: Side::new(issuer.expect("the issuer's root is a simulated one")),
        }
    }

    /// The verdict, for whoever wants to know more than the opinion; an error is a panic's text.
    pub(crate) fn verdict(&self, case: &Case) -> Result<Verdict, String> {
        let anchors = self.anchors(case.root);
        panics::caught(AssertUnwindSafe(|| {
            bulla_verifier::verify(&case.quote, &case.collateral, anchors, case.at)
        }))
    }

    /// The opinion that follows from the verdict.
    pub(crate) fn opinion(&self, case: &Case, verdict: &Result<Verdict, String>) -> Opinion {
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(message) => return Opinion::Panics(message.clone()),
        };
        let failures: Vec<Reason> = verdict
            .failures()
            .map(|failure| Reason {
                name: format!("{}@{}", failure.code, failure.subject),
                text: failure.message.clone(),
            })
            .collect();
        if !failures.is_empty() {
            return Opinion::Rejects(failures);
        }
        let policy = self.side(case.root).policy(case.tolerance, verdict);
        let decision = match panic::catch_unwind(AssertUnwindSafe(|| appraise(verdict, policy))) {
            Ok(decision) => decision,
            Err(payload) => return Opinion::Panics(panics::text(payload.as_ref())),
        };
        match (decision.appraisal(), facts(verdict)) {
            (Appraisal::Accepted, Some(facts)) => Opinion::Accepts(Box::new(facts)),
            _ => Opinion::Rejects(
                decision
                    .refusals()
                    .map(|refusal| Reason {
                        name: format!("{}@{}", refusal.reason.as_str(), refusal.check),
                        text: refusal.message.clone(),
                    })
                    .collect(),
            ),
        }
    }

    /// The anchors that a case is judged by.
    pub(crate) fn anchors(&self, root: Root) -> &TrustAnchors {
        &self.side(root).anchors
    }

    fn side(&self, root: Root) -> &Side {
        match root {
            Root::Vendor => &self.vendor,
            Root::Issuer => &self.issuer,
        }
    }
}

impl Side {
    fn new(anchors: TrustAnchors) -> Self {
        let last = anchors.iter().last().expect("an anchor");
        let root = hex::encode(last.public_key_sha256());
        let mut keys = Vec::new();
        for bits in 0..8_u8 {
            keys.push(PolicyKey {
                tolerance: Tolerance {
                    debug: bits & 1 != 0,
                    service_td: bits & 2 != 0,
                },
                tells_service_td: bits & 4 != 0,
            });
        }
        Self {
            policies: keys
                .into_iter()
                .map(|key| (key, equivalent_policy(&root, key)))
                .collect(),
            anchors,
        }
    }

    fn policy(&self, tolerance: Tolerance, verdict: &Verdict) -> &Policy {
        let body = verdict.evidence.as_ref().map(|evidence| &evidence.body);
        let key = PolicyKey {
            tolerance,
            tells_service_td: matches!(body, Some(OwnedBody::Td15(_) | OwnedBody::Td15Ex(_))),
        };
        let found = self.policies.iter().find(|(known, _)| *known == key);
        &found.expect("a policy for every key").1
    }
}

/// The policy that refuses what the other side refuses beyond the vendor's procedure.
fn equivalent_policy(root: &str, key: PolicyKey) -> Policy {
    let statuses: Vec<String> = TcbStatus::ALL
        .iter()
        .filter(|status| **status != TcbStatus::Revoked)
        .map(|status| format!("{:?}", status.as_str()))
        .collect();
    let word = |tolerated: bool| if tolerated { "any" } else { "refused" };
    let debug = word(key.tolerance.debug);
    let extension = word(key.tolerance.service_td && key.tells_service_td);
    let service_td = word(key.tolerance.service_td || !key.tells_service_td);
    let text = format!(
        r#"
trust_anchors = ["{root}"]
accepted_tcb_statuses = [{statuses}]
[sgx]
debug = "{debug}"
[tdx]
debug = "{debug}"
profiling = "{debug}"
reserved_attributes = "refused"
sept_ve_disable = "required"
migratable = "refused"
service_td_extension = "{extension}"
service_td = "{service_td}"
"#,
        statuses = statuses.join(", ")
    );
    Policy::from_toml(&text).expect("a policy")
}

fn facts(verdict: &Verdict) -> Option<Facts> {
    let tcb = verdict.tcb.as_ref()?;
    let platform = verdict.evidence.as_ref()?.platform.as_ref()?;
    let collateral = &verdict.collateral;
    let seconds = |time: Option<Timestamp>| time.map_or(0, Timestamp::unix_seconds);
    Some(Facts {
        status: tcb.status.to_string(),
        advisories: tcb
            .advisory_ids
            .iter()
            .map(|id| id.to_string())
            .collect::<BTreeSet<_>>(),
        evaluation_number: tcb.evaluation_data_number(),
        tcb_date: tcb.date.unix_seconds(),
        fmspc: platform.fmspc.to_vec(),
        ppid: platform.ppid.to_vec(),
        pce_id: platform.pce_id.to_vec(),
        pcesvn: platform.pcesvn,
        cpusvn: platform.components.to_vec(),
        platform_instance_id: platform.platform_instance_id,
        dynamic_platform: platform.dynamic_platform,
        cached_keys: platform.cached_keys,
        smt_enabled: platform.smt_enabled,
        pck_crl_number: collateral.pck_crl_number?,
        root_ca_crl_number: collateral.root_ca_crl_number?,
        earliest_issue: seconds(collateral.earliest_issue()),
        latest_issue: seconds(collateral.latest_issue()),
        earliest_expiration: seconds(collateral.earliest_expiration()),
    })
}
