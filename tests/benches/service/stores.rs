//! Services with many platforms.

use std::path::PathBuf;

use bulla_service::daemon::DATABASE_FILE;
use bulla_tests::copies;
use bulla_tests::daemon::Daemon;
use bulla_tests::host::Host;
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
        copies::fill(&self.store.join(DATABASE_FILE), self.size, host, root);
    }
}
