//! How the upstreams are.

use askama::Template;

use crate::administration::{Administration, Query, Upstream};
use crate::http::StatusCode;

use super::Outcome;
use super::frame::Frame;
use super::reply::page;

#[derive(Template)]
#[template(path = "page/upstreams.html")]
struct UpstreamsPage {
    frame: Frame,
    upstreams: Vec<Upstream>,
}

/// All of them, in the order in which they are asked.
pub(super) fn show(frame: Frame, administration: &Administration, query: &Query) -> Outcome {
    query.only(&[])?;
    let shown = UpstreamsPage {
        frame,
        upstreams: administration.upstream_states(),
    };
    Ok(page(StatusCode::OK, &shown))
}

/// So many seconds, in the largest unit of which there is a whole one.
fn ago(seconds: &u64) -> String {
    let units = [("days", 86_400), ("hours", 3_600), ("minutes", 60)];
    let fitting = units.into_iter().find(|(_, size)| *seconds >= *size * 2);
    let (unit, size) = fitting.unwrap_or(("seconds", 1));
    format!("{} {unit}", seconds / size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::page::escaping::stands_as_text;

    fn shown(text: &str) -> String {
        let upstream = Upstream {
            name: text.to_owned(),
            kind: "pcs",
            breaker: "open",
            held_for: Some(1),
            last_success: None,
            last_failure: Some(2),
            last_failure_reason: Some(text.to_owned()),
            counts: [("accepted", 1)].into(),
        };
        let shown = UpstreamsPage {
            frame: Frame::plain(),
            upstreams: vec![upstream],
        };
        shown.render().unwrap()
    }

    proptest! {
        #[test]
        fn what_upstreams_say_stands_as_text(text in "[<>&\"'/=;#a-z\\PC]{1,40}") {
            stands_as_text(&text, shown);
        }
    }

    #[test]
    fn times_are_told_in_units_of_people() {
        for (seconds, told) in [
            (0, "0 seconds"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_199, "119 minutes"),
            (7_200, "2 hours"),
            (200_000, "2 days"),
        ] {
            assert_eq!(ago(&seconds), told);
        }
    }
}
