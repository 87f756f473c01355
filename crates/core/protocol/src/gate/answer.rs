//! What the gate answers.

use serde::{Deserialize, Serialize};

use super::value::{Instant, Key, Name, Nonce, TokenText};
use super::{GateError, MAX_ANSWER_SIZE, form, limited};

/// A nonce for one attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the interface's members")]
pub struct Challenge {
    /// The nonce.
    pub nonce: Nonce,
    /// Last second at which it is taken.
    pub expires: Instant,
    /// What the service's clock says.
    pub service_time: Instant,
}

/// The signed result of an appraisal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the interface's members")]
pub struct AttestAnswer {
    /// The result as a JWT.
    pub token: TokenText,
    /// Last second at which it counts, as in the token.
    pub expires: Instant,
    /// How good the result is, as in the token.
    pub status: ResultStatus,
}

/// How good an accepted result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "anything worse is refused")]
pub enum ResultStatus {
    /// A vendor vouches for the hardware, and nothing known is against it.
    Affirming,
    /// The policy accepts it with something known against it, or it is simulated.
    Warning,
}

impl ResultStatus {
    /// `affirming` or `warning`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Affirming => "affirming",
            Self::Warning => "warning",
        }
    }
}

/// One reason why evidence was refused; the member `findings` of the problem has a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the interface's members")]
pub struct RefusalFinding {
    /// Stable name of a finding of the verifier or of a reason of the appraisal.
    pub code: String,
    /// One sentence: what, which value, and what to do.
    pub message: String,
}

/// A secret, sealed to the key that was attested ([HPKE](https://www.rfc-editor.org/rfc/rfc9180)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the interface's members")]
pub struct ReleaseAnswer {
    /// Name of the secret.
    pub secret: Name,
    /// Which version of it, from 1.
    pub version: u64,
    /// The encapsulated key.
    pub enc: Key,
    /// The ciphertext with its tag, in base64url without padding.
    #[serde(with = "base64url")]
    pub ciphertext: Vec<u8>,
}

macro_rules! answers {
    ($($name:ident),+) => {
        $(
            impl $name {
                /// The answer of this body; members that are not known are passed over.
                pub fn read(body: &[u8]) -> Result<Self, GateError> {
                    limited(body, MAX_ANSWER_SIZE)?;
                    serde_json::from_slice(body).map_err(|error| form(&error))
                }
            }
        )+
    };
}

answers!(Challenge, AttestAnswer, ReleaseAnswer);

impl Challenge {
    /// The answer as it goes onto the wire.
    pub fn write(&self) -> Vec<u8> {
        written(self)
    }
}

impl AttestAnswer {
    /// The answer as it goes onto the wire.
    pub fn write(&self) -> Vec<u8> {
        // By what they may hold none of the texts has a character to escape, and a token is long: it
        // is copied, not looked through once more.
        [
            r#"{"token":""#,
            self.token.as_str(),
            r#"","expires":""#,
            self.expires.as_str(),
            r#"","status":""#,
            self.status.as_str(),
            r#""}"#,
        ]
        .concat()
        .into_bytes()
    }
}

impl ReleaseAnswer {
    /// The answer as it goes onto the wire.
    pub fn write(&self) -> Vec<u8> {
        written(self)
    }
}

fn written(answer: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).expect("texts and numbers are JSON")
}

mod base64url {
    use std::borrow::Cow;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        URL_SAFE_NO_PAD
            .decode(text.as_ref())
            .map_err(|_| de::Error::custom("not base64url"))
    }
}
