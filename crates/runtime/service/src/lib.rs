//! The collateral service: what it knows, keeps current and answers.
#![forbid(unsafe_code)]

pub mod http;
