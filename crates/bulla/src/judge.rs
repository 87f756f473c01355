//! What evidence is judged by, and what came of it.

use std::path::Path;

use bulla_appraisal::{Appraisal, Decision, Policy, ValueError, appraise};
use bulla_collateral::{TcbStatus, UnknownTcbStatus};
use bulla_evidence::input::{self as evidence_input, InputError};
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_verifier::Verdict;

use crate::args::TermsArgs;
use crate::error::{Error, Result};
use crate::input::{self, MAX_POLICY_SIZE};
use crate::output::Exit;
use crate::{roots, time};

/// The terms that stay the same for every quote of one call.
pub(crate) struct Judge {
    pub(crate) at: Timestamp,
    pub(crate) anchors: TrustAnchors,
    policy: Policy,
}

impl Judge {
    /// Reads whatever files the arguments name.
    pub(crate) fn from_args(args: &TermsArgs) -> Result<Self> {
        let mut policy = match &args.policy {
            Some(path) => read_policy(path)?,
            None => Policy::default(),
        };
        if let Some(words) = &args.accept_tcb_status {
            policy = policy.with_accepted_statuses(statuses(words)?)?;
        }
        Ok(Self {
            at: time::given_or_now(args.at.as_deref())?,
            anchors: roots::load(&args.trust_root, args.simulated)?,
            policy,
        })
    }

    pub(crate) fn new(at: Timestamp, anchors: TrustAnchors, policy: Policy) -> Self {
        Self {
            at,
            anchors,
            policy,
        }
    }

    /// Has the quote verified by `verify`, and appraises the verdict.
    pub(crate) fn judge(
        &self,
        quote: QuoteInput,
        verify: impl FnOnce(&[u8]) -> Verdict,
    ) -> Outcome {
        let verdict = verify(&quote.bytes);
        let decision = appraise(&verdict, &self.policy);
        Outcome {
            verdict,
            decision,
            damage: quote.damage,
        }
    }
}

/// The bytes of a quote as it was handed over.
#[derive(Debug)]
pub(crate) struct QuoteInput {
    bytes: Vec<u8>,
    damage: Option<InputError>,
}

impl QuoteInput {
    /// Decodes hex and base64. A text that is neither is kept as it is: it can be read, it only is
    /// no quote, which is for the verifier to refuse.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        match evidence_input::decode_text_or_raw(bytes) {
            Ok(decoded) => Self {
                bytes: decoded.into_owned(),
                damage: None,
            },
            Err(damage) => Self {
                bytes: bytes.to_vec(),
                damage: Some(damage),
            },
        }
    }

    /// The quote in binary form, as far as it could be decoded.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Verdict and decision on one quote.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) decision: Decision,
    /// Why the quote could not even be decoded. The verdict is a failure then, in words that fit
    /// bytes rather than text.
    damage: Option<InputError>,
}

impl Outcome {
    pub(crate) fn exit(&self) -> Exit {
        match self.decision.appraisal() {
            Appraisal::Accepted => Exit::Done,
            Appraisal::Refused => Exit::Refused,
        }
    }

    /// All reasons: those of the verification, then those of the appraisal.
    pub(crate) fn findings(&self) -> Vec<Finding<'_>> {
        let damage = self.damage.iter().map(|damage| Finding {
            code: damage.code(),
            severity: "failure",
            check: "quote.encoding".to_owned(),
            message: sentence(&damage.to_string()),
            expected: None,
            actual: None,
        });
        let verification = self.verdict.findings.iter().map(|finding| Finding {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            check: finding.check(),
            message: finding.message.clone(),
            expected: finding.expected.as_deref(),
            actual: finding.actual.as_deref(),
        });
        let appraisal = self.decision.findings().iter().map(|finding| Finding {
            code: finding.reason.as_str(),
            severity: finding.severity.as_str(),
            check: finding.check.clone(),
            message: finding.message.clone(),
            expected: finding.expected.as_deref(),
            actual: finding.actual.as_deref(),
        });
        damage.chain(verification).chain(appraisal).collect()
    }
}

/// One reason, whoever found it.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Finding<'a> {
    pub(crate) code: &'a str,
    pub(crate) severity: &'a str,
    pub(crate) check: String,
    pub(crate) message: String,
    pub(crate) expected: Option<&'a str>,
    pub(crate) actual: Option<&'a str>,
}

impl Finding<'_> {
    /// Whether this is a reason to refuse.
    pub(crate) fn refuses(&self) -> bool {
        matches!(self.severity, "failure" | "refusal")
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", characters.as_str())
}

fn read_policy(path: &Path) -> Result<Policy> {
    let bytes = input::read("policy", path, MAX_POLICY_SIZE)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| Error::PolicyNotText {
        path: path.to_owned(),
        offset: error.valid_up_to(),
    })?;
    Policy::from_toml(text).map_err(|source| Error::PolicyMalformed {
        path: path.to_owned(),
        source,
    })
}

fn statuses(words: &[String]) -> Result<Vec<TcbStatus>> {
    words
        .iter()
        .map(|word| {
            word.trim().parse().map_err(|UnknownTcbStatus(word)| {
                Error::from(ValueError::UnknownTcbStatus { word })
            })
        })
        .collect()
}
