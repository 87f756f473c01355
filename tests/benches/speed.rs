//! The cost of a verification at its three speeds, in units of one P-256 verification.
//!
//! `cargo bench -p bulla-tests --bench speed` prints ratios of thread CPU time, measured in
//! interleaved rounds so that a machine whose speed drifts does it to all rows alike.
//! `... --bench speed -- run ROW COUNT` only does the work of one row, for a profiler or an
//! instruction counter.

use std::cell::Cell;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bulla_pki::{PublicKey, Signature, TrustAnchors};
use bulla_tests::{cases, vectors};
use bulla_verifier::{KnownPlatforms, PreparedCollateral, Verification};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(8);

/// Something to measure.
struct Row {
    name: String,
    work: Box<dyn Fn()>,
}

fn rows(folder: &Path) -> Vec<Row> {
    let all = cases::read_all(folder);
    let quotes: Vec<_> = all.iter().step_by(all.len() / 64).map(|case| case.quote(folder)).collect();
    let mut rows: Vec<Row> = units(&quotes).into();
    for (name, tee, version) in [
        ("sgx-v3", "SGX", 3),
        ("tdx-v4", "TDX", 4),
        ("tdx-v5", "TDX", 5),
    ] {
        let case = all
            .iter()
            .filter(|case| case.tee == tee && case.quote_version == version)
            .max_by_key(|case| (case.expect.quote == "STATUS_OK", case.expect.tcb_eval_min))
            .expect("a case of this kind");
        let (quote, set, at) = (case.quote(folder), case.collateral(folder), case.at());
        let anchors = TrustAnchors::vendors();
        let prepared = Arc::new(PreparedCollateral::new(&set, &anchors));
        let known = KnownPlatforms::new(Arc::clone(&prepared), 16.try_into().expect("not zero"));
        assert_eq!(known.verify(&quote, at).verification(), Verification::Ok);
        let quote: Arc<[u8]> = quote.into();
        let mut add = |speed: &str, work: Box<dyn Fn()>| {
            rows.push(Row {
                name: format!("{name}/{speed}"),
                work,
            });
        };
        let bytes = Arc::clone(&quote);
        add(
            "cold",
            Box::new(move || {
                black_box(bulla_verifier::verify(&bytes, &set, &anchors, at));
            }),
        );
        let bytes = Arc::clone(&quote);
        add(
            "prepared",
            Box::new(move || {
                black_box(prepared.verify(&bytes, at));
            }),
        );
        add(
            "known",
            Box::new(move || {
                black_box(known.verify(&quote, at));
            }),
        );
    }
    rows
}

/// One signature check of the crypto library, the key parsed anew or kept.
///
/// The checks go round over the quote signatures of many genuine quotes: one and the same check
/// again and again would be a tenth faster than any program can have it, because the processor
/// learns its branches by heart.
fn units(quotes: &[Vec<u8>]) -> [Row; 2] {
    let checks: Vec<_> = quotes
        .iter()
        .map(|quote| {
            let quote = bulla_evidence::Quote::parse(quote).expect("a genuine quote");
            let coordinates = *quote.auth().attestation_key;
            let key = PublicKey::from_coordinates(&coordinates).expect("a genuine key");
            let signature = Signature::from_fixed(quote.auth().signature).expect("in range");
            (coordinates, key, quote.signed().to_vec(), signature)
        })
        .collect();
    let again = checks.clone();
    let next = Cell::new(0);
    let next_again = Cell::new(0);
    [
        Row {
            name: "unit".to_owned(),
            work: Box::new(move || {
                let (coordinates, _, message, signature) = &checks[next.get()];
                next.set((next.get() + 1) % checks.len());
                let key = PublicKey::from_coordinates(coordinates).expect("a genuine key");
                black_box(key.verify(message, signature)).expect("a genuine signature");
            }),
        },
        Row {
            name: "unit/parsed-key".to_owned(),
            work: Box::new(move || {
                let (_, key, message, signature) = &again[next_again.get()];
                next_again.set((next_again.get() + 1) % again.len());
                black_box(key.verify(message, signature)).expect("a genuine signature");
            }),
        },
    ]
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

fn cost(row: &Row, count: u32) -> f64 {
    let start = thread_time();
    for _ in 0..count {
        (row.work)();
    }
    (thread_time() - start).as_secs_f64() / f64::from(count)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(rows: &[Row]) {
    let counts: Vec<u32> = rows
        .iter()
        .map(|row| (ROUND.as_secs_f64() / cost(row, 20)).clamp(1.0, 1e6) as u32)
        .collect();
    let mut ratios = vec![Vec::new(); rows.len()];
    let mut units = Vec::new();
    for _ in 0..ROUNDS {
        let unit = cost(&rows[0], counts[0]);
        units.push(unit);
        for ((row, count), ratios) in rows.iter().zip(&counts).zip(&mut ratios) {
            ratios.push(cost(row, *count) / unit);
        }
    }
    println!(
        "unit: one P-256 verification, parsing of the key included, {:.1} us",
        median(units) * 1e6
    );
    for (row, ratios) in rows.iter().zip(ratios) {
        println!("{:<18} {:>6.2}", row.name, median(ratios));
    }
}

fn main() {
    let Some(folder) = vectors::folder("speed") else {
        return;
    };
    let rows = rows(&folder);
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match arguments.as_slice() {
        [] => measure(&rows),
        [run, name, count] if run == "run" => {
            let row = rows
                .iter()
                .find(|row| row.name == *name)
                .expect("a row of this name");
            for _ in 0..count.parse::<u32>().expect("a count") {
                (row.work)();
            }
        }
        _ => panic!("usage: speed [run ROW COUNT]"),
    }
}
