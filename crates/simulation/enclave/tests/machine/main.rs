//! The machine, with enclaves of a few instructions each, assembled here.
#![allow(missing_docs)]

mod exits;
mod hostile;
mod leaves;
mod program;
mod runner;
mod world;
