//! The arrows between the crates point only downwards.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// What each crate may use of the others; a dev-dependency on the issuer is allowed in addition.
const ALLOWED: &[(&str, &[&str])] = &[
    ("bulla-evidence", &[]),
    ("bulla-pki", &[]),
    ("bulla-collateral", &["bulla-pki"]),
    (
        "bulla-verifier",
        &["bulla-evidence", "bulla-pki", "bulla-collateral"],
    ),
    (
        "bulla-appraisal",
        &[
            "bulla-evidence",
            "bulla-pki",
            "bulla-collateral",
            "bulla-verifier",
        ],
    ),
    (
        "bulla-issuer",
        &["bulla-evidence", "bulla-pki", "bulla-collateral"],
    ),
    ("bulla-protocol", &[]),
    (
        "bulla-token",
        &[
            "bulla-evidence",
            "bulla-pki",
            "bulla-collateral",
            "bulla-verifier",
            "bulla-appraisal",
        ],
    ),
    ("bulla-archive", &["bulla-pki", "bulla-collateral"]),
    (
        "bulla-store",
        &["bulla-pki", "bulla-collateral", "bulla-protocol"],
    ),
    (
        "bulla-upstream",
        &["bulla-pki", "bulla-collateral", "bulla-protocol"],
    ),
    (
        "bulla-service",
        &[
            "bulla-evidence",
            "bulla-pki",
            "bulla-collateral",
            "bulla-verifier",
            "bulla-appraisal",
            "bulla-protocol",
            "bulla-token",
            "bulla-archive",
            "bulla-store",
            "bulla-upstream",
        ],
    ),
    (
        "bulla-gate",
        &["bulla-pki", "bulla-protocol", "bulla-token"],
    ),
    (
        "bulla-processor",
        &["bulla-evidence", "bulla-pki", "bulla-issuer"],
    ),
    ("bulla-enclave", &["bulla-evidence", "bulla-processor"]),
    (
        "bulla-vendor",
        &[
            "bulla-evidence",
            "bulla-pki",
            "bulla-collateral",
            "bulla-protocol",
            "bulla-issuer",
            "bulla-processor",
        ],
    ),
    (
        "bulla",
        &[
            "bulla-evidence",
            "bulla-pki",
            "bulla-collateral",
            "bulla-verifier",
            "bulla-appraisal",
            "bulla-protocol",
            "bulla-token",
            "bulla-archive",
            "bulla-store",
            "bulla-upstream",
            "bulla-service",
            "bulla-gate",
            "bulla-issuer",
            "bulla-processor",
            "bulla-enclave",
            "bulla-vendor",
        ],
    ),
    (
        "bulla-tests",
        &[
            "bulla-evidence",
            "bulla-pki",
            "bulla-collateral",
            "bulla-verifier",
            "bulla-appraisal",
            "bulla-protocol",
            "bulla-token",
            "bulla-archive",
            "bulla-store",
            "bulla-upstream",
            "bulla-service",
            "bulla-gate",
            "bulla-issuer",
            "bulla-processor",
            "bulla-enclave",
            "bulla-vendor",
        ],
    ),
];

/// Who alone may call a crypto library.
const CRYPTO: &[(&str, &str)] = &[
    ("aws-lc-rs", "bulla-pki"),
    ("p256", "bulla-issuer"),
    ("rsa", "bulla-processor"),
    ("crypto-bigint", "bulla-processor"),
    ("crypto-primes", "bulla-processor"),
    ("aes", "bulla-processor"),
    ("aes-gcm", "bulla-processor"),
    ("cmac", "bulla-processor"),
    ("hkdf", "bulla-processor"),
];

fn metadata() -> Metadata {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

#[test]
fn arrows_point_only_downwards() {
    let packages = metadata().packages;
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package.source.is_none())
        .map(|package| package.name.as_str())
        .collect();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    assert_eq!(
        ours,
        allowed.keys().copied().collect(),
        "every crate has a place in the house"
    );
    for package in &packages {
        let name = package.name.as_str();
        for dependency in &package.dependencies {
            let target = dependency.name.as_str();
            let is_dev = dependency.kind.as_deref() == Some("dev");
            if ours.contains(target) {
                let fine = allowed[name].contains(&target)
                    || (is_dev && target == "bulla-issuer" && name != "bulla-issuer");
                assert!(fine, "{name} must not depend on {target}");
            }
            for (library, owner) in CRYPTO {
                assert!(
                    target != *library || name == *owner || is_dev,
                    "{name} must not call {library}; {owner} does"
                );
            }
        }
    }
}
