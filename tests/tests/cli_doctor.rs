//! `bulla doctor` of services that are in order, and of those that lie, lag behind, are slow or gone.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla_collateral::{EnclaveId, PckCa, Selector, Series, TcbInfoId};
use bulla_pki::Timestamp;
use bulla_protocol::pcs::{
    self, CrlEncoding, CrlFile, Enclave, Refusal, Request, Response, Selection, Tee,
};
use bulla_protocol::value::Fmspc;
use bulla_protocol::wire::{Headers, RequestParts, ResponseParts, Status};
use bulla_service::keeper::Mode;
use bulla_service::want::Want;
use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, exchange, found_vendor};
use bulla_tests::front::Front;
use bulla_tests::liar::Liar;
use bulla_tests::service::{selected, standard, tcb_info};
use bulla_tests::site::{Clock, DAY, Site, vendor};
use bulla_tests::tls::Identity;
use bulla_tests::workbench::{Answer, Folder, run};
use bulla_vendor::answer::answer;
use bulla_vendor::{Charter, PLATFORM_FMSPC, PROCESSOR_FMSPC, Seed, Vendor};
use serde_json::Value;

/// The instant of everything that has no real service in it.
const AT: &str = "2026-12-20T12:00:00Z";

/// So long that nothing here is slow, whatever else the machine does.
const UNHURRIED: [&str; 2] = ["--slow-after", "300000"];

/// Findings by code and subject.
type Findings = BTreeSet<(String, String)>;

/// The doctor's answer about a service, by the root in a file of the folder.
fn examine(folder: &Folder, url: &str, more: &[&str]) -> Answer {
    let root = folder.text_path("root.pem");
    let mut arguments = vec!["doctor", url, "--trust-root", &root, "--simulated"];
    for defaults in [["--format", "json"], UNHURRIED] {
        if !more.contains(&defaults[0]) {
            arguments.extend(defaults);
        }
    }
    run(&[&arguments[..], more].concat())
}

/// The same of a stand-in that shows the time [`AT`].
fn examine_at(address: SocketAddr, more: &[&str]) -> Answer {
    let folder = Folder::new();
    folder.write("root.pem", vendor().root_certificate());
    let url = format!("http://{address}");
    examine(&folder, &url, &[&["--at", AT][..], more].concat())
}

fn findings(answer: &Answer, is_meant: impl Fn(&str) -> bool) -> Findings {
    let json = answer.json();
    let all = json["findings"].as_array().expect("findings").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    all.filter(|one| is_meant(one["severity"].as_str().expect("text")))
        .map(|one| (text(&one["code"]), text(&one["subject"])))
        .collect()
}

/// What is wrong, which notes are not.
fn wrong(answer: &Answer) -> Findings {
    findings(answer, |severity| severity != "note")
}

fn notes(answer: &Answer) -> Findings {
    findings(answer, |severity| severity == "note")
}

fn set(rows: &[(&str, &str)]) -> Findings {
    let owned = |(code, subject): &(&str, &str)| ((*code).to_owned(), (*subject).to_owned());
    rows.iter().map(owned).collect()
}

fn document(answer: &Answer, name: &str) -> Value {
    let json = answer.json();
    let documents = json["documents"].as_array().expect("documents");
    let found = documents.iter().find(|document| document["name"] == name);
    found.unwrap_or_else(|| panic!("{name}: {json}")).clone()
}

/// What the vendor says to a request at a time.
fn told(vendor: &Vendor, request: &Request, at: Timestamp) -> ResponseParts {
    let response = Response {
        request_id: None,
        warning: None,
        outcome: answer(vendor, request, at),
    };
    response.write()
}

fn ask_tcb_info(tee: Tee, fmspc: [u8; 6], selection: Selection) -> Request {
    Request::TcbInfo {
        tee,
        fmspc: Fmspc(fmspc),
        selection,
    }
}

fn ask_qe() -> Request {
    Request::EnclaveIdentity {
        enclave: Enclave::SgxQe,
        selection: Selection::Standard,
    }
}

