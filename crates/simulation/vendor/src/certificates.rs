//! PCK certificates: one for each level of security that a platform can have.

use bulla_collateral::pck_selection;
use bulla_issuer::{PckCa, PlatformSpec, SgxExtensionSpec, SgxType, Vendor as Hierarchy, pem};
use bulla_pki::Timestamp;
use bulla_processor::PckTcb;

use crate::cadence;
use crate::levels::{Level, levels};
use crate::platform::{Platform, Registration};
use crate::tcb::{Part, Svns};
use crate::vendor::Vendor;

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
        let certificates = levels
            .iter()
            .map(|level| self.pck_certificate(&hierarchy, platform, level, at));
        PckCertificates {
            ca,
            fmspc: platform.fmspc,
            certificates: certificates.collect(),
            chain: pck_issuer_chain(&hierarchy, ca),
        }
    }

    /// PEM: the certificate of the CA that certifies platforms, then the root's, at `at`.
    pub(crate) fn pck_issuer_chain(&self, ca: PckCa, at: Timestamp) -> Vec<u8> {
        pck_issuer_chain(&self.hierarchy(at), ca)
    }

    /// The PCK certificate of a platform whose processor reports this TCB: that for the highest
    /// level it reaches. `None` where it reaches none.
    pub fn select_pck_certificate(
        &self,
        platform: &Platform,
        raw: PckTcb,
        at: Timestamp,
    ) -> Option<PckCertificate> {
        let hierarchy = self.hierarchy(at);
        let levels = self.pck_levels(at);
        // A certificate is issued for each level, so the two lists are one.
        let tcbs: Vec<_> = levels
            .iter()
            .map(|level| comparable(level.svns.pck()))
            .collect();
        let selected = pck_selection::select(&tcbs, &tcbs, &comparable(raw))?;
        let level = levels.get(selected)?;
        Some(self.pck_certificate(&hierarchy, platform, level, at))
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
    ) -> PckCertificate {
        let tcb = level.svns.pck();
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
        PckCertificate {
            tcb,
            der: spec.sign(&hierarchy.ca(platform.ca).key),
        }
    }

    /// Serial numbers of 20 octets, as in the vendor's certificates.
    fn pck_serial(&self, platform: &Platform, level: &Level) -> Vec<u8> {
        let PckTcb { cpusvn, pcesvn } = level.svns.pck();
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

fn comparable(tcb: PckTcb) -> pck_selection::PckTcb {
    pck_selection::PckTcb {
        components: tcb.cpusvn,
        pcesvn: tcb.pcesvn,
    }
}

/// PEM: the certificate of the CA, then the root's.
fn pck_issuer_chain(hierarchy: &Hierarchy, ca: PckCa) -> Vec<u8> {
    let certificate = hierarchy.ca_certificate(ca);
    pem::chain(&[&certificate, &hierarchy.root_certificate()])
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
