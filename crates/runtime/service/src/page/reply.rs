//! Pages as answers: none is kept by anybody, none asks another host for anything.

use askama::Template;
use bytes::Bytes;

use crate::administration::Problem;
use crate::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use crate::http::{HeaderValue, Reply, StatusCode};

use super::frame::Frame;

/// Nothing but our own style sheet and icon is loaded, forms lead here only, and no other page may
/// have these in a frame. There is no script.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "page/problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

/// A page.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Reply {
    match page.render() {
        Ok(text) => written(status, "text/html; charset=utf-8", text),
        // A template writes into memory, which does not fail.
        Err(error) => {
            tracing::error!(%error, "a page cannot be written");
            Reply::new("", StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// A problem, as a page.
pub(super) fn problem(frame: Frame, problem: &Problem) -> Reply {
    let mut reply = page(problem.status(), &ProblemPage { frame, problem });
    if let Some(seconds) = problem.wait() {
        reply.headers.insert(RETRY_AFTER, seconds.into());
    }
    reply
}

/// Leads elsewhere after a form was sent.
pub(super) fn see_other(path: &'static str) -> Reply {
    written(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "")
        .with_header(LOCATION, HeaderValue::from_static(path))
}

/// The style sheet.
pub(super) fn style() -> Reply {
    let text = include_str!("../../templates/page/style.css");
    written(StatusCode::OK, "text/css; charset=utf-8", text)
}

/// The icon: an envelope of clay with a seal.
pub(super) fn icon() -> Reply {
    let text = include_str!("../../templates/page/icon.svg");
    written(StatusCode::OK, "image/svg+xml", text)
}

fn written(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let fixed = HeaderValue::from_static;
    Reply::new("", status)
        .with_header(CONTENT_TYPE, fixed(kind))
        .with_header(CACHE_CONTROL, fixed("no-store"))
        .with_header(CONTENT_SECURITY_POLICY, fixed(POLICY))
        .with_header(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"))
        .with_header(REFERRER_POLICY, fixed("no-referrer"))
        .with_body(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::page::escaping::stands_as_text;

    proptest! {
        #[test]
        fn details_stand_as_text(text in "[<>&\"'/=;#a-z\\PC]{1,40}") {
            stands_as_text(&text, |text| {
                let problem = Problem::bad_request(text);
                let reply = super::problem(Frame::plain(), &problem);
                String::from_utf8(reply.body.to_vec()).unwrap()
            });
        }

        #[test]
        fn names_in_the_frame_stand_as_text(text in "[<>&\"'/=;#a-z\\PC]{1,40}") {
            stands_as_text(&text, |text| {
                let problem = Problem::bad_request("plain");
                let mut frame = Frame::plain();
                frame.anchor = text.to_owned();
                frame.actor = text.to_owned();
                frame.check = Some(text.to_owned());
                let reply = super::problem(frame, &problem);
                String::from_utf8(reply.body.to_vec()).unwrap()
            });
        }
    }
}
