//! What a platform must reach.

use std::collections::BTreeMap;

use bulla_pki::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::FamilyName;
use super::number::Number;
use super::{Technology, objects};
use crate::policy::value::{HexBytes, optional_instant};
use crate::policy::{AcceptedStatuses, PolicyError};

/// What platforms must reach, for each technology and, where it must be another, for a family.
///
/// The default is the vendor's own: the number that it enforces, and `UpToDate`.
///
/// ```
/// use bulla_appraisal::baseline::{Baseline, Number, Technology};
///
/// let baseline = Baseline::from_toml(r#"
/// [sgx]
/// number = 20
/// accepted_tcb_statuses = ["UpToDate", "SWHardeningNeeded"]
///
/// [tdx]
/// number = "early"
/// minimum_this_update = "2026-11-01T00:00:00Z"
///
/// [tdx.floor]
/// pcesvn = 11
/// qe_isvsvn = 4
///
/// [families.00906ED50000.sgx]       # in place of all of [sgx] above
/// number = 19
/// "#)?;
/// let family = |digits: &str| digits.parse().unwrap();
/// let sgx = |digits| baseline.requirement(Technology::Sgx, &family(digits)).number;
/// assert_eq!(sgx("00606A000000"), Number::Pinned(20));
/// assert_eq!(sgx("00906ED50000"), Number::Pinned(19));
///
/// let error = Baseline::from_toml("[sgx]\nnumber = \"latest\"\n").unwrap_err();
/// assert_eq!((error.line(), error.column(), error.field()), (2, 10, Some("sgx.number")));
/// # Ok::<(), bulla_appraisal::PolicyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Baseline {
    /// For SGX enclaves. Absent: the default.
    pub sgx: Requirement,
    /// For trust domains. Absent: the default.
    pub tdx: Requirement,
    /// For families that need another, each in place of all that is said for the technology.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub families: BTreeMap<FamilyName, Requirements>,
}

impl Baseline {
    /// The one that asks for a number, and otherwise for what the default asks for.
    pub fn of_number(number: Number) -> Self {
        let requirement = Requirement {
            number,
            ..Requirement::default()
        };
        Self {
            sgx: requirement.clone(),
            tdx: requirement,
            families: BTreeMap::new(),
        }
    }

    /// Reads a baseline file.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        toml::from_str(text).map_err(|error| PolicyError::reading(text, &error))
    }

    /// What is required of a family for a technology.
    pub fn requirement(&self, technology: Technology, family: &FamilyName) -> &Requirement {
        let own = self.families.get(family);
        match technology {
            Technology::Sgx => own.and_then(|own| own.sgx.as_ref()).unwrap_or(&self.sgx),
            Technology::Tdx => own.and_then(|own| own.tdx.as_ref()).unwrap_or(&self.tdx),
        }
    }

    /// Every requirement in it, with where it stands.
    pub fn requirements(&self) -> impl Iterator<Item = (String, Technology, &Requirement)> {
        let whole = [
            ("sgx".to_owned(), Technology::Sgx, Some(&self.sgx)),
            ("tdx".to_owned(), Technology::Tdx, Some(&self.tdx)),
        ];
        let of_families = self.families.iter().flat_map(|(family, own)| {
            [
                (
                    format!("families.{family}.sgx"),
                    Technology::Sgx,
                    own.sgx.as_ref(),
                ),
                (
                    format!("families.{family}.tdx"),
                    Technology::Tdx,
                    own.tdx.as_ref(),
                ),
            ]
        });
        let all = whole.into_iter().chain(of_families);
        all.filter_map(|(place, technology, found)| Some((place, technology, found?)))
    }
}

/// What is required of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Requirements {
    /// For SGX enclaves. Absent: as for all families.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sgx: Option<Requirement>,
    /// For trust domains. Absent: as for all families.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tdx: Option<Requirement>,
}

/// What one technology must reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Requirement {
    /// Which evaluation data number counts. It is the one thing that clients of the collateral
    /// follow, too; everything else binds where bulla appraises. Absent: `standard`.
    pub number: Number,
    /// The TCB statuses that pass, in the vendor's spelling. `Revoked` is an error.
    /// Absent: `UpToDate`.
    pub accepted_tcb_statuses: AcceptedStatuses,
    /// The oldest `thisUpdate` that passes, for the PCK CRL and the root CA's CRL alike.
    /// Absent: any.
    #[serde(
        deserialize_with = "optional_instant",
        serialize_with = "objects::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub minimum_this_update: Option<Timestamp>,
    /// The least security versions, whatever level the vendor derives from them. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<Floor>,
}

/// The least security versions that pass, component by component; what is absent, is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct Floor {
    /// Of the 16 SGX components, in 32 hexadecimal digits: one byte each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sgx_components: Option<HexBytes<16>>,
    /// Of the 16 TDX components, in 32 hexadecimal digits, held against `tee_tcb_svn`, and against
    /// `tee_tcb_svn2` where there is one. For SGX it asks for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tdx_components: Option<HexBytes<16>>,
    /// Of the provisioning certification enclave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pcesvn: Option<u16>,
    /// Of the quoting enclave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qe_isvsvn: Option<u16>,
}
