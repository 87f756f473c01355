//! Signing images.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bulla_evidence::layout::{SgxAttributes, sgx_attributes};
use bulla_processor::{EnclaveSigner, SIGSTRUCT_SIZE, Sigstruct};
use zerocopy::IntoBytes;

use super::load::{self, Loaded};
use crate::args::SignArgs;
use crate::config::check_secret;
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::input;

/// Largest file with a key: one of 3072 bits has 2,500 bytes in PEM.
const MAX_KEY_SIZE: usize = 16 * 1024;

/// x87 and SSE state, which every enclave has.
const XFRM: u64 = 0b11;

/// Of the extended state, AVX, AVX-512 and PKRU are the starter's choice; nothing else is.
const XFRM_MASK: u64 = !0x2e4;

/// What is signed beside the measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    /// As SIGSTRUCTs bear it.
    pub(super) date: u32,
    pub(super) product: u16,
    pub(super) security_version: u16,
    /// Whether it is to run with DEBUG, and not without.
    pub(super) debug: bool,
}

impl Terms {
    /// A SIGSTRUCT that prescribes every attribute and most of the extended state.
    pub(super) fn sign(self, mrenclave: [u8; 32], signer: &EnclaveSigner) -> Sigstruct {
        let debug = if self.debug { sgx_attributes::DEBUG } else { 0 };
        let mut sigstruct = Sigstruct {
            date: self.date.into(),
            misc_mask: u32::MAX.into(),
            attributes: SgxAttributes {
                flags: (sgx_attributes::MODE64 | debug).into(),
                xfrm: XFRM.into(),
            },
            attribute_mask: SgxAttributes {
                flags: u64::MAX.into(),
                xfrm: XFRM_MASK.into(),
            },
            isvprodid: self.product.into(),
            isvsvn: self.security_version.into(),
            ..Sigstruct::new(mrenclave)
        };
        signer.sign(&mut sigstruct);
        sigstruct
    }
}

pub(super) fn run(args: &SignArgs) -> Result<Fields> {
    let terms = Terms {
        date: date(&args.date)?,
        product: args.product,
        security_version: args.security_version,
        debug: args.memory.debug,
    };
    let mrenclave = Loaded::read(&args.image, &args.memory)?.mrenclave(&args.image)?;
    let signer = match args.generate_key {
        true => generate(&args.key)?,
        false => read(&args.key)?,
    };
    let sigstruct = terms.sign(mrenclave, &signer);
    load::write(&args.out, sigstruct.as_bytes())?;
    Ok(Fields::new()
        .with("sigstruct", args.out.display().to_string())
        .with("size", SIGSTRUCT_SIZE)
        .hex("mrenclave", mrenclave)
        .hex("mrsigner", signer.mrsigner())
        .with("isvprodid", args.product)
        .with("isvsvn", args.security_version)
        .with("date", args.date.as_str())
        .with("debug", args.memory.debug))
}

/// A new key, in a file that only its owner can read.
fn generate(path: &Path) -> Result<EnclaveSigner> {
    let unwritable = |source| Error::FileUnwritable {
        path: path.to_owned(),
        source,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(unwritable)?;
    let mut random = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *random).map_err(|error| Error::RandomUnavailable {
        reason: error.to_string(),
    })?;
    let signer = EnclaveSigner::generate(&random);
    file.write_all(signer.to_pem().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(unwritable)?;
    Ok(signer)
}

fn read(path: &Path) -> Result<EnclaveSigner> {
    let text = zeroize::Zeroizing::new(input::read("key", path, MAX_KEY_SIZE)?);
    check_secret("key", path)?;
    EnclaveSigner::from_pem(&text).map_err(|error| Error::SignerKeyInvalid {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// A date as SIGSTRUCTs bear it: its decimal digits as those of a hexadecimal number.
fn date(text: &str) -> Result<u32> {
    let date: Option<jiff::civil::Date> = text.parse().ok();
    let digits = date
        .filter(|date| date.to_string() == text && date.year() >= 1970)
        .and_then(|_| u32::from_str_radix(&text.replace('-', ""), 16).ok());
    digits.ok_or(Error::ArgumentInvalid {
        option: "--date",
        reason: format!("`{text}` is no date; write YYYY-MM-DD"),
    })
}
