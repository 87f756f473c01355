//! What the black box and cross-storey tests share.

pub mod cases;
pub mod qvl;
pub mod vectors;
