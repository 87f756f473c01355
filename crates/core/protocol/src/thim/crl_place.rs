//! The URI by which a CRL is named.

use crate::pccs::{CrlTarget, CrlUri, Refusal};
use crate::pcs::PckCa;
use crate::percent;

/// A CRL by the place where it is published. It is a name only: nobody fetches from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum CrlPlace {
    /// One of the vendor's.
    Vendors(CrlTarget),
    /// Any other, in lower case: perhaps that which another root names.
    Other(String),
}

/// How often a URI is decoded at most. Azure's client encodes twice what was encoded already.
const MOST_LAYERS: usize = 4;

/// Where the vendor publishes its lists as files, in lower case, but for the end of their names.
const FILES: &str = "https://certificates.trustedservices.intel.com/";

impl CrlPlace {
    /// Reads a URI after the query's own decoding: decoded until it stays the same, and in any letter
    /// case.
    pub fn read(uri: &str) -> Result<Self, Refusal> {
        let invalid = || Refusal::invalid("uri is no URI, or too long");
        let mut uri = uri.to_owned();
        for _ in 0..MOST_LAYERS {
            let decoded = percent::decode(&uri).map_err(|_| invalid())?;
            if decoded == uri {
                break;
            }
            uri = decoded;
        }
        if uri.contains('%') {
            return Err(invalid());
        }
        let uri = uri.to_ascii_lowercase();
        let checked = CrlUri::new(uri.as_str()).ok_or_else(invalid)?;
        let file = uri.strip_prefix(FILES).and_then(file);
        Ok(match file.or_else(|| checked.of_vendor()) {
            Some(target) => Self::Vendors(target),
            None => Self::Other(uri),
        })
    }
}

/// The list in a file of the vendor's.
fn file(name: &str) -> Option<CrlTarget> {
    let (name, end) = name.split_once('.')?;
    if !matches!(end, "crl" | "der") {
        return None;
    }
    match name {
        "intelsgxrootca" => Some(CrlTarget::RootCa),
        "intelsgxpckprocessor" => Some(CrlTarget::Pck(PckCa::Processor)),
        "intelsgxpckplatform" => Some(CrlTarget::Pck(PckCa::Platform)),
        _ => None,
    }
}
