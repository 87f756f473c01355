//! The parts of a platform that have a security version, and their SVNs.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use bulla_processor::{PckTcb, Tcb, TdxModule};
use serde::{Deserialize, Serialize};

/// Major version of the TDX module of every platform: byte 1 of `tee_tcb_svn`.
pub const TDX_MODULE_MAJOR: u8 = 1;

/// A part of a platform's trusted computing base that has an SVN of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Part {
    /// A component of the processor's SVN.
    Component(ComponentNumber),
    /// The provisioning certification enclave.
    Pce,
    /// The microcode as TDX counts it: byte 2 of `tee_tcb_svn`.
    TdxMicrocode,
    /// The TDX module: byte 0 of `tee_tcb_svn`.
    TdxModule,
    /// The quoting enclave for enclaves.
    Qe,
    /// The quoting enclave for trust domains.
    TdQe,
}

/// Which of the sixteen SGX components, counted from 1 as in the vendor's `sgxtcbcomp01svn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentNumber(u8);

impl ComponentNumber {
    /// The component of this number; `None` unless it is 1 to 16.
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            1..=16 => Some(Self(number)),
            _ => None,
        }
    }

    /// All sixteen.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (1..=16).map(Self)
    }

    const fn index(self) -> usize {
        self.0 as usize - 1
    }
}

impl Part {
    /// What an update of the microcode raises: the first two components and TDX's count.
    pub const MICROCODE: [Self; 3] = [
        Self::Component(ComponentNumber(1)),
        Self::Component(ComponentNumber(2)),
        Self::TdxMicrocode,
    ];

    /// Every part.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        Self::of_sgx_platforms().chain([Self::TdxMicrocode, Self::TdxModule, Self::Qe, Self::TdQe])
    }

    /// What the levels of TCB info for SGX tell apart, and PCK certificates with them.
    pub fn of_sgx_platforms() -> impl Iterator<Item = Self> + Clone {
        ComponentNumber::all()
            .map(Self::Component)
            .chain([Self::Pce])
    }

    /// What the levels of TCB info for TDX tell apart; the module has levels of its own.
    pub fn of_tdx_platforms() -> impl Iterator<Item = Self> + Clone {
        Self::of_sgx_platforms().chain([Self::TdxMicrocode])
    }

    /// The parts that a word of the command line names: the name of one part, or `microcode` for
    /// [`Self::MICROCODE`].
    pub fn named(word: &str) -> Result<BTreeSet<Self>, UnknownPart> {
        match word {
            "microcode" => Ok(Self::MICROCODE.into()),
            other => Ok([other.parse()?].into()),
        }
    }
}

/// The word names no part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no part with an SVN; there are microcode, component-1 to component-16, pce, \
     tdx-microcode, tdx-module, qe and td-qe"
)]
pub struct UnknownPart(pub String);

impl FromStr for Part {
    type Err = UnknownPart;

    fn from_str(word: &str) -> Result<Self, UnknownPart> {
        Self::all()
            .find(|part| part.to_string() == word)
            .ok_or_else(|| UnknownPart(word.to_owned()))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(number) => write!(f, "component-{}", number.0),
            Self::Pce => f.write_str("pce"),
            Self::TdxMicrocode => f.write_str("tdx-microcode"),
            Self::TdxModule => f.write_str("tdx-module"),
            Self::Qe => f.write_str("qe"),
            Self::TdQe => f.write_str("td-qe"),
        }
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

impl TryFrom<String> for Part {
    type Error = UnknownPart;

    fn try_from(word: String) -> Result<Self, UnknownPart> {
        word.parse()
    }
}

/// The SVNs of all parts: of a platform as it is, or as a level asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Svns {
    /// SVNs of the sixteen SGX components, which are also the bytes of CPUSVN.
    pub components: [u8; 16],
    /// SVN of the provisioning certification enclave.
    pub pce: u16,
    /// SVN of the microcode as TDX counts it.
    pub tdx_microcode: u8,
    /// SVN of the TDX module within [`TDX_MODULE_MAJOR`].
    pub tdx_module: u8,
    /// SVN of the quoting enclave for enclaves.
    pub qe: u16,
    /// SVN of the quoting enclave for trust domains.
    pub td_qe: u16,
}

/// The SVN has the highest value that its field can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} has SVN {svn}, the highest there is, and cannot be raised")]
pub struct SvnExhausted {
    /// The part that was to be raised.
    pub part: Part,
    /// Its SVN.
    pub svn: u16,
}

impl Svns {
    /// What the first platforms left the factory with. One component is 255, as in many genuine
    /// platforms, and can never be raised.
    pub const FOUNDING: Self = Self {
        components: [7, 7, 2, 2, 4, 1, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0],
        pce: 13,
        tdx_microcode: 4,
        tdx_module: 5,
        qe: 8,
        td_qe: 4,
    };

