//! What a service demanded and had at an instant, and what a platform showed it last.

use bulla_appraisal::Demand;
use bulla_appraisal::baseline::Name;
use bulla_collateral::CollateralSet;
use bulla_pki::Timestamp;
use bulla_service::judging::Need;
use serde::Deserialize;

use crate::args::ExplainArgs;
use crate::client::PATIENCE;
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::in_force::Shown;
use crate::judge::QuoteInput;
use crate::past::{self, Issue};
use crate::service::{Service, Told};

/// Where the last quotes of a platform are.
const QUOTES: &str = "/platforms/evidence/quotes";

/// A service that is asked about an instant.
pub(crate) struct Record {
    service: Service,
    /// Absent where now is meant.
    at: Option<Timestamp>,
}

/// What an explanation rests on, as a service told it.
pub(crate) struct Moment {
    pub(crate) told: Fields,
    /// What must be said of the evidence; absent where nothing must.
    pub(crate) caution: Option<String>,
}

/// The last evidence of a platform.
#[derive(Deserialize)]
pub(crate) struct LastQuote {
    qe_id: String,
    tee: String,
    arrived: String,
    quote_hex: String,
}

impl Record {
    /// The service, where its own routes are needed: for what it demands, and for the past. `judged_at`
    /// is the instant to judge by.
    pub(crate) fn open(args: &ExplainArgs, judged_at: Timestamp) -> Result<Option<Self>> {
        let at = args.terms.at.as_ref().map(|_| judged_at);
        let Some(place) = args.service() else {
            return Ok(None);
        };
        let service = match (args.service_with_token(), at) {
            (Some(place), _) => Service::open_with_token(&place, PATIENCE)?,
            (None, None) => return Ok(None),
            (None, Some(_)) if args.terms.baseline.is_some() => Service::open(&place)?,
            (None, Some(_)) => return Err(past::wrong_at(WITHOUT_BASELINE.to_owned())),
        };
        at.map_or(Ok(()), past::has_come)?;
        Ok(Some(Self { service, at }))
    }

    /// What was demanded of a ring.
    pub(crate) fn demand(&self, ring: Option<&str>) -> Result<Demand> {
        let ring = ring.unwrap_or(Name::DEFAULT_RING);
        let Told { value, .. } = self.service.get_at("/baselines", &[], self.at)?;
        let shown = Shown::read(&self.service, &value)?;
        let demand = shown.demand(&self.service, ring)?;
        demand.ok_or_else(|| Error::ArgumentInvalid {
            option: "--ring",
            reason: format!(
                "at {} there is no ring `{ring}`; `bulla baseline list --at` has the rings",
                shown.at
            ),
        })
    }

    /// The last evidence of a platform.
    pub(crate) fn last_quote(&self, qe_id: &str) -> Result<LastQuote> {
        let Told { value, .. } = self.service.get(QUOTES, &[("qe_id", qe_id)])?;
        let quotes: Vec<LastQuote> = value;
        // As text, instants of one form are in their order.
        let last = quotes
            .into_iter()
            .max_by(|one, other| one.arrived.cmp(&other.arrived));
        last.ok_or_else(|| self.unknown(QUOTES, "there is no quote in it"))
    }

    /// The quote itself.
    pub(crate) fn quote(&self, shown: &LastQuote) -> Result<QuoteInput> {
        let bytes = hex::decode(&shown.quote_hex)
            .map_err(|error| self.unknown(QUOTES, &format!("quote_hex: {error}")))?;
        Ok(QuoteInput::binary(bytes))
    }

    /// The documents that the service had, for what a quote needs; absent where now is meant.
    pub(crate) fn set(&self, need: Need) -> Option<Result<(CollateralSet, [Issue; 4])>> {
        self.at.map(|at| past::set(&self.service, at, need))
    }

    fn unknown(&self, path: &str, reason: &str) -> Error {
        Error::ServiceAnswerUnknown {
            url: format!("{}{path}", self.service.url),
            reason: reason.to_owned(),
        }
    }

    /// All that was told. `documents` are absent where those in force were taken, and `demand` where
    /// a baseline was given by hand.
    pub(crate) fn moment(
        &self,
        demand: Option<&Demand>,
        documents: Option<&[Issue; 4]>,
        evidence: Option<&LastQuote>,
    ) -> Moment {
        let mut told = Fields::new().with("service", self.service.url.as_str());
        if let Some(demand) = demand {
            told = told
                .with("ring", demand.ring.as_str())
                .with("baseline", demand.name.as_str())
                .with("decision", demand.decision)
                .with("rollout", demand.rollout.as_ref().map(ToString::to_string));
        }
        if let Some(documents) = documents {
            let row = |issue: &Issue| {
                Fields::new()
                    .with("document", issue.slot.as_str())
                    .with("issued", issue.issued.as_str())
                    .with("arrived", issue.arrived.as_str())
            };
            told = told.with("documents", documents.iter().map(row).collect::<Vec<_>>());
        }
        let Some(evidence) = evidence else {
            let caution = None;
            return Moment { told, caution };
        };
        let arrived = evidence.arrived.as_str();
        // An instant that cannot be read is not shown to be early enough.
        let is_later = |at: &Timestamp| !arrived.parse().is_ok_and(|then: Timestamp| then <= *at);
        let later = self.at.filter(is_later);
        let fields = Fields::new()
            .with("qe_id", evidence.qe_id.as_str())
            .with("tee", evidence.tee.as_str())
            .with("arrived", arrived)
            .with("is_later", later.is_some());
        Moment {
            told: told.with("evidence", fields),
            caution: later.map(|at| {
                format!(
                    "The evidence arrived on {arrived}, after {at}: it shows the platform as it was \
                     when it came. What it showed before that is not kept."
                )
            }),
        }
    }
}

const WITHOUT_BASELINE: &str = "what a service demanded then is for an administrator to ask: give his \
                                token by --token-file, or a baseline by --baseline";
