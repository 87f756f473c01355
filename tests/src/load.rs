//! Work to measure: verifications at every speed, and the worst that the budgets let through.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bulla_collateral::{CollateralSet, MAX_DOCUMENT_SIZE};
use bulla_evidence::Quote;
use bulla_issuer::{
    Attestation, ComponentSpec, IsvLevelSpec, QuoteKind, RevokedCertificate, Scenario, Seed, pem,
};
use bulla_pki::crl::MAX_CRL_SIZE;
use bulla_pki::{PublicKey, Signature, Timestamp, TrustAnchors};
use bulla_verifier::{KnownPlatforms, PreparedCollateral, Verdict, Verification};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::cases;

/// Something to measure.
pub struct Row {
    /// Technology, version and speed, or what is the worst about it.
    pub name: String,
    /// Does it once.
    pub work: Box<dyn Fn()>,
}

impl Row {
    /// What it costs once, in seconds of this thread's CPU time: the mean of `count` times.
    pub fn cost(&self, count: u32) -> f64 {
        let start = thread_time();
        for _ in 0..count {
            (self.work)();
        }
        (thread_time() - start).as_secs_f64() / f64::from(count)
    }
}

/// The CPU time of this thread, which other work on the machine leaves alone.
pub fn thread_time() -> Duration {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// The CPU time of a process: of all its threads, those too that have ended.
pub fn cpu_time(process: u32) -> Duration {
    let process = Pid::from_raw(process.try_into().expect("a process"));
    read(ClockId::pid_cpu_clock_id(process).expect("a process that runs"))
}

fn read(clock: ClockId) -> Duration {
    Duration::from(clock.now().expect("a clock"))
}

/// What the children of this process that have ended, and were waited for, have had of processors.
pub fn time_of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a usage");
    let microseconds = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap_or_default();
    Duration::from_micros(microseconds(usage.user_time()) + microseconds(usage.system_time()))
}

