//! What goes to logs.

use bulla_store::fleet::{PckAnswer, Platform};
use bulla_store::{Fleet, Secrets};

use crate::samples::{
    ANCHOR, certificates, claim, event, evidence, id, manifest, platform, ppid, raw, reported,
    secret,
};

/// 0xab, in the ways in which bytes are printed.
const SECRETS: [&str; 3] = ["abab", "ab, ab", "171, 171"];

fn shows_nothing_personal(shown: &str) {
    let shown = shown.to_lowercase();
    for secret in SECRETS.iter().chain(&["begin", "45, 45"]) {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn nothing_personal_to_a_machine_is_printed() {
    let platform = Platform {
        encrypted_ppid: Some(ppid(0xab)),
        manifest: Some(manifest(0xab)),
        ..platform("NAME")
    };
    let mut registration = reported("NAME", 1);
    registration.encrypted_ppid = Some(ppid(0xab));
    registration.manifest = Some(manifest(0xab));
    let mut evidence = evidence(1, "sgx", 1);
    evidence.ppid = [0xab; 16];
    evidence.quote = vec![0xab; 99];
    let answer = PckAnswer {
        certificate: b"-----BEGIN".to_vec(),
        tcbm: certificates(1).certificates[0].0,
        fmspc: certificates(1).fmspc,
        ca: certificates(1).ca,
        issuer_chain: b"-----BEGIN".to_vec(),
    };
    for shown in [
        format!("{platform:?} {platform:#?}"),
        format!("{registration:?}"),
        format!("{evidence:?}"),
        format!("{:?}", certificates(1)),
        format!("{answer:?}"),
    ] {
        shows_nothing_personal(&shown);
    }
    assert!(format!("{platform:?}").contains("NAME"));
    assert!(format!("{platform:?}").contains("has_manifest: true"));
    let store = bulla_store::Store::open_in_memory().unwrap();
    store.put_platform(ANCHOR, &platform).unwrap();
    shows_nothing_personal(&format!("{store:?}"));
    let refused = store.put_raw_tcb(ANCHOR, &id("OTHER"), &raw(1, None));
    shows_nothing_personal(&format!("{:?}", refused.unwrap_err()));
}

#[test]
fn no_value_of_a_secret_is_printed() {
    let mut secret = secret("NAME", 1);
    secret.value = vec![0xab; 99];
    let store = bulla_store::Store::open_in_memory().unwrap();
    store.put_secret(&secret, &event("put")).unwrap();
    let released = store.release(&claim("NAME", 1), &event("release")).unwrap();
    for shown in [
        format!("{secret:?}"),
        format!("{:?}", store.secret("NAME").unwrap()),
        format!("{released:?}"),
    ] {
        shows_nothing_personal(&shown);
    }
    assert_eq!(released.unwrap().value, secret.value);
}
