//! The vendor's own enclaves, as their identities describe them.

use bulla_collateral::EnclaveId;
use bulla_evidence::layout::{SgxReportBody, sgx_attributes};
use zerocopy::FromZeros;

/// The report of an enclave as the first platforms ran it.
pub(crate) fn report(id: EnclaveId) -> SgxReportBody {
    let (product, svn) = match id {
        EnclaveId::Qe => (1, crate::tcb::Svns::FOUNDING.qe),
        EnclaveId::TdQe => (2, crate::tcb::Svns::FOUNDING.td_qe),
        EnclaveId::Qve => (3, 2),
        EnclaveId::Qae => (4, 2),
    };
    let mut report = SgxReportBody::new_zeroed();
    report.mrsigner = [0x5a; 32];
    report.attributes.flags = (sgx_attributes::INIT | sgx_attributes::MODE64).into();
    report.isvprodid = product.into();
    report.isvsvn = svn.into();
    report
}
