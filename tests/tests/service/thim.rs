//! Azure's dialect: the requests of Azure's client, with everything that it was measured to need.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_issuer::pem;
use bulla_protocol::percent;
use bulla_protocol::thim::PckCertificate;
use bulla_protocol::value::PceSvn;
use bulla_service::keeper::Mode;
use bulla_tests::baselines::{apply, recovering};
use bulla_tests::binary::bulla;
use bulla_tests::daemon::{Daemon, Reply, exchange, found_vendor};
use bulla_tests::front::Front;
use bulla_tests::host::Host;
use bulla_tests::site::{Clock, DAY, Site, vendor};
use bulla_tests::workbench::Folder;
use bulla_vendor::PROCESSOR_FMSPC;

const SIGNS: &str = "clientid=production_client&api-version=2018-10-01-preview";

/// `dGNi...`: tcbEvaluationDataNumber=1;region=us central, and the zero that ends it.
const NUMBER_1: &str = "dGNiRXZhbHVhdGlvbkRhdGFOdW1iZXI9MTtyZWdpb249dXMgY2VudHJhbAA=";

fn open() -> (Clock, Site, Front) {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let site = Site::open(vendor(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    (clock, site, front)
}

/// What the client does with an answer: it gives up where a header is empty, and where the protocol
/// is older than HTTP/1.1.
#[track_caller]
fn taken(reply: &Reply, what: &str) {
    assert_eq!(reply.status(), 200, "{what}: {}", reply.head);
    assert!(reply.head.starts_with("HTTP/1.1 "), "{what}");
    for name in reply.names() {
        let value = reply.header(name).expect("a header");
        assert!(!value.is_empty(), "{what}: {name}");
    }
}

/// For how long the client keeps a document; it throws away what says nothing of it, and what may be
/// kept for more than a day it does not keep.
#[track_caller]
fn max_age(reply: &Reply, what: &str) -> u64 {
    let control = reply.header("Cache-Control").expect(what);
    let seconds = control.strip_prefix("max-age=").expect(what);
    let seconds = seconds.parse().expect(what);
    assert!((1..=86_400).contains(&seconds), "{what}: {seconds}");
    // The client would count nothing off.
    assert_eq!(reply.header("Age"), None, "{what}");
    seconds
}

/// A document as the client takes it: the body, and the chain of the header that it looks for.
#[track_caller]
fn document(front: &Front, target: &str, chains: &[&str]) -> Vec<u8> {
    let reply = front.get(target);
    taken(&reply, target);
    max_age(&reply, target);
    for name in chains {
        let chain = percent::decode(reply.header(name).expect(target)).expect(target);
        assert!(chain.starts_with("-----BEGIN CERTIFICATE-----"), "{target}");
    }
    reply.body
}

const INFO: [&str; 2] = ["SGX-TCB-Info-Issuer-Chain", "TCB-Info-Issuer-Chain"];
const IDENTITY: [&str; 1] = ["SGX-Enclave-Identity-Issuer-Chain"];
const CRL: [&str; 1] = ["SGX-PCK-CRL-Issuer-Chain"];

/// As the client writes it: escaped, and what was escaped already escaped once more.
fn twice(uri: &str) -> String {
    let once = percent::encode(uri).to_lowercase();
    once.replace('%', "%25")
}

#[test]
fn everything_that_the_client_asks_for_is_answered_as_it_needs() {
    let (clock, _site, front) = open();
    let base = "/thim/sgx/certification/v4";
    let fmspc = hex::encode(PROCESSOR_FMSPC);
    let vendor = vendor();
    let pem = |der: &[u8]| pem::block("X509 CRL", der).into_bytes();

    let root = pem(&vendor.root_ca_crl(clock.now()).der);
    let cdp = "https://certificates.trustedservices.intel.com/intelsgxrootca.crl";
    let of_root = [
        format!(
            "{base}/pckcrl?uri={}&clientid=production_client",
            twice(cdp)
        ),
        // Open Enclave hands over what the certificate names, escaped once.
        format!("{base}/pckcrl?uri={}&{SIGNS}", percent::encode(cdp)),
        format!("{base}/rootcacrl?clientid=production_client"),
    ];
    for target in of_root {
        assert_eq!(document(&front, &target, &CRL), root, "{target}");
    }
    let api = "https://api.trustedservices.intel.com/sgx/certification/v3/pckcrl?ca=platform&\
               encoding=pem";
    let file = "https://certificates.trustedservices.intel.com/intelsgxpckprocessor.crl";
    for (name, uri) in [("platform", api), ("processor", file)] {
        let by_uri = format!("{base}/pckcrl?uri={}&{SIGNS}", twice(uri));
        let by_ca = format!("{base}/pckcrl?ca={name}&clientid=production_client");
        let vendors = front.get(&format!("/pcs/sgx/certification/v4/pckcrl?ca={name}"));
        for target in [by_uri, by_ca] {
            assert_eq!(document(&front, &target, &CRL), vendors.body, "{target}");
        }
    }

    for (path, vendors) in [
        (format!("{base}/tcb?fmspc={fmspc}"), "sgx"),
        (
            format!("/thim/tdx/certification/v4/tcb?fmspc={fmspc}"),
            "tdx",
        ),
    ] {
        let expected = front.get(&format!(
            "/pcs/{vendors}/certification/v4/tcb?fmspc={fmspc}"
        ));
        for parameter in ["", &format!("&customParameter={NUMBER_1}")] {
            let target = format!("{path}{parameter}&{SIGNS}");
            assert_eq!(document(&front, &target, &INFO), expected.body, "{target}");
        }
    }
    for path in [
        "sgx/certification/v4/qe/identity",
        "sgx/certification/v4/qve/identity",
        "tdx/certification/v4/qe/identity",
    ] {
        let expected = front.get(&format!("/pcs/{path}"));
        for parameter in ["", &format!("customParameter={NUMBER_1}&")] {
            let target = format!("/thim/{path}?{parameter}{SIGNS}");
            assert_eq!(
                document(&front, &target, &IDENTITY),
                expected.body,
                "{target}"
            );
        }
    }
    // Identities are the same in the older versions that the client can be set to.
    for version in ["v2", "v3"] {
        let target = format!("/thim/sgx/certification/{version}/qe/identity?{SIGNS}");
        document(&front, &target, &IDENTITY);
    }
}

#[test]
fn the_certificate_is_json_for_azure_s_client_alone() {
    let (clock, _site, front) = open();
    let host = Host::of(&vendor(), "one", clock.now());
    let platform = format!(
        "qeid={}&cpusvn={}&pcesvn={}&pceid=0000",
        host.qe_id.to_lowercase(),
        hex::encode(host.cpu_svn),
        PceSvn(host.pce_svn).to_string().to_lowercase(),
    );
    let of_host = "api-version=2021-07-22-preview";
    let pckcert = "sgx/certification/v4/pckcert";

    // Whom nobody has registered, and who keeps his PPID to himself, is not there.
    let unknown = front.get(&format!("/thim/{pckcert}?{platform}&{of_host}"));
    assert_eq!(unknown.status(), 400, "{}", unknown.head);
    assert_eq!(unknown.header("Error-Code"), Some("PlatformKeyMissing"));

    let ppid = hex::encode(host.encrypted_ppid);
    let first = format!("/thim/{pckcert}?{platform}&encrypted_ppid={ppid}&clientid=a&{of_host}");
    let headers = [("metadata", "true"), ("Content-Type", "application/json")];
    let reply = front.send("GET", &first, &headers, b"");
    taken(&reply, &first);
    assert_eq!(reply.header("Content-Type"), Some("application/json"));
    let json = reply.json();
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    let mut expected = [
        "pckCert",
        "sgx-Pck-Certificate-Issuer-Chain",
        "sgx-Tcbm",
        "cacheMaxAge",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert!(json["cacheMaxAge"].is_string());
    let read = PckCertificate::read(&reply.body).expect("as the client reads it");
    assert!((1..=86_400).contains(&read.max_age));

    let caches = front.get(&host.target());
    assert_eq!(read.certificate.as_str(), caches.text());
    assert_eq!(caches.header("SGX-TCBm"), Some(&*read.tcbm.to_string()));
    let chain = percent::encode(read.issuer_chain.as_str());
    assert_eq!(
        caches.header("SGX-PCK-Certificate-Issuer-Chain"),
        Some(&*chain)
    );
    // Intel's client, set to ask Azure, finds its headers.
    assert_eq!(reply.header("SGX-TCBm"), caches.header("SGX-TCBm"));

    for target in [
        format!("/metadata/THIM/{pckcert}?{platform}"),
        format!("/thim/{pckcert}?{platform}&clientid=production_client"),
    ] {
        assert_eq!(front.get(&target).body, reply.body, "{target}");
    }
    let unsigned = front.get(&format!("/thim/{pckcert}?{platform}"));
    assert_eq!(unsigned.body, caches.body);
    assert_eq!(
        unsigned.header("Content-Type"),
        Some("application/x-pem-file")
    );
}

#[test]
fn what_cannot_be_given_is_refused_and_never_replaced() {
    let (_clock, _site, front) = open();
    let fmspc = hex::encode(PROCESSOR_FMSPC);
    let encoded = |text: &str| STANDARD.encode(text);
    for (parameter, expected) in [
        (encoded("tcbEvaluationDataNumber=2"), 404),
        (encoded("tcbEvaluationDataNumber=1;zone=a"), 400),
        ("no".to_owned(), 400),
    ] {
        for path in [format!("tcb?fmspc={fmspc}&"), "qe/identity?".to_owned()] {
            let target = format!("/thim/sgx/certification/v4/{path}customParameter={parameter}");
            let reply = front.get(&target);
            assert_eq!(reply.status(), expected, "{target}: {}", reply.head);
        }
    }
    // A place that nobody has named is none that is fetched from.
    let uri = percent::encode("http://127.0.0.1:9/root.crl");
    let reply = front.get(&format!("/thim/sgx/certification/v4/pckcrl?uri={uri}"));
    assert_eq!(reply.status(), 400, "{}", reply.head);
}

#[test]
fn a_document_at_its_end_is_kept_for_what_is_left_of_it() {
    let (clock, site, front) = open();
    let target = format!("/thim/sgx/certification/v4/qe/identity?{SIGNS}");
    assert_eq!(max_age(&front.get(&target), "new"), 3_600);
    site.set(&["* reset"]);
    let end = front.get(&target).json()["enclaveIdentity"]["nextUpdate"].clone();
    let end: bulla_pki::Timestamp = end.as_str().expect("a time").parse().expect("a time");
    clock.set(end.saturating_sub(60));
    assert_eq!(max_age(&front.get(&target), "a minute before"), 60);
    clock.set(end.saturating_add(DAY));
    let ended = front.get(&target);
    assert_eq!((ended.status(), ended.body.len()), (503, 0));
    front.keeping.keeper.serve_expired(true);
    let ended = front.get(&target);
    taken(&ended, "ended");
    assert_eq!(max_age(&ended, "ended"), 1);
    let warning = ended.header("Warning").expect("a warning");
    assert!(warning.starts_with("110 "), "{warning}");
}

#[test]
fn a_ring_has_its_number_in_azure_s_dialect_too() {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let site = Site::open(recovering(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    front.block_on(front.keeping.settle());
    apply(
        &front,
        r#"
[baselines.level-2]
sgx = { number = 2 }
tdx = { number = 2 }
[rings.canary]
[rollouts.canary-2]
ring = "canary"
baseline = "level-2"
"#,
    );
    let number = |target: &str| {
        let reply = front.get(target);
        taken(&reply, target);
        let json = reply.json();
        let document = [&json["tcbInfo"], &json["enclaveIdentity"]];
        let document = document.into_iter().find(|document| !document.is_null());
        document.expect("a document")["tcbEvaluationDataNumber"].as_u64()
    };
    let fmspc = hex::encode(PROCESSOR_FMSPC);
    for path in [
        format!("thim/sgx/certification/v4/tcb?fmspc={fmspc}"),
        format!("thim/tdx/certification/v4/tcb?fmspc={fmspc}"),
        "thim/sgx/certification/v4/qe/identity?clientid=a".to_owned(),
    ] {
        assert_eq!(number(&format!("/{path}")), Some(1), "{path}");
        assert_eq!(number(&format!("/ring/canary/{path}")), Some(2), "{path}");
        let named = format!("/ring/canary/{path}&customParameter={NUMBER_1}");
        assert_eq!(number(&named), Some(1), "{path}");
    }
}

#[test]
fn a_listener_can_have_one_dialect_alone() {
    let folder = Folder::new();
    found_vendor(&folder);
    let vendor = Daemon::vendor(&folder);
    let configuration = format!(
        r#"
[store]
path = "state"
[trust]
root = "root.pem"
simulated = true
[[upstream]]
name = "vendor"
url = "http://{}"
deadline = 60
[[listen]]
name = "all"
address = "127.0.0.1:0"
[[listen]]
name = "azure"
address = "127.0.0.1:0"
dialect = "thim"
[[listen]]
name = "vendor"
address = "127.0.0.1:0"
dialect = "pcs"
[[listen]]
name = "cache"
address = "127.0.0.1:0"
dialect = "pccs"
"#,
        vendor.address
    );
    std::fs::write(folder.path("bulla.toml"), configuration).expect("written");
    let mut command = bulla();
    command.args(["serve", "--config", &folder.text_path("bulla.toml")]);
    let service = Daemon::start(&mut command, &folder.path("log"));
    let listening = service.told["listening"].as_array().expect("a list");
    let address = |place: usize| {
        let text = listening[place].as_str().expect("text");
        text.strip_prefix("http://").expect("an address").to_owned()
    };
    let get = |place: usize, target: &str| {
        let address = address(place);
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        exchange(&address, request.as_bytes())
    };
    let (all, azures, vendors, caches) = (0, 1, 2, 3);
    let identity = "/sgx/certification/v4/qe/identity";
    let root = "/sgx/certification/v4/rootcacrl";
    for (place, target) in [
        (all, format!("/thim{identity}")),
        (all, format!("/pcs{identity}")),
        (all, identity.to_owned()),
        (azures, format!("{identity}?clientid=a")),
        (azures, format!("/metadata/THIM{identity}")),
        (vendors, identity.to_owned()),
        (vendors, "/IntelSGXRootCA.der".to_owned()),
        (caches, identity.to_owned()),
    ] {
        assert_eq!(get(place, &target).status(), 200, "{place} {target}");
    }
    let is_pem = |reply: Reply| reply.body.starts_with(b"-----BEGIN X509 CRL");
    assert!(is_pem(get(azures, root)) && !is_pem(get(caches, root)));
    for place in [azures, vendors, caches] {
        for target in ["/healthz", "/metrics", "/collateral", "/pcs/x", "/thim/x"] {
            assert_eq!(get(place, target).status(), 404, "{place} {target}");
        }
    }
    assert_eq!(get(all, "/healthz").status(), 200);
}

#[test]
fn the_older_spellings_are_answered_alike() {
    let (clock, _site, front) = open();
    let fmspc = hex::encode(PROCESSOR_FMSPC);
    let cdp = "https://certificates.trustedservices.intel.com/intelsgxrootca.crl";
    let target = format!("/thim/sgx/certificates/pckcrl?uri={}", twice(cdp));
    let root = pem::block("X509 CRL", &vendor().root_ca_crl(clock.now()).der);
    assert_eq!(document(&front, &target, &CRL), root.into_bytes());

    let of = |version: &str| format!("/thim/sgx/certificates/{version}/tcb/{fmspc}?{SIGNS}");
    let current = format!("/thim/sgx/certification/v4/tcb?fmspc={fmspc}&{SIGNS}");
    let expected = document(&front, &current, &INFO);
    assert_eq!(document(&front, &of("v4"), &INFO), expected);
    // The vendor signs no TCB info of version 2 any more.
    let older = format!("/thim/sgx/certification/v3/tcb?fmspc={fmspc}&{SIGNS}");
    let (older, found) = (front.get(&older), front.get(&of("v3")));
    assert_eq!((found.status(), &found.body), (older.status(), &older.body));
    assert_eq!(found.status(), 410, "{}", found.head);
}

/// A request, the status of its answer, and a header that the answer has with this value.
type Rule = (
    &'static str,
    String,
    u16,
    Option<(&'static str, &'static str)>,
);

/// What the client's rules come to, each by a request of its own.
#[test]
fn each_rule_of_the_client_is_kept() {
    let (clock, _site, front) = open();
    let host = Host::of(&vendor(), "one", clock.now());
    assert_eq!(front.get(&host.target_with_ppid()).status(), 200);
    let platform = host.target();
    let (_, platform) = platform.split_once('?').expect("a query");
    let fmspc = hex::encode(PROCESSOR_FMSPC);
    let base = "/thim/sgx/certification/v4";
    let custom = |text: &str| percent::encode(&STANDARD.encode(text));
    let tcb = |text: &str| format!("{base}/tcb?fmspc={fmspc}&customParameter={}", custom(text));
    let qe = |text: &str| format!("{base}/qe/identity?customParameter={}", custom(text));
    let measured = "tcbEvaluationDataNumber=1;region=us central\0";
    let cdp = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.crl";
    let layers = |count: usize| {
        let encoded = (0..count).fold(cdp.to_owned(), |uri, _| percent::encode(&uri));
        format!("{base}/pckcrl?uri={encoded}")
    };
    let json = Some(("Content-Type", "application/json"));
    let pem = Some(("Content-Type", "application/x-pem-file"));
    let api_version = "api-version=2021-07-22-preview";
    let rules: Vec<Rule> = vec![
        (
            "PEM without a sign",
            format!("{base}/pckcert?{platform}"),
            200,
            pem,
        ),
        (
            "api-version is a sign",
            format!("{base}/pckcert?{platform}&{api_version}"),
            200,
            json,
        ),
        (
            "clientid is a sign",
            format!("{base}/pckcert?{platform}&clientid=a"),
            200,
            json,
        ),
        (
            "the agent's path is a sign",
            format!("/metadata/THIM/sgx/certification/v4/pckcert?{platform}"),
            200,
            json,
        ),
        (
            "pairs with semicolons, and a zero",
            tcb(measured),
            200,
            json,
        ),
        // The 45 bytes that were measured; the vendor here has no such number.
        (
            "another number",
            tcb("tcbEvaluationDataNumber=14;region=us central\0"),
            404,
            None,
        ),
        ("of identities too", qe(measured), 200, json),
        (
            "pairs with ampersands",
            tcb("tcbevaluationdatanumber=1&region=a"),
            200,
            json,
        ),
        (
            "keys in any case",
            qe("TCBEVALUATIONDATANUMBER=1;Region=a"),
            200,
            json,
        ),
        (
            "an unknown key",
            tcb("tcbEvaluationDataNumber=1;zone=a"),
            400,
            None,
        ),
        ("an unknown key of identities", qe("zone=a"), 400, None),
        (
            "a number that there is not",
            tcb("tcbEvaluationDataNumber=99"),
            404,
            None,
        ),
        (
            "a number of identities that there is not",
            qe("tcbEvaluationDataNumber=99"),
            404,
            None,
        ),
        (
            "a family that there is not",
            format!("{base}/tcb?fmspc=000000000000"),
            404,
            None,
        ),
        ("a URI as it is", layers(0), 200, pem),
        ("a URI encoded once", layers(1), 200, pem),
        ("a URI encoded twice", layers(2), 200, pem),
        ("a URI encoded too often", layers(9), 400, None),
    ];
    for (rule, target, status, header) in &rules {
        // Its client and Intel's send this to the agent, and to whoever stands in for it.
        let reply = front.send("GET", target, &[("metadata", "true")], b"");
        assert_eq!(reply.status(), *status, "{rule}: {}", reply.head);
        if let Some((name, value)) = header {
            taken(&reply, rule);
            assert_eq!(reply.header(name), Some(*value), "{rule}");
        }
        // Intel's client set to ask Azure looks for these before it looks into the body.
        if *status == 200 && target.contains("/pckcert?") {
            for name in ["SGX-TCBm", "SGX-PCK-Certificate-Issuer-Chain"] {
                assert!(reply.header(name).is_some(), "{rule}: {name}");
            }
        }
    }
}

#[test]
fn a_proxy_that_asks_in_http_1_0_is_answered() {
    let (_clock, _site, front) = open();
    let target = format!("/thim/sgx/certification/v4/qe/identity?{SIGNS}");
    let expected = document(&front, &target, &IDENTITY);
    let request = format!("GET {target} HTTP/1.0\r\nHost: a\r\n\r\n");
    let reply = exchange(&front.address, request.as_bytes());
    assert_eq!((reply.status(), &reply.body), (200, &expected));
    assert_eq!(reply.header("Transfer-Encoding"), None, "{}", reply.head);
    max_age(&reply, "HTTP/1.0");
}
