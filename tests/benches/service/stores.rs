//! Services with many platforms.

use std::fs;
use std::path::PathBuf;

use bulla_pki::digest::sha256;
use bulla_protocol::value::EncryptedPpid;
use bulla_service::daemon::DATABASE_FILE;
use bulla_store::fleet::{Platform, PlatformId};
use bulla_store::{Fleet as _, Store};
use bulla_tests::daemon::Daemon;
use bulla_tests::host::Host;
use bulla_tests::service::realm;
use bulla_tests::site::Site;
use bulla_tests::tls::Identity;
use bulla_tests::workbench::Folder;

use crate::service;

/// A configuration and a store.
pub(crate) struct Place {
    /// How many platforms there are.
    pub(crate) size: usize,
    configuration: String,
    store: PathBuf,
}

impl Place {
    /// Writes a configuration: plain HTTP and TLS, the vendor's service behind it, no access log.
    pub(crate) fn lay_out(
        folder: &Folder,
        size: usize,
        site: &Site,
        root: &[u8],
        identity: &Identity,
    ) -> Self {
        let store = folder.path(&format!("store-{size}"));
        let (certificate, key) = identity.lay_out(folder);
        let root = folder.write("root.der", root);
        let text = format!(
            "[store]\npath = {store:?}\n\
             [[listen]]\naddress = \"127.0.0.1:0\"\n\
             [[listen]]\naddress = \"127.0.0.1:0\"\n\
             tls = {{ certificate = {certificate:?}, key = {key:?} }}\n\
             [[upstream]]\nname = \"box\"\nurl = \"http://{}\"\n\
             [trust]\nroot = {root:?}\nsimulated = true\n\
             [log]\naccess = false\n",
            site.address()
        );
        let name = format!("bulla-{size}.toml");
        folder.write(&name, text);
        Self {
            size,
            configuration: folder.text_path(&name),
            store,
        }
    }

    /// Starts the service.
    pub(crate) fn start(&self) -> Daemon {
        service(&self.configuration)
    }

    /// Has the store get documents and a host's certificates, as clients do.
    pub(crate) fn fetch(&self, host: &Host, documents: &[&str]) {
        let service = self.start();
        let certificate = host.target_with_ppid();
        for target in documents.iter().copied().chain([certificate.as_str()]) {
            let reply = service.get(target);
            assert_eq!(reply.status(), 200, "{target}: {}", reply.head);
        }
        assert!(service.end().success(), "a service ends in order");
    }

    /// Fills the store with platforms beside the host's that have what it has, under names of their
    /// own.
    pub(crate) fn fill(&self, host: &Host, root: &[u8]) {
        let store = Store::open(&self.store.join(DATABASE_FILE)).expect("a store");
        let anchor = realm(root).id();
        let model = host.id();
        let platform = store.platform(anchor, &model).expect("a store");
        let platform = platform.expect("the host's platform");
        let certificates = store.pck_certificates(anchor, &model).expect("a store");
        let certificates = certificates.expect("the host's certificates");
        let reported = store.raw_tcbs(anchor, &model).expect("a store");
        for number in 0..self.size {
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
        let size = fs::metadata(self.store.join(DATABASE_FILE))
            .expect("a file")
            .len();
        println!(
            "a store of {} platforms with {} certificates each: {} MB",
            self.size,
            certificates.certificates.len(),
            size / 1_000_000
        );
    }
}

/// The name of a platform.
pub(crate) fn name(number: usize) -> String {
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
