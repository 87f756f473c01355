//! Baselines: what a fleet must reach and when, planned, previewed and switched at its gate.

mod faults;
mod gate;
mod incident;
mod preview;
mod rings;
mod routes;
