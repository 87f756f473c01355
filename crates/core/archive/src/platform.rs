//! How platforms stand in a manifest.

use bulla_pki::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::{Sha256, text};
use crate::manifest::Part;

/// Longest QE-ID, in characters: as Intel's cache takes it.
const MAX_QE_ID: usize = 260;

/// How clients name a platform. They come in the order of the QE-IDs, byte by byte, then of the PCE-IDs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the two parts of a name")]
pub struct PlatformName {
    /// Text of 1 to 260 characters, mostly 32 hexadecimal digits. Personal to a machine.
    pub qe_id: String,
    /// Identity of the PCE, 4 upper-case hexadecimal digits.
    pub pce_id: String,
}

/// The PCK certificates of a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlatformRow {
    /// Which one.
    pub name: PlatformName,
    /// The family, 12 upper-case hexadecimal digits.
    pub fmspc: String,
    /// The last second at which all of its certificates, and the CA's, are good.
    #[serde(with = "text")]
    pub until: Timestamp,
    /// What is known of it: names and certificates.
    pub body: Part,
    /// The PCK CA and the root, in PEM.
    pub issuer_chain: Part,
    /// Whether both are in this archive; where not, they were in one that it builds on.
    pub carried: bool,
}

impl PlatformName {
    /// Its digest, which names its files, and tells platforms apart without naming machines.
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(format!("{}/{}", self.qe_id, self.pce_id).as_bytes())
    }
}

impl PlatformRow {
    pub(crate) fn is_well_formed(&self) -> bool {
        let has_digits = |text: &str, count: usize| {
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
            text.len() == count && text.bytes().all(is_digit)
        };
        (1..=MAX_QE_ID).contains(&self.name.qe_id.chars().count())
            && has_digits(&self.name.pce_id, 4)
            && has_digits(&self.fmspc, 12)
    }

    /// Its file in the volume.
    pub(crate) fn file(&self) -> String {
        format!("platforms/{}.json", self.name.sha256())
    }

    /// The file of its issuer chain.
    pub(crate) fn chain_file(&self) -> String {
        format!("platforms/{}.issuer-chain.pem", self.name.sha256())
    }
}
