//! Reports that no quoting enclave has signed yet. Only the processor that made one can tell
//! whether it is genuine; here they are for inspection.

use thiserror::Error;
use zerocopy::FromBytes;

use crate::layout::{ReportType, SgxReport, SgxReportBody, TdReport};

/// A report, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// What is reported of an SGX enclave, without its authentication: 384 bytes.
    SgxBody(&'a SgxReportBody),
    /// A report of an SGX enclave: 432 bytes.
    Sgx(&'a SgxReport),
    /// A report of a trust domain: 1024 bytes.
    Tdx(&'a TdReport),
}

impl<'a> Report<'a> {
    /// Parses a report. Its size tells its kind, as an SGX report bears no mark of its own.
    ///
    /// # Errors
    ///
    /// When there is no report of this size, and when the type in a report of 1024 bytes is
    /// not that of a trust domain.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReportError> {
        if let Ok(body) = SgxReportBody::ref_from_bytes(bytes) {
            return Ok(Self::SgxBody(body));
        }
        if let Ok(report) = SgxReport::ref_from_bytes(bytes) {
            return Ok(Self::Sgx(report));
        }
        let report = TdReport::ref_from_bytes(bytes).map_err(|_| ReportError::SizeUnknown {
            actual: bytes.len(),
        })?;
        match report.report_mac.report_type.tee_type {
            ReportType::TDX => Ok(Self::Tdx(report)),
            actual => Err(ReportError::TypeUnsupported {
                offset: 0,
                expected: ReportType::TDX,
                actual,
            }),
        }
    }

    /// The 64 bytes of the enclave's or trust domain's choice.
    #[must_use]
    pub fn report_data(&self) -> &'a [u8; 64] {
        match *self {
            Self::SgxBody(body) => &body.reportdata,
            Self::Sgx(report) => &report.body.reportdata,
            Self::Tdx(report) => &report.report_mac.reportdata,
        }
    }
}

/// Why bytes are not a report.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReportError {
    /// No report has this size.
    #[error(
        "{actual} bytes are not a report: an SGX report has 432 bytes, or 384 without its MAC, a TD \
         report has 1024"
    )]
    SizeUnknown {
        /// The size.
        actual: usize,
    },

    /// The report is not of a trust domain.
    #[error(
        "report type {actual:#x} at offset {offset} is not supported, expected {expected:#x} (TDX)"
    )]
    TypeUnsupported {
        /// Where the type is.
        offset: usize,
        /// The type of a trust domain.
        expected: u8,
        /// The type.
        actual: u8,
    },
}

impl ReportError {
    /// The name of the error, stable across releases.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SizeUnknown { .. } => "ReportSizeUnknown",
            Self::TypeUnsupported { .. } => "ReportTypeUnsupported",
        }
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::{FromZeros, IntoBytes};

    use super::{Report, ReportError};
    use crate::layout::{ReportType, SgxReport, TdReport};

    #[test]
    fn an_sgx_report_with_and_without_its_mac() {
        let mut report = SgxReport::new_zeroed();
        report.body.reportdata = [7; 64];
        assert_eq!(Report::parse(report.as_bytes()), Ok(Report::Sgx(&report)));
        let body = Report::parse(report.body.as_bytes()).unwrap();
        assert_eq!(body, Report::SgxBody(&report.body));
        assert_eq!(body.report_data(), &[7; 64]);
    }

    #[test]
    fn a_td_report_bears_its_type() {
        let mut report = TdReport::new_zeroed();
        let error = Report::parse(report.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "ReportTypeUnsupported");
        report.report_mac.report_type.tee_type = ReportType::TDX;
        assert_eq!(Report::parse(report.as_bytes()), Ok(Report::Tdx(&report)));
    }

    #[test]
    fn no_other_size_is_a_report() {
        for size in (0..=1100).filter(|size| ![384, 432, 1024].contains(size)) {
            let error = Report::parse(&vec![0x81; size]).unwrap_err();
            assert_eq!(error, ReportError::SizeUnknown { actual: size });
        }
    }
}
