//! PCK certificates: one for each level of security that a platform can have.

use bulla_issuer::{
    CertificateSpec, PckCa, PlatformSpec, SgxExtensionSpec, SgxType, Vendor as Hierarchy, pem,
};
use bulla_pki::Timestamp;

use crate::cadence;
use crate::levels::{Level, levels};
use crate::platform::{Platform, Registration};
use crate::selection;
use crate::tcb::{Part, Svns};
use crate::vendor::Vendor;

/// What a PCK certificate is for: a TCB of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PckTcb {
    /// SVNs of the sixteen components, which are also the bytes of CPUSVN.
    pub cpusvn: [u8; 16],
    /// SVN of the provisioning certification enclave.
    pub pcesvn: u16,
}

/// A PCK certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PckCertificate {
    /// What it is for.
    pub tcb: PckTcb,
    /// The certificate, DER.
    pub der: Vec<u8>,
}

/// The PCK certificates of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PckCertificates {
    /// Which CA issued them.
    pub ca: PckCa,
    /// Kind of the platform.
    pub fmspc: [u8; 6],
    /// PEM: the CA's certificate, then the root's.
    pub chain: Vec<u8>,
    /// One for each level disclosed, newest first; never none.
    pub certificates: Vec<PckCertificate>,
}

impl From<&Svns> for PckTcb {
    fn from(svns: &Svns) -> Self {
        Self {
            cpusvn: svns.components,
            pcesvn: svns.pce,
        }
    }
}

impl PckCertificate {
    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        pem::block("CERTIFICATE", &self.der)
    }
}

impl Vendor {
    /// The PCK certificates of a platform, as issued at `at`: for every level disclosed until
    /// then, also those above what the platform has installed.
    pub fn pck_certificates(&self, platform: &Platform, at: Timestamp) -> PckCertificates {
        let hierarchy = self.hierarchy(at);
        let ca = platform.ca;
        let levels = self.pck_levels(at);
        let certificates = levels.iter().map(|level| PckCertificate {
            tcb: PckTcb::from(&level.svns),
            der: self
                .pck_certificate(&hierarchy, platform, level, at)
                .sign(&hierarchy.ca(ca).key),
        });
        PckCertificates {
            ca,
            fmspc: platform.fmspc,
            certificates: certificates.collect(),
            chain: pem::chain(&[&hierarchy.ca_certificate(ca), &hierarchy.root_certificate()]),
        }
    }

    /// The PCK certificate of a platform whose processor reports this TCB: that for the highest
    /// level it reaches. `None` where it reaches none.
    pub fn select_pck_certificate(
        &self,
        platform: &Platform,
        raw: PckTcb,
        at: Timestamp,
    ) -> Option<PckCertificate> {
        let mut issued = self.pck_certificates(platform, at).certificates;
        let levels: Vec<PckTcb> = self
            .pck_levels(at)
            .iter()
            .map(|l| (&l.svns).into())
            .collect();
        let tcbs: Vec<PckTcb> = issued.iter().map(|certificate| certificate.tcb).collect();
        let index = selection::select(&levels, &tcbs, raw)?;
        Some(issued.swap_remove(index))
    }

    /// The serial numbers of every certificate of the platform until `at`.
    pub(crate) fn pck_serials(&self, platform: &Platform, at: Timestamp) -> Vec<Vec<u8>> {
        let levels = self.pck_levels(at);
        levels
            .iter()
            .map(|level| self.pck_serial(platform, level))
            .collect()
    }

    /// The levels that TCB info for SGX tells apart, of the newest number.
    fn pck_levels(&self, at: Timestamp) -> Vec<Level> {
        levels(
            &self.history,
            self.history.newest(at),
            Part::of_sgx_platforms(),
        )
    }

    fn pck_certificate(
        &self,
        hierarchy: &Hierarchy,
        platform: &Platform,
        level: &Level,
        at: Timestamp,
    ) -> CertificateSpec {
        let tcb = PckTcb::from(&level.svns);
        let key = platform.fuses.pck_key(tcb.cpusvn, tcb.pcesvn);
        let window = cadence::certificate(platform.made.max(level.disclosed), at);
        let mut spec = hierarchy.pck_certificate(platform.ca, &key, window);
        spec.serial = self.pck_serial(platform, level);
        let extension = SgxExtensionSpec {
            ppid: platform.ppid(),
            sgx_type: match platform.ca {
                PckCa::Processor => SgxType::Standard,
                PckCa::Platform => SgxType::Scalable,
            },
            platform: (platform.ca == PckCa::Platform).then(|| PlatformSpec {
                platform_instance_id: platform.platform_instance_id,
                dynamic_platform: true,
                cached_keys: platform.registration(at) == Some(Registration::Direct),
                smt_enabled: true,
            }),
            ..sgx_extension(platform.fmspc, &level.svns)
        };
        spec.extensions.set(extension.extension());
        spec
    }

    /// Serial numbers of 20 octets, as in the vendor's certificates.
    fn pck_serial(&self, platform: &Platform, level: &Level) -> Vec<u8> {
        let PckTcb { cpusvn, pcesvn } = (&level.svns).into();
        let label = format!(
            "pck serial {} {} {pcesvn}",
            platform.name,
            hex::encode(cpusvn)
        );
        // Twenty octets with the highest bit clear, so that the INTEGER has no more (RFC 5280,
        // section 4.1.2.2).
        let mut serial: [u8; 20] = self.seed.bytes(&label);
        serial[0] = serial[0] & 0x7f | 0x40;
        serial.to_vec()
    }
}

/// What certificates say of any platform of this kind with these SVNs.
pub(crate) fn sgx_extension(fmspc: [u8; 6], svns: &Svns) -> SgxExtensionSpec {
    SgxExtensionSpec {
        ppid: [0; 16],
        component_svns: svns.components.map(u32::from).to_vec(),
        pcesvn: svns.pce.into(),
        cpusvn: svns.components,
        pceid: [0; 2],
        fmspc,
        sgx_type: SgxType::Standard,
        platform: None,
    }
}
