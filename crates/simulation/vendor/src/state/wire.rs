//! The state as JSON.

use std::path::Path;

use bulla_issuer::{PckCa, Seed};
use bulla_pki::Timestamp;
use bulla_processor::Fuses;
use serde::{Deserialize, Serialize};

use super::StateError;
use crate::charter::Charter;
use crate::history::{History, Occurrence};
use crate::platform::{Platform, PlatformName, Registration};
use crate::tcb::Svns;
use crate::text;
use crate::vendor::Vendor;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// Which seed belongs to it: the identifier of the root key.
    root_key_identifier: String,
    charter: Charter,
    events: Vec<Occurrence>,
    platforms: Vec<PlatformState>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformState {
    name: PlatformName,
    fmspc: String,
    packages: Packages,
    /// Which fuses belong to it.
    ppid: String,
    #[serde(with = "text")]
    made: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration: Option<RegistrationState>,
    installed: Vec<Installed>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Packages {
    One,
    Several,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistrationState {
    #[serde(with = "text")]
    at: Timestamp,
    how: Registration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Installed {
    #[serde(with = "text")]
    at: Timestamp,
    svns: Svns,
}

/// The state of a vendor, without its secrets.
pub(super) fn write(vendor: &Vendor) -> Vec<u8> {
    let state = State {
        root_key_identifier: hex::encode(vendor.root_key_identifier()),
        charter: vendor.charter.clone(),
        events: vendor.history.occurrences().to_vec(),
        platforms: vendor.platforms.iter().map(platform_state).collect(),
    };
    let mut text = serde_json::to_vec_pretty(&state).expect("no map, and no number that is none");
    text.push(b'\n');
    text
}

fn platform_state(platform: &Platform) -> PlatformState {
    PlatformState {
        name: platform.name.clone(),
        fmspc: hex::encode(platform.fmspc),
        packages: match platform.ca {
            PckCa::Processor => Packages::One,
            PckCa::Platform => Packages::Several,
        },
        ppid: hex::encode(platform.ppid()),
        made: platform.made,
        registration: platform
            .registration
            .map(|(at, how)| RegistrationState { at, how }),
        installed: platform
            .installed
            .iter()
            .map(|&(at, svns)| Installed { at, svns })
            .collect(),
    }
}

/// The vendor of this state and seed; `fuses` reads those of a platform.
pub(super) fn read(
    path: &Path,
    text: &[u8],
    seed_path: &Path,
    seed: Seed,
    fuses: impl Fn(&PlatformName) -> Result<Fuses, StateError>,
) -> Result<Vendor, StateError> {
    let malformed = |reason: String| StateError::malformed(path, reason);
    let state: State = serde_json::from_slice(text).map_err(|e| malformed(e.to_string()))?;

    let mut vendor = Vendor::new(seed, state.charter);
    if hex::encode(vendor.root_key_identifier()) != state.root_key_identifier {
        return Err(StateError::OfAnother(seed_path.to_owned()));
    }
    vendor.history = replay(vendor.charter.founded, state.events)
        .map_err(|reason| malformed(format!("its events cannot have happened: {reason}")))?;
    for platform in state.platforms {
        let fuses = fuses(&platform.name)?;
        if hex::encode(fuses.ppid()) != platform.ppid {
            let file = path
                .with_file_name("platforms")
                .join(platform.name.as_str());
            return Err(StateError::OfAnother(file.with_extension("fuses")));
        }
        let platform = restore(&vendor, platform, fuses).map_err(&malformed)?;
        vendor.platforms.push(platform);
    }
    Ok(vendor)
}

fn replay(founded: Timestamp, events: Vec<Occurrence>) -> Result<History, crate::EventError> {
    let mut history = History::new(founded);
    for Occurrence { at, event } in events {
        history.record(at, event)?;
    }
    Ok(history)
}

fn restore(vendor: &Vendor, state: PlatformState, fuses: Fuses) -> Result<Platform, String> {
    let PlatformState { name, made, .. } = state;
    let mut fmspc = [0; 6];
    if hex::decode_to_slice(&state.fmspc, &mut fmspc).is_err() || fmspc[0] != 0xff {
        return Err(format!("{name} has no FMSPC of a simulated platform"));
    }
    if vendor.platforms.iter().any(|other| other.name == name) {
        return Err(format!("{name} stands twice"));
    }
    let installed: Vec<_> = state.installed.iter().map(|i| (i.at, i.svns)).collect();
    let starts = installed.first().map(|(at, _)| *at) == Some(made);
    if !starts || !installed.is_sorted_by_key(|(at, _)| *at) {
        return Err(format!("what is installed on {name} has no order"));
    }
    Ok(Platform {
        platform_instance_id: vendor.platform_instance_id(&name),
        name,
        fmspc,
        ca: match state.packages {
            Packages::One => PckCa::Processor,
            Packages::Several => PckCa::Platform,
        },
        fuses,
        made,
        registration: state.registration.map(|r| (r.at, r.how)),
        installed,
    })
}
