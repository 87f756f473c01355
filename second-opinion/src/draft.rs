//! A scenario of the issuer of which some parts were changed and are to be signed again.

use bulla_issuer::{Attestation, Documents, Scenario, qe_report_data, quote_point, sign_text};
use zerocopy::IntoBytes;

/// What is signed on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Part {
    RootCertificate = 1,
    PckCaCertificate = 1 << 1,
    TcbSigningCertificate = 1 << 2,
    PckCertificate = 1 << 3,
    Body = 1 << 4,
    QeReport = 1 << 5,
    TcbInfo = 1 << 6,
    QeIdentity = 1 << 7,
    PckCrl = 1 << 8,
    RootCaCrl = 1 << 9,
}

/// Signing is what costs time: only parts that were touched are signed again.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) scenario: Scenario,
    pub(crate) documents: Documents,
    touched: u16,
}

impl Draft {
    /// A scenario with everything signed.
    pub(crate) fn new(scenario: Scenario) -> Self {
        Self {
            documents: scenario.documents(),
            scenario,
            touched: 0,
        }
    }

    /// Notes that a part of the scenario was changed.
    pub(crate) fn touch(&mut self, part: Part) {
        self.touched |= part as u16;
    }

    /// Signs what was touched.
    pub(crate) fn sign(&mut self) {
        self.sign_certificates();
        let (scenario, documents) = (&self.scenario, &mut self.documents);
        let vendor = &scenario.vendor;
        let touched = |part: Part| self.touched & part as u16 != 0;
        if touched(Part::Body) {
            let spec = &scenario.quote;
            let descriptor = spec
                .descriptor
                .as_ref()
                .map_or(&[][..], IntoBytes::as_bytes);
            let body = spec.body.as_body();
            documents.quote.signed = [spec.header.as_bytes(), descriptor, body.as_bytes()].concat();
            documents.quote.sign_body(&spec.attestation_key);
        }
        if touched(Part::QeReport) {
            let spec = &scenario.quote;
            let key = quote_point(&spec.attestation_key);
            let parts = &mut documents.quote;
            parts.attestation_key = key;
            parts.qe_auth.clone_from(&spec.qe_auth);
            parts.qe_report = spec.qe_report;
            parts.qe_report.reportdata = qe_report_data(&key, &spec.qe_auth);
            parts.sign_qe_report(&scenario.pck_key);
        }
        let collateral = &mut documents.collateral;
        let signer = &vendor.tcb_signer.key;
        if touched(Part::TcbInfo) {
            collateral.tcb_info = sign_text(scenario.tcb_info.to_json(), signer);
        }
        if touched(Part::QeIdentity) {
            collateral.qe_identity = sign_text(scenario.qe_identity.to_json(), signer);
        }
        if touched(Part::PckCrl) {
            collateral.pck_crl = scenario.pck_crl.sign(&vendor.ca(scenario.ca).key);
        }
        if touched(Part::RootCaCrl) {
            collateral.root_ca_crl = scenario.root_ca_crl.sign(&vendor.root.key);
        }
        self.touched = 0;
    }

    fn sign_certificates(&mut self) {
        let (scenario, documents) = (&self.scenario, &mut self.documents);
        let vendor = &scenario.vendor;
        let touched = |part: Part| self.touched & part as u16 != 0;
        if touched(Part::RootCertificate) {
            documents.root_certificate = vendor.root_certificate();
        }
        if touched(Part::PckCaCertificate) {
            documents.pck_ca_certificate = vendor.ca_certificate(scenario.ca);
        }
        if touched(Part::TcbSigningCertificate) {
            documents.tcb_signing_certificate = vendor.tcb_signing_certificate();
        }
        if touched(Part::PckCertificate) {
            let key = &vendor.ca(scenario.ca).key;
            documents.pck_certificate = scenario.pck_certificate_spec().sign(key);
        }
        let certificates = Part::RootCertificate as u16
            | Part::PckCaCertificate as u16
            | Part::TcbSigningCertificate as u16
            | Part::PckCertificate as u16;
        if self.touched & certificates != 0 {
            documents.rewrite_chains();
        }
    }

    /// Signs what is still to be signed and writes the quote.
    pub(crate) fn finish(mut self) -> Attestation {
        self.sign();
        self.documents.assemble()
    }
}

#[cfg(test)]
mod tests {
    use bulla_issuer::{QuoteKind, Seed};

    use super::*;

    #[test]
    fn signing_again_what_was_touched_gives_what_signing_everything_gives() {
        let at = "2026-11-23T00:00:00Z".parse().expect("a time");
        let seed = Seed::from("a draft");
        let mut draft = Draft::new(Scenario::new(&seed, QuoteKind::Td15V5, at));
        let scenario = &mut draft.scenario;
        scenario.quote.body.td10_mut().expect("a TD").mrtd = [7; 48];
        scenario.quote.qe_report.isvsvn = 3.into();
        scenario.tcb_info.evaluation_data_number += 1;
        scenario.pck_certificate.serial = vec![1, 2, 3];
        let everything = scenario.build();
        for part in [
            Part::Body,
            Part::QeReport,
            Part::TcbInfo,
            Part::PckCertificate,
        ] {
            draft.touch(part);
        }
        assert_eq!(draft.finish(), everything);
    }
}
