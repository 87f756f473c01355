//! The vendor's own enclaves, as their identities describe them.

use bulla_collateral::EnclaveId;
use bulla_evidence::layout::SgxReportBody;
use bulla_processor::architectural::Role;

use crate::tcb::Svns;

/// The report of an enclave as the first platforms ran it.
pub(crate) fn report(id: EnclaveId) -> SgxReportBody {
    let Svns {
        components,
        qe,
        td_qe,
        ..
    } = Svns::FOUNDING;
    let quoting = || Role::QuotingEnclaves.report(components, qe);
    match id {
        EnclaveId::Qe => quoting(),
        EnclaveId::TdQe => Role::QuotingDomains.report(components, td_qe),
        // These two run beside verifiers, and no platform here does; they have product ids of
        // their own.
        EnclaveId::Qve => SgxReportBody {
            isvprodid: 2.into(),
            ..quoting()
        },
        EnclaveId::Qae => SgxReportBody {
            isvprodid: 3.into(),
            ..quoting()
        },
    }
}
