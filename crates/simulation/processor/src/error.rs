//! How an instruction fails.

use thiserror::Error;

/// Defines each code once, with its number.
macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $number:literal;)+) => {
        /// The codes that SGX instructions leave in `RAX`, with the vendor's names less their
        /// prefix `SGX_`.
        ///
        /// Intel SDM volume 3D, "ENCLS and ENCLU error codes"; `linux-sgx`, `sgx_arch.h`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])+ $name = $number,)+
        }

        impl ErrorCode {
            /// Every code, by its number.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

codes! {
    /// A SIGSTRUCT breaks its format.
    InvalidSigStruct = 1;
    /// An attribute is not permitted, or not what was signed for.
    InvalidAttribute = 2;
    /// A page is already blocked.
    BlkState = 3;
    /// The measurement is not the one that was signed.
    InvalidMeasurement = 4;
    /// Pages of this type cannot be blocked.
    NotBlockable = 5;
    /// The page is not valid.
    PgInvld = 6;
    /// Another instruction works on the same structure.
    LockFail = 7;
    /// The signature does not hold.
    InvalidSignature = 8;
    /// A message authentication code does not hold.
    MacCompareFail = 9;
    /// The page is not blocked.
    PageNotBlocked = 10;
    /// A thread may still hold an address translation of the page.
    NotTracked = 11;
    /// The slot of the version array is in use.
    VaSlotOccupied = 12;
    /// The enclave still has pages.
    ChildPresent = 13;
    /// A thread is inside the enclave.
    EnclaveAct = 14;
    /// The entry epoch is being changed.
    EntryEpochLocked = 15;
    /// The launch token does not permit this enclave.
    InvalidEinitToken = 16;
    /// An earlier tracking is not complete.
    PrevTrkIncmpl = 17;
    /// The page is a SECS.
    PgIsSecs = 18;
    /// The page is not as the enclave was told.
    PageAttributesMismatch = 19;
    /// The page cannot be modified now.
    PageNotModifiable = 20;
    /// The page cannot be debugged.
    PageNotDebuggable = 21;
    /// A report of a trust domain breaks its format, or its code does not hold.
    InvalidReportMacStruct = 28;
    /// A key of a later security version of the processor was asked for.
    InvalidCpuSvn = 32;
    /// A key of a later security version of the enclave or its configuration was asked for.
    InvalidIsvSvn = 64;
    /// An event is pending that the instruction must not hide.
    UnmaskedEvent = 128;
    /// No key has this name.
    InvalidKeyName = 256;
}

impl ErrorCode {
    /// The number in `RAX`.
    pub const fn number(self) -> u64 {
        self as u64
    }
}

/// Why an instruction did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// The instruction says so in `RAX`, and execution goes on.
    #[error("SGX error {} ({code:?}): {reason}", code.number())]
    Code {
        /// The code.
        code: ErrorCode,
        /// Which check it was: the code alone often leaves several.
        reason: &'static str,
    },
    /// The processor raises a general protection fault, `#GP(0)`.
    #[error("general protection fault: {reason}")]
    Fault {
        /// Which check it was.
        reason: &'static str,
    },
}

impl Failure {
    pub(crate) const fn code(code: ErrorCode, reason: &'static str) -> Self {
        Self::Code { code, reason }
    }

    /// The code in `RAX`; `None` for a fault.
    pub const fn error_code(&self) -> Option<ErrorCode> {
        match self {
            Self::Code { code, .. } => Some(*code),
            Self::Fault { .. } => None,
        }
    }
}

/// Fails with the code unless the condition holds.
pub(crate) fn require(
    condition: bool,
    code: ErrorCode,
    reason: &'static str,
) -> Result<(), Failure> {
    match condition {
        true => Ok(()),
        false => Err(Failure::code(code, reason)),
    }
}

/// Faults unless the condition holds.
pub(crate) fn protect(condition: bool, reason: &'static str) -> Result<(), Failure> {
    match condition {
        true => Ok(()),
        false => Err(Failure::Fault { reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_rise() {
        assert!(
            ErrorCode::ALL
                .windows(2)
                .all(|pair| pair[0].number() < pair[1].number())
        );
    }

    #[test]
    fn messages_tell_number_name_and_check() {
        let failure = Failure::code(ErrorCode::InvalidIsvSvn, "later than the enclave's");
        assert_eq!(
            failure.to_string(),
            "SGX error 64 (InvalidIsvSvn): later than the enclave's"
        );
        assert_eq!(failure.error_code(), Some(ErrorCode::InvalidIsvSvn));
    }
}
