//! PCK certificates of one platform, as they arrive together.

use bulla_collateral::PckCa;
use bulla_pki::certificate::Certificate;
use bulla_pki::{Serial, Timestamp, TrustAnchor, TrustAnchors, Window};

use super::chain::{IssuerChain, check_time, read_certificates};
use super::{Refusal, RevocationList};
use crate::chain::Role;
use crate::finding::{Code, Findings, Stage};
use crate::issuance;
use crate::pck::read_platform;
use crate::verdict::PlatformFacts;

const LEAF: &str = "pck_certificate";

/// Of which platform certificates must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a caller can know")]
pub struct PckExpectation {
    /// Identity of its provisioning certification enclave.
    pub pce_id: [u8; 2],
    /// Its family; absent where nobody said.
    pub fmspc: Option<[u8; 6]>,
}

/// PCK certificates that hold, all of one platform.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PckArrival {
    /// What each certificate says of its TCB, in the order given.
    pub certificates: Vec<PckLeaf>,
    /// Platform provisioning id, 16 bytes. Personal to a machine.
    pub ppid: [u8; 16],
    /// The family, 6 bytes.
    pub fmspc: [u8; 6],
    /// Identity of its provisioning certification enclave, 2 bytes as in the certificate.
    pub pce_id: [u8; 2],
    /// Which CA issued them.
    pub ca: PckCa,
    /// The trust anchor that their chain ends in.
    pub anchor: TrustAnchor,
    /// The earliest end of a certificate or of its chain.
    pub until: Timestamp,
    /// PEM: the PCK CA first, the root last.
    pub issuer_chain: Vec<u8>,
    ca_key: [u8; 65],
}

impl PckArrival {
    /// Those that their CA has revoked by the CRL that `crl` was kept from; absent where that is
    /// the CRL of another CA, which says nothing of them.
    pub fn revoked_by(&self, crl: &RevocationList) -> Option<Vec<&PckLeaf>> {
        let is_revoked = |leaf: &&PckLeaf| crl.contains(leaf.serial);
        crl.is_of(&self.ca_key)
            .then(|| self.certificates.iter().filter(is_revoked).collect())
    }
}

/// One PCK certificate: the TCB that it is for, and what it is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PckLeaf {
    /// CPUSVN, 16 bytes, which are the SVNs of the 16 components.
    pub cpusvn: [u8; 16],
    /// SVN of the provisioning certification enclave.
    pub pcesvn: u16,
    /// Serial number, unique below its CA.
    pub serial: Serial,
    /// From when until when it is valid.
    pub window: Window,
}

/// A CA of PCK certificates, verified once for all the platforms that it has certified.
pub struct PckIssuer(IssuerChain);

impl PckIssuer {
    /// Checks the chain of a CA. `root_ca_crl` is as for [`receive`](super::receive).
    pub fn receive(
        issuer_chain: &[u8],
        anchors: &TrustAnchors,
        root_ca_crl: Option<&RevocationList>,
        at: Timestamp,
    ) -> Result<Self, Refusal> {
        let mut findings = Findings::new(Stage::PckChain);
        let chain = IssuerChain::of_pck_ca(issuer_chain, anchors, root_ca_crl, at, &mut findings);
        match chain {
            Some(chain) if !findings.failed() => Ok(Self(chain)),
            _ => Err(Refusal::new(findings)),
        }
    }

    /// Checks certificates that arrive as those of one platform, as [`receive_pck_certificates`] does.
    pub fn receive_certificates(
        &self,
        leaves: &[&[u8]],
        expectation: &PckExpectation,
        at: Timestamp,
    ) -> Result<PckArrival, Refusal> {
        let findings = Findings::new(Stage::PckChain);
        receive_leaves(&self.0, leaves, expectation, at, findings)
    }

    /// Whether a certificate, in PEM or DER, names this CA as its issuer. Nothing else of it is
    /// checked; `false` for what cannot be read.
    pub fn is_named_by(&self, leaf: &[u8]) -> bool {
        let mut unsaid = Findings::new(Stage::PckChain);
        let blocks = read_certificates(leaf, LEAF, 1, &mut unsaid);
        let der = blocks.and_then(|blocks| blocks.into_iter().next());
        der.is_some_and(|der| {
            let certificate = Certificate::parse(&der);
            certificate.is_ok_and(|leaf| leaf.issuer().der() == self.0.issuer().name)
        })
    }
}

