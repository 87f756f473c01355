//! The gate that was named, and the evidence that it is given.

use std::sync::Arc;

use bulla_gate::{Client, ConfigfsTsm, EvidenceProvider, Settings, TSM_REPORTS, TokenKeys};
use bulla_upstream::tls::MAX_CA_FILE_SIZE;

use super::software::SoftwarePlatform;
use crate::args::{EvidenceArgs, GateAt};
use crate::client;
use crate::commands::vendor::{argument, kind};
use crate::error::Result;
use crate::input;
use crate::output::remark;
use crate::render::style::{CAUTION, paint};

/// Longest file of keys, in bytes: a gate that changed its key daily for a year has fewer.
const MAX_KEYS_SIZE: usize = 256 * 1024;

/// A client of the gate; asks nobody yet.
pub(super) fn open(args: &GateAt) -> Result<Client> {
    let service = client::address("--service", &args.at.service)?;
    let keys = match &args.keys {
        Some(path) => TokenKeys::Given(input::read("file of keys", path, MAX_KEYS_SIZE)?),
        None => TokenKeys::Published,
    };
    let certificates = args.at.ca_file.as_deref();
    let certificates =
        certificates.map(|path| input::read("file of CA certificates", path, MAX_CA_FILE_SIZE));
    let settings = Settings {
        certificates: certificates.transpose()?,
        keys,
        issuer: args.issuer.clone(),
        audience: args.audience.clone(),
        ..Settings::new(client::shown(&service), args.policy.clone())
    };
    Ok(Client::new(settings, provider(&args.evidence)?)?)
}

/// Says on standard error that nothing here is real, where that is so.
pub(super) fn warn_if_simulated(args: &GateAt) {
    if let Some(name) = &args.evidence.simulated_platform {
        remark(&format!(
            "{}  the evidence is that of the platform {name} of a vendor in a box; it protects \
             nothing",
            paint(CAUTION, "SIMULATED"),
        ));
    }
}

fn provider(args: &EvidenceArgs) -> Result<Arc<dyn EvidenceProvider>> {
    if let (Some(name), Some(dir)) = (&args.simulated_platform, &args.dir) {
        let name = argument("--simulated-platform", name)?;
        return Ok(Arc::new(SoftwarePlatform::new(dir, name, kind(args.kind))));
    }
    let base = args.tsm_reports.as_deref();
    let mut kernel = ConfigfsTsm::at(base.unwrap_or(TSM_REPORTS.as_ref()));
    if let Some(level) = args.privilege_level {
        kernel = kernel.with_privilege_level(level);
    }
    Ok(Arc::new(kernel))
}
