//! TLS between a node and its database: who does not prove who it is, is told nothing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use bulla_pki::{Timestamp, Window};
use bulla_tests::binary::bulla;
use bulla_tests::daemon::Daemon;
use bulla_tests::postgres::{PASSWORD, Server, USER};
use bulla_tests::tls::{Holder, Identity};
use bulla_tests::workbench::{Folder, run};

/// The folder of a node, and what it calls its CAs.
struct Site {
    folder: Folder,
    database: String,
}

const ROOTS: &str = "sslrootcert=the%20right%20ca.pem";

impl Site {
    fn new(server: &Server, identity: &Identity) -> Self {
        let folder = Folder::new();
        folder.write("the right ca.pem", identity.authority_pem());
        folder.write("other-ca.pem", Identity::new("another").authority_pem());
        let password = folder.write("password", PASSWORD);
        std::fs::set_permissions(password, Permissions::from_mode(0o600)).expect("a file");
        Self {
            folder,
            database: server.database(),
        }
    }

    /// The configuration of a node with these options in the address of its database.
    fn configure(&self, server: &Server, options: &str) -> String {
        let address = format!(
            "postgresql://{USER}@127.0.0.1:{}/{}?{options}",
            server.port(),
            self.database
        );
        let text = format!(
            "mode = \"offline\"\n[store]\npath = \"state\"\npostgres = \"{address}\"\n\
             password_file = \"password\"\n"
        );
        self.folder.write("bulla.toml", text);
        self.folder.text_path("bulla.toml")
    }

    fn command(&self, server: &Server, options: &str) -> Command {
        let mut command = bulla();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(self.configure(server, options));
        command
    }

    /// Why a node does not start.
    #[track_caller]
    fn refused(&self, server: &Server, options: &str) -> String {
        let file = self.configure(server, options);
        let answer = run(&["serve", "--listen", "127.0.0.1:0", "--config", &file]);
        assert_eq!(answer.status, 2, "{options}: {}", answer.stderr);
        answer.stderr
    }
}

/// Has a server prove who it is as this identity.
fn prove(server: &mut Server, identity: &Identity, settings: &str, rules: &str) {
    let clients = identity.authority_pem();
    let files: [(&str, &[u8]); 3] = [
        ("server.pem", &identity.chain),
        ("server.key", identity.key.as_bytes()),
        ("clients.pem", clients.as_bytes()),
    ];
    server.secure(&files, settings, rules);
}

#[test]
fn a_database_is_told_nothing_that_does_not_prove_who_it_is() {
    let Some(mut server) = Server::start("TLS to the database") else {
        return;
    };
    let identity = Identity::new("database");
    let site = Site::new(&server, &identity);
    let secure = format!("sslmode=verify-full&{ROOTS}");

    // In plain text so far, which nobody is to take for secure.
    let said = site.refused(&server, &secure);
    assert!(said.contains("does not support TLS"), "{said}");

    let only_secure = "hostnossl all all 127.0.0.1/32 reject";
    prove(&mut server, &identity, "", only_secure);
    for mode in ["verify-full", "verify-ca", "require"] {
        let options = format!("sslmode={mode}&{ROOTS}");
        let mut node = Daemon::start(
            &mut site.command(&server, &options),
            &site.folder.path("log"),
        );
        let secure = "SELECT bool_and(ssl), count(*) > 0 FROM pg_stat_ssl
                      JOIN pg_stat_activity USING (pid) WHERE application_name = 'bulla'";
        assert_eq!(server.sql("postgres", secure), "t|t", "{mode}");
        node.signal("TERM");
        assert!(node.wait().success());
    }
    let said = site.refused(&server, "sslmode=disable");
    assert!(said.contains("no encryption"), "{said}");
    for options in ["sslmode=verify-full&sslrootcert=other-ca.pem", ""] {
        let said = site.refused(&server, options);
        assert!(said.contains("UnknownIssuer"), "{options}: {said}");
    }

    let elsewhere = Holder {
        host: Some("db.elsewhere.test.invalid"),
        ..Holder::default()
    };
    prove(&mut server, &Identity::of("database", elsewhere), "", "");
    for mode in ["verify-full", "verify-ca", "require"] {
        let said = site.refused(&server, &format!("sslmode={mode}&{ROOTS}"));
        assert!(said.contains("not valid for name"), "{mode}: {said}");
    }

    let at = |seconds| Timestamp::from_unix_seconds(seconds).expect("a time");
    let ended = Holder {
        host: None,
        validity: Window {
            from: at(1_500_000_000),
            until: at(1_600_000_000),
        },
    };
    prove(&mut server, &Identity::of("database", ended), "", "");
    let said = site.refused(&server, &secure);
    assert!(said.contains("certificate expired"), "{said}");
}

#[test]
fn a_node_proves_who_it_is_where_the_database_wants_to_know() {
    let Some(mut server) = Server::start("a certificate for the database") else {
        return;
    };
    let identity = Identity::new("database");
    let site = Site::new(&server, &identity);
    let (_certificate, key) = identity.lay_out(&site.folder);
    prove(
        &mut server,
        &identity,
        "ssl_ca_file = 'clients.pem'",
        "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca",
    );
    let said = site.refused(&server, ROOTS);
    assert!(said.contains("client certificate"), "{said}");
    let options = format!("{ROOTS}&sslcert=tls.pem&sslkey=tls.key");
    let node = Daemon::start(
        &mut site.command(&server, &options),
        &site.folder.path("log"),
    );
    assert_eq!(node.get("/readyz").status(), 200);
    drop(node);

    std::fs::set_permissions(key, Permissions::from_mode(0o644)).expect("a file");
    let said = site.refused(&server, &options);
    assert!(said.contains("tls.key"), "{said}");
}
