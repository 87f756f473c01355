//! One platform, one quote and everything that is needed to check it.

use bulla_collateral::CollateralSet;
use bulla_evidence::QuoteVersion;
use bulla_evidence::layout::PpidRecord;
use bulla_pki::{Timestamp, Window};

use crate::certificate::CertificateSpec;
use crate::crl::CrlSpec;
use crate::document::sign_text;
use crate::enclave_identity::EnclaveIdentitySpec;
use crate::key::{Seed, SigningKey};
use crate::pem;
use crate::platform;
use crate::quote::{QuoteKind, QuoteParts, QuoteSpec};
use crate::quote_data::Certification;
use crate::sgx_extension::{SGX_EXTENSION, SgxExtensionSpec};
use crate::tcb_info::TcbInfoSpec;
use crate::vendor::{NO_ADDRESS, PckCa, Vendor, YEAR};

/// Seconds in a day.
const DAY: u64 = 86_400;

/// `tcbEvaluationDataNumber` of TCB info and identity.
const EVALUATION_DATA_NUMBER: u32 = 17;

/// Which certification data the quote carries.
///
/// Beside any but the chain, the collateral set brings the PCK certificate chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificationKind {
    /// Type 1: the PPID in the clear.
    PpidClear,
    /// Type 2: the PPID in a ciphertext of RSA-2048's size, which is not one: no key opens it.
    PpidRsa2048,
    /// Type 3: likewise, of RSA-3072's size.
    PpidRsa3072,
    /// Type 4: the PCK certificate alone.
    PckLeaf,
    /// Type 5: the whole chain.
    PckChain,
}

/// Everything about one quote and its collateral, before anything is signed.
///
/// What [`Scenario::new`] gives is consistent and up to date throughout. A test changes what it
/// wants to be wrong: a field here, before anything is signed; or, after that, a piece of the
/// [`Documents`].
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The instant at which everything is valid.
    pub at: Timestamp,
    /// Keys and certificates of the vendor.
    pub vendor: Vendor,
    /// Which CA certifies the platform.
    pub ca: PckCa,
    /// The platform's certification key.
    pub pck_key: SigningKey,
    /// The platform's certificate. `sgx_extension` is added to it when it is signed, unless an
    /// SGX extension stands in it already.
    pub pck_certificate: CertificateSpec,
    /// What the certificate says of the platform.
    pub sgx_extension: SgxExtensionSpec,
    /// The quote.
    pub quote: QuoteSpec,
    /// How the quote refers to the platform's certificate.
    pub certification: CertificationKind,
    /// TCB info of the platform's FMSPC, for the technology of the quote.
    pub tcb_info: TcbInfoSpec,
    /// Identity of the quoting enclave.
    pub qe_identity: EnclaveIdentitySpec,
    /// CRL of the CA that certifies the platform.
    pub pck_crl: CrlSpec,
    /// CRL of the root.
    pub root_ca_crl: CrlSpec,
}

impl Scenario {
    /// A quote of this kind and its collateral, valid at `at`: version 3 from a platform of the
    /// Processor CA, all others from one of the Platform CA.
    pub fn new(seed: &Seed, kind: QuoteKind, at: Timestamp) -> Self {
        let ca = match kind {
            QuoteKind::SgxV3 => PckCa::Processor,
            _ => PckCa::Platform,
        };
        Self::certified_by(ca, seed, kind, at)
    }

    /// As [`Self::new`], from a platform of the CA named.
    ///
    /// No two documents are issued or run out at the same time, so that a test can tell which one
    /// a date comes from.
    pub fn certified_by(ca: PckCa, seed: &Seed, kind: QuoteKind, at: Timestamp) -> Self {
        let issued = |days_ago: u64, valid_for: u64| {
            let from = at.saturating_sub(days_ago * DAY);
            Window {
                from,
                until: from.saturating_add(valid_for),
            }
        };
        let vendor = Vendor::new(seed, NO_ADDRESS, at.saturating_sub(400 * DAY));

        let pck_key = SigningKey::derive(seed, "pck");
        let sgx_extension = platform::sgx_extension(seed, ca);
        let mut pck_certificate = vendor.pck_certificate(ca, &pck_key, issued(100, 7 * YEAR));
        pck_certificate.serial = seed.bytes::<20>("pck serial").to_vec();

        let tee = kind.body_type().tee();
        let qe_report = platform::quoting_enclave(seed, tee);
        let body = platform::application(seed, kind.body_type());
        let attestation_key = SigningKey::derive(seed, "attestation");
        let mut quote = QuoteSpec::new(kind.version(), body, attestation_key, qe_report);
        if kind.version() == QuoteVersion::V3 {
            quote.header.qe_svn = qe_report.isvsvn;
            quote.header.pce_svn = platform::PCESVN.into();
        }
        quote.header.user_data[..16].copy_from_slice(&seed.bytes::<16>("qe id"));

        let number = EVALUATION_DATA_NUMBER;
        let month = 30 * DAY;
        let tcb_info = match body.as_body().td10() {
            None => TcbInfoSpec::sgx(&sgx_extension, issued(2, month), number),
            Some(td) => TcbInfoSpec::tdx(&sgx_extension, td.tee_tcb_svn, issued(2, month), number),
        };
        let id = match body.as_body().sgx() {
            Some(_) => "QE",
            None => "TD_QE",
        };
        Self {
            at,
            ca,
            pck_key,
            pck_certificate,
            sgx_extension,
            quote,
            certification: CertificationKind::PckChain,
            tcb_info,
            qe_identity: EnclaveIdentitySpec::of(id, &qe_report, issued(3, month), number),
            pck_crl: vendor.pck_crl(ca, issued(1, month)),
            root_ca_crl: vendor.root_ca_crl(issued(50, 365 * DAY)),
            vendor,
        }
    }

