//! Each way it must not go.

/// One thing to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    Altered,
    OtherSigner,
    Debug,
    OldVersion,
    FlippedBit,
    Revoked,
    Outdated,
    OtherVendor,
    RootNotNamed,
    Domain,
    DebugDomain,
    NonceUsed,
    NonceUnknown,
    OtherKey,
    Recorded,
    Relayed,
    LimitReached,
    PolicyReplaced,
    NonceExpired,
    TokenEnded,
    CollateralExpired,
}

/// How something is to end, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Accepted,
    Refused,
    /// It was given, and whoever got it cannot open it.
    Unopened,
}

impl Ending {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unopened => "unopened",
        }
    }
}

/// In this order: those that let time pass are the last.
pub(super) const TRIALS: [Trial; 21] = [
    Trial::Altered,
    Trial::OtherSigner,
    Trial::Debug,
    Trial::OldVersion,
    Trial::FlippedBit,
    Trial::Revoked,
    Trial::Outdated,
    Trial::OtherVendor,
    Trial::RootNotNamed,
    Trial::Domain,
    Trial::DebugDomain,
    Trial::NonceUsed,
    Trial::NonceUnknown,
    Trial::OtherKey,
    Trial::Recorded,
    Trial::Relayed,
    Trial::LimitReached,
    Trial::PolicyReplaced,
    Trial::NonceExpired,
    Trial::TokenEnded,
    Trial::CollateralExpired,
];

impl Trial {
    /// What it is about.
    pub(super) const fn subject(self) -> &'static str {
        match self {
            Self::Altered
            | Self::OtherSigner
            | Self::Debug
            | Self::OldVersion
            | Self::FlippedBit
            | Self::Revoked
            | Self::Outdated
            | Self::OtherVendor
            | Self::RootNotNamed
            | Self::Domain
            | Self::DebugDomain => "evidence",
            Self::NonceUsed
            | Self::NonceUnknown
            | Self::OtherKey
            | Self::Recorded
            | Self::Relayed => "binding",
            Self::LimitReached | Self::PolicyReplaced => "release",
            Self::NonceExpired | Self::TokenEnded | Self::CollateralExpired => "time",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Altered => "one byte of the enclave changed",
            Self::OtherSigner => "the same enclave, signed by somebody else",
            Self::Debug => "started in debug mode",
            Self::OldVersion => "an older version of the enclave",
            Self::FlippedBit => "one bit of the quote flipped",
            Self::Revoked => "on node-2, which was revoked",
            Self::Outdated => "on node-3, which lacks an update",
            Self::OtherVendor => "on a processor of another such vendor",
            Self::RootNotNamed => "under a policy that does not name this root",
            Self::Domain => "a trust domain, under a policy for such",
            Self::DebugDomain => "a trust domain in debug mode",
            Self::NonceUsed => "a nonce used twice",
            Self::NonceUnknown => "a nonce that was never given",
            Self::OtherKey => "another key than that in the quote",
            Self::Recorded => "a recorded quote for a new nonce",
            Self::Relayed => "evidence relayed, for a secret of one's own",
            Self::LimitReached => "the key once more, beyond its limit",
            Self::PolicyReplaced => "a key after its policy was replaced",
            Self::NonceExpired => "two minutes later: a nonce that has ended",
            Self::TokenEnded => "five minutes later: a token that has ended",
            Self::CollateralExpired => "a month later, the vendor still off",
        }
    }

    /// How it is to end, and for which reason.
    pub(super) const fn expected(self) -> (Ending, Option<&'static str>) {
        let code = match self {
            Self::Domain => return (Ending::Accepted, None),
            Self::Relayed => return (Ending::Unopened, None),
            Self::Altered => "MrenclaveMismatch",
            Self::OtherSigner => "MrsignerMismatch",
            Self::Debug => "DebugEnclave",
            Self::OldVersion => "IsvsvnTooLow",
            Self::FlippedBit => "QuoteSignatureInvalid",
            Self::Revoked => "CertificateRevoked",
            Self::Outdated => "TcbStatusNotAccepted",
            Self::OtherVendor => "RootUntrusted",
            Self::RootNotNamed => "TrustAnchorNotAccepted",
            Self::DebugDomain => "DebugTd",
            Self::NonceUsed => "nonce-used",
            Self::NonceUnknown => "nonce-unknown",
            Self::OtherKey | Self::Recorded => "binding-mismatch",
            Self::LimitReached => "times-reached",
            Self::PolicyReplaced => "policy-mismatch",
            Self::NonceExpired => "nonce-expired",
            Self::TokenEnded => "token-expired",
            Self::CollateralExpired => "CollateralExpired",
        };
        (Ending::Refused, Some(code))
    }
}
