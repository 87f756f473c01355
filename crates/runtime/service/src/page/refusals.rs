//! What was refused of late, and why: documents on their arrival, and whoever came to the gate.

use askama::Template;

use crate::administration::{Administration, Query, Refused};
use crate::gate::Decided;
use crate::http::StatusCode;

use super::Outcome;
use super::frame::Frame;
use super::list::LENGTH;
use super::reply::page;

#[derive(Template)]
#[template(path = "page/refusals.html")]
struct RefusalsPage {
    frame: Frame,
    documents: Vec<Refused>,
    /// Absent where there is no gate.
    at_gate: Option<Vec<Decided>>,
}

/// The latest of each kind.
pub(super) fn show(frame: Frame, administration: &Administration, query: &Query) -> Outcome {
    query.only(&[])?;
    let at_gate = administration.gate().map(|gate| {
        let all = gate.latest_decisions(usize::MAX).into_iter();
        let refused = all.filter(|decided| decided.outcome == "refused");
        refused.take(LENGTH).collect()
    });
    let shown = RefusalsPage {
        frame,
        documents: administration.latest_refused(LENGTH)?,
        at_gate,
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
            documents: vec![refused],
            at_gate: Some(vec![decided]),
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
