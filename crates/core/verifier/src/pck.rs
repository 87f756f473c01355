//! The platform behind a quote: its PCK chain, and the quoting enclave that the PCK key vouches for.

use bulla_collateral::PckCa;
use bulla_evidence::{AuthData, CertificationData};
use bulla_pki::certificate::Certificate;
use bulla_pki::digest::sha256_of;
use bulla_pki::{PublicKey, Serial, SgxExtension, Signature};
use zerocopy::IntoBytes;

use crate::chain::{Chain, ChainDer, ChainNames, Checked, CheckedCertificate, Link, Role, Shape};
use crate::document;
use crate::finding::{Code, Finding, Findings, Stage};
use crate::issuance;
use crate::prepare::PreparedCollateral;
use crate::verdict::{DocumentFacts, PlatformFacts};

const PCK_CHAIN: ChainNames = ChainNames {
    chain: "pck_certificate_chain",
    end: "pck_certificate",
    ca: "pck_ca",
    root: "root_ca",
};

/// What was found about a platform and its quoting enclave, apart from time, revocation and TCB.
///
/// Everything here follows from the prepared collateral and the bytes that [`fingerprint`] covers.
#[derive(Clone, Debug)]
pub(crate) struct Platform {
    pub(crate) facts: Option<PlatformFacts>,
    pub(crate) pck_serial: Option<Serial>,
    pub(crate) attestation_key: Option<PublicKey>,
    pub(crate) documents: Vec<DocumentFacts>,
    /// Whether the chain ends in the anchor of the prepared collateral.
    pub(crate) anchored: bool,
    pub(crate) chain_findings: Vec<Finding>,
    pub(crate) quote_findings: Vec<Finding>,
}

impl Platform {
    /// Whether nothing failed: only then may the platform be remembered.
    pub(crate) fn is_sound(&self) -> bool {
        self.anchored
            && self.facts.is_some()
            && self.pck_serial.is_some()
            && self.attestation_key.is_some()
            && ![&self.chain_findings, &self.quote_findings]
                .into_iter()
                .flatten()
                .any(|finding| finding.severity == crate::finding::Severity::Failure)
    }
}

/// A digest of every byte that [`check`] looks at beside the prepared collateral.
pub(crate) fn fingerprint(auth: &AuthData<'_>) -> [u8; 32] {
    let certification = auth.certification.as_bytes();
    let length = |bytes: &[u8]| (bytes.len() as u64).to_le_bytes();
    sha256_of(&[
        &auth.certification.kind().to_le_bytes(),
        &length(certification),
        certification,
        &length(auth.qe_auth),
        auth.qe_auth,
        auth.qe_report.as_bytes(),
        auth.qe_report_signature,
        auth.attestation_key,
    ])
}

/// Checks the PCK chain, its SGX extension, and the report of the quoting enclave.
pub(crate) fn check(auth: &AuthData<'_>, collateral: &PreparedCollateral) -> Platform {
    let mut chain_findings = Findings::new(Stage::PckChain);
    let mut quote_findings = Findings::new(Stage::Quote);
    let mut platform = Platform {
        facts: None,
        pck_serial: None,
        attestation_key: None,
        documents: Vec::new(),
        anchored: false,
        chain_findings: Vec::new(),
        quote_findings: Vec::new(),
    };
    if let Some(text) = choose_chain(auth, collateral, &mut chain_findings, &mut quote_findings) {
        let der = ChainDer::from_pem(text, PCK_CHAIN.chain, &mut chain_findings);
        let checked = Checked {
            root: collateral.root.as_ref(),
            ca: collateral.pck_ca.as_ref(),
        };
        let chain = Chain::assign(&der, Shape::PCK, PCK_CHAIN, checked, &mut chain_findings);
        platform.documents.extend(chain.documents(PCK_CHAIN));
        platform.anchored = check_chain(&chain, collateral, &mut chain_findings);
        if let Some(leaf) = &chain.end {
            platform.pck_serial = Some(leaf.serial());
            let ca = chain.ca.as_ref().and_then(Link::pck_ca);
            platform.facts = read_platform(leaf, ca, &mut quote_findings);
        }
        check_qe_report(auth, chain.end.as_ref(), &mut quote_findings);
    }
    match PublicKey::from_coordinates(auth.attestation_key) {
        Ok(key) => platform.attestation_key = Some(key),
        Err(error) => quote_findings.fail(
            Code::AttestationKeyInvalid,
            "attestation_key",
            format!("The attestation key cannot be used: {error}."),
        ),
    }
    platform.chain_findings = chain_findings.into_list();
    platform.quote_findings = quote_findings.into_list();
    platform
}

