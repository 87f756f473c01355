//! Reads records from standard input, one on each line, and writes what may be known about all.

use std::io::{self, BufRead, Read};
use std::process::ExitCode;

use risk_score::{MAX_LINE, Summary};

fn main() -> ExitCode {
    let mut summary = Summary::default();
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64 + 1;
        match input.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(length) if length > MAX_LINE => {
                eprintln!("a line has more than {MAX_LINE} bytes");
                return ExitCode::FAILURE;
            }
            // What is not text is no record, and is counted as such.
            Ok(_) => summary.add(&String::from_utf8_lossy(&line)),
            Err(error) => {
                eprintln!("the records cannot be read: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("records  {}", summary.records);
    println!("refused  {}", summary.refused);
    match summary.mean() {
        Some(mean) => println!("mean     {mean}\nhigh     {}", summary.high),
        None => println!("mean     too few records to tell"),
    }
    ExitCode::SUCCESS
}
