//! Every fault, and the route that sets them.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use bulla_collateral::{SignedText, TcbInfo};
use bulla_pki::{Certificate, Crl, SgxExtension, Signature};
use bulla_protocol::pcs::{
    Answer, CrlEncoding, Enclave, EncodedCrl, PckCa, PlatformFilter, Request, Selection, Tee,
};
use bulla_protocol::value::Fmspc;
use bulla_protocol::wire::{RequestParts, ResponseParts, Status};
use bulla_vendor::web::{Books, FAULTS_PATH, Service};
use bulla_vendor::{Charter, PLATFORM_FMSPC, PROCESSOR_FMSPC, Seed, Vendor};

use super::world::{
    World, by_ppid, connect, exchange, get, now, of, pck_request, platform, received, send, time,
    vendor,
};

const TCB: &str = "/sgx/certification/v4/tcb?fmspc=FF53494D554C";

fn tcb_request() -> Request {
    Request::TcbInfo {
        tee: Tee::Sgx,
        fmspc: Fmspc(PROCESSOR_FMSPC),
        selection: Selection::Standard,
    }
}

fn pem_block(text: &str) -> Vec<u8> {
    let blocks = bulla_pki::pem::decode(text.as_bytes(), "CERTIFICATE", 4);
    blocks.unwrap().swap_remove(0)
}

/// The TCB info that is answered, and whether its signature holds.
fn tcb_info(world: &World) -> (TcbInfo, bool) {
    let Answer::TcbInfo(issued) = world.answer(&tcb_request()) else {
        panic!("another answer");
    };
    let (_, text) = SignedText::from_wrapped(&issued.document).unwrap();
    let signer = pem_block(issued.issuer_chain.as_str());
    let key = Certificate::parse(&signer).unwrap().public_key().unwrap();
    let holds = key.verify(&text.body, &Signature::from_hex(&text.signature).unwrap());
    (TcbInfo::parse(&text.body).unwrap(), holds.is_ok())
}

#[test]
fn statuses_as_often_as_asked_for() {
    let world = World::with_faults(&[
        "*/tcb status=429 count=1",
        "*/tcb status=500 count=1",
        "*/tcb status=503 count=2",
    ]);
    // Of a kind the first counts, and when it is used up the next.
    let parts = world.exchange(&get(TCB));
    assert_eq!(parts.status, Status::TOO_MANY_REQUESTS);
    assert_eq!(parts.headers.find("Retry-After"), Some("1"));
    assert_eq!(parts.headers.find("Bulla-Fault"), Some("status"));
    assert_eq!(parts.body, b"");
    let statuses = [(); 4].map(|()| world.status(TCB));
    assert_eq!(statuses, [500, 503, 503, 200]);
    assert_eq!(world.service.faults(), []);

    for status in [429, 500, 503] {
        let world = World::with_faults(&[&format!("*/tcb status={status}")]);
        assert_eq!(world.status(TCB), status);
        assert_eq!(world.status("/sgx/certification/v4/fmspcs"), 200);
    }
}

#[test]
fn latency_is_waited_for() {
    let world = World::with_faults(&["*/tcb latency=300 count=1"]);
    let began = Instant::now();
    let parts = world.exchange(&get(TCB));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(parts.status, Status::OK);
    assert_eq!(parts.headers.find("Bulla-Fault"), Some("latency"));
}

