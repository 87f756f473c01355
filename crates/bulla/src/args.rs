//! The command line as typed. Nothing is read or opened here.

mod baseline;
mod collateral;
mod doctor;
mod enclave;
mod explain;
mod flow;
mod gate;
mod generate;
mod pccs;
mod platform;
mod serve;
mod service;
#[cfg(feature = "postgres")]
mod store;
mod vendor;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::error::Error;
use crate::output::{self, Exit};

pub(crate) use baseline::{
    Asking, BaselineApplyArgs, BaselineCommand, BaselineHistoryArgs, BaselineListArgs,
    BaselinePlanArgs, BaselinePreviewArgs, BaselineShowArgs, EndArgs, ExceptionCommand, GrantArgs,
    PauseArgs, ResumeArgs, RollbackArgs,
};
pub(crate) use collateral::{
    CollateralCommand, ExportArgs, FetchArgs, HistoryArgs, ImportArgs, InspectArchiveArgs,
    KeygenArgs, ListArgs, RefreshArgs, RefusedArgs,
};
pub(crate) use doctor::{DialectArg, DoctorArgs};
pub(crate) use enclave::{
    AesmArgs, ConvertArgs, DiffArgs, EnclaveCommand, EnclaveQuoteArgs, MeasureArgs, MemoryArgs,
    OnPlatformArgs, RunArgs, SealInfoArgs, SignArgs, SignatureArgs,
};
pub(crate) use explain::ExplainArgs;
pub(crate) use gate::{
    Administered, AttestArgs, DecisionsArgs, EvidenceArgs, ExecArgs, GateAt, GateCommand,
    GateRunArgs, KeysCommand, PolicyCommand, PolicyNameArgs, PolicySetArgs, SecretArg,
    SecretCommand, SecretRemoveArgs, SecretSetArgs, SecretTarget, WithdrawArgs,
};
pub(crate) use generate::GenerateArgs;
pub(crate) use pccs::{PccsCommand, PccsExportArgs, PccsImportArgs};
pub(crate) use platform::{
    FleetCommand, FleetListArgs, ObserveArgs, PlatformExportArgs, RegisterArgs, RemoveArgs,
    SourceArg,
};
pub(crate) use serve::ServiceArgs;
pub(crate) use service::{RootArgs, ServiceAt, TokenAt};
#[cfg(feature = "postgres")]
pub(crate) use store::{StoreCommand, StoreCopyArgs};
pub(crate) use vendor::{
    CaArg, EventArgs, InitArgs, KindArg, NumberArgs, PlaceArgs, PlatformAddArgs, PlatformCommand,
    PlatformManifestArgs, PlatformRegisterArgs, PlatformShowArgs, PlatformUpdateArgs, QuoteArgs,
    RecoverArgs, RevokeArgs, ServeArgs, ShowArgs, VendorArgs, VendorCommand,
};

const OVERVIEW: &str = "\
Examples:
  See everything at work, without files, hardware or network:
      bulla demo
  Verify a quote with the collateral that was fetched for it:
      bulla verify --quote quote.bin --collateral collateral.json
  Learn why it was refused, and what would raise its level:
      bulla explain --quote quote.bin --collateral collateral.json
  Look into any file of this field:
      bulla inspect quote.bin
  Keep and serve the vendor's documents, on port 8081:
      bulla serve
  See what a service keeps, and what is wrong with any cache:
      bulla collateral list
      bulla doctor https://cache.example:8081
  Run a command only while this machine is attested:
      bulla gate run --help
  Have a vendor and platforms of your own, without hardware:
      bulla vendor --help
  Run an enclave on one of them:
      bulla enclave run --help

Exit status: 0 accepted or done, 1 refused, 2 usage, input or other error.";

const VERIFY_DETAILS: &str = "\
Collateral is one of
  a JSON file    with tcb_info, tcb_info_signature, tcb_info_issuer_chain, qe_identity,
                 qe_identity_signature, qe_identity_issuer_chain, pck_crl, root_ca_crl (hex DER
                 or PEM), pck_crl_issuer_chain and perhaps pck_certificate_chain
  a directory    with tcb-info.json, tcb-info-issuer-chain.pem, qe-identity.json,
                 qe-identity-issuer-chain.pem, pck-crl.der, pck-crl-issuer-chain.pem,
                 root-ca-crl.der (the CRLs also as .pem or .hex) and perhaps
                 pck-certificate-chain.pem

Or --service URL fetches the set that is in force now, for the platform that the quote names: from
Intel's cache or what speaks like it, from Intel's own service, or from below /pcs of bulla. What
comes is verified like any other collateral, and is as good as its signatures. With --at it is the
set that the service had at that instant, which only a service of bulla can tell.

