//! A document that is held, as an answer: validators, freshness, and the conditional request.

use std::sync::Arc;

use crate::http::header::{
    AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, WARNING,
};
use crate::http::{HeaderMap, Reply, StatusCode};
use bulla_pki::Timestamp;
use bulla_protocol::caching::{CacheControl, has_already};

use crate::freshness::Freshness;
use crate::held::{Body, Held};
use crate::keeper::{Absent, Keeper};
use crate::want::Want;

/// How long a client may keep an answer without asking again, in seconds, unless the document
/// ends before: an hour, so that a revocation reaches everybody soon, and asking again with the
/// validator costs next to nothing.
pub(super) const CLIENT_KEEPS: u64 = 3_600;

/// The longest `max-age`, in seconds: with more than a day Azure's client keeps nothing at all.
const LONGEST: u64 = CacheControl::LONGEST as u64;

/// The form in which a dialect sends a document.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// `Content-Type`.
    pub(super) media_type: HeaderValue,
    /// Which bytes.
    pub(super) body: Body,
    /// Under which names the issuer chain is sent.
    pub(super) chain: &'static [HeaderName],
}

impl Form {
    pub(super) fn new(media_type: HeaderValue, body: Body, chain: &'static [HeaderName]) -> Self {
        Self {
            media_type,
            body,
            chain,
        }
    }
}

/// The document that is wanted, asked for where it is missing; one that has ended where no other can
/// be had and the operator allows it.
pub(super) async fn find(keeper: &Arc<Keeper>, want: Want) -> Result<Arc<Held>, Absent> {
    if let Some(held) = keeper.at_hand(want) {
        return Ok(held);
    }
    let got = keeper.get(want, false).await;
    got.or_else(|absent| keeper.ended_but_allowed(want, &absent).ok_or(absent))
}

/// Whole answer or `304`.
pub(super) fn answer(
    route: &'static str,
    held: &Held,
    form: &Form,
    asked: &HeaderMap,
    now: Timestamp,
) -> Reply {
    let mut headers = HeaderMap::with_capacity(8);
    let tag = held.tag(form.body);
    headers.insert(ETAG, tag.header.clone());
    let freshness = held.freshness(now);
    let age = now.unix_seconds().saturating_sub(held.asked.unix_seconds());
    let rest = held
        .until()
        .unix_seconds()
        .saturating_sub(now.unix_seconds());
    let keeps = rest.min(age.saturating_add(CLIENT_KEEPS)).min(LONGEST);
    headers.insert(AGE, HeaderValue::from(age));
    if let Ok(control) = HeaderValue::try_from(format!("max-age={keeps}")) {
        headers.insert(CACHE_CONTROL, control);
    }
    match freshness {
        Freshness::Expired => {
            headers.insert(WARNING, HeaderValue::from_static(EXPIRED));
        }
        Freshness::Overdue => {
            headers.insert(WARNING, HeaderValue::from_static(OVERDUE));
        }
        Freshness::Current | Freshness::Due => {}
    }
    for name in form.chain {
        headers.insert(name, held.chain_header.clone());
    }
    let unchanged = asked
        .get(IF_NONE_MATCH)
        .and_then(|condition| condition.to_str().ok())
        .is_some_and(|condition| has_already(condition, &tag.tag));
    if unchanged {
        let reply = Reply::new(route, StatusCode::NOT_MODIFIED);
        return Reply { headers, ..reply };
    }
    headers.insert(CONTENT_TYPE, form.media_type.clone());
    let reply = Reply::new(route, StatusCode::OK).with_body(held.bytes(form.body).clone());
    Reply { headers, ..reply }
}

const EXPIRED: &str = "110 bulla \"the document has ended; the operator allows to serve it\"";
const OVERDUE: &str = "199 bulla \"the document is near its end and no later issue could be had\"";
