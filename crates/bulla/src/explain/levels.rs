//! What keeps a platform from the next better level.
//!
//! The level itself is the verifier's to tell. Here the versions are only laid beside those that
//! better levels demand.

use bulla_collateral::{IsvLevels, TcbInfo, TcbLevel};
use bulla_verifier::{EvidenceFacts, PlatformFacts, PreparedCollateral, TcbFacts, Verdict};
use serde::Serialize;

use crate::render::text::day;

/// The steps up from where a platform is.
#[derive(Debug, Serialize)]
pub(crate) struct Shortfalls {
    /// The level just above; absent at the top.
    pub(crate) next: Option<Target>,
    /// The highest level, where that is another one.
    pub(crate) best: Option<Target>,
    /// Versions of module and quoting enclave below their highest level.
    pub(crate) parts: Vec<Gap>,
}

/// A level of the platform, and what is lacking for it.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) status: &'static str,
    pub(crate) date: String,
    pub(crate) gaps: Vec<Gap>,
}

/// A version that is too low.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    pub(crate) component: String,
    pub(crate) has: u16,
    pub(crate) needs: u16,
    pub(crate) raised_by: &'static str,
}

/// The way up, where platform and TCB info are known.
pub(crate) fn of(verdict: &Verdict, collateral: &PreparedCollateral) -> Option<Shortfalls> {
    let evidence = verdict.evidence.as_ref()?;
    let platform = evidence.platform.as_ref()?;
    let tcb_info = collateral.tcb_info()?;
    if tcb_info.fmspc != platform.fmspc {
        return None;
    }
    let svns = Svns::of(evidence, platform);
    let above = levels_above(tcb_info, verdict.tcb.as_ref(), &svns);
    let best = above.first().map(|level| svns.target(level));
    let next = above.last().map(|level| svns.target(level));
    let (next, best) = match above.len() {
        0 | 1 => (next, None),
        _ => (next, best),
    };
    Some(Shortfalls {
        next,
        best,
        parts: parts(evidence, tcb_info, collateral),
    })
}

/// The levels above the one that was reached, highest first; all where none was.
fn levels_above<'a>(
    tcb_info: &'a TcbInfo,
    reached: Option<&TcbFacts>,
    svns: &Svns<'_>,
) -> Vec<&'a TcbLevel> {
    let is_reached = |level: &&TcbLevel| {
        reached.is_some_and(|tcb| {
            level.status == tcb.platform_level.status
                && level.date == tcb.platform_level.date
                && svns.gaps(level).is_empty()
        })
    };
    tcb_info
        .tcb_levels
        .iter()
        .take_while(|level| !is_reached(level))
        .collect()
}

/// Module and quoting enclave, whose levels are lists of their own.
fn parts(
    evidence: &EvidenceFacts,
    tcb_info: &TcbInfo,
    collateral: &PreparedCollateral,
) -> Vec<Gap> {
    let top = |levels: &IsvLevels| levels.iter().next().map(|level| level.isvsvn);
    let gap = |component: &str, has: u16, needs: Option<u16>, raised_by| {
        needs.filter(|needs| has < *needs).map(|needs| Gap {
            component: component.to_owned(),
            has,
            needs,
            raised_by,
        })
    };
    let tee_tcb_svn = evidence
        .body
        .borrow()
        .td10()
        .map(|report| report.tee_tcb_svn);
    let module = tee_tcb_svn.and_then(|[isvsvn, version, ..]| {
        let identity = tcb_info.tdx_module_identity(version)?;
        let needs = top(&identity.tcb_levels);
        gap(
            "TDX module",
            isvsvn.into(),
            needs,
            "an update of the TDX module",
        )
    });
    let qe_needs = collateral
        .qe_identity()
        .and_then(|identity| top(&identity.tcb_levels));
    let qe_has = evidence.qe_report.isvsvn.get();
    let qe = gap(
        "quoting enclave",
        qe_has,
        qe_needs,
        "an update of the quoting enclave",
    );
    module.into_iter().chain(qe).collect()
}

/// The versions that levels of the platform are about.
struct Svns<'a> {
    platform: &'a PlatformFacts,
    tee_tcb_svn: Option<[u8; 16]>,
}

impl<'a> Svns<'a> {
    fn of(evidence: &EvidenceFacts, platform: &'a PlatformFacts) -> Self {
        let report = evidence.body.borrow();
        Self {
            platform,
            tee_tcb_svn: report.td10().map(|report| report.tee_tcb_svn),
        }
    }

    fn target(&self, level: &TcbLevel) -> Target {
        Target {
            status: level.status.as_str(),
            date: day(level.date),
            gaps: self.gaps(level),
        }
    }

    fn gaps(&self, level: &TcbLevel) -> Vec<Gap> {
        let sgx = lower(
            "SGX component",
            &self.platform.components,
            &level.sgx_components,
            0,
            "a microcode or BIOS update",
        );
        let pce = (self.platform.pcesvn < level.pcesvn).then(|| Gap {
            component: "provisioning certification enclave".to_owned(),
            has: self.platform.pcesvn,
            needs: level.pcesvn,
            raised_by: "an update of the SGX platform software, and a new PCK certificate",
        });
        let tdx = match (&self.tee_tcb_svn, &level.tdx_components) {
            (Some(svns), Some(demanded)) => {
                // The first two are the module's own, which has levels of its own.
                let skipped = if svns[1] > 0 { 2 } else { 0 };
                let raised_by = "an update of the TDX module or its loader, or of microcode";
                lower("TDX component", svns, demanded, skipped, raised_by)
            }
            _ => Vec::new(),
        };
        sgx.into_iter().chain(pce).chain(tdx).collect()
    }
}

fn lower(
    name: &str,
    svns: &[u8; 16],
    demanded: &[u8; 16],
    skipped: usize,
    raised_by: &'static str,
) -> Vec<Gap> {
    (1..)
        .zip(svns.iter().zip(demanded))
        .skip(skipped)
        .filter(|(_, (has, needs))| has < needs)
        .map(|(number, (has, needs)): (u32, _)| Gap {
            component: format!("{name} {number}"),
            has: (*has).into(),
            needs: (*needs).into(),
            raised_by,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_too_low_is_a_gap() {
        let (mut svns, demanded) = ([3; 16], [3; 16]);
        assert!(lower("c", &svns, &demanded, 0, "").is_empty());
        svns[0] = 1;
        svns[4] = 2;
        svns[5] = 9;
        let gaps = lower("c", &svns, &demanded, 2, "x");
        let expected = Gap {
            component: "c 5".to_owned(),
            has: 2,
            needs: 3,
            raised_by: "x",
        };
        assert_eq!(gaps, [expected]);
    }
}
