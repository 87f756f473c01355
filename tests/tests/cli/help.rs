//! `--help` of every command: it fits the terminal, and the pages know every option.

use std::fs;
use std::path::Path;

use bulla_tests::binary::bulla;

use super::generate::below;

/// The help of every command, at this width; each under its words.
fn every_help(columns: usize) -> Vec<(String, String)> {
    let mut waiting = vec![Vec::new()];
    let mut found = Vec::new();
    while let Some(words) = waiting.pop() {
        waiting.extend(below(&words));
        let mut command = bulla();
        command.args(&words).arg("--help");
        let output = command.env("COLUMNS", columns.to_string()).output();
        let text = String::from_utf8(output.expect("bulla runs").stdout).expect("UTF-8");
        found.push((words.join(" "), text));
    }
    assert!(found.len() > 60, "{}", found.len());
    found
}

/// The options that a help lists.
fn options(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .map(str::trim_start)
        .map(|line| line.strip_prefix("-h, ").unwrap_or(line))
        .map(|line| line.strip_prefix("-V, ").unwrap_or(line))
        .filter(|line| line.starts_with("--"))
        .filter_map(|line| line.split([' ', ',']).next())
}

#[test]
fn every_option_is_on_a_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut pages = String::new();
    for entry in fs::read_dir(folder).expect("the pages") {
        let path = entry.expect("a page").path();
        if path.extension().is_some_and(|end| end == "md") {
            pages += &fs::read_to_string(path).expect("a page");
        }
    }
    let is_told = |option: &str| {
        let goes_on =
            |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        let mut places = pages.match_indices(option);
        places.any(|(place, _)| !goes_on(&pages[place + option.len()..]))
    };
    for (words, help) in every_help(100) {
        for option in options(&help).filter(|option| *option != "--help") {
            assert!(is_told(option), "bulla {words} {option} is on no page");
        }
    }
}

#[test]
fn it_flows_in_terminals_of_any_width() {
    for columns in [60, 80, 100] {
        for (words, help) in every_help(columns) {
            let lines: Vec<&str> = help.lines().collect();
            let paragraphs = lines.windows(2).filter(|pair| {
                let is_text = |line: &str| !line.is_empty() && !line.starts_with(' ');
                pair.iter().all(|line| is_text(line))
            });
            for pair in paragraphs {
                let word = pair[1].split(' ').next().expect("a word");
                let with_it = pair[0].chars().count() + 1 + word.chars().count();
                assert!(with_it > columns, "bulla {words}: {pair:?}");
            }
        }
    }
}
