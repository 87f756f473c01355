//! TCB info: the security levels of a family of platforms (Intel PCS API, "Get TCB Info").

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use bulla_pki::{Timestamp, Window};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::json::{
    self, Advisories, DocumentError, Hex, Status, Text, Time, UnknownFields, object,
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
    /// What the vendor calls the 16 SGX components; nothing in version 2.
    pub sgx_component_names: [ComponentName; 16],
    /// What the vendor calls the 16 TDX components; nothing for SGX.
    pub tdx_component_names: [ComponentName; 16],
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

/// What the vendor says of a component, for people: nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the two words of the vendor")]
pub struct ComponentName {
    /// `category`: who brings the component, `BIOS` or `OS/VMM`; absent where the vendor says nothing.
    pub category: Option<Box<str>>,
    /// `type`: what it is, for example `TDX Module`; absent where the vendor says nothing.
    pub kind: Option<Box<str>>,
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
        // The vendor repeats the names in every level.
        let first = wire.tcb_levels.first().map(|level| &level.tcb);
        let names = |list: Option<&Svns>| list.map(|list| list.names.clone()).unwrap_or_default();
        let sgx_component_names = names(first.and_then(|tcb| tcb.sgxtcbcomponents.as_ref()));
        let tdx_component_names = names(first.and_then(|tcb| tcb.tdxtcbcomponents.as_ref()));
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
            sgx_component_names,
            tdx_component_names,
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
    struct ComponentWire<'de>;
    required {
        svn: u8 = "svn",
    }
    optional {
        category: Text<'de> = "category",
        kind: Text<'de> = "type",
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
    names: [ComponentName; 16],
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
                let places = all.svns.iter_mut().zip(&mut all.names);
                for (place, (svn, name)) in places.enumerate() {
                    let component: ComponentWire<'_> = list
                        .next_element()?
                        .ok_or_else(|| A::Error::invalid_length(place, &self))?;
                    *svn = component.svn;
                    *name = ComponentName {
                        category: component.category.map(|text| text.0.into()),
                        kind: component.kind.map(|text| text.0.into()),
                    };
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#""issueDate":"2026-01-01T00:00:00Z",
        "nextUpdate":"2026-01-31T00:00:00Z","fmspc":"00a067110000","pceId":"0001","tcbType":0,
        "tcbEvaluationDataNumber":19"#;
    const MODULE: &str = r#""attributes":"0000000000000001","attributesMask":"FFFFFFFFFFFFFFFF""#;

    /// Sixteen components, all 0 but the first and the last.
    fn list(first: u8, last: u8) -> String {
        let zeros = r#"{"svn":0},"#.repeat(14);
        format!(r#"[{{"svn":{first},"category":"BIOS"}},{zeros}{{"svn":{last}}}]"#)
    }

    fn level(tcb: &str) -> String {
        format!(
            r#"{{"tcb":{{{tcb}}},"tcbDate":"2025-08-13T00:00:00Z","tcbStatus":"UpToDate",
                "advisoryIDs":["INTEL-SA-00828"]}}"#
        )
    }

    fn sgx_tcb(first: u8, last: u8, pcesvn: u16) -> String {
        let components = list(first, last);
        format!(r#""sgxtcbcomponents":{components},"pcesvn":{pcesvn}"#)
    }

    fn tdx_tcb(tdx: u8) -> String {
        let components = list(tdx, 0);
        format!(r#"{},"tdxtcbcomponents":{components}"#, sgx_tcb(1, 2, 3))
    }

    /// Components as version 2 spells them, each with its number as SVN.
    fn numbered() -> String {
        let all: Vec<String> = (1..=16)
            .map(|number| format!(r#""sgxtcbcomp{number:02}svn":{number}"#))
            .collect();
        format!(r#"{},"pcesvn":3"#, all.join(","))
    }

    fn info(start: &str, tcbs: &[String]) -> String {
        let levels: Vec<String> = tcbs.iter().map(|tcb| level(tcb)).collect();
        format!(r#"{{{start},{HEAD},"tcbLevels":[{}]}}"#, levels.join(","))
    }

    const SGX: &str = r#""id":"SGX","version":3"#;

    fn tdx(more: &str, tcbs: &[String]) -> String {
        let signer = "0a".repeat(48);
        let module = format!(r#""tdxModule":{{"mrsigner":"{signer}",{MODULE}}}"#);
        info(&format!(r#""id":"TDX","version":3,{module}{more}"#), tcbs)
    }

    /// Identities of these modules, each with its own level.
    fn identities(ids: &[&str]) -> String {
        let all: Vec<String> = ids
            .iter()
            .enumerate()
            .map(|(svn, id)| {
                let signer = "0b".repeat(48);
                let level = level(&format!(r#""isvsvn":{svn}"#));
                format!(r#"{{"id":"{id}","mrsigner":"{signer}",{MODULE},"tcbLevels":[{level}]}}"#)
            })
            .collect();
        format!(r#","tdxModuleIdentities":[{}]"#, all.join(","))
    }

    fn read(text: &str) -> Result<TcbInfo, DocumentError> {
        TcbInfo::parse(text.as_bytes())
    }

    /// The field of which an error complains.
    fn wrong(text: &str) -> &'static str {
        match read(text) {
            Err(DocumentError::Field { field, .. }) => field,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn each_field_finds_its_place() {
        let info = read(&info(SGX, &[sgx_tcb(1, 2, 3)])).unwrap();
        assert_eq!((info.id, info.version), (TcbInfoId::Sgx, 3));
        assert_eq!(info.window.from.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(info.window.until.to_string(), "2026-01-31T00:00:00Z");
        assert_eq!(info.fmspc, [0, 0xa0, 0x67, 0x11, 0, 0]);
        assert_eq!((info.pce_id, info.evaluation_data_number), ([0, 1], 19));
        let level = info.tcb_levels.iter().next().unwrap();
        assert_eq!((level.sgx_components[0], level.sgx_components[15]), (1, 2));
        assert_eq!((level.pcesvn, level.tdx_components), (3, None));
        assert_eq!(level.date.to_string(), "2025-08-13T00:00:00Z");
        assert_eq!(level.status, TcbStatus::UpToDate);
        assert_eq!(*level.advisory_ids, ["INTEL-SA-00828".into()]);

        let info = read(&tdx("", &[tdx_tcb(7)])).unwrap();
        assert_eq!((info.id, info.version), (TcbInfoId::Tdx, 3));
        let module = info.tdx_module.unwrap();
        assert_eq!(module.mrsigner, [0x0a; 48]);
        assert_eq!((module.attributes[7], module.attributes_mask[7]), (1, 0xff));
        assert_eq!(info.tdx_module_identities, []);
        let components = info.tcb_levels.iter().next().unwrap().tdx_components;
        assert_eq!(components.map(|svns| (svns[0], svns[15])), Some((7, 0)));
    }

    #[test]
    fn version_2_spells_every_component_out_and_version_3_none() {
        let second = read(&info(r#""version":2"#, &[numbered()])).unwrap();
        assert_eq!((second.id, second.version), (TcbInfoId::Sgx, 2));
        let components = second.tcb_levels.iter().next().unwrap().sgx_components;
        assert_eq!(components.to_vec(), (1..=16).collect::<Vec<u8>>());

        let both = format!("{},{}", numbered(), sgx_tcb(1, 2, 3)).replacen(r#""pcesvn":3,"#, "", 1);
        for (start, tcb) in [
            (r#""version":2"#, sgx_tcb(1, 2, 3)),
            (r#""version":2"#, both.clone()),
            (
                r#""version":2"#,
                numbered().replace(r#""sgxtcbcomp16svn":16,"#, ""),
            ),
            (SGX, numbered()),
            (SGX, both),
            (SGX, format!(r#"{},"sgxtcbcomp17svn":1"#, sgx_tcb(1, 2, 3))),
            (SGX, format!(r#"{},"tdxtcbcomp01svn":1"#, sgx_tcb(1, 2, 3))),
        ] {
            assert_eq!(wrong(&info(start, &[tcb])), "tcb");
        }
        for count in [15, 17] {
            let components = vec![r#"{"svn":1}"#; count].join(",");
            let tcb = format!(r#""pcesvn":3,"sgxtcbcomponents":[{components}]"#);
            assert!(read(&info(SGX, &[tcb])).is_err(), "{count}");
        }
    }

    #[test]
    fn id_version_and_type_go_together() {
        let tcb = || [sgx_tcb(1, 2, 3)];
        assert_eq!(
            wrong(&info(r#""id":"SGX","version":2"#, &[numbered()])),
            "id"
        );
        assert_eq!(wrong(&info(r#""version":3"#, &tcb())), "id");
        assert_eq!(wrong(&info(r#""id":"SEV","version":3"#, &tcb())), "id");
        let version = |version| Err(DocumentError::VersionUnsupported { version });
        assert_eq!(read(&info(r#""id":"SGX","version":4"#, &tcb())), version(4));
        assert_eq!(read(&info(r#""version":1"#, &[numbered()])), version(1));
        let text = info(SGX, &tcb()).replace(r#""tcbType":0"#, r#""tcbType":1"#);
        assert_eq!(wrong(&text), "tcbType");
    }

    #[test]
    fn what_belongs_to_tdx_stands_there_and_nowhere_else() {
        let without_module = info(r#""id":"TDX","version":3"#, &[tdx_tcb(7)]);
        assert_eq!(wrong(&without_module), "tdxModule");
        assert_eq!(wrong(&tdx("", &[sgx_tcb(1, 2, 3)])), "tdxtcbcomponents");
        assert_eq!(wrong(&info(SGX, &[tdx_tcb(7)])), "tdxtcbcomponents");
        let as_sgx = |text: String| text.replace(r#""id":"TDX""#, r#""id":"SGX""#);
        let with_module = as_sgx(tdx("", &[sgx_tcb(1, 2, 3)]));
        assert_eq!(wrong(&with_module), "tdxModule");
        let start = format!("{SGX}{}", identities(&["TDX_01"]));
        let with_identities = info(&start, &[sgx_tcb(1, 2, 3)]);
        assert_eq!(wrong(&with_identities), "tdxModuleIdentities");
    }

    #[test]
    fn modules_are_found_by_the_version_in_their_id() {
        let ids = identities(&["TDX_01", "TDX_0a", "tdx_1F"]);
        let info = read(&tdx(&ids, &[tdx_tcb(7)])).unwrap();
        for (svn, version) in [(0, 0x01), (1, 0x0a), (2, 0x1f)] {
            let identity = info.tdx_module_identity(version).unwrap();
            assert_eq!(identity.module.mrsigner, [0x0b; 48]);
            assert_eq!(identity.tcb_levels.iter().next().unwrap().isvsvn, svn);
        }
        assert_eq!(info.tdx_module_identity(2), None);
        let field = "tdxModuleIdentities.id";
        for id in ["", "TDX_", "TDX_1", "TDX_001", "TDX_xx", "SEV_01", "TD€_01"] {
            assert_eq!(
                wrong(&tdx(&identities(&[id]), &[tdx_tcb(7)])),
                field,
                "{id}"
            );
        }
        let twice = identities(&["TDX_0A", "TDX_0a"]);
        assert_eq!(wrong(&tdx(&twice, &[tdx_tcb(7)])), field);
        let none = wrong(&tdx(&identities(&[]), &[tdx_tcb(7)]));
        assert_eq!(none, "tdxModuleIdentities");
    }

    #[test]
    fn levels_fall_by_sgx_components_then_pcesvn_then_tdx_components() {
        let order = [(2, 0, 1), (1, 9, 9), (1, 9, 8), (1, 8, 9), (1, 8, 7)];
        let tcbs = order.map(|(sgx, pcesvn, tdx)| {
            let components = list(tdx, 0);
            format!(
                r#"{},"tdxtcbcomponents":{components}"#,
                sgx_tcb(sgx, 0, pcesvn)
            )
        });
        for turn in 0..tcbs.len() {
            let mut tcbs = tcbs.to_vec();
            tcbs.rotate_left(turn);
            let info = read(&tdx("", &tcbs)).unwrap();
            let read: Vec<(u8, u16, u8)> = info
                .tcb_levels
                .iter()
                .map(|l| (l.sgx_components[0], l.pcesvn, l.tdx_components.unwrap()[0]))
                .collect();
            assert_eq!(read, order);
        }
        let list = "tcbLevels";
        let twice = [sgx_tcb(1, 2, 3), sgx_tcb(1, 2, 3)];
        assert_eq!(
            read(&info(SGX, &twice)),
            Err(DocumentError::LevelRepeated { list })
        );
        assert_eq!(wrong(&info(SGX, &[])), list);
    }

    #[test]
    fn unknown_fields_are_told_from_every_depth() {
        for (known, place) in [
            (r#""version":3"#, "the document"),
            (r#""tcbDate":"2025-08-13T00:00:00Z""#, "a level"),
            (r#""pcesvn":3"#, "its TCB"),
            (r#"{"svn":7"#, "a component"),
            (r#""attributes":"0000000000000001""#, "a module"),
            (r#""id":"TDX_01""#, "an identity"),
            (r#""isvsvn":0"#, "its level"),
        ] {
            let text = tdx(&identities(&["TDX_01"]), &[tdx_tcb(7)]);
            assert!(text.contains(known));
            let text = text.replace(known, &format!(r#"{known},"new":{{}}"#));
            assert_eq!(read(&text).unwrap().unknown_fields, ["new"], "{place}");
        }
    }
}
