//! One exchange over HTTP: a request is read within limits, and answered.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bulla_protocol::pcs::MAX_REQUEST_BODY_SIZE;
use bulla_protocol::wire::{Headers, RequestParts, ResponseParts, Status};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::administration;
use super::body::{AnswerBody, truncated, whole};
use super::connection::ResetSwitch;
use super::service::{FAULT_HEADER, Service};

/// How long a client may take to send a body. The largest has 113 KB.
const BODY_TIME: Duration = Duration::from_secs(15);

/// Answers one request. An error ends the connection without an answer.
pub(super) async fn answer(
    service: Arc<Service>,
    peer: IpAddr,
    switch: ResetSwitch,
    request: Request<Incoming>,
) -> io::Result<Response<AnswerBody>> {
    let (head, body) = request.into_parts();
    let mut parts = RequestParts {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers(&head.headers),
        body: Vec::new(),
    };
    match receive(body).await {
        Ok(bytes) => parts.body = bytes,
        Err(Unreceived::TooLong) => {
            return response(service.refuse(Status::CONTENT_TOO_LARGE, "the body is too long"));
        }
        Err(Unreceived::TooLate) => {
            let status = Status::new(408).unwrap_or(Status::BAD_REQUEST);
            return response(service.refuse(status, "the body took too long"));
        }
        Err(Unreceived::Gone) => return Err(io::ErrorKind::ConnectionAborted.into()),
    }
    if let Some(answer) = administration::respond(&service, peer, &parts) {
        return response(answer);
    }
    // Files are read and documents are signed: nothing that other connections should wait for.
    let working = tokio::task::spawn_blocking(move || {
        parts.path = service.local_path(&parts.path);
        let mut misfortune = service.befall(&parts.path, &parts.query);
        let answer = (!misfortune.reset).then(|| service.respond(parts, &mut misfortune));
        (answer, misfortune)
    });
    let (answer, misfortune) = working.await.map_err(io::Error::other)?;
    tokio::time::sleep(misfortune.latency).await;
    let Some(mut answer) = answer else {
        switch.pull();
        return Err(io::ErrorKind::ConnectionReset.into());
    };
    if !misfortune.names.is_empty() {
        answer
            .headers
            .add(FAULT_HEADER, misfortune.names.join(", "));
    }
    if misfortune.truncate && !answer.body.is_empty() {
        return converted(answer, truncated);
    }
    response(answer)
}

/// Why there is no body.
enum Unreceived {
    TooLong,
    TooLate,
    Gone,
}

async fn receive(body: Incoming) -> Result<Vec<u8>, Unreceived> {
    let limited = Limited::new(body, MAX_REQUEST_BODY_SIZE);
    match tokio::time::timeout(BODY_TIME, limited.collect()).await {
        Err(_) => Err(Unreceived::TooLate),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unreceived::TooLong),
        Ok(Err(_)) => Err(Unreceived::Gone),
        Ok(Ok(collected)) => Ok(collected.to_bytes().to_vec()),
    }
}

fn headers(received: &hyper::HeaderMap) -> Headers {
    received
        .iter()
        .fold(Headers::new(), |headers, (name, value)| {
            headers.with(name.as_str(), String::from_utf8_lossy(value.as_bytes()))
        })
}

fn response(parts: ResponseParts) -> io::Result<Response<AnswerBody>> {
    converted(parts, whole)
}

fn converted(
    parts: ResponseParts,
    body: impl FnOnce(Vec<u8>) -> AnswerBody,
) -> io::Result<Response<AnswerBody>> {
    let mut response = Response::new(body(parts.body));
    *response.status_mut() =
        StatusCode::from_u16(parts.status.number()).map_err(io::Error::other)?;
    for (name, value) in parts.headers.iter() {
        let name: HeaderName = name.parse().map_err(io::Error::other)?;
        let value = HeaderValue::from_str(value).map_err(io::Error::other)?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}
