//! `bulla serve`: the service as operators and clients meet it, with a vendor in a box behind it.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;
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
    let asked: [(u16, Reply); 10] = [
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
        (414, service.get(&format!("/{}", "a".repeat(9_000)))),
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
    let [.., audit, _, _, metrics] = &asked;
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

/// Programs read of a start that failed where they would have read the address.
#[test]
fn a_start_that_fails_is_told_on_one_stream_and_nobody_waits_for_it() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let state = folder.text_path("state");
    let options = ["--mode", "offline", "--listen", &address, "--store", &state];
    let (code, message) = refused(&options);
    assert!(message.contains(&address), "{message}");
    let told = run(&[&["serve"], &options[..]].concat());
    assert_eq!((told.status, &*told.stdout), (2, ""));
    let last = told.stderr.lines().last().expect("a line");
    assert_eq!(last, format!("error: {message} ({code})"));

    let started = std::panic::catch_unwind(|| {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'a line of the log' >&2; exec \"$@\"", "sh"]);
        command
            .arg(bulla().get_program())
            .arg("serve")
            .args(options);
        Daemon::start(&mut command, &folder.path("log"))
    });
    let Err(panic) = started else {
        panic!("two listen at {address}");
    };
    let panic = panic.downcast_ref::<String>().expect("words");
    for word in [&*code, &address, "a line of the log"] {
        assert!(panic.contains(word), "no {word}: {panic}");
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
        .env("WATCHDOG_USEC", "200000");
    let service = Daemon::start(&mut command, &folder.path("log"));
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
        // The page that it names is where the package is.
        .args(["verify", "--man=no"])
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

#[test]
fn places_are_told_as_they_became() {
    let folder = Folder::new();
    let text = "[[listen]]\nunix = \"socket\"\npermissions = \"600\"\n\
                [[listen]]\naddress = \"127.0.0.1:0\"\n\
                [store]\npath = \"state\"\n\
                [log]\nformat = \"json\"\naccess = false\n";
    let config = folder.write("bulla.toml", text);
    let mut command = bulla();
    command.args(["serve", "--mode", "offline", "--config"]);
    let service = Daemon::start(command.arg(config), &folder.path("log"));
    let socket = folder.text_path("socket");
    let expected = [
        format!("unix:{socket}"),
        format!("http://{}", service.address),
    ];
    assert_eq!(service.told["listening"], serde_json::json!(expected));
    assert!(!service.address.ends_with(":0"), "{}", service.address);
    let mode = fs::metadata(&socket)
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut stream = UnixStream::connect(&socket).expect("it listens");
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("an answer");
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert_eq!(service.get("/healthz").status(), 200);
    assert!(service.end().success());
    assert!(!folder.path("socket").exists(), "left behind");
    let log = fs::read_to_string(folder.path("log")).expect("a log");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_ne!(line["target"], "bulla::access", "{line}");
    }
}

/// The commands of the README, each run as it stands there, but on ports that are free.
#[test]
fn the_readme_leads_from_nothing_to_a_verdict() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).expect("a README");
    let (_, section) = readme
        .split_once("\n## Keep and serve collateral\n")
        .expect("a section");
    let (_, block) = section.split_once("```text\n").expect("a block");
    let (block, _) = block.split_once("\n```").expect("its end");
    let commands: Vec<&str> = block.lines().collect();
    let [init, quote, vendor, serve, wait, ask] = commands[..] else {
        panic!("{commands:?}");
    };
    let folder = Folder::new();
    let command = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(words[0], "bulla", "{line}");
        let mut command = bulla();
        command.args(&words[1..]).current_dir(folder.path(""));
        command
    };
    for line in [init, quote] {
        let output = command(line).output().expect("bulla runs");
        assert!(output.status.success(), "{line}: {output:?}");
    }
    let started = |line: &str| {
        let line = line.strip_suffix(" &").expect("it goes on");
        let mut command = command(line);
        Daemon::start(
            command.args(["--listen", "127.0.0.1:0"]),
            &folder.path("log"),
        )
    };
    let vendor = started(vendor);
    assert_eq!(vendor.told["public_url"], "http://127.0.0.1:8181");
    let service = started(&serve.replace("127.0.0.1:8181", &vendor.address));

    let waiting = "until curl -sf http://127.0.0.1:8081/readyz; do sleep 1; done";
    assert_eq!(wait, waiting);
    assert_eq!(service.get("/readyz").status(), 200);
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
