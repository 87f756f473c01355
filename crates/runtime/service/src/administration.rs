//! bulla's own routes: what is kept and how fresh it is, what was refused, the fleet, the
//! upstreams, the audit, the baselines, the gate. In JSON; errors are problems (RFC 9457) with a stable code.

mod archive;
mod body;
mod collateral;
mod fleet;
mod intake;
mod operation;
mod problem;
mod query;
mod route;
mod store;

use std::sync::Arc;

use bulla_protocol::wire::Status;
use bulla_store::Store;
use serde::Serialize;

use crate::archive::Archives;
use crate::baselines::Baselines;
use crate::fleet::{Fleet, Regression};
use crate::gate::Gate;
use crate::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use crate::http::{Asked, Denied, HeaderValue, Metrics, Reply, StatusCode, health};
use crate::intake::Intake;
use crate::keeper::{Keeper, unhurried};
use crate::refresh::Refresh;

pub(crate) use body::{read, read_text};
pub(crate) use collateral::{Refreshed, Refused, Row};
pub(crate) use fleet::{Platform, after};
pub(crate) use operation::Upstream;
pub(crate) use problem::Problem;
pub(crate) use query::Query;

pub use route::{Access, Action, ROUTES, Route};
pub(crate) use route::{Found, find};

/// Most entries of a list in one answer: a page that people and programs can take.
pub(crate) const MOST: usize = 1_000;

/// Answers on bulla's own routes.
pub struct Administration {
    keeper: Arc<Keeper>,
    fleet: Arc<Fleet>,
    archives: Archives,
    intake: Intake,
    refresh: Arc<Refresh>,
    metrics: Arc<Metrics>,
    baselines: Arc<Baselines>,
    /// Absent where it is not enabled.
    gate: Option<Arc<Gate>>,
}

pub(crate) type Outcome = Result<Reply, Problem>;

impl Administration {
    /// Answers from what `fleet`, the documents that `refresh` keeps current, `baselines` and `gate`
    /// have.
    pub fn new(
        fleet: Arc<Fleet>,
        refresh: Arc<Refresh>,
        metrics: Arc<Metrics>,
        baselines: Arc<Baselines>,
        gate: Option<Arc<Gate>>,
    ) -> Self {
        Self {
            baselines,
            gate,
            keeper: Arc::clone(refresh.keeper()),
            archives: Archives::new(Arc::clone(refresh.keeper()), Arc::clone(&fleet)),
            intake: Intake::new(Arc::clone(refresh.keeper()), Arc::clone(&fleet)),
            fleet,
            refresh,
            metrics,
        }
    }

    /// Answers one request of somebody who may make it; `actor` is the name of the token.
    pub async fn respond(&self, route: &Route, asked: Asked, actor: &str) -> Reply {
        let name = route.name;
        let outcome = self.act(route.action, asked, actor).await;
        let mut reply = outcome.unwrap_or_else(Problem::reply);
        reply.route = name;
        reply
    }

    /// What the service remembers.
    pub(crate) fn store(&self) -> &Store {
        self.keeper.collection().store()
    }

    /// Which level is mandatory.
    pub(crate) fn baselines(&self) -> &Baselines {
        &self.baselines
    }

    /// The gate; absent where it is not enabled.
    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.gate.as_deref()
    }

    /// Whether the routes of the gate are there.
    pub(crate) fn has_gate(&self) -> bool {
        self.gate.is_some()
    }

    async fn act(&self, action: Action, asked: Asked, actor: &str) -> Outcome {
        let text = asked.query().to_owned();
        let query = Query::read(&text)?;
        match action {
            Action::Health => Ok(health::alive()),
            Action::Readiness => Ok(health::ready(&self.conditions())),
            Action::Metrics => Ok(unhurried(|| health::metrics(&self.metrics))),
            Action::Collateral => query.only(&[]).and(self.collateral()),
            Action::History => self.history(&query),
            Action::Document => self.document(&query),
            Action::Refused => self.refused(&query),
            Action::RefreshCollateral => self.renew(&query, actor).await,
            Action::Import => self.import(&query, asked, actor).await,
            Action::Certificates => self.certificates(&query),
            Action::TakeIn => self.take_in(&query, asked, actor).await,
            Action::Platforms => self.platforms(&query),
            Action::RemovePlatform => self.remove_platform(&query, actor),
            Action::Evidence => self.evidence(&query),
            Action::Quotes => self.quotes(&query),
            Action::Observe => self.observe(&query, asked, Regression::Refuse, actor).await,
            Action::ReplaceEvidence => self.observe(&query, asked, Regression::Keep, actor).await,
            Action::Upstreams => query.only(&[]).and(self.upstreams()),
            Action::Audit => self.audit(&query),
            Action::BackUp => self.back_up(&query, actor).await,
            Action::Check => self.check(&query).await,
            Action::Baselines(action) => self.baselines.respond(action, &query, asked, actor).await,
            Action::Gate(action) => match &self.gate {
                Some(gate) => gate.respond(action, &query, asked, actor).await,
                None => Err(Problem::not_found("the gate is not enabled here")),
            },
            // Those have their own front, as a browser asks for them.
            Action::Page(_) => Err(Problem::not_found("this is a page")),
        }
    }
}

/// The answer to a method that a path does not know.
pub(crate) fn method_not_allowed(methods: &[&str]) -> Reply {
    let title = "This path does not know the method.";
    let problem = Problem::new(Status::METHOD_NOT_ALLOWED, "method-not-allowed", title);
    let allowed = methods.join(", ");
    let mut reply = problem.because(&format!("it knows {allowed}")).reply();
    if let Ok(value) = HeaderValue::try_from(allowed) {
        reply.headers.insert(ALLOW, value);
    }
    reply.route = "administration.method";
    reply
}

/// The answer to somebody who may not use a route.
pub(crate) fn unauthorised(route: &Route, denied: Denied) -> Reply {
    let header = match route.access {
        Access::User => "user-token or admin-token",
        _ => "admin-token",
    };
    let mut reply = match denied {
        Denied::Missing | Denied::Wrong => {
            let title = "A token is needed here.";
            let code = match denied {
                Denied::Missing => "token-missing",
                _ => "token-wrong",
            };
            Problem::new(Status::UNAUTHORIZED, code, title)
                .because(&format!("send it in the header {header}"))
                .reply()
        }
        Denied::TooMany { wait } => {
            let title = "There were too many wrong tokens from there.";
            let seconds = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
            Problem::new(Status::TOO_MANY_REQUESTS, "too-many-attempts", title)
                .retry_after(seconds)
                .reply()
        }
    };
    reply.route = route.name;
    reply
}

/// A value as JSON. Nothing may keep it: it is of the moment.
pub(crate) fn json(value: &impl Serialize) -> Outcome {
    let body = serde_json::to_vec(value).map_err(|error| {
        let title = "The answer cannot be written.";
        Problem::new(Status::INTERNAL_SERVER_ERROR, "internal", title).because(&error.to_string())
    })?;
    Ok(Reply::new("", StatusCode::OK)
        .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .with_body(body))
}
