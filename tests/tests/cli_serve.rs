//! `bulla serve`: the service as operators and clients meet it, with a vendor in a box behind it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use bulla_pki::digest::sha512;
use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, Reply, found_vendor};
use bulla_tests::workbench::{Folder, run, run_with_input};
use serde_json::Value;

const TCB: &str = "/sgx/certification/v4/tcb?fmspc=FF53494D554C";

/// A vendor that runs, and a folder with its root.
fn vendor() -> (Folder, Daemon) {
    let folder = Folder::new();
    found_vendor(&folder);
    let vendor = Daemon::vendor(&folder);
    (folder, vendor)
}

fn upstream(vendor: &Daemon) -> String {
    format!("http://{}", vendor.address)
}

/// The service under the vendor's root.
fn service(folder: &Folder, upstream: &str) -> Daemon {
    let root = folder.text_path("root.pem");
    let arguments = ["--upstream", upstream, "--trust-root", &root, "--simulated"];
    Daemon::service(folder, &arguments)
}

fn administrator(folder: &Folder) -> String {
    let token = fs::read_to_string(folder.path("state/administrator-token")).expect("a token");
    token.trim().to_owned()
}

/// The code and message of a `bulla serve` that does not start.
#[track_caller]
fn refused(arguments: &[&str]) -> (String, String) {
    let answer = run(&[&["serve", "--format", "json"], arguments].concat());
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    let error = answer.json()["error"].clone();
    let text = |name: &str| error[name].as_str().expect("text").to_owned();
    (text("code"), text("message"))
}

#[test]
fn a_root_that_is_named_is_served_under_and_every_answer_says_so() {
    let (folder, vendor) = vendor();
    let service = service(&folder, &upstream(&vendor));
    assert_eq!(service.told["simulated"], true);
    assert_eq!(service.told["mode"], "lazy");
    assert_eq!(service.told["trust_anchor"]["genuine"], false);
    assert_eq!(service.told["documents"], 0);
    assert_eq!(service.told["platforms"], 0);

    let tcb = service.get(TCB);
    assert_eq!(tcb.status(), 200, "{}", tcb.head);
    assert_eq!(tcb.body, vendor.get(TCB).body, "byte for byte");
    assert!(tcb.header("TCB-Info-Issuer-Chain").is_some());

    let token = administrator(&folder);
    let admin: (&str, &str) = ("admin-token", &token);
    let asked: [(u16, Reply); 9] = [
        (200, tcb),
        (200, service.get("/pcs/sgx/certification/v4/qe/identity")),
        (200, service.get("/sgx/certification/v4/rootcacrl")),
        (
            404,
            service.get("/sgx/certification/v4/tcb?fmspc=FF0000000000"),
        ),
        (404, service.get("/nothing")),
        (401, service.get("/upstreams")),
        (200, service.send("GET", "/audit", &[admin], b"")),
        (200, service.get("/healthz")),
        (200, service.get("/metrics")),
    ];
    for (status, reply) in &asked {
        assert_eq!(reply.status(), *status, "{}", reply.head);
        assert_eq!(
            reply.header("Bulla-Simulated"),
            Some("true"),
            "{}",
            reply.head
        );
    }
    let [.., audit, _, metrics] = &asked;
    assert_eq!(audit.1.json()[0]["action"], "service.start");
    let counts = metrics
        .1
        .text()
        .lines()
        .filter(|line| !line.starts_with('#'));
    assert!(counts.clone().count() > 10);
    for count in counts {
        assert!(count.contains("simulated=\"true\""), "{count}");
    }
    drop(service);
    let log = fs::read_to_string(folder.path("log")).expect("a log");
    assert!(log.lines().count() >= asked.len());
    for line in log.lines() {
        assert!(line.starts_with("SIMULATED "), "{line}");
    }
}

