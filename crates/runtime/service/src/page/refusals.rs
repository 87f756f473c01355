//! What was refused of late, and why: documents on their arrival, and whoever came to the gate.

use askama::Template;

use crate::administration::{Administration, MOST, Query, Refused};
use crate::gate::Decided;
use crate::http::StatusCode;

use super::Outcome;
use super::frame::Frame;
use super::list::Part;
use super::reply::page;

#[derive(Template)]
#[template(path = "page/refusals.html")]
struct RefusalsPage<'a> {
    frame: Frame,
    documents: &'a [Refused],
    documents_part: Part,
    /// Absent where there is no gate.
    at_gate: Option<&'a [Decided]>,
    gate_part: Part,
}

impl RefusalsPage<'_> {
    /// This page with other parts of its lists, which begin behind so many entries.
    fn link(&self, documents: &usize, gate: &usize) -> String {
        format!("/page/refusals?{DOCUMENTS}={documents}&{GATE}={gate}")
    }
}

/// The parameters with how many entries to pass over.
const DOCUMENTS: &str = "documents";
const GATE: &str = "gate";

/// The latest of each kind, and from there on those before.
pub(super) fn show(frame: Frame, administration: &Administration, query: &Query) -> Outcome {
    query.only(&[DOCUMENTS, GATE])?;
    let documents = administration.latest_refused(MOST)?;
    let documents_part = Part::read(query, DOCUMENTS, documents.len())?;
    let at_gate = administration.gate().map(|gate| {
        let all = gate.latest_decisions(usize::MAX).into_iter();
        all.filter(|decided| decided.outcome == "refused")
            .collect::<Vec<_>>()
    });
    let gate_part = Part::read(query, GATE, at_gate.as_ref().map_or(0, Vec::len))?;
    let shown = RefusalsPage {
        frame,
        documents: documents_part.of(&documents),
        documents_part,
        at_gate: at_gate.as_deref().map(|decisions| gate_part.of(decisions)),
        gate_part,
    };
    Ok(page(StatusCode::OK, &shown))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::page::escaping::stands_as_text;

    fn page(text: &str) -> String {
        let own = || Some(text.to_owned());
        let decided = Decided {
            at: text.to_owned(),
            request_id: text.to_owned(),
            action: "attest",
            outcome: "refused",
            code: own(),
            reason: own(),
            policy: own(),
            secret: own(),
            platform: own(),
        };
        let refused = Refused {
            arrived: text.to_owned(),
            source: text.to_owned(),
            what: text.to_owned(),
            code: text.to_owned(),
            reason: text.to_owned(),
            size: 0,
            sha256: text.to_owned(),
        };
        let shown = RefusalsPage {
            frame: Frame::plain(),
            documents: &[refused],
            documents_part: Part { from: 50, all: 101 },
            at_gate: Some(&[decided]),
            gate_part: Part { from: 50, all: 101 },
        };
        shown.render().unwrap()
    }

    proptest! {
        #[test]
        fn reasons_stand_as_text(text in "[<>&\"'/=;#a-z\\PC]{1,40}") {
            stands_as_text(&text, page);
        }
    }
}
