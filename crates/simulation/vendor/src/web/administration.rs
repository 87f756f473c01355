//! The operator's own route, `/simulation/faults`, which no vendor has.

use std::net::{IpAddr, SocketAddr};

use bulla_protocol::wire::{Headers, RequestParts, ResponseParts, Status, header};

use super::fault::Fault;
use super::service::{SIMULATED_HEADER, Service};

/// Where faults are set: `GET` lists them, `PUT` replaces them by the JSON list in its body,
/// `DELETE` removes them all.
pub const FAULTS_PATH: &str = "/simulation/faults";

const JSON: &str = "application/json";

/// What an operator is answered; `None` for whoever is none.
///
/// An operator is on this machine, comes from nowhere else through a proxy, and names the machine
/// itself: a page in a browser can have another name lead here.
pub(super) fn respond(
    service: &Service,
    peer: IpAddr,
    parts: &RequestParts,
) -> Option<ResponseParts> {
    if parts.path != FAULTS_PATH || !peer.to_canonical().is_loopback() {
        return None;
    }
    let forwarded = ["Forwarded", "X-Forwarded-For", "Via"];
    let find = |name| parts.headers.find(name);
    if forwarded.into_iter().any(|name| find(name).is_some()) || !is_local(find("Host")) {
        return None;
    }
    Some(match parts.method.as_str() {
        "GET" => list(service),
        "PUT" => set(service, parts),
        "DELETE" => match service.set_faults(Vec::new()) {
            Ok(()) => list(service),
            Err(error) => told(Status::BAD_REQUEST, &error.to_string()),
        },
        _ => {
            let mut refused = told(Status::METHOD_NOT_ALLOWED, "GET, PUT and DELETE are known");
            refused.headers.add(header::ALLOW, "GET, PUT, DELETE");
            refused
        }
    })
}

/// Whether a host, perhaps with a port, is an address or `localhost`; clients of HTTP/1.0 name none.
fn is_local(host: Option<&str>) -> bool {
    let Some(host) = host else {
        return true;
    };
    let is_address = host.parse::<SocketAddr>().is_ok()
        || host.parse::<IpAddr>().is_ok()
        || host.starts_with('[');
    is_address || host.split(':').next() == Some("localhost")
}

fn list(service: &Service) -> ResponseParts {
    json(Status::OK, &service.faults())
}

fn set(service: &Service, parts: &RequestParts) -> ResponseParts {
    // Browsers ask first before they send JSON to another site, and this service never agrees.
    let is_json = parts
        .headers
        .find(header::CONTENT_TYPE)
        .is_some_and(|value| {
            let media_type = value.split(';').next().unwrap_or_default();
            media_type.trim().eq_ignore_ascii_case(JSON)
        });
    if !is_json {
        return told(
            Status::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type must be application/json",
        );
    }
    let faults: Vec<Fault> = match serde_json::from_slice(&parts.body) {
        Ok(faults) => faults,
        Err(error) => return told(Status::BAD_REQUEST, &error.to_string()),
    };
    match service.set_faults(faults) {
        Ok(()) => list(service),
        Err(error) => told(Status::BAD_REQUEST, &error.to_string()),
    }
}

fn told(status: Status, message: &str) -> ResponseParts {
    json(status, &serde_json::json!({ "error": message }))
}

fn json(status: Status, value: &impl serde::Serialize) -> ResponseParts {
    ResponseParts {
        status,
        headers: Headers::new()
            .with(header::CONTENT_TYPE, JSON)
            .with(SIMULATED_HEADER, "true"),
        body: serde_json::to_vec(value).expect("faults and texts are JSON"),
    }
}
