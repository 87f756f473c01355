//! configfs-tsm of Linux as a model: what `drivers/virt/coco/guest/report.c` does with an entry.
//!
//! It has the rules that a user of the interface can notice: which files there are and how they may
//! be opened, the count of writes, exact sizes, one signing for all blobs, removal by `rmdir` alone.
//! It has no file descriptors, so it cannot show that a real file is written by one `write` and
//! taken at `close`; no second process; and no firmware.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bulla_gate::Files;
use rustix::io::Errno;

/// Where the model's interface is.
pub const BASE: &str = "/model/tsm/report";

/// Most bytes of `inblob`.
const INBLOB_MAX: usize = 64;

/// What signs: the data and the privilege level in, `outblob` and `auxblob` out.
pub type Sign = Box<dyn FnMut(&[u8], Option<u8>) -> Result<(Vec<u8>, Vec<u8>), Errno> + Send>;

/// What somebody else does; called before each call with its number from 0 and the entries.
pub type Meddle = Box<dyn FnMut(usize, &mut Entries) + Send>;

/// The entries by their path.
pub type Entries = BTreeMap<PathBuf, Entry>;

/// The model, shared by all its users.
#[derive(Clone)]
pub struct Kernel(Arc<Mutex<State>>);

struct State {
    provider: Option<(&'static str, Sign)>,
    entries: Entries,
    meddle: Meddle,
    calls: Vec<String>,
    made: usize,
    largest_blob: usize,
    lowest_level: u8,
}

/// One entry.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    inblob: Vec<u8>,
    level: Option<u8>,
    written: u64,
    signed: Option<(u64, Vec<u8>, Vec<u8>)>,
}

impl Entry {
    /// Writes `inblob`, as a user of the interface does.
    pub fn write_inblob(&mut self, content: &[u8]) {
        self.inblob = content.to_vec();
        self.written += 1;
    }
}

impl Kernel {
    /// A kernel with a provider.
    pub fn new(provider: &'static str, sign: Sign) -> Self {
        let mut kernel = Self::bare();
        kernel.state().provider = Some((provider, sign));
        kernel
    }

    /// A kernel whose interface has nothing behind it.
    pub fn bare() -> Self {
        Self(Arc::new(Mutex::new(State {
            provider: None,
            entries: Entries::new(),
            meddle: Box::new(|_, _| ()),
            calls: Vec::new(),
            made: 0,
            largest_blob: 32 * 1024,
            lowest_level: 0,
        })))
    }

    /// A kernel whose reports say what was asked of them.
    pub fn echoing(provider: &'static str) -> Self {
        Self::new(
            provider,
            Box::new(|data, level| {
                let level = level.map_or_else(Vec::new, |level| vec![level]);
                Ok((
                    [b"signed ", data].concat(),
                    [b"table ", &level[..]].concat(),
                ))
            }),
        )
    }

    /// The same with another user of the interface.
    pub fn with_meddler(
        mut self,
        meddle: impl FnMut(usize, &mut Entries) + Send + 'static,
    ) -> Self {
        self.state().meddle = Box::new(meddle);
        self
    }

    /// The same for a guest of a privilege level.
    pub fn with_lowest_level(mut self, level: u8) -> Self {
        self.state().lowest_level = level;
        self
    }

    /// Entries that are there now.
    pub fn entries(&self) -> usize {
        self.lock().entries.len()
    }

    /// How many entries were made.
    pub fn made(&self) -> usize {
        self.lock().made
    }

    /// The calls so far, each with the last part of its path.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    fn state(&mut self) -> std::sync::MutexGuard<'_, State> {
        self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test panics in here")
    }

    fn call<T>(
        &self,
        name: &str,
        path: &Path,
        act: impl FnOnce(&mut State) -> Result<T, Errno>,
    ) -> io::Result<T> {
        let mut state = self.lock();
        let number = state.calls.len();
        let last = path.file_name().unwrap_or_default().display();
        state.calls.push(format!("{name} {last}"));
        let State {
            meddle, entries, ..
        } = &mut *state;
        meddle(number, entries);
        act(&mut state).map_err(io::Error::from)
    }
}

