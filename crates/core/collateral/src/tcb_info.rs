//! TCB info: the security levels of a family of platforms (Intel PCS API, "Get TCB Info").

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use bulla_pki::{Timestamp, Window};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::json::{
    self, Advisories, DocumentError, DroppedText, Hex, Status, Text, Time, UnknownFields, object,
};
use crate::levels::{IsvLevelWire, IsvLevels};
use crate::status::TcbStatus;

/// The technology that a TCB info is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the vendor has these two")]
pub enum TcbInfoId {
    /// SGX enclaves; also every TCB info of version 2, which has no id.
    Sgx,
    /// Trust domains.
    Tdx,
}

impl TcbInfoId {
    /// `SGX` or `TDX`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sgx => "SGX",
            Self::Tdx => "TDX",
        }
    }
}

/// TCB info of version 2 or 3, read from its signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbInfo {
    /// The technology.
    pub id: TcbInfoId,
    /// 2 or 3.
    pub version: u8,
    /// `issueDate` to `nextUpdate`.
    pub window: Window,
    /// The family of platforms: 6 bytes.
    pub fmspc: [u8; 6],
    /// Identity of the provisioning certification enclave: 2 bytes in the order of the text.
    pub pce_id: [u8; 2],
    /// `tcbEvaluationDataNumber`: rises with every TCB recovery.
    pub evaluation_data_number: u32,
    /// Signer and attributes of the TDX module; present exactly for TDX.
    pub tdx_module: Option<TdxModule>,
    /// TDX modules by version; empty for SGX and where the vendor lists none.
    pub tdx_module_identities: Vec<TdxModuleIdentity>,
    /// The levels of the platform.
    pub tcb_levels: TcbLevels,
    /// Names of fields that this version does not know, sorted.
    pub unknown_fields: Vec<String>,
}

/// What the TDX module must be signed by and run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdxModule {
    /// MRSIGNERSEAM.
    pub mrsigner: [u8; 48],
    /// SEAMATTRIBUTES.
    pub attributes: [u8; 8],
    /// Mask of the attributes that the vendor means; not used by Intel's verifier nor by ours,
    /// which demand all of them.
    pub attributes_mask: [u8; 8],
}

/// A TDX module of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxModuleIdentity {
    /// The version in `TDX_xx`, two hexadecimal digits: compared with byte 1 of `tee_tcb_svn`.
    pub version: u8,
    /// What this module must be signed by and run with.
    pub module: TdxModule,
    /// Its levels.
    pub tcb_levels: IsvLevels,
}

impl TcbInfo {
    /// The identity of the TDX module of this version; absent where the vendor lists none.
    pub fn tdx_module_identity(&self, version: u8) -> Option<&TdxModuleIdentity> {
        self.tdx_module_identities
            .iter()
            .find(|identity| identity.version == version)
    }
}

/// A level of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbLevel {
    /// The least SVN of each SGX component.
    pub sgx_components: [u8; 16],
    /// The least SVN of the provisioning certification enclave.
    pub pcesvn: u16,
    /// The least SVN of each TDX component; present exactly for TDX.
    pub tdx_components: Option<[u8; 16]>,
    /// `tcbDate`: from when on the level closes what was known.
    pub date: Timestamp,
    /// The vendor's word.
    pub status: TcbStatus,
    /// `advisoryIDs`; empty where the vendor lists none.
    pub advisory_ids: Arc<[Arc<str>]>,
}

impl TcbLevel {
    fn key(&self) -> ([u8; 16], u16, Option<[u8; 16]>) {
        (self.sgx_components, self.pcesvn, self.tdx_components)
    }
}

/// Levels in the order in which they are matched, at least one, no two alike.
///
/// The order is that of Intel's library: falling by SGX components, then PCESVN, then TDX
/// components; the order in the document is never trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbLevels(Vec<TcbLevel>);

impl TcbLevels {
    /// The levels, highest first.
    pub fn iter(&self) -> impl Iterator<Item = &TcbLevel> {
        self.0.iter()
    }

    fn sorted(mut levels: Vec<TcbLevel>) -> Result<Self, DocumentError> {
        if levels.is_empty() {
            return Err(field("tcbLevels", "is empty"));
        }
        levels.sort_by_key(|level| Reverse(level.key()));
        if !levels.is_sorted_by(|high, low| high.key() > low.key()) {
            return Err(DocumentError::LevelRepeated { list: "tcbLevels" });
        }
        Ok(Self(levels))
    }
}

const fn field(field: &'static str, problem: &'static str) -> DocumentError {
    DocumentError::Field { field, problem }
}

