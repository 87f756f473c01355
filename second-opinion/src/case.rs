//! One case: evidence, collateral, an instant, and what both verifiers are asked to tolerate.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use bulla_collateral::CollateralSet;
use bulla_pki::Timestamp;
use serde_json::json;

/// Where a case comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// Genuine evidence with the collateral of its time, unchanged.
    Recorded,
    /// Genuine evidence or collateral with bytes changed.
    RecordedBytes,
    /// Genuine evidence with collateral of another case, or at another time.
    RecordedSwapped,
    /// What the issuer writes, unchanged.
    Issued,
    /// What the issuer writes, with bytes changed.
    IssuedBytes,
    /// Evidence and collateral of two different platforms or vendors of the issuer.
    IssuedSwapped,
    /// What the issuer writes, changed and signed again.
    IssuedResigned,
    /// Genuine documents and reports, changed and signed under the issuer's root.
    GenuineResigned,
}

impl Source {
    /// All sources, in the order of the summary.
    pub(crate) const ALL: [Self; 8] = [
        Self::Recorded,
        Self::RecordedBytes,
        Self::RecordedSwapped,
        Self::Issued,
        Self::IssuedBytes,
        Self::IssuedSwapped,
        Self::IssuedResigned,
        Self::GenuineResigned,
    ];
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Recorded => "recorded",
            Self::RecordedBytes => "recorded, bytes changed",
            Self::RecordedSwapped => "recorded, swapped or at another time",
            Self::Issued => "issued",
            Self::IssuedBytes => "issued, bytes changed",
            Self::IssuedSwapped => "issued, swapped",
            Self::IssuedResigned => "issued, changed and signed again",
            Self::GenuineResigned => "genuine content, changed and signed under the test root",
        })
    }
}

/// The root that a case is to be judged under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// The processor vendor's.
    Vendor,
    /// The issuer's.
    Issuer,
}

/// What the other verifier can be asked to let pass; bulla's policy is set to the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tolerance {
    /// Debug enclaves and TDs, and TDs that the host may profile.
    pub(crate) debug: bool,
    /// TDs with service TDs.
    pub(crate) service_td: bool,
}

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Where it comes from.
    pub(crate) source: Source,
    /// What it was made from.
    pub(crate) origin: String,
    /// What was changed, in order.
    pub(crate) changes: Vec<String>,
    /// The root to judge by.
    pub(crate) root: Root,
    /// What to let pass.
    pub(crate) tolerance: Tolerance,
    /// The instant to judge by.
    pub(crate) at: Timestamp,
    /// The quote.
    pub(crate) quote: Vec<u8>,
    /// Its collateral.
    pub(crate) collateral: CollateralSet,
}

impl Case {
    /// Writes `quote.bin` and `collateral.json` (the form in common use) to a folder.
    pub(crate) fn save(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("quote.bin"), &self.quote)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let set = &self.collateral;
        let collateral = json!({
            "tcb_info": text(&set.tcb_info.body),
            "tcb_info_signature": set.tcb_info.signature,
            "tcb_info_issuer_chain": text(&set.tcb_info_issuer_chain),
            "qe_identity": text(&set.qe_identity.body),
            "qe_identity_signature": set.qe_identity.signature,
            "qe_identity_issuer_chain": text(&set.qe_identity_issuer_chain),
            "pck_crl": hex::encode(&set.pck_crl),
            "pck_crl_issuer_chain": text(&set.pck_crl_issuer_chain),
            "root_ca_crl": hex::encode(&set.root_ca_crl),
            "pck_certificate_chain": set.pck_certificate_chain.as_deref().map(text),
        });
        fs::write(folder.join("collateral.json"), format!("{collateral:#}\n"))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  source: {}", self.source)?;
        writeln!(f, "  from: {}", self.origin)?;
        for change in &self.changes {
            writeln!(f, "  changed: {change}")?;
        }
        let Tolerance { debug, service_td } = self.tolerance;
        write!(f, "  at {} ({})", self.at, self.at.unix_seconds())?;
        write!(
            f,
            ", debug tolerated: {debug}, service TDs tolerated: {service_td}"
        )
    }
}
