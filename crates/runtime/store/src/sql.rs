//! The ports over SQL: the statements, the rows and their seals, written once for every database.
//!
//! # Damage
//!
//! Databases notice pages that make no sense, not bytes that changed inside a value. So every row
//! carries SHA-256 over its content, which is checked when it is read: what is given out is what
//! was put in, or an error. A row that a damaged index hides is found by
//! [`Store::check`](crate::Store::check) alone.

pub(crate) mod audit;
mod check;
mod column;
pub(crate) mod connection;
#[cfg(feature = "postgres")]
mod copy;
pub(crate) mod documents;
pub(crate) mod fault;
mod fleet;
mod governance;
mod nodes;
mod retention;
mod secrets;
mod set_aside;
pub(crate) mod value;

pub use self::check::Checked;
pub(crate) use self::check::check;
#[cfg(feature = "postgres")]
pub use self::copy::Copied;
#[cfg(feature = "postgres")]
pub(crate) use self::copy::copy;
pub use self::retention::{Pruned, Retention};
