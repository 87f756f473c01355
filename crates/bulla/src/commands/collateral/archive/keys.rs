//! The keys that sign archives: a private one that stays where archives are made, and a public one for
//! whoever takes them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bulla_archive::key_sha256;
use bulla_pki::{PublicKey, SigningKey, pem};
use zeroize::Zeroizing;

use crate::args::{Format, KeygenArgs};
use crate::config::check_secret;
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::input;
use crate::output::{Exit, Output};
use crate::render::fields;

/// Largest file with a key: one of P-256 has 250 bytes in PEM.
const MAX_SIZE: usize = 16 * 1024;

/// What stands in the files (RFC 7468, sections 10 and 13).
const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// Makes a pair of keys, in two files that were not there.
pub(crate) fn generate(args: &KeygenArgs, output: &mut Output) -> Result<Exit> {
    let key = SigningKey::generate().map_err(|error| Error::RandomUnavailable {
        reason: error.to_string(),
    })?;
    let private = Zeroizing::new(pem::encode(PRIVATE, key.expose_pkcs8()));
    let public = pem::encode(PUBLIC, &key.public_key().to_spki());
    let beside = public_path(&args.key);
    write(&args.key, &private, 0o600)?;
    write(&beside, &public, 0o644).inspect_err(|_| {
        // Half a pair is of no use, and nobody has it yet.
        let _ = fs::remove_file(&args.key);
    })?;
    let made = Fields::new()
        .with("key", args.key.display().to_string())
        .with("public_key", beside.display().to_string())
        .with("signer_sha256", key_sha256(key.public_key()).to_string());
    match output.format() {
        Format::Json => output.json(&made)?,
        Format::Text => {
            let mut text = String::new();
            fields::write(&made, 0, &mut text);
            output.text(&text)?;
        }
    }
    Ok(Exit::Done)
}

fn public_path(private: &Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let written = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
        let written = file.write_all(text.as_bytes());
        let written = written.and_then(|()| file.sync_all());
        // Part of a key is none, and would be in the way of the next one.
        written.inspect_err(|_| {
            let _ = fs::remove_file(path);
        })
    };
    written().map_err(|source| Error::FileUnwritable {
        path: path.to_owned(),
        source,
    })
}

/// The key to sign with.
pub(super) fn private(path: &Path) -> Result<SigningKey> {
    let text = Zeroizing::new(input::read("key", path, MAX_SIZE)?);
    check_secret("key", path)?;
    let der = Zeroizing::new(block(path, &text, PRIVATE)?);
    SigningKey::from_pkcs8(&der).map_err(|error| invalid(path, &error))
}

/// The key that an archive must be signed with.
pub(super) fn public(path: &Path) -> Result<PublicKey> {
    let text = input::read("public key", path, MAX_SIZE)?;
    let der = block(path, &text, PUBLIC)?;
    PublicKey::from_spki(&der).map_err(|error| invalid(path, &error))
}

fn block(path: &Path, text: &[u8], label: &'static str) -> Result<Vec<u8>> {
    let blocks = pem::decode(text, label, 1).map_err(|error| invalid(path, &error))?;
    Ok(blocks.into_iter().next().unwrap_or_default())
}

fn invalid(path: &Path, error: &dyn std::error::Error) -> Error {
    Error::ArchiveKeyInvalid {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
