//! TCB info: which SVNs of a kind of platform mean which level of security (Intel: API of the
//! Provisioning Certification Service, versions 3 and 4).

use bulla_pki::Window;

use crate::json::Object;
use crate::level::{IsvLevelSpec, StatusSpec, midnight};
use crate::sgx_extension::SgxExtensionSpec;

/// `category` and `type` of the SGX components as the vendor words them; empty means absent.
const SGX_COMPONENTS: [(&str, &str); 8] = [
    ("BIOS", "Early Microcode Update"),
    ("OS/VMM", "SGX Late Microcode Update"),
    ("OS/VMM", "TXT SINIT"),
    ("BIOS", ""),
    ("BIOS", ""),
    ("BIOS", ""),
    ("", ""),
    ("OS/VMM", "SEAMLDR ACM"),
];

/// The same for the TDX components.
const TDX_COMPONENTS: [(&str, &str); 3] = [
    ("OS/VMM", "TDX Module"),
    ("OS/VMM", "TDX Module"),
    ("OS/VMM", "TDX Late Microcode Update"),
];

/// TCB info before it is signed; every field may be changed to something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbInfoSpec {
    /// `id`: `SGX` or `TDX`. Version 2 has no such field.
    pub id: String,
    /// `version`. 2 gives the form of the third web interface, any other number that of the fourth.
    pub version: u32,
    /// `issueDate` and `nextUpdate`.
    pub validity: Window,
    /// `fmspc`: the kind of platform.
    pub fmspc: [u8; 6],
    /// `pceId`.
    pub pceid: [u8; 2],
    /// `tcbType`: how levels are compared; 0 is the only way there is.
    pub tcb_type: u32,
    /// `tcbEvaluationDataNumber`: grows with each event after which levels were judged anew.
    pub evaluation_data_number: u32,
    /// `tdxModule`; absent for SGX.
    pub tdx_module: Option<TdxModuleSpec>,
    /// `tdxModuleIdentities`; absent for SGX and for platforms whose module has no major version.
    pub tdx_module_identities: Option<Vec<TdxModuleIdentitySpec>>,
    /// `tcbLevels`, in the order in which they are written.
    pub levels: Vec<TcbLevelSpec>,
}

/// What a TDX module must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxModuleSpec {
    /// `mrsigner`: SHA-384 of the module signer's key; zero stands for the vendor.
    pub mrsigner: [u8; 48],
    /// `attributes`, in the byte order of the report.
    pub attributes: [u8; 8],
    /// `attributesMask`: which bits of `attributes` count.
    pub attributes_mask: [u8; 8],
}

/// What a TDX module of one major version must be, and its levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxModuleIdentitySpec {
    /// `id`: `TDX_` and the major version in two hexadecimal digits.
    pub id: String,
    /// Signer and attributes.
    pub module: TdxModuleSpec,
    /// `tcbLevels`, in the order in which they are written.
    pub levels: Vec<IsvLevelSpec>,
}

/// One level of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbLevelSpec {
    /// SGX components; sixteen in a genuine document.
    pub sgx_components: Vec<ComponentSpec>,
    /// `pcesvn`.
    pub pcesvn: u32,
    /// TDX components, sixteen in a genuine document; absent for SGX.
    pub tdx_components: Option<Vec<ComponentSpec>>,
    /// What holds at this level.
    pub status: StatusSpec,
}

/// One component of a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentSpec {
    /// `svn`: at most 255 in a genuine document.
    pub svn: u32,
    /// `category`, for people to read.
    pub category: Option<String>,
    /// `type`, for people to read.
    pub kind: Option<String>,
}

impl TcbInfoSpec {
    /// TCB info of version 3 by which an SGX platform with these SVNs is up to date; one step
    /// below in the first component a platform is out of date.
    pub fn sgx(platform: &SgxExtensionSpec, validity: Window, evaluation_data_number: u32) -> Self {
        let date = midnight(validity.from);
        let level = TcbLevelSpec {
            sgx_components: components(&platform.component_svns, &SGX_COMPONENTS),
            pcesvn: platform.pcesvn,
            tdx_components: None,
            status: StatusSpec::up_to_date(date),
        };
        let mut levels = vec![level.clone()];
        let mut below = level;
        if let Some(first) = below
            .sgx_components
            .first_mut()
            .filter(|first| first.svn > 0)
        {
            first.svn -= 1;
            below.status = StatusSpec::out_of_date(date);
            levels.push(below);
        }
        Self {
            id: "SGX".to_owned(),
            version: 3,
            validity,
            fmspc: platform.fmspc,
            pceid: platform.pceid,
            tcb_type: 0,
            evaluation_data_number,
            tdx_module: None,
            tdx_module_identities: None,
            levels,
        }
    }

