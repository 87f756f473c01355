//! The hierarchy of a simulated vendor.

use bulla_pki::{Timestamp, Window};

use crate::certificate::{CertificateSpec, Issuer};
use crate::crl::CrlSpec;
use crate::extension;
use crate::key::{Seed, SigningKey};
use crate::name::Name;

/// Seconds in a mean Gregorian year.
pub const YEAR: u64 = 31_556_952;

/// Where the CRLs of a vendor without a web service would be: RFC 2606 keeps `.invalid` free of
/// hosts.
pub const NO_ADDRESS: &str = "https://vendor.simulated.invalid";

/// Where under its address a vendor has the CRL of its root.
pub const ROOT_CA_CRL_PATH: &str = "/SimulatedSGXRootCA.der";

/// The two CAs that certify platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PckCa {
    /// For platforms of one processor package.
    Processor,
    /// For platforms of several packages, which register.
    Platform,
}

impl PckCa {
    /// The vendor's word in addresses: `processor` or `platform`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Platform => "platform",
        }
    }
}

/// A key and the certificate that says whose it is.
#[derive(Clone, Debug)]
pub struct Authority {
    /// Signs what this authority issues.
    pub key: SigningKey,
    /// The authority's own certificate.
    pub certificate: CertificateSpec,
}

/// The keys and certificates with which a vendor signs.
#[derive(Clone, Debug)]
pub struct Vendor {
    /// Start of the addresses of CRLs, without a slash at the end.
    pub address: String,
    /// Self-signed; issues the two CAs and the TCB signer.
    pub root: Authority,
    /// Issues PCK certificates of single-package platforms.
    pub processor_ca: Authority,
    /// Issues PCK certificates of registered platforms.
    pub platform_ca: Authority,
    /// Signs TCB info, enclave identities and evaluation numbers.
    pub tcb_signer: Authority,
}

impl Vendor {
    /// The vendor that follows from `seed`, with certificates valid from `founded` on: the root
    /// for 30 years, the CAs for 15, the TCB signer for 7.
    pub fn new(seed: &Seed, address: &str, founded: Timestamp) -> Self {
        let years = |count| Window {
            from: founded,
            until: founded.saturating_add(count * YEAR),
        };
        let key = |role| SigningKey::derive(seed, role);

        let root_key = key("root ca");
        let root_name = Name::simulated("SGX Root CA");
        let by_root = || Issuer {
            name: root_name.clone(),
            key_identifier: root_key.key_identifier(),
            crl_uri: root_crl_uri(address),
        };
        let pck_ca = |phrase, role| {
            let key = key(role);
            let name = Name::simulated(phrase);
            let certificate = CertificateSpec::ca(name, &key, by_root(), years(15), 0);
            Authority { key, certificate }
        };
        let processor_ca = pck_ca("SGX PCK Processor CA", "pck processor ca");
        let platform_ca = pck_ca("SGX PCK Platform CA", "pck platform ca");

        let tcb_signer = tcb_signer(key("tcb signing"), by_root(), years(7));

        let root = CertificateSpec::ca(root_name.clone(), &root_key, by_root(), years(30), 1);
        Self {
            address: address.to_owned(),
            root: Authority {
                key: root_key,
                certificate: root,
            },
            processor_ca,
            platform_ca,
            tcb_signer,
        }
    }

    /// Lets `key` sign documents from now on, under a certificate of this validity.
    pub fn appoint_tcb_signer(&mut self, key: SigningKey, validity: Window) {
        let mark = extension::SIMULATED;
        let mark = self.tcb_signer.certificate.extensions.get(mark).cloned();
        self.tcb_signer = tcb_signer(key, self.root_as_issuer(), validity);
        if let Some(mark) = mark {
            self.tcb_signer.certificate.extensions.set(mark);
        }
    }

    /// Makes the mark of simulation critical in the vendor's certificates and in those of
    /// platforms certified from now on.
    pub fn mark_critically(&mut self) {
        let authorities = [
            &mut self.root,
            &mut self.processor_ca,
            &mut self.platform_ca,
            &mut self.tcb_signer,
        ];
        for authority in authorities {
            authority
                .certificate
                .extensions
                .set(extension::simulated(true));
        }
    }

    /// One of the two CAs.
    pub fn ca(&self, ca: PckCa) -> &Authority {
        match ca {
            PckCa::Processor => &self.processor_ca,
            PckCa::Platform => &self.platform_ca,
        }
    }

    /// The root's certificate, DER.
    pub fn root_certificate(&self) -> Vec<u8> {
        self.root.certificate.sign(&self.root.key)
    }

    /// The certificate of one of the two CAs, DER.
    pub fn ca_certificate(&self, ca: PckCa) -> Vec<u8> {
        self.ca(ca).certificate.sign(&self.root.key)
    }

    /// The TCB signer's certificate, DER.
    pub fn tcb_signing_certificate(&self) -> Vec<u8> {
        self.tcb_signer.certificate.sign(&self.root.key)
    }

    /// A PCK certificate that lacks its SGX extension, to be signed by the CA's key.
    pub fn pck_certificate(
        &self,
        ca: PckCa,
        pck_key: &SigningKey,
        validity: Window,
    ) -> CertificateSpec {
        let name = Name::simulated("SGX PCK Certificate");
        let mut spec = CertificateSpec::end_entity(name, pck_key, self.issuer(ca), validity);
        // The leaf carries its CA's mark, critical or not.
        if let Some(mark) = self.ca(ca).certificate.extensions.get(extension::SIMULATED) {
            spec.extensions.set(mark.clone());
        }
        spec
    }

    /// An empty CRL of the root, to be signed by its key.
    pub fn root_ca_crl(&self, validity: Window) -> CrlSpec {
        CrlSpec::new(self.root_as_issuer(), validity)
    }

    /// An empty CRL of one of the two CAs, to be signed by its key.
    pub fn pck_crl(&self, ca: PckCa, validity: Window) -> CrlSpec {
        CrlSpec::new(self.issuer(ca), validity)
    }

    /// What CAs and TCB signer say about their issuer.
    fn root_as_issuer(&self) -> Issuer {
        Issuer {
            name: self.root.certificate.subject.clone(),
            key_identifier: self.root.key.key_identifier(),
            crl_uri: root_crl_uri(&self.address),
        }
    }

    /// What certificates of platforms say about their issuer.
    fn issuer(&self, ca: PckCa) -> Issuer {
        let address = &self.address;
        let authority = self.ca(ca);
        Issuer {
            name: authority.certificate.subject.clone(),
            key_identifier: authority.key.key_identifier(),
            crl_uri: format!(
                "{address}/sgx/certification/v4/pckcrl?ca={}&encoding=der",
                ca.as_str()
            ),
        }
    }
}

fn tcb_signer(key: SigningKey, issuer: Issuer, validity: Window) -> Authority {
    let name = Name::simulated("SGX TCB Signing");
    let certificate = CertificateSpec::end_entity(name, &key, issuer, validity);
    Authority { key, certificate }
}

fn root_crl_uri(address: &str) -> String {
    format!("{address}{ROOT_CA_CRL_PATH}")
}