impl State {
    /// The entry of a file, and the file's name.
    fn entry<'p>(&mut self, path: &'p Path) -> Result<(&mut Entry, &'p str), Errno> {
        let entry = path.parent().ok_or(Errno::NOENT)?;
        let entry = self.entries.get_mut(entry).ok_or(Errno::NOENT)?;
        let name = path.file_name().and_then(|name| name.to_str());
        Ok((entry, name.ok_or(Errno::NOENT)?))
    }

    fn is_sev(&self) -> bool {
        matches!(self.provider, Some(("sev_guest", _)))
    }

    fn write(&mut self, path: &Path, content: &[u8]) -> Result<(), Errno> {
        let is_sev = self.is_sev();
        let lowest = self.lowest_level;
        let (entry, name) = self.entry(path)?;
        match name {
            "inblob" if content.len() > INBLOB_MAX => Err(Errno::FBIG),
            "inblob" => {
                entry.write_inblob(content);
                Ok(())
            }
            "privlevel" if is_sev => {
                let text = std::str::from_utf8(content).map_err(|_| Errno::INVAL)?;
                let level: u8 = text.trim_end().parse().map_err(|_| Errno::INVAL)?;
                if !(lowest..=3).contains(&level) {
                    return Err(Errno::INVAL);
                }
                entry.level = Some(level);
                entry.written += 1;
                Ok(())
            }
            "provider" | "generation" | "outblob" => Err(Errno::ACCESS),
            "auxblob" | "privlevel_floor" if is_sev => Err(Errno::ACCESS),
            _ => Err(Errno::NOENT),
        }
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, Errno> {
        let is_sev = self.is_sev();
        let lowest = self.lowest_level;
        let (entry, name) = self.entry(path)?;
        let text = |text: String| Ok(format!("{text}\n").into_bytes());
        match name {
            "generation" => text(entry.written.to_string()),
            "privlevel_floor" if is_sev => text(lowest.to_string()),
            "provider" => {
                let (name, _) = self.provider.as_ref().ok_or(Errno::NXIO)?;
                text((*name).to_owned())
            }
            "inblob" => Err(Errno::ACCESS),
            "privlevel" if is_sev => Err(Errno::ACCESS),
            "outblob" => self.signed(path).map(|(outblob, _)| outblob),
            "auxblob" if is_sev => self.signed(path).map(|(_, auxblob)| auxblob),
            _ => Err(Errno::NOENT),
        }
    }

    /// The blobs, made together by the first reading after a write.
    fn signed(&mut self, path: &Path) -> Result<(Vec<u8>, Vec<u8>), Errno> {
        let is_sev = self.is_sev();
        let largest = self.largest_blob;
        let (_, sign) = self.provider.as_mut().ok_or(Errno::NOTTY)?;
        let entry = path.parent().and_then(|path| self.entries.get_mut(path));
        let entry = entry.ok_or(Errno::NOENT)?;
        if let Some((written, outblob, auxblob)) = &entry.signed
            && *written == entry.written
        {
            return Ok((outblob.clone(), auxblob.clone()));
        }
        if entry.inblob.is_empty() || (is_sev && entry.inblob.len() != INBLOB_MAX) {
            return Err(Errno::INVAL);
        }
        let (outblob, auxblob) = sign(&entry.inblob, entry.level)?;
        if outblob.len().max(auxblob.len()) > largest {
            return Err(Errno::FBIG);
        }
        entry.signed = Some((entry.written, outblob.clone(), auxblob.clone()));
        Ok((outblob, auxblob))
    }
}

impl Files for Kernel {
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        self.call("mkdir", path.parent().unwrap_or(path), |state| {
            if path.parent() != Some(Path::new(BASE)) {
                return Err(Errno::NOENT);
            }
            if state.provider.is_none() {
                return Err(Errno::NXIO);
            }
            if state.entries.contains_key(path) {
                return Err(Errno::EXIST);
            }
            state.made += 1;
            state.entries.insert(path.to_owned(), Entry::default());
            Ok(())
        })
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.call("write", path, |state| state.write(path, content))
    }

    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let mut content = self.call("read", path, |state| state.read(path))?;
        content.truncate(limit + 1);
        Ok(content)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.call("rmdir", path.parent().unwrap_or(path), |state| {
            state.entries.remove(path).map(|_| ()).ok_or(Errno::NOENT)
        })
    }
}
