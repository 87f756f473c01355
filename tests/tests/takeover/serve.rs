//! `bulla serve --as-pccs`: in the place of Intel's cache, with its configuration.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use bulla_issuer::pem;
use bulla_pki::digest::sha512;
use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, Reply};
use bulla_tests::host::Host;
use bulla_tests::pages;
use bulla_tests::pccs_database as database;
use bulla_tests::site::DAY;
use bulla_tests::tls::Identity;
use bulla_tests::workbench::{Answer, Folder, now, run};
use bulla_vendor::{Charter, Order, PckCa, Seed, Vendor};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use super::{cache, get, read, requests};

const ADMINISTRATOR: &str = "the-administrator-s-token";

/// A secret that must never be shown.
const API_KEY: &str = "0123456789abcdef-subscription";

/// A vendor of these days, with a platform of one package and one of several.
pub(crate) fn found() -> Vendor {
    let founded = now().saturating_sub(20 * DAY);
    let charter = Charter {
        public_url: "http://127.0.0.1:8181/vendor".parse().expect("an address"),
        founded,
        mark_critically: false,
    };
    let mut vendor = Vendor::new(Seed::from(9), charter);
    for (name, ca) in [("one", PckCa::Processor), ("two", PckCa::Platform)] {
        let order = Order {
            name: name.parse().expect("a name"),
            ca,
            fmspc: None,
            number: None,
        };
        vendor.make(order, founded).expect("a platform");
    }
    vendor
}

/// The directory of a cache: its configuration, what the site has changed of it, and its TLS.
pub(crate) fn install(folder: &Folder, local: &Value) -> Identity {
    let hash = |token: &str| hex::encode(sha512(token.as_bytes()));
    let default = json!({
        "HTTPS_PORT": 8081,
        "hosts": "127.0.0.1",
        "uri": "https://api.trustedservices.intel.com/sgx/certification/v4/",
        "ApiKey": API_KEY,
        "proxy": "",
        "RefreshSchedule": "0 0 1 * * *",
        "UserTokenHash": hash("the-user-s-token"),
        "AdminTokenHash": "",
        "CachingFillMode": "LAZY",
        "LogLevel": "info",
        "KeepAliveTimeoutSeconds": 60,
        "OPENSSL_FIPS_MODE": false,
        "DB_CONFIG": "sqlite",
        "sqlite": { "password": "password", "options": { "storage": "pckcache.db" } },
        "Plugin": 1,
    });
    for directory in ["pccs", "pccs/config", "pccs/ssl_key"] {
        std::fs::create_dir(folder.path(directory)).expect("a directory");
    }
    // Intel's own has a section in comments, and a comma before it.
    let default = default.to_string();
    let open = default.strip_suffix('}').expect("an object");
    let section = "//\"mysql\" : { // for another database\n//}";
    let default = format!("{open},\n{section}\n}}\n");
    folder.write("pccs/config/default.json", default);
    let mut local = local.clone();
    local["AdminTokenHash"] = json!(hash(ADMINISTRATOR));
    folder.write("pccs/config/local.json", local.to_string());
    let identity = Identity::new("takeover");
    let (certificate, key) = identity.lay_out(folder);
    let moved = [(certificate, "file.crt"), (key, "private.pem")];
    for (from, name) in moved {
        let to = folder.path("pccs/ssl_key").join(name);
        std::fs::rename(from, to).expect("a file");
    }
    identity
}

/// The path of a file with the administrator's token.
pub(crate) fn token(folder: &Folder) -> String {
    let token = folder.write("token", ADMINISTRATOR);
    std::fs::set_permissions(token, Permissions::from_mode(0o600)).expect("permissions");
    folder.text_path("token")
}

fn check(folder: &Folder, more: &[&str]) -> Answer {
    let directory = folder.text_path("pccs");
    let store = folder.text_path("state");
    let mut arguments = vec!["serve", "--as-pccs", &directory, "--store", &store];
    arguments.push("--check-config");
    arguments.extend(more);
    run(&arguments)
}

/// `GET` over TLS, of a client that trusts this CA.
fn get_over_tls(address: &str, identity: &Identity, target: &str) -> Reply {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from(identity.authority.clone());
    roots.add(authority).expect("a CA");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(address).expect("the service listens");
    let mut stream = StreamOwned::new(connection, socket);
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("an answer");
    let end = reply.windows(4).position(|part| part == b"\r\n\r\n");
    let end = end.expect("a head");
    Reply {
        head: String::from_utf8(reply[..end].to_vec()).expect("text"),
        body: reply[end + 4..].to_vec(),
    }
}

