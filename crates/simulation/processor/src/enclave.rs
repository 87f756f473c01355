//! How an enclave comes into being: `ECREATE`, `EADD`, `EEXTEND`, `EINIT`.

mod create;
mod init;

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Failure;
use crate::measurement::Measurement;
use crate::sgxs::{Image, Size};
use crate::sigstruct::Sigstruct;
use crate::structures::{PAGE_SIZE, SecinfoFlags, Secs, TargetInfo};

pub use create::{StartParameters, xsave_size};
pub use init::Grants;

/// A page of an enclave: permissions and type, and contents.
type Page = (SecinfoFlags, Box<[u8; PAGE_SIZE as usize]>);

/// An enclave to which pages can be added, and that cannot run.
#[derive(Clone)]
pub struct EnclaveBuild {
    secs: Secs,
    measurement: Measurement,
    pages: BTreeMap<u64, Page>,
}

/// An enclave that was initialised: it can run, and it can be attested.
#[derive(Clone)]
pub struct Enclave {
    secs: Secs,
    pages: BTreeMap<u64, Page>,
}

impl Enclave {
    /// Loads the image in its order of measurement, and initialises it.
    ///
    /// # Errors
    ///
    /// What the first instruction that fails says; a general protection fault also for an image
    /// whose size is open.
    pub fn load(
        image: &Image,
        sigstruct: &Sigstruct,
        parameters: &StartParameters,
        grants: Grants,
    ) -> Result<Self, Failure> {
        let Size::Bytes(size) = image.size() else {
            return Err(Failure::Fault {
                reason: "the size of the image is open",
            });
        };
        let mut build = EnclaveBuild::ecreate(parameters.secs(size, image.ssa_frame_size()))?;
        for page in image.pages() {
            build.eadd(page.offset, page.flags, &page.data)?;
            for chunk in &page.measured {
                build.eextend(page.offset + u64::from(*chunk) * 256)?;
            }
        }
        build.einit(sigstruct, grants)
    }

    /// An enclave of this control structure, without pages.
    #[cfg(test)]
    pub(crate) fn of(secs: Secs) -> Self {
        let pages = BTreeMap::new();
        Self { secs, pages }
    }

    /// The control structure, as `EINIT` left it.
    pub fn secs(&self) -> &Secs {
        &self.secs
    }

    /// What others on the same processor need in order to report to this enclave.
    pub fn target_info(&self) -> TargetInfo {
        self.secs.target_info()
    }

    /// The contents of the page at this offset, in bytes from the start of the enclave; `None` if
    /// there is no page.
    pub fn page(&self, offset: u64) -> Option<(SecinfoFlags, &[u8; PAGE_SIZE as usize])> {
        let (flags, data) = self.pages.get(&offset)?;
        Some((*flags, data))
    }

    /// Every page by rising offset, in bytes from the start of the enclave.
    pub fn pages(
        &self,
    ) -> impl Iterator<Item = (u64, SecinfoFlags, &[u8; PAGE_SIZE as usize])> + '_ {
        self.pages
            .iter()
            .map(|(offset, (flags, data))| (*offset, *flags, &**data))
    }
}

/// Shows who it is, and none of its contents.
impl fmt::Debug for Enclave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enclave({}, ..)", hex::encode(self.secs.mrenclave))
    }
}

impl fmt::Debug for EnclaveBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnclaveBuild({} pages, ..)", self.pages.len())
    }
}
