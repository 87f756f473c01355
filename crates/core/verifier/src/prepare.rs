//! Collateral, verified once: everything about it that depends neither on a quote nor on the time.

use std::sync::Arc;

use bulla_collateral::{CollateralSet, EnclaveIdentity, TcbInfo};
use bulla_pki::crl::{Crl, Revocation};
use bulla_pki::digest::sha256;
use bulla_pki::{PublicKey, SignatureError, TrustAnchor, TrustAnchors, Window};

use crate::chain::{Chain, ChainDer, ChainNames, Checked, CheckedCertificate, Link, Role, Shape};
use crate::document::{
    check_crl, check_revocation, check_text, decode_crl, malformed, note_unknown_fields, parse_crl,
};
use crate::finding::{Code, Finding, Findings, Severity, Stage};
use crate::issuance::{self, Issuer};
use crate::verdict::{DocumentFacts, DocumentKind};

const PCK_CRL_CHAIN: ChainNames = ChainNames {
    chain: "pck_crl_issuer_chain",
    end: "pck_crl_issuer_chain",
    ca: "pck_crl_ca",
    root: "pck_crl_root_ca",
};
const TCB_INFO_CHAIN: ChainNames = ChainNames {
    chain: "tcb_info_issuer_chain",
    end: "tcb_info_signer",
    ca: "tcb_info_issuer_chain",
    root: "tcb_info_root_ca",
};
const QE_IDENTITY_CHAIN: ChainNames = ChainNames {
    chain: "qe_identity_issuer_chain",
    end: "qe_identity_signer",
    ca: "qe_identity_issuer_chain",
    root: "qe_identity_root_ca",
};

/// A collateral set whose signatures, chains and revocations were checked, once.
///
/// Shareable between threads. It never judges time: each quote is judged by the instant given
/// with it. Preparing does not fail; what is wrong with the set is kept as findings, and every
/// quote verified with it fails with them.
#[derive(Debug)]
pub struct PreparedCollateral {
    pub(crate) anchors: TrustAnchors,
    pub(crate) anchor: Option<Arc<TrustAnchor>>,
    /// The CA whose CRL the set holds; absent where anything about its chain failed.
    pub(crate) pck_ca: Option<CheckedCertificate>,
    /// The root that the set's CRLs end in; absent where anything about its chain failed.
    pub(crate) root: Option<CheckedCertificate>,
    pub(crate) root_revoked: Vec<Revocation>,
    pub(crate) pck_revoked: Vec<Revocation>,
    pub(crate) tcb_info: Option<TcbInfo>,
    pub(crate) qe_identity: Option<EnclaveIdentity>,
    pub(crate) brought_chain: Option<Vec<u8>>,
    pub(crate) documents: Vec<DocumentFacts>,
    pub(crate) pck_crl_number: Option<u64>,
    pub(crate) root_ca_crl_number: Option<u64>,
    pub(crate) pck_chain_findings: Vec<Finding>,
    pub(crate) document_findings: Vec<Finding>,
}

impl PreparedCollateral {
    /// Checks everything in `set` that depends neither on a quote nor on the time.
    pub fn new(set: &CollateralSet, anchors: &TrustAnchors) -> Self {
        let mut prepared = Self {
            anchors: anchors.clone(),
            anchor: None,
            pck_ca: None,
            root: None,
            root_revoked: Vec::new(),
            pck_revoked: Vec::new(),
            tcb_info: None,
            qe_identity: None,
            brought_chain: set.pck_certificate_chain.clone(),
            documents: Vec::with_capacity(16),
            pck_crl_number: None,
            root_ca_crl_number: None,
            pck_chain_findings: Vec::new(),
            document_findings: Vec::new(),
        };
        prepared.read_crls(set);
        prepared.read_documents(set);
        prepared
    }

