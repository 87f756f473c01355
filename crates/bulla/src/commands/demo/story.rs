//! What is told of the play.

use bulla_token::Claims;
use bulla_token::claims::Measurement;
use serde::Serialize;

use super::attempt::Outcome;
use super::trial::{Ending, Trial};

/// All of it.
#[derive(Serialize)]
pub(super) struct Story {
    pub(super) simulated: bool,
    pub(super) at: String,
    /// Whether the enclave was executed.
    pub(super) executed: bool,
    /// Why it was not.
    pub(super) not_executed: Option<String>,
    pub(super) as_expected: bool,
    pub(super) steps: Vec<Step>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) chain: Chain,
}

/// A step of the way it must go.
#[derive(Serialize)]
pub(super) struct Step {
    pub(super) step: &'static str,
    pub(super) told: String,
}

impl Step {
    pub(super) fn new(step: &'static str, told: impl Into<String>) -> Self {
        let told = told.into();
        Self { step, told }
    }
}

/// One of the ways it must not go.
#[derive(Serialize)]
pub(super) struct Attempt {
    pub(super) subject: &'static str,
    pub(super) tried: &'static str,
    pub(super) expected: &'static str,
    pub(super) outcome: &'static str,
    pub(super) as_expected: bool,
    /// The reason that was to be found, or the first other one.
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

impl Attempt {
    /// What came of a trial.
    pub(super) fn of(trial: Trial, (ending, reasons): Outcome) -> Self {
        let (expected, code) = trial.expected();
        let wanted = reasons.iter().find(|reason| Some(&*reason.code) == code);
        let reason = wanted.or_else(|| reasons.first());
        Self {
            subject: trial.subject(),
            tried: trial.title(),
            expected: expected.as_str(),
            outcome: ending.as_str(),
            as_expected: ending == expected && (code.is_none() || wanted.is_some()),
            code: reason.map(|reason| reason.code.clone()),
            message: reason.map(|reason| reason.message.clone()),
        }
    }

    /// Whether nothing was got by it.
    pub(super) fn got_nothing(&self) -> bool {
        self.outcome != Ending::Accepted.as_str()
    }
}

/// What rests on what, as the token says it.
#[derive(Serialize)]
pub(super) struct Chain {
    /// SHA-256 of the root's public key.
    pub(super) root_public_key_sha256: String,
    /// How many documents and certificates were used.
    pub(super) collateral: usize,
    pub(super) platform: &'static str,
    pub(super) tcb_status: String,
    pub(super) mrenclave: String,
    pub(super) mrsigner: String,
    pub(super) isvsvn: u16,
    /// `NAME@VERSION`.
    pub(super) policy: String,
    /// The name of the token.
    pub(super) token_id: String,
    /// When the token ends.
    pub(super) until: String,
    /// The attested key, in base64url.
    pub(super) public_key: String,
}

impl Chain {
    /// The chain behind a token of an enclave on a platform.
    pub(super) fn of(claims: &Claims, platform: &'static str) -> Self {
        let facts = &claims.bulla;
        let (mrenclave, mrsigner, isvsvn) = match &facts.measurement {
            Measurement::Sgx {
                mrenclave,
                mrsigner,
                isvsvn,
                ..
            } => (mrenclave.to_string(), mrsigner.to_string(), *isvsvn),
            _ => Default::default(),
        };
        Self {
            root_public_key_sha256: facts.trust_anchor.public_key_sha256.to_string(),
            collateral: facts.collateral.len(),
            platform,
            tcb_status: facts.tcb.status.as_str().to_owned(),
            mrenclave,
            mrsigner,
            isvsvn,
            policy: format!("{}@{}", facts.policy.name, facts.policy.version),
            token_id: claims.jti.to_string(),
            until: claims.exp.to_string(),
            public_key: claims.cnf.jwk.0.to_string(),
        }
    }
}
