//! The body of `PUT /platformcollateral`: what was fetched where there is a network, for a cache
//! where there is none.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::pcs::{Enclave, PckCertificateEntry, Tee, certificates};
use crate::value::{EncryptedPpid, Fmspc, PceId, Pem, PlatformManifest, ValueError};

use super::platform::{Fields, invalid, present, read};
use super::{JsonObject, ListedPlatform, QeId, Refusal, Version};

/// Under which name the vendor gave out a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum Update {
    /// `update=standard`.
    Standard,
    /// `update=early`.
    Early,
}

/// The PCK certificates of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the interface has these fields")]
pub struct PlatformCertificates {
    /// Name of the platform.
    pub qe_id: QeId<'static>,
    /// Identity of its provisioning certification enclave.
    pub pce_id: PceId,
    /// Its encrypted PPID; absent where it is known by its manifest alone.
    pub encrypted_ppid: Option<Box<EncryptedPpid>>,
    /// Its manifest; absent for most platforms.
    pub manifest: Option<PlatformManifest>,
    /// One entry for each TCB, at least one.
    pub certificates: Vec<PckCertificateEntry>,
}

/// TCB info with its signature around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the interface has these fields")]
pub struct TcbInfoDocument {
    /// For which technology.
    pub tee: Tee,
    /// The family, as the body names it beside the document.
    pub fmspc: Fmspc,
    /// Under which name the vendor gave it out.
    pub update: Update,
    /// The document as the body has it, but for blanks between its tokens: the vendor signs the
    /// text without any.
    pub document: JsonObject,
}

/// An enclave's identity with its signature around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the interface has these fields")]
pub struct IdentityDocument {
    /// Of which enclave.
    pub enclave: Enclave,
    /// Under which name the vendor gave it out.
    pub update: Update,
    /// The document, byte for byte as the body has it.
    pub document: JsonObject,
}

/// Collateral to be imported. Nothing in it is checked but its form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the interface has these fields")]
pub struct PlatformCollateral {
    /// Platforms whose certificates shall be selected.
    pub platforms: Vec<ListedPlatform>,
    /// Certificates by platform.
    pub pck_certificates: Vec<PlatformCertificates>,
    /// TCB infos.
    pub tcb_infos: Vec<TcbInfoDocument>,
    /// Identities.
    pub identities: Vec<IdentityDocument>,
    /// CRL of the Processor CA, DER.
    pub processor_crl: Option<Vec<u8>>,
    /// CRL of the Platform CA, DER.
    pub platform_crl: Option<Vec<u8>>,
    /// CRL of the root, DER.
    pub root_ca_crl: Option<Vec<u8>>,
    /// Where that one was fetched.
    pub root_ca_crl_uri: Option<String>,
    /// The Processor CA and the root.
    pub processor_chain: Option<Pem>,
    /// The Platform CA and the root.
    pub platform_chain: Option<Pem>,
    /// The signer of the TCB infos and the root.
    pub tcb_info_chain: Option<Pem>,
    /// The signer of the identities and the root.
    pub identity_chain: Option<Pem>,
}

/// A key and what it means.
pub(super) type Key<T> = (&'static str, T, Update);

/// The keys of TCB infos in version 4.
pub(super) const TCB_INFOS: [Key<Tee>; 4] = [
    ("sgx_tcbinfo", Tee::Sgx, Update::Standard),
    ("tdx_tcbinfo", Tee::Tdx, Update::Standard),
    ("sgx_tcbinfo_early", Tee::Sgx, Update::Early),
    ("tdx_tcbinfo_early", Tee::Tdx, Update::Early),
];

/// The same in version 3.
pub(super) const TCB_INFOS_V3: [Key<Tee>; 2] = [
    ("tcbinfo", Tee::Sgx, Update::Standard),
    ("tcbinfo_early", Tee::Sgx, Update::Early),
];

/// The keys of identities.
pub(super) const IDENTITIES: [Key<Enclave>; 6] = [
    ("qeidentity", Enclave::SgxQe, Update::Standard),
    ("qeidentity_early", Enclave::SgxQe, Update::Early),
    ("tdqeidentity", Enclave::TdxQe, Update::Standard),
    ("tdqeidentity_early", Enclave::TdxQe, Update::Early),
    ("qveidentity", Enclave::SgxQve, Update::Standard),
    ("qveidentity_early", Enclave::SgxQve, Update::Early),
];

#[derive(Deserialize)]
struct Body<'a> {
    platforms: Vec<Fields>,
    #[serde(borrow)]
    collaterals: Collaterals<'a>,
}

