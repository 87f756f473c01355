//! What a file is, told by its content, and what is in it. Nothing is verified.

mod content;
mod document;
mod enclave;
mod program;
mod quote;
mod report;
mod set;
mod x509;

use std::path::Path;

use bulla_enclave::image::is_elf;
use bulla_processor::sgxs;

use crate::collateral::Directory;
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::input::{self, MAX_COLLATERAL_SIZE, Source};

use content::Content;

pub(crate) use enclave::{image_fields, permissions, sigstruct_fields};

/// What can be read, for whoever brought something else.
pub(crate) const READABLE: &str = "quotes (raw, hex or base64), SGX reports (384 or 432 bytes), TD \
     reports (1024 bytes), certificates and CRLs (PEM or DER), TCB info, enclave identities, \
     evaluation data numbers, collateral sets (JSON or a directory), SIGSTRUCTs (1808 bytes), SGXS \
     enclave images and their programs (ELF)";

/// Largest enclave image, in bytes. It is held in memory while it is measured.
pub(crate) const MAX_IMAGE_SIZE: usize = 512 * 1024 * 1024;

/// A thing and what is in it.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Description {
    pub(crate) kind: &'static str,
    /// Never true. The field is there so that no program mistakes a description for a verdict.
    pub(crate) verified: bool,
    #[serde(flatten)]
    pub(crate) fields: Fields,
}

impl Description {
    fn new(kind: &'static str, fields: Fields) -> Self {
        Self {
            kind,
            verified: false,
            fields,
        }
    }
}

/// A thing that was recognised and breaks its format.
#[derive(Debug)]
struct Malformed {
    what: &'static str,
    reason: String,
}

impl Malformed {
    fn new(what: &'static str, reason: impl ToString) -> Self {
        Self {
            what,
            reason: reason.to_string(),
        }
    }
}

type Described = std::result::Result<Description, Malformed>;

/// Describes the file or the directory.
pub(crate) fn describe(path: &Path) -> Result<Description> {
    if input::is_directory(path) {
        return Ok(set::directory(&Directory(path)));
    }
    let mut source = Source::open("file", path)?;
    let start = source.peek()?;
    let limit = match sgxs::is_image(start) || is_elf(start) {
        true => MAX_IMAGE_SIZE,
        false => MAX_COLLATERAL_SIZE,
    };
    let bytes = source.read_all(limit)?;
    let described = match Content::of(&bytes) {
        Ok(content) => describe_content(content),
        Err(reason) => {
            return Err(Error::ContentUnknown {
                path: path.to_owned(),
                reason,
            });
        }
    };
    described.map_err(|Malformed { what, reason }| Error::ContentMalformed {
        path: path.to_owned(),
        what,
        reason,
    })
}

fn describe_content(content: Content<'_>) -> Described {
    match content {
        Content::Quote(bytes, encoding) => quote::describe(&bytes, encoding),
        Content::Report(bytes) => report::describe(&bytes),
        Content::Sigstruct(sigstruct) => Ok(enclave::sigstruct(&sigstruct)),
        Content::Image(bytes) => enclave::image(bytes),
        Content::Program(bytes) => program::describe(bytes),
        Content::CertificatesPem(text) => x509::chain(text),
        Content::CertificateDer(der) => x509::single(&der),
        Content::Crl(bytes) => x509::crl(bytes),
        Content::Wrapped(text) => document::wrapped(text),
        Content::TcbInfo(text) => document::tcb_info(text, None),
        Content::EnclaveIdentity(text) => document::enclave_identity(text, None),
        Content::EvaluationDataNumbers(text) => document::evaluation_data_numbers(text, None),
        Content::CollateralSet(text) => set::json(text),
    }
}
