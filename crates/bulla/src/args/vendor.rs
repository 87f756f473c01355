//! The command line of the vendor in a box, as typed.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::Format;

const OVERVIEW: &str = "\
A vendor that exists as software only: it makes platforms, certifies them, publishes what verifiers
need, and has security events when you say so. It lives in one directory. Nothing that it signs is
trusted by anybody who does not name its root.

Examples:
  bulla vendor init --dir box --public-url http://127.0.0.1:8181
  bulla vendor platform add node-1 --dir box
  bulla vendor quote --platform node-1 --kind sgx-v3 --out attested --dir box
  bulla vendor recover --raises microcode --advisory SIMULATED-SA-00002 --dir box
  bulla vendor promote 2 --dir box
  bulla vendor platform update node-1 --dir box
  bulla vendor revoke --platform node-1 --dir box
  bulla vendor show --dir box
  bulla vendor serve --dir box

Exit status: 0 done, 2 usage, input or other error.";

const INIT_DETAILS: &str = "\
The directory must be empty or not exist. It will hold the seed, from which every private key
follows, and each platform's secrets, in files that only you may read: keep it, and show it to
nobody who is not to sign as this vendor.

Example:
  bulla vendor init --dir box --public-url https://vendor.test.example:8181 --seed 'a rehearsal'";

const RECOVER_DETAILS: &str = "\
A TCB recovery gets the next evaluation data number and is disclosed at once: `early` documents are
of it, and platforms can be updated. `standard` documents follow with `bulla vendor promote`.

Parts are microcode (component-1, component-2 and tdx-microcode), component-1 to component-16, pce,
tdx-microcode, tdx-module, qe and td-qe.

Examples:
  bulla vendor recover --raises microcode,pce --dir box
  bulla vendor recover --raises qe --below Revoked --advisory SIMULATED-SA-00007 --dir box
  bulla vendor recover --raises microcode --below SWHardeningNeeded --at 2027-02-01T10:00:00Z \\
      --dir box";

const REVOKE_DETAILS: &str = "\
Revocations stand in the next revocation list, which is issued at that instant. A revoked signer goes
on signing until `bulla vendor rotate-signer`.

Examples:
  bulla vendor revoke --platform node-1 --dir box
  bulla vendor revoke --ca processor --dir box
  bulla vendor revoke --signer --dir box";

const QUOTE_DETAILS: &str = "\
Writes quote.bin, collateral.json, root.pem and a policy.toml that names the root, and prints the
command that verifies them. The default policy refuses the quote, with or without the root.

Examples:
  bulla vendor quote --platform node-1 --kind tdx15-v5 --out attested --dir box
  bulla vendor quote --platform node-1 --kind sgx-v3 --set early --out attested --dir box
  bulla vendor quote --platform node-1 --kind tdx15-v5 --launched 2026-11-01T00:00:00Z \\
      --out attested --dir box";

const SERVE_DETAILS: &str = "\
The service speaks the vendor's interface, version 4, in plain HTTP, and has the revocation list of
its root where its certificates say. Events from other commands take effect while it runs.

A fault is a path (`*` stands for anything), what is wrong, and perhaps how often:
  latency=MILLISECONDS, status=400..599, reset, truncate, stale=SECONDS, wrong_signature,
  other_platform; then count=N

Examples:
  bulla vendor serve --dir box
  bulla vendor serve --dir box --clock-offset 2592000 --rate-limit 10/60
  bulla vendor serve --dir box --fault '/sgx/certification/v4/tcb status=503 count=2'";

