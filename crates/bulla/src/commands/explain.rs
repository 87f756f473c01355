//! `bulla explain`: the same answer as `bulla verify`, told as a story.

use std::path::Path;

use bulla_pki::Timestamp;
use bulla_verifier::PreparedCollateral;

use crate::args::{ExplainArgs, Format};
use crate::commands::verify::{QUOTE, is_json, judge_one, read_quote, set};
use crate::error::{Error, Result};
use crate::explain::Explanation;
use crate::explain::decider::Decider;
use crate::explain::drawing;
use crate::explain::levels::{Gap, Shortfalls, Target};
use crate::explain::moment::{Moment, Record};
use crate::explain::steps::Step;
use crate::explain::timeline::{Span, draw};
use crate::input::Source;
use crate::judge::{Judge, Outcome, QuoteInput};
use crate::output::{Exit, Output};
use crate::render::fields;
use crate::render::style::{
    BAD, CAUTION, FAINT, GOOD, PLAIN, STRONG, WIDTH, harmless, paint, wrap,
};
use crate::render::text::{day, findings, headline};

const MARGIN: &str = "            ";

pub(crate) fn run(args: &ExplainArgs, output: &mut Output) -> Result<Exit> {
    let told = tell(args)?;
    let Told {
        collateral,
        outcome,
        moment,
    } = &told;
    let explanation = Explanation::of(outcome, collateral, moment.as_ref());
    match output.format() {
        Format::Json => output.json(&explanation)?,
        Format::Text => output.text(&text(&explanation, outcome, moment.as_ref()))?,
    }
    Ok(outcome.exit())
}

/// What there is to explain.
struct Told {
    collateral: PreparedCollateral,
    outcome: Outcome,
    /// What a service told of an instant; absent where none was asked for more than documents.
    moment: Option<Moment>,
}

fn tell(args: &ExplainArgs) -> Result<Told> {
    let given = args.quote.as_deref().map(given).transpose()?;
    let mut judge = Judge::from_args(&args.terms)?;
    let record = Record::open(args, judge.at)?;
    let shown = match (&record, &args.platform) {
        (Some(record), Some(qe_id)) => {
            let shown = record.last_quote(qe_id)?;
            Some((record.quote(&shown)?, shown))
        }
        _ => None,
    };
    let (last, shown) = shown.unzip();
    let quote = given.or(last).ok_or_else(|| Error::Usage {
        message: "give --quote, or --platform with --service and --token-file".to_owned(),
    })?;
    let demand = match &record {
        Some(record) if args.terms.baseline.is_none() => Some(record.demand(args.ring.as_deref())?),
        _ => None,
    };
    if let Some(demand) = &demand {
        judge = judge.under(demand.clone());
    }
    let of_then = match &record {
        Some(record) => record.set(judge.need(quote.bytes())?),
        None => None,
    };
    let (set, issues) = match of_then.transpose()? {
        Some((set, issues)) => (set, Some(issues)),
        None => (set(&args.from, &judge, &quote, None)?, None),
    };
    let moment =
        record.map(|record| record.moment(demand.as_ref(), issues.as_ref(), shown.as_ref()));
    let (collateral, outcome) = judge_one(&judge, quote, &set);
    Ok(Told {
        collateral,
        outcome,
        moment,
    })
}

/// The one quote of a file.
fn given(path: &Path) -> Result<QuoteInput> {
    let mut source = Source::open(QUOTE, path)?;
    if is_json(source.peek()?) {
        let reason = "it is JSON, and one quote is told at a time; \
                      take the `quote` out of its line, and the collateral beside it";
        return Err(Error::Unexplainable { reason });
    }
    read_quote(source)
}

fn text(explanation: &Explanation<'_>, outcome: &Outcome, moment: Option<&Moment>) -> String {
    let mut text = format!("{}\n", headline(outcome));
    let mut section = |title: &str, content: String| {
        text.push_str(&format!("\n{}\n{content}", paint(STRONG, title)));
    };
    if let Some(moment) = moment {
        section("what it rests on", rests_on(moment));
    }
    section("the chain, drawn", drawing::draw(&explanation.steps));
    let steps = explanation.steps.iter().map(step).collect();
    section(
        "the chain of trust, from the root to what you attest",
        steps,
    );
    let at = outcome.verdict.at;
    section(
        &format!("when the documents count (| is {at})"),
        timeline(&explanation.timeline, at),
    );
    if let Some(demanded) = outcome.baseline() {
        let mut content = String::new();
        fields::write(&demanded, 2, &mut content);
        section("the level that is demanded", content);
    }
    if let Some(decides) = &explanation.decides {
        section("what decides", decider(decides));
    }
    if let Some(found) = &explanation.shortfalls {
        section("what would raise the level", shortfalls(found));
    }
    text.push_str(&format!("\n{}", findings(&outcome.findings())));
    text
}

