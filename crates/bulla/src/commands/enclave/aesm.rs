//! The service that quotes enclaves, as programs on hardware find it.

use std::sync::Arc;

use bulla_enclave::aesm::{Quoter, Server, Service};
use bulla_evidence::layout::SgxReport;
use bulla_processor::Platform;
use bulla_processor::architectural::Refusal;

use super::start::Placed;
use super::tell;
use crate::args::AesmArgs;
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::time;

pub(super) fn run(args: &AesmArgs, output: &mut Output) -> Result<Exit> {
    let at = time::given_or_now(args.at.as_deref())?;
    let placed = Placed::read(&args.vendor, &args.platform, at)?;
    let service = service(placed)?;
    let server = Server::bind(&args.socket, service).map_err(|source| Error::SocketUnusable {
        path: args.socket.clone(),
        source,
    })?;
    let told = Fields::new()
        .with("simulated", true)
        .with("socket", args.socket.display().to_string())
        .with("platform", args.platform.as_str())
        .with("at", at);
    tell(&told, output)?;
    output.flush()?;
    server.run()
}

/// The service of a platform.
pub(super) fn service(placed: Placed) -> Result<Arc<Service>> {
    let service = Service::new(Certified {
        running: placed.platform.start(placed.at),
        placed,
    });
    Ok(Arc::new(service.map_err(bulla_vendor::AttestError::from)?))
}

/// A platform whose certificates its vendor has.
struct Certified {
    running: Platform,
    placed: Placed,
}

impl Quoter for Certified {
    fn platform(&self) -> &Platform {
        &self.running
    }

    fn quote(&self, report: &SgxReport) -> std::result::Result<Vec<u8>, Refusal> {
        let Placed {
            vendor,
            platform,
            at,
        } = &self.placed;
        vendor.quote_enclave(platform, report, *at)
    }
}
