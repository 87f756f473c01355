//! The command line of `bulla explain`, as typed.

use std::path::PathBuf;

use clap::Args;

use super::service::{ServiceAt, TokenAt};
use super::{CollateralArgs, Format, TermsArgs};

pub(super) const DETAILS: &str = "\
The same question as `bulla verify` asks, with the same answer and exit status, told as a story:
who vouches for whom, from the root to the enclave, drawn and step by step, and whether it held; how
old each document is; which level was reached, and what keeps the platform from the next better one.
Of a refused quote it says what decides, and which parts are too low for what is demanded.

With --service and --at it is told as it was then: with the documents that the service had at that
instant, and the baseline that it demanded of a ring. That takes an administrator's token, or a
baseline by --baseline. With a token and without --at it is told by what is demanded now.

Instead of a quote, --platform takes the last evidence of a platform that the service knows. A service
keeps no earlier evidence: what arrived after --at is told as such.

Examples:
  bulla explain --quote quote.bin --collateral set/
  bulla explain --quote quote.bin --service http://127.0.0.1:8081 --token-file token \\
      --at 2026-12-02T03:10:00Z --ring prod
  bulla explain --platform 0F1E2D3C4B5A69788796A5B4C3D2E1F0 --service http://127.0.0.1:8081 \\
      --token-file token";

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The quote: raw, hex or base64; `-` is standard input
    #[arg(long, value_name = "FILE", required_unless_present = "platform")]
    pub(crate) quote: Option<PathBuf>,

    /// A platform in place of a quote, by its QE-ID as `bulla platform list --evidence` has it, which is
    /// another for SGX than for TDX: its last evidence at the service
    #[arg(
        long,
        value_name = "QE_ID",
        conflicts_with = "quote",
        requires = "token_file"
    )]
    pub(crate) platform: Option<String>,

    #[command(flatten)]
    pub(crate) from: CollateralArgs,

    /// A file with the token of an administrator of the service, who may ask what it demands
    #[arg(long, value_name = "FILE", requires = "service")]
    pub(crate) token_file: Option<PathBuf>,

    /// By what this ring of the service is to reach [default: the ring `default`]
    #[arg(
        long,
        value_name = "RING",
        requires = "token_file",
        conflicts_with = "baseline"
    )]
    pub(crate) ring: Option<String>,

    #[command(flatten)]
    pub(crate) terms: TermsArgs,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

impl ExplainArgs {
    /// The service, if bulla's own routes are to be asked there without a token.
    pub(crate) fn service(&self) -> Option<ServiceAt> {
        Some(ServiceAt {
            service: self.from.service.clone()?,
            ca_file: self.from.ca_file.clone(),
        })
    }

    /// The same with the token; absent without one.
    pub(crate) fn service_with_token(&self) -> Option<TokenAt> {
        Some(TokenAt {
            at: self.service()?,
            token_file: self.token_file.clone()?,
        })
    }
}