#[test]
fn a_reset_is_no_answer() {
    let world = World::with_faults(&["*/tcb reset count=1"]);
    let error = send(world.address, &get(TCB)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(world.status(TCB), 200);
}

#[test]
fn a_truncated_body_announces_all_of_it() {
    let world = World::with_faults(&["*/tcb truncate count=1"]);
    let cut = exchange(world.address, &get(TCB));
    let whole = world.exchange(&get(TCB));
    assert_eq!(cut.parts.status, Status::OK);
    assert_eq!(cut.parts.headers.find("Bulla-Fault"), Some("truncate"));
    assert_eq!(cut.parts.body.len() + cut.missing, whole.body.len());
    assert!(whole.body.starts_with(&cut.parts.body) && cut.missing > 0);
    assert!(!cut.parts.body.is_empty());
}

#[test]
fn stale_documents_were_genuine_once() {
    let day = 86_400;
    for (seconds, issued) in [
        (day, "2026-11-22T04:00:00Z"),
        (31 * day, "2026-10-23T04:00:00Z"),
        (10_000 * day, "2026-09-20T00:00:00Z"),
    ] {
        let world = World::with_faults(&[&format!("* stale={seconds}")]);
        let (info, holds) = tcb_info(&world);
        assert_eq!(info.window.from, time(issued));
        assert_eq!(info.window.contains(now()), seconds == day);
        assert!(holds);
    }
    let world = World::with_faults(&["* stale=2678400"]);
    let encoding = CrlEncoding::Der;
    let ca = PckCa::Processor;
    let Answer::PckCrl {
        crl: EncodedCrl::Der(der),
        ..
    } = world.answer(&Request::PckCrl { ca, encoding })
    else {
        panic!("another answer");
    };
    assert!(Crl::parse(&der).unwrap().window().until < now());
    // The number was not disclosed yet: the first of it is the oldest there is.
    let early = get("/sgx/certification/v4/qe/identity?tcbEvaluationDataNumber=2");
    let parts = world.exchange(&early);
    assert_eq!(parts.status, Status::OK);
    let text = String::from_utf8(parts.body).unwrap();
    assert!(
        text.contains(r#""issueDate":"2026-11-01T00:00:00Z""#),
        "{text}"
    );
    // A list is as it is.
    let parts = world.exchange(&get("/sgx/certification/v4/fmspcs"));
    assert_eq!(parts.headers.find("Bulla-Fault"), None);
}

#[test]
fn a_wrong_signature_stands_on_the_same_words() {
    let world = World::with_faults(&["* wrong_signature"]);
    let (forged, holds) = tcb_info(&world);
    assert!(!holds);
    let (genuine, holds) = tcb_info(&World::new());
    assert!(holds);
    assert_eq!(forged, genuine);

    let issued = vendor();
    for encoding in [CrlEncoding::Pem, CrlEncoding::Der] {
        let ca = PckCa::Processor;
        let Answer::PckCrl { crl, issuer_chain } = world.answer(&Request::PckCrl { ca, encoding })
        else {
            panic!("another answer");
        };
        let issuer = pem_block(issuer_chain.as_str());
        let key = Certificate::parse(&issuer).unwrap().public_key().unwrap();
        let bytes = match crl {
            EncodedCrl::Pem(text) => text.into_bytes(),
            EncodedCrl::Der(der) => der,
        };
        let der = bulla_pki::crl::decode_encoding(&bytes).unwrap();
        assert!(Crl::parse(&der).unwrap().verify_signature(&key).is_err());
    }
    let parts = world.exchange(&get("/SimulatedSGXRootCA.der"));
    assert_ne!(parts.body, issued.root_ca_crl(now()).der);
    assert_eq!(parts.headers.find("Bulla-Fault"), Some("wrong_signature"));

    let request = pck_request(&issued, "one", by_ppid(&issued, "one"));
    let Answer::PckCertificate {
        certificate,
        issuer_chain,
        ..
    } = world.answer(&request)
    else {
        panic!("another answer");
    };
    let der = pem_block(certificate.as_str());
    let issuer = pem_block(issuer_chain.as_str());
    let key = Certificate::parse(&issuer).unwrap().public_key().unwrap();
    assert!(
        Certificate::parse(&der)
            .unwrap()
            .verify_signature(&key)
            .is_err()
    );

    let parts = world.exchange(&Request::Fmspcs(PlatformFilter::All).write());
    assert_eq!(parts.headers.find("Bulla-Fault"), None);
}

#[test]
fn documents_about_another_platform() {
    let world = World::with_faults(&["* other_platform"]);
    let (info, holds) = tcb_info(&world);
    assert_eq!(info.fmspc, PLATFORM_FMSPC);
    assert!(holds);

    let issued = vendor();
    let request = pck_request(&issued, "one", by_ppid(&issued, "one"));
    let Answer::PckCertificate { certificate, .. } = world.answer(&request) else {
        panic!("another answer");
    };
    let der = pem_block(certificate.as_str());
    let certificate = Certificate::parse(&der).unwrap();
    let says = SgxExtension::parse(certificate.extensions().sgx.unwrap()).unwrap();
    assert_eq!(says.ppid, platform(&issued, "three").ppid());
    assert_eq!(says.fmspc, PROCESSOR_FMSPC);

    let enclave = Enclave::SgxQe;
    let selection = Selection::Standard;
    let parts = world.exchange(&Request::EnclaveIdentity { enclave, selection }.write());
    assert_eq!(parts.status, Status::OK);
    assert_eq!(parts.headers.find("Bulla-Fault"), None);
}

#[test]
fn a_vendor_with_nobody_else_says_so() {
    let charter = Charter {
        public_url: "http://127.0.0.1:8181".parse().unwrap(),
        founded: time("2026-11-01T00:00:00Z"),
        mark_critically: false,
    };
    let books = Books::in_memory(Vendor::new(Seed::from(2), charter));
    let world = World::of(Service::new(books, now));
    let fault = "* other_platform".parse().unwrap();
    world.service.set_faults(vec![fault]).unwrap();
    let refusal = world.refusal(&tcb_request());
    assert_eq!(refusal.status(), Status::INTERNAL_SERVER_ERROR);
    assert!(refusal.message.unwrap().as_str().contains("make one"));
}

#[test]
fn several_faults_befall_one_request() {
    let world = World::with_faults(&[
        "*/tcb stale=2678400",
        "*/tcb other_platform",
        "* wrong_signature",
    ]);
    let parts = world.exchange(&get(TCB));
    assert_eq!(
        parts.headers.find("Bulla-Fault"),
        Some("stale, other_platform, wrong_signature")
    );
    let (info, holds) = tcb_info(&world);
    assert_eq!(info.fmspc, PLATFORM_FMSPC);
    assert!(info.window.until < now() && !holds);
}

/// The header names what befell, not what was set.
#[test]
fn faults_with_nothing_to_befall_are_not_named() {
    let contents = [
        "* wrong_signature",
        "* stale=60",
        "* other_platform",
        "* truncate",
    ];
    let world = World::with_faults(&contents);
    for target in [
        "/nowhere",
        "/sgx/certification/v4/tcb",
        "/sgx/certification/v4/tcb?fmspc=FF0000000000&update=early&tcbEvaluationDataNumber=1",
        "/sgx/certification/v4/qe/identity?tcbEvaluationDataNumber=99",
    ] {
        let received = exchange(world.address, &get(target));
        assert!(!received.parts.status.is_success(), "{target}");
        assert_eq!(received.parts.headers.find("Bulla-Fault"), None, "{target}");
        assert_eq!(received.missing, 0);
    }
    let with_status = [&contents[..], &["* status=503"]].concat();
    let parts = World::with_faults(&with_status).exchange(&get(TCB));
    assert_eq!(parts.headers.find("Bulla-Fault"), Some("status"));
}

fn administer(method: &str, body: &str) -> RequestParts {
    let mut parts = of(method, FAULTS_PATH, body.as_bytes().to_vec());
    parts.headers.add("Content-Type", "application/json");
    parts
}

fn text(parts: &ResponseParts) -> &str {
    std::str::from_utf8(&parts.body).unwrap()
}

#[test]
fn faults_are_set_at_run_time() {
    let world = World::new();
    let list =
        r#"[{"paths":"*/tcb","fault":{"status":503},"count":2},{"paths":"*","fault":"reset"}]"#;
    let set = world.exchange(&administer("PUT", list));
    assert_eq!((set.status, text(&set)), (Status::OK, list));
    assert_eq!(set.headers.find("Bulla-Simulated"), Some("true"));
    // Nothing befalls the route itself.
    assert_eq!(text(&world.exchange(&administer("GET", ""))), list);
    assert!(send(world.address, &get(TCB)).is_err());
    let left = world.exchange(&administer("GET", ""));
    assert!(text(&left).contains(r#""count":1"#), "{}", text(&left));
    let none = world.exchange(&administer("DELETE", ""));
    assert_eq!(text(&none), "[]");
    assert_eq!(world.status(TCB), 200);
}

#[test]
fn what_is_no_list_of_faults_changes_nothing() {
    let world = World::with_faults(&["*/tcb status=500"]);
    for list in [
        "",
        "{}",
        r#"[{"paths":"tcb","fault":"reset"}]"#,
        r#"[{"paths":"/","fault":"explode"}]"#,
        r#"[{"paths":"/","fault":"reset","count":0}]"#,
    ] {
        let parts = world.exchange(&administer("PUT", list));
        assert_eq!(parts.status, Status::BAD_REQUEST, "{list}");
        assert!(text(&parts).starts_with(r#"{"error":"#));
    }
    let untyped = world.exchange(&of("PUT", FAULTS_PATH, b"[]".to_vec()));
    assert_eq!(untyped.status, Status::UNSUPPORTED_MEDIA_TYPE);
    let posted = world.exchange(&administer("POST", "[]"));
    assert_eq!(posted.status, Status::METHOD_NOT_ALLOWED);
    assert_eq!(posted.headers.find("Allow"), Some("GET, PUT, DELETE"));
    assert_eq!(world.status(TCB), 500);
}

#[test]
fn whoever_comes_from_elsewhere_is_no_operator() {
    let world = World::new();
    for (host, status) in [
        ("127.0.0.1:8181", 200),
        ("[::1]", 200),
        ("localhost:8181", 200),
        ("vendor", 404),
        ("127.0.0.1.example:8181", 404),
    ] {
        let mut stream = connect(world.address);
        let request = format!("GET {FAULTS_PATH} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(received(&answer).parts.status.number(), status, "{host}");
    }
    for name in ["X-Forwarded-For", "forwarded", "via"] {
        let mut parts = administer("GET", "");
        parts.headers.add(name, "192.0.2.1");
        assert_eq!(world.exchange(&parts).status, Status::NOT_FOUND, "{name}");
    }
    assert_eq!(world.status(&format!("{FAULTS_PATH}/")), 404);
}
