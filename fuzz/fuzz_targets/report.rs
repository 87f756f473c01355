//! Reports that no quoting enclave has signed.

#![no_main]

use bulla_evidence::report::Report;
use libfuzzer_sys::fuzz_target;
use zerocopy::IntoBytes;

fuzz_target!(|bytes: &[u8]| {
    let report = match Report::parse(bytes) {
        Ok(report) => report,
        Err(error) => {
            assert!(!matches!(bytes.len(), 384 | 432), "{error}");
            return;
        }
    };
    let (written, report_data) = match report {
        Report::SgxBody(body) => (body.as_bytes(), 320..384),
        Report::Sgx(report) => (report.as_bytes(), 320..384),
        Report::Tdx(report) => (report.as_bytes(), 128..192),
    };
    assert_eq!(written, bytes);
    assert_eq!(report.report_data(), &bytes[report_data]);
});
