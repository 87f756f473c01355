//! `bulla baseline preview`: who would fall out.

use bulla_appraisal::baseline::Name;
use bulla_appraisal::baseline::preview::{Counts, Shortfall};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::args::{BaselinePreviewArgs, Format};
use crate::client::PATIENCE;
use crate::commands::collateral::{Answer, counted, headline};
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::render::style::{BAD, CAUTION, GOOD, STRONG, harmless, paint};
use crate::render::table;
use crate::service::Service;
use crate::time;

/// Most platforms and causes that people are told of, unless they ask for all.
const SHOWN: usize = 30;

/// What would become of the fleet, as far as people are told of it.
#[derive(Deserialize)]
struct Previewed {
    at: String,
    demand: Demanded,
    #[serde(flatten)]
    foreseen: Foreseen,
    platforms: Vec<Platform>,
}

#[derive(Deserialize)]
struct Demanded {
    baseline: String,
}

/// How many pass, and what is the matter with those who do not.
#[derive(Deserialize)]
pub(super) struct Foreseen {
    counts: Counts,
    /// In hundredths of a percent.
    share: u32,
    by_reason: Vec<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    technology: String,
    fmspc: String,
    platforms: u64,
    #[serde(default)]
    short: Vec<Shortfall>,
    #[serde(default)]
    closes: Vec<String>,
    #[serde(default)]
    reasons: Vec<String>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Deserialize)]
struct Platform {
    technology: String,
    fmspc: String,
    ppid_sha256: Option<String>,
    qe_id: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    outcome: String,
    status: Option<String>,
    reason: Option<String>,
}

/// What the service says, and whether enough pass.
#[derive(Serialize)]
struct Judged<'a> {
    /// Absent where nobody asked for a share.
    #[serde(skip_serializing_if = "Option::is_none")]
    enough: Option<bool>,
    #[serde(flatten)]
    preview: &'a Json,
}

pub(super) fn run(args: &BaselinePreviewArgs, output: &mut Output) -> Result<Exit> {
    let service = Service::open_with_token(&args.asking.at, PATIENCE)?;
    let at = args.at.as_deref().map(time::parse).transpose()?;
    let at = at.map(|at| at.to_string());
    let given = [
        ("ring", args.ring.as_deref()),
        ("baseline", args.baseline.as_deref()),
        ("number", args.number.as_deref()),
    ];
    let given = given
        .into_iter()
        .find_map(|(name, value)| Some((name, value?)));
    let mut query = vec![given.unwrap_or(("ring", Name::DEFAULT_RING))];
    query.extend(at.as_deref().map(|at| ("at", at)));
    let mut told = service.get::<Json>("/baselines/preview", &query)?;
    if args.all {
        complete(&service, &query, &mut told.value)?;
    }
    let previewed = read(&service, &told.value)?;
    let least = args.fail_if_below;
    let enough = least.map(|least| previewed.foreseen.counts.pass_share_is_at_least(least));
    match output.format() {
        Format::Json => output.json(&Answer {
            service: &service.url,
            simulated: told.simulated,
            content: Judged {
                enough,
                preview: &told.value,
            },
        })?,
        Format::Text => {
            let title = format!(
                "the fleet of {} under {} at {}",
                service.url,
                harmless(&previewed.demand.baseline),
                harmless(&previewed.at)
            );
            let mut text = headline(told.simulated, &title);
            text.push_str(&told_of(&previewed.foreseen));
            text.push_str(&platforms(&previewed, args.all));
            if enough == Some(false) {
                let few = paint(BAD, "fewer pass than --fail-if-below asks for");
                text.push_str(&format!("\n{few}\n"));
            }
            output.text(&text)?;
        }
    }
    Ok(match enough {
        Some(false) => Exit::Refused,
        _ => Exit::Done,
    })
}

/// A page behind the first one.
#[derive(Deserialize)]
struct Page {
    platforms: Vec<Json>,
    next: Option<String>,
}

