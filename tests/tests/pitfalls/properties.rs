//! What holds for any levels, any faults and any seed.

use bulla_collateral::TcbStatus as Status;
use bulla_issuer::{
    ComponentSpec, Documents, IsvLevelSpec, QuoteKind, Scenario, Seed, StatusSpec, TcbLevelSpec,
};
use bulla_tests::scenarios::{assert_status, judge, judge_bytes, judge_tampered, now, trusting};
use bulla_verifier::{Code, Verification};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const PLATFORM_WORDS: [&str; 7] = [
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
];
const PART_WORDS: [&str; 3] = ["UpToDate", "OutOfDate", "Revoked"];

/// The components that levels differ in. Of those of TDX the second stands for the module's version.
const SGX_PLACES: [usize; 3] = [0, 2, 15];
const TDX_PLACES: [usize; 3] = [0, 7, 15];

fn bytes(places: [usize; 3], svns: [u8; 3]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (place, svn) in places.into_iter().zip(svns) {
        bytes[place] = svn;
    }
    bytes
}

/// A level of a platform, in few components and small numbers, so that levels often apply.
#[derive(Clone, Debug)]
struct Level {
    sgx: [u8; 3],
    pcesvn: u8,
    tdx: [u8; 3],
    word: &'static str,
}

/// A platform with its levels, as few numbers as matter.
#[derive(Clone, Debug)]
struct World {
    levels: Vec<Level>,
    module_levels: Vec<(u8, &'static str)>,
    enclave_levels: Vec<(u8, &'static str)>,
    sgx: [u8; 3],
    pcesvn: u8,
    module_version: u8,
    tdx: [u8; 3],
    tdx_now: [u8; 3],
    enclave_svn: u8,
}

fn small() -> impl Strategy<Value = [u8; 3]> {
    [0..4_u8, 0..4_u8, 0..4_u8]
}

fn level() -> impl Strategy<Value = Level> {
    (small(), 0..3_u8, small(), select(&PLATFORM_WORDS[..])).prop_map(|(sgx, pcesvn, tdx, word)| {
        Level {
            sgx,
            pcesvn,
            tdx,
            word,
        }
    })
}

/// Levels of one SVN, no two alike, in any order.
fn isv_levels() -> impl Strategy<Value = Vec<(u8, &'static str)>> {
    let svns = Just(vec![0, 1, 2, 3]).prop_shuffle();
    (svns, vec(select(&PART_WORDS[..]), 1..4))
        .prop_map(|(svns, words)| svns.into_iter().zip(words).collect())
}

fn world() -> impl Strategy<Value = World> {
    (
        vec(level(), 1..9),
        isv_levels(),
        isv_levels(),
        small(),
        0..4_u8,
        0..2_u8,
        (small(), small()),
        0..4_u8,
    )
        .prop_map(
            |(levels, module_levels, enclave_levels, sgx, pcesvn, version, tdx, enclave)| World {
                levels,
                module_levels,
                enclave_levels,
                sgx,
                pcesvn,
                module_version: version,
                tdx: tdx.0,
                tdx_now: tdx.1,
                enclave_svn: enclave,
            },
        )
}

/// Which part has no level.
#[derive(Debug, PartialEq)]
enum NoLevel {
    Platform,
    Module,
    Enclave,
}

impl NoLevel {
    fn code(&self) -> Code {
        match self {
            Self::Platform => Code::TcbLevelNotFound,
            Self::Module => Code::TdxModuleTcbLevelNotFound,
            Self::Enclave => Code::QeTcbLevelNotFound,
        }
    }
}

impl World {
    /// Where two levels demand the same, the document is malformed and nothing is evaluated.
    fn repeats(&self, tdx: bool) -> bool {
        let key = |level: &Level| (level.sgx, level.pcesvn, tdx.then_some(level.tdx));
        let levels = &self.levels;
        (0..levels.len()).any(|i| {
            levels[..i]
                .iter()
                .any(|level| key(level) == key(&levels[i]))
        })
    }

    /// The word of a platform: of all levels reached, the one that demands most.
    fn platform(&self, tdx: Option<[u8; 3]>) -> Option<&'static str> {
        let mut best: Option<&Level> = None;
        for level in &self.levels {
            // A module with a version is judged by its identity, not by the first component.
            let judged = if self.module_version == 0 { 0 } else { 1 };
            let reached = (0..3).all(|i| self.sgx[i] >= level.sgx[i])
                && self.pcesvn >= level.pcesvn
                && tdx.is_none_or(|svns| (judged..3).all(|i| svns[i] >= level.tdx[i]));
            let key = |level: &Level| (level.sgx, level.pcesvn, tdx.map(|_| level.tdx));
            if reached && best.is_none_or(|best| key(level) > key(best)) {
                best = Some(level);
            }
        }
        best.map(|level| level.word)
    }

    fn isv(levels: &[(u8, &'static str)], svn: u8) -> Option<&'static str> {
        let reached = levels.iter().filter(|(least, _)| *least <= svn);
        reached
            .max_by_key(|(least, _)| *least)
            .map(|(_, word)| *word)
    }

    /// Platform, module and quoting enclave together.
    fn converged(&self, tdx: Option<[u8; 3]>) -> Result<String, NoLevel> {
        let platform = self.platform(tdx).ok_or(NoLevel::Platform)?;
        let module = match tdx {
            Some(svns) if self.module_version > 0 => {
                Self::isv(&self.module_levels, svns[0]).ok_or(NoLevel::Module)?
            }
            _ => "UpToDate",
        };
        let enclave = Self::isv(&self.enclave_levels, self.enclave_svn);
        let parts = [module, enclave.ok_or(NoLevel::Enclave)?];
        if parts.contains(&"Revoked") || platform == "Revoked" {
            return Ok("Revoked".to_owned());
        }
        let configuration = if platform.contains("Configuration") {
            "ConfigurationNeeded"
        } else {
            ""
        };
        if parts.contains(&"OutOfDate") || platform.starts_with("OutOfDate") {
            return Ok(format!("OutOfDate{configuration}"));
        }
        Ok(platform.to_owned())
    }

    /// The status of a quote of this kind.
    fn expected(&self, kind: QuoteKind) -> Result<String, NoLevel> {
        match kind {
            QuoteKind::SgxV3 | QuoteKind::SgxV4 | QuoteKind::SgxV5 => self.converged(None),
            QuoteKind::Td10V4 | QuoteKind::Td10V5 => self.converged(Some(self.tdx)),
            QuoteKind::Td15V5 | QuoteKind::Td15ExV5 => {
                let launch = self.converged(Some(self.tdx))?;
                let current = self.converged(Some(self.tdx_now))?;
                if current == "Revoked" {
                    return Ok(current);
                }
                if !launch.starts_with("OutOfDate") || current.starts_with("OutOfDate") {
                    return Ok(launch);
                }
                let configuration = [&launch, &current]
                    .iter()
                    .any(|s| s.contains("Configuration"));
                let suffix = if configuration {
                    "ConfigurationNeeded"
                } else {
                    ""
                };
                Ok(format!("TDRelaunchAdvised{suffix}"))
            }
        }
    }

    fn scenario(&self, kind: QuoteKind) -> Scenario {
        let mut scenario = Scenario::new(&Seed::from("worlds"), kind, now());
        let tdx = scenario.tcb_info.tdx_module.is_some();
        let spread = |places: [usize; 3], svns: [u8; 3]| {
            let mut components = vec![ComponentSpec::default(); 16];
            for (place, svn) in places.into_iter().zip(svns) {
                components[place].svn = svn.into();
            }
            components
        };
        let said = |word: &str| StatusSpec {
            word: word.to_owned(),
            ..StatusSpec::up_to_date(now())
        };
        scenario.tcb_info.levels = self
            .levels
            .iter()
            .map(|level| TcbLevelSpec {
                sgx_components: spread(SGX_PLACES, level.sgx),
                pcesvn: level.pcesvn.into(),
                tdx_components: tdx.then(|| spread(TDX_PLACES, level.tdx)),
                status: said(level.word),
            })
            .collect();
        let isv = |levels: &[(u8, &'static str)]| -> Vec<IsvLevelSpec> {
            let of = |&(svn, word): &(u8, &str)| IsvLevelSpec {
                isvsvn: svn.into(),
                status: said(word),
            };
            levels.iter().map(of).collect()
        };
        scenario.qe_identity.levels = isv(&self.enclave_levels);
        scenario.quote.qe_report.isvsvn = u16::from(self.enclave_svn).into();
        let certified = spread(SGX_PLACES, self.sgx);
        scenario.sgx_extension.component_svns = certified.iter().map(|c| c.svn).collect();
        scenario.sgx_extension.cpusvn = bytes(SGX_PLACES, self.sgx);
        scenario.sgx_extension.pcesvn = self.pcesvn.into();
        let tee_tcb_svn = |svns: [u8; 3]| {
            let mut bytes = bytes(TDX_PLACES, svns);
            bytes[1] = self.module_version;
            bytes
        };
        if let Some(td) = scenario.quote.body.td10_mut() {
            td.tee_tcb_svn = tee_tcb_svn(self.tdx);
        }
        if let Some(td) = scenario.quote.body.td15_mut() {
            td.tee_tcb_svn2 = tee_tcb_svn(self.tdx_now);
        }
        if let Some(identities) = &mut scenario.tcb_info.tdx_module_identities {
            let own = identities.last_mut().expect("of its own version");
            own.id = "TDX_01".to_owned();
            own.levels = isv(&self.module_levels);
        }
        scenario
    }
}

/// A bit of one of the pieces that a verifier is given.
#[derive(Clone, Copy, Debug)]
struct Fault {
    piece: usize,
    place: Index,
    bit: u8,
}

fn pieces(documents: &mut Documents) -> [&mut [u8]; 13] {
    let quote = &mut documents.quote;
    let collateral = &mut documents.collateral;
    let chain = match &mut quote.certification {
        bulla_issuer::Certification::PckChain(chain) => chain,
        other => panic!("no chain: {other:?}"),
    };
    [
        // Of the header only what follows the version, which decides how the quote is written.
        &mut quote.signed[2..],
        &mut quote.signature,
        &mut quote.attestation_key,
        &mut quote.qe_report_signature,
        &mut quote.qe_report.reportdata,
        &mut quote.qe_auth,
        chain,
        &mut collateral.tcb_info.body,
        &mut collateral.tcb_info_issuer_chain,
        &mut collateral.qe_identity.body,
        &mut collateral.pck_crl,
        &mut collateral.pck_crl_issuer_chain,
        &mut collateral.root_ca_crl,
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    (0..13_usize, any::<Index>(), 0..8_u8).prop_map(|(piece, place, bit)| Fault {
        piece,
        place,
        bit,
    })
}

/// What the certificates and documents say, whatever text they stand in.
fn substance(verdict: &bulla_verifier::Verdict) -> String {
    format!(
        "{:?} {:?} {:?}",
        verdict.evidence, verdict.tcb, verdict.collateral
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pitfall_04_the_status_is_that_of_a_naive_evaluation(
        world in world(),
        kind in select(&QuoteKind::ALL[..]),
    ) {
        let scenario = world.scenario(kind);
        let verdict = judge(&scenario);
        let codes: Vec<Code> = verdict.failures().map(|failure| failure.code).collect();
        if world.repeats(scenario.tcb_info.tdx_module.is_some()) {
            prop_assert_eq!(codes, [Code::DocumentMalformed]);
            return Ok(());
        }
        match world.expected(kind) {
            Ok(expected) => {
                prop_assert_eq!(codes, []);
                let status = verdict.tcb.map(|tcb| tcb.status.to_string());
                prop_assert_eq!(status, Some(expected));
            }
            Err(part) => prop_assert_eq!(codes, [part.code()]),
        }
    }

    /// The three speeds are compared wherever something is judged; here for any few faults at once.
    #[test]
    fn any_changed_bits_are_refused_or_change_nothing_at_every_speed(
        kind in select(&QuoteKind::ALL[..]),
        faults in vec(fault(), 1..4),
    ) {
        let scenario = Scenario::new(&Seed::from("faults"), kind, now());
        let untouched = judge(&scenario);
        let verdict = judge_tampered(&scenario, |documents| {
            for fault in &faults {
                let mut pieces = pieces(documents);
                let piece = &mut pieces[fault.piece];
                piece[fault.place.index(piece.len())] ^= 1 << fault.bit;
            }
        });
        if verdict.verification() == Verification::Ok {
            prop_assert_eq!(substance(&verdict), substance(&untouched));
        }
    }

    #[test]
    fn truncated_quotes_are_no_quotes_at_every_speed(
        kind in select(&QuoteKind::ALL[..]),
        length in any::<Index>(),
    ) {
        let scenario = Scenario::new(&Seed::from("faults"), kind, now());
        let attestation = scenario.build();
        let anchors = trusting(&scenario.vendor.root_certificate());
        let quote = &attestation.quote[..length.index(attestation.quote.len())];
        let verdict = judge_bytes(quote, &attestation.collateral, &anchors, now());
        let codes: Vec<Code> = verdict.failures().map(|failure| failure.code).collect();
        prop_assert_eq!(codes, [Code::QuoteFormat("QuoteTruncated")]);
    }

    #[test]
    fn a_scenario_of_any_seed_is_genuine_and_up_to_date(
        seed in any::<[u8; 32]>(),
        kind in select(&QuoteKind::ALL[..]),
    ) {
        assert_status(&judge(&Scenario::new(&Seed::new(seed), kind, now())), Status::UpToDate);
    }
}