fn rests_on(moment: &Moment) -> String {
    let mut text = String::new();
    fields::write(&moment.told, 2, &mut text);
    if let Some(caution) = &moment.caution {
        for line in wrap(&harmless(caution), WIDTH.saturating_sub(2)) {
            text.push_str(&format!("  {}\n", paint(CAUTION, line)));
        }
    }
    text
}

fn step(step: &Step) -> String {
    let word = match step.held {
        Some(true) => paint(GOOD, "held  "),
        Some(false) => paint(BAD, "BROKEN"),
        None => paint(FAINT, "unseen"),
    };
    let mut text = format!("  {word}    {}\n", step.title);
    text.push_str(&paragraph(step.meaning, FAINT));
    if let Some(here) = &step.here {
        text.push_str(&paragraph(&format!("Here: {here}."), PLAIN));
    }
    for failure in &step.failures {
        let told = format!("{}: {}", failure.code, failure.message);
        text.push_str(&paragraph(&told, BAD));
    }
    text
}

fn paragraph(text: &str, style: anstyle::Style) -> String {
    wrap(&harmless(text), WIDTH.saturating_sub(MARGIN.len()))
        .iter()
        .map(|line| format!("{MARGIN}{}\n", paint(style, line)))
        .collect()
}

fn timeline(spans: &[Span], at: Timestamp) -> String {
    let width = spans.iter().map(|span| span.name.len()).max().unwrap_or(0);
    let rows = spans.iter().zip(draw(spans, at));
    rows.map(|(span, row)| {
        let style = if span.in_window { PLAIN } else { BAD };
        let dates = format!("{} to {}", day(span.from), day(span.until));
        format!("  {:width$}  {}  {dates}\n", span.name, paint(style, row))
    })
    .collect()
}

fn decider(decides: &Decider) -> String {
    let mut lines = vec![harmless(&decides.message)];
    let parts = ["The first part that is too low:"].into_iter();
    let parts = parts.chain(std::iter::repeat("Also too low:"));
    for (which, short) in parts.zip(&decides.short) {
        let name = short.name.as_deref().map(|name| format!(" ({name})"));
        lines.push(format!(
            "{which} {}{} has {}, needs {}: {}.",
            short.part,
            harmless(&name.unwrap_or_default()),
            short.has,
            short.needs,
            short.remedy.as_str()
        ));
    }
    if !decides.closes.is_empty() {
        let closes = harmless(&decides.closes.join(", "));
        lines.push(format!("Raising them closes {closes}."));
    }
    let lines = lines.iter();
    let lines = lines.flat_map(|line| wrap(line, WIDTH.saturating_sub(2)));
    lines.map(|line| format!("  {line}\n")).collect()
}

fn shortfalls(found: &Shortfalls) -> String {
    let mut text = String::new();
    for (name, target) in [("next", &found.next), ("best", &found.best)] {
        if let Some(target) = target {
            text.push_str(&target_text(name, target));
        }
    }
    if !found.parts.is_empty() {
        text.push_str("  parts with levels of their own\n");
        text.push_str(&gaps(&found.parts));
    }
    if text.is_empty() {
        text.push_str(
            "  Nothing: every version reaches the highest level that the vendor lists.\n",
        );
    }
    text
}

fn target_text(name: &str, target: &Target) -> String {
    let title = format!("{name} level: {} of {}", target.status, target.date);
    match target.gaps.is_empty() {
        // The level applies by its versions, and was not reached for another reason.
        true => format!("  {title}, no version is too low\n"),
        false => format!("  {title}\n{}", gaps(&target.gaps)),
    }
}

fn gaps(gaps: &[Gap]) -> String {
    let row = |gap: &Gap| {
        format!(
            "    {} has {}, needs {}: {}\n",
            gap.component, gap.has, gap.needs, gap.raised_by
        )
    };
    gaps.iter().map(row).collect()
}
