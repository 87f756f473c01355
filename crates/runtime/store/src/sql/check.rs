//! Whether all that is stored is what was written.

use super::connection::Connection;
use super::fault::{Fault, Outcome};
use super::{audit, documents, fleet, governance, secrets, set_aside};

/// What a check has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// How many entries the audit chain has.
    pub audit_entries: u64,
}

/// Reads every row, and looks the audit chain through.
pub(crate) fn check(connection: &Connection<'_>) -> Outcome<Checked> {
    documents::check(connection)?;
    set_aside::check(connection)?;
    fleet::check(connection)?;
    governance::check(connection)?;
    secrets::check(connection)?;
    match audit::verify(connection)? {
        Ok(audit_entries) => Ok(Checked { audit_entries }),
        Err(found) => Err(Fault::Damaged(format!(
            "the audit chain breaks at entry {}: {}",
            found.sequence, found.reason
        ))),
    }
}
