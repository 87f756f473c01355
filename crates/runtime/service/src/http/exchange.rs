//! One exchange: a request is handed to the application, and its answer back.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use super::application::{Application, Asked, Reply};
use super::body::RequestBody;
use super::connection::{Connection, Phase};
use super::limits::LONGEST_TARGET;
use super::request_id::{REQUEST_ID, RequestId};

/// The route in log and metrics of what no application has seen.
const NO_ROUTE: &str = "none";

/// Whom all connections have in common.
#[derive(Debug)]
pub(super) struct Host<A> {
    pub(super) application: Arc<A>,
}

/// Answers one request.
pub(super) async fn answer<A: Application>(
    host: Arc<Host<A>>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let start = Instant::now();
    connection.enter(Phase::Answering, start);
    let (head, body) = request.into_parts();
    let request_id = RequestId::of(&head.headers);
    let asked = Asked {
        method: head.method,
        target: head.uri,
        headers: head.headers,
        body: RequestBody::new(body, Arc::clone(&connection)),
        connection: Arc::clone(&connection),
        request_id,
    };
    let reply = if target_length(&asked) > LONGEST_TARGET {
        Reply::new(NO_ROUTE, StatusCode::URI_TOO_LONG)
    } else {
        host.application.respond(asked).await
    };
    connection.enter(Phase::Idle, Instant::now());
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
        .headers_mut()
        .insert(REQUEST_ID, request_id.header_value());
    Ok(response)
}

fn target_length(asked: &Asked) -> usize {
    asked.path().len() + asked.query().len()
}