/// The middle one of the values, of which there must be some.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One signature check of the crypto library, the key parsed anew or kept.
///
/// The checks go round over the quote signatures of many genuine quotes: one and the same check
/// again and again would be a tenth faster than any program can have it, because the processor
/// learns its branches by heart.
pub fn units(vectors: &Path) -> Vec<Row> {
    let all = cases::read_all(vectors);
    let every = all.len() / 64;
    let checks: Vec<_> = all
        .iter()
        .step_by(every)
        .map(|case| {
            let bytes = case.quote(vectors);
            let quote = Quote::parse(&bytes).expect("a genuine quote");
            let coordinates = *quote.auth().attestation_key;
            let key = PublicKey::from_coordinates(&coordinates).expect("a genuine key");
            let signature = Signature::from_fixed(quote.auth().signature).expect("in range");
            (coordinates, key, quote.signed().to_vec(), signature)
        })
        .collect();
    let again = checks.clone();
    let next = Cell::new(0);
    let next_again = Cell::new(0);
    vec![
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

/// Genuine quotes of three kinds at each of the three speeds.
pub fn speeds(vectors: &Path) -> Vec<Row> {
    let all = cases::read_all(vectors);
    let mut rows = Vec::new();
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
        let (quote, set, at) = (case.quote(vectors), case.collateral(vectors), case.at());
        let anchors = TrustAnchors::vendors();
        let prepared = Arc::new(PreparedCollateral::new(&set, &anchors));
        let known = KnownPlatforms::new(Arc::clone(&prepared), 16.try_into().expect("not zero"));
        assert_eq!(known.verify(&quote, at).verification(), Verification::Ok);
        let quote: Arc<[u8]> = quote.into();
        let mut add = |speed: &str, work: Box<dyn Fn()>| {
            let name = format!("{name}/{speed}");
            rows.push(Row { name, work });
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

/// Every genuine quote in turn, each under its own prepared collateral, its platform known: what a
/// service sees that attests a mixed fleet.
pub fn mixed(vectors: &Path) -> Row {
    let anchors = TrustAnchors::vendors();
    let mut seen = BTreeSet::new();
    let fleet: Vec<_> = cases::read_all(vectors)
        .iter()
        .filter_map(|case| {
            let quote = case.quote(vectors);
            let prepared = PreparedCollateral::new(&case.collateral(vectors), &anchors);
            let known = KnownPlatforms::new(Arc::new(prepared), NonZeroUsize::MIN);
            let genuine = known.verify(&quote, case.at()).verification() == Verification::Ok;
            (genuine && seen.insert(quote.clone())).then(|| (quote, known, case.at()))
        })
        .collect();
    let next = Cell::new(0);
    Row {
        name: format!("mixed/{}-known", fleet.len()),
        work: Box::new(move || {
            let (quote, known, at) = &fleet[next.get()];
            next.set((next.get() + 1) % fleet.len());
            black_box(known.verify(quote, *at));
        }),
    }
}

/// A quote and its collateral under the issuer's root, and what they are an extreme of.
pub struct Extreme {
    /// What there is most of.
    pub name: &'static str,
    quote: Vec<u8>,
    collateral: CollateralSet,
    anchors: TrustAnchors,
    at: Timestamp,
    expected: Verification,
}

impl Extreme {
    /// The quote's bytes.
    pub fn quote(&self) -> &[u8] {
        &self.quote
    }

    /// Verifies it cold.
    ///
    /// # Panics
    ///
    /// If the verdict is not the one that the extreme was built for.
    pub fn verify(&self) -> Verdict {
        let verdict = bulla_verifier::verify(&self.quote, &self.collateral, &self.anchors, self.at);
        assert_eq!(
            verdict.verification(),
            self.expected,
            "{}: {verdict:?}",
            self.name
        );
        verdict
    }
}

/// The worst inputs that the budgets admit, correctly signed wherever that makes more work; the
/// first is an ordinary one to compare with.
pub fn extremes() -> Vec<Extreme> {
    let at = Timestamp::from_unix_seconds(1_790_000_000).expect("a time before the year 10000");
    let scenario = || Scenario::new(&Seed::from("extremes"), QuoteKind::Td15V5, at);
    let root = scenario().vendor.root_certificate();
    let anchors = TrustAnchors::vendors()
        .with_simulated(&root)
        .expect("the issuer's root");
    let extreme = |name, attestation: Attestation, expected| Extreme {
        name,
        quote: attestation.quote,
        collateral: attestation.collateral,
        anchors: anchors.clone(),
        at,
        expected,
    };
    let (genuine, refused) = (Verification::Ok, Verification::Failed);

    let mut longest_crl = scenario();
    let entries = fill(MAX_CRL_SIZE, 400, 30);
    for crl in [&mut longest_crl.pck_crl, &mut longest_crl.root_ca_crl] {
        crl.revoked = (1..=entries)
            .map(|number| RevokedCertificate {
                serial: (number as u64 | 1 << 62).to_be_bytes().to_vec(),
                date: at,
                reason: None,
            })
            .collect();
    }

    let mut most_levels = scenario();
    let level = most_levels.tcb_info.levels[0].clone();
    let compact = |svn| ComponentSpec {
        svn,
        category: None,
        kind: None,
    };
    most_levels.tcb_info.levels = (0..fill(MAX_DOCUMENT_SIZE, 3_000, 560))
        .map(|number| {
            let mut level = level.clone();
            // All but the lowest level demand more than the platform has, in the last component.
            for component in level
                .sgx_components
                .iter_mut()
                .chain(level.tdx_components.iter_mut().flatten())
            {
                *component = compact(0);
            }
            level.pcesvn = number as u32 * 7;
            level
        })
        .collect();
    let isv_level = most_levels.qe_identity.levels[0].clone();
    most_levels.qe_identity.levels = (0..fill(MAX_DOCUMENT_SIZE, 1_000, 100))
        .map(|number| IsvLevelSpec {
            isvsvn: number as u32,
            ..isv_level.clone()
        })
        .collect();

    let deep = {
        let mut documents = scenario().documents();
        let depth = fill(MAX_DOCUMENT_SIZE, 20_000, 2);
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let text = &mut documents.collateral.tcb_info.body;
        text.truncate(text.len() - 1);
        text.extend(format!(r#","unknown":{nested}}}"#).into_bytes());
        documents.assemble()
    };
    let many_unknown = {
        let scenario = scenario();
        let mut documents = scenario.documents();
        let mut text = scenario.tcb_info.to_json();
        text.truncate(text.len() - 1);
        for number in 0..fill(MAX_DOCUMENT_SIZE, 20_000, 12) {
            text.push_str(&format!(r#","u{number}":0"#));
        }
        text.push('}');
        documents.collateral.tcb_info =
            bulla_issuer::sign_text(text, &scenario.vendor.tcb_signer.key);
        documents.assemble()
    };
    let unknown_everywhere = {
        let mut documents = scenario().documents();
        let unknown: Vec<String> = (0..6_000)
            .map(|number| format!(r#""{number:x}":0"#))
            .collect();
        let components = vec![r#"{"svn":0,"u":0}"#; 16].join(",");
        let levels: Vec<String> = (0..fill(MAX_DOCUMENT_SIZE, 62_000, 340))
            .map(|pcesvn| {
                format!(
                    r#"{{"tcb":{{"sgxtcbcomponents":[{components}],"pcesvn":{pcesvn}}},"tcbDate":"2026-01-01T00:00:00Z","tcbStatus":"UpToDate"}}"#
                )
            })
            .collect();
        documents.collateral.tcb_info.body = format!(
            r#"{{{},"id":"SGX","version":3,"issueDate":"2026-01-01T00:00:00Z","nextUpdate":"2026-02-01T00:00:00Z","fmspc":"000000000000","pceId":"0000","tcbType":0,"tcbEvaluationDataNumber":1,"tcbLevels":[{}]}}"#,
            unknown.join(","),
            levels.join(",")
        )
        .into_bytes();
        documents.assemble()
    };
    let most_certificates = {
        let mut documents = scenario().documents();
        let chain = pem::chain(&[
            &documents.pck_certificate,
            &documents.pck_ca_certificate,
            &documents.root_certificate,
            &documents.pck_ca_certificate,
        ]);
        documents
            .collateral
            .tcb_info_issuer_chain
            .clone_from(&chain);
        documents
            .collateral
            .qe_identity_issuer_chain
            .clone_from(&chain);
        documents.collateral.pck_crl_issuer_chain = chain;
        documents.assemble()
    };
    let ten_thousand_certificates = {
        let mut documents = scenario().documents();
        let chain = pem::chain(&vec![&documents.pck_certificate[..]; 10_000]);
        documents.collateral.tcb_info_issuer_chain = chain;
        documents.assemble()
    };
    let mut longest_quote = scenario();
    longest_quote.quote.qe_auth = vec![7; usize::from(u16::MAX)];

    vec![
        extreme("ordinary", scenario().build(), genuine),
        extreme("longest CRLs", longest_crl.build(), genuine),
        extreme("most TCB levels", most_levels.build(), genuine),
        extreme("deepest JSON", deep, refused),
        extreme("most unknown fields", many_unknown, genuine),
        extreme("unknown fields everywhere", unknown_everywhere, refused),
        extreme("most certificates", most_certificates, refused),
        extreme(
            "ten thousand certificates",
            ten_thousand_certificates,
            refused,
        ),
        extreme("longest quote", longest_quote.build(), genuine),
    ]
}

/// How many elements of `each` bytes fit a budget beside `other` bytes.
fn fill(budget: usize, other: usize, each: usize) -> usize {
    budget.saturating_sub(other) / each
}

/// The extremes as rows.
pub fn extreme_rows() -> Vec<Row> {
    extremes()
        .into_iter()
        .map(|extreme| Row {
            name: format!("extreme/{}", extreme.name.replace(' ', "-")),
            work: Box::new(move || {
                black_box(extreme.verify());
            }),
        })
        .collect()
}
