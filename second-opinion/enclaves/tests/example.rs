//! The image of the example, as `examples/risk-score/build` left it in the folder that the
//! environment variable `BULLA_EXAMPLE` names.

use std::io::Write as _;
use std::path::PathBuf;

use bulla_enclave::image::{Memory, convert};
use bulla_processor::sgxs::Image;
use independent_measurements::{mrenclave, rewritten};

/// The folder, or `None` after one line that says what is skipped. With `example` in `BULLA_REQUIRE`
/// the test fails without it.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("BULLA_EXAMPLE").map(PathBuf::from);
    if folder.is_none() {
        let required = std::env::var("BULLA_REQUIRE").unwrap_or_default();
        let required = required.split(',').any(|need| need == "example");
        assert!(!required, "the example is required; set BULLA_EXAMPLE");
        // Not by `eprintln!`, which the test runner keeps to itself where a test passes.
        let _ = std::io::stderr().write_all(b"SKIPPED: BULLA_EXAMPLE names no folder\n");
    }
    folder
}

#[test]
fn the_example_measures_the_same() {
    let Some(folder) = folder() else {
        return;
    };
    let read = |name| std::fs::read(folder.join(name)).expect("the example was built");
    let bytes = read("risk-score.sgxs");
    let image = Image::parse(&bytes).expect("an image");
    let theirs = mrenclave(&bytes).expect("an image");
    assert_eq!(image.mrenclave(), Some(theirs));
    assert!(rewritten(&bytes).expect("an image") == bytes);

    // With other memory than it ships with, too.
    let memory = Memory {
        heap_size: 0x20_0000,
        stack_size: 0x4000,
        threads: 3,
        debug: true,
    };
    let other = convert(&read("risk-score.elf"), memory).expect("a program");
    let theirs = mrenclave(&other.write()).expect("an image");
    assert_eq!(other.mrenclave(), Some(theirs));
    assert_ne!(other.mrenclave(), image.mrenclave());
}