#[test]
fn what_another_root_has_signed_is_never_served() {
    let (folder, vendor) = vendor();
    let other = Folder::new();
    found_vendor(&other);
    let other_root = other.text_path("root.pem");
    let under_other = ["--trust-root", &other_root, "--simulated"];
    for (root, simulated) in [(&[][..], false), (&under_other[..], true)] {
        let address = upstream(&vendor);
        let arguments = [&["--upstream", &address], root].concat();
        let service = Daemon::service(&folder, &arguments);
        assert_eq!(service.told["simulated"], simulated);
        for target in [
            TCB,
            "/sgx/certification/v4/qe/identity",
            "/sgx/certification/v4/rootcacrl",
            "/sgx/certification/v4/pckcrl?ca=processor",
            "/pcs/sgx/certification/v4/tcb?fmspc=FF53494D554C",
        ] {
            let reply = service.get(target);
            assert_eq!(reply.status(), 503, "{target}: {}", reply.head);
            assert_eq!(reply.body, b"", "{target}");
            assert!(reply.header("Retry-After").is_some(), "{}", reply.head);
            assert_eq!(reply.header("Bulla-Simulated").is_some(), simulated);
        }
        let kept = service.get("/collateral").json();
        assert_eq!(kept["documents"].as_array().map(Vec::len), Some(0));
        let token = administrator(&folder);
        let refused = service.send(
            "GET",
            "/collateral/refused",
            &[("admin-token", &token)],
            b"",
        );
        let refused = refused.json();
        assert_ne!(refused.as_array().expect("a list").len(), 0);
        for one in refused.as_array().expect("a list") {
            assert!(one["code"].is_string(), "{one}");
        }
        assert!(service.end().success());
    }
    let service = service(&folder, &upstream(&vendor));
    assert_eq!(service.get(TCB).status(), 200, "its own root");
}

