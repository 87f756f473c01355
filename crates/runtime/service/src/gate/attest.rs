//! From evidence to a signed result.

use bulla_appraisal::Appraisal;
use bulla_evidence::{Quote, QuoteError};
use bulla_pki::digest::sha256;
use bulla_pki::mac::random;
use bulla_protocol::gate::{
    AttestAnswer, AttestRequest, BINDING_MISMATCH, Challenge, NONCE_EXPIRED, NONCE_UNKNOWN,
    NONCE_USED, POLICY_UNKNOWN, RefusalFinding, ResultStatus,
};
use bulla_protocol::problem::Code;
use bulla_protocol::wire::Status;
use bulla_store::{Nodes as _, StoreError};
use bulla_token::claims::{Hex, PolicyId, VerifierId};
use bulla_token::{Appraised, ResultError, Terms, attestation_result, binding};
use bulla_verifier::{Verdict, Verification};

use super::nonces::{self, NotTaken};
use super::{Gate, instant, internal};
use crate::administration::Problem;
use crate::judging::NoVerdict;
use crate::keeper::{Absent, unhurried};
use crate::want::Choice;

/// Who brings evidence to the fleet, in the audit.
const ACTOR: &str = "attested";

/// When to come again where the service does not know better, in seconds.
const COME_AGAIN: u32 = 60;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotAttested {
    /// There is no policy of this name.
    #[error("there is no policy of this name")]
    PolicyUnknown,
    /// The nonce was not issued here, or before the service was started.
    #[error("the nonce was not given out by this service since it was started")]
    NonceUnknown,
    /// The nonce has ended.
    #[error("the nonce has ended")]
    NonceExpired,
    /// The nonce was used before, whatever came of that.
    #[error("the nonce was used before")]
    NonceUsed,
    /// So many nonces are in use that no more can be remembered.
    #[error("there are too many attestations at present")]
    Busy,
    /// The evidence carries other report data than that of nonce and key.
    #[error("the evidence is bound to another nonce or another key")]
    BindingMismatch,
    /// The evidence is not genuine, or not good enough; each reason.
    #[error("the evidence is refused")]
    Refused(Vec<RefusalFinding>),
    /// There is no collateral to judge by.
    #[error(transparent)]
    NoCollateral(Absent),
    /// Something inside failed.
    #[error("{0}")]
    Internal(String),
    /// The store does not say whether the nonce was used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Gate {
    /// A nonce for one attestation.
    pub fn challenge(&self) -> Result<Challenge, NotAttested> {
        let now = self.now();
        let issued = self.nonces.issue(now);
        let (nonce, until) = issued.map_err(|error| NotAttested::Internal(error.to_string()))?;
        self.counters.challenged();
        Ok(Challenge {
            nonce: bulla_protocol::gate::Octets(nonce),
            expires: instant(until),
            service_time: instant(now),
        })
    }

    /// Takes a nonce, at this node and at all that share its store.
    fn take_nonce(&self, nonce: &[u8; 32]) -> Result<(), NotAttested> {
        self.nonces.take(nonce, self.now())?;
        if !self.store.is_shared() {
            return Ok(());
        }
        // The store's clock may be ahead of this one by as much as a nonce is good.
        let until = nonces::end(nonce).saturating_add(self.settings.nonce_seconds.into());
        match unhurried(|| self.store.use_once(nonce, until))? {
            true => Ok(()),
            false => Err(NotAttested::NonceUsed),
        }
    }

    /// Takes the nonce, verifies the evidence, appraises it, and signs what came of it.
    pub async fn attest(&self, request: &AttestRequest) -> Result<AttestAnswer, NotAttested> {
        self.attest_noting(request, &mut None).await
    }

    /// The same; the platform is noted as soon as it was shown to be genuine.
    pub(super) async fn attest_noting(
        &self,
        request: &AttestRequest,
        platform: &mut Option<[u8; 32]>,
    ) -> Result<AttestAnswer, NotAttested> {
        let named = self.policies.find(request.policy.as_str());
        let named = named.ok_or(NotAttested::PolicyUnknown)?;
        let (nonce, key) = (request.nonce.0, request.public_key.0.0);
        self.take_nonce(&nonce)?;

        let quote = request.evidence.quote.as_bytes();
        let parsed = Quote::parse(quote)?;
        let report_data = *parsed.body().report_data();
        if report_data != binding::report_data(&nonce, &key) {
            return Err(NotAttested::BindingMismatch);
        }
        let demanded = self.demanded(&named.name);
        let mut need = self.fleet.need(&parsed, Choice::STANDARD)?;
        need.choice = demanded.choice(&need);
        let verdict = self.fleet.judge(quote, need).await?;
        if verdict.verification() != Verification::Ok {
            return Err(NotAttested::Refused(failures(&verdict)));
        }
        let evidence = verdict.evidence.as_ref();
        *platform = evidence
            .and_then(|evidence| evidence.platform)
            .map(|facts| binding::platform(&facts.ppid));
        self.fleet.note_evidence(&verdict, quote, ACTOR);

        let decision = demanded.appraise(&verdict, &named.policy);
        if decision.appraisal() != Appraisal::Accepted {
            let refusals = decision.refusals().map(|finding| RefusalFinding {
                code: finding.reason.as_str().to_owned(),
                message: finding.message.clone(),
            });
            return Err(NotAttested::Refused(refusals.collect()));
        }
        let appraised = Appraised {
            verdict: &verdict,
            decision: &decision,
            policy: &named.policy,
            policy_id: PolicyId {
                name: named.name.clone(),
                version: named.version.into(),
                sha256: Hex(named.sha256),
            },
            evidence_sha256: sha256(quote),
            baseline: demanded.id(),
            demand_changes: demanded.changes,
        };
        let audience = request.audience.as_ref();
        let terms = Terms {
            issuer: self.issuer.clone(),
            audience: audience
                .map_or(&*self.audience, |one| one.as_str())
                .to_owned(),
            verifier: VerifierId {
                developer: "bulla".to_owned(),
                build: format!("bulla {}", self.settings.version),
            },
            token_id: random().map_err(|error| NotAttested::Internal(error.to_string()))?,
            nonce,
            key,
            lifetime_seconds: self.settings.token_seconds,
        };
        let claims = attestation_result(&appraised, &terms)?;
        let token = self.keys.present().sign(&claims);
        let token = token.map_err(|error| NotAttested::Internal(error.to_string()))?;
        Ok(AttestAnswer {
            token: token
                .parse()
                .map_err(|error: bulla_protocol::value::ValueError| {
                    NotAttested::Internal(error.to_string())
                })?,
            expires: instant(claims.exp),
            status: match claims.ear_status {
                bulla_token::Status::Affirming => ResultStatus::Affirming,
                bulla_token::Status::Warning => ResultStatus::Warning,
            },
        })
    }
}

