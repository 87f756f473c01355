//! Cases by index: the same seed and index give the same case on every machine.

use std::path::Path;

use bulla_pki::{Timestamp, Window};

use crate::case::{Case, Root, Source, Tolerance};
use crate::change;
use crate::issued::{self, Issued, Template};
use crate::ours::Ours;
use crate::random::Random;
use crate::recorded::{self, Recorded};

/// Unchanged cases are judged by their TCB, not by what runs on it.
const EVERYTHING: Tolerance = Tolerance {
    debug: true,
    service_td: true,
};

/// Makes cases.
pub(crate) struct Generator {
    seed: u64,
    recorded: Vec<Recorded>,
    /// Instants at which something about a recorded case begins or ends.
    boundaries: Vec<Vec<Timestamp>>,
    issued: Issued,
}

impl Generator {
    /// Reads the genuine cases, if there is a folder of them, and signs the issuer's.
    pub(crate) fn new(seed: u64, vectors: Option<&Path>, ours: &Ours) -> Result<Self, String> {
        let recorded = vectors
            .map(recorded::read_all)
            .transpose()?
            .unwrap_or_default();
        let mut verdicts = Vec::new();
        for case in &recorded {
            let verdict = ours.verdict(&unchanged(case));
            verdicts.push((
                case,
                verdict.map_err(|panic| format!("{}: {panic}", case.id))?,
            ));
        }
        let windows = verdicts.iter().map(|(_, verdict)| {
            let documents = verdict.collateral.documents.iter();
            documents
                .flat_map(|document| ends(document.window))
                .collect()
        });
        Ok(Self {
            seed,
            boundaries: windows.collect(),
            issued: Issued::new(&verdicts),
            recorded,
        })
    }

    /// The case of this index.
    pub(crate) fn case(&self, index: u64) -> Case {
        let position = index as usize;
        if let Some(recorded) = self.recorded.get(position) {
            return unchanged(recorded);
        }
        if let Some(template) = self
            .issued
            .all
            .get(position.wrapping_sub(self.recorded.len()))
        {
            return of_template(template, Source::Issued);
        }
        let mut random = Random::of_case(self.seed, index);
        let mut case = match random.weighted(&self.weights()) {
            0 => self.recorded_bytes(&mut random),
            1 => self.recorded_swapped(&mut random),
            2 => self.issued_bytes(&mut random),
            3 => self.issued_swapped(&mut random),
            4 => self.issued_resigned(&mut random),
            _ => self.genuine_resigned(&mut random),
        };
        case.tolerance = Tolerance {
            debug: random.one_in(2),
            service_td: random.one_in(2),
        };
        case
    }

    fn weights(&self) -> [u32; 6] {
        match self.recorded.is_empty() {
            true => [0, 0, 12, 4, 84, 0],
            false => [12, 8, 8, 4, 46, 22],
        }
    }

    fn recorded_bytes(&self, random: &mut Random) -> Case {
        let mut case = unchanged(random.pick(&self.recorded));
        case.source = Source::RecordedBytes;
        let change = change::bytes::change(&mut case.quote, &mut case.collateral, random);
        case.changes.push(change);
        case
    }

    fn recorded_swapped(&self, random: &mut Random) -> Case {
        let index = random.index(self.recorded.len());
        let mut case = unchanged(&self.recorded[index]);
        case.source = Source::RecordedSwapped;
        if random.one_in(2) {
            let end = *random.pick(&self.boundaries[index]);
            case.at = match random.below(4) {
                0 => end.saturating_sub(1),
                1 => end.saturating_add(1),
                2 => end.saturating_add(random.below(100_000_000)),
                _ => end,
            };
            case.changes
                .push(format!("judged at {}, near an end of a window", case.at));
            return case;
        }
        let other = random.pick(&self.recorded);
        swap(&mut case, &other.collateral, &other.id, other.at, random);
        case
    }

    fn issued_bytes(&self, random: &mut Random) -> Case {
        let mut case = of_template(Issued::pick(&self.issued.all, random), Source::IssuedBytes);
        let change = change::bytes::change(&mut case.quote, &mut case.collateral, random);
        case.changes.push(change);
        case
    }