impl TcbInfo {
    /// Reads the signed text, the inner object of `{"tcbInfo":{...},"signature":"..."}`.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentError> {
        let wire: TcbInfoWire<'_> = json::parse(body)?;
        let mut unknown = wire.unknown;
        let id = match (wire.version, wire.id.as_ref().map(|id| &*id.0)) {
            (2, None) => TcbInfoId::Sgx,
            (2, Some(_)) => return Err(field("id", "stands in a TCB info of version 2")),
            (3, Some("SGX")) => TcbInfoId::Sgx,
            (3, Some("TDX")) => TcbInfoId::Tdx,
            (3, Some(_)) => return Err(field("id", "is neither SGX nor TDX")),
            (3, None) => return Err(field("id", "is missing")),
            (version, _) => return Err(DocumentError::VersionUnsupported { version }),
        };
        if wire.tcb_type != 0 {
            return Err(field("tcbType", "is not 0"));
        }
        if id == TcbInfoId::Tdx && wire.tdx_module.is_none() {
            return Err(field("tdxModule", "is missing in a TCB info for TDX"));
        }
        if id == TcbInfoId::Sgx && wire.tdx_module.is_some() {
            return Err(field("tdxModule", "stands in a TCB info for SGX"));
        }
        if id == TcbInfoId::Sgx && wire.tdx_module_identities.is_some() {
            return Err(field("tdxModuleIdentities", "stands in a TCB info for SGX"));
        }
        let tdx_module = wire.tdx_module.map(|module| {
            unknown.absorb(module.unknown);
            TdxModule {
                mrsigner: module.mrsigner.0,
                attributes: module.attributes.0,
                attributes_mask: module.attributes_mask.0,
            }
        });
        let tdx_module_identities = match wire.tdx_module_identities {
            Some(list) => module_identities(list, &mut unknown)?,
            None => Vec::new(),
        };
        let levels: Result<Vec<TcbLevel>, DocumentError> = wire
            .tcb_levels
            .into_iter()
            .map(|level| level.into_level(id, wire.version, &mut unknown))
            .collect();
        Ok(Self {
            id,
            version: if wire.version == 2 { 2 } else { 3 },
            window: Window {
                from: wire.issue_date.0,
                until: wire.next_update.0,
            },
            fmspc: wire.fmspc.0,
            pce_id: wire.pce_id.0,
            evaluation_data_number: wire.tcb_evaluation_data_number,
            tdx_module,
            tdx_module_identities,
            tcb_levels: TcbLevels::sorted(levels?)?,
            unknown_fields: unknown.0.into_iter().collect(),
        })
    }
}

fn module_identities(
    list: Vec<TdxModuleIdentityWire<'_>>,
    unknown: &mut UnknownFields,
) -> Result<Vec<TdxModuleIdentity>, DocumentError> {
    if list.is_empty() {
        return Err(field("tdxModuleIdentities", "is empty"));
    }
    let mut identities: Vec<TdxModuleIdentity> = Vec::with_capacity(list.len());
    for wire in list {
        unknown.absorb(wire.unknown);
        let version = module_version(&wire.id.0).ok_or(field(
            "tdxModuleIdentities.id",
            "is not `TDX_` and two hexadecimal digits",
        ))?;
        if identities.iter().any(|known| known.version == version) {
            return Err(field("tdxModuleIdentities.id", "stands twice"));
        }
        identities.push(TdxModuleIdentity {
            version,
            module: TdxModule {
                mrsigner: wire.mrsigner.0,
                attributes: wire.attributes.0,
                attributes_mask: wire.attributes_mask.0,
            },
            tcb_levels: IsvLevels::from_wire(
                "tdxModuleIdentities.tcbLevels",
                wire.tcb_levels,
                unknown,
            )?,
        });
    }
    Ok(identities)
}

/// The version in `TDX_0A`, letters of either case.
fn module_version(id: &str) -> Option<u8> {
    let (prefix, digits) = id.split_at_checked(4)?;
    let mut version = [0];
    hex::decode_to_slice(digits, &mut version).ok()?;
    prefix.eq_ignore_ascii_case("TDX_").then_some(version[0])
}

object! {
    struct TcbInfoWire<'de>;
    required {
        version: u64 = "version",
        issue_date: Time = "issueDate",
        next_update: Time = "nextUpdate",
        fmspc: Hex<6> = "fmspc",
        pce_id: Hex<2> = "pceId",
        tcb_type: u64 = "tcbType",
        tcb_evaluation_data_number: u32 = "tcbEvaluationDataNumber",
        tcb_levels: Vec<TcbLevelWire> = "tcbLevels",
    }
    optional {
        id: Text<'de> = "id",
        tdx_module: TdxModuleWire = "tdxModule",
        tdx_module_identities: Vec<TdxModuleIdentityWire<'de>> = "tdxModuleIdentities",
    }
}

object! {
    struct TdxModuleWire;
    required {
        mrsigner: Hex<48> = "mrsigner",
        attributes: Hex<8> = "attributes",
        attributes_mask: Hex<8> = "attributesMask",
    }
    optional {}
}

object! {
    struct TdxModuleIdentityWire<'de>;
    required {
        id: Text<'de> = "id",
        mrsigner: Hex<48> = "mrsigner",
        attributes: Hex<8> = "attributes",
        attributes_mask: Hex<8> = "attributesMask",
        tcb_levels: Vec<IsvLevelWire> = "tcbLevels",
    }
    optional {}
}

