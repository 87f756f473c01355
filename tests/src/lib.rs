//! What the black box and cross-storey tests share.

pub mod baselines;
pub mod binary;
pub mod cases;
pub mod daemon;
pub mod doctor;
pub mod enclaves;
pub mod example;
pub mod fleet;
pub mod front;
pub mod gate;
pub mod gate_daemon;
pub mod gatehouse;
pub mod host;
pub mod liar;
pub mod load;
pub mod nodes;
pub mod openapi;
pub mod qvl;
pub mod routes;
pub mod scenarios;
pub mod service;
pub mod site;
pub mod tls;
pub mod tsm;
pub mod vectors;
pub mod workbench;