    fn issued_swapped(&self, random: &mut Random) -> Case {
        let mut case = of_template(
            Issued::pick(&self.issued.all, random),
            Source::IssuedSwapped,
        );
        let others = match random.one_in(4) {
            true => &self.issued.of_another_vendor,
            false => &self.issued.all,
        };
        let other = Issued::pick(others, random);
        let attestation = other.draft.clone().finish();
        let at = other.draft.scenario.at;
        swap(&mut case, &attestation.collateral, &other.name, at, random);
        case
    }

    fn issued_resigned(&self, random: &mut Random) -> Case {
        let template = Issued::pick(&self.issued.all, random);
        let mut draft = template.draft.clone();
        let mut changes = Vec::new();
        change::change_and_sign(&mut draft, random, &mut changes);
        Case {
            changes,
            ..of_draft(draft, &template.name, Source::IssuedResigned)
        }
    }

    fn genuine_resigned(&self, random: &mut Random) -> Case {
        let template = random.pick(&self.issued.genuine);
        let mut draft = template.draft.clone();
        let mut changes = Vec::new();
        changes.extend(issued::move_to_a_level(&mut draft, random));
        change::vary_platform(&mut draft, random, &mut changes);
        Case {
            changes,
            ..of_draft(draft, &template.name, Source::GenuineResigned)
        }
    }
}

fn ends(window: Window) -> [Timestamp; 2] {
    [window.from, window.until]
}

fn unchanged(recorded: &Recorded) -> Case {
    Case {
        source: Source::Recorded,
        origin: format!("recorded case {}", recorded.id),
        changes: Vec::new(),
        root: Root::Vendor,
        tolerance: EVERYTHING,
        at: recorded.at,
        quote: recorded.quote.clone(),
        collateral: recorded.collateral.clone(),
    }
}

fn of_template(template: &Template, source: Source) -> Case {
    of_draft(template.draft.clone(), &template.name, source)
}

fn of_draft(draft: crate::draft::Draft, name: &str, source: Source) -> Case {
    let at = draft.scenario.at;
    let attestation = draft.finish();
    Case {
        source,
        origin: name.to_owned(),
        changes: Vec::new(),
        root: Root::Issuer,
        tolerance: EVERYTHING,
        at,
        quote: attestation.quote,
        collateral: attestation.collateral,
    }
}

/// Replaces some or all of the documents by another case's, and perhaps the instant.
fn swap(
    case: &mut Case,
    other: &bulla_collateral::CollateralSet,
    name: &str,
    at: Timestamp,
    random: &mut Random,
) {
    let set = &mut case.collateral;
    let what = match random.below(8) {
        0 => {
            set.tcb_info.clone_from(&other.tcb_info);
            set.tcb_info_issuer_chain
                .clone_from(&other.tcb_info_issuer_chain);
            "TCB info"
        }
        1 => {
            set.qe_identity.clone_from(&other.qe_identity);
            set.qe_identity_issuer_chain
                .clone_from(&other.qe_identity_issuer_chain);
            "identity"
        }
        2 => {
            set.pck_crl.clone_from(&other.pck_crl);
            set.pck_crl_issuer_chain
                .clone_from(&other.pck_crl_issuer_chain);
            "PCK CRL and its chain"
        }
        3 => {
            set.pck_crl.clone_from(&other.pck_crl);
            "PCK CRL"
        }
        4 => {
            set.root_ca_crl.clone_from(&other.root_ca_crl);
            "root CA's CRL"
        }
        5 => {
            set.tcb_info.signature.clone_from(&other.tcb_info.signature);
            "TCB info signature"
        }
        6 => {
            set.tcb_info_issuer_chain
                .clone_from(&other.tcb_info_issuer_chain);
            "TCB info chain"
        }
        _ => {
            set.clone_from(other);
            "collateral"
        }
    };
    let later = random.one_in(2);
    if later {
        case.at = at;
    }
    case.changes
        .push(format!("{what} of `{name}`, judged at its time: {later}"));
}
