//! `bulla vendor serve`: the service as its clients meet it, while events happen.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use bulla_pki::pem;
use bulla_tests::binary::bulla;
use bulla_tests::workbench::{Answer, Folder, run};
use serde_json::Value;

const FOUNDED: &str = "2026-11-02T10:00:00Z";
const NOW: &str = "2026-11-20T10:00:00Z";
const PUBLIC_URL: &str = "http://vendor.test.invalid:8181/simulated";

/// A vendor in `box` with the platforms `one` and, of several packages, `two`.
fn founded() -> Folder {
    let folder = Folder::new();
    done(
        &folder,
        &format!("init --public-url {PUBLIC_URL} --at {FOUNDED}"),
    );
    done(&folder, &format!("platform add one --at {FOUNDED}"));
    done(
        &folder,
        &format!("platform add two --multi-package --at {FOUNDED}"),
    );
    folder
}

fn vendor(folder: &Folder, words: &str) -> Answer {
    let directory = folder.text_path("box");
    let words = words.split_ascii_whitespace();
    let arguments: Vec<&str> = ["vendor"].into_iter().chain(words).collect();
    run(&[&arguments[..], &["--dir", &directory, "--format", "json"]].concat())
}

#[track_caller]
fn done(folder: &Folder, words: &str) -> Value {
    let answer = vendor(folder, words);
    assert_eq!(answer.status, 0, "{words}: {}", answer.stdout);
    answer.json()
}

