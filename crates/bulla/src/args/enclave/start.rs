//! What starts an enclave, as typed.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::super::Format;
use super::MemoryArgs;

pub(super) const RUN_DETAILS: &str = "\
The image runs in a process of its own on a SIMULATED processor: isolation for development, never
confidentiality. It is measured and initialised as hardware does it, with the attributes that its
SIGSTRUCT prescribes, and leaves by the calls of Fortanix EDP: standard streams, arguments, time and
TCP. Environment variables cannot be given; that interface has none.

On a platform of a vendor in a box, keys are that platform's and survive the run, and the enclave
finds AESM, which quotes it, behind the host name `aesm.local`; without one, keys are of this run only.

What goes wrong is told on standard error: what, where, and the registers, which may hold secrets of
the enclave. With --format json the last line of standard error is the report as one JSON object.

Examples:
  bulla enclave run app.sgxs --sigstruct app.sig -- first second
  bulla enclave run app.elf --throwaway-key --heap 0x400000
  bulla enclave run app.sgxs --sigstruct app.sig --vendor box --platform node-1

Exit status: 0 the enclave finished, 1 it ended in another way, 2 usage, input or other error.";

pub(super) const QUOTE_DETAILS: &str = "\
Loads and initialises the image, has it report on the platform's processor, and the platform quote
the report. Nothing of the image is executed. Writes what `bulla vendor quote` writes.

Example:
  bulla enclave quote app.sgxs --sigstruct app.sig --vendor box --platform node-1 --out attested";

pub(super) const AESM_DETAILS: &str = "\
Answers at a Unix socket as the vendor's Architectural Enclave Service Manager does, so that programs
that ask it for quotes on hardware can ask a simulated platform. An enclave under `bulla enclave run`
needs none: it finds the service behind the host name `aesm.local`.

Example:
  bulla enclave aesm --socket aesm.socket --vendor box --platform node-1";

pub(super) const SEAL_INFO_DETAILS: &str = "\
Reads sealed data in the layout of the vendor's runtime, which begins with the request for its key,
and says who can open it. With an image and a platform, whether they can, and if not, why.

Examples:
  bulla enclave seal-info state.sealed
  bulla enclave seal-info state.sealed --image app.sgxs --sigstruct app.sig --vendor box \\
      --platform node-1

Exit status: 0 told, or it opens; 1 it stays closed; 2 usage, input or other error.";

/// The signature that an enclave starts with.
#[derive(Debug, Args)]
pub(crate) struct SignatureArgs {
    /// The SIGSTRUCT of the image
    #[arg(long, value_name = "FILE")]
    pub(crate) sigstruct: Option<PathBuf>,

    /// Sign the image on the way with a key that nobody keeps: it has another MRSIGNER each time
    #[arg(long)]
    pub(crate) throwaway_key: bool,
}

/// A platform of a vendor in a box.
#[derive(Debug, Args)]
pub(crate) struct OnPlatformArgs {
    /// The directory of the vendor whose platform it is
    #[arg(long, value_name = "DIR", requires = "platform")]
    pub(crate) vendor: Option<PathBuf>,

    /// The platform
    #[arg(long, value_name = "NAME", requires = "vendor")]
    pub(crate) platform: Option<String>,

    /// What time it is there at the start: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("signature").args(["sigstruct", "throwaway_key"]).required(true))]
pub(crate) struct RunArgs {
    /// The image (SGXS) or the program (ELF); `-` is standard input, of which the enclave then finds
    /// only the end
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,

    #[command(flatten)]
    pub(crate) signature: SignatureArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) platform: OnPlatformArgs,

    /// Stop it once it has computed for so long; waiting does not count [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) compute_limit: Option<u32>,

    /// The ELF file that names its functions in reports [default: the program, if it is one]
    #[arg(long, value_name = "ELF")]
    pub(crate) symbols: Option<PathBuf>,

    /// Simulate also where the processor has SGX
    #[arg(long)]
    pub(crate) despite_hardware: bool,

    /// How to report [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Arguments for the enclave, behind its name, which is `enclave`
    #[arg(last = true, value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("signature").args(["sigstruct", "throwaway_key"]).required(true))]
pub(crate) struct EnclaveQuoteArgs {
    /// The image (SGXS) or the program (ELF)
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,

    #[command(flatten)]
    pub(crate) signature: SignatureArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    /// The directory of the vendor whose platform attests
    #[arg(long, value_name = "DIR")]
    pub(crate) vendor: PathBuf,

    /// The platform
    #[arg(long, value_name = "NAME")]
    pub(crate) platform: String,

    /// The instant at which it attests: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    /// The directory to write to; files of these names in it are replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Data for the quote to carry: at most 128 hexadecimal digits, filled up with zeros [default: none]
    #[arg(
        long,
        value_name = "HEX",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) report_data: String,

    /// Which collateral to write: standard, early, or an evaluation data number
    #[arg(long, value_name = "SET", default_value = "standard")]
    pub(crate) set: String,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct SealInfoArgs {
    /// The sealed data
    #[arg(value_name = "FILE")]
    pub(crate) sealed: PathBuf,

    /// The image (SGXS) or the program (ELF) that is to open it
    #[arg(long, value_name = "FILE", requires_all = ["sigstruct", "vendor"])]
    pub(crate) image: Option<PathBuf>,

    /// The SIGSTRUCT of the image
    #[arg(long, value_name = "FILE", requires = "image")]
    pub(crate) sigstruct: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) platform: OnPlatformArgs,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct AesmArgs {
    /// Where the socket is made
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,

    /// The directory of the vendor whose platform quotes
    #[arg(long, value_name = "DIR")]
    pub(crate) vendor: PathBuf,

    /// The platform
    #[arg(long, value_name = "NAME")]
    pub(crate) platform: String,

    /// What time it is there at the start: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