    /// What is wrong with the set, whatever the quote; empty for a good one but for notes.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.pck_chain_findings
            .iter()
            .chain(&self.document_findings)
    }

    /// Whether every part of the set is there and nothing about it failed.
    pub fn is_sound(&self) -> bool {
        let complete = self.anchor.is_some()
            && self.root.is_some()
            && self.pck_ca.is_some()
            && self.root_ca_crl_number.is_some()
            && self.pck_crl_number.is_some()
            && self.tcb_info.is_some()
            && self.qe_identity.is_some();
        complete
            && !self
                .findings()
                .any(|finding| finding.severity == Severity::Failure)
    }

    /// The span in which every document and certificate of the set is valid, apart from a PCK
    /// certificate chain brought along; absent where there is none, or nothing could be read.
    pub fn window(&self) -> Option<Window> {
        let from = self
            .documents
            .iter()
            .map(|document| document.window.from)
            .max()?;
        let until = self
            .documents
            .iter()
            .map(|document| document.window.until)
            .min()?;
        (from <= until).then_some(Window { from, until })
    }

    /// The TCB info, where it could be read. Only a verdict says whether it is genuine.
    pub fn tcb_info(&self) -> Option<&TcbInfo> {
        self.tcb_info.as_ref()
    }

    /// The identity, where it could be read. Only a verdict says whether it is genuine.
    pub fn qe_identity(&self) -> Option<&EnclaveIdentity> {
        self.qe_identity.as_ref()
    }

    /// The issuer chain of the PCK CRL, both CRLs, and the revocation of its certificates.
    fn read_crls(&mut self, set: &CollateralSet) {
        let mut findings = Findings::new(Stage::PckChain);
        let names = PCK_CRL_CHAIN;
        let der = ChainDer::from_pem(&set.pck_crl_issuer_chain, names.chain, &mut findings);
        let nothing = Checked::default();
        let chain = Chain::assign(&der, Shape::CRL_ISSUER, names, nothing, &mut findings);
        let root = chain.root.as_ref().and_then(Link::fresh);
        let ca = chain.ca.as_ref().and_then(Link::fresh);
        if let Some(root) = root {
            self.anchor = issuance::check_root(root, &self.anchors, names.root, &mut findings)
                .map(|anchor| Arc::new(anchor.clone()));
        }
        let root_issuer = root.and_then(|root| match &self.anchor {
            Some(anchor) => Issuer::with_key(root, Ok(anchor.public_key().clone())),
            None => Issuer::of(root),
        });
        let ca_issuer = ca.and_then(Issuer::of);
        if let Some(ca) = ca {
            let anchor = self.anchor.as_deref();
            issuance::check_profile(ca, Role::PckCa, anchor, names.ca, &mut findings);
            if let Some(root) = &root_issuer {
                issuance::check_issued(ca, root, names.ca, &mut findings);
            }
        }
        self.documents.extend(chain.documents(names));

        let mut crl_findings = Findings::new(Stage::PckChain);
        let mut name = "root_ca_crl";
        let der = decode_crl(&set.root_ca_crl, name, &mut crl_findings);
        let crl = der.as_deref();
        if let Some(crl) = crl.and_then(|der| parse_crl(der, name, &mut crl_findings)) {
            self.documents.push(crl_document(name, &crl));
            self.root_ca_crl_number = Some(crl.number());
            check_crl(&crl, root_issuer.as_ref(), name, &mut crl_findings);
            self.root_revoked = crl.into_revoked();
        }
        name = "pck_crl";
        let der = decode_crl(&set.pck_crl, name, &mut crl_findings);
        let crl = der.as_deref();
        if let Some(crl) = crl.and_then(|der| parse_crl(der, name, &mut crl_findings)) {
            self.documents.push(crl_document(name, &crl));
            self.pck_crl_number = Some(crl.number());
            check_crl(&crl, ca_issuer.as_ref(), name, &mut crl_findings);
            self.pck_revoked = crl.into_revoked();
        }
        let mut revocations = Findings::new(Stage::PckChain);
        for (certificate, name) in [(ca, names.ca), (root, names.root)] {
            if let Some(certificate) = certificate {
                check_revocation(certificate, &self.root_revoked, name, &mut revocations);
            }
        }
        // A quote's chain is held against a sound issuer also where its CRL is not: the verdict
        // fails for the CRL, and must not say that the chain was good without looking.
        if !findings.failed() && !revocations.failed() {
            let checked = |(certificate, issuer)| CheckedCertificate::new(certificate, issuer);
            self.root = root.zip(root_issuer).and_then(checked);
            self.pck_ca = ca.zip(ca_issuer).and_then(checked);
        }
        findings.append(crl_findings);
        findings.append(revocations);
        self.pck_chain_findings = findings.into_list();
    }

    /// TCB info and identity, each with its issuer chain.
    fn read_documents(&mut self, set: &CollateralSet) {
        let mut findings = Findings::new(Stage::TcbInfo);
        let same_chain = set.tcb_info_issuer_chain == set.qe_identity_issuer_chain;
        let signer = self.read_signing_chain(
            &set.tcb_info_issuer_chain,
            TCB_INFO_CHAIN,
            None,
            &mut findings,
        );
        let name = "tcb_info";
        let digest = sha256(&set.tcb_info.body);
        match TcbInfo::parse(&set.tcb_info.body) {
            Ok(tcb_info) => {
                self.documents
                    .push(json_document(name, tcb_info.window, digest));
                note_unknown_fields(&tcb_info.unknown_fields, name, &mut findings);
                self.tcb_info = Some(tcb_info);
            }
            Err(error) => malformed(name, &error.to_string(), &mut findings),
        }
        let key = signer.as_ref().map(|signer| &signer.key);
        check_text(&set.tcb_info, &digest, key, name, &mut findings);
        self.document_findings.append(&mut findings.into_list());

        let mut findings = Findings::new(Stage::QeIdentity);
        let verified = signer.filter(|signer| same_chain && signer.sound);
        let signer = self.read_signing_chain(
            &set.qe_identity_issuer_chain,
            QE_IDENTITY_CHAIN,
            verified,
            &mut findings,
        );
        let name = "qe_identity";
        let digest = sha256(&set.qe_identity.body);
        match EnclaveIdentity::parse(&set.qe_identity.body) {
            Ok(identity) => {
                self.documents
                    .push(json_document(name, identity.window, digest));
                note_unknown_fields(&identity.unknown_fields, name, &mut findings);
                self.qe_identity = Some(identity);
            }
            Err(error) => malformed(name, &error.to_string(), &mut findings),
        }
        let key = signer.as_ref().map(|signer| &signer.key);
        check_text(&set.qe_identity, &digest, key, name, &mut findings);
        self.document_findings.append(&mut findings.into_list());
    }

    /// Checks an issuer chain of JSON documents and gives its signer.
    ///
    /// `verified` is the signer of the very same bytes, where they were found sound before.
    fn read_signing_chain(
        &mut self,
        text: &[u8],
        names: ChainNames,
        verified: Option<Signer>,
        findings: &mut Findings,
    ) -> Option<Signer> {
        if let Some(signer) = verified {
            self.documents
                .extend(signer.documents.iter().map(|document| DocumentFacts {
                    name: if document.name == TCB_INFO_CHAIN.root {
                        names.root
                    } else {
                        names.end
                    },
                    ..*document
                }));
            return Some(signer);
        }
        let der = ChainDer::from_pem(text, names.chain, findings);
        let checked = Checked {
            root: self.root.as_ref(),
            ca: None,
        };
        let chain = Chain::assign(&der, Shape::TCB_SIGNING, names, checked, findings);
        let documents: Vec<DocumentFacts> = chain.documents(names).collect();
        self.documents.extend_from_slice(&documents);
        let anchor = match &chain.root {
            Some(Link::Checked(_)) => self.anchor.as_deref(),
            Some(Link::Fresh(root)) => {
                check_revocation(root, &self.root_revoked, names.root, findings);
                issuance::check_root(root, &self.anchors, names.root, findings)
            }
            None => None,
        };
        if let (Some(own), Some(set)) = (anchor, &self.anchor)
            && own != &**set
        {
            findings.differ(
                Code::AnchorsDiffer,
                names.root,
                "The chain ends in another trust anchor than the chain of the PCK CRL.",
                set.name(),
                own.name(),
            );
        }
        let signer = chain.end.as_ref()?;
        issuance::check_profile(signer, Role::TcbSigner, anchor, names.end, findings);
        if let Some(root) = chain.root.as_ref().and_then(Link::as_issuer) {
            issuance::check_issued(signer, &root, names.end, findings);
        }
        check_revocation(signer, &self.root_revoked, names.end, findings);
        Some(Signer {
            key: signer.public_key(),
            sound: findings.as_slice().is_empty(),
            documents,
        })
    }
}

