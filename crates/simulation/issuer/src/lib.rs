//! Writes what a vendor signs, under simulated roots: certificates, CRLs, TCB info, enclave
//! identities, evaluation numbers, and quotes of every kind.
//!
//! Everything follows from a [`Seed`], byte for byte, so that a test or a demonstration is the
//! same wherever it runs. Nothing here passes for genuine: the keys are the seed's, the names say
//! so, and an extension of every certificate does.
//!
//! ```
//! use bulla_issuer::{QuoteKind, Scenario, Seed};
//!
//! let at = "2026-11-23T00:00:00Z".parse()?;
//! let scenario = Scenario::new(&Seed::from(1), QuoteKind::Td15V5, at);
//! let attestation = scenario.build();
//! assert!(bulla_evidence::Quote::parse(&attestation.quote).is_ok());
//! # Ok::<(), bulla_pki::time::TimestampError>(())
//! ```
//!
//! What is wrong on purpose is made in one of two places. What can be said wrongly is changed in
//! the scenario, and signed; what has no words there is replaced among the [`Documents`]:
//!
//! ```
//! use bulla_issuer::{QuoteKind, Scenario, Seed, sign_text};
//! # let at = "2026-11-23T00:00:00Z".parse()?;
//!
//! // A platform whose certificate was revoked.
//! let mut scenario = Scenario::new(&Seed::from(1), QuoteKind::SgxV3, at);
//! scenario.pck_crl.revoke(&scenario.pck_certificate.serial);
//! let revoked = scenario.build();
//!
//! // TCB info that a platform signed for itself, its own chain beside it.
//! let scenario = Scenario::new(&Seed::from(1), QuoteKind::SgxV3, at);
//! let mut documents = scenario.documents();
//! documents.collateral.tcb_info = sign_text(scenario.tcb_info.to_json(), &scenario.pck_key);
//! documents.collateral.tcb_info_issuer_chain = bulla_issuer::pem::chain(&[
//!     &documents.pck_certificate,
//!     &documents.pck_ca_certificate,
//!     &documents.root_certificate,
//! ]);
//! let forged = documents.assemble();
//! # assert_ne!(revoked.collateral, forged.collateral);
//! # Ok::<(), bulla_pki::time::TimestampError>(())
//! ```

#![forbid(unsafe_code)]

pub mod certificate;
pub mod extension;
pub mod pem;
pub mod sgx_extension;
pub mod tlv;

mod crl;
mod document;
mod enclave_identity;
mod evaluation;
mod json;
mod key;
mod level;
mod name;
mod platform;
mod quote;
mod quote_data;
mod scenario;
mod tcb_info;
mod vendor;

pub use certificate::{CertificateSpec, Issuer};
pub use crl::{CrlSpec, KEY_COMPROMISE, RevokedCertificate};
pub use document::{DocumentKind, sign_text};
pub use enclave_identity::EnclaveIdentitySpec;
pub use evaluation::{EvaluationNumberSpec, EvaluationNumbersSpec};
pub use extension::{Extension, Extensions};
pub use key::{Seed, SigningKey, with_other_s};
pub use level::{IsvLevelSpec, StatusSpec};
pub use name::{Name, SIMULATED_ORGANIZATION};
pub use platform::SIMULATED_FMSPC;
pub use quote::{QuoteKind, QuoteParts, QuoteSpec, qe_report_data, quote_point};
pub use quote_data::{Certification, QuoteBody};
pub use scenario::{Attestation, CertificationKind, Documents, Scenario};
pub use sgx_extension::{PlatformSpec, SgxExtensionSpec, SgxType};
pub use tcb_info::{
    ComponentSpec, TcbInfoSpec, TcbLevelSpec, TdxModuleIdentitySpec, TdxModuleSpec,
};
pub use vendor::{Authority, NO_ADDRESS, PckCa, ROOT_CA_CRL_PATH, Vendor, YEAR};

// What specifications of certificates are made of.
pub use der::Tag;
pub use der::asn1::ObjectIdentifier;
