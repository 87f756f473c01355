//! How results look.

pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
