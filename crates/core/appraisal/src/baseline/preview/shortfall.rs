//! What a platform lacks, and what raises it.

use std::fmt;

use bulla_collateral::{ComponentName, IsvLevel, IsvLevels, TcbLevel, TcbStatus};
use bulla_verifier::{ReportedTcb, TcbFacts};
use serde::{Deserialize, Serialize};

use super::Target;
use crate::baseline::Floor;
use crate::policy::AcceptedStatuses;

/// A part of a platform that has a security version of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "what the vendor's levels compare")]
pub enum Part {
    /// An SGX component, from 1 to 16.
    SgxComponent(u8),
    /// A TDX component, from 1 to 16.
    TdxComponent(u8),
    /// The provisioning certification enclave.
    Pce,
    /// The TDX module.
    TdxModule,
    /// The quoting enclave.
    Qe,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SgxComponent(place) => write!(f, "SGX component {place}"),
            Self::TdxComponent(place) => write!(f, "TDX component {place}"),
            Self::Pce => f.write_str("provisioning certification enclave"),
            Self::TdxModule => f.write_str("TDX module"),
            Self::Qe => f.write_str("quoting enclave"),
        }
    }
}

/// Who can raise a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "every list names each of them")]
pub enum Remedy {
    /// Microcode, which the BIOS or the operating system loads.
    Microcode,
    /// The BIOS.
    Bios,
    /// The TDX module.
    TdxModule,
    /// The loader of the TDX module.
    TdxLoader,
    /// The vendor's architectural enclaves, PCE and quoting enclave: SGX's platform software.
    Enclaves,
    /// The vendor does not say: BIOS and microcode are the usual way.
    Firmware,
}

impl Remedy {
    /// What to do, in a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Microcode => "update the microcode",
            Self::Bios => "update the BIOS",
            Self::TdxModule => "update the TDX module",
            Self::TdxLoader => "update the loader of the TDX module",
            Self::Enclaves => "update PCE and quoting enclave",
            Self::Firmware => "update BIOS and microcode",
        }
    }
}

/// A part that is short of what is demanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shortfall {
    /// Which.
    pub part: Part,
    /// What the vendor calls it; absent where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The security version that it has.
    pub has: u16,
    /// The least that is demanded.
    pub needs: u16,
    /// What raises it.
    pub remedy: Remedy,
}

/// The way to the nearest level that passes.
#[derive(Debug)]
pub(super) struct Way {
    /// What must be raised.
    pub(super) short: Vec<Shortfall>,
    /// What is reached then.
    pub(super) reaches: TcbFacts,
}

/// What is short of the accepted level for which the fewest parts are, the higher of two alike; and
/// of the floor. A level whose status would pass only by an exception does not count as one, nor one
/// that is hidden from the platform by a level above it that does not pass. Absent where none is
/// left.
pub(super) fn nearest(
    reported: &ReportedTcb,
    target: &Target,
    accepted: &AcceptedStatuses,
    floor: Option<&Floor>,
) -> Option<Way> {
    let Target { tcb_info, identity } = target;
    let mut parts = Vec::new();
    if let Some([isvsvn, version, ..]) = reported.tdx
        && let Some(module) = tcb_info.tdx_module_identity(version)
    {
        let (part, remedy) = (Part::TdxModule, Remedy::TdxModule);
        parts.extend(isv(
            part,
            isvsvn.into(),
            &module.tcb_levels,
            accepted,
            remedy,
        ));
    }
    let qe = reported.qe_isvsvn;
    parts.extend(isv(
        Part::Qe,
        qe,
        &identity.tcb_levels,
        accepted,
        Remedy::Enclaves,
    ));
    if let Some(floor) = floor {
        add(&mut parts, below_floor(reported, floor, target));
    }
    let levels = tcb_info.tcb_levels.iter();
    let levels = levels.filter(|level| accepted.contains(level.status));
    let mut ways: Vec<Vec<Shortfall>> = levels
        .map(|level| {
            let mut short = below_level(reported, level, target);
            add(&mut short, parts.iter().cloned());
            short
        })
        .collect();
    // Stable, and the levels stand highest first.
    ways.sort_by_key(Vec::len);
    ways.into_iter().find_map(|short| {
        let reaches = raised(reported, &short).level(tcb_info, identity).ok()?;
        accepted
            .contains(reaches.status)
            .then_some(Way { short, reaches })
    })
}

impl Way {
    /// The advisories that are open at a level and no longer at the one that is reached then.
    pub(super) fn closes(&self, level: Option<&TcbFacts>) -> Vec<String> {
        let open = level.map_or(&[][..], |level| &level.advisory_ids);
        let closed = open
            .iter()
            .filter(|id| !self.reaches.advisory_ids.contains(id));
        closed.map(|id| id.to_string()).collect()
    }
}

/// The same after everything was raised that is short.
fn raised(reported: &ReportedTcb, short: &[Shortfall]) -> ReportedTcb {
    let mut raised = *reported;
    for Shortfall { part, needs, .. } in short {
        let component = |components: &mut [u8; 16], place: u8| {
            let component = components.get_mut(usize::from(place).saturating_sub(1));
            let needs = u8::try_from(*needs).unwrap_or(u8::MAX);
            component.into_iter().for_each(|svn| *svn = needs.max(*svn));
        };
        // A TD that is launched again has at its launch what there is now.
        let mut tdx = |place| {
            let both = [&mut raised.tdx, &mut raised.tdx_now];
            both.into_iter()
                .flatten()
                .for_each(|components| component(components, place));
        };
        match *part {
            Part::SgxComponent(place) => component(&mut raised.components, place),
            Part::TdxComponent(place) => tdx(place),
            Part::TdxModule => tdx(1),
            Part::Pce => raised.pcesvn = *needs,
            Part::Qe => raised.qe_isvsvn = *needs,
        }
    }
    raised
}

