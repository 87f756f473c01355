//! Enclaves as they are started, and the platforms that they start on.

use std::path::Path;

use bulla_evidence::layout::{SgxAttributes, sgx_attributes};
use bulla_pki::Timestamp;
use bulla_processor::{
    Enclave, EnclaveSigner, Fuses, Grants, Processor, SIGSTRUCT_SIZE, Sigstruct, StartParameters,
};
use bulla_vendor::{Platform, StateDirectory, Vendor};

use super::load::Loaded;
use super::sign::Terms;
use crate::args::{MemoryArgs, OnPlatformArgs, SignatureArgs};
use crate::commands::vendor::argument;
use crate::error::{Error, Result};
use crate::inspect::MAX_IMAGE_SIZE;
use crate::{input, time};

/// Loads and initialises an image with the attributes that were signed for.
pub(super) fn start(
    image: &Path,
    signature: &SignatureArgs,
    memory: &MemoryArgs,
) -> Result<Enclave> {
    let bytes = input::read("image", image, MAX_IMAGE_SIZE)?;
    start_read(&bytes, image, signature, memory)
}

/// The same with an image that was read before.
pub(super) fn start_read(
    bytes: &[u8],
    image: &Path,
    signature: &SignatureArgs,
    memory: &MemoryArgs,
) -> Result<Enclave> {
    let loaded = Loaded::of(bytes, image, memory)?;
    let sigstruct = match &signature.sigstruct {
        Some(path) => read_sigstruct(path)?,
        None => {
            let signer = EnclaveSigner::generate(&*random::<32>()?);
            let terms = Terms {
                debug: memory.debug,
                ..Terms::default()
            };
            terms.sign(loaded.mrenclave(image)?, &signer)
        }
    };
    let signed = &sigstruct.attributes;
    let debug = if memory.debug {
        sgx_attributes::DEBUG
    } else {
        0
    };
    let parameters = StartParameters {
        attributes: SgxAttributes {
            flags: (signed.flags.get() & !sgx_attributes::INIT | debug).into(),
            xfrm: signed.xfrm,
        },
        miscselect: sigstruct.miscselect.get(),
        ..StartParameters::new(0)
    };
    Enclave::load(&loaded.image, &sigstruct, &parameters, Grants::default()).map_err(|source| {
        Error::EnclaveRefused {
            path: image.to_owned(),
            source,
        }
    })
}

/// A platform of a vendor in a box, from an instant on.
pub(super) struct Placed {
    pub(super) vendor: Vendor,
    pub(super) platform: Platform,
    pub(super) at: Timestamp,
}

impl Placed {
    /// The platform of this name.
    pub(super) fn read(vendor: &Path, name: &str, at: Timestamp) -> Result<Self> {
        let vendor = StateDirectory::new(vendor).read()?;
        let platform = vendor.platform(&argument("--platform", name)?, at)?.clone();
        Ok(Self {
            vendor,
            platform,
            at,
        })
    }

    /// The platform that was asked for, if any was.
    pub(super) fn of(args: &OnPlatformArgs) -> Result<Option<Self>> {
        let at = time::given_or_now(args.at.as_deref())?;
        let both = args.vendor.as_deref().zip(args.platform.as_deref());
        both.map(|(vendor, name)| Self::read(vendor, name, at))
            .transpose()
    }

    pub(super) fn processor(&self) -> Processor {
        self.platform.start(self.at).processor().clone()
    }
}

/// A processor that nobody sees again.
pub(super) fn passing_processor() -> Result<Processor> {
    Ok(Processor::new(
        Fuses::from_bytes(&*random::<64>()?),
        [0; 16],
    ))
}

fn read_sigstruct(path: &Path) -> Result<Sigstruct> {
    let bytes = input::read("SIGSTRUCT", path, SIGSTRUCT_SIZE)?;
    let sigstruct = Sigstruct::parse(&bytes).cloned();
    sigstruct.ok_or_else(|| Error::SigstructInvalid {
        path: path.to_owned(),
    })
}

fn random<const N: usize>() -> Result<zeroize::Zeroizing<[u8; N]>> {
    let mut bytes = zeroize::Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| Error::RandomUnavailable {
        reason: error.to_string(),
    })?;
    Ok(bytes)
}
