//! From what was found to what is said.

use bulla_appraisal::{Appraisal, Decision, Policy, Severity};
use bulla_collateral::TcbStatus;
use bulla_evidence::layout::{sgx_attributes, td_attributes};
use bulla_pki::{Timestamp, TrustAnchor};
use bulla_verifier::{CollateralFacts, EvidenceFacts, OwnedBody, TcbFacts, Verdict, Verification};

use crate::binding;
use crate::claims::{
    AnchorFacts, Base64Url, BaselineId, Claims, Confirmation, ConfirmedKey, Facts, Hex,
    Measurement, PolicyId, Profile, Submod, Submods, TcbClaims, VerifierId,
};
use crate::trust::{TrustClaim, TrustVector};

/// What was found about evidence, and by which policy it was accepted.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a result needs all of it")]
pub struct Appraised<'a> {
    /// What is true.
    pub verdict: &'a Verdict,
    /// What was decided.
    pub decision: &'a Decision,
    /// By which policy.
    pub policy: &'a Policy,
    /// Its name.
    pub policy_id: PolicyId,
    /// SHA-256 of the evidence.
    pub evidence_sha256: [u8; 32],
    /// The baseline that was demanded beside the policy; absent where none was.
    pub baseline: Option<BaselineId>,
    /// First second at which something else is demanded, as from a rollout on; absent where nothing
    /// of the kind is known.
    pub demand_changes: Option<Timestamp>,
}

