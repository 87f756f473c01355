//! Pins that end: numbers that a ring stays at, and that the vendor signs no more.

use bulla_appraisal::baseline::{FamilyName, Name, Number, Technology};
use bulla_collateral::{Series, Slot};
use bulla_pki::Timestamp;
use serde::{Serialize, Serializer};

use super::Baselines;
use super::preview::documents_of;
use crate::freshness::Freshness;
use crate::held::{Held, Snapshot};

/// A number that a ring stays at, and that ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EndingPin {
    pub(crate) ring: Name,
    pub(crate) baseline: Name,
    #[serde(serialize_with = "word")]
    pub(crate) technology: Technology,
    /// Absent where it is that of the whole technology.
    pub(crate) family: Option<FamilyName>,
    pub(crate) number: u32,
    /// The last second of the document that ends first; absent where none is there.
    #[serde(serialize_with = "text")]
    pub(crate) last_next_update: Option<Timestamp>,
    pub(crate) message: String,
}

fn word<S: Serializer>(technology: &Technology, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(technology.as_str())
}

fn text<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_string()).serialize(serializer)
}

impl Baselines {
    /// The pins of what rings follow and will follow that end, by the vendor's own lists, or because
    /// no later issue of a document could be had near its end.
    pub(super) fn ending_pins(&self) -> Vec<EndingPin> {
        let (governance, now) = (self.governance(), self.now());
        let state = governance.latest();
        let snapshot = self.collection().snapshot();
        let mut pins = Vec::new();
        for ring in state.ring_names() {
            let coming = state.coming(&ring, now).into_iter();
            let instants = [now].into_iter().chain(coming.map(|(begins, ..)| begins));
            for demand in instants.filter_map(|at| state.demand(&ring, at)) {
                for (place, technology, requirement) in demand.baseline.requirements() {
                    let Number::Pinned(number) = requirement.number else {
                        continue;
                    };
                    let Some(ends) = ending(&snapshot, technology, number, now) else {
                        continue;
                    };
                    let pin = EndingPin {
                        message: message(&ring, technology, number, ends),
                        ring: ring.clone(),
                        baseline: demand.name.clone(),
                        technology,
                        family: family(&place),
                        number,
                        last_next_update: ends,
                    };
                    if !pins.contains(&pin) {
                        pins.push(pin);
                    }
                }
            }
        }
        pins
    }
}

/// The family of a requirement by its place: `families.FMSPC.sgx`.
fn family(place: &str) -> Option<FamilyName> {
    place.split('.').nth(1)?.parse().ok()
}

/// Whether a number ends, and when; absent where it does not.
fn ending(
    snapshot: &Snapshot,
    technology: Technology,
    number: u32,
    now: Timestamp,
) -> Option<Option<Timestamp>> {
    let (id, enclave) = documents_of(technology);
    let is_of = |held: &Held| match held.slot {
        Slot::Numbered(Series::TcbInfo { id: other, .. }, other_number) => {
            other == id && other_number == number
        }
        Slot::Numbered(Series::EnclaveIdentity(other), other_number) => {
            other == enclave && other_number == number
        }
        _ => false,
    };
    let documents = || snapshot.documents().filter(|held| is_of(held));
    let first = snapshot.numbers(id).and_then(|all| all.first().copied());
    let is_retired = first.is_some_and(|first| number < first);
    let is_late = |held: &Held| {
        let freshness = held.freshness(now);
        matches!(freshness, Freshness::Overdue | Freshness::Expired)
    };
    let ends = is_retired || documents().any(|held| is_late(held));
    ends.then(|| documents().map(|held| held.until()).min())
}

fn message(ring: &Name, technology: Technology, number: u32, ends: Option<Timestamp>) -> String {
    let until = match ends {
        Some(ends) => format!("its last documents end from {ends} on"),
        None => "no document of it is there".to_owned(),
    };
    format!(
        "No later issue of number {number} for {} comes from the vendor: {until}, and then nothing is \
         served to the ring {ring} and nothing accepted for it; roll out another baseline before.",
        technology.as_str()
    )
}
