//! One exchange: a request is handed to the application, and its answer back.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;

use super::application::{Application, Asked, Reply};
use super::body::RequestBody;
use super::connection::{Connection, Phase};
use super::limits::LONGEST_TARGET;
use super::metrics::Metrics;
use super::request_id::{REQUEST_ID, RequestId};

/// The route in log and metrics of what no application has seen.
const NO_ROUTE: &str = "none";

/// So much of a path stands in the log, in bytes: more than any path of the program has.
const LOGGED_PATH: usize = 256;

/// While less than this part of all connections is free, each ends after an answer.
const RESERVE: usize = 8;

/// What all connections have in common.
#[derive(Debug)]
pub(super) struct Host<A> {
    pub(super) application: Arc<A>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) connections: usize,
    pub(super) access_log: bool,
}

/// A connection and what it has in common with others.
#[derive(Debug)]
pub(super) struct Visit<A> {
    pub(super) host: Arc<Host<A>>,
    pub(super) connection: Arc<Connection>,
}

/// Answers one request.
pub(super) async fn answer<A: Application>(
    visit: Arc<Visit<A>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let Visit { host, connection } = &*visit;
    let start = Instant::now();
    connection.enter(Phase::Answering, start);
    let _in_flight = InFlight::begin(&host.metrics.in_flight);
    let (head, body) = request.into_parts();
    let request_id = RequestId::of(&head.headers);
    let logged = host
        .access_log
        .then(|| (head.method.clone(), head.uri.clone()));
    let asked = Asked {
        method: head.method,
        target: head.uri,
        headers: head.headers,
        body: RequestBody::new(body, connection),
        connection: Arc::clone(connection),
        request_id,
    };
    let reply = if asked.path().len() + asked.query().len() > LONGEST_TARGET {
        Reply::new(NO_ROUTE, StatusCode::URI_TOO_LONG)
    } else {
        host.application.respond(asked).await
    };
    let end = Instant::now();
    connection.enter(Phase::Idle, end);
    let duration = end.saturating_duration_since(start);
    let status = reply.status.as_u16();
    host.metrics
        .answered(reply.route, status, reply.outcome, duration);
    if let Some((method, target)) = logged {
        log(connection, &request_id, &method, &target, &reply, duration);
    }
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, request_id.header_value());
    host.application.mark(headers);
    if connection.has_unread() || host.is_crowded() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

impl<A> Host<A> {
    fn is_crowded(&self) -> bool {
        self.permits.available_permits() < self.connections / RESERVE
    }
}

/// A request that is being answered, until it is dropped.
struct InFlight<'a>(&'a Gauge);

impl<'a> InFlight<'a> {
    fn begin(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The query stays out of the log: it can bear what identifies a machine.
fn log(
    connection: &Connection,
    request_id: &RequestId,
    method: &Method,
    target: &Uri,
    reply: &Reply,
    duration: Duration,
) {
    let path = target.path();
    tracing::info!(
        target: "bulla::access",
        request_id = request_id.as_str(),
        listener = connection.listener(),
        peer = connection.peer().map(tracing::field::display),
        method = method.as_str(),
        path = path.get(..LOGGED_PATH).unwrap_or(path),
        route = reply.route,
        status = reply.status.as_u16(),
        outcome = reply.outcome,
        bytes = reply.body.len(),
        microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
}
