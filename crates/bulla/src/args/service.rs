//! How a running service is reached, as typed.

use std::path::PathBuf;

use clap::Args;

/// Where `bulla serve` listens unless told otherwise.
const HERE: &str = "http://127.0.0.1:8081";

/// Which service.
#[derive(Debug, Args)]
pub(crate) struct ServiceAt {
    /// The address of the service
    #[arg(long, value_name = "URL", default_value = HERE)]
    pub(crate) service: String,

    /// The CAs by which its TLS is judged, in PEM [default: those of the operating system]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// Which service, for what takes a token there.
#[derive(Debug, Args)]
pub(crate) struct TokenAt {
    #[command(flatten)]
    pub(crate) at: ServiceAt,

    /// A file with the token of an administrator of the service
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
}

/// What is said of the token where one of a user is enough.
pub(super) const TOKEN_OF_A_USER: &str =
    "A file with the token of a user or administrator of the service";

/// The one root that documents are checked by.
#[derive(Debug, Args)]
pub(crate) struct RootArgs {
    /// The root certificate to check by instead of the vendor's, PEM or DER
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_root: Option<PathBuf>,

    /// The root given by --trust-root is that of a simulated vendor
    #[arg(long, requires = "trust_root")]
    pub(crate) simulated: bool,
}
