//! Baselines of a service on loopback: planned, applied and looked at as an administrator does.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use serde_json::Value;

use crate::daemon::Reply;
use crate::front::{ADMINISTRATOR, Front};

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