Several quotes come as JSON Lines: {\"quote\": hex or base64, \"id\": any text, \"collateral\":
object as above, \"at\": time} on each line, all but the quote optional; what --collateral or --at
gives for all quotes, no line may change. The answers are JSON Lines in the same order. A line that
cannot be read gets an error of its own, and the rest goes on.

Without a policy evidence is accepted that is genuine under a vendor's root, has the TCB status
UpToDate, rests on documents all in their window, and is neither open to debugging nor to
profiling. Roots given by --trust-root make evidence verifiable; to accept it, the policy must
name the SHA-256 of their key in `trust_anchors`.

--baseline demands a TCB level besides: for each technology, and where needed for a family, an
evaluation data number, TCB statuses, the age of revocation lists, floors of security versions, and
dated exceptions. From --service comes collateral of the demanded number. Collateral that is given
counts as it is where the number is `standard` or `early`; where a number is demanded, documents of
a lower one are refused.

Examples:
  bulla verify --quote quote.bin --collateral set/ --at 2026-11-23T08:00:00Z
  bulla verify --quote quote.hex --collateral set.json --format json | jq .tcb.status
  bulla verify --quote quote.bin --collateral set/ \\
      --accept-tcb-status UpToDate,SWHardeningNeeded
  bulla verify --quote quote.bin --service http://127.0.0.1:8081
  bulla verify --quote quote.bin --collateral set/ --baseline level-20.toml
  bulla verify --quote fleet.jsonl --collateral set/ > verdicts.jsonl

Exit status: 0 accepted, 1 refused, 2 usage, input or other error. For several quotes: 2 if any
line was an error, else 1 if any quote was refused.";

const INSPECT_DETAILS: &str = "\
The kind of file is told by its content: quotes and collateral raw, in hex or base64;
certificates and CRLs in PEM or DER; TCB info, enclave identities and evaluation data numbers
with or without their signature; collateral sets as JSON or directory; enclave images (SGXS),
their programs (ELF) and SIGSTRUCTs.

Inspecting verifies nothing: whatever a forger wrote is shown as he wrote it.

Examples:
  bulla inspect quote.bin
  bulla inspect pck-chain.pem --format json
  curl ... | bulla inspect -";

const DEMO_DETAILS: &str = "\
A simulated vendor certifies a simulated platform, which attests an SGX enclave and a TDX trust
domain. bulla accepts both under a policy that names the simulated root, and refuses what an
attacker or a careless operator might try. Everything happens in memory.

Exit status: 0 if every outcome is the expected one.";

/// Attestation of confidential computing: verify evidence, offline, by rules you set.
#[derive(Debug, Parser)]
#[command(name = "bulla", version, after_help = OVERVIEW, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify quotes and appraise them, offline
    #[command(after_long_help = VERIFY_DETAILS)]
    Verify(VerifyArgs),
    /// Tell the chain of trust behind a verdict, step by step
    #[command(after_long_help = explain::DETAILS)]
    Explain(Box<ExplainArgs>),
    /// Show what is in a quote, certificate, document or enclave image; verifies nothing
    #[command(after_long_help = INSPECT_DETAILS)]
    Inspect(InspectArgs),
    /// Watch a simulated platform attest, and bulla accept and refuse
    #[command(after_long_help = DEMO_DETAILS)]
    Demo(DemoArgs),
    /// Serve collateral: keep what the vendor publishes, current and verified
    #[command(after_long_help = serve::DETAILS)]
    Serve(ServiceArgs),
    /// See, fetch and carry collateral: what a service keeps, what an upstream has, archives
    #[command(subcommand, after_long_help = collateral::DETAILS)]
    Collateral(CollateralCommand),
    /// Take over from Intel's cache, or go back
    #[command(subcommand)]
    Pccs(PccsCommand),
    /// Move a store from a file into the database of several nodes
    #[cfg(feature = "postgres")]
    #[command(subcommand)]
    Store(StoreCommand),
    /// Decide which TCB level is mandatory at a service, for whom and from when on
    #[command(subcommand, after_long_help = baseline::DETAILS)]
    Baseline(BaselineCommand),
    /// Look after the platforms that a service knows
    #[command(subcommand, after_long_help = platform::DETAILS)]
    Platform(FleetCommand),
    /// Examine any cache of collateral, and print the settings for its clients
    #[command(after_long_help = doctor::DETAILS)]
    Doctor(DoctorArgs),
    /// Attest, and run what may run only while attested
    #[command(subcommand, after_long_help = gate::DETAILS)]
    Gate(GateCommand),
    /// Make, measure, sign and compare enclave images, without hardware or toolchain
    #[command(subcommand)]
    Enclave(EnclaveCommand),
    /// Run a vendor in a box: platforms, certificates, collateral, recoveries, revocations
    Vendor(VendorArgs),
    /// Write the man pages and the completions for shells, as packages install them
    #[command(after_long_help = generate::DETAILS)]
    Generate(GenerateArgs),
}