    /// TCB info by which a TDX platform is up to date that has these SVNs and `tee_tcb_svn`, the
    /// SVNs of the TDX components as a report gives them: byte 0 of the module, byte 1 its major
    /// version, byte 2 the microcode.
    ///
    /// Module identities stand in it for this major version and for the one two above.
    pub fn tdx(
        platform: &SgxExtensionSpec,
        tee_tcb_svn: [u8; 16],
        validity: Window,
        evaluation_data_number: u32,
    ) -> Self {
        let [module_svn, major_version, ..] = tee_tcb_svn;
        let mut spec = Self::sgx(platform, validity, evaluation_data_number);
        spec.id = "TDX".to_owned();
        spec.tdx_module = Some(TdxModuleSpec::of_the_vendor());
        spec.tdx_module_identities = Some(vec![
            TdxModuleIdentitySpec::of_the_vendor(
                major_version.wrapping_add(2),
                module_svn,
                validity,
            ),
            TdxModuleIdentitySpec::of_the_vendor(major_version, module_svn, validity),
        ]);
        // The module's own version is judged by its identity, so the levels leave it open.
        let mut svns = tee_tcb_svn.map(u32::from);
        svns[1] = 0;
        for level in &mut spec.levels {
            level.tdx_components = Some(components(&svns, &TDX_COMPONENTS));
        }
        spec
    }

    /// The body: one JSON object in the vendor's form, to be signed as it is.
    pub fn to_json(&self) -> String {
        let mut info = Object::new();
        if self.version != 2 {
            info = info.text("id", &self.id);
        }
        info = info
            .number("version", self.version)
            .text("issueDate", &self.validity.from.to_string())
            .text("nextUpdate", &self.validity.until.to_string())
            .hex("fmspc", &self.fmspc)
            .hex("pceId", &self.pceid)
            .number("tcbType", self.tcb_type)
            .number("tcbEvaluationDataNumber", self.evaluation_data_number);
        if let Some(module) = &self.tdx_module {
            info = info.json("tdxModule", &module.write(Object::new()).end());
        }
        if let Some(identities) = &self.tdx_module_identities {
            info = info.array(
                "tdxModuleIdentities",
                identities.iter().map(TdxModuleIdentitySpec::to_json),
            );
        }
        let levels = self.levels.iter().map(|level| match self.version {
            2 => level.to_json_v2(),
            _ => level.to_json_v3(),
        });
        info.array("tcbLevels", levels).end()
    }
}

impl TdxModuleSpec {
    /// A module in production, signed by the vendor: all zero, and all of it counts.
    pub fn of_the_vendor() -> Self {
        Self {
            mrsigner: [0; 48],
            attributes: [0; 8],
            attributes_mask: [0xff; 8],
        }
    }

    fn write(&self, object: Object) -> Object {
        object
            .hex("mrsigner", &self.mrsigner)
            .hex("attributes", &self.attributes)
            .hex("attributesMask", &self.attributes_mask)
    }
}

impl TdxModuleIdentitySpec {
    /// A module of the vendor that is up to date from `svn` on and out of date one below.
    pub fn of_the_vendor(major_version: u8, svn: u8, validity: Window) -> Self {
        Self {
            id: format!("TDX_{major_version:02X}"),
            module: TdxModuleSpec::of_the_vendor(),
            levels: IsvLevelSpec::up_to_date_from(svn.into(), validity),
        }
    }

    fn to_json(&self) -> String {
        self.module
            .write(Object::new().text("id", &self.id))
            .array("tcbLevels", self.levels.iter().map(IsvLevelSpec::to_json))
            .end()
    }
}

impl TcbLevelSpec {
    fn to_json_v3(&self) -> String {
        let list = |components: &[ComponentSpec]| -> Vec<String> {
            components.iter().map(ComponentSpec::to_json).collect()
        };
        let mut tcb = Object::new()
            .array("sgxtcbcomponents", list(&self.sgx_components))
            .number("pcesvn", self.pcesvn);
        if let Some(components) = &self.tdx_components {
            tcb = tcb.array("tdxtcbcomponents", list(components));
        }
        self.status
            .write(Object::new().json("tcb", &tcb.end()))
            .end()
    }

    /// Version 2 gives each component a field of its own and knows neither TDX nor advisories.
    fn to_json_v2(&self) -> String {
        let numbered = (1..).zip(&self.sgx_components);
        let tcb = numbered
            .fold(Object::new(), |tcb, (number, component): (u32, _)| {
                tcb.number(&format!("sgxtcbcomp{number:02}svn"), component.svn)
            })
            .number("pcesvn", self.pcesvn);
        self.status
            .write_without_advisories(Object::new().json("tcb", &tcb.end()))
            .end()
    }
}

impl ComponentSpec {
    fn to_json(&self) -> String {
        let mut component = Object::new().number("svn", self.svn);
        if let Some(category) = &self.category {
            component = component.text("category", category);
        }
        if let Some(kind) = &self.kind {
            component = component.text("type", kind);
        }
        component.end()
    }
}

/// Components with these SVNs and, as far as there are any, the vendor's words for them.
fn components(svns: &[u32], words: &[(&str, &str)]) -> Vec<ComponentSpec> {
    let present = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    let words = words.iter().copied().chain(std::iter::repeat(("", "")));
    svns.iter()
        .zip(words)
        .map(|(&svn, (category, kind))| ComponentSpec {
            svn,
            category: present(category),
            kind: present(kind),
        })
        .collect()
}
