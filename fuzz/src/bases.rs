//! Evidence that is in order, or wrong in one known way: what edits start from.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bulla_collateral::{CollateralSet, SignedText};
use bulla_evidence::{CertificationData, Quote};
use bulla_issuer::{
    CertificationKind, PckCa, QuoteBody, QuoteKind, Scenario, Seed, SigningKey, YEAR,
};
use bulla_pki::{Timestamp, TrustAnchors, Window};
use bulla_verifier::{PreparedCollateral, Verdict};
use serde::Deserialize;

/// A quote, its collateral and an instant.
pub struct Base {
    /// The quote.
    pub quote: Vec<u8>,
    /// The collateral.
    pub collateral: CollateralSet,
    /// The instant at which the verdict was passed.
    pub at: Timestamp,
    /// Whose platform this is.
    pub owner: Owner,
    /// The collateral, prepared.
    pub prepared: Arc<PreparedCollateral>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Whose platform it is that attests.
pub enum Owner {
    /// A vendor's; nobody has its keys.
    Recorded,
    /// The trusted simulated vendor's; a fuzzer has the key that certifies quoting enclaves.
    Issued(SigningKey),
    /// A vendor's that nobody trusts; a fuzzer has all its keys.
    Outside,
}

/// All evidence to start from, and the roots that it is judged by.
pub struct Bases {
    /// Signed by the issuer.
    pub issued: Vec<Base>,
    /// Recorded; empty where no folder was given.
    pub recorded: Vec<Base>,
    /// The vendors' roots and one simulated one.
    pub anchors: TrustAnchors,
}

impl Bases {
    /// Signs what the issuer signs, and reads what is recorded in `vectors`.
    pub fn new(vectors: Option<&Path>) -> Self {
        let root = scenario(QuoteKind::SgxV3, 0).vendor.root_certificate();
        let anchors = TrustAnchors::vendors()
            .with_simulated(&root)
            .expect("a simulated root");
        let recorded = vectors.map(recorded_cases).unwrap_or_default();
        Self {
            issued: issued(&anchors),
            recorded: recorded
                .into_iter()
                .map(|(quote, collateral, at)| {
                    Base::new(quote, collateral, at, Owner::Recorded, &anchors)
                })
                .collect(),
            anchors,
        }
    }

    /// The evidence of this number; every number is one.
    pub fn get(&self, number: u8) -> &Base {
        let list = match number >= 0x80 && !self.recorded.is_empty() {
            true => &self.recorded,
            false => &self.issued,
        };
        &list[usize::from(number & 0x7f) % list.len()]
    }

    /// All evidence.
    pub fn iter(&self) -> impl Iterator<Item = &Base> {
        self.issued.iter().chain(&self.recorded)
    }
}

impl Base {
    fn new(
        quote: Vec<u8>,
        collateral: CollateralSet,
        at: Timestamp,
        owner: Owner,
        anchors: &TrustAnchors,
    ) -> Self {
        let prepared = Arc::new(PreparedCollateral::new(&collateral, anchors));
        let verdict = prepared.verify(&quote, at);
        Self {
            quote,
            collateral,
            at,
            owner,
            prepared,
            verdict,
        }
    }

    /// The quote, parsed.
    pub fn parsed(&self) -> Quote<'_> {
        Quote::parse(&self.quote).expect("a quote")
    }

    /// The chain of the platform's certificate, wherever it stands.
    pub fn pck_chain(&self) -> &[u8] {
        match self.parsed().auth().certification {
            CertificationData::PckChain(chain) => chain,
            _ => self
                .collateral
                .pck_certificate_chain
                .as_deref()
                .unwrap_or_default(),
        }
    }
}

/// The verdict on a changed scenario, under the root of its vendor, so many days later.
pub fn verdict(kind: QuoteKind, change: fn(&mut Scenario), days_later: u64) -> Verdict {
    let mut scenario = scenario(kind, 0);
    change(&mut scenario);
    let attestation = scenario.build();
    let anchors = TrustAnchors::vendors()
        .with_simulated(&scenario.vendor.root_certificate())
        .expect("a simulated root");
    bulla_verifier::verify(
        &attestation.quote,
        &attestation.collateral,
        &anchors,
        scenario.at.saturating_add(days_later * 86_400),
    )
}

/// The seed of the vendor that nobody trusts.
pub const OUTSIDE: &str = "outside";

/// The instant at which unchanged scenarios are valid.
fn now() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().expect("a time")
}

/// A platform of the trusted vendor. Platforms of different numbers have different keys, and the
/// same collateral fits them.
pub fn scenario(kind: QuoteKind, number: u64) -> Scenario {
    let ca = match kind {
        QuoteKind::SgxV3 => PckCa::Processor,
        _ => PckCa::Platform,
    };
    let mut scenario = Scenario::certified_by(ca, &Seed::from("inside"), kind, now());
    let own = Seed::from(number);
    scenario.pck_key = SigningKey::derive(&own, "pck");
    let validity = Window {
        from: now().saturating_sub(YEAR),
        until: now().saturating_add(6 * YEAR),
    };
    scenario.pck_certificate = scenario
        .vendor
        .pck_certificate(ca, &scenario.pck_key, validity);
    scenario.pck_certificate.serial = own.bytes::<20>("serial").to_vec();
    scenario.pck_certificate.serial[0] |= 1;
    scenario.sgx_extension.ppid = own.bytes("ppid");
    scenario.quote.attestation_key = SigningKey::derive(&own, "attestation");
    scenario
}

