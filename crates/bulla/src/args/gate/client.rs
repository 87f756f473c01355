//! The attester's side: `bulla gate attest`, `bulla gate run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::args::{Format, KindArg, ServiceAt};

pub(super) const ATTEST_DETAILS: &str = "\
Evidence comes from the kernel (configfs-tsm, in a guest of TDX or SEV-SNP). With
--simulated-platform it comes from a platform of a vendor in a box, which no policy accepts that
does not name this vendor's root.

The result is verified here too: signature, audience, and that it is about the key of this process.
The key ends with the process, so the result shows that this machine was accepted, and opens nothing
afterwards.

Examples:
  bulla gate attest --service https://gate.test.example --policy payroll
  bulla gate attest --policy payroll --simulated-platform node-1 --dir box --out token.jwt

Exit status: 0 attested, 1 refused, 2 it could not be asked.";

pub(super) const RUN_DETAILS: &str = "\
The command starts only after this machine was attested and every secret was released. A secret goes
to the command as
  NAME=file:VAR   a file in memory that nobody else has open; VAR holds its path
  NAME=env:VAR    the value of VAR, which any process of the same user can read

While the command runs, the machine attests again before the result ends. Where the gate refuses, or
cannot be asked until the result has ended, the command is sent SIGTERM, and SIGKILL after the grace
period, with everything in its process group. Signals are passed on to it. It ends, too, when bulla
is killed. It must not read from the terminal.

Examples:
  bulla gate run --service https://gate.test.example --policy payroll \\
      --secret database=file:DATABASE_KEY -- payroll --listen 0.0.0.0:443

Exit status: that of the command, 128 and the number of the signal that ended it; 1 refused before it
was started, 2 no attestation could be had; 124 it was stopped because attestation failed; 126 it
cannot be run, 127 there is no such command.";

/// Which gate, and what is asked of it.
#[derive(Debug, Args)]
pub(crate) struct GateAt {
    #[command(flatten)]
    pub(crate) at: ServiceAt,

    /// The policy by which the gate is to appraise
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) policy: String,

    /// What the gate calls itself in its results [default: its address]
    #[arg(long, value_name = "TEXT")]
    pub(crate) issuer: Option<String>,

    /// For whom the result is [default: the gate itself]
    #[arg(long, value_name = "TEXT")]
    pub(crate) audience: Option<String>,

    /// The gate's public keys as a JWKS, to verify its results by [default: those that it publishes]
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) evidence: EvidenceArgs,
}

/// Where evidence comes from.
#[derive(Debug, Args)]
pub(crate) struct EvidenceArgs {
    /// Where the kernel has configfs-tsm [default: /sys/kernel/config/tsm/report]
    #[arg(long, value_name = "DIR", conflicts_with = "simulated_platform")]
    pub(crate) tsm_reports: Option<PathBuf>,

    /// The privilege level (VMPL) that a report of SEV-SNP is asked for, 0 to 3 [default: the kernel's]
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=3),
          conflicts_with = "simulated_platform")]
    pub(crate) privilege_level: Option<u8>,

    /// SIMULATED: take evidence from this platform of a vendor in a box
    #[arg(long, value_name = "NAME", requires = "dir")]
    pub(crate) simulated_platform: Option<String>,

    /// The directory of that vendor
    #[arg(long, value_name = "DIR", requires = "simulated_platform")]
    pub(crate) dir: Option<PathBuf>,

    /// What that platform attests
    #[arg(
        long,
        value_enum,
        default_value = "sgx-v3",
        requires = "simulated_platform"
    )]
    pub(crate) kind: KindArg,
}

#[derive(Debug, Args)]
pub(crate) struct AttestArgs {
    #[command(flatten)]
    pub(crate) gate: GateAt,

    /// Write the token to this file too, for its owner alone
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// How to answer [default: text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Args)]
pub(crate) struct GateRunArgs {
    #[command(flatten)]
    pub(crate) gate: GateAt,

    /// A secret to have released, and where it goes: NAME=file:VAR or NAME=env:VAR; repeatable
    #[arg(long, value_name = "NAME=TARGET")]
    pub(crate) secret: Vec<SecretArg>,

    /// Seconds between SIGTERM and SIGKILL, where the command is stopped
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(crate) grace: u32,

    /// The command with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The process without which the command must not run
    #[arg(long, value_name = "ID")]
    pub(crate) parent: i32,

    /// The command with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// A secret by name, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretArg {
    pub(crate) name: String,
    pub(crate) target: SecretTarget,
    /// The environment variable.
    pub(crate) variable: String,
}

/// How a secret is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretTarget {
    /// In a file whose path is in the variable.
    File,
    /// In the variable itself.
    Environment,
}

impl FromStr for SecretArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || "write NAME=file:VARIABLE or NAME=env:VARIABLE".to_owned();
        let (name, target) = text.rsplit_once('=').ok_or_else(shape)?;
        let (target, variable) = target.split_once(':').ok_or_else(shape)?;
        let target = match target {
            "file" => SecretTarget::File,
            "env" => SecretTarget::Environment,
            _ => return Err(shape()),
        };
        if name.is_empty() {
            return Err(shape());
        }
        let mut bytes = variable.bytes();
        let is_start = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let is_name = bytes.next().is_some_and(is_start)
            && bytes.all(|byte| is_start(byte) || byte.is_ascii_digit());
        if !is_name {
            return Err(format!(
                "{variable:?} is no name of a variable: letters, digits and _, no digit first"
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            target,
            variable: variable.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_names_where_it_goes() {
        let file = SecretArg {
            name: "database".to_owned(),
            target: SecretTarget::File,
            variable: "DATABASE_KEY".to_owned(),
        };
        assert_eq!("database=file:DATABASE_KEY".parse(), Ok(file.clone()));
        let environment = SecretArg {
            target: SecretTarget::Environment,
            ..file
        };
        assert_eq!("database=env:DATABASE_KEY".parse(), Ok(environment));
        for wrong in [
            "database",
            "database=KEY",
            "=env:KEY",
            "database=env:",
            "database=env:1KEY",
            "database=env:K-Y",
            "database=argument:KEY",
        ] {
            assert!(wrong.parse::<SecretArg>().is_err(), "{wrong}");
        }
    }
}
