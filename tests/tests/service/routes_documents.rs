//! Every route that gives a document: status, headers, media type, and the vendor's own bytes.

use bulla_issuer::pem;
use bulla_protocol::pcs::{
    Answer, CrlEncoding, CrlFile, Enclave, EncodedCrl, PckCa, Request, Selection, Tee,
};
use bulla_protocol::percent;
use bulla_protocol::value::Fmspc;
use bulla_service::keeper::Mode;
use bulla_tests::daemon::Reply;
use bulla_tests::front::Front;
use bulla_tests::site::{Clock, Site, vendor};
use bulla_vendor::PROCESSOR_FMSPC;
use bulla_vendor::answer::answer;

const V4: &str = "/sgx/certification/v4";
const V3: &str = "/sgx/certification/v3";
const TDX: &str = "/tdx/certification/v4";

fn noon() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

/// How a dialect sends a document.
#[derive(Clone, Copy)]
enum Body {
    /// As the vendor gave it.
    Plain,
    /// DER in hexadecimal digits.
    Hex,
    /// DER between two lines.
    Pem,
}

/// A target, and how it is answered.
struct Row {
    target: String,
    request: Request,
    media_type: &'static str,
    body: Body,
    chain: &'static [&'static str],
}

fn row(
    target: impl Into<String>,
    request: Request,
    media_type: &'static str,
    body: Body,
    chain: &'static [&'static str],
) -> Row {
    Row {
        target: target.into(),
        request,
        media_type,
        body,
        chain,
    }
}

const JSON: &str = "application/json";
const JSON_UTF8: &str = "application/json; charset=utf-8";
const PEM: &str = "application/x-pem-file";
const HEX: &str = "application/x-pem-file; charset=utf-8";
const CRL: &str = "application/pkix-crl";
const CRL_UTF8: &str = "application/pkix-crl; charset=utf-8";

const INFO: &[&str] = &["TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"];
const IDENTITY: &[&str] = &["SGX-Enclave-Identity-Issuer-Chain"];
const NUMBERS: &[&str] = &["TCB-Evaluation-Data-Numbers-Issuer-Chain"];
const PCK_CRL: &[&str] = &["SGX-PCK-CRL-Issuer-Chain"];

fn info(tee: Tee, selection: Selection) -> Request {
    Request::TcbInfo {
        tee,
        fmspc: Fmspc(PROCESSOR_FMSPC),
        selection,
    }
}

fn identity(enclave: Enclave, selection: Selection) -> Request {
    Request::EnclaveIdentity { enclave, selection }
}

fn pck_crl(ca: PckCa) -> Request {
    let encoding = CrlEncoding::Der;
    Request::PckCrl { ca, encoding }
}

fn root_crl() -> Request {
    Request::RootCaCrl(CrlFile::new("IntelSGXRootCA.der").expect("a name"))
}

/// Every document of the cache's dialect, each way to ask for it.
fn of_the_cache() -> Vec<Row> {
    let fmspc = Fmspc(PROCESSOR_FMSPC).to_string();
    let lower = fmspc.to_lowercase();
    let standard = Selection::Standard;
    let early = Selection::Early;
    let mut rows = Vec::new();
    for (query, selection) in [
        (format!("fmspc={fmspc}"), standard),
        (format!("fmspc={lower}&update=standard"), standard),
        (format!("update=EARLY&fmspc={lower}"), early),
        (
            format!("fmspc={fmspc}&tcbEvaluationDataNumber=1"),
            Selection::Number(1),
        ),
        (format!("fmspc={fmspc}&fmspc=no&other=%zz"), standard),
    ] {
        for (base, tee) in [(V4, Tee::Sgx), (TDX, Tee::Tdx)] {
            let target = format!("{base}/tcb?{query}");
            rows.push(row(
                target,
                info(tee, selection),
                JSON_UTF8,
                Body::Plain,
                INFO,
            ));
        }
    }
    for (query, selection) in [
        ("", standard),
        ("?update=Standard", standard),
        ("?update=early", early),
        ("?tcbEvaluationDataNumber=1", Selection::Number(1)),
    ] {
        for (base, name, enclave) in [
            (V4, "qe", Enclave::SgxQe),
            (V4, "qve", Enclave::SgxQve),
            (TDX, "qe", Enclave::TdxQe),
            (V3, "qe", Enclave::SgxQe),
            (V3, "qve", Enclave::SgxQve),
        ] {
            let target = format!("{base}/{name}/identity{query}");
            let request = identity(enclave, selection);
            rows.push(row(target, request, JSON_UTF8, Body::Plain, IDENTITY));
        }
    }
    for base in [V4, V3] {
        for (word, ca) in [
            ("processor", PckCa::Processor),
            ("platform", PckCa::Platform),
            ("PROCESSOR", PckCa::Processor),
        ] {
            for (encoding, media_type, body) in [
                ("", HEX, Body::Hex),
                ("&encoding=pem", HEX, Body::Hex),
                ("&encoding=", HEX, Body::Hex),
                ("&encoding=der", CRL, Body::Plain),
                ("&encoding=DER", CRL, Body::Plain),
            ] {
                let target = format!("{base}/pckcrl?ca={word}{encoding}");
                rows.push(row(target, pck_crl(ca), media_type, body, PCK_CRL));
            }
        }
        let target = format!("{base}/rootcacrl");
        rows.push(row(target, root_crl(), CRL_UTF8, Body::Hex, &[]));
        let root = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
        let api = "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl";
        for (uri, request) in [
            (root.to_owned(), root_crl()),
            (percent::encode(root), root_crl()),
            (root.replace(".der", ".crl"), root_crl()),
            // Not encoded, an ampersand ends the parameter.
            (
                format!("{api}?ca=platform&encoding=der"),
                pck_crl(PckCa::Platform),
            ),
            (
                percent::encode(&format!("{api}?ca=processor&encoding=der")),
                pck_crl(PckCa::Processor),
            ),
        ] {
            let target = format!("{base}/crl?uri={uri}");
            rows.push(row(target, request, CRL, Body::Plain, &[]));
        }
    }
    rows
}

