//! What a verification costs on each side, as a ratio to one signature verification measured in
//! the same run: ratios carry over from one machine to another, times do not.

use std::fmt;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bulla_evidence::Quote;
use bulla_pki::{PublicKey, Signature, SignatureError, TrustAnchors};
use bulla_verifier::{KnownPlatforms, PreparedCollateral};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::case::{Root, Tolerance};
use crate::recorded::Recorded;
use crate::theirs::{self, Theirs};

/// Calls timed as one: the clock costs little beside them.
const CALLS: u32 = 8;

/// Medians of every operation.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rounds: usize,
    rows: Vec<Row>,
}

/// One operation.
#[derive(Debug, Serialize)]
struct Row {
    evidence: &'static str,
    operation: &'static str,
    microseconds: f64,
    /// Relative to the first row.
    ratio: f64,
}

struct Operation<'a> {
    evidence: &'static str,
    name: &'static str,
    call: Box<dyn FnMut() + 'a>,
    times: Vec<Duration>,
}

/// Measures all operations in turn, round by round, so that whatever else the machine does falls
/// on all of them alike.
pub(crate) fn run(recorded: &[Recorded], rounds: NonZeroUsize) -> Result<Report, String> {
    let sgx = find(recorded, "SGX v3", |quote| quote.signed().len() == 432)?;
    let tdx = find(recorded, "TDX v4", |quote| quote.signed().len() == 632)?;
    let mut operations = units(recorded)?;
    operations.extend(verifications("SGX v3", sgx)?);
    operations.extend(verifications("TDX v4", tdx)?);
    for _ in 0..rounds.get() {
        for operation in &mut operations {
            let start = thread_time();
            for _ in 0..CALLS {
                (operation.call)();
            }
            operation.times.push((thread_time() - start) / CALLS);
        }
    }
    let medians = operations.iter().map(|operation| median(&operation.times));
    let medians: Vec<f64> = medians.collect();
    let rows = operations
        .iter()
        .zip(&medians)
        .map(|(operation, median)| Row {
            evidence: operation.evidence,
            operation: operation.name,
            microseconds: median * 1e6,
            ratio: median / medians[0],
        });
    Ok(Report {
        rounds: rounds.get(),
        rows: rows.collect(),
    })
}

/// A genuine case that both sides accept.
fn find<'a>(
    recorded: &'a [Recorded],
    name: &str,
    is_wanted: fn(&Quote<'_>) -> bool,
) -> Result<&'a Recorded, String> {
    let anchors = TrustAnchors::vendors();
    recorded
        .iter()
        .find(|case| {
            let verdict = bulla_verifier::verify(&case.quote, &case.collateral, &anchors, case.at);
            Quote::parse(&case.quote).is_ok_and(|quote| is_wanted(&quote))
                && verdict.failures().next().is_none()
                && their_verification(case).is_ok_and(|verify| verify())
        })
        .ok_or_else(|| format!("no genuine case of {name} among the vectors"))
}

/// A genuine signature over the 632 signed bytes of a quote.
struct Signed<'a> {
    message: &'a [u8],
    signature: &'a [u8; 64],
    key: &'a [u8; 64],
}

/// The unit goes round over this many signatures: the same one again and again would be learned by
/// the processor's branch predictor, and be faster than any program can have it.
const SIGNATURES: usize = 64;