/// The key that signed a JSON document.
struct Signer {
    /// An error where the bytes of the key are no point of the curve.
    key: Result<PublicKey, SignatureError>,
    /// Nothing at all was found while its chain was checked.
    sound: bool,
    documents: Vec<DocumentFacts>,
}

fn json_document(name: &'static str, window: Window, sha256: [u8; 32]) -> DocumentFacts {
    DocumentFacts {
        name,
        kind: DocumentKind::Json,
        window,
        sha256,
    }
}

fn crl_document(name: &'static str, crl: &Crl<'_>) -> DocumentFacts {
    DocumentFacts {
        name,
        kind: DocumentKind::Crl,
        window: crl.window(),
        sha256: *crl.sha256(),
    }
}

#[cfg(test)]
mod tests {
    use bulla_issuer::{QuoteKind, Scenario};

    use super::*;
    use crate::simulated::{prepared, scenario};

    /// That a part is missing is told by a finding as well; soundness must not rest on that.
    #[test]
    fn a_set_is_sound_only_with_every_part() {
        let scenario = scenario(QuoteKind::Td15V5);
        let set = scenario.build().collateral;
        assert!(prepared(&scenario, &set).is_sound());
        let without: [fn(&mut PreparedCollateral); 7] = [
            |set| set.anchor = None,
            |set| set.root = None,
            |set| set.pck_ca = None,
            |set| set.root_ca_crl_number = None,
            |set| set.pck_crl_number = None,
            |set| set.tcb_info = None,
            |set| set.qe_identity = None,
        ];
        for (index, remove) in without.iter().enumerate() {
            let mut prepared = prepared(&scenario, &set);
            remove(&mut prepared);
            assert!(prepared.findings().next().is_none());
            assert!(!prepared.is_sound(), "{index}");
        }
    }

