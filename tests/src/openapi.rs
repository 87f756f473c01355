//! The description of the service's interface in `docs/openapi.json`, and answers held against it.

use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::daemon::Reply;

/// The document.
///
/// # Panics
///
/// If it is not there, or no JSON.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let text = std::fs::read_to_string(path).expect("the document is there");
        serde_json::from_str(&text).expect("it is JSON")
    })
}

/// A value, or what it refers to.
///
/// # Panics
///
/// If there is nothing at the reference.
pub fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        None => value,
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("in the document");
            let found = document().pointer(pointer);
            resolved(found.unwrap_or_else(|| panic!("{reference} is not there")))
        }
    }
}

/// The members of an object.
///
/// # Panics
///
/// If it is none.
#[track_caller]
pub fn members(value: &'static Value) -> &'static Map<String, Value> {
    value.as_object().expect("an object")
}

/// The operation of a method and a path as it was sent; absent where none is described.
pub fn operation(method: &str, target: &str) -> Option<&'static Value> {
    let path = target.split('?').next()?;
    let paths = &document()["paths"];
    let place = match paths.get(path) {
        Some(place) => place,
        None if path.starts_with("/thim/sgx/certificates/") => {
            paths.get("/thim/sgx/certificates/{version}/tcb/{fmspc}")?
        }
        None if path.starts_with("/thim/sgx/") => {
            let below = path.strip_prefix("/thim/sgx/certification/")?;
            let (_, name) = below.split_once('/')?;
            paths.get(format!("/thim/sgx/certification/{{version}}/{name}"))?
        }
        None => {
            let file = path.strip_prefix("/pcs/")?;
            let is_file = !file.contains('/') && file.contains('.');
            is_file.then(|| &paths["/pcs/{file}"])?
        }
    };
    place.get(match method {
        "GET" | "HEAD" => "get",
        "POST" => "post",
        "PUT" => "put",
        "DELETE" => "delete",
        _ => return None,
    })
}

/// What is wrong with an answer by the description of its operation: a status, a header or a media
/// type that is not described.
pub fn undescribed(operation: &'static Value, reply: &Reply, has_body: bool) -> Vec<String> {
    let status = reply.status();
    let described = &operation["responses"][status.to_string()];
    if described.is_null() {
        return vec![format!("the status {status} is not described")];
    }
    let described = resolved(described);
    let mut wrong = Vec::new();
    let headers = members(&described["headers"]);
    for (name, header) in headers {
        if resolved(header)["required"] == true && reply.header(name).is_none() {
            wrong.push(format!("the header {name} is missing"));
        }
    }
    for name in reply.names() {
        let is_usual = USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(name));
        if !is_usual && !headers.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            wrong.push(format!("the header {name} is not described"));
        }
    }
    let media_types: Vec<&str> = described["content"]
        .as_object()
        .map(|content| content.keys().map(String::as_str).collect())
        .unwrap_or_default();
    match reply.header("Content-Type") {
        Some(found) if !media_types.contains(&found) => {
            wrong.push(format!("{found} is not one of {media_types:?}"));
        }
        None if !media_types.is_empty() => wrong.push("there is no Content-Type".to_owned()),
        _ => {}
    }
    if has_body && media_types.is_empty() && !reply.body.is_empty() {
        wrong.push("there is a body".to_owned());
    }
    wrong
}

/// Headers that every answer may have.
const USUAL: [&str; 7] = [
    "Content-Type",
    "Content-Length",
    "Date",
    "Connection",
    // Beside pages, also that for a path or method that there is not.
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Referrer-Policy",
];