impl Command {
    /// The format that was asked for.
    pub(crate) fn format(&self) -> Option<Format> {
        match self {
            Self::Verify(args) => args.format,
            Self::Explain(args) => args.format,
            Self::Inspect(args) => args.format,
            Self::Demo(args) => args.format,
            Self::Serve(args) => args.format,
            Self::Collateral(command) => command.format(),
            Self::Pccs(command) => command.format(),
            #[cfg(feature = "postgres")]
            Self::Store(command) => command.format(),
            Self::Baseline(command) => command.format(),
            Self::Platform(command) => command.format(),
            Self::Doctor(args) => args.format,
            Self::Gate(command) => command.format(),
            Self::Enclave(command) => command.format(),
            Self::Vendor(args) => args.format(),
            Self::Generate(args) => args.format,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The quote: raw, hex or base64; also several as JSON Lines; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) quote: PathBuf,

    #[command(flatten)]
    pub(crate) from: CollateralArgs,

    #[command(flatten)]
    pub(crate) terms: TermsArgs,

    /// How to answer [default: text; json for JSON Lines]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

/// Where collateral comes from.
#[derive(Debug, Args)]
pub(crate) struct CollateralArgs {
    /// The collateral of the quote: a directory or a JSON file
    #[arg(long, value_name = "PATH")]
    pub(crate) collateral: Option<PathBuf>,

    /// Take the collateral from a service instead: a cache by its address, another interface by
    /// pcs=URL. It is not trusted
    #[arg(long, value_name = "URL", conflicts_with = "collateral")]
    pub(crate) service: Option<String>,

    /// The CAs by which the service's TLS is judged, or its own certificate, in PEM [default: the CAs of
    /// the operating system]
    #[arg(long, value_name = "FILE", requires = "service")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What evidence is judged by.
#[derive(Debug, Args)]
pub(crate) struct TermsArgs {
    /// The instant to judge by: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,

    /// What is demanded of the evidence, in TOML [default: the strictest that needs no knowledge
    /// of you]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// A baseline that must be reached besides, in TOML; it bears the name of its file
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// TCB statuses to accept, instead of those of the policy, with commas between them
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) accept_tcb_status: Option<Vec<String>>,

    /// A root certificate, PEM or DER, to verify by beside the vendors' own; repeatable. What ends
    /// in it is never called genuine
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_root: Vec<PathBuf>,

    /// The roots given by --trust-root are those of a simulated vendor
    #[arg(long, requires = "trust_root")]
    pub(crate) simulated: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The file, or the directory of a collateral set; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Execute no enclave: have the model of the processor report for it, as where processes cannot
    /// be traced
    #[arg(long)]
    pub(crate) model_only: bool,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs; stable
    Json,
}

/// All commands with their arguments and help, for what is made from them.
pub(crate) fn definition() -> clap::Command {
    flow::flowing(CommandLine::command())
}

/// Why no command is run.
pub(crate) struct Stop {
    reason: clap::Error,
    format: Format,
}

/// Reads the command line.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Command, Stop> {
    definition()
        .try_get_matches_from(arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches))
        .map(|line| line.command)
        .map_err(|reason| Stop {
            reason,
            format: format_asked_for(arguments),
        })
}

impl Stop {
    /// Shows help or version where they were asked for, else says what is wrong.
    pub(crate) fn report(self) -> Exit {
        let asked_for = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
        if asked_for.contains(&self.reason.kind()) {
            return match self.reason.print() {
                Ok(()) => Exit::Done,
                Err(_) => Exit::Failed,
            };
        }
        match self.format {
            Format::Json => {
                let rendered = self.reason.render().to_string();
                let message = rendered
                    .trim()
                    .strip_prefix("error: ")
                    .unwrap_or(&rendered)
                    .to_owned();
                output::report_error(&Error::Usage { message }, Format::Json);
            }
            // Where standard error is closed, the exit status has to do.
            Format::Text => drop(self.reason.print()),
        }
        Exit::Failed
    }
}

/// The format in arguments that cannot be parsed: who reads the answer does not change because
/// the question was wrong.
fn format_asked_for(arguments: &[OsString]) -> Format {
    let words: Vec<&str> = arguments.iter().filter_map(|a| a.to_str()).collect();
    let json = words.contains(&"--format=json")
        || words.windows(2).any(|pair| pair == ["--format", "json"]);
    if json { Format::Json } else { Format::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        definition().debug_assert();
    }

    #[test]
    fn the_format_is_known_even_of_a_wrong_command_line() {
        let format = |line: &str| {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            format_asked_for(&arguments)
        };
        assert_eq!(format("bulla verify --format json"), Format::Json);
        assert_eq!(format("bulla verify --format=json --oops"), Format::Json);
        assert_eq!(format("bulla verify --format"), Format::Text);
        assert_eq!(format("bulla json"), Format::Text);
    }
}
