//! The platforms, their certificates, what they reported, and who waits to be registered.

mod debug;

use bulla_collateral::PckCa;
use bulla_pki::Timestamp;
use bulla_protocol::value::{CpuSvn, EncryptedPpid, Fmspc, PceId, PceSvn, PlatformManifest, Tcbm};

use crate::{AnchorId, Result};

/// How clients name a platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformId {
    /// The quoting enclave's id for the platform, as clients send it, in upper case: text of 1 to
    /// 260 characters, mostly 32 hexadecimal digits.
    pub qe_id: String,
    /// Identity of the provisioning certification enclave.
    pub pce_id: PceId,
}

/// A platform as it was registered. The encrypted PPID and the manifest are personal to a machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Platform {
    /// Its name.
    pub id: PlatformId,
    /// Absent where it registered with a manifest alone.
    pub encrypted_ppid: Option<Box<EncryptedPpid>>,
    /// Absent for platforms of a single package.
    pub manifest: Option<PlatformManifest>,
    /// The family; absent until its certificates are there.
    pub fmspc: Option<Fmspc>,
    /// Which CA certifies it; absent until its certificates are there.
    pub ca: Option<PckCa>,
    /// When it was first seen.
    pub registered: Timestamp,
}

/// All PCK certificates of a platform, in one answer of the vendor. Each holds its PPID.
#[derive(Clone, PartialEq, Eq)]
pub struct PckCertificates {
    /// One for each TCB that the vendor certifies: the TCB and the certificate in PEM.
    pub certificates: Vec<(Tcbm, Vec<u8>)>,
    /// TCBs for which the vendor has none (`Not available`).
    pub not_available: Vec<Tcbm>,
    /// PEM: the PCK CA and the root.
    pub issuer_chain: Vec<u8>,
    /// The family of the platform.
    pub fmspc: Fmspc,
    /// Which CA certified it.
    pub ca: PckCa,
    /// When they arrived.
    pub arrived: Timestamp,
    /// Where they came from, for people.
    pub source: String,
}

/// A TCB that a platform reported, and the certificate that is for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawTcb {
    /// CPUSVN as the processor reports it.
    pub cpu_svn: CpuSvn,
    /// SVN of the provisioning certification enclave.
    pub pce_svn: PceSvn,
    /// The certificate that was selected; absent where none is for it.
    pub selected: Option<Tcbm>,
}

/// A platform, and every TCB that it reported with what was selected for it.
#[derive(Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a platform without its certificates"
)]
pub struct KnownPlatform {
    /// The platform.
    pub platform: Platform,
    /// What it reported, in the order of the TCBs.
    pub raw_tcbs: Vec<RawTcb>,
}

/// A platform with its certificates, and every TCB that it reported with what was selected for it.
#[derive(Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever brings a platform brings all of it"
)]
pub struct CertifiedPlatform {
    /// The platform, with the family and the CA of its certificates.
    pub platform: Platform,
    /// Its certificates.
    pub certificates: PckCertificates,
    /// What it reported.
    pub raw_tcbs: Vec<RawTcb>,
}

/// What is served for a platform and a TCB. The certificate holds the platform's PPID.
#[derive(Clone, PartialEq, Eq)]
pub struct PckAnswer {
    /// The certificate in PEM.
    pub certificate: Vec<u8>,
    /// Its TCB.
    pub tcbm: Tcbm,
    /// The family of the platform.
    pub fmspc: Fmspc,
    /// Which CA certified it.
    pub ca: PckCa,
    /// PEM: the PCK CA and the root.
    pub issuer_chain: Vec<u8>,
}

