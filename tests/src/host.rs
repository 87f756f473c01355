//! A quoting host: what it tells a cache of its platform.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use bulla_pki::Timestamp;
use bulla_protocol::value::{CpuSvn, EncryptedPpid, PceId, PceSvn, PlatformManifest};
use bulla_store::fleet::{PlatformId, Registration};
use bulla_vendor::{PckCa, Vendor};
use serde_json::{Value, json};

use crate::site::platform;

/// A quoting host.
#[derive(Clone)]
pub struct Host {
    /// The name of its platform.
    pub qe_id: String,
    /// What its processor reports.
    pub cpu_svn: [u8; 16],
    /// What its certification enclave reports.
    pub pce_svn: u16,
    /// What the vendor knows it by.
    pub encrypted_ppid: [u8; 384],
    /// Absent for platforms of one package.
    pub manifest: Option<Vec<u8>>,
}

impl Host {
    /// The host on a platform, with what is installed at `at`.
    pub fn of(vendor: &Vendor, name: &str, at: Timestamp) -> Self {
        let platform = platform(vendor, name);
        let running = platform.start(at);
        let tcb = running.tcb().pck();
        let info = running.pce_info(&vendor.provisioning_key().public_key());
        let qe_id = bulla_pki::digest::sha256(name.as_bytes());
        Self {
            qe_id: hex::encode_upper(&qe_id[..16]),
            cpu_svn: tcb.cpusvn,
            pce_svn: tcb.pcesvn,
            encrypted_ppid: info.encrypted_ppid,
            manifest: (platform.ca() == PckCa::Platform)
                .then(|| vendor.manifest(platform).unwrap()),
        }
    }

    /// The name of its platform in the store.
    pub fn id(&self) -> PlatformId {
        PlatformId {
            qe_id: self.qe_id.clone(),
            pce_id: PceId([0; 2]),
        }
    }

    /// `GET` of its certificate, without its PPID.
    pub fn target(&self) -> String {
        format!(
            "/sgx/certification/v4/pckcert?qeid={}&cpusvn={}&pcesvn={}&pceid=0000",
            self.qe_id,
            hex::encode(self.cpu_svn),
            PceSvn(self.pce_svn),
        )
    }

    /// `GET` of its certificate, with its PPID.
    pub fn target_with_ppid(&self) -> String {
        let ppid = hex::encode(self.encrypted_ppid);
        format!("{}&encrypted_ppid={ppid}", self.target())
    }

    /// Body of its registration (`POST /platforms`); a manifest takes the place of all else.
    pub fn body(&self) -> Value {
        let mut body = json!({ "qe_id": self.qe_id, "pce_id": "0000" });
        match &self.manifest {
            Some(manifest) => body["platform_manifest"] = json!(hex::encode(manifest)),
            None => {
                body["cpu_svn"] = json!(hex::encode(self.cpu_svn));
                body["pce_svn"] = json!(PceSvn(self.pce_svn).to_string());
                body["enc_ppid"] = json!(hex::encode(self.encrypted_ppid));
            }
        }
        body
    }

    /// The same as the service takes it.
    pub fn registration(&self) -> Registration {
        let manifest = self.manifest.clone();
        let by_ppid = manifest.is_none();
        Registration {
            id: self.id(),
            cpu_svn: by_ppid.then_some(CpuSvn(self.cpu_svn)),
            pce_svn: by_ppid.then_some(PceSvn(self.pce_svn)),
            encrypted_ppid: by_ppid.then(|| Box::new(EncryptedPpid(self.encrypted_ppid))),
            manifest: manifest.map(|bytes| PlatformManifest::new(bytes).unwrap()),
        }
    }
}
