//! What clients ask, in their words, and what they are answered.

mod certificate;
mod document;
pub mod pccs;
pub mod pcs;
pub mod thim;

use bulla_protocol::wire::ResponseParts;

use crate::http::{HeaderMap, HeaderName, HeaderValue, Reply, StatusCode};

/// A dialect that a listener has alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every front knows all of them")]
pub enum Dialect {
    /// That of Intel's cache.
    Pccs,
    /// Intel's own.
    Pcs,
    /// Azure's.
    Thim,
}

/// An answer that was written by the grammar of a dialect. A header that HTTP cannot carry, which
/// the grammar never writes, is left out.
pub(crate) fn written(route: &'static str, parts: ResponseParts) -> Reply {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in parts.headers.iter() {
        let header = (HeaderName::try_from(name), HeaderValue::from_str(value));
        if let (Ok(name), Ok(value)) = header {
            headers.append(name, value);
        }
    }
    let status = StatusCode::from_u16(parts.status.number());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply {
        headers,
        ..Reply::new(route, status).with_body(parts.body)
    }
}
