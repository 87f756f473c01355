//! What tests of `bulla doctor` share: its answers, and vendors that lie to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bulla_collateral::{EnclaveId, PckCa, Series, TcbInfoId};
use bulla_pki::Timestamp;
use bulla_protocol::pcs::{
    self, CrlEncoding, CrlFile, Enclave, Refusal, Request, Response, Selection, Tee,
};
use bulla_protocol::value::Fmspc;
use bulla_protocol::wire::{Headers, ResponseParts, Status};
use bulla_service::want::Want;
use bulla_vendor::answer::answer;
use bulla_vendor::{Charter, PROCESSOR_FMSPC, Seed, Vendor};
use serde_json::Value;

use crate::liar::Liar;
use crate::service::{standard, tcb_info};
use crate::site::vendor;
use crate::workbench::{Answer, Folder, run};

/// The instant of everything that has no real service in it.
pub const AT: &str = "2026-12-20T12:00:00Z";

/// So long that nothing here is slow, whatever else the machine does.
const UNHURRIED: [&str; 2] = ["--slow-after", "300000"];

/// Findings by code and subject.
pub type Findings = BTreeSet<(String, String)>;

/// The doctor's answer about a service, by the root in a file of the folder.
pub fn examine(folder: &Folder, url: &str, more: &[&str]) -> Answer {
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
pub fn examine_at(address: SocketAddr, more: &[&str]) -> Answer {
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
pub fn wrong(answer: &Answer) -> Findings {
    findings(answer, |severity| severity != "note")
}

/// What is worth knowing, and not wrong.
pub fn notes(answer: &Answer) -> Findings {
    findings(answer, |severity| severity == "note")
}

/// Findings as they are expected.
pub fn set(rows: &[(&str, &str)]) -> Findings {
    let owned = |(code, subject): &(&str, &str)| ((*code).to_owned(), (*subject).to_owned());
    rows.iter().map(owned).collect()
}

/// What was found out about one document.
#[track_caller]
pub fn document(answer: &Answer, name: &str) -> Value {
    let json = answer.json();
    let documents = json["documents"].as_array().expect("documents");
    let found = documents.iter().find(|document| document["name"] == name);
    found.unwrap_or_else(|| panic!("{name}: {json}")).clone()
}

/// What the vendor says to a request at a time.
pub fn told(vendor: &Vendor, request: &Request, at: Timestamp) -> ResponseParts {
    let response = Response {
        request_id: None,
        warning: None,
        outcome: answer(vendor, request, at),
    };
    response.write()
}

/// A question for TCB info.
pub fn ask_tcb_info(tee: Tee, fmspc: [u8; 6], selection: Selection) -> Request {
    Request::TcbInfo {
        tee,
        fmspc: Fmspc(fmspc),
        selection,
    }
}

/// The question for the identity of the quoting enclave.
pub fn ask_qe() -> Request {
    Request::EnclaveIdentity {
        enclave: Enclave::SgxQe,
        selection: Selection::Standard,
    }
}

/// The question for the CRL of the CA for processors.
pub fn ask_crl() -> Request {
    Request::PckCrl {
        ca: pcs::PckCa::Processor,
        encoding: CrlEncoding::Der,
    }
}

/// The question for the CRL of the root.
pub fn ask_root_crl() -> Request {
    let file = bulla_issuer::ROOT_CA_CRL_PATH.trim_start_matches('/');
    Request::RootCaCrl(CrlFile::new(file).expect("a name"))
}

/// An answer without a document.
pub fn refused(status: u16) -> ResponseParts {
    let status = Status::new(status).expect("a status");
    let outcome = Err(Refusal::new(status));
    let response = Response {
        request_id: None,
        warning: None,
        outcome,
    };
    response.write()
}

/// [`AT`] as an instant.
pub fn now() -> Timestamp {
    AT.parse().expect("a time")
}

/// Another vendor, whom nobody here trusts.
pub fn stranger() -> Vendor {
    let charter = Charter {
        public_url: "http://127.0.0.1:8181/vendor".parse().expect("an address"),
        founded: "2026-11-02T00:00:00Z".parse().expect("a time"),
        mark_critically: false,
    };
    Vendor::new(Seed::from(66), charter)
}

/// The vendor's service at [`AT`], but for what `lie` says instead.
pub fn liar(lie: impl Fn(&Request) -> Option<ResponseParts> + Send + 'static) -> Liar {
    let vendor = vendor();
    Liar::answering(move |request| lie(request).unwrap_or_else(|| told(&vendor, request, now())))
}

/// Says something else to one question alone.
pub fn instead(of: Request, parts: ResponseParts) -> Liar {
    liar(move |request| (*request == of).then(|| parts.clone()))
}

/// What the vendor says, changed.
pub fn changed(request: &Request, change: impl Fn(&mut ResponseParts)) -> ResponseParts {
    let mut parts = told(&vendor(), request, now());
    change(&mut parts);
    parts
}

/// The last digit of a signature, or a bit of the last byte of one.
pub fn forge(parts: &mut ResponseParts) {
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

/// Takes a header away.
pub fn without_header(parts: &mut ResponseParts, name: &str) {
    let kept = parts.headers.iter().filter(|(other, _)| *other != name);
    parts.headers = kept.fold(Headers::new(), |all, (name, value)| all.with(name, value));
}

/// How the TCB info of most lies is called.
pub fn family() -> String {
    standard(tcb_info(TcbInfoId::Sgx, PROCESSOR_FMSPC)).to_string()
}

/// How the identity of the quoting enclave is called.
pub fn qe() -> String {
    standard(Series::EnclaveIdentity(EnclaveId::Qe)).to_string()
}

/// How the CRL of the CA for processors is called.
pub fn processor() -> String {
    Want::PckCrl(PckCa::Processor).to_string()
}
