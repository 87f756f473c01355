//! Client libraries of others against bulla's services: the `bulla` command as an outsider has it, a
//! server under test, and a vendor in a box. What each client finds there stands in `tests`.

mod binary;
#[cfg(feature = "fortanix")]
pub mod fortanix;
mod gate;
mod gateway;
pub mod qvl;
mod server;
mod service;
mod vendor;

use std::time::{SystemTime, UNIX_EPOCH};

pub use binary::bulla;
pub use gate::{Gate, ISSUER};
pub use gateway::Gateway;
pub use server::Server;
pub use service::Service;
pub use vendor::{PlatformRequest, Vendor};

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "services and clients live by the clock of the machine"
)]
pub fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.expect("a clock after 1970").as_secs()
}