/// The quote's own chain, else the one that was brought along.
fn choose_chain<'a>(
    auth: &AuthData<'a>,
    collateral: &'a PreparedCollateral,
    chain_findings: &mut Findings,
    quote_findings: &mut Findings,
) -> Option<&'a [u8]> {
    let brought = collateral.brought_chain.as_deref();
    match auth.certification {
        CertificationData::PckChain(own) => {
            let trimmed = |text: &'a [u8]| text.strip_suffix(&[0]).unwrap_or(text).trim_ascii();
            if brought.is_some_and(|brought| trimmed(brought) != trimmed(own)) {
                chain_findings.warn(
                    Code::BroughtChainDiffers,
                    PCK_CHAIN.chain,
                    "The quote carries a chain of its own, which counts; the one given beside it \
                     differs.",
                );
            }
            Some(own)
        }
        other => {
            if brought.is_none() {
                quote_findings.fail(
                    Code::PckChainMissing,
                    "certification_data",
                    format!(
                        "The quote carries no certificate chain (certification data type {}); \
                         give the PCK certificate chain with the collateral.",
                        other.kind()
                    ),
                );
            }
            brought
        }
    }
}

/// Whether the chain ends in the anchor that the collateral ends in. Everything wrong with it is
/// added to the findings.
fn check_chain(
    chain: &Chain<'_>,
    collateral: &PreparedCollateral,
    findings: &mut Findings,
) -> bool {
    let names = PCK_CHAIN;
    let own_anchor = match &chain.root {
        Some(Link::Fresh(root)) => {
            document::check_revocation(root, &collateral.root_revoked, names.root, findings);
            issuance::check_root(root, &collateral.anchors, names.root, findings)
        }
        Some(Link::Checked(_)) | None => collateral.anchor.as_deref(),
    };
    let root_issuer = match &chain.root {
        Some(root) => root.as_issuer(),
        None => collateral.root.as_ref().map(CheckedCertificate::as_issuer),
    };
    if let Some(Link::Fresh(ca)) = &chain.ca {
        issuance::check_profile(ca, Role::PckCa, own_anchor, names.ca, findings);
        if let Some(root) = &root_issuer {
            issuance::check_issued(ca, root, names.ca, findings);
        }
        document::check_revocation(ca, &collateral.root_revoked, names.ca, findings);
        check_crl_fits(ca, collateral, findings);
    }
    if let Some(leaf) = &chain.end {
        issuance::check_profile(leaf, Role::PckLeaf, own_anchor, names.end, findings);
        if let Some(ca) = chain.ca.as_ref().and_then(Link::as_issuer) {
            issuance::check_issued(leaf, &ca, names.end, findings);
        }
    }
    match (own_anchor, &collateral.anchor) {
        (Some(own), Some(set)) if own == &**set => true,
        (Some(own), Some(set)) => {
            findings.differ(
                Code::AnchorsDiffer,
                names.root,
                "The quote and its collateral end in different trust anchors.",
                set.name(),
                own.name(),
            );
            false
        }
        _ => false,
    }
}

/// The PCK CRL of the set must be the list of the very CA that issued the PCK certificate.
fn check_crl_fits(ca: &Certificate<'_>, collateral: &PreparedCollateral, findings: &mut Findings) {
    // Without a sound CA of the set its CRL has failed already.
    let Some(issuer) = &collateral.pck_ca else {
        return;
    };
    if !issuer.is_same_authority(ca) {
        findings.differ(
            Code::CrlIssuerMismatch,
            "pck_crl",
            "The PCK CRL is that of another CA than the one that issued the PCK certificate; \
             fetch the CRL of the right CA (`ca=processor` or `ca=platform`).",
            authority(
                ca.extensions().subject_key_identifier.unwrap_or_default(),
                ca.public_key_bytes(),
            ),
            authority(issuer.key_identifier(), issuer.public_key_bytes()),
        );
    }
}

/// A CA by what its certificates must have in common, for people to compare.
fn authority(key_identifier: &[u8], key: &[u8; 65]) -> String {
    let digest = sha256_of(&[key]);
    format!(
        "key identifier {}, key with SHA-256 {}",
        hex::encode(key_identifier),
        hex::encode(digest)
    )
}

