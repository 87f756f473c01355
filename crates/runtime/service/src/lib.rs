//! The collateral service: what it knows, keeps current and answers.
#![forbid(unsafe_code)]

pub mod administration;
mod app;
pub mod archive;
pub mod baselines;
pub mod clock;
pub mod collection;
pub mod daemon;
pub mod dialects;
pub mod fleet;
pub mod freshness;
pub mod gate;
pub mod gauges;
pub mod held;
pub mod http;
pub mod intake;
pub mod judging;
pub mod keeper;
pub mod nodes;
pub mod page;
pub mod realm;
pub mod refresh;
mod secret_file;
pub mod shadow;
mod turns;
mod vain;
pub mod want;

pub use app::{PCS_BASE, Service, THIM_BASE};
pub use secret_file::SecretFileError;
