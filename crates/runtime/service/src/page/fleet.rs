//! The fleet: how many platforms there are of each technology at each TCB status, and which are
//! registered.

use std::sync::Arc;

use askama::Template;
use bulla_appraisal::baseline::preview::Counts;
use bulla_protocol::percent;

use crate::administration::{Administration, Platform, Query, after};
use crate::baselines::{Outlook, Prospect};
use crate::http::StatusCode;

use super::Outcome;
use super::frame::Frame;
use super::list::LENGTH;
use super::reply::page;

#[derive(Template)]
#[template(path = "page/fleet.html")]
struct FleetPage<'a> {
    frame: Frame,
    outlook: Arc<Outlook>,
    platforms: &'a [Platform],
    /// Whether these are the first.
    is_first: bool,
    /// Behind which the next come; absent where there are none.
    last: Option<&'a Platform>,
}

impl FleetPage<'_> {
    /// Where the list goes on; absent where it does not.
    fn next(&self) -> Option<String> {
        let Platform { qe_id, pce_id, .. } = self.last?;
        let qe_id = percent::encode(qe_id);
        Some(format!(
            "/page/fleet?after_qe_id={qe_id}&after_pce_id={pce_id}"
        ))
    }

    /// What each ring follows now, and what becomes of the fleet under it.
    fn rings(&self) -> impl Iterator<Item = &Prospect> {
        let all = self.outlook.prospects.iter();
        all.filter(|prospect| prospect.subject.kind == "now")
    }
}

/// The fleet at the last look, and a part of the platforms in the order of their names.
pub(super) fn show(frame: Frame, administration: &Administration, query: &Query) -> Outcome {
    query.only(&["after_qe_id", "after_pce_id"])?;
    let after = after(query)?;
    let found = administration.registered(None, after.as_ref(), LENGTH + 1)?;
    let platforms = &found[..found.len().min(LENGTH)];
    let shown = FleetPage {
        frame,
        outlook: administration.baselines().outlook(),
        platforms,
        is_first: after.is_none(),
        last: platforms.last().filter(|_| found.len() > LENGTH),
    };
    Ok(page(StatusCode::OK, &shown))
}

/// How many there are.
fn all(counts: &Counts) -> u64 {
    counts.pass + counts.fall_out + counts.unknown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::page::escaping::stands_as_text;

    proptest! {
        #[test]
        fn names_of_platforms_stand_as_text(text in "[<>&\"'/=;#a-z\\PC]{1,40}") {
            stands_as_text(&text, |text| {
                let platforms = [Platform {
                    qe_id: text.to_owned(),
                    pce_id: "0000".to_owned(),
                    fmspc: Some(text.to_owned()),
                    ca: None,
                    registered: text.to_owned(),
                    has_manifest: false,
                }];
                let shown = FleetPage {
                    frame: Frame::plain(),
                    outlook: Arc::default(),
                    platforms: &platforms,
                    is_first: false,
                    last: platforms.last(),
                };
                shown.render().unwrap()
            });
        }
    }
}
