//! `bulla demo`: a simulated platform attests, and bulla accepts and refuses.

mod trial;

use bulla_issuer::QuoteKind;
use serde::Serialize;

use crate::args::{DemoArgs, Format};
use crate::error::Result;
use crate::output::{Exit, Output};
use crate::render::style::{BAD, CAUTION, FAINT, GOOD, STRONG, WIDTH, paint, wrap};
use crate::time;

use trial::{TRIALS, Trial, World};

/// What attests in the demonstration.
const KINDS: [(&str, QuoteKind); 2] = [
    ("SGX enclave", QuoteKind::SgxV3),
    ("TDX trust domain", QuoteKind::Td15V5),
];

const EXPLANATION: &str = "A model of the processor measured and started an enclave and a trust \
    domain and quoted them; its vendor, made up for this demonstration, certified it. The quotes \
    were accepted only while the policy named that vendor's root, and whatever went wrong was \
    refused for its own reason. These are verdicts and nothing more: no code of an enclave ran, \
    no key was released, no real processor took part, and no production policy accepts this root.";

pub(crate) fn run(args: &DemoArgs, output: &mut Output) -> Result<Exit> {
    let at = time::given_or_now(args.at.as_deref())?;
    let mut attempts = Vec::new();
    for (subject, kind) in KINDS {
        let world = World::new(kind, at)?;
        for trial in TRIALS {
            attempts.push(Attempt::make(subject, trial, &world)?);
        }
    }
    let story = Story {
        simulated: true,
        at: at.to_string(),
        as_expected: attempts.iter().all(|attempt| attempt.as_expected),
        attempts,
    };
    match output.format() {
        Format::Json => output.json(&story)?,
        Format::Text => output.text(&text(&story))?,
    }
    Ok(if story.as_expected {
        Exit::Done
    } else {
        Exit::Refused
    })
}

/// Everything that was tried.
#[derive(Serialize)]
struct Story {
    simulated: bool,
    at: String,
    as_expected: bool,
    attempts: Vec<Attempt>,
}

/// One thing that was tried.
#[derive(Serialize)]
struct Attempt {
    subject: &'static str,
    tried: &'static str,
    expected: &'static str,
    appraisal: &'static str,
    as_expected: bool,
    /// The reason that was to be found, or the first other one.
    code: Option<String>,
    message: Option<String>,
}

impl Attempt {
    fn make(subject: &'static str, trial: Trial, world: &World) -> Result<Self> {
        let outcome = world.judge(trial)?;
        let appraisal = outcome.decision.appraisal().as_str();
        let findings = outcome.findings();
        let expected = trial.expected_code(world);
        let wanted = findings
            .iter()
            .find(|f| f.refuses() && Some(f.code) == expected);
        let reason = wanted.or_else(|| findings.iter().find(|finding| finding.refuses()));
        Ok(Self {
            subject,
            tried: trial.title(),
            expected: expected.map_or("accepted", |_| "refused"),
            appraisal,
            as_expected: match expected {
                None => reason.is_none() && outcome.exit() == Exit::Done,
                Some(_) => wanted.is_some() && outcome.exit() == Exit::Refused,
            },
            code: reason.map(|finding| finding.code.to_owned()),
            message: reason.map(|finding| finding.message.clone()),
        })
    }
}

fn text(story: &Story) -> String {
    let mut text = format!(
        "{}  a platform, its vendor and everything they signed were made up just now, at {}\n",
        paint(CAUTION, "SIMULATED"),
        story.at
    );
    let mut subject = "";
    for attempt in &story.attempts {
        if attempt.subject != subject {
            subject = attempt.subject;
            text.push_str(&format!("\n{}\n", paint(STRONG, subject)));
        }
        text.push_str(&row(attempt));
    }
    text.push('\n');
    for line in wrap(EXPLANATION, WIDTH) {
        text.push_str(&format!("{line}\n"));
    }
    if !story.as_expected {
        let complaint =
            "Not every outcome was the expected one: this is a fault in bulla, report it.";
        text.push_str(&format!("{}\n", paint(BAD, complaint)));
    }
    text
}

fn row(attempt: &Attempt) -> String {
    let style = if attempt.appraisal == "accepted" {
        GOOD
    } else {
        BAD
    };
    let word = paint(style, format!("{:8}", attempt.appraisal));
    let surprise = match attempt.as_expected {
        true => String::new(),
        false => paint(BAD, format!("  EXPECTED: {}", attempt.expected)),
    };
    let code = attempt.code.as_deref().unwrap_or_default();
    let mut text = format!("  {word}  {:44}  {code}{surprise}", attempt.tried);
    text.truncate(text.trim_end().len());
    text.push('\n');
    if let Some(message) = &attempt.message {
        let margin = " ".repeat(12);
        for line in wrap(message, WIDTH.saturating_sub(margin.len())) {
            text.push_str(&format!("{margin}{}\n", paint(FAINT, line)));
        }
    }
    text
}
