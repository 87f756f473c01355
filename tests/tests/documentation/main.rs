//! What is written is so.

mod air_gap;
mod example_risk_score;
mod metrics;
mod pages;
mod service;
