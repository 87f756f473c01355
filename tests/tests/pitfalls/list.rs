//! The list of pitfalls is complete, and every test it names exists and runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const LIST: &str = include_str!("../../../docs/pitfalls.md");

/// The rows of the table, cell by cell.
fn rows() -> Vec<Vec<&'static str>> {
    LIST.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells[0] != "#")
        .collect()
}

/// The names of all pitfall tests in the sources.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pitfalls");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the tests' folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = fs::read_to_string(path).expect("a source");
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let name = pair[1]
                .strip_prefix("fn ")
                .and_then(|rest| rest.split('(').next());
            if pair[0] == "#[test]" && name.is_some_and(|name| name.starts_with("pitfall_")) {
                names.extend(name.map(str::to_owned));
            }
        }
    }
    names
}

fn named_in(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').filter(|name| name.starts_with("pitfall_"))
}

#[test]
fn every_number_has_a_row_and_every_row_a_test_or_a_reason() {
    let rows = rows();
    let numbers: Vec<usize> = rows
        .iter()
        .map(|row| row[0].parse().expect("a number"))
        .collect();
    assert_eq!(numbers, (1..=47).collect::<Vec<_>>());
    for row in &rows {
        assert_eq!(row.len(), 5, "{row:?}");
        let reason = row[4].starts_with("Cannot occur: ");
        assert!(reason || named_in(row[4]).next().is_some(), "{row:?}");
    }
}

#[test]
fn the_tests_named_are_the_tests_there_are() {
    let mut listed = BTreeSet::new();
    for row in rows() {
        for name in named_in(row[4]) {
            let number: usize = row[0].parse().expect("a number");
            assert!(
                name.starts_with(&format!("pitfall_{number:02}_")),
                "{name} in row {number}"
            );
            assert!(listed.insert(name.to_owned()), "{name} is listed twice");
        }
    }
    assert_eq!(listed, tests());
}
