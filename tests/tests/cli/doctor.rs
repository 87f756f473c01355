//! `bulla doctor` of caches that are in order, and of those that are not, as they are run.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use bulla_collateral::TcbInfoId;
use bulla_protocol::wire::{Headers, RequestParts, ResponseParts, Status};
use bulla_service::keeper::Mode;
use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, exchange, found_vendor};
use bulla_tests::doctor::{
    AT, Findings, ask_qe, document, examine, examine_at, family, forge, instead, liar, qe, refused,
    set, wrong,
};
use bulla_tests::front::Front;
use bulla_tests::liar::Liar;
use bulla_tests::service::{standard, tcb_info};
use bulla_tests::site::{Clock, Site, vendor};
use bulla_tests::tls::Identity;
use bulla_tests::workbench::{Answer, Folder, run};
use bulla_vendor::PROCESSOR_FMSPC;

/// A bulla in the process, and in front of it somebody who remembers what was asked, and may change
/// what is answered.
struct Cache {
    asked: Arc<Mutex<Vec<RequestParts>>>,
    between: Liar,
    _front: Front,
    _site: Site,
}

impl Cache {
    fn new(change: impl Fn(&str, &mut ResponseParts) + Send + 'static) -> Self {
        let clock = Clock::at(AT);
        let site = Site::open(vendor(), &clock);
        let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let between = relay(front.address.clone(), Arc::clone(&asked), change);
        Self {
            asked,
            between,
            _front: front,
            _site: site,
        }
    }

    fn examine(&self, more: &[&str]) -> Answer {
        examine_at(self.between.address(), more)
    }
}

fn relay(
    address: String,
    asked: Arc<Mutex<Vec<RequestParts>>>,
    change: impl Fn(&str, &mut ResponseParts) + Send + 'static,
) -> Liar {
    Liar::raw(move |request| {
        let target = request.target();
        let head = format!(
            "{} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n",
            request.method
        );
        asked.lock().expect("a list").push(request);
        let reply = exchange(&address, head.as_bytes());
        let lines = reply.head.lines().skip(1);
        let headers = lines.filter_map(|line| line.split_once(": "));
        // The relay says these itself.
        let headers = headers.filter(|(name, _)| {
            !["connection", "content-length"].contains(&name.to_ascii_lowercase().as_str())
        });
        let mut parts = ResponseParts {
            status: Status::new(reply.status()).expect("a status"),
            headers: headers.fold(Headers::new(), |all, (name, value)| all.with(name, value)),
            body: reply.body,
        };
        change(&target, &mut parts);
        parts
    })
}

