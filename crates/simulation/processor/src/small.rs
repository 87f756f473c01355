//! Small enclaves, built page by page: for demonstrations, and for the model's own architectural
//! enclaves.
//!
//! They are measured, signed, initialised and attested as any other; their code is a text.

use bulla_evidence::layout::{SgxAttributes, sgx_attributes};
use zerocopy::{FromZeros, IntoBytes};

use crate::enclave::{Enclave, Grants, StartParameters};
use crate::error::Failure;
use crate::sgxs::{Image, ImagePage};
use crate::signer::EnclaveSigner;
use crate::sigstruct::Sigstruct;
use crate::structures::{PAGE_SIZE, SecinfoFlags, Tcs};

/// When small enclaves were built, as a SIGSTRUCT says it: `0xyyyymmdd`.
const DATE: u32 = 0x2026_1123;

/// What a small enclave is, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallEnclave {
    /// What its first pages hold: as many as it needs, at least one.
    pub code: Vec<u8>,
    /// Attributes beside `MODE64`, all prescribed by the signer; see [`sgx_attributes`].
    pub flags: u64,
    /// Product id.
    pub isvprodid: u16,
    /// Security version.
    pub isvsvn: u16,
    /// Product family id; needs `KSS`.
    pub isvfamilyid: [u8; 16],
    /// Extended product id; needs `KSS`.
    pub isvextprodid: [u8; 16],
}

impl SmallEnclave {
    /// An enclave with this code, product 1, security version 1.
    pub fn new(code: &str) -> Self {
        Self {
            code: code.into(),
            flags: 0,
            isvprodid: 1,
            isvsvn: 1,
            isvfamilyid: [0; 16],
            isvextprodid: [0; 16],
        }
    }

    /// The image: code, a page of data, a heap of zeros that is not measured, a thread, and its
    /// state save area.
    pub fn image(&self) -> Image {
        let mut pages: Vec<ImagePage> = self
            .code
            .chunks(PAGE_SIZE as usize)
            .chain(self.code.is_empty().then_some(&[][..]))
            .zip((0..).step_by(PAGE_SIZE as usize))
            .map(|(code, offset)| ImagePage::measured(offset, SecinfoFlags::CODE, code))
            .collect();
        let data = pages.len() as u64 * PAGE_SIZE;
        let [heap, thread, ssa] = [1, 2, 3].map(|page| data + page * PAGE_SIZE);
        let tcs = Tcs {
            ossa: ssa.into(),
            nssa: 1.into(),
            ofsbase: data.into(),
            ogsbase: data.into(),
            fslimit: 0xfff.into(),
            gslimit: 0xfff.into(),
            ..Tcs::new_zeroed()
        };
        pages.extend([
            ImagePage::measured(data, SecinfoFlags::DATA, &[]),
            ImagePage::unmeasured(heap, SecinfoFlags::DATA),
            ImagePage::measured(thread, SecinfoFlags::TCS, tcs.as_bytes()),
            ImagePage::unmeasured(ssa, SecinfoFlags::DATA),
        ]);
        Image::new(1, pages).expect("pages that rise")
    }

    /// What the signer says of it: every attribute is prescribed but the extended state.
    pub fn sigstruct(&self, signer: &EnclaveSigner) -> Sigstruct {
        let mrenclave = self.image().mrenclave().expect("the size is known");
        let mut sigstruct = Sigstruct {
            date: DATE.into(),
            misc_mask: u32::MAX.into(),
            isvfamilyid: self.isvfamilyid,
            attributes: self.parameters().attributes,
            attribute_mask: SgxAttributes {
                flags: u64::MAX.into(),
                xfrm: 0.into(),
            },
            isvextprodid: self.isvextprodid,
            isvprodid: self.isvprodid.into(),
            isvsvn: self.isvsvn.into(),
            ..Sigstruct::new(mrenclave)
        };
        signer.sign(&mut sigstruct);
        sigstruct
    }

    /// How it is started: with its attributes, and no configuration.
    pub fn parameters(&self) -> StartParameters {
        StartParameters::new(self.flags)
    }

    /// The enclave, loaded and initialised, with the grants that its attributes need.
    ///
    /// # Errors
    ///
    /// What the instruction that fails says: reserved attributes, or ids that need `KSS`.
    pub fn start(&self, signer: &EnclaveSigner) -> Result<Enclave, Failure> {
        let grants = Grants {
            provisioning: self.flags & sgx_attributes::PROVISION_KEY != 0,
            launch: self.flags & sgx_attributes::EINITTOKEN_KEY != 0,
        };
        Enclave::load(
            &self.image(),
            &self.sigstruct(signer),
            &self.parameters(),
            grants,
        )
    }
}
