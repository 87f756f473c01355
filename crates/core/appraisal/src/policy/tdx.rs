//! What a policy demands of trust domains.

use serde::Deserialize;

use super::flags::{Demand, Tolerance};
use super::value::{AnyOf, HexBytes};

/// SHA-384 digests of which one must match.
pub type Measurements = Option<AnyOf<HexBytes<48>>>;

/// What is demanded of a trust domain (TD); the table `[tdx]` of a policy file.
///
/// A list names the accepted values; without it any value passes. All lists must agree.
/// Measurements are 96 hexadecimal digits each.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[non_exhaustive]
pub struct TdxPolicy {
    /// Measurements of the TD's initial contents. Absent: any.
    pub mrtd: Measurements,
    /// Measurements of the TDX module. Absent: any that the vendor signed.
    pub mrseam: Measurements,
    /// Signers of the TDX module. Absent: any that the vendor's documents name.
    pub mrsignerseam: Measurements,
    /// Configuration ids. Absent: any.
    pub mrconfigid: Measurements,
    /// Owners. Absent: any.
    pub mrowner: Measurements,
    /// Owners' configurations. Absent: any.
    pub mrownerconfig: Measurements,
    /// Measurement register 0. Absent: any.
    pub rtmr0: Measurements,
    /// Measurement register 1. Absent: any.
    pub rtmr1: Measurements,
    /// Measurement register 2. Absent: any.
    pub rtmr2: Measurements,
    /// Measurement register 3. Absent: any.
    pub rtmr3: Measurements,
    /// Digests over the service TDs bound to the TD. A TD report 1.0 does not tell them and is
    /// refused when they are asked for. Absent: any.
    pub mrservicetd: Measurements,
    /// Values of XFAM, the extended processor state that the TD may use; 16 hexadecimal digits
    /// each, the 8 bytes in the order of the quote. Absent: any.
    pub xfam: Option<AnyOf<HexBytes<8>>>,
    /// TDs in debug mode, which keep no secret. Absent: `refused`.
    pub debug: Tolerance,
    /// TDs that the host may profile (attribute bits 4 to 6). Absent: `refused`.
    pub profiling: Tolerance,
    /// Attribute bits that must be zero, whose meaning nobody knows. Absent: `refused`.
    pub reserved_attributes: Tolerance,
    /// The attribute that keeps the host from injecting exceptions through pending pages.
    /// Absent: `any`.
    pub sept_ve_disable: Demand,
    /// TDs that can move to another platform, which this quote says nothing about.
    /// Absent: `any`.
    pub migratable: Tolerance,
    /// TDs with the attribute `SERVTD_EXT`. Absent: `any`.
    pub service_td_extension: Tolerance,
    /// TDs with service TDs bound to them (`mrservicetd` is not zero). A TD report 1.0 does not
    /// tell and is refused by `refused`. Absent: `any`.
    pub service_td: Tolerance,
}

impl Default for TdxPolicy {
    fn default() -> Self {
        Self {
            mrtd: None,
            mrseam: None,
            mrsignerseam: None,
            mrconfigid: None,
            mrowner: None,
            mrownerconfig: None,
            rtmr0: None,
            rtmr1: None,
            rtmr2: None,
            rtmr3: None,
            mrservicetd: None,
            xfam: None,
            debug: Tolerance::Refused,
            profiling: Tolerance::Refused,
            reserved_attributes: Tolerance::Refused,
            sept_ve_disable: Demand::Any,
            migratable: Tolerance::Any,
            service_td_extension: Tolerance::Any,
            service_td: Tolerance::Any,
        }
    }
}
