//! The cost of a verification at its three speeds, in units of one P-256 verification.
//!
//! `cargo bench -p bulla-tests --bench speed` prints ratios of thread CPU time, measured in
//! interleaved rounds so that a machine whose speed drifts does it to all rows alike.

use std::time::Duration;

use bulla_tests::load::{self, Row, median};
use bulla_tests::vectors;

const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(8);

fn measure(rows: &[Row]) {
    let counts: Vec<u32> = rows
        .iter()
        .map(|row| (ROUND.as_secs_f64() / row.cost(20)).clamp(1.0, 1e6) as u32)
        .collect();
    let mut ratios = vec![Vec::new(); rows.len()];
    let mut units = Vec::new();
    for _ in 0..ROUNDS {
        let unit = rows[0].cost(counts[0]);
        units.push(unit);
        for ((row, count), ratios) in rows.iter().zip(&counts).zip(&mut ratios) {
            ratios.push(row.cost(*count) / unit);
        }
    }
    println!(
        "unit: one P-256 verification, parsing of the key included, {:.1} us",
        median(units) * 1e6
    );
    for (row, ratios) in rows.iter().zip(ratios) {
        println!("{:<34} {:>6.2}", row.name, median(ratios));
    }
}

fn main() {
    let Some(folder) = vectors::folder("speed") else {
        return;
    };
    let mut rows = load::units(&folder);
    rows.extend(load::speeds(&folder));
    rows.push(load::mixed(&folder));
    rows.extend(load::extreme_rows());
    measure(&rows);
}
