//! Why there is no certificate for a platform.

use std::sync::Arc;

use bulla_store::StoreError;

use crate::keeper::Absent;

/// Why there is no certificate for a platform. Each has another remedy.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoCertificate {
    /// The platform is not known, and upstreams are not asked about it in this mode.
    #[error("the platform is not registered here; register it, or run in mode `lazy`")]
    PlatformUnknown,
    /// The platform is known, and its certificates are not here.
    #[error("the platform waits for its certificates, which are brought in this mode")]
    NotStored,
    /// The platform's certificates are here, and the root has revoked the CA that signed them.
    #[error(
        "the vendor's root has revoked the CA that certified the platform, and nobody has brought \
         certificates of another"
    )]
    IssuerRevoked,
    /// The platform is not known, and the client did not say by what the vendor knows it.
    #[error("the platform is not known, and the request has no `encrypted_ppid` to ask with")]
    PpidMissing,
    /// As before, with a PPID of zeros, as quoting hosts send it.
    #[error(
        "the platform is not known, and its `encrypted_ppid` is all zeros; it must register first \
         (PCKIDRetrievalTool, or `bulla platform register`)"
    )]
    PpidEmpty,
    /// No certificate is for a TCB as low as the reported one.
    #[error(
        "the platform reports a TCB below that of each of its certificates: update its microcode \
         or BIOS"
    )]
    TcbTooLow,
    /// Certificates and TCB info do not go together.
    #[error("the certificates cannot be selected from: {0}")]
    Selection(String),
    /// What was brought is not genuine, or not of this platform.
    #[error("{reason}")]
    Refused {
        /// Stable name of the reason.
        code: &'static str,
        /// The reason in words.
        reason: String,
    },
    /// What the upstreams gave is not genuine, or not of this platform.
    #[error("what the upstreams gave was refused: {0}")]
    UpstreamInvalid(String),
    /// A document is missing, or the vendor could not be asked.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The store failed.
    #[error("{0}")]
    Store(Arc<StoreError>),
}

impl NoCertificate {
    /// That the store failed is no answer about one platform.
    pub(crate) fn unless_store(self) -> Result<Self, StoreError> {
        match self {
            Self::Store(error) => {
                let (path, reason) = ("the store".to_owned(), error.to_string());
                Err(match *error {
                    StoreError::Unreachable { .. } => StoreError::Unreachable { path, reason },
                    _ => StoreError::Unavailable { path, reason },
                })
            }
            other => Ok(other),
        }
    }
}

impl From<StoreError> for NoCertificate {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}
