//! What a result says: an EAT attestation result (EAR, `draft-ietf-rats-ear-04`) with claims of
//! bulla's own.

use std::collections::BTreeMap;

use bulla_collateral::TcbStatus;
use bulla_pki::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use crate::encoding::{Base64Url, Hex};
use crate::encoding::{instant, present, seconds};
use crate::trust::{Status, TrustVector};

/// What `eat_profile` says: the names of the claims are those of this draft of EAR.
pub const PROFILE: &str = "tag:ietf.org,2026:rats/ear#04";

/// All claims of a token. An unknown one is an error: what a signature covers is to be understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a token has these claims and no others"
)]
pub struct Claims {
    /// Who says so.
    pub iss: String,
    /// For whom.
    pub aud: String,
    /// When the evidence was judged.
    #[serde(with = "seconds")]
    pub iat: Timestamp,
    /// From when on it counts: the same instant.
    #[serde(with = "seconds")]
    pub nbf: Timestamp,
    /// First second at which it does not count any more (RFC 7519, section 4.1.4).
    #[serde(with = "seconds")]
    pub exp: Timestamp,
    /// Name of the token, of 16 random bytes; what is sealed for it is bound to it.
    pub jti: Base64Url<16>,
    /// The rules that the names follow: [`PROFILE`].
    pub eat_profile: Profile,
    /// The nonce that the evidence was bound to.
    pub eat_nonce: Base64Url<32>,
    /// Who judged.
    pub ear_verifier_id: VerifierId,
    /// The status of the only part there is, so that none needs to look into it.
    pub ear_status: Status,
    /// The parts that were judged: one.
    pub submods: Submods,
    /// Whose result it is: the holder of this key.
    pub cnf: Confirmation,
    /// What the result rests on.
    pub bulla: Facts,
}

/// [`PROFILE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is one profile")]
pub struct Profile;

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(PROFILE)
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            PROFILE => Ok(Self),
            _ => Err(de::Error::custom(
                "not the profile of this service's results",
            )),
        }
    }
}

/// The program that judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "as EAR has it")]
pub struct VerifierId {
    /// Who made it.
    pub developer: String,
    /// Which one it is, with its version.
    pub build: String,
}

/// The parts of the attester: bulla judges it as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a token has this part and no others"
)]
pub struct Submods {
    /// The attester as a whole.
    pub bulla: Submod,
}

/// The judgement of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "as EAR has it")]
pub struct Submod {
    /// The worst of the vector.
    pub ear_status: Status,
    /// What is claimed.
    pub ear_trustworthiness_vector: TrustVector,
    /// The policy it was appraised under: one, `NAME@VERSION`.
    pub ear_appraisal_policy_ids: [String; 1],
}

/// The key whose holder the result is for (RFC 7800).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the form of RFC 7800")]
pub struct Confirmation {
    /// The key as a JWK.
    pub jwk: ConfirmedKey,
}

/// A public key of X25519 as a JWK (RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing but the key")]
pub struct ConfirmedKey(pub Base64Url<32>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JwkMembers {
    kty: String,
    crv: String,
    x: Base64Url<32>,
}

impl Serialize for ConfirmedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = JwkMembers {
            kty: "OKP".to_owned(),
            crv: "X25519".to_owned(),
            x: self.0,
        };
        members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ConfirmedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = JwkMembers::deserialize(deserializer)?;
        if members.kty != "OKP" || members.crv != "X25519" {
            return Err(de::Error::custom("not a key of OKP on X25519"));
        }
        Ok(Self(members.x))
    }
}

/// What a result rests on, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a token has these claims and no others"
)]
pub struct Facts {
    /// The policy.
    pub policy: PolicyId,
    /// The root that the evidence ends in.
    pub trust_anchor: AnchorFacts,
    /// Whether no processor stands behind the evidence.
    pub simulated: bool,
    /// SHA-256 of every document and certificate that was used, by its name.
    pub collateral: BTreeMap<String, Hex<32>>,
    /// The TCB level.
    pub tcb: TcbClaims,
    /// SHA-256 of the evidence.
    pub evidence_sha256: Hex<32>,
    /// The baseline that was demanded; absent where none was.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub baseline: Option<BaselineId>,
    /// The platform: SHA-256 of its PPID.
    pub platform: Hex<32>,
    /// What runs there.
    pub measurement: Measurement,
}

/// A policy, by name and content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a token has these claims and no others"
)]
pub struct PolicyId {
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u64,
    /// SHA-256 of its text.
    pub sha256: Hex<32>,
}

/// A baseline, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a token has these claims and no others"
)]
pub struct BaselineId {
    /// Its name.
    pub name: String,
    /// Which decision gave it its content, from 1; 0 for `standard`, which always has the same.
    pub version: u64,
    /// How many decisions on baselines there were: what was demanded follows from them.
    pub decisions: u64,
}

/// The root that evidence ends in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a token has these claims and no others"
)]
pub struct AnchorFacts {
    /// Its short name.
    pub name: String,
    /// Whether it is a vendor's own.
    pub genuine: bool,
    /// SHA-256 of its uncompressed public key.
    pub public_key_sha256: Hex<32>,
}

/// The TCB level that the platform reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a token has these claims and no others"
)]
pub struct TcbClaims {
    /// The vendor's word.
    #[serde(with = "status")]
    pub status: TcbStatus,
    /// `tcbDate` of the oldest level reached, in RFC 3339.
    #[serde(with = "instant")]
    pub date: Timestamp,
    /// The advisories open there, sorted.
    pub advisory_ids: Vec<String>,
    /// The evaluation data number of the collateral: the smaller of the two.
    pub evaluation_data_number: u32,
}

/// What was measured, as the evidence has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase", tag = "tee")]
#[expect(clippy::exhaustive_enums, reason = "the technologies there are")]
#[expect(clippy::large_enum_variant, reason = "one per token, moved once")]
pub enum Measurement {
    /// An enclave.
    Sgx {
        /// Measurement of code, data and layout.
        mrenclave: Hex<32>,
        /// Digest of the signer's key.
        mrsigner: Hex<32>,
        /// Product id.
        isvprodid: u16,
        /// Security version.
        isvsvn: u16,
        /// Whether it is in debug mode, and keeps no secret.
        debug: bool,
    },
    /// A trust domain.
    Tdx {
        /// Measurement of the initial contents.
        mrtd: Hex<48>,
        /// Measurement registers 0 to 3.
        rtmr: [Hex<48>; 4],
        /// Measurement of the TDX module.
        mrseam: Hex<48>,
        /// Whether it is in debug mode, and keeps no secret.
        debug: bool,
    },
}

mod status {
    use bulla_collateral::TcbStatus;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        status: &TcbStatus,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(status.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TcbStatus, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
