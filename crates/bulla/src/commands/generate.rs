//! `bulla generate`: man pages and completions for shells, from the definition of the arguments.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use serde::Serialize;

use crate::args::{self, Format, GenerateArgs};
use crate::error::{Error, Result};
use crate::output::{Exit, Output};

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

#[derive(Serialize)]
struct Written {
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &GenerateArgs, output: &mut Output) -> Result<Exit> {
    let completions = folder(&args.directory, "completions")?;
    let pages = folder(&args.directory, "man")?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut args::definition(), "bulla", &completions)
            .map_err(unwritable(&completions))?;
    }
    clap_mangen::generate_to(args::definition(), &pages).map_err(unwritable(&pages))?;
    let files = [listed(&completions)?, listed(&pages)?].concat();
    match output.format() {
        Format::Json => output.json(&Written { files })?,
        Format::Text => {
            for file in files {
                output.text(&format!("{}\n", file.display()))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn folder(directory: &Path, name: &str) -> Result<PathBuf> {
    let folder = directory.join(name);
    fs::create_dir_all(&folder).map_err(unwritable(&folder))?;
    Ok(folder)
}

/// What is in a folder, in the order of names.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(unwritable(folder))?;
    let files: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut files = files.map_err(unwritable(folder))?;
    files.sort();
    Ok(files)
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    |source| Error::FileUnwritable { path, source }
}
