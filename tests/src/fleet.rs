//! Fleets to preview, as large as one likes.

use std::sync::Arc;

use bulla_appraisal::baseline::preview::{Platform, Preview, Target};
use bulla_appraisal::baseline::{Demand, FamilyName, Technology};
use bulla_collateral::{EnclaveIdentity, TcbInfo};
use bulla_issuer::{QuoteKind, Scenario, Seed, StatusSpec};
use bulla_pki::Timestamp;
use bulla_verifier::ReportedTcb;

use crate::workbench::AT;

/// Levels of each family: as many as the vendor's longest TCB info has, of SGX and of TDX.
const LEVELS: [u8; 2] = [22, 6];

/// Families of each technology.
const FAMILIES: u8 = 4;

/// Families with their documents.
pub struct Fleet {
    families: Vec<(Technology, FamilyName, Target)>,
}

impl Fleet {
    /// Families of both technologies; of their levels the highest is `UpToDate`.
    pub fn new() -> Self {
        let technologies = [
            (Technology::Sgx, QuoteKind::SgxV3),
            (Technology::Tdx, QuoteKind::Td10V4),
        ];
        let families = technologies.into_iter().zip(LEVELS);
        let families = families.flat_map(|((technology, kind), levels)| {
            (0..FAMILIES).map(move |place| {
                let family = FamilyName([0xff, 0, 0, 0, 0, place]);
                (technology, family, target(kind, family, levels))
            })
        });
        Self {
            families: families.collect(),
        }
    }

    /// A preview that knows the documents of every family.
    pub fn preview<'a>(&self, demand: &'a Demand) -> Preview<'a> {
        let mut preview = Preview::new(demand, at());
        for (technology, family, target) in &self.families {
            preview.target(*technology, *family, target.clone());
        }
        preview
    }

    /// A platform with a name of its own, one of `kinds` that report something else, at most 2^32.
    pub fn platform(&self, place: u32, kinds: u32) -> Platform {
        let kind = place % kinds;
        let [low, ..] = kind.to_le_bytes();
        let (technology, family, target) = &self.families[usize::from(low) % self.families.len()];
        let highest = &target.tcb_info.tcb_levels.iter().next().expect("a level");
        let mut components = highest.sgx_components;
        // From one above the highest level to one below the lowest.
        components[0] = highest.sgx_components[0] + 1 - (low / 8) % 24;
        // No level asks for these.
        components[12..].copy_from_slice(&kind.to_le_bytes());
        let mut ppid = [0; 16];
        ppid[..4].copy_from_slice(&place.to_le_bytes());
        Platform {
            technology: *technology,
            family: *family,
            ppid: Some(ppid),
            reported: Some(ReportedTcb {
                components,
                pcesvn: highest.pcesvn,
                tdx: highest.tdx_components,
                tdx_now: None,
                qe_isvsvn: u16::MAX,
            }),
        }
    }
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new()
    }
}

fn at() -> Timestamp {
    AT.parse().expect("a time")
}

/// Documents with levels that fall by the first component, the highest of which asks for 40.
fn target(kind: QuoteKind, family: FamilyName, levels: u8) -> Target {
    let mut scenario = Scenario::new(&Seed::from("fleet"), kind, at());
    let info = &mut scenario.tcb_info;
    info.fmspc = family.0;
    let highest = info.levels[0].clone();
    info.levels = (0..levels)
        .map(|below| {
            let mut level = highest.clone();
            level.sgx_components[0].svn = u32::from(40 - below);
            if below > 0 {
                level.status = StatusSpec::out_of_date(level.status.date);
            }
            level
        })
        .collect();
    Target {
        tcb_info: Arc::new(TcbInfo::parse(info.to_json().as_bytes()).expect("TCB info")),
        identity: {
            let identity = scenario.qe_identity.to_json();
            Arc::new(EnclaveIdentity::parse(identity.as_bytes()).expect("an identity"))
        },
    }
}