/// A service that runs, and ends with the test.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    /// A service of the vendor in `box` on a free port, at [`NOW`].
    fn start(folder: &Folder, more: &[&str]) -> Self {
        let mut child = bulla()
            .args([
                "vendor",
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--format",
                "json",
            ])
            .args(["--dir", &folder.text_path("box"), "--at", NOW])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("bulla starts");
        let mut told = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        while !told.ends_with("}\n") {
            let size = output.read_line(&mut told).expect("text");
            assert_ne!(size, 0, "the service ended: {told}");
        }
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told["simulated"], true);
        let address = told["address"].as_str().expect("an address").to_owned();
        Self { child, address }
    }

    fn get(&self, target: &str) -> Reply {
        self.send(&format!("GET {target} HTTP/1.1"), b"")
    }

    fn send(&self, line: &str, body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(&self.address).expect("the service listens");
        let head = format!(
            "{line}\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("an answer");
        let end = reply
            .windows(4)
            .position(|part| part == b"\r\n\r\n")
            .expect("a head");
        Reply {
            head: String::from_utf8(reply[..end].to_vec()).expect("text"),
            body: reply[end + 4..].to_vec(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Reply {
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn status(&self) -> u16 {
        let word = self.head.split(' ').nth(1).expect("a status");
        word.parse().expect("a number")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

#[test]
fn events_take_effect_while_it_serves_and_old_numbers_are_gone() {
    let folder = founded();
    let service = Running::start(&folder, &[]);
    let tcb = |query: &str| {
        service.get(&format!(
            "/sgx/certification/v4/tcb?fmspc=ff53494d554c{query}"
        ))
    };
    let number = |query: &str| tcb(query).json()["tcbInfo"]["tcbEvaluationDataNumber"].clone();
    let missing = |number: u32| tcb(&format!("&tcbEvaluationDataNumber={number}")).status();
    assert_eq!((number(""), number("&update=early")), (1.into(), 1.into()));
    assert_eq!(missing(2), 404);

    done(
        &folder,
        "recover --raises microcode --at 2026-11-05T00:00:00Z",
    );
    assert_eq!((number(""), number("&update=early")), (1.into(), 2.into()));
    done(&folder, "promote 2 --at 2026-11-06T00:00:00Z");
    assert_eq!((number(""), missing(1)), (2.into(), 200));
    done(&folder, "retire 1 --at 2026-11-07T00:00:00Z");
    assert_eq!(missing(1), 410);

    let unknown = service.get("/sgx/certification/v4/tcb?fmspc=ff0000000000");
    assert_eq!(unknown.status(), 404);
    done(
        &folder,
        &format!("platform add three --fmspc ff0000000000 --at {FOUNDED}"),
    );
    let known = service.get("/tdx/certification/v4/tcb?fmspc=ff0000000000");
    assert_eq!(known.status(), 200);
    assert!(
        known.head.to_lowercase().contains("bulla-simulated: true"),
        "{}",
        known.head
    );

    // What lies in the future has not happened for a service that lives before it.
    done(&folder, "recover --raises pce --at 2026-12-01T00:00:00Z");
    assert_eq!(number("&update=early"), 2);
}

#[test]
fn certificates_name_places_where_the_service_has_the_lists() {
    let folder = founded();
    let service = Running::start(&folder, &[]);
    let out = folder.text_path("out");
    done(
        &folder,
        &format!("quote --platform one --kind sgx-v3 --out {out} --at {NOW}"),
    );
    let quote = std::fs::read(folder.path("out/quote.bin")).expect("a quote");
    let start = quote
        .windows(5)
        .position(|part| part == b"-----")
        .expect("a chain");
    let chain = pem::decode(&quote[start..], "CERTIFICATE", 3).expect("three certificates");
    let mut places = Vec::new();
    for certificate in &chain {
        let place = certificate
            .windows(PUBLIC_URL.len())
            .position(|part| part == PUBLIC_URL.as_bytes())
            .expect("a distribution point");
        // Behind the address stands the next DER element, whose tag is no character.
        let address = certificate[place..]
            .split(|byte| !byte.is_ascii_graphic())
            .next();
        let address = String::from_utf8(address.expect("an address").to_vec()).expect("text");
        let end = address
            .find(".der")
            .map(|at| at + 4)
            .or(address.find("=der").map(|at| at + 4));
        places.push(address[..end.expect("a list in DER")].to_owned());
    }
    assert_eq!(places.len(), 3);
    for place in places {
        let target = place
            .strip_prefix("http://vendor.test.invalid:8181")
            .expect("the host");
        let reply = service.get(target);
        assert_eq!(reply.status(), 200, "{place}");
        bulla_pki::Crl::parse(&reply.body).expect("a CRL");
    }
}

#[test]
fn a_platform_registers_over_the_web_and_then_gets_its_certificates() {
    let folder = founded();
    let service = Running::start(&folder, &[]);
    let shown = done(&folder, &format!("platform show two --at {NOW}"));
    let request = |name: &str| shown["request"][name].as_str().expect("text").to_owned();
    let target = format!(
        "/sgx/certification/v4/pckcert?encrypted_ppid={}&cpusvn={}&pcesvn={}&pceid={}",
        request("encrypted_ppid"),
        request("cpusvn"),
        request("pcesvn"),
        request("pceid"),
    );
    assert_eq!(service.get(&target).status(), 404, "not registered");

    let manifest = folder.text_path("manifest");
    done(
        &folder,
        &format!("platform manifest two --out {manifest} --at {NOW}"),
    );
    let manifest = std::fs::read(manifest).expect("a manifest");
    let registered = service.send("POST /sgx/registration/v1/platform HTTP/1.1", &manifest);
    assert_eq!(registered.status(), 201, "{}", registered.head);
    let ppid = String::from_utf8(registered.body).expect("text");
    assert_eq!(ppid.to_lowercase(), shown["ppid"].as_str().expect("a PPID"));
    let listed = done(&folder, &format!("platform list --at {NOW}"));
    assert_eq!(listed["platforms"][1]["registration"], "direct");

    let certificate = service.get(&target);
    assert_eq!(certificate.status(), 200, "{}", certificate.head);
    assert!(certificate.body.starts_with(b"-----BEGIN CERTIFICATE-----"));
}

#[test]
fn faults_and_limits_are_asked_for_at_the_start() {
    let folder = founded();
    let target = "/sgx/certification/v4/qe/identity";
    let fault = format!("{target} status=503 count=1");
    let service = Running::start(&folder, &["--fault", &fault, "--rate-limit", "2/3600"]);
    let statuses: Vec<u16> = (0..4).map(|_| service.get(target).status()).collect();
    assert_eq!(statuses, [503, 200, 200, 429]);
}

#[test]
fn services_that_cannot_start() {
    let folder = founded();
    let running = Running::start(&folder, &[]);
    let cases = [
        (
            format!("serve --listen {}", running.address),
            "AddressUnavailable",
            "cannot be listened on",
        ),
        (
            "serve --listen 0.0.0.0:0".to_owned(),
            "AddressNotLoopback",
            "no loopback address",
        ),
        (
            "serve --listen here".to_owned(),
            "ArgumentInvalid",
            "--listen",
        ),
        (
            "serve --fault oops".to_owned(),
            "ArgumentInvalid",
            "--fault",
        ),
        (
            "serve --rate-limit 0/1".to_owned(),
            "ArgumentInvalid",
            "requests/seconds",
        ),
        (
            format!("serve --at {NOW} --clock-offset 5"),
            "UsageInvalid",
            "cannot be used with",
        ),
    ];
    for (words, code, message) in cases {
        let answer = vendor(&folder, &words);
        assert_eq!(answer.status, 2, "{words}");
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], code, "{words}: {error}");
        let said = error["message"].as_str().expect("a message");
        assert!(said.contains(message), "{said}");
    }
    let gone = run(&["vendor", "serve", "--dir", "gone", "--format", "json"]);
    assert_eq!(gone.json()["error"]["code"], "VendorNotFound");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_in_order() {
    let folder = founded();
    let mut service = Running::start(&folder, &[]);
    // Whoever answers listens for signals too.
    assert_eq!(service.get("/sgx/certification/v4/fmspcs").status(), 200);
    let pid = service.child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .expect("kill runs");
    assert!(killed.success());
    let status = service.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}
