//! Collateral sets from disk: a directory of documents, or one JSON file.

use std::path::Path;

use bulla_collateral::{CollateralSet, SignedKind, SignedText};

use crate::error::{Error, Result, malformed_document, malformed_set};
use crate::input::{self, MAX_COLLATERAL_SIZE};

pub(crate) const TCB_INFO: &str = "tcb-info.json";
pub(crate) const TCB_INFO_ISSUER_CHAIN: &str = "tcb-info-issuer-chain.pem";
pub(crate) const QE_IDENTITY: &str = "qe-identity.json";
pub(crate) const QE_IDENTITY_ISSUER_CHAIN: &str = "qe-identity-issuer-chain.pem";
pub(crate) const PCK_CRL_ISSUER_CHAIN: &str = "pck-crl-issuer-chain.pem";
pub(crate) const PCK_CERTIFICATE_CHAIN: &str = "pck-certificate-chain.pem";

/// A CRL may come in any of its encodings; the first name that exists is read.
pub(crate) const PCK_CRL: [&str; 3] = ["pck-crl.der", "pck-crl.pem", "pck-crl.hex"];
pub(crate) const ROOT_CA_CRL: [&str; 3] = ["root-ca-crl.der", "root-ca-crl.pem", "root-ca-crl.hex"];

/// Reads the set at `path`.
pub(crate) fn load(path: &Path) -> Result<CollateralSet> {
    if input::is_directory(path) {
        return Directory(path).load();
    }
    let text = input::read("collateral", path, MAX_COLLATERAL_SIZE)?;
    CollateralSet::from_json(&text).map_err(|error| malformed_set(path, &error))
}

/// A directory that holds each document of a set in a file of its own.
pub(crate) struct Directory<'a>(pub(crate) &'a Path);

impl Directory<'_> {
    fn load(&self) -> Result<CollateralSet> {
        self.check_complete()?;
        Ok(CollateralSet {
            tcb_info: self.document(TCB_INFO, SignedKind::TcbInfo)?,
            tcb_info_issuer_chain: self.file(TCB_INFO_ISSUER_CHAIN)?,
            qe_identity: self.document(QE_IDENTITY, SignedKind::EnclaveIdentity)?,
            qe_identity_issuer_chain: self.file(QE_IDENTITY_ISSUER_CHAIN)?,
            pck_crl: self.first_of(&PCK_CRL)?,
            pck_crl_issuer_chain: self.file(PCK_CRL_ISSUER_CHAIN)?,
            root_ca_crl: self.first_of(&ROOT_CA_CRL)?,
            pck_certificate_chain: match self.has(PCK_CERTIFICATE_CHAIN) {
                true => Some(self.file(PCK_CERTIFICATE_CHAIN)?),
                false => None,
            },
        })
    }

    /// All files that are missing, at once: whoever fetches them wants to do it in one go.
    fn check_complete(&self) -> Result<()> {
        let single = [
            TCB_INFO,
            TCB_INFO_ISSUER_CHAIN,
            QE_IDENTITY,
            QE_IDENTITY_ISSUER_CHAIN,
            PCK_CRL_ISSUER_CHAIN,
        ];
        let mut missing: Vec<String> = single
            .into_iter()
            .filter(|name| !self.has(name))
            .map(|name| format!("`{name}`"))
            .collect();
        for [der, pem, hex] in [PCK_CRL, ROOT_CA_CRL] {
            if ![der, pem, hex].iter().any(|name| self.has(name)) {
                missing.push(format!("`{der}` (or `{pem}`, `{hex}`)"));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::CollateralFileMissing {
            directory: self.0.to_owned(),
            names: missing.join(", "),
        })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    pub(crate) fn file(&self, name: &str) -> Result<Vec<u8>> {
        input::read("collateral", &self.0.join(name), MAX_COLLATERAL_SIZE)
    }

    fn first_of(&self, names: &[&'static str]) -> Result<Vec<u8>> {
        let name = names.iter().find(|name| self.has(name));
        self.file(name.unwrap_or(&names[0]))
    }

    /// A document as services deliver it, its signature inside.
    fn document(&self, name: &str, wanted: SignedKind) -> Result<SignedText> {
        let path = self.0.join(name);
        let (kind, text) = SignedText::from_wrapped(&self.file(name)?)
            .map_err(|error| malformed_document(&path, &error))?;
        if kind != wanted {
            return Err(Error::CollateralMalformed {
                path,
                reason: format!("it holds {}, not {}", named(kind), named(wanted)),
            });
        }
        Ok(text)
    }
}

fn named(kind: SignedKind) -> &'static str {
    match kind {
        SignedKind::TcbInfo => "a TCB info",
        SignedKind::EnclaveIdentity => "an enclave identity",
        SignedKind::EvaluationDataNumbers => "evaluation data numbers",
        _ => "another document",
    }
}
