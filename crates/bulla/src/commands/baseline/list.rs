//! What is in force, and what was decided.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::args::{BaselineHistoryArgs, BaselineListArgs, BaselineShowArgs, Format};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, ago, counted, headline};
use crate::describe::{Fields, baseline};
use crate::error::{Error, Result};
use crate::in_force::{Shown, ShownBaseline, ShownException, ShownRing, ShownRollout};
use crate::output::{Exit, Output};
use crate::render::style::{BAD, CAUTION, GOOD, harmless, paint};
use crate::render::{fields, table};
use crate::service::{Service, Told};
use crate::time;

pub(super) fn rings(args: &BaselineListArgs, output: &mut Output) -> Result<Exit> {
    show_all(args, output, |shown, text| {
        let rows: Vec<[String; 5]> = shown.rings.iter().map(ring_row).collect();
        let titles = ["ring", "follows", "by", "next", "who, beside its path"];
        table::write(titles, &rows, text);
        for pin in &shown.ending_pins {
            let told = paint(CAUTION, harmless(&pin.message));
            text.push_str(&format!("\n{told}\n"));
        }
    })
}

fn ring_row((name, ring): (&String, &ShownRing)) -> [String; 5] {
    let next = ring.next.first().map(|next| {
        let (baseline, from) = (harmless(&next.baseline), harmless(&next.from));
        format!("{baseline} from {from}")
    });
    let claims = ring.ring.claims();
    let who: Vec<String> = claims
        .map(|(kind, value)| format!("{kind} {}", harmless(value)))
        .collect();
    [
        harmless(name),
        harmless(&ring.demand.baseline),
        ring.demand
            .rollout
            .as_deref()
            .map_or("-".to_owned(), harmless),
        next.unwrap_or_else(|| "-".to_owned()),
        if who.is_empty() {
            "-".to_owned()
        } else {
            who.join(", ")
        },
    ]
}

pub(super) fn exceptions(args: &BaselineListArgs, output: &mut Output) -> Result<Exit> {
    show_all(args, output, |shown, text| {
        let rows: Vec<[String; 6]> = shown.exceptions.iter().map(exception_row).collect();
        let titles = ["exception", "", "advisory", "until", "by", "reason"];
        table::write(titles, &rows, text);
    })
}

fn exception_row((name, shown): (&String, &ShownException)) -> [String; 6] {
    let exception = &shown.exception;
    [
        harmless(name),
        match shown.in_force {
            true => paint(GOOD, "in force"),
            false => paint(BAD, "ended"),
        },
        exception.advisory.to_string(),
        exception.until.to_string(),
        harmless(&exception.author),
        harmless(&exception.reason),
    ]
}

/// Everything that the service says, or for people a part of it.
fn show_all(
    args: &BaselineListArgs,
    output: &mut Output,
    part: impl FnOnce(&Shown, &mut String),
) -> Result<Exit> {
    let service = Service::open_with_token(&args.asking.at, PATIENCE)?;
    let told = ask(&service, args.at.as_deref())?;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: told.simulated,
            content: told.value,
        })?,
        Format::Text => {
            let shown = Shown::read(&service, &told.value)?;
            let title = format!(
                "baselines of {} at {}, after {}",
                service.url,
                harmless(&shown.at),
                decisions(shown.decisions)
            );
            let mut text = headline(told.simulated, &title);
            part(&shown, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

fn decisions(number: u32) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), "decision")
}

/// Everything of one name.
#[derive(Serialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    objects: BTreeMap<&'static str, Json>,
}