/// Every document of the vendor's dialect.
fn of_the_vendor() -> Vec<Row> {
    let fmspc = Fmspc(PROCESSOR_FMSPC).to_string();
    let (sgx, tdx) = (format!("/pcs{V4}"), format!("/pcs{TDX}"));
    let mut rows = Vec::new();
    for (query, selection) in [
        ("", Selection::Standard),
        ("update=standard", Selection::Standard),
        ("update=early", Selection::Early),
        ("tcbEvaluationDataNumber=1", Selection::Number(1)),
    ] {
        for (base, tee) in [(&sgx, Tee::Sgx), (&tdx, Tee::Tdx)] {
            let target = format!("{base}/tcb?fmspc={fmspc}&{query}");
            rows.push(row(target, info(tee, selection), JSON, Body::Plain, INFO));
        }
        for (base, name, enclave) in [
            (&sgx, "qe", Enclave::SgxQe),
            (&sgx, "qve", Enclave::SgxQve),
            (&sgx, "qae", Enclave::SgxQae),
            (&tdx, "qe", Enclave::TdxQe),
        ] {
            let target = format!("{base}/{name}/identity?{query}");
            let request = identity(enclave, selection);
            rows.push(row(target, request, JSON, Body::Plain, IDENTITY));
        }
    }
    for (base, tee) in [(&sgx, Tee::Sgx), (&tdx, Tee::Tdx)] {
        let target = format!("{base}/tcbevaluationdatanumbers");
        let request = Request::EvaluationDataNumbers(tee);
        rows.push(row(target, request, JSON, Body::Plain, NUMBERS));
    }
    for (encoding, media_type, body) in [
        ("", PEM, Body::Pem),
        ("&encoding=pem", PEM, Body::Pem),
        ("&encoding=der", CRL, Body::Plain),
    ] {
        for (word, ca) in [
            ("processor", PckCa::Processor),
            ("platform", PckCa::Platform),
        ] {
            let target = format!("{sgx}/pckcrl?ca={word}{encoding}");
            rows.push(row(target, pck_crl(ca), media_type, body, PCK_CRL));
        }
    }
    for (file, media_type, body) in [
        ("IntelSGXRootCA.der", CRL, Body::Plain),
        ("IntelSGXRootCA.crl", PEM, Body::Pem),
    ] {
        let target = format!("/pcs/{file}");
        rows.push(row(target, root_crl(), media_type, body, &[]));
    }
    rows
}

/// What the vendor signed, and who signed it; a list of the root comes without.
fn signed(request: &Request, clock: &Clock) -> (Vec<u8>, Option<String>) {
    let chain = |pem: bulla_protocol::value::Pem| Some(percent::encode(pem.as_str()));
    let vendor = vendor();
    if matches!(request, Request::RootCaCrl(_)) {
        return (vendor.root_ca_crl(clock.now()).der, None);
    }
    match answer(&vendor, request, clock.now()).expect("an answer") {
        Answer::TcbInfo(issued)
        | Answer::EnclaveIdentity(issued)
        | Answer::EvaluationDataNumbers(issued) => (issued.document, chain(issued.issuer_chain)),
        Answer::PckCrl {
            crl: EncodedCrl::Der(der),
            issuer_chain,
        } => (der, chain(issuer_chain)),
        other => panic!("{other:?}"),
    }
}

