//! Instructions per verification, which do not depend on load: counted by valgrind and compared
//! with recorded values.
//!
//! `cargo bench -p bulla-tests --bench instructions` fails where a count differs from the recorded
//! one by more than the tolerance, or where an extreme input costs more than twenty times an
//! ordinary one; `... -- record` writes the counts anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulla_tests::load::{self, Row};
use bulla_tests::vectors;

/// A count may differ by so much. The crypto library chooses its code by processor; a change of
/// ours that matters is larger than the difference between two of the same kind.
const TOLERANCE: f64 = 0.05;

/// What an extreme input may cost, in ordinary verifications.
const EXTREME_LIMIT: f64 = 20.0;

fn rows(folder: &Path) -> Vec<Row> {
    let mut rows = load::units(folder);
    rows.extend(load::speeds(folder));
    rows.extend(load::extreme_rows());
    rows
}

/// Runs this program again under valgrind, doing the work of one row `count` times.
fn count_instructions(row: &str, count: u32) -> f64 {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new("valgrind")
        .args([
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ])
        .arg(program)
        .args(["run", row, &count.to_string()])
        .output()
        .expect("valgrind is installed");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{row}: {log}");
    let line = log
        .lines()
        .find(|line| line.contains("I   refs:") || line.contains("I refs:"));
    let digits: String = line
        .and_then(|line| line.rsplit(':').next())
        .expect("valgrind counts instructions")
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().expect("a number")
}

/// Instructions for one more time, set-up left out.
fn instructions_each(row: &str) -> f64 {
    let (few, many) = if row.starts_with("extreme/") {
        (1, 5)
    } else {
        (64, 192)
    };
    (count_instructions(row, many) - count_instructions(row, few)) / f64::from(many - few)
}

fn recorded_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/instructions.json")
}

fn compare(names: &[String], record: bool) {
    let counts: BTreeMap<String, u64> = names
        .iter()
        .map(|name| (name.clone(), instructions_each(name) as u64))
        .collect();
    let unit = counts["unit"] as f64;
    let ordinary = counts["extreme/ordinary"] as f64;
    let file = recorded_file();
    let recorded: BTreeMap<String, u64> = match std::fs::read_to_string(&file) {
        Ok(text) if !record => serde_json::from_str(&text).expect("the record is JSON"),
        _ => counts.clone(),
    };
    println!(
        "{:<34} {:>12} {:>8} {:>10}",
        "", "instructions", "units", "recorded"
    );
    let mut failures = Vec::new();
    for name in names {
        let count = counts[name] as f64;
        let before = recorded.get(name).map_or(0.0, |count| *count as f64);
        println!(
            "{name:<34} {count:>12} {:>8.2} {:>9.3}x",
            count / unit,
            count / before
        );
        if (count / before - 1.0).abs() > TOLERANCE {
            failures.push(format!("{name}: {count} instructions, recorded {before}"));
        }
        if name.starts_with("extreme/") && count > EXTREME_LIMIT * ordinary {
            failures.push(format!(
                "{name}: more than {EXTREME_LIMIT} ordinary verifications"
            ));
        }
    }
    if record {
        let text = serde_json::to_string_pretty(&counts).expect("numbers are JSON");
        std::fs::write(&file, text + "\n").expect("the record is writable");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn main() {
    let Some(folder) = vectors::folder("instructions") else {
        return;
    };
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match arguments.as_slice() {
        [run, name, count] if run == "run" => {
            let rows = rows(&folder);
            let row = rows
                .iter()
                .find(|row| row.name == *name)
                .expect("a row of this name");
            for _ in 0..count.parse::<u32>().expect("a count") {
                (row.work)();
            }
        }
        more => {
            let names: Vec<String> = rows(&folder).into_iter().map(|row| row.name).collect();
            compare(&names, more == ["record"]);
        }
    }
}
