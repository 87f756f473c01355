//! What the fuzz targets share.

pub mod bases;
pub mod edits;
pub mod reference;
pub mod tar;