fn ask_crl() -> Request {
    Request::PckCrl {
        ca: pcs::PckCa::Processor,
        encoding: CrlEncoding::Der,
    }
}

fn ask_root_crl() -> Request {
    let file = bulla_issuer::ROOT_CA_CRL_PATH.trim_start_matches('/');
    Request::RootCaCrl(CrlFile::new(file).expect("a name"))
}

fn refused(status: u16) -> ResponseParts {
    let status = Status::new(status).expect("a status");
    let outcome = Err(Refusal::new(status));
    let response = Response {
        request_id: None,
        warning: None,
        outcome,
    };
    response.write()
}

fn now() -> Timestamp {
    AT.parse().expect("a time")
}

/// Another vendor, whom nobody here trusts.
fn stranger() -> Vendor {
    let charter = Charter {
        public_url: "http://127.0.0.1:8181/vendor".parse().expect("an address"),
        founded: "2026-11-02T00:00:00Z".parse().expect("a time"),
        mark_critically: false,
    };
    Vendor::new(Seed::from(66), charter)
}

/// The vendor's service at [`AT`], but for what `lie` says instead.
fn liar(lie: impl Fn(&Request) -> Option<ResponseParts> + Send + 'static) -> Liar {
    let vendor = vendor();
    Liar::answering(move |request| lie(request).unwrap_or_else(|| told(&vendor, request, now())))
}

/// Says something else to one question alone.
fn instead(of: Request, parts: ResponseParts) -> Liar {
    liar(move |request| (*request == of).then(|| parts.clone()))
}

fn changed(request: &Request, change: impl Fn(&mut ResponseParts)) -> ResponseParts {
    let mut parts = told(&vendor(), request, now());
    change(&mut parts);
    parts
}

/// The last digit of a signature, or a bit of the last byte of one.
fn forge(parts: &mut ResponseParts) {
    let body = &mut parts.body;
    match body.iter_mut().rev().find(|byte| byte.is_ascii_digit()) {
        Some(digit) if body_is_text(&parts.headers) => *digit ^= 1,
        _ => *body.last_mut().expect("a byte") ^= 1,
    }
}

fn body_is_text(headers: &Headers) -> bool {
    headers
        .find("Content-Type")
        .is_some_and(|kind| kind.starts_with("application/json"))
}

fn without_header(parts: &mut ResponseParts, name: &str) {
    let kept = parts.headers.iter().filter(|(other, _)| *other != name);
    parts.headers = kept.fold(Headers::new(), |all, (name, value)| all.with(name, value));
}

fn family() -> String {
    standard(tcb_info(TcbInfoId::Sgx, PROCESSOR_FMSPC)).to_string()
}

fn early_family() -> String {
    selected(tcb_info(TcbInfoId::Sgx, PROCESSOR_FMSPC), Selector::Early).to_string()
}

fn qe() -> String {
    standard(Series::EnclaveIdentity(EnclaveId::Qe)).to_string()
}

fn processor() -> String {
    Want::PckCrl(PckCa::Processor).to_string()
}

