//! Stores with many platforms that are copies of one.

use std::fs;
use std::path::Path;

use bulla_pki::digest::sha256;
use bulla_protocol::value::EncryptedPpid;
use bulla_store::fleet::{Platform, PlatformId};
use bulla_store::{Fleet as _, Store};

use crate::host::Host;
use crate::service::realm;

/// Fills a store with so many platforms beside a host's, which it has with certificates: they have what
/// the host has, under names of their own. Says how large the file is then.
///
/// # Panics
///
/// If it is no store of a service under this root, or has not got the host.
pub fn fill(file: &Path, count: usize, host: &Host, root: &[u8]) {
    let store = Store::open(file).expect("a store");
    let anchor = realm(root).id();
    let model = host.id();
    let platform = store.platform(anchor, &model).expect("a store");
    let platform = platform.expect("the host's platform");
    let certificates = store.pck_certificates(anchor, &model).expect("a store");
    let certificates = certificates.expect("the host's certificates");
    let reported = store.raw_tcbs(anchor, &model).expect("a store");
    for number in 0..count {
        let qe_id = name(number);
        let platform = Platform {
            encrypted_ppid: Some(Box::new(ppid(&qe_id))),
            id: PlatformId {
                qe_id,
                pce_id: model.pce_id,
            },
            ..platform.clone()
        };
        let id = &platform.id;
        store.put_platform(anchor, &platform).expect("kept");
        let kept = store.put_pck_certificates(anchor, id, &certificates, &reported);
        kept.expect("kept");
    }
    drop(store);
    println!(
        "a store of {count} platforms with {} certificates each: {} MB",
        certificates.certificates.len(),
        fs::metadata(file).expect("a file").len() / 1_000_000
    );
}

/// The name of a copy.
pub fn name(number: usize) -> String {
    let digest = sha256(&number.to_be_bytes());
    hex::encode_upper(&digest[..16])
}

/// Something as long and as random as an encrypted PPID.
fn ppid(qe_id: &str) -> EncryptedPpid {
    let mut octets = [0; 384];
    for (part, number) in octets.chunks_mut(32).zip(0_u8..) {
        part.copy_from_slice(&sha256(&[qe_id.as_bytes(), &[number]].concat()));
    }
    EncryptedPpid(octets)
}