#[test]
fn a_cache_is_asked_with_get_alone_and_for_nothing_that_changes_it() {
    let cache = Cache::new(|_, _| ());
    let family = hex::encode_upper(PROCESSOR_FMSPC);
    let answer = cache.examine(&["--fmspc", &family]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    let asked = cache.asked.lock().expect("a list");
    assert!(asked.len() > 15, "{}", asked.len());
    for request in asked.iter() {
        let target = request.target();
        assert_eq!(request.method, "GET", "{target}");
        assert!(request.body.is_empty(), "{target}");
        assert!(request.headers.find("admin-token").is_none(), "{target}");
        assert!(request.headers.find("user-token").is_none(), "{target}");
        for word in ["platforms", "refresh", "pckcert"] {
            assert!(!target.contains(word), "{target}");
        }
    }
    assert!(asked.iter().any(|one| one.target().contains(&family)));
}

#[test]
fn a_cache_that_changes_documents_is_found_out() {
    let tcb = "/sgx/certification/v4/tcb?";
    let forger = Cache::new(move |target, parts| {
        if target.starts_with(tcb) && target.contains("standard") {
            forge(parts);
        }
    });
    let fmspc = hex::encode_upper(PROCESSOR_FMSPC);
    let answer = forger.examine(&["--fmspc", &fmspc]);
    assert_eq!(answer.json()["dialect"], "pccs");
    assert_eq!(answer.json()["bulla"], true);
    let expected = set(&[("DocumentSignatureInvalid", &family())]);
    assert_eq!(wrong(&answer), expected, "{}", answer.stdout);
    assert_eq!(answer.status, 1);
}

/// What a cache itself lists is missed also where nobody named it.
#[test]
fn what_a_cache_lists_and_does_not_give_is_missing() {
    let hidden = Arc::new(Mutex::new(false));
    let hides = Arc::clone(&hidden);
    let cache = Cache::new(move |target, parts| {
        if *hides.lock().expect("a flag") && target.contains("/v4/tcb?") {
            *parts = refused(404);
        }
    });
    let fmspc = hex::encode_upper(PROCESSOR_FMSPC);
    let filled = cache.examine(&["--fmspc", &fmspc]);
    assert_eq!(filled.status, 0, "{}", filled.stdout);
    *hidden.lock().expect("a flag") = true;
    let answer = cache.examine(&[]);
    let tdx = standard(tcb_info(TcbInfoId::Tdx, PROCESSOR_FMSPC)).to_string();
    let expected = set(&[("Missing", &family()), ("Missing", &tdx)]);
    assert_eq!(wrong(&answer), expected, "{}", answer.stdout);
    assert_eq!(answer.status, 1);
}

/// A vendor in a box and a `bulla serve` that asks it, both as they are run.
struct World {
    folder: Folder,
    vendor: Daemon,
}

impl World {
    fn new() -> Self {
        let folder = Folder::new();
        found_vendor(&folder);
        let vendor = Daemon::vendor(&folder);
        Self { folder, vendor }
    }

    fn upstream(&self) -> String {
        format!("http://{}", self.vendor.address)
    }

    fn service(&self) -> Daemon {
        let root = self.folder.text_path("root.pem");
        let upstream = self.upstream();
        let trust = ["--trust-root", &root, "--simulated"];
        Daemon::service(
            &self.folder,
            &[&["--upstream", &upstream][..], &trust].concat(),
        )
    }

    fn examine(&self, url: &str, more: &[&str]) -> Answer {
        examine(&self.folder, url, more)
    }
}

#[test]
fn a_service_in_order_passes_in_both_dialects_as_json_and_as_text() {
    let world = World::new();
    let service = world.service();
    let url = format!("http://{}", service.address);
    let fmspc = hex::encode_upper(PROCESSOR_FMSPC);
    let answer = world.examine(&url, &["--fmspc", &fmspc]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    assert_eq!(wrong(&answer), Findings::new());
    let json = answer.json();
    assert_eq!(json["url"], url.as_str());
    assert_eq!(json["dialect"], "pccs");
    assert_eq!(json["bulla"], true);
    assert_eq!(json["simulated"], true);
    assert_eq!(json["transport"], "loopback");
    assert_eq!(json["honours_numbers"], true);
    let current = document(&answer, &family());
    assert_eq!(current["state"], "current");
    assert_eq!(current["status"], 200);
    assert_eq!(current["number"], 1);
    assert!(current["target"].as_str().expect("text").contains(&fmspc));
    assert!(current["size"].as_u64() > Some(500), "{current}");
    assert!(current["header_size"].as_u64() > Some(1_000), "{current}");

    // By now it lists the family itself; the vendor's dialect lists its own.
    for url in [url.clone(), format!("{url}/pcs"), world.upstream()] {
        let answer = world.examine(&url, &[]);
        assert_eq!(answer.status, 0, "{url}: {}", answer.stdout);
        assert_eq!(document(&answer, &family())["state"], "current", "{url}");
    }

    let text = world.examine(&url, &["--format", "text"]).stdout;
    let first = text.lines().next().expect("a line");
    assert!(first.starts_with("SIMULATED"), "{text}");
    assert!(first.contains("nothing is wrong"), "{text}");
    for part in [
        "interface pccs, bulla; loopback; tcbEvaluationDataNumber honoured",
        &family(),
        "settings for clients",
        &format!("AZDCAP_BASE_CERT_URL={url}/thim/sgx/certification"),
        &format!("\"pccs_url\": \"{url}/sgx/certification/v4/\""),
        &format!("PCCS_URL={url}"),
        &format!("https://certificates.trustedservices.intel.com {url}/pcs"),
        "QCNL_CONF_PATH=",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_is_wrong_stands_in_the_text_with_what_to_do() {
    let liar = instead(ask_qe(), refused(404));
    let more = ["--dialect", "pcs", "--format", "text"];
    let answer = examine_at(liar.address(), &more);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    let text = answer.stdout;
    let first = text.lines().next().expect("a line");
    assert!(first.contains("1 failure, 0 warnings"), "{text}");
    assert!(text.contains("failure  Missing  "), "{text}");
    assert!(text.contains("The status is 404."), "{text}");
    assert!(text.contains("To do: have the service fetch"), "{text}");
}

#[test]
fn a_simulated_root_counts_only_by_its_name() {
    let liar = liar(|_| None);
    let url = format!("http://{}", liar.address());
    let plain = ["doctor", &url, "--dialect", "pcs", "--at", AT];
    let answer = run(&[&plain[..], &["--slow-after", "300000", "--format", "json"]].concat());
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    let json = answer.json();
    assert_eq!(json["simulated"], false);
    assert_eq!(json["trust_anchor"], "intel-sgx-root");
    let documents = json["documents"].as_array().expect("documents");
    let given = documents.iter().filter(|one| one["status"] == 200);
    let states: BTreeSet<_> = given.map(|one| one["state"].to_string()).collect();
    assert_eq!(states, BTreeSet::from(["\"refused\"".to_owned()]));

    let folder = Folder::new();
    let root = folder.write("root.pem", vendor().root_certificate());
    let root = root.to_str().expect("UTF-8");
    let unsaid = ["--trust-root", root, "--format", "json"];
    let answer = run(&[&plain[..], &unsaid].concat());
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    assert_eq!(answer.json()["error"]["code"], "TrustRootInvalid");
}

#[test]
fn who_cannot_be_asked_is_no_finding_but_an_error() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let answer = examine_at(gone, &[]);
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    assert_eq!(answer.json()["error"]["code"], "ServiceUnreachable");
    for (url, more, code) in [
        ("nowhere", [].as_slice(), "ArgumentInvalid"),
        ("http://a:b@127.0.0.1", &[], "ArgumentInvalid"),
        ("http://127.0.0.1", &["--fmspc", "00"], "ArgumentInvalid"),
        ("http://127.0.0.1", &["--at", "noon"], "TimeInvalid"),
        ("http://127.0.0.1", &["--slow-after", "-1"], "UsageInvalid"),
    ] {
        let answer = run(&[&["doctor", url, "--format", "json"], more].concat());
        assert_eq!(answer.status, 2, "{url} {more:?}");
        assert_eq!(answer.json()["error"]["code"], code, "{url} {more:?}");
    }
}

/// A certificate that is not trusted is found, and the documents are judged all the same.
#[test]
fn tls_is_judged_by_the_given_cas() {
    let world = World::new();
    let (certificate, key) = Identity::new("doctor").lay_out(&world.folder);
    let configuration = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n\
         tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n"
    );
    let configuration = world.folder.write("tls.toml", configuration);
    let mut command = bulla();
    command.args(["serve", "--config"]).arg(configuration);
    command.args(["--store", &world.folder.text_path("tls-state")]);
    command.args(["--trust-root", &world.folder.text_path("root.pem")]);
    command.args(["--simulated", "--upstream", &world.upstream()]);
    let service = Daemon::start(&mut command, &world.folder.path("tls-log"));
    let url = format!("https://{}", service.address);
    let authority = world.folder.text_path("tls-ca.pem");
    let trusted = world.examine(&url, &["--ca-file", &authority]);
    assert_eq!(trusted.status, 0, "{}", trusted.stdout);
    assert_eq!(trusted.json()["transport"], "tls");

    let distrusted = world.examine(&url, &[]);
    assert_eq!(distrusted.status, 1, "{}", distrusted.stdout);
    assert_eq!(distrusted.json()["transport"], "tls_untrusted");
    assert_eq!(wrong(&distrusted), set(&[("TlsUntrusted", "service")]));
    assert_eq!(document(&distrusted, &qe())["state"], "current");
}
