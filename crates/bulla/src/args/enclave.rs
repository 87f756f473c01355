//! The command line of enclaves, as typed.

mod start;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, InspectArgs};

pub(crate) use start::{
    AesmArgs, EnclaveQuoteArgs, OnPlatformArgs, RunArgs, SealInfoArgs, SignatureArgs,
};

const CONVERT_DETAILS: &str = "\
The program is the ELF file of a Rust program for the target x86_64-fortanix-unknown-sgx. Everything
given here is measured: the same file with another heap is another enclave.";

const SIGN_DETAILS: &str = "\
The key is RSA with 3072 bits and exponent 3, in PEM without passphrase, and nobody but its owner may
read it. The signature prescribes every attribute and leaves of the extended state open only AVX,
AVX-512 and PKRU. The same image, key and arguments always give the same bytes.

Examples:
  bulla enclave sign app.sgxs --key signer.pem --generate-key --date 2026-11-28 --out app.sig
  openssl genrsa -3 3072 > signer.pem && chmod 600 signer.pem";

const DIFF_DETAILS: &str = "\
Both files are images (SGXS or ELF) or both are SIGSTRUCTs. Of ELF files the section is named that
holds what differs.

Exit status: 0 they are the same, 1 they differ, 2 usage, input or other error.";

#[derive(Debug, Subcommand)]
pub(crate) enum EnclaveCommand {
    /// Make an enclave image (SGXS) of a program (ELF)
    #[command(after_long_help = CONVERT_DETAILS)]
    Convert(ConvertArgs),
    /// Measure an image or a program: MRENCLAVE, pages, layout
    Measure(MeasureArgs),
    /// Sign an image: SIGSTRUCT, with a key that can be made on the way
    #[command(after_long_help = SIGN_DETAILS)]
    Sign(SignArgs),
    /// Show a program, an image or a SIGSTRUCT field by field; as `bulla inspect`
    Inspect(InspectArgs),
    /// Say why two images measure differently, or two SIGSTRUCTs are not the same
    #[command(after_long_help = DIFF_DETAILS)]
    Diff(DiffArgs),
    /// Run an enclave on a simulated processor
    #[command(after_long_help = start::RUN_DETAILS)]
    Run(RunArgs),
    /// Have a simulated platform quote an enclave, and write the quote with its collateral
    #[command(after_long_help = start::QUOTE_DETAILS)]
    Quote(EnclaveQuoteArgs),
    /// Quote enclaves for other programs, as the vendor's service (AESM) does
    #[command(after_long_help = start::AESM_DETAILS)]
    Aesm(AesmArgs),
    /// Say who can open sealed data
    #[command(after_long_help = start::SEAL_INFO_DETAILS)]
    SealInfo(SealInfoArgs),
}

impl EnclaveCommand {
    pub(super) fn format(&self) -> Option<Format> {
        match self {
            Self::Convert(args) => args.format,
            Self::Measure(args) => args.format,
            Self::Sign(args) => args.format,
            Self::Inspect(args) => args.format,
            Self::Diff(args) => args.format,
            Self::Run(args) => args.format,
            Self::Quote(args) => args.format,
            Self::Aesm(args) => args.format,
            Self::SealInfo(args) => args.format,
        }
    }
}

/// What an enclave gets beside its program. Of images all of that is settled.
#[derive(Debug, Args)]
pub(crate) struct MemoryArgs {
    /// Heap in bytes, whole pages; 0x for hexadecimal. Of ELF files only, as the next three
    #[arg(long, value_name = "BYTES", default_value = "0x1000000")]
    pub(crate) heap: String,

    /// Stack of each thread in bytes, whole pages
    #[arg(long, value_name = "BYTES", default_value = "0x20000")]
    pub(crate) stack: String,

    /// How many threads can be inside at a time
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) threads: u32,

    /// A debug build: the program may tell outside why it panics; signed to run with DEBUG only
    #[arg(long)]
    pub(crate) debug: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The program, ELF
    #[arg(value_name = "ELF")]
    pub(crate) program: PathBuf,

    /// Where the image is written
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct MeasureArgs {
    /// The image (SGXS) or the program (ELF)
    #[arg(value_name = "FILE")]
    pub(crate) image: PathBuf,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The image (SGXS) or the program (ELF)
    #[arg(value_name = "FILE")]
    pub(crate) image: PathBuf,

    /// The signer's key, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Make the key first, where --key says; there must be none yet
    #[arg(long)]
    pub(crate) generate_key: bool,

    /// The date that the signature bears, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    pub(crate) date: String,

    /// Where the SIGSTRUCT is written
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// ISVPRODID: which of the signer's products it is
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) product: u16,

    /// ISVSVN: its security version
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) security_version: u16,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The one file
    #[arg(value_name = "LEFT")]
    pub(crate) left: PathBuf,

    /// The other
    #[arg(value_name = "RIGHT")]
    pub(crate) right: PathBuf,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
