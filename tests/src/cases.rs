//! The recorded cases: a genuine quote, its collateral, an instant, and the answer of Intel's
//! Quote Verification Library.

use std::fs;
use std::path::Path;

use bulla_collateral::{CollateralSet, SignedText};
use bulla_pki::Timestamp;
use serde::Deserialize;

/// One line of `dcap/cases.jsonl`.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// Name of the case.
    pub id: String,
    /// Technology, `SGX` or `TDX`.
    pub tee: String,
    /// Version of the quote.
    pub quote_version: u16,
    quote: String,
    /// The instant to judge by, in Unix seconds.
    pub at: u64,
    tcb_info: String,
    tcb_info_issuer_chain: String,
    qe_identity: String,
    qe_identity_issuer_chain: String,
    pck_crl: String,
    pck_crl_issuer_chain: String,
    root_ca_crl: String,
    /// What Intel's library answers.
    pub expect: Expect,
}

/// The recorded answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Expect {
    /// Status of the stage `pck_chain`.
    pub pck_chain: String,
    /// Status of the stage `tcb_info`.
    pub tcb_info: String,
    /// Status of the stage `qe_identity`.
    pub qe_identity: String,
    /// Status of the stage `quote`.
    pub quote: String,
    /// TCB status at launch; empty where no level applies.
    pub launch_status: String,
    /// TCB status now; empty where no level applies.
    pub current_status: String,
    /// Advisories, in any order.
    pub advisories: Vec<String>,
    /// `tcbDate` in Unix seconds; 0 where no level applies.
    pub tcb_date: u64,
    /// The smaller evaluation data number; 0 where no level applies.
    pub tcb_eval_min: u32,
    /// Earlier issue date of TCB info and identity, in Unix seconds; 0 where no level applies.
    pub issue_min: u64,
    /// Later issue date of TCB info and identity, in Unix seconds; 0 where no level applies.
    pub issue_max: u64,
    /// Earlier next update of TCB info and identity, in Unix seconds; 0 where no level applies.
    pub expiration_min: u64,
}

/// All recorded cases below `vectors`.
pub fn read_all(vectors: &Path) -> Vec<Case> {
    let text = fs::read_to_string(vectors.join("dcap/cases.jsonl")).expect("cases are readable");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a case is JSON"))
        .collect()
}

impl Case {
    /// The instant to judge by.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.at).expect("a time before the year 10000")
    }

    /// The quote's bytes.
    pub fn quote(&self, vectors: &Path) -> Vec<u8> {
        read(vectors, &self.quote)
    }

    /// The collateral of the case.
    pub fn collateral(&self, vectors: &Path) -> CollateralSet {
        let text = |name: &str| {
            SignedText::from_wrapped(&read(vectors, name))
                .expect("a signed document")
                .1
        };
        CollateralSet {
            tcb_info: text(&self.tcb_info),
            tcb_info_issuer_chain: read(vectors, &self.tcb_info_issuer_chain),
            qe_identity: text(&self.qe_identity),
            qe_identity_issuer_chain: read(vectors, &self.qe_identity_issuer_chain),
            pck_crl: read(vectors, &self.pck_crl),
            pck_crl_issuer_chain: read(vectors, &self.pck_crl_issuer_chain),
            root_ca_crl: read(vectors, &self.root_ca_crl),
            pck_certificate_chain: None,
        }
    }
}

fn read(vectors: &Path, name: &str) -> Vec<u8> {
    let path = vectors.join("dcap").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
