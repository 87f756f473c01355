//! Genuine vendor data, where the environment names a folder that holds it.

use std::path::PathBuf;

/// The folder that `BULLA_VECTORS` names, or `None` after one line that says what is skipped.
///
/// # Panics
///
/// If the folder is missing although `BULLA_REQUIRE` demands vectors: a run that must use them
/// never passes without.
pub fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BULLA_VECTORS").map(PathBuf::from);
    let required = std::env::var("BULLA_REQUIRE")
        .is_ok_and(|list| list.split(',').any(|need| need == "vectors"));
    match folder {
        Some(folder) if folder.join("dcap/cases.jsonl").is_file() => Some(folder),
        Some(folder) => panic!(
            "BULLA_VECTORS names {}, which holds no vectors",
            folder.display()
        ),
        None if required => panic!("vectors are required; set BULLA_VECTORS to their folder"),
        None => {
            eprintln!("{test}: skipped, BULLA_VECTORS names no folder");
            None
        }
    }
}
