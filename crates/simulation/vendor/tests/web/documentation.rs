//! The faults that the documentation shows can be set.

use std::fs;
use std::path::Path;

use bulla_vendor::web::Fault;

#[test]
fn every_fault_shown_can_be_set() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/vendor-service.md");
    let page = fs::read_to_string(path).unwrap();
    let arguments = page
        .lines()
        .filter_map(|line| line.strip_prefix("--fault '"));
    let arguments: Vec<Fault> = arguments
        .map(|text| text.trim_end_matches('\'').parse().unwrap())
        .collect();
    assert_eq!(arguments.len(), 2);
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (list, _) = rest.split_once("```").unwrap();
    assert_eq!(serde_json::from_str::<Vec<Fault>>(list).unwrap().len(), 3);
}
