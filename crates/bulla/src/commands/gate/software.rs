//! Evidence of a simulated platform: the software that stands in for a processor.

use std::path::Path;

use bulla_gate::{Evidence, EvidenceError, EvidenceFormat, EvidenceProvider, REPORT_DATA_SIZE};
use bulla_vendor::{PlatformName, QuoteKind, Selection, StateDirectory, Subject};

use crate::time;

/// A platform of a vendor in a box. Its evidence ends under that vendor's root, which is trusted by
/// nobody who did not name it.
pub(super) struct SoftwarePlatform {
    directory: StateDirectory,
    name: PlatformName,
    kind: QuoteKind,
}

impl SoftwarePlatform {
    pub(super) fn new(directory: &Path, name: PlatformName, kind: QuoteKind) -> Self {
        Self {
            directory: StateDirectory::new(directory),
            name,
            kind,
        }
    }
}

impl EvidenceProvider for SoftwarePlatform {
    /// Reads the vendor anew each time: what happened to the platform since then shows.
    fn collect(&self, report_data: &[u8; REPORT_DATA_SIZE]) -> Result<Evidence, EvidenceError> {
        let other = |error: &dyn std::error::Error| EvidenceError::Other(error.to_string().into());
        let at = time::given_or_now(None).map_err(|error| other(&error))?;
        let vendor = self.directory.read().map_err(|error| other(&error))?;
        let platform = vendor
            .platform(&self.name, at)
            .map_err(|error| other(&error))?;
        let subject = Subject {
            kind: self.kind,
            report_data: *report_data,
            debug: false,
            launched: None,
        };
        let attested = vendor
            .attest(platform, &subject, Selection::Standard, at)
            .map_err(|error| other(&error))?;
        Ok(Evidence {
            format: EvidenceFormat::DcapQuote,
            bytes: attested.quote,
            auxiliary: Vec::new(),
        })
    }
}
