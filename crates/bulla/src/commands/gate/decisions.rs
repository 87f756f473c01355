//! `bulla gate decisions`.

use serde::{Deserialize, Serialize};

use super::administer::{Gate, List};
use crate::args::DecisionsArgs;
use crate::commands::collateral::ago;
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::{BAD, GOOD, harmless, paint};
use crate::time;

#[derive(Deserialize, Serialize)]
struct Decided {
    at: String,
    request_id: String,
    action: String,
    outcome: String,
    code: Option<String>,
    reason: Option<String>,
    policy: Option<String>,
    secret: Option<String>,
    platform: Option<String>,
}

pub(super) fn run(args: &DecisionsArgs, output: &mut Output) -> Result<Exit> {
    let now = time::now()?;
    let limit = args.limit.to_string();
    let list = List {
        nouns: ["decision", "decisions"],
        titles: [
            "when", "what", "outcome", "policy", "secret", "platform", "reason",
        ],
        path: "/gate/decisions",
        query: &[("limit", &limit)],
    };
    Gate::open(&args.gate)?.list(&list, |one| row(one, now), output)
}

fn row(one: &Decided, now: bulla_pki::Timestamp) -> [String; 7] {
    let or_none = |text: &Option<String>| text.as_deref().map_or("-".to_owned(), harmless);
    let style = match one.outcome.as_str() {
        "refused" => BAD,
        _ => GOOD,
    };
    let reason = match (&one.code, &one.reason) {
        (Some(code), Some(reason)) => format!("{}: {}", harmless(code), harmless(reason)),
        (code, reason) => or_none(if code.is_some() { code } else { reason }),
    };
    [
        ago(&one.at, now),
        harmless(&one.action),
        paint(style, harmless(&one.outcome)),
        or_none(&one.policy),
        or_none(&one.secret),
        or_none(&one.platform).chars().take(16).collect(),
        reason,
    ]
}
