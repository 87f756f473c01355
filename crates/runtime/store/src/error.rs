//! Why a store could not do what it was asked for.

/// Why a store could not do what it was asked for. Nothing of the call has taken effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room left.
    #[error("the disk of {path} is full: free some space; nothing was lost")]
    Full {
        /// The database.
        path: String,
    },
    /// The store cannot be written, by its permissions or those of its disk.
    #[error("{path} cannot be written: {reason}")]
    ReadOnly {
        /// The database.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// What is stored is damaged.
    #[error("{path} is damaged: {reason}; restore a backup")]
    Damaged {
        /// The database.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The store was made by a version that this one does not know, or its schema was changed.
    #[error("{path} has schema {found}, this version knows up to {known}: {remedy}")]
    Schema {
        /// The database.
        path: String,
        /// Which schema it has.
        found: u32,
        /// The latest that is known.
        known: u32,
        /// What to do.
        remedy: String,
    },
    /// Another process works with it.
    #[error("{path} is in use by {holder}: end that first, or name another store")]
    InUse {
        /// The database.
        path: String,
        /// Who has it, as far as is known.
        holder: String,
    },
    /// Something was to be kept for a platform that is not there.
    #[error("no platform {qe_id} is kept: it must be put in before what belongs to it")]
    NoPlatform {
        /// The QE-ID in its name.
        qe_id: String,
    },
    /// Nobody answers where the database should be, or whoever does lets nobody in.
    #[error("{path} cannot be reached: {reason}")]
    Unreachable {
        /// The database.
        path: String,
        /// What the system or the server says.
        reason: String,
    },
    /// Anything else that the database or the system refuses.
    #[error("{path}: {reason}")]
    Unavailable {
        /// The database.
        path: String,
        /// What the system says.
        reason: String,
    },
}
