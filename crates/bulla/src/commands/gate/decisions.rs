//! `bulla gate decisions`.

use serde::{Deserialize, Serialize};

use crate::args::{DecisionsArgs, Format};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, ago, counted, headline};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::{BAD, GOOD, harmless, paint};
use crate::render::table;
use crate::service::{Service, Told};
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

#[derive(Serialize)]
struct Decisions {
    decisions: Vec<Decided>,
}

pub(super) fn run(args: &DecisionsArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.at, PATIENCE)?;
    let limit = args.limit.to_string();
    let told = service.get::<Vec<Decided>>("/gate/decisions", &[("limit", &limit)])?;
    let Told { simulated, value } = told;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: Decisions { decisions: value },
        })?,
        Format::Text => {
            let title = format!("{} at {}", counted(value.len(), "decision"), service.url);
            let mut text = headline(simulated, &title);
            let now = time::now()?;
            let rows: Vec<[String; 7]> = value.iter().map(|one| row(one, now)).collect();
            let titles = [
                "when", "what", "outcome", "policy", "secret", "platform", "reason",
            ];
            table::write(titles, &rows, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
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
