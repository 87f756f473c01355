//! How trustworthy an attester is, in the words of the IETF (AR4SI, EAR).

use serde::{Deserialize, Deserializer, Serialize, de};

/// The tiers of AR4SI that an accepted result can have. What would be worse is refused, and gets no
/// result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "anything worse gets no result")]
pub enum Status {
    /// A vendor vouches for the hardware, and nothing known is against it.
    Affirming,
    /// Accepted with something known against it, or not genuine.
    Warning,
}

impl Status {
    /// `affirming` or `warning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Affirming => "affirming",
            Self::Warning => "warning",
        }
    }
}

/// One claim of a trustworthiness vector: a number of AR4SI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "what bulla claims")]
pub enum TrustClaim {
    /// 2: recognised and without known fault.
    Affirming,
    /// 32: recognised, with something known against it that the policy accepts.
    Warning,
}

impl TrustClaim {
    /// The number.
    pub const fn number(self) -> i8 {
        match self {
            Self::Affirming => 2,
            Self::Warning => 32,
        }
    }

    const fn status(self) -> Status {
        match self {
            Self::Affirming => Status::Affirming,
            Self::Warning => Status::Warning,
        }
    }
}

impl Serialize for TrustClaim {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i8(self.number())
    }
}

impl<'de> Deserialize<'de> for TrustClaim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i8::deserialize(deserializer)? {
            2 => Ok(Self::Affirming),
            32 => Ok(Self::Warning),
            _ => Err(de::Error::custom("not a claim that this service makes")),
        }
    }
}

/// What is claimed of an attester. A claim that is absent is not made (0 in AR4SI).
///
/// Of the categories of AR4SI, `instance-identity`, `file-system`, `runtime-opaque`,
/// `storage-opaque` and `sourced-data` are never claimed: no evidence that bulla reads says
/// anything about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "what bulla claims")]
pub struct TrustVector {
    /// The platform's and the attester's settings: a warning where they leave something open, and
    /// always where no vendor vouches for the platform.
    pub configuration: TrustClaim,
    /// What was loaded: claimed where a vendor vouches for the platform and the policy says what
    /// is to be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executables: Option<TrustClaim>,
    /// The processor and its firmware: claimed where a vendor vouches for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware: Option<TrustClaim>,
}

impl TrustVector {
    /// The worst of all claims; never affirming without a claim about the hardware.
    pub fn status(&self) -> Status {
        let hardware = self.hardware.map_or(Status::Warning, TrustClaim::status);
        let executables = self
            .executables
            .map_or(Status::Affirming, TrustClaim::status);
        self.configuration.status().max(hardware).max(executables)
    }
}

#[cfg(test)]
mod tests {
    use TrustClaim::{Affirming, Warning};

    use super::*;

    #[test]
    fn a_status_is_never_better_than_the_worst_claim_and_never_affirming_without_hardware() {
        for configuration in [Affirming, Warning] {
            for executables in [None, Some(Affirming), Some(Warning)] {
                for hardware in [None, Some(Affirming), Some(Warning)] {
                    let vector = TrustVector {
                        configuration,
                        executables,
                        hardware,
                    };
                    let affirming = configuration == Affirming
                        && executables != Some(Warning)
                        && hardware == Some(Affirming);
                    assert_eq!(
                        vector.status() == Status::Affirming,
                        affirming,
                        "{vector:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn claims_are_numbers_and_absent_ones_are_not_there() {
        let vector = TrustVector {
            configuration: Warning,
            executables: None,
            hardware: Some(Affirming),
        };
        let text = serde_json::to_string(&vector).unwrap();
        assert_eq!(text, r#"{"configuration":32,"hardware":2}"#);
        assert_eq!(serde_json::from_str::<TrustVector>(&text).unwrap(), vector);
        for other in ["0", "3", "96", "-1", "\"2\"", "2.0"] {
            let text = text.replace("32", other);
            assert!(
                serde_json::from_str::<TrustVector>(&text).is_err(),
                "{other}"
            );
        }
    }
}
