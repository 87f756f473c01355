//! Genuine cases: evidence of real processors with collateral of its time.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use bulla_collateral::{CollateralSet, SignedText};
use bulla_pki::Timestamp;
use serde::Deserialize;

/// One genuine case.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) quote: Vec<u8>,
    pub(crate) collateral: CollateralSet,
}

/// One line of `dcap/cases.jsonl`: names of files and an instant.
#[derive(Deserialize)]
struct Line {
    id: String,
    quote: String,
    at: u64,
    tcb_info: String,
    tcb_info_issuer_chain: String,
    qe_identity: String,
    qe_identity_issuer_chain: String,
    pck_crl: String,
    pck_crl_issuer_chain: String,
    root_ca_crl: String,
}

/// Reads every genuine case below the folder of vectors.
pub(crate) fn read_all(vectors: &Path) -> Result<Vec<Recorded>, String> {
    let mut files = Files {
        folder: vectors.join("dcap"),
        read: HashMap::new(),
    };
    let lines = files.get("cases.jsonl")?;
    String::from_utf8_lossy(&lines)
        .lines()
        .map(|line| {
            let line = serde_json::from_str(line).map_err(|error| format!("a case: {error}"))?;
            files.case(line)
        })
        .collect()
}

/// Files that were read, by name: many cases share theirs.
struct Files {
    folder: PathBuf,
    read: HashMap<String, Vec<u8>>,
}

impl Files {
    fn get(&mut self, name: &str) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.read.get(name) {
            return Ok(bytes.clone());
        }
        let path = self.folder.join(name);
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        self.read.insert(name.to_owned(), bytes.clone());
        Ok(bytes)
    }

    fn document(&mut self, name: &str) -> Result<SignedText, String> {
        let wrapped = self.get(name)?;
        let read = SignedText::from_wrapped(&wrapped);
        read.map(|(_, text)| text)
            .map_err(|error| format!("{name}: {error}"))
    }

    fn case(&mut self, line: Line) -> Result<Recorded, String> {
        Ok(Recorded {
            at: Timestamp::from_unix_seconds(line.at).map_err(|error| error.to_string())?,
            quote: self.get(&line.quote)?,
            collateral: CollateralSet {
                tcb_info: self.document(&line.tcb_info)?,
                tcb_info_issuer_chain: self.get(&line.tcb_info_issuer_chain)?,
                qe_identity: self.document(&line.qe_identity)?,
                qe_identity_issuer_chain: self.get(&line.qe_identity_issuer_chain)?,
                pck_crl: self.get(&line.pck_crl)?,
                pck_crl_issuer_chain: self.get(&line.pck_crl_issuer_chain)?,
                root_ca_crl: self.get(&line.root_ca_crl)?,
                pck_certificate_chain: None,
            },
            id: line.id,
        })
    }
}