/// The last quote of a platform: what is known of its state.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Platform provisioning id, 16 bytes. Personal to a machine.
    pub ppid: [u8; 16],
    /// Identity of the provisioning certification enclave.
    pub pce_id: PceId,
    /// The QE-ID in the quote's header, 16 bytes.
    pub qe_id: [u8; 16],
    /// The family of the platform.
    pub fmspc: Fmspc,
    /// `sgx` or `tdx`.
    pub tee: String,
    /// The quote, in binary.
    pub quote: Vec<u8>,
    /// When it arrived.
    pub arrived: Timestamp,
    /// The vendor's word for the level that was reached under the collateral of that moment.
    pub tcb_status: String,
}

/// A platform that waits for somebody to fetch its certificates outside.
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its name.
    pub id: PlatformId,
    /// What it reported; absent where it came with a manifest.
    pub cpu_svn: Option<CpuSvn>,
    /// What it reported; absent where it came with a manifest.
    pub pce_svn: Option<PceSvn>,
    /// Absent where it came with a manifest.
    pub encrypted_ppid: Option<Box<EncryptedPpid>>,
    /// Absent for platforms of a single package.
    pub manifest: Option<PlatformManifest>,
}

/// Where a registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegistrationState {
    /// Nobody has taken it.
    New,
    /// The vendor had no certificates for some TCBs.
    NotAvailable,
}

/// What becomes of a platform's registrations once it has certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever keeps some knows which")]
pub enum Waiting {
    /// They are acknowledged, as by [`Fleet::acknowledge`].
    Ends,
    /// They stay: whoever registered is not served yet.
    GoesOn,
}

/// The fleet.
pub trait Fleet {
    /// Keeps a platform, in place of what was known by its name; `registered` stays the first, and
    /// its certificates and TCBs stay.
    fn put_platform(&self, anchor: AnchorId, platform: &Platform) -> Result<()>;

    /// One platform; absent where there is none of this name.
    fn platform(&self, anchor: AnchorId, id: &PlatformId) -> Result<Option<Platform>>;

    /// What is known of each of these platforms, in their order; absent where there is none of its
    /// name.
    fn known_platforms(
        &self,
        anchor: AnchorId,
        ids: &[PlatformId],
    ) -> Result<Vec<Option<KnownPlatform>>>;

    /// Platforms in the order of their names, behind `after`, at most `limit`; with an FMSPC,
    /// those of that family.
    fn platforms(
        &self,
        anchor: AnchorId,
        fmspc: Option<Fmspc>,
        after: Option<&PlatformId>,
        limit: usize,
    ) -> Result<Vec<Platform>>;

    /// Platforms of which there is no evidence of any technology, in the order of their names, behind
    /// `after`, at most `limit`.
    fn platforms_without_evidence(
        &self,
        anchor: AnchorId,
        after: Option<&PlatformId>,
        limit: usize,
    ) -> Result<Vec<Platform>>;

