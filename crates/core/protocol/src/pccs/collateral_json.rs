//! Writing collateral as the body of `PUT /platformcollateral`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::pcs::certificates;
use crate::value::{Fmspc, Pem};

use super::collateral::{IDENTITIES, Key, TCB_INFOS, TCB_INFOS_V3};
use super::platform::Fields;
use super::{JsonObject, PlatformCertificates, PlatformCollateral, Version, write};

impl PlatformCollateral {
    /// The body, without blanks. What version 3 cannot say, everything about TDX among it, is left
    /// out there.
    pub fn write(&self, version: Version) -> Vec<u8> {
        write::json(&Body(self, version))
    }
}

impl PlatformCertificates {
    /// One by itself, as it stands in the list `pck_certs`, without blanks.
    pub fn write(&self) -> Vec<u8> {
        write::json(&PckCerts(self))
    }
}

struct Body<'a>(&'a PlatformCollateral, Version);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let platforms: Vec<Fields> = self.0.platforms.iter().map(Fields::of_listed).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("platforms", &platforms)?;
        map.serialize_entry("collaterals", &Collaterals(self.0, self.1))?;
        map.end()
    }
}

struct Collaterals<'a>(&'a PlatformCollateral, Version);

impl Serialize for Collaterals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(all, version) = *self;
        let mut map = serializer.serialize_map(None)?;
        if version == Version::V4 {
            map.serialize_entry("version", &4)?;
        }
        let certificates: Vec<_> = all.pck_certificates.iter().map(PckCerts).collect();
        map.serialize_entry("pck_certs", &certificates)?;
        map.serialize_entry("tcbinfos", &tcb_infos(all, version))?;
        let crls = [
            ("processorCrl", all.processor_crl.as_ref()),
            ("platformCrl", all.platform_crl.as_ref()),
        ];
        let crls = Present(crls.map(|(name, der)| (name, der.map(hex::encode))));
        map.serialize_entry("pckcacrl", &crls)?;
        for (name, enclave, update) in &IDENTITIES {
            let identity = all
                .identities
                .iter()
                .find(|identity| identity.enclave == *enclave && identity.update == *update);
            if let Some(identity) = identity {
                map.serialize_entry(name, identity.document.as_str())?;
            }
        }
        map.serialize_entry("certificates", &Chains(all, version))?;
        if let Some(uri) = &all.root_ca_crl_uri {
            map.serialize_entry("rootcacrl_cdp", uri)?;
        }
        if let Some(der) = &all.root_ca_crl {
            map.serialize_entry("rootcacrl", &hex::encode(der))?;
        }
        map.end()
    }
}

struct PckCerts<'a>(&'a PlatformCertificates);

impl Serialize for PckCerts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(platform) = self;
        let ppid = platform
            .encrypted_ppid
            .as_ref()
            .map(|ppid| ppid.to_string());
        let manifest = platform
            .manifest
            .as_ref()
            .map(|manifest| manifest.to_string());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("qe_id", platform.qe_id.as_str())?;
        map.serialize_entry("pce_id", &platform.pce_id.to_string())?;
        map.serialize_entry("enc_ppid", &ppid.unwrap_or_default())?;
        map.serialize_entry("platform_manifest", &manifest.unwrap_or_default())?;
        map.serialize_entry("certs", &certificates::List(&platform.certificates))?;
        map.end()
    }
}

/// The TCB infos of one family.
struct TcbInfos<'a>(Fmspc, Vec<(&'static str, &'a JsonObject)>);

impl Serialize for TcbInfos<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("fmspc", &self.0.to_string())?;
        for (name, document) in &self.1 {
            map.serialize_entry(name, document)?;
        }
        map.end()
    }
}

/// By family, in the order of their first documents.
fn tcb_infos(all: &PlatformCollateral, version: Version) -> Vec<TcbInfos<'_>> {
    let keys: &[Key<_>] = match version {
        Version::V3 => &TCB_INFOS_V3,
        Version::V4 => &TCB_INFOS,
    };
    let mut families: Vec<TcbInfos<'_>> = Vec::new();
    for info in &all.tcb_infos {
        let key = keys
            .iter()
            .find(|(_, tee, update)| *tee == info.tee && *update == info.update);
        let Some((name, ..)) = key else { continue };
        let free = |family: &&mut TcbInfos<'_>| {
            family.0 == info.fmspc && family.1.iter().all(|(other, _)| other != name)
        };
        match families.iter_mut().find(free) {
            Some(family) => family.1.push((name, &info.document)),
            None => families.push(TcbInfos(info.fmspc, vec![(name, &info.document)])),
        }
    }
    families
}

struct Chains<'a>(&'a PlatformCollateral, Version);

impl Serialize for Chains<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(all, version) = *self;
        let encoded = |chain: &Option<Pem>| chain.as_ref().map(Pem::encoded);
        let tcb_info = match version {
            Version::V3 => "SGX-TCB-Info-Issuer-Chain",
            Version::V4 => "TCB-Info-Issuer-Chain",
        };
        let pck = Present([
            ("PROCESSOR", encoded(&all.processor_chain)),
            ("PLATFORM", encoded(&all.platform_chain)),
        ]);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("SGX-PCK-Certificate-Issuer-Chain", &pck)?;
        for (name, chain) in [
            (tcb_info, &all.tcb_info_chain),
            ("SGX-Enclave-Identity-Issuer-Chain", &all.identity_chain),
        ] {
            if let Some(chain) = encoded(chain) {
                map.serialize_entry(name, &chain)?;
            }
        }
        map.end()
    }
}

/// An object of those texts that are there.
struct Present([(&'static str, Option<String>); 2]);

impl Serialize for Present {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let there = self.0.iter();
        serializer.collect_map(there.filter_map(|(name, text)| Some((name, text.as_ref()?))))
    }
}
