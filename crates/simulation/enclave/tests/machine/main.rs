//! The machine, with enclaves of a few instructions each, assembled here.
#![allow(missing_docs)]

mod differences;
mod exits;
mod hostile;
mod keys;
mod leaves;
mod operands;
mod program;
mod runner;
mod world;