    /// Platforms of a family whose certificates arrived before an instant and can be asked for
    /// again, by PPID or manifest; those of the longest ago first, at most `limit`.
    fn platforms_certified_before(
        &self,
        anchor: AnchorId,
        fmspc: Fmspc,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Platform>>;

    /// How many platforms there are.
    fn platform_count(&self, anchor: AnchorId) -> Result<u64>;

    /// The families of all platforms, each once.
    fn families(&self, anchor: AnchorId) -> Result<Vec<Fmspc>>;

    /// Removes a platform with its certificates, TCBs and registrations, and the evidence whose
    /// QE-ID is its name; `false` where there is no platform of this name. Registrations and evidence
    /// under the name go in any case.
    fn remove_platform(&self, anchor: AnchorId, id: &PlatformId) -> Result<bool>;

    /// Keeps a platform's certificates, in place of those before, and what was selected anew for
    /// each of its raw TCBs, in one transaction. The platform must be there; it gets the family and
    /// the CA of its certificates. What was selected for TCBs that are not given stays.
    fn put_pck_certificates(
        &self,
        anchor: AnchorId,
        id: &PlatformId,
        certificates: &PckCertificates,
        raw_tcbs: &[RawTcb],
    ) -> Result<()>;

    /// Keeps many platforms in one transaction, each as [`Self::put_platform`],
    /// [`Self::put_pck_certificates`] and, where waiting ends, [`Self::acknowledge`] with the platform's
    /// manifest do one after the other.
    fn put_certified(
        &self,
        anchor: AnchorId,
        platforms: &[CertifiedPlatform],
        waiting: Waiting,
    ) -> Result<()>;

    /// A platform's certificates; absent where there are none.
    fn pck_certificates(
        &self,
        anchor: AnchorId,
        id: &PlatformId,
    ) -> Result<Option<PckCertificates>>;

    /// What a platform reported, in the order of the TCBs.
    fn raw_tcbs(&self, anchor: AnchorId, id: &PlatformId) -> Result<Vec<RawTcb>>;

    /// Keeps what a platform reported, in place of what was selected for the same TCB before. The
    /// platform must be there.
    fn put_raw_tcb(&self, anchor: AnchorId, id: &PlatformId, tcb: &RawTcb) -> Result<()>;

    /// The certificate that was selected for a platform and TCB; absent where none was. This is
    /// asked with every request of a quoting host, so it is answered without a lock on writers.
    fn pck_answer(
        &self,
        anchor: AnchorId,
        id: &PlatformId,
        cpu_svn: CpuSvn,
        pce_svn: PceSvn,
    ) -> Result<Option<PckAnswer>>;

    /// Keeps evidence as the last of its platform and technology, unless there is a later one.
    fn put_evidence(&self, anchor: AnchorId, evidence: &Evidence) -> Result<()>;

    /// The last evidence of one platform and technology; absent where there is none.
    fn last_evidence(
        &self,
        anchor: AnchorId,
        ppid: &[u8; 16],
        tee: &str,
    ) -> Result<Option<Evidence>>;

    /// The last evidence under a QE-ID, in the order of PPIDs and technologies: mostly one, as a quoting
    /// enclave has an id of its own on each platform. All evidence is looked through.
    fn evidence_under(&self, anchor: AnchorId, qe_id: &[u8; 16]) -> Result<Vec<Evidence>>;

    /// The last evidence of each platform and technology, in the order of their names, behind
    /// `after` (PPID and technology), at most `limit`.
    fn evidence(
        &self,
        anchor: AnchorId,
        after: Option<(&[u8; 16], &str)>,
        limit: usize,
    ) -> Result<Vec<Evidence>>;

    /// Queues a platform, once for each TCB that it reports (or for none): a registration that is
    /// there already gets what this one says, and is leased no longer if its state changes.
    fn enqueue(
        &self,
        anchor: AnchorId,
        registration: &Registration,
        state: RegistrationState,
        at: Timestamp,
    ) -> Result<()>;

    /// Hands out all registrations in a state, those first that were queued first, and none of
    /// them again before `until`: whoever takes them has that long to bring certificates, or they are handed out anew.
    fn lease(
        &self,
        anchor: AnchorId,
        state: RegistrationState,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Registration>>;

    /// The last registration of a platform that waits and can be asked about, by PPID or manifest;
    /// absent where there is none.
    fn waiting(&self, anchor: AnchorId, id: &PlatformId) -> Result<Option<Registration>>;

    /// Platforms that wait in a state, are not leased and can be asked about, by PPID or manifest: the
    /// last registration of each, those first that were queued first, at most `limit`.
    fn all_waiting(
        &self,
        anchor: AnchorId,
        state: RegistrationState,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Registration>>;

    /// Removes registrations of a platform from the queue: it has certificates for this manifest. One with
    /// another manifest waits on, as the machine has changed since those were asked for. Absent
    /// where it is not told by what they were asked for, and then all of them go.
    fn acknowledge(
        &self,
        anchor: AnchorId,
        id: &PlatformId,
        manifest: Option<&PlatformManifest>,
    ) -> Result<()>;

    /// How many registrations wait, leased ones included.
    fn queue_length(&self, anchor: AnchorId) -> Result<u64>;
}
