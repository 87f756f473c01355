//! Quotes of the vendor's platforms, and the collateral to check them with.

use bulla_collateral::{CollateralSet, EnclaveId, SignedText};
use bulla_evidence::layout::{
    SgxReportBody, TdReport10, TdReport15, TdReport15Ex, sgx_attributes, td_attributes,
};
use bulla_evidence::{BodyType, QuoteVersion, Tee};
use bulla_issuer::{Certification, QuoteBody, QuoteKind, QuoteSpec, Seed, SigningKey};
use bulla_pki::Timestamp;
use bulla_protocol::pcs::Selection;
use zerocopy::FromZeros;

use crate::documents::{Absent, Issued};
use crate::enclaves;
use crate::platform::Platform;
use crate::tcb::Svns;
use crate::vendor::Vendor;

/// What is to be attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Form of the quote.
    pub kind: QuoteKind,
    /// Data of the enclave's or trust domain's choice.
    pub report_data: [u8; 64],
    /// Whether it is open to debugging.
    pub debug: bool,
    /// When the trust domain was launched: its first measurement is of the TDX module of that
    /// time. Absent for the time of the quote; enclaves have no such memory.
    pub launched: Option<Timestamp>,
}

/// A quote and what is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// The quote, with its PCK certificate chain.
    pub quote: Vec<u8>,
    /// The collateral as served at the time of the quote.
    pub collateral: CollateralSet,
}

impl Vendor {
    /// A quote of a platform as it is at `at`, with the collateral of a set as served then.
    pub fn attest(
        &self,
        platform: &Platform,
        subject: &Subject,
        selection: Selection,
        at: Timestamp,
    ) -> Result<Attested, Absent> {
        Ok(Attested {
            quote: self.quote(platform, subject, at),
            collateral: self.collateral(platform, subject.kind, selection, at)?,
        })
    }

    /// The collateral that quotes of this kind and platform need, as served at `at`.
    pub fn collateral(
        &self,
        platform: &Platform,
        kind: QuoteKind,
        selection: Selection,
        at: Timestamp,
    ) -> Result<CollateralSet, Absent> {
        let tee = kind.body_type().tee();
        let quoting_enclave = match tee {
            Tee::Sgx => EnclaveId::Qe,
            Tee::Tdx => EnclaveId::TdQe,
        };
        let tcb_info = self.tcb_info(tee, platform.fmspc, selection, at)?;
        let qe_identity = self.identity(quoting_enclave, selection, at)?;
        let pck_crl = self.pck_crl(platform.ca, at);
        Ok(CollateralSet {
            tcb_info: signed(&tcb_info),
            tcb_info_issuer_chain: tcb_info.chain,
            qe_identity: signed(&qe_identity),
            qe_identity_issuer_chain: qe_identity.chain,
            pck_crl: pck_crl.der,
            pck_crl_issuer_chain: pck_crl.chain,
            root_ca_crl: self.root_ca_crl(at).der,
            pck_certificate_chain: None,
        })
    }
}

fn signed(issued: &Issued) -> SignedText {
    let (_, text) = SignedText::from_wrapped(&issued.body).expect("the vendor wrote it");
    text
}

impl Vendor {
    fn quote(&self, platform: &Platform, subject: &Subject, at: Timestamp) -> Vec<u8> {
        let svns = platform.svns(at);
        let launched = subject.launched.map_or(svns, |time| platform.svns(time));
        let pck = self
            .select_pck_certificate(platform, svns.into(), at)
            .expect("no platform is below the founding level");
        let tee = subject.kind.body_type().tee();
        let mut qe_report = enclaves::report(match tee {
            Tee::Sgx => EnclaveId::Qe,
            Tee::Tdx => EnclaveId::TdQe,
        });
        qe_report.cpusvn = svns.components;
        qe_report.isvsvn = match tee {
            Tee::Sgx => svns.qe,
            Tee::Tdx => svns.td_qe,
        }
        .into();
        let body = body(&self.seed, subject, svns, launched);
        let label = format!("attestation key {}", platform.name);
        let attestation_key = SigningKey::derive(&self.seed, &label);
        let mut quote = QuoteSpec::new(subject.kind.version(), body, attestation_key, qe_report);
        if subject.kind.version() == QuoteVersion::V3 {
            quote.header.qe_svn = qe_report.isvsvn;
            quote.header.pce_svn = svns.pce.into();
        }
        let key = platform.fuses.pck_key(pck.tcb.cpusvn, pck.tcb.pcesvn);
        let mut chain = pck.pem().into_bytes();
        chain.extend(self.pck_certificates(platform, at).chain);
        quote.sign(&key, Certification::PckChain(chain)).write()
    }
}

fn body(seed: &Seed, subject: &Subject, current: &Svns, launched: &Svns) -> QuoteBody {
    let td10 = || {
        let debug = if subject.debug {
            td_attributes::DEBUG
        } else {
            0
        };
        TdReport10 {
            tee_tcb_svn: launched.tee_tcb_svn(),
            mrseam: seed.bytes("mrseam"),
            tdattributes: (td_attributes::SEPT_VE_DISABLE | debug).into(),
            xfam: 0x0006_02e7.into(),
            mrtd: seed.bytes("mrtd"),
            reportdata: subject.report_data,
            ..TdReport10::new_zeroed()
        }
    };
    let td15 = || TdReport15 {
        td10: td10(),
        tee_tcb_svn2: current.tee_tcb_svn(),
        mrservicetd: [0; 48],
    };
    match subject.kind.body_type() {
        BodyType::Sgx => {
            let debug = if subject.debug {
                sgx_attributes::DEBUG
            } else {
                0
            };
            let mut report = SgxReportBody::new_zeroed();
            report.cpusvn = current.components;
            report.attributes.flags =
                (sgx_attributes::INIT | sgx_attributes::MODE64 | debug).into();
            report.attributes.xfrm = 0xe7.into();
            report.mrenclave = seed.bytes("mrenclave");
            report.mrsigner = seed.bytes("mrsigner");
            report.reportdata = subject.report_data;
            QuoteBody::Sgx(report)
        }
        BodyType::Td10 => QuoteBody::Td10(td10()),
        BodyType::Td15 => QuoteBody::Td15(td15()),
        BodyType::Td15Ex => QuoteBody::Td15Ex(TdReport15Ex {
            td15: td15(),
            tdid: seed.bytes("tdid"),
            ..TdReport15Ex::new_zeroed()
        }),
    }
}
