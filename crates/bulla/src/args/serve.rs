//! The command line of the collateral service, as typed.

use std::path::PathBuf;

use clap::Args;

use super::Format;
use crate::config::ModeWord;

pub(super) const DETAILS: &str = "\
Without any configuration it listens on port 8081 of this machine, asks Intel's service, and keeps
what it got in $STATE_DIRECTORY, or else $XDG_STATE_HOME/bulla, or else ~/.local/state/bulla. It
answers as Intel's PCCS does (versions 3 and 4), below /pcs as Intel's PCS (version 4), and below /thim
as Azure's THIM for SGX and TDX.

Nothing is served that was not verified under the one trust anchor: Intel's root, or one that is
named here or in the configuration. A configuration is never looked for anywhere.

Examples:
  bulla serve
  bulla serve --config bulla.toml --check-config
  bulla serve --config bulla.toml
  bulla serve --upstream http://127.0.0.1:8181 --trust-root root.pem --simulated --store box-store
  bulla serve --as-pccs pccs --check-config
  bulla serve --hash-token < token

It ends by SIGTERM or an interrupt, and reads changed certificates at SIGHUP.

Exit status: 0 ended as it was told, 2 usage, input or other error.";

#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// The configuration, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Take the place of Intel's cache in this directory: its port, TLS, tokens, mode, upstream
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) as_pccs: Option<PathBuf>,

    /// Say whether everything is in order, and start nothing
    #[arg(long)]
    pub(crate) check_config: bool,

    /// Where to listen on this machine, in plain HTTP; port 0 is any free one; repeatable [default:
    /// port 8081 of 127.0.0.1 and ::1]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Vec<String>,

    /// The directory to keep everything in [default: the first of those named below]
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,

    /// Whom to ask: a PCS or another bulla by its address, a cache by pccs=URL, a directory by
    /// directory=PATH; repeatable, asked in this order [default: Intel]
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Vec<String>,

    /// The root certificate to trust instead of the vendor's, PEM or DER
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_root: Option<PathBuf>,

    /// The root given by --trust-root is that of a simulated vendor
    #[arg(long, requires = "trust_root")]
    pub(crate) simulated: bool,

    /// When upstreams are asked [default: lazy]
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) mode: Option<ModeWord>,

    /// Another cache that is asked what clients ask in the dialect of Intel's cache; differences are
    /// logged and counted, and clients wait for nothing
    #[arg(long, value_name = "URL")]
    pub(crate) shadow: Option<String>,

    /// The CAs by which the shadow's TLS is judged, or its own certificate, in PEM [default: the CAs of
    /// the operating system]
    #[arg(long, value_name = "FILE", requires = "shadow")]
    pub(crate) shadow_ca_file: Option<PathBuf>,

    /// Hash the token on standard input, for the configuration, and start nothing
    #[arg(long, exclusive = true)]
    pub(crate) hash_token: bool,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}
