//! A verifier that panics has an opinion too: it is reported, and the run goes on.

use std::any::Any;
use std::panic::{self, UnwindSafe};

/// What `work` returns, or the text of its panic.
pub(crate) fn caught<T>(work: impl FnOnce() -> T + UnwindSafe) -> Result<T, String> {
    panic::catch_unwind(work).map_err(|payload| text(payload.as_ref()))
}

/// The text of a panic.
pub(crate) fn text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a text".to_owned())
}