/// For whom and how long a result is to be.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a result needs all of it")]
pub struct Terms {
    /// Who says so.
    pub issuer: String,
    /// For whom.
    pub audience: String,
    /// Who judged.
    pub verifier: VerifierId,
    /// Name of the token: 16 random bytes.
    pub token_id: [u8; 16],
    /// The nonce that the evidence must be bound to.
    pub nonce: [u8; 32],
    /// The attester's public key of X25519 that it must be bound to.
    pub key: [u8; 32],
    /// How long it counts at most, in seconds.
    pub lifetime_seconds: u32,
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResultError {
    /// Verification failed, or the decision is a refusal.
    #[error("the evidence was not accepted")]
    NotAccepted,
    /// The evidence carries other report data than that of this nonce and this key.
    #[error("the evidence is not bound to this nonce and this key")]
    BindingMismatch,
    /// Collateral, an exception or the demand ends now.
    #[error("what the result would rest on ends at {end}; fetch collateral anew")]
    Ended {
        /// Its last second.
        end: Timestamp,
    },
}

/// The result of an appraisal: the claims of a token, not signed yet.
///
/// There is one only for evidence that is genuine, was accepted, and is bound to the nonce and the
/// key of the terms. It ends with the first of what it rests on: its lifetime, the collateral, the
/// exceptions that were applied, the demand.
pub fn attestation_result(appraised: &Appraised<'_>, terms: &Terms) -> Result<Claims, ResultError> {
    let Appraised {
        verdict, decision, ..
    } = appraised;
    let (Verification::Ok, Appraisal::Accepted) = (verdict.verification(), decision.appraisal())
    else {
        return Err(ResultError::NotAccepted);
    };
    let found = || {
        let evidence = verdict.evidence.as_ref()?;
        let anchor = verdict.trust_anchor.as_deref()?;
        Some((anchor, evidence, verdict.tcb.as_ref()?, evidence.platform?))
    };
    let (anchor, evidence, tcb, platform) = found().ok_or(ResultError::NotAccepted)?;
    // Equal or not is no secret here: whoever asks chose all that is compared.
    if evidence.body.borrow().report_data() != &binding::report_data(&terms.nonce, &terms.key) {
        return Err(ResultError::BindingMismatch);
    }

    let at = verdict.at;
    let vector = trust_vector(appraised, anchor, evidence, tcb);
    let policy = &appraised.policy_id;
    Ok(Claims {
        iss: terms.issuer.clone(),
        aud: terms.audience.clone(),
        iat: at,
        nbf: at,
        exp: end(appraised, terms.lifetime_seconds)?,
        jti: Base64Url(terms.token_id),
        eat_profile: Profile,
        eat_nonce: Base64Url(terms.nonce),
        ear_verifier_id: terms.verifier.clone(),
        ear_status: vector.status(),
        submods: Submods {
            bulla: Submod {
                ear_status: vector.status(),
                ear_trustworthiness_vector: vector,
                ear_appraisal_policy_ids: [format!("{}@{}", policy.name, policy.version)],
            },
        },
        cnf: Confirmation {
            jwk: ConfirmedKey(Base64Url(terms.key)),
        },
        bulla: Facts {
            policy: policy.clone(),
            trust_anchor: AnchorFacts {
                name: anchor.name().to_owned(),
                genuine: anchor.is_genuine(),
                public_key_sha256: Hex(*anchor.public_key_sha256()),
            },
            simulated: anchor.kind() == bulla_pki::AnchorKind::Simulated,
            collateral: digests(&verdict.collateral),
            tcb: tcb_claims(tcb),
            evidence_sha256: Hex(appraised.evidence_sha256),
            baseline: appraised.baseline.clone(),
            platform: Hex(binding::platform(&platform.ppid)),
            measurement: measurement(&evidence.body),
        },
    })
}

/// The first of all ends, which must lie ahead.
fn end(appraised: &Appraised<'_>, lifetime_seconds: u32) -> Result<Timestamp, ResultError> {
    let at = appraised.verdict.at;
    // What has ended already counts only by an exception, and as long as that.
    let documents = appraised.verdict.collateral.documents.iter();
    let in_force = documents.map(|d| d.window.until).filter(|end| at <= *end);
    // The last second of an exception counts.
    let excepted = appraised.decision.exceptions_until();
    let end = in_force
        .chain(excepted.map(|until| until.saturating_add(1)))
        .chain(appraised.demand_changes)
        .fold(at.saturating_add(lifetime_seconds.into()), Timestamp::min);
    match end > at {
        true => Ok(end),
        false => Err(ResultError::Ended { end }),
    }
}

/// What AR4SI's numbers are claimed; see [`TrustVector`] for what each means here.
fn trust_vector(
    appraised: &Appraised<'_>,
    anchor: &TrustAnchor,
    evidence: &EvidenceFacts,
    tcb: &TcbFacts,
) -> TrustVector {
    let decision = appraised.decision;
    let excepted = decision.exceptions_until().is_some();
    let warned = decision
        .findings()
        .iter()
        .any(|finding| finding.severity == Severity::Warning);
    let claim = |fine: bool| match fine {
        true => TrustClaim::Affirming,
        false => TrustClaim::Warning,
    };

    let genuine = anchor.is_genuine();
    let settings = !statuses(tcb).any(concerns_configuration);
    let up_to_date = statuses(tcb).all(|status| status == TcbStatus::UpToDate);
    let pinned = is_pinned(appraised.policy, &evidence.body) && !is_debug(&evidence.body);
    TrustVector {
        configuration: claim(genuine && settings && !warned && !excepted),
        executables: (genuine && pinned).then_some(TrustClaim::Affirming),
        hardware: genuine.then(|| claim(up_to_date && !excepted)),
    }
}

fn statuses(tcb: &TcbFacts) -> impl Iterator<Item = TcbStatus> {
    [tcb.status, tcb.launch_status, tcb.current_status].into_iter()
}

fn concerns_configuration(status: TcbStatus) -> bool {
    match status {
        TcbStatus::ConfigurationNeeded
        | TcbStatus::ConfigurationAndSWHardeningNeeded
        | TcbStatus::OutOfDateConfigurationNeeded
        | TcbStatus::TDRelaunchAdvisedConfigurationNeeded => true,
        TcbStatus::UpToDate
        | TcbStatus::SWHardeningNeeded
        | TcbStatus::OutOfDate
        | TcbStatus::TDRelaunchAdvised
        | TcbStatus::Revoked => false,
    }
}

/// Whether the policy says what is to be loaded: for an enclave its measurement, or its signer and
/// product; for a trust domain firmware, kernel and system.
fn is_pinned(policy: &Policy, body: &OwnedBody) -> bool {
    match body {
        OwnedBody::Sgx(_) => policy.sgx.as_ref().is_some_and(|sgx| {
            sgx.mrenclave.is_some() || (sgx.mrsigner.is_some() && sgx.isvprodid.is_some())
        }),
        OwnedBody::Td10(_) | OwnedBody::Td15(_) | OwnedBody::Td15Ex(_) => policy
            .tdx
            .as_ref()
            .is_some_and(|tdx| tdx.mrtd.is_some() && tdx.rtmr1.is_some() && tdx.rtmr2.is_some()),
    }
}

fn is_debug(body: &OwnedBody) -> bool {
    match measurement(body) {
        Measurement::Sgx { debug, .. } | Measurement::Tdx { debug, .. } => debug,
    }
}

fn measurement(body: &OwnedBody) -> Measurement {
    let td = match body {
        OwnedBody::Sgx(report) => {
            return Measurement::Sgx {
                mrenclave: Hex(report.mrenclave),
                mrsigner: Hex(report.mrsigner),
                isvprodid: report.isvprodid.get(),
                isvsvn: report.isvsvn.get(),
                debug: report.attributes.flags.get() & sgx_attributes::DEBUG != 0,
            };
        }
        OwnedBody::Td10(td) => td,
        OwnedBody::Td15(td) => &td.td10,
        OwnedBody::Td15Ex(td) => &td.td15.td10,
    };
    Measurement::Tdx {
        mrtd: Hex(td.mrtd),
        rtmr: [td.rtmr0, td.rtmr1, td.rtmr2, td.rtmr3].map(Hex),
        mrseam: Hex(td.mrseam),
        debug: td.tdattributes.get() & td_attributes::DEBUG != 0,
    }
}

fn tcb_claims(tcb: &TcbFacts) -> TcbClaims {
    TcbClaims {
        status: tcb.status,
        date: tcb.date,
        advisory_ids: tcb.advisory_ids.iter().map(|id| id.to_string()).collect(),
        evaluation_data_number: tcb.evaluation_data_number(),
    }
}

fn digests(collateral: &CollateralFacts) -> std::collections::BTreeMap<String, Hex<32>> {
    let documents = collateral.documents.iter();
    documents
        .map(|document| (document.name.to_owned(), Hex(document.sha256)))
        .collect()
}
