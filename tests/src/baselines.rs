//! Baselines of a service on loopback: planned, applied and looked at as an administrator does.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use bulla_collateral::TcbStatus;
use bulla_pki::Timestamp;
use bulla_vendor::{Event, Part, Recovery, Vendor};
use serde_json::Value;

use crate::daemon::Reply;
use crate::front::{ADMINISTRATOR, Front};
use crate::site::vendor;

/// What a plan would change.
#[track_caller]
pub fn plan(front: &Front, text: &str) -> Reply {
    front.send("POST", "/baselines/plan", &[ADMINISTRATOR], text.as_bytes())
}

/// Carries out a plan by a digest.
#[track_caller]
pub fn apply_as(front: &Front, text: &str, digest: &str) -> Reply {
    let target = format!("/baselines/apply?digest={digest}");
    front.send("POST", &target, &[ADMINISTRATOR], text.as_bytes())
}

/// Plans and applies.
#[track_caller]
pub fn apply(front: &Front, text: &str) -> Value {
    let planned = plan(front, text);
    assert_eq!(planned.status(), 200, "{}", planned.text());
    let digest = planned.json()["digest"].as_str().unwrap().to_owned();
    let applied = apply_as(front, text, &digest);
    assert_eq!(applied.status(), 200, "{}", applied.text());
    applied.json()
}

/// Everything in force.
#[track_caller]
pub fn in_force(front: &Front) -> Value {
    let reply = front.administrate("GET", "/baselines");
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.json()
}

/// The codes and subjects of a refusal.
#[track_caller]
pub fn refusals(reply: &Reply) -> Vec<(String, String)> {
    let problem = reply.json();
    let refusals = problem["refusals"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    refusals
        .map(|one| {
            assert!(text(&one["message"]).len() > 10, "{one}");
            (text(&one["code"]), text(&one["subject"]))
        })
        .collect()
}

/// The advisory of the recovery of [`recovering`].
pub const ADVISORY: &str = "INTEL-SA-09999";

/// The vendor of all tests, where number 2, which no platform reaches, was disclosed on 2026-11-20
/// and is promoted on 2026-11-28 at nine.
pub fn recovering() -> Vendor {
    let mut vendor = vendor();
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let recovery = Recovery {
        number: 2,
        date: time("2026-11-10T00:00:00Z"),
        raises: [Part::Pce].into(),
        below: TcbStatus::OutOfDate,
        advisory_ids: [ADVISORY.to_owned()].into(),
    };
    let disclosed = time("2026-11-20T00:00:00Z");
    vendor.record(disclosed, Event::Recovery(recovery)).unwrap();
    let promotion = Event::Promotion { number: 2 };
    let promoted = time("2026-11-28T09:00:00Z");
    vendor.record(promoted, promotion).unwrap();
    vendor
}
