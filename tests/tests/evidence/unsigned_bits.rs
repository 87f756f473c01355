//! Nothing unsigned matters: every single-bit change of a genuine quote or of its collateral is
//! refused, or changes no fact of the verdict.
//!
//! A release build changes every bit, a debug build a fixed sample:
//! `cargo test --release -p bulla-tests --test evidence unsigned_bits`.

use std::collections::BTreeMap;
use std::path::Path;

use bulla_collateral::CollateralSet;
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_tests::{cases, vectors};
use bulla_verifier::{PreparedCollateral, Verdict, Verification};

/// Every how many bits one is changed. A prime, so that all bit positions of a byte occur.
const STRIDE: usize = if cfg!(debug_assertions) { 331 } else { 1 };

struct Genuine {
    quote: Vec<u8>,
    collateral: CollateralSet,
    at: Timestamp,
}

impl Genuine {
    /// The first recorded case of this technology and version whose verdict is `UpToDate`.
    fn find(folder: &Path, tee: &str, quote_version: u16) -> Self {
        let all = cases::read_all(folder);
        let case = all
            .iter()
            .filter(|case| case.tee == tee && case.quote_version == quote_version)
            .max_by_key(|case| case.expect.quote == "STATUS_OK" && case.expect.tcb_eval_min >= 17)
            .expect("a case of this kind");
        Self {
            quote: case.quote(folder),
            collateral: case.collateral(folder),
            at: case.at(),
        }
    }
}

/// The parts of a collateral set by name.
type Part = (&'static str, fn(&mut CollateralSet) -> &mut Vec<u8>);

const PARTS: [Part; 7] = [
    ("tcb_info body", |set| &mut set.tcb_info.body),
    ("tcb_info_issuer_chain", |set| {
        &mut set.tcb_info_issuer_chain
    }),
    ("qe_identity body", |set| &mut set.qe_identity.body),
    ("qe_identity_issuer_chain", |set| {
        &mut set.qe_identity_issuer_chain
    }),
    ("pck_crl", |set| &mut set.pck_crl),
    ("pck_crl_issuer_chain", |set| &mut set.pck_crl_issuer_chain),
    ("root_ca_crl", |set| &mut set.root_ca_crl),
];

/// How many changes of a part left the verdict as it was, by the byte that was changed into which.
type Harmless = BTreeMap<(&'static str, char, char), usize>;

fn facts(verdict: &Verdict) -> String {
    assert_eq!(verdict.verification(), Verification::Ok);
    format!("{verdict:?}")
}

/// Changes bits of `original`; `judge` gives the verdict on each changed form.
fn change_bits(
    part: &'static str,
    original: &[u8],
    expected: &str,
    harmless: &mut Harmless,
    mut judge: impl FnMut(&[u8]) -> Verdict,
) {
    let mut changed = original.to_vec();
    for bit in (0..original.len() * 8).step_by(STRIDE) {
        let (byte, mask) = (bit / 8, 1 << (bit % 8));
        changed[byte] ^= mask;
        let verdict = judge(&changed);
        if verdict.verification() == Verification::Ok {
            assert_eq!(
                facts(&verdict),
                expected,
                "{part}: bit {bit} changes a fact"
            );
            let characters = (part, char::from(original[byte]), char::from(changed[byte]));
            *harmless.entry(characters).or_default() += 1;
        }
        changed[byte] ^= mask;
    }
}

fn all_changes(genuine: &Genuine) -> Harmless {
    let anchors = TrustAnchors::vendors();
    let mut harmless = Harmless::new();
    let Genuine {
        quote,
        collateral,
        at,
    } = genuine;
    let prepared = PreparedCollateral::new(collateral, &anchors);
    let expected = facts(&prepared.verify(quote, *at));
    change_bits("quote", quote, &expected, &mut harmless, |quote| {
        prepared.verify(quote, *at)
    });
    for (part, bytes_of) in PARTS {
        let mut set = collateral.clone();
        let original = bytes_of(&mut set).clone();
        change_bits(part, &original, &expected, &mut harmless, |changed| {
            bytes_of(&mut set).copy_from_slice(changed);
            bulla_verifier::verify(quote, &set, &anchors, *at)
        });
    }
    for (part, text_of) in [
        (
            "tcb_info signature",
            (|set| &mut set.tcb_info) as fn(&mut CollateralSet) -> &mut _,
        ),
        ("qe_identity signature", |set| &mut set.qe_identity),
    ] {
        let mut set = collateral.clone();
        let original = text_of(&mut set).signature.clone().into_bytes();
        change_bits(part, &original, &expected, &mut harmless, |changed| {
            // A string cannot hold other bytes; whoever reads a set refuses them before.
            let text = String::from_utf8_lossy(changed).into_owned();
            text_of(&mut set).signature = text;
            bulla_verifier::verify(quote, &set, &anchors, *at)
        });
    }
    harmless
}

/// The changes that are known to change nothing, and why.
fn is_explained(part: &str, from: char, to: char) -> bool {
    // The case of a hexadecimal digit in the signature of a JSON document is no information.
    let letter_case =
        part.ends_with(" signature") && from.is_ascii_hexdigit() && from.eq_ignore_ascii_case(&to);
    // One NUL may end the certificate chain in a quote, and so may white space.
    let chain_end = part == "quote" && (from, to) == ('\0', ' ');
    letter_case || chain_end
}

fn check(name: &str, tee: &str, quote_version: u16) {
    let Some(folder) = vectors::folder(name) else {
        return;
    };
    let harmless = all_changes(&Genuine::find(&folder, tee, quote_version));
    let unexplained: Vec<_> = harmless
        .iter()
        .filter(|((part, from, to), _)| !is_explained(part, *from, *to))
        .collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
    if STRIDE == 1 {
        // One byte ends the chain, and of the 256 digits of two signatures some are letters.
        let ends: usize = harmless
            .iter()
            .filter(|(key, _)| key.0 == "quote")
            .map(|(_, n)| n)
            .sum();
        let letters = harmless.values().sum::<usize>() - ends;
        assert!(ends <= 1 && (1..256).contains(&letters), "{ends} {letters}");
    }
}

#[test]
fn of_an_sgx_quote_version_3() {
    check("unsigned bits, SGX v3", "SGX", 3);
}

#[test]
fn of_a_tdx_quote_version_4() {
    check("unsigned bits, TDX v4", "TDX", 4);
}

#[test]
fn of_a_tdx_quote_version_5() {
    check("unsigned bits, TDX v5", "TDX", 5);
}