/// Each lie: about which document, what is answered, what is found, and the state.
fn lies() -> Vec<(Liar, String, &'static [&'static str], &'static str)> {
    let ask = || ask_tcb_info(Tee::Sgx, PROCESSOR_FMSPC, Selection::Standard);
    let ask_early = || ask_tcb_info(Tee::Sgx, PROCESSOR_FMSPC, Selection::Early);
    let ago = |request: &Request, days: u64| {
        let at = now().saturating_sub(days * DAY);
        told(&vendor(), request, at)
    };
    let other = ask_tcb_info(Tee::Sgx, PLATFORM_FMSPC, Selection::Standard);
    let root_crl = Want::RootCaCrl.to_string();
    let busy = |parts: &mut ResponseParts| {
        *parts = ResponseParts {
            body: b"busy".to_vec(),
            ..refused(503)
        };
    };
    let unchained = |parts: &mut ResponseParts| {
        without_header(parts, "SGX-PCK-CRL-Issuer-Chain");
    };
    let untyped = |parts: &mut ResponseParts| without_header(parts, "Content-Type");
    vec![
        (
            instead(ask(), changed(&ask(), forge)),
            family(),
            &["DocumentSignatureInvalid"],
            "refused",
        ),
        (
            instead(ask_crl(), changed(&ask_crl(), forge)),
            processor(),
            &["CrlSignatureInvalid"],
            "refused",
        ),
        (
            instead(ask_root_crl(), changed(&ask_root_crl(), forge)),
            root_crl,
            &["CrlSignatureInvalid"],
            "refused",
        ),
        (
            instead(ask(), told(&vendor(), &other, now())),
            family(),
            &["DocumentNotAsked"],
            "refused",
        ),
        (
            instead(ask_qe(), told(&stranger(), &ask_qe(), now())),
            qe(),
            &["RootUntrusted"],
            "refused",
        ),
        (
            instead(ask(), ago(&ask(), 35)),
            family(),
            &["DocumentExpired"],
            "expired",
        ),
        (
            instead(ask_crl(), ago(&ask_crl(), 35)),
            processor(),
            &["DocumentExpired"],
            "expired",
        ),
        (
            instead(ask_crl(), ago(&ask_crl(), 25)),
            processor(),
            &["Overdue"],
            "overdue",
        ),
        (
            instead(ask_early(), ago(&ask_early(), 5)),
            early_family(),
            &["DocumentRolledBack"],
            "due",
        ),
        (
            instead(ask(), refused(404)),
            family(),
            &["Missing"],
            "absent",
        ),
        (
            instead(ask_crl(), changed(&ask_crl(), busy)),
            processor(),
            &["BodyWithUnavailable", "Unavailable"],
            "unavailable",
        ),
        (
            instead(ask(), refused(302)),
            family(),
            &["Redirected"],
            "unavailable",
        ),
        (
            instead(ask(), refused(500)),
            family(),
            &["UnexpectedStatus"],
            "unavailable",
        ),
        (
            instead(ask_crl(), changed(&ask_crl(), unchained)),
            processor(),
            &["ChainHeaderMissing"],
            "refused",
        ),
        (
            instead(ask_qe(), changed(&ask_qe(), untyped)),
            qe(),
            &["ContentTypeUnexpected"],
            "current",
        ),
    ]
}

#[test]
fn whatever_is_wrong_with_one_document_is_told_of_that_one_alone() {
    for (liar, name, codes, state) in lies() {
        let answer = examine_at(liar.address(), &["--dialect", "pcs"]);
        let expected: Vec<_> = codes.iter().map(|code| (*code, name.as_str())).collect();
        assert_eq!(wrong(&answer), set(&expected), "{name}");
        assert_eq!(document(&answer, &name)["state"], state, "{codes:?}");
        assert_eq!(answer.status, 1, "{codes:?}");
    }
}

#[test]
fn what_is_due_is_noted_with_its_dates_and_wrong_is_nothing() {
    let issued = now().saturating_sub(5 * DAY);
    let liar = instead(ask_crl(), told(&vendor(), &ask_crl(), issued));
    let answer = examine_at(liar.address(), &["--dialect", "pcs"]);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    assert_eq!(wrong(&answer), Findings::new());
    let due = ("Due".to_owned(), processor());
    assert!(notes(&answer).contains(&due), "{}", answer.stdout);
    let json = answer.json();
    let mut all = json["findings"].as_array().expect("findings").iter();
    let note = all.find(|one| one["code"] == "Due" && one["subject"] == processor().as_str());
    let message = note.expect("a note")["message"].as_str().expect("text");
    for date in ["2026-12-15", "2026-12-16", "2027-01-14"] {
        assert!(message.contains(date), "{message}");
    }
}