/// Adds what is short for another reason; of a part that is short already, the more counts.
fn add(short: &mut Vec<Shortfall>, more: impl IntoIterator<Item = Shortfall>) {
    for new in more {
        match short.iter_mut().find(|known| known.part == new.part) {
            Some(known) => known.needs = known.needs.max(new.needs),
            None => short.push(new),
        }
    }
}

fn below_level(reported: &ReportedTcb, level: &TcbLevel, target: &Target) -> Vec<Shortfall> {
    let info = &target.tcb_info;
    let mut short = Vec::new();
    let sgx = (1..).zip(reported.components).zip(level.sgx_components);
    for (((place, has), needs), name) in sgx.zip(&info.sgx_component_names) {
        short.extend(component(Part::SgxComponent(place), has, needs, name));
    }
    if reported.pcesvn < level.pcesvn {
        short.push(pce(reported.pcesvn, level.pcesvn));
    }
    if let (Some(svn), Some(needed)) = (lowest_tdx(reported), level.tdx_components) {
        // Where the module has an identity of its own, that judges the first two.
        let has_identity = reported.tdx.is_some_and(|[_, version, ..]| version > 0);
        let tdx = (1..).zip(svn).zip(needed).zip(&info.tdx_component_names);
        for (((place, has), needs), name) in tdx.skip(if has_identity { 2 } else { 0 }) {
            short.extend(component(Part::TdxComponent(place), has, needs, name));
        }
    }
    short
}

/// Of what the TD had at its launch and what it has now, the lower of each: both count.
fn lowest_tdx(reported: &ReportedTcb) -> Option<[u8; 16]> {
    let mut svn = reported.tdx?;
    if let Some(now) = reported.tdx_now {
        for (svn, now) in svn.iter_mut().zip(now) {
            *svn = now.min(*svn);
        }
    }
    Some(svn)
}

fn component(part: Part, has: u8, needs: u8, name: &ComponentName) -> Option<Shortfall> {
    (has < needs).then(|| Shortfall {
        part,
        name: name_of(name),
        has: has.into(),
        needs: needs.into(),
        remedy: remedy(name),
    })
}

fn pce(has: u16, needs: u16) -> Shortfall {
    Shortfall {
        part: Part::Pce,
        name: None,
        has,
        needs,
        remedy: Remedy::Enclaves,
    }
}

fn name_of(name: &ComponentName) -> Option<String> {
    match (&name.category, &name.kind) {
        (Some(category), Some(kind)) => Some(format!("{category}: {kind}")),
        (Some(word), None) | (None, Some(word)) => Some(word.to_string()),
        (None, None) => None,
    }
}

/// By the words that the vendor uses at present; others are no mistake, they only say less.
fn remedy(name: &ComponentName) -> Remedy {
    let is = |word: &str| name.kind.as_deref().is_some_and(|kind| kind.contains(word));
    let is_bios = name.category.as_deref() == Some("BIOS");
    match () {
        () if is("Microcode") => Remedy::Microcode,
        () if is("TDX Module") => Remedy::TdxModule,
        () if is("SEAMLDR") => Remedy::TdxLoader,
        () if is_bios || is("SINIT") => Remedy::Bios,
        () => Remedy::Firmware,
    }
}

/// What a module or enclave is short of, if it is: the lowest level that does not lower the
/// platform's.
fn isv(
    part: Part,
    has: u16,
    levels: &IsvLevels,
    accepted: &AcceptedStatuses,
    remedy: Remedy,
) -> Option<Shortfall> {
    let good =
        |level: &&IsvLevel| level.status == TcbStatus::UpToDate || accepted.contains(level.status);
    if levels.reached_by(has).as_ref().is_some_and(good) {
        return None;
    }
    levels.iter().filter(good).last().map(|level| Shortfall {
        part,
        name: None,
        has,
        needs: level.isvsvn,
        remedy,
    })
}

fn below_floor(reported: &ReportedTcb, floor: &Floor, target: &Target) -> Vec<Shortfall> {
    let mut short = Vec::new();
    if let Some(least) = floor.sgx_components {
        let sgx = (1..).zip(reported.components).zip(least.0);
        for (((place, has), needs), name) in sgx.zip(&target.tcb_info.sgx_component_names) {
            short.extend(component(Part::SgxComponent(place), has, needs, name));
        }
    }
    if let (Some(least), Some(svn)) = (floor.tdx_components, lowest_tdx(reported)) {
        let tdx = (1..).zip(svn).zip(least.0);
        for (((place, has), needs), name) in tdx.zip(&target.tcb_info.tdx_component_names) {
            short.extend(component(Part::TdxComponent(place), has, needs, name));
        }
    }
    if let Some(least) = floor.pcesvn.filter(|least| reported.pcesvn < *least) {
        short.push(pce(reported.pcesvn, least));
    }
    if let Some(least) = floor.qe_isvsvn.filter(|least| reported.qe_isvsvn < *least) {
        short.push(Shortfall {
            part: Part::Qe,
            name: None,
            has: reported.qe_isvsvn,
            needs: least,
            remedy: Remedy::Enclaves,
        });
    }
    short
}
