//! How secrets reach the command: in files that exist in memory only, or in its environment.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

use crate::args::{SecretArg, SecretTarget};
use crate::error::{Error, Result};

/// Descriptors from here on are left alone by shells and by programs that count from 0.
const FIRST_DESCRIPTOR: i32 = 100;

/// What every file is called in the list of open files: the name of no secret.
const FILE_NAME: &str = "bulla-secret";

/// The secrets of one command. Files are overwritten and emptied when this is dropped.
#[derive(Default)]
pub(super) struct Delivery {
    files: Vec<MemoryFile>,
}

impl Delivery {
    /// Hands a secret over to a command that is not yet started.
    pub(super) fn add(
        &mut self,
        command: &mut Command,
        secret: &SecretArg,
        value: &[u8],
    ) -> Result<()> {
        let invalid = |reason: String| Error::ArgumentInvalid {
            option: "--secret",
            reason: format!("{}: {reason}", secret.name),
        };
        match secret.target {
            SecretTarget::Environment => {
                if value.contains(&0) {
                    let reason = "a value with a zero byte fits into no variable; use file:";
                    return Err(invalid(reason.to_owned()));
                }
                command.env(&secret.variable, OsStr::from_bytes(value));
            }
            SecretTarget::File => {
                let unusable = |error| invalid(format!("no file in memory: {error}"));
                let file = MemoryFile::write(value).map_err(unusable)?;
                command.env(&secret.variable, file.path());
                self.files.push(file);
            }
        }
        Ok(())
    }
}

/// A file without a name, which ends with the last process that has it open.
struct MemoryFile {
    file: File,
    size: usize,
}

impl MemoryFile {
    fn write(content: &[u8]) -> io::Result<Self> {
        let made = memfd_create(FILE_NAME, MemfdFlags::CLOEXEC)?;
        let mut file = File::from(fcntl_dupfd_cloexec(&made, FIRST_DESCRIPTOR)?);
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        // The command inherits it; it is the only process that is started.
        fcntl_setfd(&file, FdFlags::empty())?;
        Ok(Self {
            file,
            size: content.len(),
        })
    }

    /// Its path for whoever inherited it.
    fn path(&self) -> OsString {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(&vec![0; self.size])?;
        self.file.set_len(0)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        // Where even this fails, the file still ends with its last user.
        let _ = self.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    fn secret(text: &str) -> SecretArg {
        text.parse().unwrap()
    }

    fn variable<'a>(command: &'a Command, name: &str) -> &'a OsStr {
        let mut variables = command.get_envs();
        variables
            .find(|(found, _)| *found == name)
            .unwrap()
            .1
            .unwrap()
    }

    #[test]
    fn a_file_holds_the_secret_for_its_owner_alone_and_is_emptied() {
        let mut command = Command::new("true");
        let mut delivery = Delivery::default();
        delivery
            .add(&mut command, &secret("a=file:A"), b"open\0sesame")
            .unwrap();
        let path = variable(&command, "A").to_owned();
        assert_eq!(fs::read(&path).unwrap(), b"open\0sesame");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let other = File::open(&path).unwrap();
        drop(delivery);
        assert_eq!(
            other.metadata().unwrap().len(),
            0,
            "also for who has it open"
        );
        assert!(fs::metadata(&path).is_err());
    }

    #[test]
    fn a_variable_takes_any_bytes_but_zero() {
        let mut command = Command::new("true");
        let mut delivery = Delivery::default();
        delivery
            .add(&mut command, &secret("a=env:A"), b"\xff=\n")
            .unwrap();
        assert_eq!(variable(&command, "A").as_bytes(), b"\xff=\n");
        let refused = delivery.add(&mut command, &secret("a=env:A"), b"x\0y");
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("zero byte"), "{message}");
        assert!(!message.contains("x\0y"), "no value stands in an error");
    }
}
