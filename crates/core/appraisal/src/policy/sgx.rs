//! What a policy demands of enclaves.

use std::str::FromStr;

use bulla_evidence::layout::sgx_attributes;
use serde::{Deserialize, Deserializer};

use super::flags::Tolerance;
use super::value::{AnyOf, HexBytes, ValueError, from_text};

/// What is demanded of an SGX enclave; the table `[sgx]` of a policy file.
///
/// A list names the accepted values; without it any value passes. All lists must agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct SgxPolicy {
    /// Measurements of code, data and layout; 64 hexadecimal digits each. Absent: any.
    pub mrenclave: Option<AnyOf<HexBytes<32>>>,
    /// Digests of the signer's key; 64 hexadecimal digits each. Absent: any.
    pub mrsigner: Option<AnyOf<HexBytes<32>>>,
    /// Product ids, 0 to 65535. They mean something only beside `mrsigner`. Absent: any.
    pub isvprodid: Option<AnyOf<u16>>,
    /// The lowest security version of the enclave that passes, 0 to 65535. Absent: any.
    pub minimum_isvsvn: Option<u16>,
    /// Extended product ids; 32 hexadecimal digits each. Absent: any.
    pub isvextprodid: Option<AnyOf<HexBytes<16>>>,
    /// Product family ids; 32 hexadecimal digits each. Absent: any.
    pub isvfamilyid: Option<AnyOf<HexBytes<16>>>,
    /// Configuration ids; 128 hexadecimal digits each. Absent: any.
    pub configid: Option<AnyOf<HexBytes<64>>>,
    /// Enclaves in debug mode, which keep no secret. Absent: `refused`.
    pub debug: Tolerance,
    /// Names of attributes that must be set, for example `KSS`. Absent: none.
    pub required_attributes: SgxAttributeNames,
    /// Names of attributes that must not be set, for example `PROVISION_KEY`. Absent: none
    /// (`DEBUG` has its own field).
    pub forbidden_attributes: SgxAttributeNames,
}

/// A set of attributes of an enclave, read as a list of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<AttributeName>")]
pub struct SgxAttributeNames(u64);

impl SgxAttributeNames {
    /// The attributes as flags of a report; see [`sgx_attributes`].
    pub const fn flags(self) -> u64 {
        self.0
    }
}

impl From<Vec<AttributeName>> for SgxAttributeNames {
    fn from(names: Vec<AttributeName>) -> Self {
        Self(names.iter().fold(0, |flags, name| flags | name.0))
    }
}

/// The flag of an attribute that was given by its name.
struct AttributeName(u64);

impl FromStr for AttributeName {
    type Err = ValueError;

    fn from_str(name: &str) -> Result<Self, ValueError> {
        match sgx_attributes::NAMED
            .iter()
            .find(|(known, _)| *known == name)
        {
            Some((_, flag)) => Ok(Self(*flag)),
            None => Err(ValueError::UnknownAttribute {
                name: name.to_owned(),
            }),
        }
    }
}

impl<'de> Deserialize<'de> for AttributeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}
