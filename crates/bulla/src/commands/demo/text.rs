//! The story for people.

use super::play::DATABASE;
use super::story::{Attempt, Chain, Story};
use crate::render::style::{BAD, CAUTION, FAINT, GOOD, STRONG, WIDTH, paint, wrap};

const EXPLANATION: &str = "All of it was made up for this, in one process, and is gone. The enclave had \
    itself attested and did no more; the key was held by this process, so that nothing was protected. \
    No real processor took part, and no policy accepts this root that does not name it.";

/// Columns before what a step tells.
const MARGIN: usize = 15;

pub(super) fn text(story: &Story) -> String {
    let mut text = format!(
        "{}  a vendor and everything that it signed were made up just now, at {}\n",
        paint(CAUTION, "SIMULATED"),
        story.at
    );
    heading("The way it must go", &mut text);
    for step in &story.steps {
        let mut name = step.step;
        for line in wrap(&step.told, WIDTH.saturating_sub(MARGIN)) {
            text.push_str(&format!("  {name:13}{line}\n"));
            name = "";
        }
    }
    if let Some(reason) = &story.not_executed {
        for line in wrap(&format!("Not executed: {reason}"), WIDTH) {
            text.push_str(&format!("{}\n", paint(CAUTION, line)));
        }
    }
    heading("And each way it must not", &mut text);
    let mut subject = "";
    for attempt in &story.attempts {
        let shown = match attempt.subject == subject {
            true => "",
            false => attempt.subject,
        };
        subject = attempt.subject;
        text.push_str(&row(shown, attempt));
    }
    heading("The chain, from the root to the key", &mut text);
    text.push_str(&picture(&story.chain));
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

fn heading(title: &str, text: &mut String) {
    text.push_str(&format!("\n{}\n", paint(STRONG, title)));
}

fn row(subject: &str, attempt: &Attempt) -> String {
    let style = match attempt.got_nothing() {
        true => BAD,
        false => GOOD,
    };
    let word = paint(style, format!("{:8}", attempt.outcome));
    let surprise = match attempt.as_expected {
        true => String::new(),
        false => paint(BAD, format!("  EXPECTED: {}", attempt.expected)),
    };
    let code = attempt.code.as_deref().unwrap_or_default();
    let row = format!(
        "  {subject:10} {word}  {:44}  {code}{surprise}",
        attempt.tried
    );
    format!("{}\n", row.trim_end())
}

/// The chain, drawn: each link, and what it does for the next.
fn picture(chain: &Chain) -> String {
    let short = |text: &str| format!("{}...", text.chars().take(12).collect::<String>());
    let Chain {
        platform,
        tcb_status,
        collateral,
        isvsvn,
        policy,
        until,
        ..
    } = chain;
    let root = short(&chain.root_public_key_sha256);
    let (code, signer) = (short(&chain.mrenclave), short(&chain.mrsigner));
    let links = [
        (
            "root",
            format!("{root}, the vendor's, SIMULATED; the policy names it"),
            "certifies",
        ),
        (
            "platform",
            format!("{platform}, {tcb_status} by {collateral} documents and certificates"),
            "signs",
        ),
        (
            "quote",
            format!("MRENCLAVE {code}, version {isvsvn}, MRSIGNER {signer}"),
            "is bound to",
        ),
        (
            "key",
            format!("{}, and the gate's nonce", short(&chain.public_key)),
            "is named by",
        ),
        (
            "token",
            format!(
                "{}, under the policy {policy}, until {until}",
                short(&chain.token_id)
            ),
            "releases",
        ),
        ("secret", format!("{DATABASE}, sealed to the key"), ""),
    ];
    let mut text = String::new();
    for (link, what, does) in links {
        text.push_str(&format!("  {link:13}{what}\n"));
        if !does.is_empty() {
            text.push_str(&format!("  {}\n", paint(FAINT, format!("  │ {does}"))));
        }
    }
    text
}
