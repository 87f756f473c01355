//! Verdicts made by hand, held against policies as people write them.

#![allow(clippy::unwrap_used)]

mod anchors;
mod baselines;
mod baselines_planned;
mod baselines_preview;
mod baselines_properties;
mod baselines_state;
mod collateral;
mod evidence;
mod files;
mod platforms;
mod properties;
mod support;
mod tcb;
