//! What the service counts and what the pages say of it are the same.

use std::collections::BTreeSet;

use bulla_tests::pages::read;
use bulla_tests::world::World;

use super::pages::{quoted_in_column, sources};

/// What is documented, with `bulla_` before and `_total` behind as it is scraped.
fn documented() -> BTreeSet<String> {
    quoted_in_column(&read("docs/service.md"), "Metric")
}

/// The names that a text has, with what Prometheus makes of histograms and counters taken off.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("bulla_"));
    names
        .map(|name| {
            let ends = ["_bucket", "_sum", "_count"];
            let base = ends.iter().find_map(|end| name.strip_suffix(end));
            base.unwrap_or(name).to_owned()
        })
        .collect()
}

#[test]
fn every_metric_of_a_service_is_documented_and_every_documented_one_exists() {
    let world = World::new();
    world.observe();
    let text = world.service.get("/metrics").text().to_owned();
    let scraped: BTreeSet<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| named(line.split(['{', ' ']).next().unwrap_or_default()))
        .collect();
    assert!(scraped.len() > 15, "{text}");
    let documented = documented();
    let missing: Vec<_> = scraped.difference(&documented).collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");

    let sources = sources("crates/runtime/service/src");
    let sources: String = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a source file"))
        .collect();
    for name in &documented {
        let own = name.strip_prefix("bulla_").expect("bulla's own");
        let own = own.strip_suffix("_total").unwrap_or(own);
        assert!(
            sources.contains(&format!("\"{own}\"")),
            "nothing counts `{name}`"
        );
    }
}

#[test]
fn alert_rules_ask_for_what_there_is() {
    let asked = named(&read("packaging/prometheus-rules.yml"));
    assert!(asked.len() > 5, "{asked:?}");
    let documented = documented();
    let missing: Vec<_> = asked.difference(&documented).collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");
}
