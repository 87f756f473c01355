//! What evidence is judged by, and what came of it.

use std::path::Path;
use std::sync::Arc;

use bulla_appraisal::baseline::{Baseline, FamilyName, Name, Requirement, Technology};
use bulla_appraisal::{
    Appraisal, Decision, Demand, Policy, Reason, Severity, ValueError, appraise, appraise_under,
};
use bulla_collateral::{TcbInfoId, TcbStatus, UnknownTcbStatus};
use bulla_evidence::Tee;
use bulla_evidence::input::{self as evidence_input, InputError};
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_service::judging::Need;
use bulla_service::want::Choice;
use bulla_verifier::{EvidenceFacts, Verdict};

use crate::args::TermsArgs;
use crate::describe::{self, Fields};
use crate::error::{Error, Result};
use crate::input::Rules;
use crate::output::Exit;
use crate::supply::Supplier;
use crate::{roots, time};

/// The terms that stay the same for every quote of one call.
pub(crate) struct Judge {
    pub(crate) at: Timestamp,
    pub(crate) anchors: TrustAnchors,
    policy: Arc<Policy>,
    /// Absent where no baseline is demanded.
    demand: Option<Arc<Demand>>,
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
            policy: Arc::new(policy),
            demand: args
                .baseline
                .as_deref()
                .map(read_baseline)
                .transpose()?
                .map(Arc::new),
        })
    }

    /// The same under what a service demands.
    pub(crate) fn under(self, demand: Demand) -> Self {
        let binds = demand.binds_beside(&self.policy);
        Self {
            demand: binds.then(|| Arc::new(demand)),
            ..self
        }
    }

    /// What a quote in binary form needs: documents of the number that the baseline demands of its
    /// family, and of the one that the vendor enforces where none is demanded.
    pub(crate) fn need(&self, quote: &[u8]) -> Result<Need> {
        let need = Supplier::need(quote)?;
        let technology = match need.id {
            TcbInfoId::Sgx => Technology::Sgx,
            TcbInfoId::Tdx => Technology::Tdx,
        };
        let demand = self.demand.as_deref();
        let choice = demand.map(|demand| {
            let family = FamilyName(need.fmspc);
            Choice::from(demand.requirement(technology, &family).number)
        });
        Ok(Need {
            choice: choice.unwrap_or(need.choice),
            ..need
        })
    }

    /// Has the quote verified by `verify`, and appraises the verdict.
    pub(crate) fn judge(
        &self,
        quote: QuoteInput,
        verify: impl FnOnce(&[u8]) -> Verdict,
    ) -> Outcome {
        let verdict = verify(&quote.bytes);
        let decision = match &self.demand {
            Some(demand) => appraise_under(&verdict, &self.policy, demand),
            None => appraise(&verdict, &self.policy),
        };
        Outcome {
            verdict,
            decision,
            policy: Arc::clone(&self.policy),
            demand: self.demand.clone(),
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
    /// A quote in binary form.
    pub(crate) fn binary(bytes: Vec<u8>) -> Self {
        let damage = None;
        Self { bytes, damage }
    }

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
    policy: Arc<Policy>,
    /// The baseline that was demanded; absent where none was.
    demand: Option<Arc<Demand>>,
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

    /// The baseline that was demanded, with what it asks of this platform; absent where none was.
    pub(crate) fn baseline(&self) -> Option<Fields> {
        let demand = self.demand.as_deref()?;
        let known = self.verdict.evidence.as_ref().and_then(|evidence| {
            Some((
                technology(evidence),
                FamilyName(evidence.platform.as_ref()?.fmspc),
            ))
        });
        let asked = known.map(|(technology, family)| demand.requirement(technology, &family));
        Some(describe::baseline::demanded(demand, asked))
    }

    /// What decides which levels pass: the baseline, and the policy where it has a say.
    pub(crate) fn demands(&self) -> Vec<Arc<Demand>> {
        let accepted = match (&self.policy.accepted_tcb_statuses, &self.demand) {
            (Some(own), _) => Some(own.clone()),
            (None, None) => Some(Requirement::default().accepted_tcb_statuses),
            (None, Some(_)) => None,
        };
        let of_policy = accepted.map(|accepted| {
            let mut baseline = Baseline::default();
            baseline.sgx.accepted_tcb_statuses = accepted.clone();
            baseline.tdx.accepted_tcb_statuses = accepted;
            let mut demand = Demand::default();
            demand.baseline = Arc::new(baseline);
            Arc::new(demand)
        });
        self.demand.clone().into_iter().chain(of_policy).collect()
    }

    /// Whether the level that was reached is a reason to refuse.
    pub(crate) fn refuses_the_level(&self) -> bool {
        let of_levels = [Reason::TcbStatusNotAccepted, Reason::TcbBelowFloor];
        let findings = self.decision.findings().iter();
        let mut refusals = findings.filter(|finding| finding.severity == Severity::Refusal);
        refusals.any(|finding| of_levels.contains(&finding.reason))
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

/// What evidence is of.
pub(crate) fn technology(evidence: &EvidenceFacts) -> Technology {
    match evidence.body.borrow().tee() {
        Tee::Sgx => Technology::Sgx,
        Tee::Tdx => Technology::Tdx,
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
    let text = Rules::Policy.read(path)?;
    Rules::Policy.made(path, Policy::from_toml(&text))
}

fn read_baseline(path: &Path) -> Result<Demand> {
    let text = Rules::Baseline.read(path)?;
    Rules::Baseline.made(path, Demand::from_toml(name_of(path)?, &text))
}

/// A baseline is called as its file.
fn name_of(path: &Path) -> Result<Name> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.parse().map_err(|error| Error::ArgumentInvalid {
        option: "--baseline",
        reason: format!("the file is what decisions call the baseline, and {error}"),
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
