//! One file for each command.

pub(crate) mod baseline;
pub(crate) mod collateral;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod enclave;
pub(crate) mod explain;
pub(crate) mod gate;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod pccs;
pub(crate) mod platform;
pub(crate) mod serve;
#[cfg(feature = "postgres")]
pub(crate) mod store;
pub(crate) mod vendor;
pub(crate) mod verify;