/// The unit: one signature over 632 bytes, the parsing of the key included; and without.
fn units(recorded: &[Recorded]) -> Result<Vec<Operation<'_>>, String> {
    let quotes = recorded
        .iter()
        .filter_map(|case| Quote::parse(&case.quote).ok());
    let signed = quotes
        .filter(|quote| quote.signed().len() == 632)
        .map(|quote| Signed {
            message: quote.signed(),
            signature: quote.auth().signature,
            key: quote.auth().attestation_key,
        });
    let mut signed: Vec<Signed<'_>> = signed.collect();
    signed.dedup_by_key(|signed| signed.signature);
    signed.truncate(SIGNATURES);
    let parsed: Result<Vec<_>, SignatureError> = signed
        .iter()
        .map(|signed| {
            let key = PublicKey::from_coordinates(signed.key)?;
            let signature = Signature::from_fixed(signed.signature)?;
            key.verify(signed.message, &signature)?;
            Ok((signed.message, key, signature))
        })
        .collect();
    let parsed = parsed.map_err(|error| error.to_string())?;
    let (mut next, mut next_parsed) = ((0..parsed.len()).cycle(), (0..parsed.len()).cycle());
    let unit = move || {
        let signed = &signed[next.next().unwrap_or_default()];
        let key = PublicKey::from_coordinates(black_box(signed.key));
        let signature = Signature::from_fixed(black_box(signed.signature));
        if let (Ok(key), Ok(signature)) = (key, signature) {
            let _ = black_box(key.verify(black_box(signed.message), &signature));
        }
    };
    let with_parsed_key = move || {
        let (message, key, signature) = &parsed[next_parsed.next().unwrap_or_default()];
        let _ = black_box(key.verify(black_box(message), signature));
    };
    let evidence = "632 bytes";
    Ok(vec![
        Operation::new(evidence, "one P-256 verification (the unit)", unit),
        Operation::new(evidence, "the same with a parsed key", with_parsed_key),
    ])
}

/// bulla at its three speeds, and the other side.
fn verifications<'a>(
    evidence: &'static str,
    case: &'a Recorded,
) -> Result<Vec<Operation<'a>>, String> {
    let anchors = TrustAnchors::vendors();
    let collateral = Arc::new(PreparedCollateral::new(&case.collateral, &anchors));
    let capacity = NonZeroUsize::new(16).ok_or("no capacity")?;
    let known = KnownPlatforms::new(Arc::clone(&collateral), capacity);
    known.verify(&case.quote, case.at);
    let cold = move || {
        let (quote, set) = (black_box(&case.quote), black_box(&case.collateral));
        drop(black_box(bulla_verifier::verify(
            quote, set, &anchors, case.at,
        )));
    };
    let prepared = move || {
        drop(black_box(
            collateral.verify(black_box(&case.quote), case.at),
        ))
    };
    let known = move || drop(black_box(known.verify(black_box(&case.quote), case.at)));
    let theirs = their_verification(case)?;
    let theirs = move || {
        black_box(theirs());
    };
    Ok(vec![
        Operation::new(evidence, "bulla, cold", cold),
        Operation::new(evidence, "bulla, prepared", prepared),
        Operation::new(evidence, "bulla, known", known),
        Operation::new(evidence, "dcap-qvl with ring", theirs),
    ])
}

/// The other side's verification of a genuine case; says whether it accepts.
fn their_verification<'a>(case: &'a Recorded) -> Result<impl Fn() -> bool + 'a, String> {
    let verifier = Theirs::new(&[]).verifier(Root::Vendor, Tolerance::default());
    let collateral = theirs::in_their_form(&case.collateral)?;
    let at = case.at.unix_seconds();
    Ok(move || {
        verifier
            .verify(black_box(&case.quote), &collateral, at)
            .is_ok()
    })
}

impl<'a> Operation<'a> {
    fn new(evidence: &'static str, name: &'static str, call: impl FnMut() + 'a) -> Self {
        Self {
            evidence,
            name,
            call: Box::new(call),
            times: Vec::new(),
        }
    }
}

/// What this thread has used of a processor.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// In seconds.
fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(f64::NAN, Duration::as_secs_f64)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "thread CPU time, median of {} rounds\n", self.rounds)?;
        writeln!(
            f,
            "{:<10}{:<46}{:>8}{:>8}",
            "evidence", "operation", "us", "ratio"
        )?;
        self.rows.iter().try_for_each(|row| {
            let Row {
                evidence,
                operation,
                microseconds,
                ratio,
            } = row;
            writeln!(
                f,
                "{evidence:<10}{operation:<46}{microseconds:>8.1}{ratio:>8.2}"
            )
        })
    }
}