    /// The SVN of one part.
    pub fn get(&self, part: Part) -> u16 {
        match part {
            Part::Component(number) => self.components[number.index()].into(),
            Part::Pce => self.pce,
            Part::TdxMicrocode => self.tdx_microcode.into(),
            Part::TdxModule => self.tdx_module.into(),
            Part::Qe => self.qe,
            Part::TdQe => self.td_qe,
        }
    }

    /// Raises one part by one.
    pub fn raise(&mut self, part: Part) -> Result<(), SvnExhausted> {
        let svn = self.get(part);
        let exhausted = || SvnExhausted { part, svn };
        let byte = |field: &mut u8| field.checked_add(1).map(|svn| *field = svn);
        let word = |field: &mut u16| field.checked_add(1).map(|svn| *field = svn);
        match part {
            Part::Component(number) => byte(&mut self.components[number.index()]),
            Part::Pce => word(&mut self.pce),
            Part::TdxMicrocode => byte(&mut self.tdx_microcode),
            Part::TdxModule => byte(&mut self.tdx_module),
            Part::Qe => word(&mut self.qe),
            Part::TdQe => word(&mut self.td_qe),
        }
        .ok_or_else(exhausted)
    }

    /// Brings one part to where `other` has it, unless it is there or further already.
    pub fn update(&mut self, part: Part, other: &Self) {
        match part {
            Part::Component(number) => {
                let index = number.index();
                let newer = self.components[index].max(other.components[index]);
                self.components[index] = newer;
            }
            Part::Pce => self.pce = self.pce.max(other.pce),
            Part::TdxMicrocode => self.tdx_microcode = self.tdx_microcode.max(other.tdx_microcode),
            Part::TdxModule => self.tdx_module = self.tdx_module.max(other.tdx_module),
            Part::Qe => self.qe = self.qe.max(other.qe),
            Part::TdQe => self.td_qe = self.td_qe.max(other.td_qe),
        }
    }

    /// Whether one of these parts differs between the two.
    pub fn differ_in(&self, other: &Self, mut parts: impl Iterator<Item = Part>) -> bool {
        parts.any(|part| self.get(part) != other.get(part))
    }

    /// `tee_tcb_svn` of a trust domain that runs on these: module, its major version, microcode.
    pub fn tee_tcb_svn(&self) -> [u8; 16] {
        let mut svn = [0; 16];
        svn[..3].copy_from_slice(&[self.tdx_module, TDX_MODULE_MAJOR, self.tdx_microcode]);
        svn
    }

    /// The part that selects the PCK, and its certificate.
    pub fn pck(&self) -> PckTcb {
        PckTcb {
            cpusvn: self.components,
            pcesvn: self.pce,
        }
    }

    /// The TDX module with these.
    pub(crate) fn tdx_module(&self) -> TdxModule {
        TdxModule::new(self.tee_tcb_svn())
    }
}

/// What the processor's model calls installed.
impl From<&Svns> for Tcb {
    fn from(svns: &Svns) -> Self {
        Self {
            cpusvn: svns.components,
            pcesvn: svns.pce,
            qe_svn: svns.qe,
            tdqe_svn: svns.td_qe,
            tdx_module: svns.tdx_module(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_word_of_its_own() {
        let words: BTreeSet<String> = Part::all().map(|part| part.to_string()).collect();
        assert_eq!(words.len(), 21);
        for part in Part::all() {
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        for word in ["component-0", "component-17", "component-01", "PCE", ""] {
            assert_eq!(word.parse::<Part>(), Err(UnknownPart(word.to_owned())));
        }
        assert_eq!(Part::named("microcode").unwrap().len(), 3);
    }

    #[test]
    fn every_part_can_be_raised_but_the_one_at_its_end() {
        for part in Part::all() {
            let mut svns = Svns::FOUNDING;
            let before = svns.get(part);
            match svns.raise(part) {
                Ok(()) => assert_eq!(svns.get(part), before + 1),
                Err(error) => assert_eq!(error, SvnExhausted { part, svn: 255 }),
            }
            let others = || Part::all().filter(|other| *other != part);
            assert!(!svns.differ_in(&Svns::FOUNDING, others()));
        }
    }

    #[test]
    fn an_update_never_lowers_an_svn() {
        for part in Part::all().filter(|part| Svns::FOUNDING.get(*part) < 255) {
            let mut newer = Svns::FOUNDING;
            newer.raise(part).unwrap();
            let mut platform = Svns::FOUNDING;
            platform.update(part, &newer);
            assert_eq!(platform, newer);
            platform.update(part, &Svns::FOUNDING);
            assert_eq!(platform, newer);
        }
    }
}
