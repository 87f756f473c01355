//! What a platform lacks, and what raises it.

use std::sync::Arc;

use bulla_collateral::{ComponentName, IsvLevel, IsvLevels, TcbLevel, TcbStatus};
use bulla_verifier::ReportedTcb;
use serde::Serialize;

use super::Target;
use crate::baseline::Floor;
use crate::policy::AcceptedStatuses;

/// A part of a platform that has a security version of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

/// Who can raise a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) short: Vec<Shortfall>,
    /// Advisories that the level names itself.
    pub(super) leaves_open: Vec<Arc<str>>,
}

/// What is short of the accepted level for which the fewest parts are, the higher of two alike; and
/// of the floor. A level whose status would pass only by an exception does not count as one.
pub(super) fn nearest(
    reported: &ReportedTcb,
    target: &Target,
    accepted: &AcceptedStatuses,
    floor: Option<&Floor>,
) -> Way {
    let info = &target.tcb_info;
    let levels = info.tcb_levels.iter();
    let mut ways: Vec<(Vec<Shortfall>, &TcbLevel)> = levels
        .filter(|level| accepted.contains(level.status))
        .map(|level| (below_level(reported, level, target), level))
        .collect();
    // Stable, and the levels stand highest first.
    ways.sort_by_key(|(short, _)| short.len());
    let mut way = Way::default();
    let Some((short, level)) = ways.into_iter().next() else {
        return way;
    };
    way.short = short;
    way.leaves_open.extend(level.advisory_ids.iter().cloned());
    if let Some([isvsvn, version, ..]) = reported.tdx
        && let Some(module) = info.tdx_module_identity(version)
    {
        way.isv(
            Part::TdxModule,
            isvsvn.into(),
            &module.tcb_levels,
            Remedy::TdxModule,
        );
    }
    let identity = &target.identity.tcb_levels;
    way.isv(Part::Qe, reported.qe_isvsvn, identity, Remedy::Enclaves);
    if let Some(floor) = floor {
        way.floor(reported, floor, target);
    }
    way
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

impl Way {
    /// Modules and enclaves pass in whatever level is not out of date or revoked.
    fn isv(&mut self, part: Part, has: u16, levels: &IsvLevels, remedy: Remedy) {
        let good = |level: &&IsvLevel| level.status == TcbStatus::UpToDate;
        let Some(level) = levels.iter().filter(good).last() else {
            return;
        };
        match levels.reached_by(has) {
            Some(reached) if reached.status == TcbStatus::UpToDate => {
                self.leaves_open
                    .extend(reached.advisory_ids.iter().cloned());
            }
            _ => {
                self.leaves_open.extend(level.advisory_ids.iter().cloned());
                self.short.push(Shortfall {
                    part,
                    name: None,
                    has,
                    needs: level.isvsvn,
                    remedy,
                });
            }
        }
    }

    fn floor(&mut self, reported: &ReportedTcb, floor: &Floor, target: &Target) {
        let mut more = Vec::new();
        if let Some(least) = floor.sgx_components {
            let sgx = (1..).zip(reported.components).zip(least.0);
            for (((place, has), needs), name) in sgx.zip(&target.tcb_info.sgx_component_names) {
                more.extend(component(Part::SgxComponent(place), has, needs, name));
            }
        }
        if let (Some(least), Some(svn)) = (floor.tdx_components, lowest_tdx(reported)) {
            let tdx = (1..).zip(svn).zip(least.0);
            for (((place, has), needs), name) in tdx.zip(&target.tcb_info.tdx_component_names) {
                more.extend(component(Part::TdxComponent(place), has, needs, name));
            }
        }
        if let Some(least) = floor.pcesvn.filter(|least| reported.pcesvn < *least) {
            more.push(pce(reported.pcesvn, least));
        }
        if let Some(least) = floor.qe_isvsvn.filter(|least| reported.qe_isvsvn < *least) {
            more.push(Shortfall {
                part: Part::Qe,
                name: None,
                has: reported.qe_isvsvn,
                needs: least,
                remedy: Remedy::Enclaves,
            });
        }
        for new in more {
            match self.short.iter_mut().find(|known| known.part == new.part) {
                Some(known) => known.needs = known.needs.max(new.needs),
                None => self.short.push(new),
            }
        }
    }
}