#[derive(Debug, Args)]
#[command(after_long_help = OVERVIEW)]
pub(crate) struct VendorArgs {
    #[command(subcommand)]
    pub(crate) command: VendorCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VendorCommand {
    /// Found a vendor in a directory of its own
    #[command(after_long_help = INIT_DETAILS)]
    Init(InitArgs),
    /// Show the vendor, what happened to it, and its numbers
    Show(ShowArgs),
    /// Make, list, update and register platforms
    #[command(subcommand)]
    Platform(PlatformCommand),
    /// Have a platform attest, and write the quote with its collateral
    #[command(after_long_help = QUOTE_DETAILS)]
    Quote(QuoteArgs),
    /// Disclose a TCB recovery: a new level of security
    #[command(after_long_help = RECOVER_DETAILS)]
    Recover(RecoverArgs),
    /// Make a disclosed number the standard one
    Promote(NumberArgs),
    /// Stop signing an old number: whoever asks for it learns that it is gone
    Retire(NumberArgs),
    /// Revoke a platform, a CA or the signer of documents
    #[command(after_long_help = REVOKE_DETAILS)]
    Revoke(RevokeArgs),
    /// Have documents signed by a new key
    RotateSigner(EventArgs),
    /// Answer as the vendor's web service does
    #[command(after_long_help = SERVE_DETAILS)]
    Serve(ServeArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlatformCommand {
    /// Make a platform
    Add(PlatformAddArgs),
    /// List the platforms
    List(ShowArgs),
    /// Show what a platform sends to ask for its certificates
    Show(PlatformShowArgs),
    /// Install updates on a platform
    Update(PlatformUpdateArgs),
    /// Write the manifest of a platform of several packages
    Manifest(PlatformManifestArgs),
    /// Register the platform that wrote a manifest
    Register(PlatformRegisterArgs),
}

impl VendorArgs {
    pub(crate) fn format(&self) -> Option<Format> {
        let place = match &self.command {
            VendorCommand::Init(args) => &args.place,
            VendorCommand::Show(args) => &args.place,
            VendorCommand::Platform(command) => match command {
                PlatformCommand::Add(args) => &args.event.place,
                PlatformCommand::List(args) => &args.place,
                PlatformCommand::Show(args) => &args.event.place,
                PlatformCommand::Update(args) => &args.event.place,
                PlatformCommand::Manifest(args) => &args.event.place,
                PlatformCommand::Register(args) => &args.event.place,
            },
            VendorCommand::Quote(args) => &args.place,
            VendorCommand::Recover(args) => &args.event.place,
            VendorCommand::Promote(args) | VendorCommand::Retire(args) => &args.event.place,
            VendorCommand::Revoke(args) => &args.event.place,
            VendorCommand::RotateSigner(args) => &args.place,
            VendorCommand::Serve(args) => &args.place,
        };
        place.format
    }
}

/// Where the vendor is, and how to answer.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The directory of the vendor
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Where clients will reach the vendor; its certificates name it as the place of the
    /// revocation lists
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: String,

    /// Make a platform of this name too, of one package; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) platform: Vec<String>,

    /// Have every key follow from this text, for a vendor that can be founded again; whoever knows
    /// it can sign as this vendor [default: random]
    #[arg(long, value_name = "TEXT")]
    pub(crate) seed: Option<String>,

    /// Make the mark of simulation critical, so that whoever does not know it must refuse
    #[arg(long)]
    pub(crate) mark_critically: bool,

    /// When the vendor is founded: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// The instant to look at: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

/// What happens at an instant.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// When it happens: RFC 3339 or Unix seconds; may lie in the future, not before what happened
    /// already [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PlatformAddArgs {
    /// What to call it: lower-case letters, digits and `-`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Give it several packages: it is certified by the Platform CA, and must register
    #[arg(long)]
    pub(crate) multi_package: bool,

    /// Its kind: 12 hexadecimal digits that begin with ff [default: ff53494d554c, or ff53494d554d
    /// for several packages]
    #[arg(long, value_name = "HEX")]
    pub(crate) fmspc: Option<String>,

    /// The number whose updates it leaves the factory with [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) number: Option<u32>,

    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlatformShowArgs {
    /// Which platform
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlatformUpdateArgs {
    /// Which platform
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The number whose updates to install, or `latest`
    #[arg(long, value_name = "NUMBER", default_value = "latest")]
    pub(crate) to: String,

    /// Only these parts, with commas between them [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) part: Option<Vec<String>>,

    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlatformManifestArgs {
    /// Which platform
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Where to write it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlatformRegisterArgs {
    /// The manifest that the platform wrote
    #[arg(value_name = "FILE")]
    pub(crate) manifest: PathBuf,

    /// Register as by the first request for certificates: the vendor keeps no keys
    #[arg(long)]
    pub(crate) indirect: bool,

    #[command(flatten)]
    pub(crate) event: EventArgs,
}

/// The forms of quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    /// SGX, version 3
    SgxV3,
    /// SGX, version 4
    SgxV4,
    /// SGX, version 5
    SgxV5,
    /// TDX 1.0, version 4
    Tdx10V4,
    /// TDX 1.0, version 5
    Tdx10V5,
    /// TDX 1.5, version 5
    Tdx15V5,
    /// TDX 1.5 with the extended service TD fields, version 5
    Tdx15ExV5,
}

#[derive(Debug, Args)]
pub(crate) struct QuoteArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Which platform attests
    #[arg(long, value_name = "NAME")]
    pub(crate) platform: String,

    /// The form of the quote
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) kind: KindArg,

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

    /// Leave the enclave or trust domain open to debugging
    #[arg(long)]
    pub(crate) debug: bool,

    /// When the trust domain was launched, on what was installed then [default: at the time of the
    /// quote]
    #[arg(long, value_name = "TIME")]
    pub(crate) launched: Option<String>,

    /// Which collateral to write: standard, early, or an evaluation data number
    #[arg(long, value_name = "SET", default_value = "standard")]
    pub(crate) set: String,

    /// The instant at which it attests: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,

    /// Where to listen; port 0 is any free one [default: as in the public URL if that is a
    /// loopback address, else 127.0.0.1:8181]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,

    /// Let others than this machine reach the service
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// Have it be this instant for as long as the service runs: RFC 3339 or Unix seconds
    #[arg(long, value_name = "TIME", conflicts_with = "clock_offset")]
    pub(crate) at: Option<String>,

    /// Live so many seconds in the future, or in the past if negative
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub(crate) clock_offset: i64,

    /// A fault to have; repeatable
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,

    /// Answer only so many requests in so many seconds, the others with status 429
    #[arg(long, value_name = "REQUESTS/SECONDS")]
    pub(crate) rate_limit: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    /// What the update raises, with commas between the parts
    #[arg(long, value_name = "LIST", value_delimiter = ',', required = true)]
    pub(crate) raises: Vec<String>,

    /// The status of platforms that lack the update
    #[arg(long, value_name = "STATUS", default_value = "OutOfDate")]
    pub(crate) below: String,

    /// The advisories that apply to them, with commas between
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) advisory: Vec<String>,

    /// The date of the recovery, of which only the day counts [default: the day it is disclosed]
    #[arg(long, value_name = "TIME")]
    pub(crate) date: Option<String>,

    #[command(flatten)]
    pub(crate) event: EventArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NumberArgs {
    /// The evaluation data number
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u32,

    #[command(flatten)]
    pub(crate) event: EventArgs,
}

/// A CA that certifies platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CaArg {
    /// The CA of platforms of one package
    Processor,
    /// The CA of platforms of several packages
    Platform,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("of").required(true).args(["platform", "ca", "signer"])))]
pub(crate) struct RevokeArgs {
    /// A platform, with all its certificates
    #[arg(long, value_name = "NAME")]
    pub(crate) platform: Option<String>,

    /// A CA that certifies platforms
    #[arg(long, value_enum)]
    pub(crate) ca: Option<CaArg>,

    /// The signer of documents at that time
    #[arg(long)]
    pub(crate) signer: bool,

    #[command(flatten)]
    pub(crate) event: EventArgs,
}