fn check(row: &Row, reply: &Reply, clock: &Clock) {
    let what = format!("{}: {}", row.target, reply.head);
    assert_eq!(reply.status(), 200, "{what}");
    assert_eq!(reply.header("Content-Type"), Some(row.media_type), "{what}");
    let (document, chain) = signed(&row.request, clock);
    let expected = match row.body {
        Body::Plain => document,
        Body::Hex => hex::encode(document).into_bytes(),
        Body::Pem => pem::block("X509 CRL", &document).into_bytes(),
    };
    assert_eq!(reply.body, expected, "{what}");
    for name in row.chain {
        assert_eq!(reply.header(name), chain.as_deref(), "{what}");
    }
    let chains = reply
        .names()
        .filter(|name| name.to_lowercase().ends_with("issuer-chain"));
    assert_eq!(chains.count(), row.chain.len(), "{what}");
    let is_version_3 = row.target.starts_with(V3);
    let warning = reply.header("Warning");
    match is_version_3 {
        true => assert!(
            warning.is_some_and(|text| text.starts_with("299 - \"PCS")),
            "{what}"
        ),
        false => assert_eq!(warning, None, "{what}"),
    }
    assert_eq!(reply.header("Age"), Some("0"), "{what}");
    assert_eq!(
        reply.header("Cache-Control"),
        Some("max-age=3600"),
        "{what}"
    );
    // Intel's client wants less than 16 KiB of headers, and document and chain within 65,535 bytes.
    assert!(reply.head.len() < 16 * 1024, "{what}");
    assert!(reply.body.len() + reply.head.len() < 65_535, "{what}");
}

#[test]
fn every_document_is_the_vendor_s_byte_for_byte_in_the_form_of_its_dialect() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    for row in of_the_cache().iter().chain(&of_the_vendor()) {
        check(row, &front.get(&row.target), &clock);
    }
}

#[test]
fn head_is_get_without_the_body_and_a_validator_saves_it() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    for Row { target, .. } in of_the_cache().iter().chain(&of_the_vendor()) {
        let whole = front.get(target);
        let head = front.send("HEAD", target, &[], b"");
        let but_time = |reply: &Reply| {
            let lines = reply.head.lines().map(str::to_lowercase);
            let kept: Vec<String> = lines
                .filter(|line| !line.starts_with("date:") && !line.starts_with("request-id:"))
                .collect();
            kept
        };
        assert_eq!(but_time(&whole), but_time(&head), "{target}");

        let tag = whole.header("ETag").expect("a validator").to_owned();
        let weak = format!("W/{}", tag.trim_start_matches("W/"));
        for condition in [&tag, &weak, "*", &format!("\"other\", {tag}")] {
            let headers = [("If-None-Match", condition)];
            let reply = front.send("GET", target, &headers, b"");
            assert_eq!(reply.status(), 304, "{target} {condition}");
            assert_eq!(reply.body, b"", "{target}");
            assert_eq!(reply.header("ETag"), Some(&*tag), "{target}");
            assert_eq!(reply.header("Content-Type"), None, "{target}");
        }
        for condition in ["", "\"other\"", "other", "\""] {
            let headers = [("If-None-Match", condition)];
            let reply = front.send("GET", target, &headers, b"");
            assert_eq!(reply.status(), 200, "{target} {condition}");
        }
    }
    // Another form of the same document is another thing to keep.
    let tag = |target: &str| front.get(target).header("ETag").map(str::to_owned);
    let target = format!("{V4}/pckcrl?ca=platform");
    assert_ne!(tag(&target), tag(&format!("{target}&encoding=der")));
}

#[test]
fn an_exchange_keeps_its_name_where_that_is_one() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    let name = "0123456789abcdefABCDEF0123456789";
    for target in [
        "/sgx/certification/v4/qe/identity",
        "/pcs/sgx/certification/v4/qe/identity",
        "/collateral",
        "/sgx/certification/v4/platforms",
        "/nothing",
    ] {
        let of = |names: &[(&str, &str)]| {
            let reply = front.send("GET", target, names, b"");
            reply.header("Request-ID").expect("a name").to_owned()
        };
        assert_eq!(of(&[("Request-ID", name)]), name, "{target}");
        for names in [
            &[("Request-ID", &name[1..])][..],
            &[("Request-ID", "0123456789abcdefABCDEF012345678g")],
            &[("Request-ID", name), ("Request-ID", name)],
            &[],
        ] {
            assert_ne!(of(names), name, "{target}");
        }
    }
}

#[test]
fn letter_case_and_one_slash_do_not_count_in_the_paths_of_the_cache() {
    let clock = noon();
    let site = Site::open(vendor(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    let expected = front.get("/sgx/certification/v4/qe/identity").body;
    for target in [
        "/sgx/certification/v4/qe/identity/",
        "/SGX/Certification/V4/QE/Identity",
        "/sgx/certification/v4/qe/identity/?update=standard",
        "/sgx/certification/v4/qe/identity?",
        "/sgx/certification/v4/qe/identity?&&",
    ] {
        let reply = front.get(target);
        assert_eq!((reply.status(), &reply.body), (200, &expected), "{target}");
    }
}
