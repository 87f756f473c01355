//! `bulla gate attest`: evidence in, a signed result out.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bulla_gate::{Attestation, GateError};

use super::reach;
use crate::args::{AttestArgs, Format};
use crate::client;
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::render::fields;
use crate::render::style::{BAD, CAUTION, GOOD, paint};

pub(super) fn run(args: &AttestArgs, output: &mut Output) -> Result<Exit> {
    reach::warn_if_simulated(&args.gate);
    let gate = reach::open(&args.gate)?;
    let runtime = client::runtime(&args.gate.at.service)?;
    let attestation = match runtime.block_on(gate.attest()) {
        Ok(attestation) => attestation,
        Err(error) if error.is_refusal() => return refused(&error, output),
        Err(error) => return Err(error.into()),
    };
    let token = attestation.token().map_err(GateError::from)?;
    if let Some(path) = &args.out {
        save(path, token)?;
    }
    let told = told(&attestation, token);
    match output.format() {
        Format::Json => output.json(&told)?,
        Format::Text => {
            let mark = match attestation.is_simulated() {
                true => paint(CAUTION, "SIMULATED  "),
                false => String::new(),
            };
            let word = paint(GOOD, "attested");
            let mut text = format!("{mark}{word}\n\n");
            fields::write(&told, 0, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

fn told(attestation: &Attestation, token: &str) -> Fields {
    Fields::new()
        .with("attested", true)
        .with("simulated", attestation.is_simulated())
        .with("status", attestation.status())
        .with("until", attestation.until())
        .with("token", token)
}

fn refused(error: &GateError, output: &mut Output) -> Result<Exit> {
    let told = Fields::new()
        .with("attested", false)
        .with("code", error.refusal_code())
        .with("message", error.to_string());
    match output.format() {
        Format::Json => output.json(&told)?,
        Format::Text => {
            let word = paint(BAD, "refused");
            output.text(&format!("{word}  {error}\n"))?;
        }
    }
    Ok(Exit::Refused)
}

/// Replaces a file by one for its owner alone: whoever holds a token can show it.
fn save(path: &Path, token: &str) -> Result<()> {
    let unwritable = |source| Error::FileUnwritable {
        path: path.to_owned(),
        source,
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside);
    let written = file.and_then(|mut file| {
        writeln!(file, "{token}")?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| {
        // A file that was not made cannot be removed.
        let _ = fs::remove_file(&beside);
        unwritable(error)
    })
}
