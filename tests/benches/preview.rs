//! A fleet of a million platforms held against a baseline.
//!
//! `cargo bench -p bulla-tests --bench preview` prints thread CPU time, medians of the rounds.

use std::hint::black_box;

use bulla_appraisal::Demand;
use bulla_pki::digest::sha256;
use bulla_tests::fleet::Fleet;
use bulla_tests::load::{median, thread_time};

const PLATFORMS: u32 = 1_000_000;
const ROUNDS: usize = 7;

/// How many platforms the exception of the second row names.
const NAMED: u32 = 1_000;

fn main() {
    let fleet = Fleet::new();
    let (plain, named) = (Demand::default(), naming_platforms(&fleet));
    for (name, demand, kinds) in [
        ("256 different", &plain, 256),
        ("256 different, 1,000 excepted by name", &named, 256),
        ("10,000 different", &plain, 10_000),
        ("all different", &plain, PLATFORMS),
    ] {
        let rounds = (0..ROUNDS).map(|_| preview(&fleet, demand, kinds));
        let seconds = median(rounds.collect());
        println!(
            "{name:<40} {seconds:>6.3} s  {:>12.0} platforms in a second",
            f64::from(PLATFORMS) / seconds
        );
    }
}

/// Seconds for the whole fleet.
fn preview(fleet: &Fleet, demand: &Demand, kinds: u32) -> f64 {
    let start = thread_time();
    let mut preview = fleet.preview(demand);
    for place in 0..PLATFORMS {
        black_box(preview.judge(&fleet.platform(place, kinds)));
    }
    (thread_time() - start).as_secs_f64()
}

fn naming_platforms(fleet: &Fleet) -> Demand {
    let names = (0..NAMED).map(|place| {
        let ppid = fleet.platform(place, 1).ppid.expect("a name");
        format!("{:?}", hex::encode(sha256(&ppid)))
    });
    let names: Vec<String> = names.collect();
    let text = format!(
        "[exceptions.named]\nadvisory = \"SIMULATED-SA-00001\"\nuntil = \"2099-12-31T23:59:59Z\"\n\
         reason = \"r\"\nauthor = \"a\"\ngroup = {{ platforms = [{}] }}\n",
        names.join(", ")
    );
    Demand::from_toml(Demand::default().name, &text).unwrap_or_else(|error| panic!("{error}"))
}