/// Reads what the PCK certificate says of the platform.
pub(crate) fn read_platform(
    leaf: &Certificate<'_>,
    ca: Option<PckCa>,
    findings: &mut Findings,
) -> Option<PlatformFacts> {
    let name = "pck_certificate";
    let mut invalid = |message: String| {
        findings.fail(Code::PckExtensionInvalid, name, message);
        None
    };
    let Some(content) = leaf.extensions().sgx else {
        return invalid("The PCK certificate holds no SGX extension.".to_owned());
    };
    let sgx = match SgxExtension::parse(content) {
        Ok(sgx) => sgx,
        Err(error) => return invalid(format!("The PCK certificate cannot be used: {error}.")),
    };
    let ca = ca?;
    if (ca == PckCa::Platform) != sgx.platform.is_some() {
        return invalid(format!(
            "A certificate of the {} CA must {}have the entries for platform instance and \
             configuration.",
            ca.as_str(),
            if ca == PckCa::Platform { "" } else { "not " }
        ));
    }
    if sgx.components != sgx.cpusvn {
        findings.differ(
            Code::PckCpusvnMismatch,
            name,
            "CPUSVN and the SVNs of the 16 components differ in the PCK certificate.",
            hex::encode(sgx.cpusvn),
            hex::encode(sgx.components),
        );
    }
    Some(PlatformFacts {
        fmspc: sgx.fmspc,
        pce_id: sgx.pce_id,
        ppid: sgx.ppid,
        components: sgx.components,
        pcesvn: sgx.pcesvn,
        platform_instance_id: sgx.platform.map(|entries| entries.platform_instance_id),
        dynamic_platform: sgx.platform.map(|entries| entries.dynamic_platform),
        cached_keys: sgx.platform.map(|entries| entries.cached_keys),
        smt_enabled: sgx.platform.map(|entries| entries.smt_enabled),
        ca,
    })
}

/// The PCK key signed the report of the quoting enclave, and that report binds the attestation key.
fn check_qe_report(auth: &AuthData<'_>, leaf: Option<&Certificate<'_>>, findings: &mut Findings) {
    let name = "qe_report";
    // Without a leaf its chain has failed already.
    if let Some(leaf) = leaf {
        let holds = Signature::from_fixed(auth.qe_report_signature).and_then(|signature| {
            leaf.public_key()?
                .verify(auth.qe_report.as_bytes(), &signature)
        });
        if let Err(error) = holds {
            findings.fail(
                Code::QeReportSignatureInvalid,
                name,
                format!("The report of the quoting enclave is not signed by the PCK key: {error}."),
            );
        }
    }
    let mut bound = [0; 64];
    let (digest, _zeros) = bound.split_at_mut(32);
    digest.copy_from_slice(&sha256_of(&[auth.attestation_key, auth.qe_auth]));
    if auth.qe_report.reportdata != bound {
        findings.differ(
            Code::QeReportDataMismatch,
            name,
            "The report data of the quoting enclave is not the digest of attestation key and \
             authentication data, followed by zeros.",
            hex::encode(bound),
            hex::encode(auth.qe_report.reportdata),
        );
    }
}

#[cfg(test)]
mod tests {
    use bulla_evidence::Quote;
    use bulla_issuer::QuoteKind;

    use super::*;
    use crate::simulated::{prepared, scenario};

    /// That something is missing is told by a finding as well; soundness must not rest on that.
    #[test]
    fn a_platform_is_sound_only_with_every_part_and_no_failure() {
        let scenario = scenario(QuoteKind::SgxV3);
        let attestation = scenario.build();
        let prepared = prepared(&scenario, &attestation.collateral);
        let quote = Quote::parse(&attestation.quote).unwrap();
        let platform = check(quote.auth(), &prepared);
        assert!(platform.is_sound());

        let finding = |add: fn(&mut Findings)| {
            let mut findings = Findings::new(Stage::Quote);
            add(&mut findings);
            findings.into_list()
        };
        let failure = || finding(|list| list.fail(Code::QeReportDataMismatch, "qe_report", ""));
        let remark = || finding(|list| list.note(Code::RootCertificateUnknown, "root_ca", ""));
        type Change<'a> = &'a dyn Fn(&mut Platform);
        let without: [Change<'_>; 6] = [
            &|platform| platform.anchored = false,
            &|platform| platform.facts = None,
            &|platform| platform.pck_serial = None,
            &|platform| platform.attestation_key = None,
            &|platform| platform.chain_findings = failure(),
            &|platform| platform.quote_findings = failure(),
        ];
        for (index, change) in without.iter().enumerate() {
            let mut platform = platform.clone();
            change(&mut platform);
            assert!(!platform.is_sound(), "{index}");
        }
        let mut remarkable = platform;
        remarkable.chain_findings = remark();
        assert!(remarkable.is_sound());
    }
}