/// Checks certificates that arrive as those of one platform.
///
/// `leaves` are in PEM or DER, each alone; at least one. `root_ca_crl` is as for
/// [`receive`](super::receive). One that its CA has revoked is kept: whoever verifies a quote must
/// learn it from the certificate. [`PckArrival::revoked_by`] tells which ones are.
pub fn receive_pck_certificates(
    leaves: &[&[u8]],
    issuer_chain: &[u8],
    anchors: &TrustAnchors,
    root_ca_crl: Option<&RevocationList>,
    expectation: &PckExpectation,
    at: Timestamp,
) -> Result<PckArrival, Refusal> {
    let mut findings = Findings::new(Stage::PckChain);
    let chain = IssuerChain::of_pck_ca(issuer_chain, anchors, root_ca_crl, at, &mut findings);
    match chain {
        Some(chain) => receive_leaves(&chain, leaves, expectation, at, findings),
        None => Err(Refusal::new(findings)),
    }
}

fn receive_leaves(
    chain: &IssuerChain,
    leaves: &[&[u8]],
    expectation: &PckExpectation,
    at: Timestamp,
    mut findings: Findings,
) -> Result<PckArrival, Refusal> {
    let mut read: Vec<(PlatformFacts, Serial, Window)> = Vec::with_capacity(leaves.len());
    let mut until = chain.until;
    for text in leaves {
        let blocks = read_certificates(text, LEAF, 1, &mut findings);
        let Some(der) = blocks.and_then(|blocks| blocks.into_iter().next()) else {
            continue;
        };
        let certificate = match Certificate::parse(&der) {
            Ok(certificate) => certificate,
            Err(error) => {
                let message = format!("A certificate cannot be read: {error}.");
                findings.fail(Code::CertificateMalformed, LEAF, message);
                continue;
            }
        };
        let anchor = Some(&chain.anchor);
        issuance::check_profile(&certificate, Role::PckLeaf, anchor, LEAF, &mut findings);
        issuance::check_issued(&certificate, &chain.issuer(), LEAF, &mut findings);
        check_time(&certificate, LEAF, at, &mut findings);
        let window = certificate.validity();
        until = until.min(window.until);
        let facts = read_platform(&certificate, chain.pck_ca, &mut findings);
        read.extend(facts.map(|facts| (facts, certificate.serial(), window)));
    }
    let Some((first, ..)) = read.first() else {
        // Those that cannot be read have failed already.
        if leaves.is_empty() {
            let message = "There is no certificate at all.";
            findings.fail(Code::CertificateMissing, LEAF, message);
        }
        return Err(Refusal::new(findings));
    };
    for (facts, ..) in &read {
        check_platform(first, facts, expectation, &mut findings);
    }
    if findings.failed() {
        return Err(Refusal::new(findings));
    }
    Ok(PckArrival {
        ppid: first.ppid,
        fmspc: first.fmspc,
        pce_id: first.pce_id,
        ca: first.ca,
        certificates: read
            .iter()
            .map(|(facts, serial, window)| PckLeaf {
                cpusvn: facts.components,
                pcesvn: facts.pcesvn,
                serial: *serial,
                window: *window,
            })
            .collect(),
        anchor: chain.anchor.clone(),
        until,
        issuer_chain: chain.pem.clone(),
        ca_key: chain.key_bytes,
    })
}

/// Whether a certificate is of the expected platform, and of the same one as the first. PPIDs are
/// personal to a machine, so a finding does not tell them.
fn check_platform(
    first: &PlatformFacts,
    facts: &PlatformFacts,
    expectation: &PckExpectation,
    findings: &mut Findings,
) {
    if facts.pce_id != expectation.pce_id {
        findings.differ(
            Code::PceIdMismatch,
            LEAF,
            "A certificate is for another provisioning certification enclave.",
            hex::encode_upper(expectation.pce_id),
            hex::encode_upper(facts.pce_id),
        );
    }
    let fmspc = expectation.fmspc.unwrap_or(first.fmspc);
    if facts.fmspc != fmspc {
        findings.differ(
            Code::FmspcMismatch,
            LEAF,
            "A certificate is for a platform of another family.",
            hex::encode_upper(fmspc),
            hex::encode_upper(facts.fmspc),
        );
    }
    if facts.ppid != first.ppid || facts.platform_instance_id != first.platform_instance_id {
        findings.fail(
            Code::PlatformsMixed,
            LEAF,
            "The certificates are of several platforms.",
        );
    }
}