#[test]
fn the_cache_is_replaced_at_its_port_with_its_tls_and_tokens() {
    let folder = Folder::new();
    let vendor = found();
    let hosts = ["one", "two"].map(|name| Host::of(&vendor, name, now()));
    let identity = install(
        &folder,
        &json!({ "HTTPS_PORT": 0, "CachingFillMode": "OFFLINE" }),
    );
    let path = folder.path("pccs/pckcache.db");
    drop(database::filled(&path, &vendor, &hosts, now()));
    let root = pem::block("CERTIFICATE", &vendor.root_certificate());
    folder.write("root.pem", root);
    let before = cache::open(&path);

    let mut command = bulla();
    command.args(["serve", "--as-pccs", &folder.text_path("pccs")]);
    command.args(["--store", &folder.text_path("state")]);
    command.args(["--trust-root", &folder.text_path("root.pem"), "--simulated"]);
    let service = Daemon::start(&mut command, &folder.path("log"));
    assert_eq!(service.told["mode"], "offline");
    token(&folder);
    let imported = run(&[
        "pccs",
        "import",
        "--database",
        &folder.text_path("pccs/pckcache.db"),
        "--service",
        &format!("https://{}", service.address),
        "--ca-file",
        &folder.text_path("tls-ca.pem"),
        "--token-file",
        &folder.text_path("token"),
    ]);
    assert_eq!(imported.status, 0, "{}{}", imported.stdout, imported.stderr);
    let address = before.address().to_string();
    for target in requests(&hosts) {
        let found = get_over_tls(&service.address, &identity, &target);
        assert_eq!(read(&found), read(&get(&address, &target)), "{target}");
    }
    let told = service.told.to_string();
    let log = std::fs::read_to_string(folder.path("log")).expect("a log");
    assert!(
        !told.contains(API_KEY) && !log.contains(API_KEY),
        "{told}{log}"
    );
}

