//! Intel's SGX extension of PCK certificates (Intel SGX PCK Certificate and CRL Profile
//! Specification, `1.2.840.113741.1.13.1`).

use crate::der::{DerError, Reader, tag};

/// The content octets of the object identifier `1.2.840.113741.1.13.1`.
const ROOT: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];

/// What the vendor certifies about a platform.
///
/// One that exists had exactly the entries of its kind, each once, of the right type and size:
/// five under the Processor CA, seven under the Platform CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SgxExtension {
    /// Platform provisioning id, 16 bytes (`.1`).
    pub ppid: [u8; 16],
    /// SVNs of the 16 TCB components (`.2.1` to `.2.16`).
    pub components: [u8; 16],
    /// SVN of the provisioning certification enclave (`.2.17`).
    pub pcesvn: u16,
    /// CPUSVN, 16 bytes (`.2.18`).
    pub cpusvn: [u8; 16],
    /// Identity of the provisioning certification enclave, 2 bytes (`.3`).
    pub pce_id: [u8; 2],
    /// Family, model, stepping, platform type and customised SKU, 6 bytes (`.4`).
    pub fmspc: [u8; 6],
    /// 0 standard, 1 scalable, 2 scalable with integrity (`.5`).
    pub sgx_type: u8,
    /// Entries `.6` and `.7`, which only the Platform CA writes.
    pub platform: Option<PlatformEntries>,
}

/// The entries that only certificates of the Platform CA have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformEntries {
    /// Id of the platform instance, 16 bytes (`.6`).
    pub platform_instance_id: [u8; 16],
    /// Packages can be added (`.7.1`).
    pub dynamic_platform: bool,
    /// The vendor keeps the platform's keys (`.7.2`).
    pub cached_keys: bool,
    /// Simultaneous multithreading is on (`.7.3`).
    pub smt_enabled: bool,
}

/// Why the extension cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the SGX extension breaks its format at entry {entry}: {reason}")]
pub struct SgxExtensionError {
    /// The number of the entry below `1.2.840.113741.1.13.1`, for example `.2.17`.
    pub entry: String,
    /// What the DER reader says.
    pub reason: String,
}

impl SgxExtension {
    /// Reads the content of the extension.
    ///
    /// ```text
    /// SGXExtensions ::= SEQUENCE OF SEQUENCE { OBJECT IDENTIFIER, ANY }
    /// ```
    pub fn parse(content: &[u8]) -> Result<Self, SgxExtensionError> {
        let top = Entries::read("", &[], content)?;
        let count = top.count();
        if count != 5 && count != 7 {
            return Err(top.error("", format!("{count} entries, not 5 or 7")));
        }
        let tcb = Entries::read(".2", &[2], top.raw(2)?)?;
        if tcb.count() != 18 {
            return Err(tcb.error("", format!("{} entries, not 18", tcb.count())));
        }
        let mut components = [0; 16];
        for (number, component) in (1..).zip(&mut components) {
            *component = tcb.value(number, Reader::u8)?;
        }
        let platform = match count {
            7 => Some(PlatformEntries::read(&top)?),
            _ => None,
        };
        Ok(Self {
            ppid: top.octets(1)?,
            components,
            pcesvn: tcb.value(17, Reader::u16)?,
            cpusvn: tcb.octets(18)?,
            pce_id: top.octets(3)?,
            fmspc: top.octets(4)?,
            sgx_type: top.value(5, read_sgx_type)?,
            platform,
        })
    }
}

impl PlatformEntries {
    fn read(top: &Entries<'_>) -> Result<Self, SgxExtensionError> {
        let configuration = Entries::read(".7", &[7], top.raw(7)?)?;
        if configuration.count() != 3 {
            let reason = format!("{} entries, not 3", configuration.count());
            return Err(configuration.error("", reason));
        }
        Ok(Self {
            platform_instance_id: top.octets(6)?,
            dynamic_platform: configuration.value(1, Reader::boolean)?,
            cached_keys: configuration.value(2, Reader::boolean)?,
            smt_enabled: configuration.value(3, Reader::boolean)?,
        })
    }
}

fn read_sgx_type(reader: &mut Reader<'_>) -> Result<u8, DerError> {
    let contents = reader.element(tag::ENUMERATED, "an ENUMERATED is expected")?;
    match contents.rest() {
        [sgx_type @ 0..=2] => Ok(*sgx_type),
        _ => Err(contents.error("none of the known types of SGX")),
    }
}

/// The most entries that one list of the extension can have.
const MAX_ENTRIES: usize = 18;

/// The entries of one list, by their last number; each at most once.
struct Entries<'a> {
    prefix: &'static str,
    values: [Option<&'a [u8]>; MAX_ENTRIES],
}

impl<'a> Entries<'a> {
    /// `parent` are the arcs below the root under which the entries of this list stand.
    fn read(
        prefix: &'static str,
        parent: &[u8],
        content: &'a [u8],
    ) -> Result<Self, SgxExtensionError> {
        let mut entries = Self {
            prefix,
            values: [None; MAX_ENTRIES],
        };
        match entries.fill(parent, content) {
            Ok(()) => Ok(entries),
            Err(error) => Err(entries.error("", error.to_string())),
        }
    }

    fn fill(&mut self, parent: &[u8], content: &'a [u8]) -> Result<(), DerError> {
        let mut reader = Reader::new(content);
        let mut list = reader.sequence()?;
        reader.finish()?;
        while !list.is_empty() {
            let mut pair = list.sequence()?;
            let at = pair;
            let oid = pair.object_identifier()?;
            let value = pair.rest();
            pair.any()?;
            pair.finish()?;
            // The last arc is below 128 and therefore one octet.
            let slot = match oid
                .strip_prefix(&ROOT)
                .and_then(|oid| oid.strip_prefix(parent))
            {
                Some([number]) => usize::from(*number)
                    .checked_sub(1)
                    .and_then(|index| self.values.get_mut(index)),
                _ => None,
            };
            match slot {
                Some(slot @ None) => *slot = Some(value),
                Some(Some(_)) => return Err(at.error("an entry stands twice")),
                None => return Err(at.error("an unknown entry")),
            }
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// The whole value of an entry.
    fn raw(&self, number: u8) -> Result<&'a [u8], SgxExtensionError> {
        let index = usize::from(number).checked_sub(1);
        index
            .and_then(|index| self.values.get(index).copied().flatten())
            .ok_or_else(|| {
                self.error(
                    &format!(".{number}"),
                    "missing or of another list".to_owned(),
                )
            })
    }

    fn value<T>(
        &self,
        number: u8,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DerError>,
    ) -> Result<T, SgxExtensionError> {
        let mut reader = Reader::new(self.raw(number)?);
        read(&mut reader)
            .and_then(|value| reader.finish().map(|()| value))
            .map_err(|error| self.error(&format!(".{number}"), error.to_string()))
    }

    fn octets<const N: usize>(&self, number: u8) -> Result<[u8; N], SgxExtensionError> {
        self.value(number, |reader| {
            let wrong = reader.error("an OCTET STRING of another size");
            reader.octet_string()?.try_into().map_err(|_| wrong)
        })
    }

    fn error(&self, entry: &str, reason: String) -> SgxExtensionError {
        SgxExtensionError {
            entry: format!("{}{entry}", self.prefix),
            reason,
        }
    }
}