pub(super) fn show(args: &BaselineShowArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.asking.at, PATIENCE)?;
    let told = ask(&service, args.at.as_deref())?;
    let kinds = [
        ("baseline", "baselines"),
        ("ring", "rings"),
        ("rollout", "rollouts"),
        ("exception", "exceptions"),
    ];
    let objects = kinds.into_iter().filter_map(|(kind, kinds)| {
        let object = told.value.get(kinds)?.get(&args.name)?;
        Some((kind, object.clone()))
    });
    let named = Named {
        name: args.name.clone(),
        objects: objects.collect(),
    };
    if named.objects.is_empty() {
        return Err(Error::ArgumentInvalid {
            option: "NAME",
            reason: format!(
                "there is no baseline, ring, rollout or exception `{}`; `bulla baseline list` has \
                 the rings",
                args.name
            ),
        });
    }
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: told.simulated,
            content: named,
        })?,
        Format::Text => {
            let shown = Shown::read(&service, &told.value)?;
            let title = format!("{} at {}", harmless(&args.name), service.url);
            let mut text = headline(told.simulated, &title);
            fields::write(&described(&args.name, &shown), 0, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

fn described(name: &str, shown: &Shown) -> Fields {
    let mut all = Fields::new();
    if let Some(ShownBaseline { decision, baseline }) = shown.baselines.get(name) {
        let decided = Fields::new().with("decision", *decision);
        all = all.with("baseline", decided.and(baseline::whole(baseline)));
    }
    if let Some(ShownRing { ring, demand, next }) = shown.rings.get(name) {
        let list = |kind| {
            let claims = ring.claims().filter(|claim| claim.0 == kind);
            claims
                .map(|claim| claim.1.to_owned())
                .collect::<Vec<String>>()
        };
        let next: Vec<String> = next
            .iter()
            .map(|next| format!("{} from {}", next.baseline, next.from))
            .collect();
        let ring = Fields::new()
            .with("follows", demand.baseline.as_str())
            .with("by", demand.rollout.clone())
            .with("next", next)
            .with("path", format!("/ring/{name}"))
            .with("hosts", list("host"))
            .with("listeners", list("listener"))
            .with("tokens", list("token"))
            .with("policies", list("policy"));
        all = all.with("ring", ring);
    }
    if let Some(ShownRollout { rollout, state }) = shown.rollouts.get(name) {
        let held = rollout.held.as_ref().map(|hold| hold.reason.clone());
        let rollout = Fields::new()
            .with("ring", rollout.ring.as_str())
            .with("baseline", rollout.baseline.as_str())
            .with("state", state.clone())
            .with("from", rollout.from)
            .with("deadline", rollout.deadline)
            .with("held", held);
        all = all.with("rollout", rollout);
    }
    if let Some(ShownException {
        exception,
        in_force,
    }) = shown.exceptions.get(name)
    {
        let families = exception.group.families.iter();
        let platforms = exception.group.platforms.iter();
        let exception = Fields::new()
            .with("advisory", exception.advisory.as_str())
            .with("until", exception.until)
            .with("in_force", *in_force)
            .with(
                "families",
                families.map(ToString::to_string).collect::<Vec<_>>(),
            )
            .with(
                "platforms",
                platforms
                    .map(|name| hex::encode(name.0))
                    .collect::<Vec<_>>(),
            )
            .with("reason", exception.reason.as_str())
            .with("author", exception.author.as_str());
        all = all.with("exception", exception);
    }
    all
}

#[derive(Deserialize, Serialize)]
struct Past {
    decision: u32,
    at: String,
    author: String,
    difference: Vec<String>,
    changes: Json,
}

#[derive(Serialize)]
struct History {
    history: Vec<Past>,
}

pub(super) fn history(args: &BaselineHistoryArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.asking.at, PATIENCE)?;
    let limit = args.limit.to_string();
    let told = service.get::<Vec<Past>>("/baselines/history", &[("limit", &limit)])?;
    let Told { simulated, value } = told;
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated,
            content: History { history: value },
        })?,
        Format::Text => {
            let title = format!("{} at {}", counted(value.len(), "decision"), service.url);
            let mut text = headline(simulated, &title);
            let now = time::now()?;
            for past in &value {
                let (at, author) = (harmless(&past.at), harmless(&past.author));
                let when = ago(&past.at, now);
                text.push_str(&format!("{}  {at} ({when}) by {author}\n", past.decision));
                for line in &past.difference {
                    text.push_str(&format!("  {}\n", harmless(line)));
                }
            }
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// Everything in force, now or at any instant.
pub(super) fn ask(service: &Service, at: Option<&str>) -> Result<Told<Json>> {
    let at = at.map(time::parse).transpose()?;
    service.get_at("/baselines", &[], at)
}