/// Every form of quote, every form of certification, and what is out of date or revoked.
fn issued(anchors: &TrustAnchors) -> Vec<Base> {
    let mut scenarios = Vec::new();
    let mut add = |kind, change: fn(&mut Scenario)| {
        let number = scenarios.len() as u64 + 1;
        let mut scenario = scenario(kind, number);
        change(&mut scenario);
        scenarios.push(scenario);
    };
    for kind in QuoteKind::ALL {
        add(kind, |_| {});
    }
    add(QuoteKind::SgxV3, |s| {
        s.certification = CertificationKind::PckLeaf
    });
    add(QuoteKind::SgxV4, |s| {
        s.certification = CertificationKind::PpidClear
    });
    add(QuoteKind::Td10V4, |s| {
        s.certification = CertificationKind::PpidRsa2048
    });
    add(QuoteKind::Td15V5, |s| {
        s.certification = CertificationKind::PpidRsa3072
    });
    add(QuoteKind::SgxV3, |s| s.tcb_info.version = 2);
    add(QuoteKind::SgxV3, |s| {
        s.sgx_extension.component_svns[0] -= 1;
        s.sgx_extension.cpusvn[0] -= 1;
    });
    add(QuoteKind::Td10V4, |s| {
        with_td(s, |td| td.tee_tcb_svn[0] -= 1)
    });
    add(QuoteKind::Td15V5, |s| {
        with_td(s, |td| td.tee_tcb_svn[0] -= 1)
    });
    add(QuoteKind::SgxV3, |s| {
        s.tcb_info.evaluation_data_number += 1;
        s.qe_identity.evaluation_data_number += 1;
        s.qe_identity.levels[0].status.word = "OutOfDate".to_owned();
    });
    add(QuoteKind::Td15ExV5, |s| s.tcb_info.levels.reverse());
    add(QuoteKind::SgxV4, |s| {
        s.pck_crl.revoke(&s.pck_certificate.serial)
    });
    add(QuoteKind::Td15V5, |s| {
        let ca = s.vendor.ca(s.ca).certificate.serial.clone();
        s.root_ca_crl.revoke(&ca);
    });
    add(QuoteKind::SgxV3, |s| s.quote.qe_auth.clear());

    let mut bases: Vec<Base> = scenarios
        .into_iter()
        .map(|scenario| {
            let owner = Owner::Issued(scenario.pck_key.clone());
            of_scenario(&scenario, owner, anchors)
        })
        .collect();
    for kind in [QuoteKind::SgxV3, QuoteKind::Td15V5] {
        let scenario = Scenario::new(&Seed::from(OUTSIDE), kind, now());
        bases.push(of_scenario(&scenario, Owner::Outside, anchors));
    }
    bases
}

fn of_scenario(scenario: &Scenario, owner: Owner, anchors: &TrustAnchors) -> Base {
    let attestation = scenario.build();
    Base::new(
        attestation.quote,
        attestation.collateral,
        scenario.at,
        owner,
        anchors,
    )
}

fn with_td(scenario: &mut Scenario, change: fn(&mut bulla_evidence::layout::TdReport10)) {
    match &mut scenario.quote.body {
        QuoteBody::Sgx(_) => {}
        QuoteBody::Td10(td) => change(td),
        QuoteBody::Td15(td) => change(&mut td.td10),
        QuoteBody::Td15Ex(td) => change(&mut td.td15.td10),
    }
}

/// One line of `dcap/cases.jsonl`, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    tee: String,
    quote_version: u16,
    quote: String,
    at: u64,
    tcb_info: String,
    tcb_info_issuer_chain: String,
    qe_identity: String,
    qe_identity_issuer_chain: String,
    pck_crl: String,
    pck_crl_issuer_chain: String,
    root_ca_crl: String,
}

/// How many recorded cases are read of each form of quote.
const CASES_PER_FORM: usize = 8;

/// Recorded cases of each form of quote, spread evenly over those there are.
fn recorded_cases(vectors: &Path) -> Vec<(Vec<u8>, CollateralSet, Timestamp)> {
    let folder = vectors.join("dcap");
    let text = fs::read_to_string(folder.join("cases.jsonl")).expect("recorded cases");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a case"));
    let lines: Vec<Line> = lines.collect();
    let mut chosen = Vec::new();
    for (tee, version) in [("SGX", 3), ("TDX", 4), ("TDX", 5)] {
        let of_form: Vec<&Line> = lines
            .iter()
            .filter(|line| line.tee == tee && line.quote_version == version)
            .collect();
        let step = of_form.len().div_ceil(CASES_PER_FORM).max(1);
        chosen.extend(of_form.into_iter().step_by(step));
    }
    let read = |name: &str| fs::read(folder.join(name)).expect("a file of the case");
    let signed = |name: &str| SignedText::from_wrapped(&read(name)).expect("a document").1;
    chosen
        .into_iter()
        .map(|line| {
            let collateral = CollateralSet {
                tcb_info: signed(&line.tcb_info),
                tcb_info_issuer_chain: read(&line.tcb_info_issuer_chain),
                qe_identity: signed(&line.qe_identity),
                qe_identity_issuer_chain: read(&line.qe_identity_issuer_chain),
                pck_crl: read(&line.pck_crl),
                pck_crl_issuer_chain: read(&line.pck_crl_issuer_chain),
                root_ca_crl: read(&line.root_ca_crl),
                pck_certificate_chain: None,
            };
            let at = Timestamp::from_unix_seconds(line.at).expect("a time");
            (read(&line.quote), collateral, at)
        })
        .collect()
}
