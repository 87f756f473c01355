//! Previews against genuine history: what is said beforehand is what verification says afterwards.
//!
//! For every family of platforms whose TCB info is there under several evaluation data numbers, each
//! genuine quote is previewed from each number to each later one, and then judged under the
//! documents of the later one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bulla_appraisal::baseline::preview::{
    FallsOut, Outcome, Part, Platform, Preview, Shortfall, Target,
};
use bulla_appraisal::baseline::{Demand, FamilyName, Technology};
use bulla_appraisal::{Appraisal, DOCUMENT_NAMES, Decision, Policy, appraise_under};
use bulla_collateral::{CollateralSet, EnclaveId, EnclaveIdentity, SignedText, TcbInfo, TcbInfoId};
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_tests::{cases, vectors};
use bulla_verifier::{PreparedCollateral, ReportedTcb, Verdict};

/// After every issue of history.
const AT: u64 = 1_795_000_000;

/// Advisories of which some are all that is open on many of the platforms.
const TOLERATED: [&str; 8] = [
    "00615", "00657", "00767", "01036", "01079", "01099", "01103", "01111",
];

const FOR_EVER: &str = "2099-12-31T23:59:59Z";

/// What a preview does not look at passes: it is about levels.
fn levels_alone() -> Policy {
    let text = format!(
        r#"
[[expired_documents]]
documents = {DOCUMENT_NAMES:?}
until = "{FOR_EVER}"
reason = "the documents of history have ended"

[sgx]
debug = "any"

[tdx]
debug = "any"
profiling = "any"
reserved_attributes = "any"
sept_ve_disable = "any"
migratable = "any"
service_td_extension = "any"
service_td = "any"
"#
    );
    Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// How strict a baseline is, beside its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strictness {
    /// `UpToDate`, as by default.
    UpToDate,
    /// Hardened software, too.
    Hardened,
    /// That, and recent enclaves of the vendor.
    Floor,
    /// `UpToDate`, and some advisories tolerated.
    Excepted,
}

impl Strictness {
    const ALL: [Self; 4] = [Self::UpToDate, Self::Hardened, Self::Floor, Self::Excepted];

