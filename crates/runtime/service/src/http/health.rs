//! Answers for whoever watches the service.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use super::application::Reply;
use super::metrics::Metrics;

/// Something that has to hold for the service to be of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Its name, which stays the same from release to release.
    pub name: &'static str,
    /// Whether it holds.
    pub met: bool,
    /// What is the matter, for people; empty where there is nothing to say. No secrets: whoever
    /// reaches the service may read it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[derive(Serialize)]
struct Readiness<'a> {
    ready: bool,
    conditions: &'a [Condition],
}

/// The process is alive: `200`, whatever else is the matter.
pub fn alive() -> Reply {
    plain("healthz", "text/plain; charset=utf-8", "alive\n")
}

/// Whether the service is of use: `200` if all conditions are met, or else `503`, with the
/// conditions in JSON.
pub fn ready(conditions: &[Condition]) -> Reply {
    let ready = conditions.iter().all(|condition| condition.met);
    let text = serde_json::to_vec(&Readiness { ready, conditions }).unwrap_or_default();
    let mut reply = plain("readyz", "application/json", text);
    if !ready {
        reply.status = StatusCode::SERVICE_UNAVAILABLE;
    }
    reply
}

/// All counts, for Prometheus.
pub fn metrics(metrics: &Metrics) -> Reply {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    plain("metrics", kind, metrics.text())
}

fn plain(route: &'static str, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    Reply::new(route, StatusCode::OK)
        .with_header(CONTENT_TYPE, HeaderValue::from_static(kind))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .with_body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_needs_every_condition() {
        let condition = |name, met, detail: &str| Condition {
            name,
            met,
            detail: detail.to_owned(),
        };
        let good = ready(&[condition("store", true, "")]);
        assert_eq!(good.status, StatusCode::OK);
        assert_eq!(
            good.body,
            r#"{"ready":true,"conditions":[{"name":"store","met":true}]}"#
        );
        let bad = ready(&[
            condition("store", true, ""),
            condition("clock", false, "behind by 700 seconds"),
        ]);
        assert_eq!(bad.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            bad.body,
            "{\"ready\":false,\"conditions\":[{\"name\":\"store\",\"met\":true},\
             {\"name\":\"clock\",\"met\":false,\"detail\":\"behind by 700 seconds\"}]}"
        );
        assert_eq!(ready(&[]).status, StatusCode::OK);
    }

    #[test]
    fn counts_are_told_in_the_format_of_the_header() {
        let counts = Metrics::new("1.2.3", true);
        let reply = metrics(&counts);
        let text = std::str::from_utf8(&reply.body).unwrap();
        assert!(text.contains("bulla_build{simulated=\"true\",version=\"1.2.3\"} 1\n"));
        assert!(text.contains("bulla_simulated{simulated=\"true\"} 1\n"));
        assert!(text.ends_with("# EOF\n"));
    }
}
