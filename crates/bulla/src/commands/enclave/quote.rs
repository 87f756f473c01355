//! Quotes of enclaves that are not run.

use super::start::{Placed, start};
use crate::args::EnclaveQuoteArgs;
use crate::commands::vendor::{deliver, report_data, selection};
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::time;

pub(super) fn run(args: &EnclaveQuoteArgs) -> Result<Fields> {
    let (report_data, selection) = (report_data(&args.report_data)?, selection(&args.set)?);
    let at = time::given_or_now(args.at.as_deref())?;
    let placed = Placed::read(&args.vendor, &args.platform, at)?;
    let enclave = start(&args.image, &args.signature, &args.memory)?;
    let target = placed.platform.quoting_target(at);
    let report = placed.processor().ereport(&enclave, &target, report_data);
    let report = report.map_err(|source| Error::EnclaveRefused {
        path: args.image.clone(),
        source,
    })?;
    let (vendor, platform) = (&placed.vendor, &placed.platform);
    let attested = vendor.attest_enclave(platform, &report, selection, at)?;
    Ok(Fields::new()
        .with("simulated", true)
        .hex("mrenclave", enclave.secs().mrenclave)
        .hex("mrsigner", enclave.secs().mrsigner)
        .with("platform", platform.name().as_str())
        .with("at", at)
        .and(deliver(
            &args.out,
            vendor,
            &attested,
            args.at.is_some().then_some(at),
        )?))
}