#[test]
fn every_setting_of_the_cache_is_accounted_for() {
    let folder = Folder::new();
    install(
        &folder,
        &json!({ "CachingFillMode": "REQ", "sqlite": { "options": { "x": 1 } } }),
    );
    // Its unit runs it in production.
    folder.write("pccs/config/production.json", "{ \"LogLevel\": \"error\" }");
    folder.write("pccs/config/development.json", "{ \"HTTPS_PORT\": 1 }");
    let answer = check(&folder, &["--format", "json"]);
    assert_eq!(answer.status, 0, "{}{}", answer.stdout, answer.stderr);
    let told = answer.json();
    assert_eq!(told["listen"], json!(["https://127.0.0.1:8081"]));
    assert_eq!(told["mode"], "req");
    let upstream = "pccs-uri (pcs) https://api.trustedservices.intel.com";
    assert_eq!(told["upstreams"], json!([upstream]));
    let settings = told["as_pccs"].as_array().expect("a list");
    let find = |name: &str| {
        let found = settings.iter().find(|one| one["setting"] == name);
        found.unwrap_or_else(|| panic!("{name}: {told}"))
    };
    for name in [
        "config/default.json",
        "config/local.json",
        "HTTPS_PORT",
        "hosts",
        "ssl_key/file.crt",
        "ssl_key/private.pem",
        "uri",
        "ApiKey",
        "UserTokenHash",
        "AdminTokenHash",
        "CachingFillMode",
        "LogLevel",
        "KeepAliveTimeoutSeconds",
    ] {
        assert_eq!(find(name)["became"], "taken over", "{name}");
    }
    for name in [
        "proxy",
        "RefreshSchedule",
        "OPENSSL_FIPS_MODE",
        "DB_CONFIG",
        "Plugin",
    ] {
        assert_eq!(find(name)["became"], "left", "{name}");
        assert_ne!(find(name)["why"], "", "{name}");
    }
    assert_eq!(find("ApiKey")["value"], "set");
    assert_eq!(find("LogLevel")["value"], "error");
    let why = find("DB_CONFIG")["why"].as_str().expect("text");
    assert!(why.ends_with("pccs/pckcache.db`"), "{why}");
    assert!(!answer.stdout.contains(API_KEY) && !answer.stdout.contains("\"password"));

    let text = check(&folder, &[]);
    assert_eq!(text.status, 0, "{}", text.stderr);
    for part in [
        "of Intel's cache",
        "CachingFillMode",
        "taken over",
        "not known",
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    assert!(!text.stdout.contains(API_KEY), "{}", text.stdout);
}

#[test]
fn what_the_cache_does_without_a_setting_is_done_likewise() {
    let folder = Folder::new();
    // An empty host is every address, and without a `uri` key and proxy are for Intel's service.
    let proxy = "http://proxy.example:3128";
    install(
        &folder,
        &json!({ "hosts": "", "uri": "", "proxy": proxy, "CachingFillMode": "LAZY" }),
    );
    let answer = check(&folder, &["--format", "json"]);
    assert_eq!(answer.status, 0, "{}{}", answer.stdout, answer.stderr);
    let told = answer.json();
    assert_eq!(told["listen"], json!(["https://[::]:8081"]));
    let upstream = "pccs-uri (pcs) https://api.trustedservices.intel.com";
    assert_eq!(told["upstreams"], json!([upstream]));
    let settings = told["as_pccs"].as_array().expect("a list");
    for (name, became) in [
        ("hosts", "taken over"),
        ("uri", "left"),
        ("ApiKey", "taken over"),
        ("proxy", "taken over"),
    ] {
        let found = settings.iter().find(|one| one["setting"] == name);
        assert_eq!(found.expect(name)["became"], became, "{told}");
    }
}

#[test]
fn what_cannot_be_taken_over_is_said_with_its_place() {
    for (local, part) in [
        (
            json!({ "CachingFillMode": "SOMETIMES" }),
            "it is LAZY, REQ or OFFLINE",
        ),
        (
            json!({ "HTTPS_PORT": "many" }),
            "HTTPS_PORT: it is no number",
        ),
        (
            json!({ "UserTokenHash": "secret" }),
            "UserTokenHash: a hash is 128",
        ),
        (
            json!({ "proxy": "http://a:b@c" }),
            "proxy: the address carries a password",
        ),
        (
            json!({ "hosts": "a.example" }),
            "`a.example:8081` is no address",
        ),
    ] {
        let folder = Folder::new();
        install(&folder, &local);
        let answer = check(&folder, &[]);
        assert_eq!(answer.status, 2, "{local}: {}", answer.stdout);
        assert!(answer.stderr.contains(part), "{local}: {}", answer.stderr);
        assert!(
            answer.stderr.contains("config/"),
            "{local}: {}",
            answer.stderr
        );
    }
    let folder = Folder::new();
    let answer = check(&folder, &[]);
    assert_eq!(answer.status, 2);
    assert!(answer.stderr.contains("default.json"), "{}", answer.stderr);
    // A key that everybody can read is none.
    install(&folder, &json!({}));
    let key = folder.path("pccs/ssl_key/private.pem");
    std::fs::set_permissions(key, Permissions::from_mode(0o644)).expect("permissions");
    let answer = check(&folder, &[]);
    assert_eq!(answer.status, 2);
    assert!(answer.stderr.contains("chmod 600"), "{}", answer.stderr);
}

#[test]
fn the_commands_of_the_page_run() {
    let folder = Folder::new();
    let vendor = found();
    let hosts = [Host::of(&vendor, "one", now())];
    install(&folder, &json!({ "CachingFillMode": "OFFLINE" }));
    let path = folder.path("pccs/pckcache.db");
    drop(database::filled(&path, &vendor, &hosts, now()));
    let root = pem::block("CERTIFICATE", &vendor.root_certificate());
    folder.write("root.pem", root);
    token(&folder);
    let root = folder.text_path("root.pem");
    let directory = folder.text_path("pccs");
    let more = [
        "--as-pccs",
        &directory,
        "--trust-root",
        &root,
        "--simulated",
    ];
    let service = Daemon::service(&folder, &more);
    let page = pages::read("docs/take-over.md");
    let blocks = pages::blocks(&page, &["sh takeover"]);
    let mut count = 0;
    for command in blocks.iter().flat_map(|block| pages::commands(block)) {
        let placed = command.replace("127.0.0.1:8082", &service.address);
        let (status, answer, errors) = pages::run_in(&folder, &placed);
        assert_eq!((status, errors.as_str()), (0, ""), "{placed}: {answer}");
        count += 1;
    }
    assert_eq!(count, 3);
}
