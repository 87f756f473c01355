//! Why an archive is not taken, and why none is written.

use bulla_pki::signing::SigningError;

/// Why an archive is not taken. What was read of it counts for nothing then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It begins like something else.
    #[error("this is no archive of bulla")]
    NotAnArchive,
    /// It ends too early.
    #[error("it ends at byte {size}, within {file}: it was cut off on its way; bring it again")]
    Truncated {
        /// How many bytes there are.
        size: usize,
        /// Which file is not whole, or is missing.
        file: String,
    },
    /// Something is not as it was written.
    #[error("{file}, which begins at byte {offset}, is not what was sealed: it was changed since")]
    Altered {
        /// Which file.
        file: String,
        /// Where its header stands.
        offset: usize,
    },
    /// Something stands behind its end.
    #[error(
        "something stands behind its end, at byte {offset}: it was changed since it was sealed"
    )]
    Surplus {
        /// Where.
        offset: usize,
    },
    /// A volume is not the one that was sealed behind the one before it.
    #[error(
        "{file} is not the volume that was sealed in its place: volumes were exchanged or left out"
    )]
    OutOfOrder {
        /// Its file.
        file: String,
    },
    /// The signature does not verify.
    #[error("its signature does not verify: it was changed since it was sealed")]
    SignatureInvalid,
    /// Somebody else signed it.
    #[error("it is signed by the key {found}, not by {expected}, which is trusted here")]
    SignerOther {
        /// SHA-256 of the key that signed it.
        found: String,
        /// SHA-256 of the key that should have.
        expected: String,
    },
    /// It is of a kind that this release does not read.
    #[error(
        "its format is `{found}`; this release reads `{known}`: use the release that wrote it, or a later one"
    )]
    FormatUnknown {
        /// What it says.
        found: String,
        /// What is read.
        known: &'static str,
    },
    /// The manifest was signed as it is, and is none.
    #[error("its manifest is not well formed: {reason}")]
    ManifestMalformed {
        /// What is wrong.
        reason: String,
    },
    /// There is more of something than anybody needs.
    #[error("{what} has {found} of at most {limit} {unit}")]
    TooLarge {
        /// Of what.
        what: String,
        /// How much there is.
        found: u64,
        /// How much there may be.
        limit: usize,
        /// In what that is counted.
        unit: &'static str,
    },
}

impl ArchiveError {
    /// The name of the reason, stable across releases.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnArchive => "ArchiveUnrecognised",
            Self::Truncated { .. } => "ArchiveTruncated",
            Self::Altered { .. }
            | Self::Surplus { .. }
            | Self::OutOfOrder { .. }
            | Self::SignatureInvalid => "ArchiveAltered",
            Self::SignerOther { .. } => "ArchiveSignerOther",
            Self::FormatUnknown { .. } => "ArchiveFormatUnknown",
            Self::ManifestMalformed { .. } => "ArchiveMalformed",
            Self::TooLarge { .. } => "ArchiveTooLarge",
        }
    }
}

/// Why no archive is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It would have more of something than is read.
    #[error(transparent)]
    TooLarge(ArchiveError),
    /// Two things have one name, or platforms come in another order than that of their names.
    #[error("{name} is there twice, or behind one that it goes before")]
    Twice {
        /// The name.
        name: String,
    },
    /// Base and contents are signed under different roots.
    #[error(
        "it is to follow an archive under the trust anchor {base}, and holds what is under {own}"
    )]
    AnchorsDiffer {
        /// SHA-256 of the root's key of the base.
        base: String,
        /// SHA-256 of the root's key of the contents.
        own: String,
    },
    /// It would be older than what it is to follow.
    #[error("it is to follow an archive of {base}, and is of {own}: set the clock")]
    BeforeBase {
        /// When the base was made.
        base: String,
        /// When this one is.
        own: String,
    },
    /// There is no signature.
    #[error(transparent)]
    Signing(#[from] SigningError),
}