    fn demand(self, number: u32) -> Demand {
        let hardened = r#"accepted_tcb_statuses = ["UpToDate", "SWHardeningNeeded"]"#;
        let mut text = String::new();
        for (technology, qe_isvsvn) in [("sgx", 9), ("tdx", 6)] {
            let requirement = match self {
                Self::UpToDate | Self::Excepted => String::new(),
                Self::Hardened => hardened.to_owned(),
                Self::Floor => {
                    format!("{hardened}\nfloor = {{ pcesvn = 13, qe_isvsvn = {qe_isvsvn} }}")
                }
            };
            text.push_str(&format!(
                "[{technology}]\nnumber = {number}\n{requirement}\n"
            ));
        }
        for id in TOLERATED.iter().filter(|_| self == Self::Excepted) {
            text.push_str(&format!(
                "[exceptions.sa-{id}]\nadvisory = \"INTEL-SA-{id}\"\nuntil = \"{FOR_EVER}\"\n\
                 reason = \"r\"\nauthor = \"a\"\n"
            ));
        }
        let name = format!("level-{number}").parse().expect("a name");
        Demand::from_toml(name, &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

/// A signed document of history.
#[derive(Clone)]
struct Document {
    issued: Timestamp,
    text: SignedText,
}

/// The newest issue of every number.
#[derive(Default)]
struct History {
    tcb_info: BTreeMap<(Technology, FamilyName), BTreeMap<u32, Document>>,
    identity: BTreeMap<Technology, BTreeMap<u32, Document>>,
}

impl History {
    fn read(vectors: &Path) -> Self {
        let mut history = Self::default();
        for text in documents(&vectors.join("dcap/history/tcb-info")) {
            // Version 1 is not read: it was withdrawn before there was a verifier of DCAP quotes.
            let Ok(info) = TcbInfo::parse(&text.body) else {
                continue;
            };
            let technology = match info.id {
                TcbInfoId::Sgx => Technology::Sgx,
                TcbInfoId::Tdx => Technology::Tdx,
            };
            let family = (technology, FamilyName(info.fmspc));
            let numbers = history.tcb_info.entry(family).or_default();
            newest(numbers, info.evaluation_data_number, info.window.from, text);
        }
        for text in documents(&vectors.join("dcap/history/enclave-identity")) {
            let identity = EnclaveIdentity::parse(&text.body).expect("an identity");
            let technology = match identity.id {
                EnclaveId::Qe => Technology::Sgx,
                EnclaveId::TdQe => Technology::Tdx,
                _ => continue,
            };
            let numbers = history.identity.entry(technology).or_default();
            let from = identity.window.from;
            newest(numbers, identity.evaluation_data_number, from, text);
        }
        history
    }

    /// The numbers of a family, each with its two documents. Where nobody kept the identity of a
    /// number, that of the next one stands in.
    fn numbers(
        &self,
        technology: Technology,
        family: FamilyName,
    ) -> Vec<(u32, &Document, &Document)> {
        let identities = &self.identity[&technology];
        let infos = self.tcb_info.get(&(technology, family)).into_iter();
        let both = infos.flatten().filter_map(|(number, tcb_info)| {
            let (_, identity) = identities.range(number..).next()?;
            Some((*number, tcb_info, identity))
        });
        both.collect()
    }
}

fn documents(folder: &Path) -> impl Iterator<Item = SignedText> {
    let files =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.map(|file| {
        let bytes = fs::read(file.expect("a file").path()).expect("a document");
        SignedText::from_wrapped(&bytes)
            .expect("a signed document")
            .1
    })
}

fn newest(numbers: &mut BTreeMap<u32, Document>, number: u32, issued: Timestamp, text: SignedText) {
    match numbers.get(&number) {
        Some(known) if known.issued >= issued => {}
        _ => {
            numbers.insert(number, Document { issued, text });
        }
    }
}

/// A genuine quote with revocation lists and chains that go with it.
struct Evidence {
    quote: Vec<u8>,
    set: CollateralSet,
}

/// Each quote of the recorded cases once; those whose chain does not hold are no platform's.
fn evidence(vectors: &Path) -> Vec<Evidence> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for case in cases::read_all(vectors) {
        let quote = case.quote(vectors);
        if case.expect.pck_chain == "STATUS_OK" && seen.insert(quote.clone()) {
            let set = case.collateral(vectors);
            all.push(Evidence { quote, set });
        }
    }
    all
}

/// A quote under the documents of a number.
struct Judged {
    number: u32,
    verdict: Verdict,
    target: Target,
}

impl Evidence {
    fn under(&self, number: u32, tcb_info: &Document, identity: &Document) -> Judged {
        let set = CollateralSet {
            tcb_info: tcb_info.text.clone(),
            qe_identity: identity.text.clone(),
            ..self.set.clone()
        };
        let prepared = PreparedCollateral::new(&set, &TrustAnchors::vendors());
        let tcb_info = prepared.tcb_info().expect("genuine TCB info");
        let identity = prepared.qe_identity().expect("a genuine identity");
        Judged {
            number,
            verdict: prepared.verify(&self.quote, at()),
            target: Target {
                tcb_info: Arc::new(tcb_info.clone()),
                identity: Arc::new(identity.clone()),
            },
        }
    }

    /// Under each number of its family, in rising order.
    fn under_each(&self, history: &History) -> Vec<Judged> {
        let own = PreparedCollateral::new(&self.set, &TrustAnchors::vendors());
        let platform = platform(&own.verify(&self.quote, at()));
        let numbers = history.numbers(platform.technology, platform.family);
        let judged = numbers.into_iter();
        judged
            .map(|(number, tcb_info, identity)| self.under(number, tcb_info, identity))
            .collect()
    }
}

/// What a fleet knows of a platform by the verdict on its evidence.
fn platform(verdict: &Verdict) -> Platform {
    let evidence = verdict.evidence.as_ref().expect("evidence");
    let facts = evidence.platform.as_ref().expect("a platform");
    Platform {
        technology: match evidence.body.borrow().td10() {
            Some(_) => Technology::Tdx,
            None => Technology::Sgx,
        },
        family: FamilyName(facts.fmspc),
        ppid: Some(facts.ppid),
        reported: ReportedTcb::of(evidence),
    }
}

fn preview(demand: &Demand, platform: &Platform, target: &Target) -> Outcome {
    let mut preview = Preview::new(demand, at());
    preview.target(platform.technology, platform.family, target.clone());
    Outcome::clone(&preview.judge(platform))
}

/// Holds what a preview said against the decision that came of verifying.
fn assert_agree(said: &Outcome, verdict: &Verdict, decision: &Decision) {
    let refusals: Vec<&str> = decision.refusals().map(|r| r.message.as_str()).collect();
    let level = verdict.tcb.as_ref().map(|tcb| tcb.status);
    match said {
        Outcome::Passes(passes) => {
            assert_eq!(refusals, [""; 0], "{said:?}");
            assert_eq!(Some(passes.status), level);
            let of_advisories = decision.findings().iter();
            let of_advisories = of_advisories.filter(|f| f.check == "tcb.advisory_ids");
            let until = of_advisories.filter_map(|finding| finding.until).min();
            assert_eq!(passes.until, until);
        }
        Outcome::FallsOut(falls_out) => {
            assert_eq!(decision.appraisal(), Appraisal::Refused, "{said:?}");
            assert_eq!(falls_out.status, level);
            // Where no level is reached, verification fails, and appraisal has nothing to say.
            if level.is_some() {
                assert_eq!(falls_out.reasons, refusals);
            }
        }
        Outcome::Unknown { .. } => panic!("there are evidence and documents: {said:?}"),
    }
}

/// The same platform after what a preview says would raise it.
fn raised(platform: &Platform, short: &[Shortfall]) -> Platform {
    let mut reported = platform.reported.expect("evidence");
    for Shortfall {
        part, has, needs, ..
    } in short
    {
        assert!(has < needs, "{part:?} is short of nothing");
        let component = |components: &mut [u8; 16], place: u8| {
            let least = u8::try_from(*needs).expect("one byte");
            let component = &mut components[usize::from(place) - 1];
            *component = least.max(*component);
        };
        let mut tdx = |place| {
            let both = [&mut reported.tdx, &mut reported.tdx_now];
            for components in both.into_iter().flatten() {
                component(components, place);
            }
        };
        match *part {
            Part::SgxComponent(place) => component(&mut reported.components, place),
            Part::TdxComponent(place) => tdx(place),
            Part::TdxModule => tdx(1),
            Part::Pce => reported.pcesvn = *needs,
            Part::Qe => reported.qe_isvsvn = *needs,
        }
    }
    Platform {
        reported: Some(reported),
        ..*platform
    }
}

/// Comparisons, and what came of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    compared: usize,
    fall_out: usize,
    /// Of those that fall out: pass under the earlier number.
    newly: usize,
    /// Of those that fall out: can be raised.
    raised: usize,
}

const fn tally(compared: usize, fall_out: usize, newly: usize, raised: usize) -> Tally {
    Tally {
        compared,
        fall_out,
        newly,
        raised,
    }
}

#[test]
fn a_preview_says_what_verification_says_under_the_later_number() {
    let Some(folder) = vectors::folder("preview") else {
        return;
    };
    let (policy, history) = (levels_alone(), History::read(&folder));
    let mut found: BTreeMap<(Technology, Strictness), Tally> = BTreeMap::new();
    let mut families: BTreeMap<Technology, BTreeSet<FamilyName>> = BTreeMap::new();
    for evidence in evidence(&folder) {
        let judged = evidence.under_each(&history);
        for (earlier, later) in pairs(&judged) {
            let platform = platform(&earlier.verdict);
            let of_technology = families.entry(platform.technology).or_default();
            of_technology.insert(platform.family);
            for strictness in Strictness::ALL {
                let decide = |judged: &Judged| {
                    let demand = strictness.demand(judged.number);
                    appraise_under(&judged.verdict, &policy, &demand)
                };
                let demand = strictness.demand(later.number);
                let said = preview(&demand, &platform, &later.target);
                assert_agree(&said, &later.verdict, &decide(later));

                let tally = found.entry((platform.technology, strictness)).or_default();
                tally.compared += 1;
                let Outcome::FallsOut(FallsOut { short, .. }) = &said else {
                    continue;
                };
                tally.fall_out += 1;
                let before = decide(earlier).appraisal();
                tally.newly += usize::from(before == Appraisal::Accepted);
                if !short.is_empty() {
                    let raised = preview(&demand, &raised(&platform, short), &later.target);
                    assert!(matches!(raised, Outcome::Passes(_)), "{said:?}\n{raised:?}");
                    tally.raised += 1;
                }
            }
        }
    }
    let families: Vec<usize> = families.values().map(BTreeSet::len).collect();
    assert_eq!(families, [5, 7]);
    // That many, so that a preview of nothing would be noticed. Intel gives no level of servers that
    // is UpToDate for SGX without hardened software.
    let expected = BTreeMap::from([
        (
            (Technology::Sgx, Strictness::UpToDate),
            tally(1728, 1728, 394, 3),
        ),
        (
            (Technology::Sgx, Strictness::Hardened),
            tally(1728, 1140, 674, 1140),
        ),
        (
            (Technology::Sgx, Strictness::Floor),
            tally(1728, 1144, 596, 1144),
        ),
        (
            (Technology::Sgx, Strictness::Excepted),
            tally(1728, 1068, 645, 3),
        ),
        (
            (Technology::Tdx, Strictness::UpToDate),
            tally(515, 277, 155, 277),
        ),
        (
            (Technology::Tdx, Strictness::Hardened),
            tally(515, 277, 155, 277),
        ),
        (
            (Technology::Tdx, Strictness::Floor),
            tally(515, 474, 20, 474),
        ),
        (
            (Technology::Tdx, Strictness::Excepted),
            tally(515, 224, 141, 224),
        ),
    ]);
    assert_eq!(found, expected);
}

/// Each number with each later one.
fn pairs(judged: &[Judged]) -> impl Iterator<Item = (&Judged, &Judged)> {
    let later = |place: usize| judged.get(place + 1..).unwrap_or_default();
    let places = judged.iter().enumerate();
    places.flat_map(move |(place, earlier)| later(place).iter().map(move |later| (earlier, later)))
}

fn at() -> Timestamp {
    Timestamp::from_unix_seconds(AT).expect("a time")
}