object! {
    struct TcbLevelWire;
    required {
        tcb: TcbWire = "tcb",
        tcb_date: Time = "tcbDate",
        tcb_status: Status = "tcbStatus",
    }
    optional {
        advisory_ids: Advisories = "advisoryIDs",
    }
}

object! {
    struct ComponentWire;
    required {
        svn: u8 = "svn",
    }
    optional {
        _category: DroppedText = "category",
        _kind: DroppedText = "type",
    }
}

// The SVNs of a level. Version 2 spells every component out, version 3 lists them.
object! {
    struct TcbWire;
    required {
        pcesvn: u16 = "pcesvn",
    }
    optional {
        sgxtcbcomponents: Svns = "sgxtcbcomponents",
        tdxtcbcomponents: Svns = "tdxtcbcomponents",
        c01: u8 = "sgxtcbcomp01svn",
        c02: u8 = "sgxtcbcomp02svn",
        c03: u8 = "sgxtcbcomp03svn",
        c04: u8 = "sgxtcbcomp04svn",
        c05: u8 = "sgxtcbcomp05svn",
        c06: u8 = "sgxtcbcomp06svn",
        c07: u8 = "sgxtcbcomp07svn",
        c08: u8 = "sgxtcbcomp08svn",
        c09: u8 = "sgxtcbcomp09svn",
        c10: u8 = "sgxtcbcomp10svn",
        c11: u8 = "sgxtcbcomp11svn",
        c12: u8 = "sgxtcbcomp12svn",
        c13: u8 = "sgxtcbcomp13svn",
        c14: u8 = "sgxtcbcomp14svn",
        c15: u8 = "sgxtcbcomp15svn",
        c16: u8 = "sgxtcbcomp16svn",
    }
}

impl TcbWire {
    fn numbered(&self) -> [Option<u8>; 16] {
        [
            self.c01, self.c02, self.c03, self.c04, self.c05, self.c06, self.c07, self.c08,
            self.c09, self.c10, self.c11, self.c12, self.c13, self.c14, self.c15, self.c16,
        ]
    }

    /// The 16 SGX components in the form of the document's version, and in no other form.
    fn sgx_components(&mut self, version: u64, unknown: &mut UnknownFields) -> Option<[u8; 16]> {
        // A 17th component, or one of TDX in this form, would be a demand that nobody compares.
        let more = |name: &String| name.starts_with("sgxtcbcomp") || name.starts_with("tdxtcbcomp");
        if self.unknown.0.iter().any(more) {
            return None;
        }
        let numbered = self.numbered();
        match (version, self.sgxtcbcomponents.take()) {
            (2, None) => {
                let mut all = [0; 16];
                for (slot, svn) in all.iter_mut().zip(numbered) {
                    *slot = svn?;
                }
                Some(all)
            }
            (3, Some(list)) if numbered == [None; 16] => Some(list.take(unknown)),
            _ => None,
        }
    }
}

/// The SVNs of exactly 16 components.
#[derive(Default)]
struct Svns {
    svns: [u8; 16],
    unknown: UnknownFields,
}

impl<'de> Deserialize<'de> for Svns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Components;

        impl<'de> Visitor<'de> for Components {
            type Value = Svns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of length 16")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Svns, A::Error> {
                let mut all = Svns::default();
                for (place, svn) in all.svns.iter_mut().enumerate() {
                    let component: ComponentWire = list
                        .next_element()?
                        .ok_or_else(|| A::Error::invalid_length(place, &self))?;
                    *svn = component.svn;
                    all.unknown.absorb(component.unknown);
                }
                Ok(all)
            }
        }

        deserializer.deserialize_tuple(16, Components)
    }
}

impl Svns {
    fn take(self, unknown: &mut UnknownFields) -> [u8; 16] {
        unknown.absorb(self.unknown);
        self.svns
    }
}

impl TcbLevelWire {
    fn into_level(
        self,
        id: TcbInfoId,
        version: u64,
        unknown: &mut UnknownFields,
    ) -> Result<TcbLevel, DocumentError> {
        unknown.absorb(self.unknown);
        let mut tcb = self.tcb;
        let sgx_components = tcb.sgx_components(version, unknown).ok_or(field(
            "tcb",
            "does not hold exactly the 16 SGX components in the form of its version",
        ))?;
        unknown.absorb(tcb.unknown);
        let tdx_components = match (id, tcb.tdxtcbcomponents) {
            (TcbInfoId::Tdx, Some(components)) => Some(components.take(unknown)),
            (TcbInfoId::Sgx, None) => None,
            (TcbInfoId::Tdx, None) => {
                return Err(field(
                    "tdxtcbcomponents",
                    "is missing in a TCB info for TDX",
                ));
            }
            (TcbInfoId::Sgx, Some(_)) => {
                return Err(field("tdxtcbcomponents", "stands in a TCB info for SGX"));
            }
        };
        Ok(TcbLevel {
            sgx_components,
            pcesvn: tcb.pcesvn,
            tdx_components,
            date: self.tcb_date.0,
            status: self.tcb_status.0,
            advisory_ids: self.advisory_ids.unwrap_or_default().0,
        })
    }
}
