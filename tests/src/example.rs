//! The example enclave, where the environment names what its build made.

use std::path::PathBuf;

/// The folder that `BULLA_EXAMPLE` names, or `None` after one line that says what is skipped.
///
/// # Panics
///
/// If the folder is missing although `BULLA_REQUIRE` demands the example, or holds no image.
pub fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BULLA_EXAMPLE").map(PathBuf::from);
    let required = std::env::var("BULLA_REQUIRE")
        .is_ok_and(|list| list.split(',').any(|need| need == "example"));
    match folder {
        Some(folder) if folder.join("risk-score.sgxs").is_file() => Some(folder),
        Some(folder) => panic!(
            "BULLA_EXAMPLE names {}, which holds no image",
            folder.display()
        ),
        None if required => panic!(
            "the example is required; run examples/risk-score/build and set BULLA_EXAMPLE to its \
             folder target/enclave"
        ),
        None => {
            eprintln!("{test}: skipped, BULLA_EXAMPLE names no folder");
            None
        }
    }
}
