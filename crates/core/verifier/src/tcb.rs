//! The TCB level that a platform reaches (Intel PCS API, "TCB Info", and the quote verification
//! library's order of levels).

use std::collections::BTreeSet;
use std::sync::Arc;

use bulla_collateral::{
    EnclaveIdentity, IsvLevel, IsvLevels, TcbInfo, TcbLevel, TcbStatus as Status,
};
use bulla_evidence::Body;

use crate::verdict::{EvidenceFacts, PlatformFacts, ReachedLevel, TcbFacts};

/// Which of the three parts of a platform reaches no level at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the parts that have levels")]
pub enum NoLevel {
    /// The platform: its SGX components and PCE, and its TDX components.
    Platform,
    /// The TDX module.
    TdxModule,
    /// The quoting enclave.
    Qe,
}

/// The security versions that evidence reports, all that a level depends on. Platforms that report
/// the same reach the same level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "what the vendor's levels compare"
)]
pub struct ReportedTcb {
    /// The SVNs of the 16 SGX components, as the PCK certificate says.
    pub components: [u8; 16],
    /// SVN of the provisioning certification enclave, as the PCK certificate says.
    pub pcesvn: u16,
    /// `tee_tcb_svn` as of the TD's launch; absent for SGX.
    pub tdx: Option<[u8; 16]>,
    /// `tee_tcb_svn2`, as of now; absent for SGX and for TD reports 1.0, which do not have it.
    pub tdx_now: Option<[u8; 16]>,
    /// ISVSVN of the quoting enclave.
    pub qe_isvsvn: u16,
}

impl ReportedTcb {
    pub(crate) fn new(platform: &PlatformFacts, body: Body<'_>, qe_isvsvn: u16) -> Self {
        Self {
            components: platform.components,
            pcesvn: platform.pcesvn,
            tdx: body.td10().map(|td| td.tee_tcb_svn),
            tdx_now: body.td15().map(|td| td.tee_tcb_svn2),
            qe_isvsvn,
        }
    }

    /// What evidence reports; absent where its PCK certificate could not be read.
    pub fn of(evidence: &EvidenceFacts) -> Option<Self> {
        let platform = evidence.platform.as_ref()?;
        let qe_isvsvn = evidence.qe_report.isvsvn.get();
        Some(Self::new(platform, evidence.body.borrow(), qe_isvsvn))
    }

    /// The level that platform, TDX module and quoting enclave reach together: what a verdict
    /// under these documents would say. That the documents are for this family and technology, and
    /// genuine, is the caller's to see to.
    ///
    /// A TD that knows its present SVNs beside those of its launch (TD report 1.5 and later) is
    /// evaluated with both.
    pub fn level(
        &self,
        tcb_info: &TcbInfo,
        identity: &EnclaveIdentity,
    ) -> Result<TcbFacts, NoLevel> {
        evaluate(tcb_info, identity, self)
    }
}

fn evaluate(
    tcb_info: &TcbInfo,
    identity: &EnclaveIdentity,
    reported: &ReportedTcb,
) -> Result<TcbFacts, NoLevel> {
    let qe = identity.tcb_levels.reached_by(reported.qe_isvsvn);
    let at_launch = Levels::reached(
        tcb_info,
        reported,
        reported.tdx.as_ref(),
        qe.ok_or(NoLevel::Qe),
    )?;
    let launch = at_launch.converged();
    let (mut status, mut launch_status, mut current_status) = (launch, launch, launch);
    if let Some(now) = &reported.tdx_now {
        let now = Levels::reached(tcb_info, reported, Some(now), qe.ok_or(NoLevel::Qe))?;
        current_status = now.converged();
        if let Some(advice) = relaunch_advice(launch, current_status) {
            (status, launch_status) = (advice, advice);
        }
        // A platform that is revoked by now is not saved by what it was at launch.
        if current_status == Status::Revoked {
            status = Status::Revoked;
        }
    }
    Ok(TcbFacts {
        status,
        launch_status,
        current_status,
        date: at_launch.earliest_date(),
        advisory_ids: at_launch.advisories(),
        tcb_info_evaluation_data_number: tcb_info.evaluation_data_number,
        qe_identity_evaluation_data_number: identity.evaluation_data_number,
        platform_level: ReachedLevel {
            status: at_launch.platform.status,
            date: at_launch.platform.date,
            advisory_ids: Arc::clone(&at_launch.platform.advisory_ids),
        },
        tdx_module_level: at_launch.tdx_module.map(reached_level),
        qe_level: reached_level(at_launch.qe),
    })
}

fn reached_level(level: &IsvLevel) -> ReachedLevel {
    ReachedLevel {
        status: level.status,
        date: level.date,
        advisory_ids: Arc::clone(&level.advisory_ids),
    }
}

/// One level for each part.
struct Levels<'a> {
    platform: &'a TcbLevel,
    tdx_module: Option<&'a IsvLevel>,
    qe: &'a IsvLevel,
}