fn failures(verdict: &Verdict) -> Vec<RefusalFinding> {
    let failures = verdict.failures().map(|finding| RefusalFinding {
        code: finding.code.as_str().to_owned(),
        message: finding.message.to_string(),
    });
    failures.collect()
}

fn refused(code: &str, message: String) -> NotAttested {
    NotAttested::Refused(vec![RefusalFinding {
        code: code.to_owned(),
        message,
    }])
}

impl From<NotTaken> for NotAttested {
    fn from(reason: NotTaken) -> Self {
        match reason {
            NotTaken::Unknown => Self::NonceUnknown,
            NotTaken::Expired => Self::NonceExpired,
            NotTaken::Used => Self::NonceUsed,
            NotTaken::Full => Self::Busy,
        }
    }
}

impl From<QuoteError> for NotAttested {
    fn from(error: QuoteError) -> Self {
        refused(
            "QuoteMalformed",
            format!("The evidence is no quote: {error}."),
        )
    }
}

impl From<NoVerdict> for NotAttested {
    fn from(reason: NoVerdict) -> Self {
        match reason {
            NoVerdict::Quote(error) => error.into(),
            NoVerdict::Platform(_) => refused("PckChainMissing", format!("{reason}.")),
            NoVerdict::Absent(absent) => Self::NoCollateral(absent),
            NoVerdict::Document(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<ResultError> for NotAttested {
    fn from(error: ResultError) -> Self {
        match error {
            ResultError::BindingMismatch => Self::BindingMismatch,
            ResultError::Ended { .. } => refused("CollateralExpired", error.to_string()),
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl From<NotAttested> for Problem {
    fn from(reason: NotAttested) -> Self {
        let forbidden = |code: Code, title| Self::of(Status::FORBIDDEN, code, title);
        match reason {
            NotAttested::PolicyUnknown => {
                Self::of(Status::NOT_FOUND, POLICY_UNKNOWN, POLICY_UNKNOWN_TITLE)
            }
            NotAttested::NonceUnknown => forbidden(
                NONCE_UNKNOWN,
                "The nonce was not given out by this service since it was started.",
            ),
            NotAttested::NonceExpired => forbidden(NONCE_EXPIRED, "The nonce has ended."),
            NotAttested::NonceUsed => forbidden(NONCE_USED, "The nonce was used before."),
            NotAttested::Busy => Self::new(
                Status::SERVICE_UNAVAILABLE,
                "unavailable",
                "There are too many attestations at present.",
            )
            .retry_after(COME_AGAIN),
            NotAttested::BindingMismatch => forbidden(
                BINDING_MISMATCH,
                "The evidence is bound to another nonce or another key.",
            ),
            NotAttested::Refused(findings) => forbidden(
                bulla_protocol::gate::ATTESTATION_REFUSED,
                "The evidence is not good enough.",
            )
            .found(findings),
            NotAttested::NoCollateral(absent) => {
                let (code, wait) = match &absent {
                    Absent::Missing(_) => ("collateral-missing", COME_AGAIN),
                    Absent::Gone(_) => ("collateral-gone", COME_AGAIN),
                    Absent::Expired { retry_after, .. } => ("collateral-expired", *retry_after),
                    Absent::Unavailable { retry_after, .. } => {
                        ("collateral-unavailable", *retry_after)
                    }
                };
                let title = "There is no collateral to judge the evidence by.";
                Self::new(Status::SERVICE_UNAVAILABLE, code, title)
                    .because(&absent.to_string())
                    .retry_after(wait)
            }
            NotAttested::Internal(reason) => internal(&reason),
            NotAttested::Store(error) => error.into(),
        }
    }
}

/// The title of an unknown policy, wherever it is named.
pub(super) const POLICY_UNKNOWN_TITLE: &str = "There is no policy of this name.";