/// Adds the pages behind the first one. Each is of its own moment.
fn complete(service: &Service, query: &[(&str, &str)], whole: &mut Json) -> Result<()> {
    let mut next = Page::deserialize(&*whole).ok().and_then(|first| first.next);
    while let Some(behind) = &next {
        let after = query.iter().copied().chain([("after", behind.as_str())]);
        let after: Vec<(&str, &str)> = after.collect();
        let page: Page = service.get("/baselines/preview", &after)?.value;
        next = page.next.filter(|_| !page.platforms.is_empty());
        if let Some(Json::Array(all)) = whole.get_mut("platforms") {
            all.extend(page.platforms);
        }
    }
    if let Some(next) = whole.get_mut("next") {
        *next = Json::Null;
    }
    Ok(())
}

fn read(service: &Service, value: &Json) -> Result<Previewed> {
    Previewed::deserialize(value).map_err(|error| Error::ServiceAnswerUnknown {
        url: format!("{}/baselines/preview", service.url),
        reason: error.to_string(),
    })
}

/// How many pass, and what raises those who do not.
pub(super) fn told_of(foreseen: &Foreseen) -> String {
    let Counts {
        pass,
        fall_out,
        unknown,
    } = foreseen.counts;
    let share = format!("{}.{:02} %", foreseen.share / 100, foreseen.share % 100);
    let style = |count, style| if count == 0 { GOOD } else { style };
    let mut text = format!(
        "{}, {}, {}\n",
        paint(GOOD, format!("{pass} pass ({share})")),
        paint(style(fall_out, BAD), format!("{fall_out} fall out")),
        paint(style(unknown, CAUTION), format!("{unknown} unknown"))
    );
    for cause in foreseen.by_reason.iter().take(SHOWN) {
        text.push_str(&cause_text(cause));
    }
    text
}

fn cause_text(cause: &Cause) -> String {
    let number = usize::try_from(cause.platforms).unwrap_or(usize::MAX);
    let mut text = format!(
        "  {}, {} of {}: {}\n",
        counted(number, "platform"),
        harmless(&cause.technology),
        harmless(&cause.fmspc),
        because(&cause.outcome)
    );
    for short in &cause.short {
        text.push_str(&format!(
            "    {} has {}, needs {}: {}\n",
            short.part,
            short.has,
            short.needs,
            short.remedy.as_str()
        ));
    }
    // Where no update helps, the reasons have to do.
    if cause.short.is_empty() {
        for reason in &cause.reasons {
            text.push_str(&format!("    {}\n", harmless(reason)));
        }
    }
    if !cause.closes.is_empty() {
        let closes = harmless(&cause.closes.join(", "));
        text.push_str(&format!("    which closes {closes}\n"));
    }
    text
}

/// Who does not pass.
fn platforms(previewed: &Previewed, all: bool) -> String {
    let mut text = String::new();
    if !previewed.platforms.is_empty() {
        text.push_str(&format!("\n{}\n", paint(STRONG, "who does not pass")));
    }
    let most = if all { usize::MAX } else { SHOWN };
    let rows: Vec<[String; 5]> = previewed.platforms.iter().take(most).map(row).collect();
    let titles = ["QE-ID", "for", "FMSPC", "PPID's SHA-256", "because"];
    table::write(titles, &rows, &mut text);
    let counts = previewed.foreseen.counts;
    let fallen = counts.fall_out.saturating_add(counts.unknown);
    match fallen.saturating_sub(u64::try_from(rows.len()).unwrap_or(0)) {
        0 => {}
        // Who fell out while the pages were fetched is on none of them.
        more if all => text.push_str(&format!("and {more} that changed meanwhile\n")),
        more => text.push_str(&format!("and {more} more, whom --all lists\n")),
    }
    text
}

fn row(platform: &Platform) -> [String; 5] {
    let ppid_sha256 = platform.ppid_sha256.as_deref();
    [
        harmless(&platform.qe_id),
        harmless(&platform.technology),
        harmless(&platform.fmspc),
        ppid_sha256.map_or("-".to_owned(), harmless),
        because(&platform.outcome),
    ]
}

fn because(outcome: &Outcome) -> String {
    let why = outcome.status.as_ref().or(outcome.reason.as_ref());
    let why = why.map_or("no level is reached".to_owned(), |why| harmless(why));
    match outcome.outcome.as_str() {
        "falls-out" => paint(BAD, format!("falls out, {why}")),
        other => paint(CAUTION, format!("{}, {why}", harmless(other))),
    }
}