    /// The platform's certificate with its SGX extension.
    pub fn pck_certificate_spec(&self) -> CertificateSpec {
        let mut spec = self.pck_certificate.clone();
        if spec.extensions.get(SGX_EXTENSION).is_none() {
            spec.extensions.set(self.sgx_extension.extension());
        }
        spec
    }

    /// Signs everything.
    pub fn documents(&self) -> Documents {
        let ca = self.vendor.ca(self.ca);
        let signer = &self.vendor.tcb_signer.key;
        let chain_in_quote = self.certification == CertificationKind::PckChain;
        let mut documents = Documents {
            root_certificate: self.vendor.root_certificate(),
            pck_ca_certificate: self.vendor.ca_certificate(self.ca),
            tcb_signing_certificate: self.vendor.tcb_signing_certificate(),
            pck_certificate: self.pck_certificate_spec().sign(&ca.key),
            quote: self
                .quote
                .sign(&self.pck_key, self.certification_without_certificates()),
            collateral: CollateralSet {
                tcb_info: sign_text(self.tcb_info.to_json(), signer),
                tcb_info_issuer_chain: Vec::new(),
                qe_identity: sign_text(self.qe_identity.to_json(), signer),
                qe_identity_issuer_chain: Vec::new(),
                pck_crl: self.pck_crl.sign(&ca.key),
                pck_crl_issuer_chain: Vec::new(),
                root_ca_crl: self.root_ca_crl.sign(&self.vendor.root.key),
                pck_certificate_chain: (!chain_in_quote).then(Vec::new),
            },
        };
        documents.rewrite_chains();
        documents
    }

    /// Signs everything and writes the quote.
    pub fn build(&self) -> Attestation {
        self.documents().assemble()
    }

    fn certification_without_certificates(&self) -> Certification {
        let ppid = self.sgx_extension.ppid;
        let opaque = Seed::from(hex::encode(ppid).as_str());
        match self.certification {
            CertificationKind::PpidClear => Certification::PpidClear(self.ppid_record(ppid)),
            CertificationKind::PpidRsa2048 => {
                Certification::PpidRsa2048(self.ppid_record(opaque.bytes("ciphertext")))
            }
            CertificationKind::PpidRsa3072 => {
                Certification::PpidRsa3072(self.ppid_record(opaque.bytes("ciphertext")))
            }
            CertificationKind::PckLeaf => Certification::PckLeaf(Vec::new()),
            CertificationKind::PckChain => Certification::PckChain(Vec::new()),
        }
    }

    fn ppid_record<const N: usize>(&self, ppid: [u8; N]) -> PpidRecord<N> {
        let [low, high, ..] = self.sgx_extension.pcesvn.to_le_bytes();
        PpidRecord {
            ppid,
            cpusvn: self.sgx_extension.cpusvn,
            pcesvn: u16::from_le_bytes([low, high]).into(),
            pceid: u16::from_le_bytes(self.sgx_extension.pceid).into(),
        }
    }
}

/// A scenario after signing: each piece can be replaced before the quote is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    /// The root's certificate, DER.
    pub root_certificate: Vec<u8>,
    /// The certificate of the CA that certified the platform, DER.
    pub pck_ca_certificate: Vec<u8>,
    /// The TCB signer's certificate, DER.
    pub tcb_signing_certificate: Vec<u8>,
    /// The platform's certificate, DER.
    pub pck_certificate: Vec<u8>,
    /// The quote, with the chain of certificates in it as PEM.
    pub quote: QuoteParts,
    /// The collateral, with the chains of certificates as PEM and the CRLs as DER.
    pub collateral: CollateralSet,
}

impl Documents {
    /// Writes every chain of certificates anew, in quote and collateral, from the four
    /// certificates as they now are.
    pub fn rewrite_chains(&mut self) {
        let (root, ca) = (&self.root_certificate[..], &self.pck_ca_certificate[..]);
        let (leaf, signer) = (&self.pck_certificate[..], &self.tcb_signing_certificate[..]);

        let pck_chain = pem::chain(&[leaf, ca, root]);
        match &mut self.quote.certification {
            Certification::PckLeaf(pem) => *pem = pem::chain(&[leaf]),
            Certification::PckChain(pem) => pem.clone_from(&pck_chain),
            _ => {}
        }
        if let Some(pem) = &mut self.collateral.pck_certificate_chain {
            *pem = pck_chain;
        }
        self.collateral.pck_crl_issuer_chain = pem::chain(&[ca, root]);
        self.collateral.tcb_info_issuer_chain = pem::chain(&[signer, root]);
        self.collateral.qe_identity_issuer_chain = pem::chain(&[signer, root]);
    }

    /// Writes the quote. The certificates in DER are not looked at again: what counts are the
    /// chains in quote and collateral.
    pub fn assemble(self) -> Attestation {
        Attestation {
            quote: self.quote.write(),
            collateral: self.collateral,
        }
    }
}

/// What a verifier is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The quote.
    pub quote: Vec<u8>,
    /// Its collateral.
    pub collateral: CollateralSet,
}