    #[test]
    fn a_set_that_is_complete_and_failed_is_not_sound() {
        let scenario = scenario(QuoteKind::Td15V5);
        let set = scenario.build().collateral;
        let mut of_the_other = set.clone();
        of_the_other.tcb_info.signature = set.qe_identity.signature.clone();
        let failed = prepared(&scenario, &of_the_other);
        let codes: Vec<Code> = failed.findings().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::DocumentSignatureInvalid]);
        assert!(!failed.is_sound());
        assert!(failed.tcb_info().is_some() && failed.qe_identity().is_some());
    }

    #[test]
    fn the_window_is_what_all_windows_share() {
        let mut scenario = scenario(QuoteKind::Td15V5);
        let window = |s: &Scenario| prepared(s, &s.build().collateral).window();
        // The PCK CRL is issued last, the identity runs out first.
        let shared = Window {
            from: scenario.pck_crl.validity.from,
            until: scenario.qe_identity.validity.until,
        };
        assert_eq!(window(&scenario), Some(shared));
        // One second is a window.
        scenario.qe_identity.validity.until = shared.from;
        let second = Window {
            until: shared.from,
            ..shared
        };
        assert_eq!(window(&scenario), Some(second));
        scenario.qe_identity.validity.until = shared.from.saturating_sub(1);
        assert_eq!(window(&scenario), None);
    }
}
