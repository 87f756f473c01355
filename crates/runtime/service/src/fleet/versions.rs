//! The versions that a quote shows of its platform, and whether they went back.

use std::fmt;

use bulla_evidence::{Body, Quote};

use crate::judging;

/// The versions that decide about a platform's TCB, as one of its quotes shows them: those that its
/// PCK certificate vouches for, of the TDX module, and of the quoting enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Versions {
    /// SVNs of the 16 SGX components.
    components: [u8; 16],
    /// SVN of the provisioning certification enclave.
    pcesvn: u16,
    /// SVNs of the TDX components as they are now, which a quote of version 1.5 tells apart from
    /// those at the launch of its trust domain; absent for SGX.
    tdx: Option<[u8; 16]>,
    /// SVN of the quoting enclave.
    qe_isvsvn: u16,
}

/// A version that is lower than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lowered {
    /// Whose it is.
    part: Part,
    /// What was known.
    pub known: u16,
    /// What the quote shows.
    pub given: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// An SGX component, by its number from 1 on.
    Component(usize),
    Pce,
    /// The TDX module: its version above its SVN, which begins anew with each version.
    TdxModule,
    /// Any other TDX component, by its number from 1 on.
    TdxComponent(usize),
    QuotingEnclave,
}

impl Versions {
    /// The versions that a quote in binary form shows; absent where it carries no certificate that
    /// can be read, as none does that was verified.
    pub(super) fn of(quote: &[u8]) -> Option<Self> {
        let quote = Quote::parse(quote).ok()?;
        let certified = judging::certified(&quote).ok()?;
        let body = quote.body();
        Some(Self {
            components: certified.components,
            pcesvn: certified.pcesvn,
            tdx: now(&body),
            qe_isvsvn: quote.auth().qe_report.isvsvn.get(),
        })
    }

    /// What is lower than in `known`, if nothing is higher; empty where nothing went back.
    ///
    /// Where some parts are lower and others higher, neither is the older state: a platform may have
    /// been updated in one part and repaired in another.
    pub(super) fn lowered_from(&self, known: &Self) -> Vec<Lowered> {
        let pairs = || self.parts().zip(known.parts());
        if pairs().any(|((_, given), (_, known))| given > known) {
            return Vec::new();
        }
        pairs()
            .filter(|((_, given), (_, known))| given < known)
            .map(|((part, given), (_, known))| Lowered { part, known, given })
            .collect()
    }

    /// All parts, in one order; those of TDX last.
    fn parts(&self) -> impl Iterator<Item = (Part, u16)> {
        let components = (1..)
            .zip(self.components)
            .map(|(number, svn)| (Part::Component(number), svn.into()));
        let tdx = self
            .tdx
            .into_iter()
            .flat_map(|[isvsvn, version, rest @ ..]| {
                let module = u16::from_be_bytes([version, isvsvn]);
                let rest = (3..)
                    .zip(rest)
                    .map(|(number, svn)| (Part::TdxComponent(number), svn.into()));
                std::iter::once((Part::TdxModule, module)).chain(rest)
            });
        components
            .chain([
                (Part::Pce, self.pcesvn),
                (Part::QuotingEnclave, self.qe_isvsvn),
            ])
            .chain(tdx)
    }
}

fn now(body: &Body<'_>) -> Option<[u8; 16]> {
    match body.td15() {
        Some(report) => Some(report.tee_tcb_svn2),
        None => body.td10().map(|report| report.tee_tcb_svn),
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(number) => write!(f, "SGX component {number}"),
            Self::Pce => f.write_str("provisioning certification enclave"),
            Self::TdxModule => f.write_str("TDX module"),
            Self::TdxComponent(number) => write!(f, "TDX component {number}"),
            Self::QuotingEnclave => f.write_str("quoting enclave"),
        }
    }
}

impl fmt::Display for Lowered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, known {}", self.part, self.given, self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_tdx(tdx: [u8; 16]) -> Versions {
        Versions {
            components: [7; 16],
            pcesvn: 13,
            tdx: Some(tdx),
            qe_isvsvn: 8,
        }
    }

    fn said(given: &Versions, known: &Versions) -> Vec<String> {
        let lowered = given.lowered_from(known);
        lowered.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_lower_is_named_with_both_sides_unless_something_is_higher() {
        let known = of_tdx([3; 16]);
        let mut given = known;
        given.components[1] = 6;
        given.pcesvn = 11;
        let lower = [
            "SGX component 2 6, known 7",
            "provisioning certification enclave 11, known 13",
        ];
        assert_eq!(said(&given, &known), lower);
        given.qe_isvsvn = 9;
        assert!(said(&given, &known).is_empty());
    }

    #[test]
    fn the_svn_of_a_tdx_module_begins_anew_with_its_version() {
        let (mut older, mut newer) = ([0; 16], [0; 16]);
        (older[0], older[1]) = (5, 1);
        (newer[0], newer[1]) = (0, 2);
        let (older, newer) = (of_tdx(older), of_tdx(newer));
        assert!(said(&newer, &older).is_empty());
        assert_eq!(said(&older, &newer), ["TDX module 261, known 512"]);
    }

    #[test]
    fn of_two_states_at_most_one_is_the_older() {
        // Every mixture of three parts, each lower, equal or higher.
        for mixture in 0..27_u16 {
            let known = of_tdx([3; 16]);
            let mut given = known;
            given.components[4] = [6, 7, 8][usize::from(mixture % 3)];
            given.pcesvn = [12, 13, 14][usize::from(mixture / 3 % 3)];
            given.qe_isvsvn = [7, 8, 9][usize::from(mixture / 9)];
            let digits = [mixture % 3, mixture / 3 % 3, mixture / 9];
            let lower = digits.iter().filter(|digit| **digit == 0).count();
            let is_back = lower > 0 && !digits.contains(&2);
            let is_forth = lower == 0 && digits.contains(&2);
            let back = given.lowered_from(&known);
            assert_eq!(back.len(), if is_back { lower } else { 0 }, "{digits:?}");
            assert_eq!(
                !known.lowered_from(&given).is_empty(),
                is_forth,
                "{digits:?}"
            );
        }
    }
}
