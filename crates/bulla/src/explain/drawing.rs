//! The chain of trust, drawn: who stands behind whom, down to what is attested and to its level.

use crate::explain::steps::{Link, Step};
use crate::render::style::{BAD, FAINT, GOOD, WIDTH, harmless, paint};

/// Columns before what a node is in this case.
const INDENT: usize = 21;

/// A line from one node down to the next.
struct Edge {
    link: Link,
    /// What the upper node does for the lower.
    does: &'static str,
    /// The lower node.
    node: &'static str,
}

const fn edge(link: Link, does: &'static str, node: &'static str) -> Edge {
    Edge { link, does, node }
}

const TO_THE_QUOTE: [Edge; 6] = [
    edge(Link::Root, "trust", "root"),
    edge(Link::PckCa, "certifies", "CA of platforms"),
    edge(Link::PckCertificate, "certifies", "processor"),
    edge(
        Link::QuotingEnclave,
        "signs the report of",
        "quoting enclave",
    ),
    edge(Link::AttestationKey, "vouches for", "attestation key"),
    edge(Link::Evidence, "signs", "quote"),
];

const TO_THE_LEVEL: [Edge; 2] = [
    edge(Link::Collateral, "certifies the signer of", "collateral"),
    edge(Link::TcbLevel, "knows the level of the versions", "level"),
];

/// Two lines of descent: from you to the quote, and from the same root to the level.
pub(crate) fn draw(steps: &[Step]) -> String {
    let quote = descent("you", &TO_THE_QUOTE, steps);
    let level = descent("root", &TO_THE_LEVEL, steps);
    format!("{quote}\n{level}")
}

fn descent(top: &str, edges: &[Edge], steps: &[Step]) -> String {
    let mut text = format!("  {top}\n");
    for Edge { link, does, node } in edges {
        let step = steps.iter().find(|step| step.link == *link);
        let held = step.and_then(|step| step.held);
        text.push_str(&match held {
            Some(true) => format!("    {} {}\n", paint(GOOD, "│"), paint(FAINT, does)),
            Some(false) => format!("    {}\n", paint(BAD, format!("✗ {does}: BROKEN"))),
            None => format!("    {}\n", paint(FAINT, format!("┆ {does}: unseen"))),
        });
        let here = step.and_then(|step| step.here.as_deref());
        let here = here.map(shortened).unwrap_or_default();
        let row = format!("  {node:0$}{here}", INDENT.saturating_sub(2));
        text.push_str(&format!("{}\n", row.trim_end()));
    }
    text
}

/// What fits beside a node; the steps have it whole.
fn shortened(text: &str) -> String {
    let text = harmless(text);
    let room = WIDTH.saturating_sub(INDENT);
    match text.chars().count() > room {
        true => {
            let start: String = text.chars().take(room.saturating_sub(3)).collect();
            format!("{start}...")
        }
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(link: Link, held: Option<bool>) -> Step {
        Step {
            link,
            held,
            title: "",
            meaning: "",
            here: Some("x".repeat(200)),
            failures: Vec::new(),
        }
    }

    #[test]
    fn every_line_says_whether_it_held_and_fits() {
        let steps = [
            step(Link::Root, Some(true)),
            step(Link::PckCa, Some(false)),
            step(Link::TcbLevel, None),
        ];
        let drawn = anstream::adapter::strip_str(&draw(&steps)).to_string();
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[..2], ["  you", "    │ trust"]);
        assert_eq!(lines[3], "    ✗ certifies: BROKEN");
        assert!(drawn.contains("    ┆ knows the level of the versions: unseen\n"));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[2].starts_with("  root") && lines[2].ends_with("x..."));
    }
}