#[test]
fn documents_are_served_after_a_restart_without_the_vendor() {
    let (folder, vendor) = vendor();
    let upstream = upstream(&vendor);
    let first = service(&folder, &upstream);
    let tcb = first.get(TCB);
    assert_eq!(tcb.status(), 200);
    let token = administrator(&folder);
    assert_eq!(first.told["administrator_token"]["made_now"], true);
    assert!(first.end().success());
    let left: Vec<_> = fs::read_dir(folder.path("state"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().ends_with("-wal"))
        .collect();
    assert!(left.is_empty(), "the store was closed in order: {left:?}");
    drop(vendor);

    let second = service(&folder, &upstream);
    assert_eq!(second.told["administrator_token"]["made_now"], false);
    assert_eq!(administrator(&folder), token);
    assert_ne!(second.told["documents"], 0);
    let again = second.get(TCB);
    assert_eq!((again.status(), again.body), (200, tcb.body));
    let unknown = second.get("/sgx/certification/v4/tcb?fmspc=FF0000000000");
    assert_eq!((unknown.status(), &unknown.body[..]), (503, &b""[..]));
}

#[test]
fn signals_end_it_in_order() {
    let folder = Folder::new();
    for name in ["TERM", "INT"] {
        let mut service = Daemon::service(&folder, &["--mode", "offline"]);
        // SIGHUP is about certificates.
        service.signal("HUP");
        assert_eq!(service.get("/readyz").status(), 200);
        service.signal(name);
        assert_eq!(service.wait().code(), Some(0), "{name}");
    }
}

#[test]
fn the_service_manager_is_told() {
    let folder = Folder::new();
    let place = folder.path("notify");
    let manager = UnixDatagram::bind(&place).expect("a socket");
    let patience = Some(Duration::from_secs(60));
    manager.set_read_timeout(patience).expect("a socket");
    let mut command = bulla();
    command
        .args(["serve", "--mode", "offline", "--listen", "127.0.0.1:0"])
        .env("NOTIFY_SOCKET", &place)
        .env("STATE_DIRECTORY", folder.path("of-the-service"))
        .env("WATCHDOG_USEC", "200000")
        .stderr(Stdio::null());
    let service = Daemon::start(&mut command);
    let state = service.told["store"].as_str().expect("a path");
    assert!(state.ends_with("/of-the-service"), "{state}");
    let mut told = Vec::new();
    let mut hear = |wanted: &str| {
        while !told.iter().any(|one: &String| one.contains(wanted)) {
            let mut message = [0; 1024];
            let size = manager.recv(&mut message).expect("a message");
            told.push(String::from_utf8_lossy(&message[..size]).into_owned());
        }
    };
    hear("READY=1");
    hear("STATUS=listening on http://127.0.0.1:");
    hear("WATCHDOG=1");
    assert_eq!(service.get("/healthz").status(), 200);
    assert!(service.end().success());
    hear("STOPPING=1");
}

#[test]
fn a_store_belongs_to_one_process() {
    let folder = Folder::new();
    let first = Daemon::service(&folder, &["--mode", "offline"]);
    let store = folder.text_path("state");
    let second = [
        "--mode",
        "offline",
        "--listen",
        "127.0.0.1:0",
        "--store",
        &store,
    ];
    let (code, message) = refused(&second);
    assert_eq!(code, "StoreInUse");
    assert!(message.contains(&first.id().to_string()), "{message}");
    assert_eq!(first.get("/readyz").status(), 200);
}

#[test]
fn a_port_belongs_to_one_process() {
    let folder = Folder::new();
    let first = Daemon::service(&folder, &["--mode", "offline"]);
    let store = folder.text_path("other");
    let second = [
        "--mode",
        "offline",
        "--listen",
        &first.address,
        "--store",
        &store,
    ];
    let (code, message) = refused(&second);
    assert_eq!(code, "AddressUnavailable");
    assert!(message.contains(&first.address), "{message}");
}

#[test]
fn the_administrator_of_this_machine_has_a_token_unless_others_are_set() {
    let folder = Folder::new();
    let offline = ["--mode", "offline"];
    let service = Daemon::service(&folder, &offline);
    let file = folder.path("state/administrator-token");
    assert_eq!(
        service.told["administrator_token"]["file"],
        file.to_str().expect("UTF-8")
    );
    let mode = || fs::metadata(&file).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let token = administrator(&folder);
    assert_eq!(token.len(), 64);
    let upstreams = |service: &Daemon, token: &str| {
        let headers = [("admin-token", token)];
        service.send("GET", "/upstreams", &headers, b"").status()
    };
    assert_eq!(upstreams(&service, &token), 200);
    assert_eq!(upstreams(&service, &token.replace(['0', 'a'], "1")), 401);
    assert_eq!(
        upstreams(&service, &hex::encode(sha512(token.as_bytes()))),
        401
    );
    assert!(service.end().success());
    let log = fs::read_to_string(folder.path("log")).expect("a log");
    assert!(log.contains("not let in"), "{log}");
    assert!(!log.contains(&token), "a token in the log");

    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("a file");
    let store = folder.text_path("state");
    let open = [
        "--mode",
        "offline",
        "--listen",
        "127.0.0.1:0",
        "--store",
        &store,
    ];
    assert_eq!(refused(&open).0, "SecretExposed");

    let hashed = run_with_input(&["serve", "--hash-token"], b"a token of my own\n");
    assert_eq!(hashed.status, 2, "spaces cannot stand in it");
    let hashed = run_with_input(&["serve", "--hash-token"], b"a-token-of-my-own\n");
    let text = format!(
        "[tokens]\nadministrators = [{{ name = \"mine\", {} }}]\n",
        hashed.stdout.trim()
    );
    let path = folder.write("bulla.toml", text);
    let config = [
        "--config",
        path.to_str().expect("UTF-8"),
        "--mode",
        "offline",
    ];
    let service = Daemon::service(&folder, &config);
    assert_eq!(service.told["administrator_token"], Value::Null);
    assert_eq!(upstreams(&service, "a-token-of-my-own"), 200);
    assert_eq!(upstreams(&service, &token), 401);
}

#[test]
fn a_token_is_never_an_argument() {
    let expected = hex::encode(sha512(b"secret"));
    let hashed = run_with_input(&["serve", "--hash-token"], b"secret\n");
    assert_eq!(hashed.stdout, format!("sha512 = \"{expected}\"\n"));
    let (code, _) = refused(&["--hash-token", "secret"]);
    assert_eq!(code, "UsageInvalid");
}

/// What `--check-config` says of a configuration.
fn check(folder: &Folder, text: &str) -> bulla_tests::workbench::Answer {
    folder.write("bulla.toml", text);
    let path = folder.text_path("bulla.toml");
    let store = folder.text_path("state");
    let arguments = [
        "serve",
        "--check-config",
        "--config",
        &path,
        "--format",
        "json",
    ];
    match text.contains("[store]") {
        true => run(&arguments),
        false => run(&[&arguments[..], &["--store", &store]].concat()),
    }
}

#[test]
fn a_configuration_in_order_is_said_to_be() {
    let folder = Folder::new();
    found_vendor(&folder);
    folder.write("key", "subscription\n");
    fs::set_permissions(folder.path("key"), Permissions::from_mode(0o600)).expect("a file");
    let sha512 = "ab".repeat(64);
    let text = format!(
        "mode = \"REQ\"\n\
         store = {{ path = \"here\" }}\n\
         listen = [{{ address = \"[::1]:0\" }}, {{ unix = \"s\", permissions = \"600\" }}, \
                   {{ systemd = 0, name = \"front\" }}, \
                   {{ address = \"192.0.2.1:80\", plain_text = true }}]\n\
         trust = {{ root = \"root.pem\", simulated = true }}\n\
         tokens = {{ users = [{{ name = \"a\", sha512 = \"{sha512}\" }}] }}\n\
         keep = {{ families = [\"00906ea10000\"], early = true }}\n\
         retention = {{ documents_days = 30, refused_days = 1 }}\n\
         limits = {{ connections = 16, idle_seconds = 5 }}\n\
         log = {{ format = \"json\", level = \"debug\", access = false }}\n\
         pccs = {{ refresh_by_get = true }}\n\
         [[upstream]]\nname = \"a\"\nurl = \"https://a.test.invalid\"\napi_key_file = \"key\"\n\
         proxy = \"environment\"\ndeadline = 0.5\n\
         [[upstream]]\nname = \"b\"\nkind = \"directory\"\npath = \"box\"\n\
         # [store] is above\n"
    );
    let answer = check(&folder, &text);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    let told = answer.json();
    assert_eq!(told["mode"], "req");
    assert_eq!(told["simulated"], true);
    let here = folder.text_path("here");
    assert_eq!(told["store"], here, "relative to the configuration");
    assert_eq!(told["upstreams"].as_array().map(Vec::len), Some(2));
    assert_eq!(told["listen"].as_array().map(Vec::len), Some(4));
    assert!(!folder.path("here").exists(), "nothing was started");
    assert!(!answer.stdout.contains("subscription"), "a key was shown");

    let nothing = run(&["serve", "--check-config", "--format", "json"]);
    let first = &nothing.json()["listen"][0];
    assert_eq!(first, "http://127.0.0.1:8081", "where clients expect it");
    let empty = check(&folder, "");
    assert_eq!(empty.json()["trust_anchor"]["name"], "intel-sgx-root");
    assert_eq!(empty.json()["simulated"], false);
}

#[test]
fn each_mistake_in_a_configuration_has_its_message() {
    let folder = Folder::new();
    found_vendor(&folder);
    folder.write("open", "secret");
    fs::set_permissions(folder.path("open"), Permissions::from_mode(0o644)).expect("a file");
    folder.write("empty-certificate", "");
    let close = |name: &str| {
        folder.write(name, "secret\n");
        fs::set_permissions(folder.path(name), Permissions::from_mode(0o600)).expect("a file");
    };
    close("closed");
    let upstream = |more: &str| format!("[[upstream]]\nname = \"a\"\n{more}\n");
    let url = "url = \"https://a.test.invalid\"\n";
    let simulated = |more: &str| format!("mode = \"offline\"\n[trust]\n{more}\n");
    let invalid = "ConfigurationInvalid";
    let cases: Vec<(String, &str, &str)> = vec![
        (
            "mode = \"eager\"".into(),
            invalid,
            "line 1, column 8, `mode`: unknown variant `eager`",
        ),
        (
            "mod = \"lazy\"".into(),
            invalid,
            "`mod`: unknown field `mod`, expected one of `mode`",
        ),
        ("mode = ".into(), invalid, "line 1, column "),
        (
            "\n[log]\nlevel = \"trace\"".into(),
            invalid,
            "line 3, column 9, `log.level`",
        ),
        (
            "[keep]\nfamilies = [\"00\"]".into(),
            invalid,
            "`keep.families[0]`: `00` is no FMSPC",
        ),
        (
            "[limits]\nconnections = 0".into(),
            invalid,
            "`limits.connections`",
        ),
        (
            "[[listen]]\n".into(),
            invalid,
            "one of `address`, `unix` and `systemd`",
        ),
        (
            "[[listen]]\naddress = \"here\"".into(),
            invalid,
            "`here` is no address",
        ),
        (
            "[[listen]]\naddress = \"0.0.0.0:1\"".into(),
            invalid,
            "add `tls`, or `plain_text = true`",
        ),
        (
            "[[listen]]\nunix = \"s\"\npermissions = \"rw\"".into(),
            invalid,
            "`listen[0].permissions`: `rw` are no permissions",
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\npermissions = \"600\"".into(),
            invalid,
            "only a socket that is given by `unix`",
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\ntls = { certificate = \"c\" }".into(),
            invalid,
            "missing field `key`",
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\n\
             tls = { certificate = \"c\", key = \"open\" }"
                .into(),
            "SecretExposed",
            "everybody on this machine",
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\n\
             tls = { certificate = \"c\", key = \"closed\" }"
                .into(),
            invalid,
            "`listen[0].tls`",
        ),
        (
            "[[listen]]\nunix = \"s\"\ntls = { certificate = \"c\", key = \"closed\" }".into(),
            invalid,
            "`listen[0].tls`",
        ),
        (upstream(""), invalid, "a service has a `url`"),
        (
            upstream("kind = \"directory\""),
            invalid,
            "a directory has a `path`",
        ),
        (
            upstream("url = \"http://a.test.invalid\""),
            invalid,
            "`upstream[0].url`",
        ),
        (
            upstream("url = \"ftp://a.test.invalid\""),
            invalid,
            "`upstream[0].url`",
        ),
        (
            upstream(&format!("{url}deadline = -1")),
            invalid,
            "`upstream[0].deadline`: -1 is no time",
        ),
        (
            upstream(&format!("{url}deadline = 1e3")),
            invalid,
            "`upstream[0].deadline`",
        ),
        (
            upstream(&format!("{url}attempts = 99")),
            invalid,
            "`upstream[0].attempts`",
        ),
        (
            upstream(&format!("{url}api_key = \"secret\"")),
            invalid,
            "unknown field `api_key`",
        ),
        (
            upstream(&format!("{url}api_key_file = \"gone\"")),
            "FileNotFound",
            "gone",
        ),
        (
            upstream(&format!("{url}api_key_file = \"open\"")),
            "SecretExposed",
            "chmod 600",
        ),
        (
            upstream(&format!(
                "{url}proxy = \"http://me:secret@proxy.test.invalid\""
            )),
            invalid,
            "`proxy_file`",
        ),
        (
            [upstream(url), upstream(url)].concat(),
            invalid,
            "`upstream[1].name`: two upstreams are named `a`",
        ),
        (
            simulated("root = \"root.pem\""),
            "TrustRootInvalid",
            "belongs to a simulated vendor",
        ),
        (simulated("simulated = true"), invalid, "`trust.simulated`"),
        (simulated("root = \"gone.pem\""), "FileNotFound", "gone.pem"),
        (simulated("root = \"open\""), "TrustRootInvalid", "open"),
        (
            "[trust]\nroot = \"root.pem\"\nsimulated = true".into(),
            "UsageInvalid",
            "a root is named and no upstream",
        ),
        (
            "[tokens]\nusers = [{ name = \"a\", sha512 = \"secret\" }]".into(),
            invalid,
            "`tokens.users[0].sha512`",
        ),
        (
            "[tokens]\nadministrators = [{ name = \"\", sha512 = \"00\" }]".into(),
            invalid,
            "`tokens.administrators[0].name`",
        ),
        ("[store]\npath = 1".into(), invalid, "`store.path`"),
    ];
    for (text, code, message) in cases {
        let answer = check(&folder, &text);
        assert_eq!(answer.status, 2, "{text}: {}", answer.stdout);
        let error = answer.json()["error"].clone();
        let said = error["message"].as_str().expect("a message");
        assert_eq!(error["code"], code, "{text}: {said}");
        assert!(said.contains(message), "{text}: {said}");
        assert!(code != invalid || said.contains("bulla.toml: "), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let gone = refused(&["--config", "gone.toml", "--check-config"]);
    assert_eq!(gone.0, "FileNotFound");
    folder.write("bulla.toml", b"mode = \"\xff\"");
    let not_text = refused(&["--config", &folder.text_path("bulla.toml")]);
    assert_eq!(not_text.0, invalid);
}

#[test]
fn arguments_override_the_configuration_and_are_checked_alike() {
    let folder = Folder::new();
    found_vendor(&folder);
    let text = "mode = \"req\"\n[[listen]]\naddress = \"127.0.0.1:9\"\n[store]\npath = \"here\"\n";
    let config = folder.write("bulla.toml", text);
    let config = config.to_str().expect("UTF-8");
    let there = folder.text_path("there");
    let checked = |more: &[&str]| {
        let arguments = [
            "serve",
            "--check-config",
            "--format",
            "json",
            "--config",
            config,
        ];
        run(&[&arguments[..], more].concat())
    };
    let told = checked(&[
        "--mode",
        "OFFLINE",
        "--listen",
        "127.0.0.1:10",
        "--store",
        &there,
    ]);
    let told = told.json();
    assert_eq!(told["mode"], "offline");
    assert_eq!(told["listen"][0], "http://127.0.0.1:10");
    assert_eq!(told["store"], there);
    let told = checked(&["--upstream", "pccs=https://cache.test.invalid:8081"]).json();
    assert_eq!(told["mode"], "req");
    assert_eq!(
        told["upstreams"][0],
        "upstream-1 (pccs) https://cache.test.invalid:8081"
    );
    let root = folder.text_path("root.pem");
    for (arguments, code) in [
        (&["--listen", "0.0.0.0:8081"][..], "ArgumentInvalid"),
        (&["--listen", "localhost"], "ArgumentInvalid"),
        (
            &["--upstream", "http://cache.test.invalid"],
            "ArgumentInvalid",
        ),
        (&["--upstream", "cache"], "ArgumentInvalid"),
        (&["--mode", "eager"], "UsageInvalid"),
        (&["--simulated"], "UsageInvalid"),
        (
            &["--mode", "offline", "--trust-root", &root],
            "TrustRootInvalid",
        ),
        (&["--trust-root", &root, "--simulated"], "UsageInvalid"),
    ] {
        let answer = checked(arguments);
        assert_eq!(answer.status, 2, "{arguments:?}: {}", answer.stdout);
        assert_eq!(answer.json()["error"]["code"], code, "{arguments:?}");
    }
}

/// A root is trusted only where it was named: files in the usual places and variables of a likely
/// name change nothing.
#[test]
fn nothing_around_brings_in_a_root() {
    let folder = Folder::new();
    found_vendor(&folder);
    let text = format!(
        "mode = \"offline\"\n[trust]\nroot = \"{}\"\nsimulated = true\n",
        folder.text_path("root.pem")
    );
    for place in [
        "bulla.toml",
        ".bulla.toml",
        "config/bulla.toml",
        "config/bulla/bulla.toml",
        "config/bulla/config.toml",
        ".config/bulla/bulla.toml",
        "state/bulla.toml",
        "state/root.pem",
    ] {
        let path = folder.path(place);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, &text).expect("a file");
    }
    let output = bulla()
        .args(["serve", "--check-config", "--format", "json"])
        .current_dir(folder.path(""))
        .env("HOME", folder.path(""))
        .env("XDG_CONFIG_HOME", folder.path("config"))
        .env("STATE_DIRECTORY", folder.path("state"))
        .env("CONFIGURATION_DIRECTORY", folder.path("config/bulla"))
        .env("BULLA_CONFIG", folder.path("bulla.toml"))
        .env("BULLA_TRUST_ROOT", folder.path("root.pem"))
        .env("SSL_CERT_FILE", folder.path("root.pem"))
        .output()
        .expect("bulla runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["trust_anchor"]["name"], "intel-sgx-root");
    assert_eq!(told["trust_anchor"]["genuine"], true);
    assert_eq!(told["mode"], "lazy");
}

/// The unit with the binary of this workspace in it.
#[test]
fn the_unit_is_one_that_systemd_knows() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let unit = fs::read_to_string(format!("{root}/packaging/bulla.service")).expect("a unit");
    let settings: Vec<(&str, &str)> = unit
        .lines()
        .filter(|line| !line.starts_with(['#', '[']) && !line.is_empty())
        .map(|line| line.split_once('=').expect("a key and a value"))
        .collect();
    for (key, value) in [
        ("Type", "notify"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "bulla"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ExecStart", "/usr/bin/bulla serve"),
    ] {
        assert!(settings.contains(&(key, value)), "{key}={value}");
    }
    let folder = Folder::new();
    let binary = bulla();
    let binary = binary.get_program().to_str().expect("UTF-8").to_owned();
    let path = folder.write("bulla.service", unit.replace("/usr/bin/bulla", &binary));
    match Command::new("systemd-analyze")
        .arg("verify")
        .arg(path)
        .output()
    {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            assert!(!said.contains("bulla.service:"), "{said}");
        }
        Err(error) => eprintln!("systemd-analyze is not here ({error}); the keys were read alone"),
    }
}

/// The five commands of the README, each run as it stands there, but on ports that are free.
#[test]
fn the_readme_leads_from_nothing_to_a_verdict_in_five_commands() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).expect("a README");
    let (_, section) = readme
        .split_once("\n## Keep and serve collateral\n")
        .expect("a section");
    let (_, block) = section.split_once("```text\n").expect("a block");
    let (block, _) = block.split_once("\n```").expect("its end");
    let commands: Vec<&str> = block.lines().collect();
    let [init, quote, vendor, serve, ask] = commands[..] else {
        panic!("{commands:?}");
    };
    let folder = Folder::new();
    let command = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(words[0], "bulla", "{line}");
        let mut command = bulla();
        command.args(&words[1..]).current_dir(folder.path(""));
        command.stderr(Stdio::null());
        command
    };
    for line in [init, quote] {
        let output = command(line).output().expect("bulla runs");
        assert!(output.status.success(), "{line}: {output:?}");
    }
    let started = |line: &str| {
        let line = line.strip_suffix(" &").expect("it goes on");
        Daemon::start(command(line).args(["--listen", "127.0.0.1:0"]))
    };
    let vendor = started(vendor);
    assert_eq!(vendor.told["public_url"], "http://127.0.0.1:8181");
    let service = started(&serve.replace("127.0.0.1:8181", &vendor.address));

    let words = [
        "curl -H \"admin-token: $(cat state/administrator-token)\"",
        "--data-binary @attested/quote.bin",
        "http://127.0.0.1:8081/platforms/evidence",
    ];
    assert_eq!(ask, words.join(" "));
    let token = administrator(&folder);
    let quote = fs::read(folder.path("attested/quote.bin")).expect("a quote");
    let verify = |quote: &[u8]| {
        let headers = [("admin-token", token.as_str())];
        service.send("POST", "/platforms/evidence", &headers, quote)
    };
    let verdict = verify(&quote);
    assert_eq!(
        verdict.status(),
        200,
        "{}: {}",
        verdict.head,
        verdict.text()
    );
    assert_eq!(verdict.header("Bulla-Simulated"), Some("true"));
    assert_eq!(verdict.json()["tcb_status"], "UpToDate");
    assert_eq!(verdict.json()["genuine"], false);
    let mut forged = quote;
    forged[100] ^= 1;
    assert_eq!(verify(&forged).status(), 422);
}
