//! The documents: how fresh each is, and until when it lasts.

use askama::Template;

use crate::administration::{Administration, Query, Refreshed, Row};
use crate::http::StatusCode;
use crate::http::health::Condition;

use super::Outcome;
use super::frame::Frame;
use super::list::Part;
use super::reply::page;
use super::timeline::Timeline;

#[derive(Template)]
#[template(path = "page/documents.html")]
struct DocumentsPage<'a> {
    frame: Frame,
    conditions: Vec<Condition>,
    timeline: Timeline,
    rows: &'a [Row],
    part: Part,
}

#[derive(Template)]
#[template(path = "page/refreshed.html")]
struct RefreshedPage<'a> {
    frame: Frame,
    done: &'a Refreshed,
}

/// Everything that is kept; what ends first comes first.
pub(super) fn show(frame: Frame, administration: &Administration, query: &Query) -> Outcome {
    query.only(&["from"])?;
    let mut rows = administration.listing().documents;
    rows.sort_by_key(|row| row.until);
    let part = Part::read(query, "from", rows.len())?;
    let rows = part.of(&rows);
    let shown = DocumentsPage {
        frame,
        conditions: administration.conditions(),
        timeline: Timeline::new(rows, administration.house().now),
        rows,
        part,
    };
    Ok(page(StatusCode::OK, &shown))
}

/// What became of asking for everything.
pub(super) fn show_refreshed(frame: Frame, done: &Refreshed) -> Outcome {
    Ok(page(StatusCode::OK, &RefreshedPage { frame, done }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::page::escaping::stands_as_text;

    proptest! {
        #[test]
        fn names_of_documents_and_reasons_stand_as_text(text in "[<>&\"'/=;#a-z\\PC]{1,40}") {
            let at = "2026-11-23T12:00:00Z".parse().unwrap();
            stands_as_text(&text, |text| {
                let rows = [Row {
                    slot: text.to_owned(),
                    selected_as: Vec::new(),
                    freshness: "current",
                    issued: at,
                    next_update: at,
                    until: at,
                    arrived: at,
                    asked: at,
                    source: text.to_owned(),
                    size: 0,
                    sha256: String::new(),
                }];
                let condition = Condition {
                    name: "store",
                    met: false,
                    detail: text.to_owned(),
                };
                let shown = DocumentsPage {
                    frame: Frame::plain(),
                    conditions: vec![condition],
                    timeline: Timeline::new(&rows, at),
                    rows: &rows,
                    part: Part { from: 0, all: 1 },
                };
                shown.render().unwrap()
            });
        }
    }
}