/// Whoever answers first with another chain must not decide by what the root's CRL is judged.
#[test]
fn the_crl_of_the_root_is_checked_by_the_named_root_alone() {
    let chain = |vendor: &Vendor| {
        let parts = told(vendor, &ask_qe(), now());
        let chain = parts.headers.find("SGX-Enclave-Identity-Issuer-Chain");
        chain.expect("a chain").to_owned()
    };
    let foreign = chain(&stranger());
    let with_foreign_chain = move |parts: &mut ResponseParts| {
        without_header(parts, "SGX-Enclave-Identity-Issuer-Chain");
        let headers = std::mem::replace(&mut parts.headers, Headers::new());
        parts.headers = headers.with("SGX-Enclave-Identity-Issuer-Chain", &foreign);
    };
    // Every identity, all of which are asked for before anything else.
    let first = liar(move |request| {
        matches!(request, Request::EnclaveIdentity { .. })
            .then(|| changed(request, &with_foreign_chain))
    });
    let answer = examine_at(first.address(), &["--dialect", "pcs"]);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    let root_crl = Want::RootCaCrl.to_string();
    assert_eq!(document(&answer, &root_crl)["state"], "current");
    let wrong = wrong(&answer);
    let is_of_identity = |(code, subject): &(String, String)| {
        code == "RootUntrusted" && subject.starts_with("enclave-identity/")
    };
    assert!(wrong.iter().all(is_of_identity), "{wrong:?}");
    assert!(wrong.len() >= 6, "{wrong:?}");

    // All of another vendor: there is nothing to judge its CRL by, not even its own root.
    let other = stranger();
    let all = Liar::answering(move |request| match request {
        Request::RootCaCrl(_) => told(&other, &ask_root_crl(), now()),
        _ => told(&other, request, now()),
    });
    let answer = examine_at(all.address(), &["--dialect", "pcs"]);
    assert_eq!(document(&answer, &root_crl)["state"], "refused");
    let untrusted = ("RootUntrusted".to_owned(), root_crl);
    assert!(
        self::wrong(&answer).contains(&untrusted),
        "{}",
        answer.stdout
    );
}

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

/// However many families a service claims to have, the questions have an end.
#[test]
fn a_list_without_end_is_not_followed_to_its_end() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let endless = liar(move |request| {
        counter.fetch_add(1, Ordering::SeqCst);
        match request {
            Request::Fmspcs(_) => {
                let row = |n: u32| format!("{{\"fmspc\":\"{n:012X}\",\"platform\":\"E5\"}}");
                let rows: Vec<String> = (0..5_000).map(row).collect();
                Some(changed(request, |parts| {
                    parts.body = format!("[{}]", rows.join(",")).into_bytes();
                }))
            }
            Request::TcbInfo { .. } => Some(refused(404)),
            _ => None,
        }
    });
    let answer = examine_at(endless.address(), &["--dialect", "pcs"]);
    assert_eq!(answer.status, 1);
    let told = ("FamiliesTooMany".to_owned(), "tcb-info".to_owned());
    assert!(notes(&answer).contains(&told));
    let count = count.load(Ordering::SeqCst);
    assert!((1_024..1_100).contains(&count), "{count}");
}

#[test]
fn what_takes_longer_than_the_limit_is_slow() {
    let liar = liar(|request| {
        if *request == ask_qe() {
            std::thread::sleep(Duration::from_millis(300));
        }
        None
    });
    let slow = ("Slow".to_owned(), qe());
    let hurried = examine_at(liar.address(), &["--dialect", "pcs", "--slow-after", "299"]);
    assert!(wrong(&hurried).contains(&slow), "{}", hurried.stdout);
    assert_eq!(hurried.status, 1);
    let took = document(&hurried, &qe())["milliseconds"].as_u64();
    assert!(took >= Some(300), "{took:?}");
    let patient = examine_at(liar.address(), &["--dialect", "pcs"]);
    assert_eq!(wrong(&patient), Findings::new(), "{}", patient.stdout);
    assert_eq!(patient.status, 0);
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
        "Azure-DCAP-Client  cannot use this service",
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
    let answer = run(&[&plain[..], &UNHURRIED, &["--format", "json"]].concat());
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
    let service = Daemon::start(command.stderr(std::process::Stdio::null()));
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