#[derive(Deserialize)]
struct Collaterals<'a> {
    version: Option<u64>,
    #[serde(borrow)]
    pck_certs: Vec<PckCerts<'a>>,
    #[serde(borrow)]
    tcbinfos: Vec<TcbInfos<'a>>,
    pckcacrl: Option<PckCrls>,
    qeidentity: Option<String>,
    qeidentity_early: Option<String>,
    tdqeidentity: Option<String>,
    tdqeidentity_early: Option<String>,
    qveidentity: Option<String>,
    qveidentity_early: Option<String>,
    certificates: Chains,
    rootcacrl_cdp: Option<String>,
    rootcacrl: Option<String>,
}

#[derive(Deserialize)]
struct PckCerts<'a> {
    qe_id: String,
    pce_id: String,
    enc_ppid: Option<String>,
    platform_manifest: Option<String>,
    #[serde(borrow)]
    certs: Vec<certificates::Entry<'a>>,
}

#[derive(Deserialize)]
struct TcbInfos<'a> {
    fmspc: String,
    #[serde(borrow)]
    sgx_tcbinfo: Option<&'a RawValue>,
    #[serde(borrow)]
    tdx_tcbinfo: Option<&'a RawValue>,
    #[serde(borrow)]
    sgx_tcbinfo_early: Option<&'a RawValue>,
    #[serde(borrow)]
    tdx_tcbinfo_early: Option<&'a RawValue>,
    #[serde(borrow)]
    tcbinfo: Option<&'a RawValue>,
    #[serde(borrow)]
    tcbinfo_early: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PckCrls {
    #[serde(rename = "processorCrl")]
    processor: Option<String>,
    #[serde(rename = "platformCrl")]
    platform: Option<String>,
}

#[derive(Deserialize)]
struct Chains {
    #[serde(rename = "SGX-PCK-Certificate-Issuer-Chain")]
    pck: PckChains,
    #[serde(rename = "TCB-Info-Issuer-Chain")]
    tcb_info: Option<String>,
    #[serde(rename = "SGX-TCB-Info-Issuer-Chain")]
    tcb_info_v3: Option<String>,
    #[serde(rename = "SGX-Enclave-Identity-Issuer-Chain")]
    identity: Option<String>,
}

#[derive(Deserialize)]
struct PckChains {
    #[serde(rename = "PROCESSOR")]
    processor: Option<String>,
    #[serde(rename = "PLATFORM")]
    platform: Option<String>,
}

impl PlatformCollateral {
    /// Reads the body as a version of the interface has it.
    pub fn read(version: Version, body: &[u8]) -> Result<Self, Refusal> {
        let Body {
            platforms,
            collaterals: wire,
        } = super::read::json(body)?;
        if version == Version::V4 && wire.version != Some(4) {
            return Err(Refusal::invalid("version in the body is not 4"));
        }
        let crls = wire.pckcacrl.as_ref();
        let chains = &wire.certificates;
        let tcb_info_chain = match version {
            Version::V3 => &chains.tcb_info_v3,
            Version::V4 => &chains.tcb_info,
        };
        Ok(Self {
            platforms: platforms
                .iter()
                .map(Fields::listed)
                .collect::<Result<_, _>>()?,
            pck_certificates: wire
                .pck_certs
                .into_iter()
                .map(PckCerts::typed)
                .collect::<Result<_, _>>()?,
            tcb_infos: tcb_infos(version, &wire.tcbinfos)?,
            processor_crl: der(
                "processorCrl",
                crls.and_then(|crls| crls.processor.as_ref()),
            )?,
            platform_crl: der("platformCrl", crls.and_then(|crls| crls.platform.as_ref()))?,
            root_ca_crl: der("rootcacrl", wire.rootcacrl.as_ref())?,
            processor_chain: chain("PROCESSOR", chains.pck.processor.as_ref())?,
            platform_chain: chain("PLATFORM", chains.pck.platform.as_ref())?,
            tcb_info_chain: chain("TCB-Info-Issuer-Chain", tcb_info_chain.as_ref())?,
            identity_chain: chain(
                "SGX-Enclave-Identity-Issuer-Chain",
                chains.identity.as_ref(),
            )?,
            identities: identities([
                wire.qeidentity,
                wire.qeidentity_early,
                wire.tdqeidentity,
                wire.tdqeidentity_early,
                wire.qveidentity,
                wire.qveidentity_early,
            ])?,
            root_ca_crl_uri: wire.rootcacrl_cdp.filter(|text| !text.is_empty()),
        })
    }
}

