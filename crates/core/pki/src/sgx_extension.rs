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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{element, oid, sequence};

    /// An entry by its arcs below the root, and its value in DER.
    fn entry(arcs: &[u8], value: &[u8]) -> Vec<u8> {
        sequence(&[&oid(&[&ROOT[..], arcs].concat()), value])
    }

    fn octets(arcs: &[u8], octets: &[u8]) -> Vec<u8> {
        entry(arcs, &element(tag::OCTET_STRING, octets))
    }

    /// The entries below `.2`: each component has its number as SVN.
    fn tcb() -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = (1..=16).map(|n| entry(&[2, n], &[2, 1, n])).collect();
        all.push(entry(&[2, 17], &[2, 2, 1, 2]));
        all.push(octets(&[2, 18], &[18; 16]));
        all
    }

    fn configuration() -> Vec<Vec<u8>> {
        let flag = |number, value| entry(&[7, number], &[1, 1, value]);
        vec![flag(1, 0xff), flag(2, 0), flag(3, 0xff)]
    }

    /// The seven entries that the Platform CA writes.
    fn all() -> Vec<Vec<u8>> {
        vec![
            octets(&[1], &[1; 16]),
            entry(&[2], &sequence(&[&tcb().concat()])),
            octets(&[3], &[3; 2]),
            octets(&[4], &[4; 6]),
            entry(&[5], &[10, 1, 1]),
            octets(&[6], &[6; 16]),
            entry(&[7], &sequence(&[&configuration().concat()])),
        ]
    }

    fn read(entries: &[Vec<u8>]) -> Result<SgxExtension, SgxExtensionError> {
        SgxExtension::parse(&element(tag::SEQUENCE, &entries.concat()))
    }

    /// The entry of which an error complains where these stand instead of the one at `place`.
    fn wrong(place: usize, instead: &[Vec<u8>]) -> String {
        let mut entries = all();
        entries.splice(place..=place, instead.iter().cloned());
        read(&entries).unwrap_err().entry
    }

    #[test]
    fn each_entry_finds_its_place_in_whatever_order_they_stand() {
        let platform = PlatformEntries {
            platform_instance_id: [6; 16],
            dynamic_platform: true,
            cached_keys: false,
            smt_enabled: true,
        };
        let expected = SgxExtension {
            ppid: [1; 16],
            components: std::array::from_fn(|index| index as u8 + 1),
            pcesvn: 0x0102,
            cpusvn: [18; 16],
            pce_id: [3; 2],
            fmspc: [4; 6],
            sgx_type: 1,
            platform: Some(platform),
        };
        assert_eq!(read(&all()), Ok(expected));
        let turned: Vec<Vec<u8>> = all().into_iter().rev().collect();
        assert_eq!(read(&turned), Ok(expected));
        let platform = None;
        assert_eq!(
            read(&all()[..5]),
            Ok(SgxExtension {
                platform,
                ..expected
            })
        );
    }

    #[test]
    fn five_or_seven_entries_and_all_of_their_kind() {
        for count in [0, 1, 4, 6] {
            assert_eq!(read(&all()[..count]).unwrap_err().entry, "", "{count}");
        }
        let eight = [all(), vec![octets(&[8], &[8])]].concat();
        assert_eq!(read(&eight).unwrap_err().entry, "");
        assert_eq!(wrong(0, &[octets(&[8], &[1; 16])]), ".1");
        let five_with_another = [&all()[..4], &all()[5..6]].concat();
        assert_eq!(read(&five_with_another).unwrap_err().entry, ".5");
    }

    #[test]
    fn entries_stand_once_and_under_their_root() {
        let twice = [all(), vec![octets(&[1], &[1; 16])]].concat();
        assert!(read(&twice).unwrap_err().reason.contains("stands twice"));
        for arcs in [&[0][..], &[19], &[1, 1], &[]] {
            assert_eq!(wrong(0, &[octets(arcs, &[1; 16])]), "", "{arcs:?}");
        }
        let mut elsewhere = all();
        elsewhere[0][12] = 2;
        assert_eq!(read(&elsewhere).unwrap_err().entry, "");
        let under_another: Vec<Vec<u8>> = (1..=18).map(|n| entry(&[3, n], &[2, 1, n])).collect();
        let tcb = entry(&[2], &sequence(&[&under_another.concat()]));
        assert_eq!(wrong(1, &[tcb]), ".2");
    }

    #[test]
    fn values_have_the_type_and_size_of_their_entry() {
        for (place, value, entry) in [
            (0, octets(&[1], &[1; 15]), ".1"),
            (0, octets(&[1], &[1; 17]), ".1"),
            (2, octets(&[3], &[3; 3]), ".3"),
            (3, octets(&[4], &[4; 5]), ".4"),
            (4, entry(&[5], &[2, 1, 1]), ".5"),
            (4, entry(&[5], &[10, 1, 3]), ".5"),
            (4, entry(&[5], &[10, 2, 0, 1]), ".5"),
            (5, octets(&[6], &[6; 15]), ".6"),
        ] {
            assert_eq!(wrong(place, &[value]), entry);
        }
        for sgx_type in 0..=2 {
            let mut entries = all();
            entries[4] = entry(&[5], &[10, 1, sgx_type]);
            assert_eq!(read(&entries).unwrap().sgx_type, sgx_type);
        }
    }

    #[test]
    fn the_lists_inside_have_all_their_entries() {
        for place in 0..18 {
            let mut less = tcb();
            less.remove(place);
            assert_eq!(wrong(1, &[entry(&[2], &sequence(&[&less.concat()]))]), ".2");
        }
        let mut large = tcb();
        large[4] = entry(&[2, 5], &[2, 2, 1, 0]);
        assert_eq!(
            wrong(1, &[entry(&[2], &sequence(&[&large.concat()]))]),
            ".2.5"
        );
        for place in 0..3 {
            let mut less = configuration();
            less.remove(place);
            assert_eq!(wrong(6, &[entry(&[7], &sequence(&[&less.concat()]))]), ".7");
        }
        let mut number = configuration();
        number[1] = entry(&[7, 2], &[2, 1, 1]);
        assert_eq!(
            wrong(6, &[entry(&[7], &sequence(&[&number.concat()]))]),
            ".7.2"
        );
    }
}