impl<'a> Levels<'a> {
    fn reached(
        tcb_info: &'a TcbInfo,
        reported: &ReportedTcb,
        tee_tcb_svn: Option<&[u8; 16]>,
        qe: Result<&'a IsvLevel, NoLevel>,
    ) -> Result<Self, NoLevel> {
        let reaches = |level: &&TcbLevel| {
            at_least(&reported.components, &level.sgx_components)
                && reported.pcesvn >= level.pcesvn
                && match (tee_tcb_svn, &level.tdx_components) {
                    (Some(svn), Some(components)) => tdx_at_least(svn, components),
                    (None, None) => true,
                    // A TCB info of the other technology: reported where it is compared.
                    _ => false,
                }
        };
        let platform = tcb_info.tcb_levels.iter().find(reaches);
        Ok(Self {
            platform: platform.ok_or(NoLevel::Platform)?,
            tdx_module: match tee_tcb_svn {
                Some([isvsvn, version, ..]) if *version > 0 => Some(
                    tcb_info
                        .tdx_module_identity(*version)
                        .and_then(|identity| module_level(&identity.tcb_levels, *isvsvn))
                        .ok_or(NoLevel::TdxModule)?,
                ),
                _ => None,
            },
            qe: qe?,
        })
    }

    /// The vendor's word for the platform, lowered by the worst of module and quoting enclave.
    fn converged(&self) -> Status {
        let parts = [
            self.tdx_module.map(|level| level.status),
            Some(self.qe.status),
        ];
        let any = |wanted| parts.contains(&Some(wanted));
        match self.platform.status {
            _ if any(Status::Revoked) => Status::Revoked,
            Status::UpToDate | Status::SWHardeningNeeded if any(Status::OutOfDate) => {
                Status::OutOfDate
            }
            Status::ConfigurationNeeded | Status::ConfigurationAndSWHardeningNeeded
                if any(Status::OutOfDate) =>
            {
                Status::OutOfDateConfigurationNeeded
            }
            platform => platform,
        }
    }

    fn earliest_date(&self) -> bulla_pki::Timestamp {
        let dates = [
            Some(self.platform.date),
            self.tdx_module.map(|l| l.date),
            Some(self.qe.date),
        ];
        dates
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.platform.date)
    }

    fn advisories(&self) -> Vec<Arc<str>> {
        let lists = [
            Some(&self.platform.advisory_ids),
            self.tdx_module.map(|level| &level.advisory_ids),
            Some(&self.qe.advisory_ids),
        ];
        let union: BTreeSet<&Arc<str>> = lists
            .into_iter()
            .flatten()
            .flat_map(|list| list.iter())
            .collect();
        union.into_iter().cloned().collect()
    }
}

fn module_level(levels: &IsvLevels, isvsvn: u8) -> Option<&IsvLevel> {
    levels.reached_by(u16::from(isvsvn))
}

fn at_least(svns: &[u8], demanded: &[u8]) -> bool {
    svns.iter()
        .zip(demanded)
        .all(|(svn, demanded)| svn >= demanded)
}

/// Bytes 0 and 1 of `tee_tcb_svn` are the TDX module's ISVSVN and version: where the module has an
/// identity of its own (version above 0) that identity judges them, not the platform's level.
fn tdx_at_least(tee_tcb_svn: &[u8; 16], demanded: &[u8; 16]) -> bool {
    let [isvsvn, version, rest @ ..] = tee_tcb_svn;
    let [least_isvsvn, least_version, least_rest @ ..] = demanded;
    let module = *version > 0 || (isvsvn >= least_isvsvn && version >= least_version);
    module && at_least(rest, least_rest)
}

/// Whether launching the TD again would raise its level.
fn relaunch_advice(launch: Status, current: Status) -> Option<Status> {
    use Status::{
        ConfigurationAndSWHardeningNeeded, ConfigurationNeeded, OutOfDate,
        OutOfDateConfigurationNeeded, SWHardeningNeeded, TDRelaunchAdvised,
        TDRelaunchAdvisedConfigurationNeeded, UpToDate,
    };
    let launch_needs_configuration = match launch {
        OutOfDate => false,
        OutOfDateConfigurationNeeded => true,
        _ => return None,
    };
    let current_needs_configuration = match current {
        UpToDate | SWHardeningNeeded => false,
        ConfigurationNeeded | ConfigurationAndSWHardeningNeeded => true,
        _ => return None,
    };
    Some(
        if launch_needs_configuration || current_needs_configuration {
            TDRelaunchAdvisedConfigurationNeeded
        } else {
            TDRelaunchAdvised
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relaunch_helps_only_where_the_platform_has_moved_on() {
        let advice = |launch, current| relaunch_advice(launch, current);
        assert_eq!(
            advice(Status::OutOfDate, Status::UpToDate),
            Some(Status::TDRelaunchAdvised)
        );
        assert_eq!(
            advice(Status::OutOfDate, Status::SWHardeningNeeded),
            Some(Status::TDRelaunchAdvised)
        );
        let configuration = Some(Status::TDRelaunchAdvisedConfigurationNeeded);
        assert_eq!(
            advice(Status::OutOfDate, Status::ConfigurationNeeded),
            configuration
        );
        assert_eq!(
            advice(Status::OutOfDateConfigurationNeeded, Status::UpToDate),
            configuration
        );
        for (launch, current) in [
            (Status::OutOfDate, Status::OutOfDate),
            (Status::OutOfDate, Status::Revoked),
            (Status::UpToDate, Status::UpToDate),
            (Status::ConfigurationNeeded, Status::UpToDate),
            (Status::Revoked, Status::UpToDate),
        ] {
            assert_eq!(advice(launch, current), None, "{launch} {current}");
        }
    }

    #[test]
    fn the_module_version_decides_which_tdx_components_count() {
        let mut svn = [5; 16];
        let demanded = [6, 6, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5];
        assert!(tdx_at_least(&svn, &demanded));
        svn[1] = 0;
        assert!(!tdx_at_least(&svn, &demanded));
        svn = [5; 16];
        svn[15] = 4;
        assert!(!tdx_at_least(&svn, &demanded));
    }
}