impl PlatformCertificates {
    /// Reads one by itself, as it stands in the list `pck_certs`.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        super::read::json::<PckCerts<'_>>(body)?.typed()
    }
}

impl PckCerts<'_> {
    fn typed(self) -> Result<PlatformCertificates, Refusal> {
        let certificates =
            certificates::typed(self.certs).map_err(|problem| invalid("certs", &problem))?;
        if certificates.is_empty() {
            return Err(Refusal::invalid("certs in the body is empty"));
        }
        Ok(PlatformCertificates {
            qe_id: QeId::new(self.qe_id).map_err(|problem| invalid("qe_id", &problem))?,
            pce_id: read("pce_id", &self.pce_id)?,
            encrypted_ppid: present("enc_ppid", self.enc_ppid.as_ref())?.map(Box::new),
            manifest: present("platform_manifest", self.platform_manifest.as_ref())?,
            certificates,
        })
    }
}

fn tcb_infos(version: Version, list: &[TcbInfos<'_>]) -> Result<Vec<TcbInfoDocument>, Refusal> {
    let mut all = Vec::new();
    for wire in list {
        let fmspc: Fmspc = read("fmspc", &wire.fmspc)?;
        let of_version_3 = [wire.tcbinfo, wire.tcbinfo_early];
        let of_version_4 = [
            wire.sgx_tcbinfo,
            wire.tdx_tcbinfo,
            wire.sgx_tcbinfo_early,
            wire.tdx_tcbinfo_early,
        ];
        let (keys, values): (&[Key<Tee>], &[Option<&RawValue>]) = match version {
            Version::V3 => (&TCB_INFOS_V3, &of_version_3),
            Version::V4 => (&TCB_INFOS, &of_version_4),
        };
        for ((name, tee, update), raw) in keys.iter().zip(values) {
            let Some(raw) = raw else { continue };
            let document = JsonObject::new(raw.get()).map_err(|problem| invalid(name, &problem))?;
            all.push(TcbInfoDocument {
                tee: *tee,
                fmspc,
                update: *update,
                document: document.compact(),
            });
        }
    }
    Ok(all)
}

fn identities(texts: [Option<String>; 6]) -> Result<Vec<IdentityDocument>, Refusal> {
    let given = IDENTITIES
        .iter()
        .zip(texts)
        .filter_map(|(key, text)| Some((key, text.filter(|text| !text.is_empty())?)));
    given
        .map(|((name, enclave, update), text)| {
            Ok(IdentityDocument {
                enclave: *enclave,
                update: *update,
                document: JsonObject::new(text).map_err(|problem| invalid(name, &problem))?,
            })
        })
        .collect()
}

fn der(name: &str, digits: Option<&String>) -> Result<Option<Vec<u8>>, Refusal> {
    digits
        .filter(|digits| !digits.is_empty())
        .map(|digits| hex::decode(digits).map_err(|_| invalid(name, &ValueError::Digits)))
        .transpose()
}

fn chain(name: &str, text: Option<&String>) -> Result<Option<Pem>, Refusal> {
    text.filter(|text| !text.is_empty())
        .map(|text| Pem::decode(text).map_err(|problem| invalid(name, &problem)))
        .transpose()
}
