//! Genuine quotes, and such that are not, from the folder that `BULLA_VECTORS` names.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use bulla_evidence::input::{Encoding, decode_text_or_raw};
use bulla_evidence::{Quote, signed_part, write_quote};

/// The files of a folder of vectors; `None` when there are no vectors and none are required.
fn files(folder: &str) -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let Some(vectors) = std::env::var_os("BULLA_VECTORS") else {
        let required = std::env::var("BULLA_REQUIRE").unwrap_or_default();
        assert!(
            !required.contains("vectors"),
            "BULLA_REQUIRE asks for vectors, but BULLA_VECTORS is not set"
        );
        println!("skipped: BULLA_VECTORS is not set");
        return None;
    };
    let folder = PathBuf::from(vectors).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        (path, bytes)
    };
    Some(
        entries
            .map(|entry| read(entry.expect("an entry").path()))
            .collect(),
    )
}

#[test]
fn genuine_quotes_are_parsed_and_written_back() {
    let Some(files) = files("dcap/quotes") else {
        return;
    };
    let mut counts = BTreeMap::new();
    for (path, bytes) in &files {
        assert_eq!(Encoding::detect(bytes), Ok(Encoding::Raw), "{path:?}");
        let decoded = decode_text_or_raw(bytes).expect("raw bytes");
        let quote = Quote::parse(&decoded).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let (version, body) = (quote.version(), quote.body());

        let signed = signed_part(version, quote.header(), body);
        assert_eq!(signed.as_deref(), Ok(quote.signed()), "{path:?}");
        let written = write_quote(quote.signed(), quote.auth());
        assert_eq!(written.as_deref(), Ok(quote.encoded()), "{path:?}");
        let whole = [quote.encoded(), quote.trailing()].concat();
        assert_eq!(&whole, bytes, "{path:?}");

        *counts.entry((version.number(), body.name())).or_insert(0) += 1;
    }
    assert_eq!(
        counts,
        BTreeMap::from([
            ((3, "sgx_enclave_report"), 116),
            ((4, "td_report_1.0"), 117),
            ((5, "td_report_1.5"), 7),
            ((5, "td_report_1.5_ex"), 1),
        ])
    );
}

#[test]
fn quotes_that_no_vendor_signed_do_not_panic() {
    let Some(files) = files("dcap/invalid/quotes") else {
        return;
    };
    assert!(!files.is_empty());
    for (path, bytes) in &files {
        let result = decode_text_or_raw(bytes).map(|decoded| match Quote::parse(&decoded) {
            Ok(quote) => format!("version {}", quote.version().number()),
            Err(error) => format!("{}: {error}", error.code()),
        });
        println!("{}: {result:?}", path.display());
    }
}
