//! Recorded answers of the vendor's service, read with our grammar and written back equal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_collateral::{
    EnclaveId, EnclaveIdentity, EvaluationDataNumbers, SignedKind, SignedText, TcbInfo, TcbInfoId,
};
use bulla_pki::crl::{Crl, decode_encoding};
use bulla_protocol::pcs::{
    Answer, CrlEncoding, Enclave, PckCa, PckCertificateEntry, PlatformClass, PlatformFilter,
    Request, Response, Selection, SupportedPlatform, Tee,
};
use bulla_protocol::percent;
use bulla_protocol::wire::{Headers, ResponseParts, Status};
use bulla_tests::vectors;

/// One recorded answer: pieces by name.
type Recorded = BTreeMap<String, String>;

fn recorded(folder: &Path) -> Vec<(String, Recorded)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder.join("pcs")).expect("the folder of recorded answers") {
        let path: PathBuf = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let text = fs::read(&path).expect("a file");
        all.push((name, serde_json::from_slice(&text).expect("pieces by name")));
    }
    all.sort();
    all
}

/// The answer as it was on the wire, put together from its pieces.
fn on_the_wire(media_type: &str, chain: Option<(&str, &str)>, body: &[u8]) -> ResponseParts {
    let mut headers = Headers::new().with("Content-Type", media_type);
    if let Some((name, chain)) = chain {
        headers.add(name, percent::encode(chain));
    }
    ResponseParts {
        status: Status::OK,
        headers,
        body: body.to_vec(),
    }
}

/// Reads an answer, writes it again, and holds every header and the body of the first against the
/// second.
fn read_and_written(request: &Request, parts: ResponseParts) -> Answer {
    let response = Response::read(request, parts.clone()).expect("a recorded answer can be read");
    let written = response.clone().write();
    assert_eq!(written.status, parts.status);
    assert_eq!(written.body, parts.body);
    for (name, value) in parts.headers.iter() {
        assert_eq!(written.headers.find(name), Some(value), "{name}");
    }
    assert_eq!(Response::read(request, written).as_ref(), Ok(&response));
    response.outcome.expect("recorded answers are no refusals")
}

/// Which request the document answers, by what it says itself.
fn request_of(document: &[u8]) -> (Request, &'static str) {
    let (kind, signed) = SignedText::from_wrapped(document).expect("a signed document");
    match kind {
        SignedKind::TcbInfo => {
            let info = TcbInfo::parse(&signed.body).expect("TCB info");
            let request = Request::TcbInfo {
                tee: match info.id {
                    TcbInfoId::Tdx => Tee::Tdx,
                    TcbInfoId::Sgx => Tee::Sgx,
                },
                fmspc: bulla_protocol::value::Fmspc(info.fmspc),
                selection: Selection::Number(info.evaluation_data_number),
            };
            (request, "TCB-Info-Issuer-Chain")
        }
        SignedKind::EnclaveIdentity => {
            let identity = EnclaveIdentity::parse(&signed.body).expect("an identity");
            let request = Request::EnclaveIdentity {
                enclave: match identity.id {
                    EnclaveId::TdQe => Enclave::TdxQe,
                    EnclaveId::Qve => Enclave::SgxQve,
                    EnclaveId::Qae => Enclave::SgxQae,
                    EnclaveId::Qe => Enclave::SgxQe,
                },
                selection: Selection::Early,
            };
            (request, "SGX-Enclave-Identity-Issuer-Chain")
        }
        _ => {
            let numbers = EvaluationDataNumbers::parse(&signed.body).expect("numbers");
            let tee = match numbers.id {
                TcbInfoId::Tdx => Tee::Tdx,
                TcbInfoId::Sgx => Tee::Sgx,
            };
            (
                Request::EvaluationDataNumbers(tee),
                "TCB-Evaluation-Data-Numbers-Issuer-Chain",
            )
        }
    }
}

#[test]
fn signed_documents_come_back_byte_for_byte() {
    let Some(folder) = vectors::folder("protocol") else {
        return;
    };
    let mut seen = 0;
    for (name, pieces) in recorded(&folder) {
        let document = [
            "tcb_info_json",
            "enclave_identity_json",
            "tcb_evaluation_data_numbers_json",
        ]
        .iter()
        .find_map(|piece| pieces.get(*piece));
        let Some(document) = document else {
            continue;
        };
        let (request, chain_header) = request_of(document.as_bytes());
        let chain = pieces["issuer_chain"].as_str();
        let parts = on_the_wire(
            "application/json",
            Some((chain_header, chain)),
            document.as_bytes(),
        );
        let (Answer::TcbInfo(issued)
        | Answer::EnclaveIdentity(issued)
        | Answer::EvaluationDataNumbers(issued)) = read_and_written(&request, parts)
        else {
            panic!("{name}: another answer");
        };
        assert_eq!(issued.document, document.as_bytes(), "{name}");
        assert_eq!(issued.issuer_chain.as_str(), chain, "{name}");
        assert_eq!(Request::read(request.write()), Ok(request), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 14);
}

#[test]
fn crls_come_back_in_both_forms() {
    let Some(folder) = vectors::folder("protocol") else {
        return;
    };
    let mut seen = 0;
    for (name, pieces) in recorded(&folder) {
        let (encoding, media_type, body) =
            match (pieces.get("crl_data"), pieces.get("crl_data_base64")) {
                (Some(pem), None) => (
                    CrlEncoding::Pem,
                    "application/x-pem-file",
                    pem.as_bytes().to_vec(),
                ),
                (None, Some(digits)) => (
                    CrlEncoding::Der,
                    "application/pkix-crl",
                    BASE64_STANDARD.decode(digits).expect("base64"),
                ),
                _ => continue,
            };
        let der = decode_encoding(&body).expect("an encoding of a CRL");
        Crl::parse(&der).expect("a CRL");
        let request = Request::PckCrl {
            ca: if name.contains("platform") {
                PckCa::Platform
            } else {
                PckCa::Processor
            },
            encoding,
        };
        let chain = Some(("SGX-PCK-CRL-Issuer-Chain", pieces["issuer_chain"].as_str()));
        let answer = read_and_written(&request, on_the_wire(media_type, chain, &body));
        assert!(matches!(answer, Answer::PckCrl { .. }), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn the_list_of_platforms_comes_back() {
    let Some(folder) = vectors::folder("protocol") else {
        return;
    };
    let mut seen = 0;
    for (name, pieces) in recorded(&folder) {
        let Some(list) = pieces.get("fmspcs_json") else {
            continue;
        };
        let request = Request::Fmspcs(PlatformFilter::All);
        let parts = on_the_wire("application/json", None, list.as_bytes());
        let Answer::Fmspcs(platforms) = read_and_written(&request, parts) else {
            panic!("{name}: another answer");
        };
        let of = |filter: PlatformFilter| {
            let admitted = |platform: &&SupportedPlatform| filter.admits(&platform.class);
            platforms.iter().filter(admitted).count()
        };
        let counts = [
            PlatformFilter::E5,
            PlatformFilter::Client,
            PlatformFilter::E3,
        ]
        .map(of);
        assert_eq!(counts, [29, 12, 3], "{name}");
        assert!(platforms.iter().all(|platform| {
            [PlatformClass::E5, PlatformClass::CLIENT, PlatformClass::E3].contains(&platform.class)
        }));
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn the_list_of_pck_certificates_comes_back() {
    let Some(folder) = vectors::folder("protocol") else {
        return;
    };
    let text = fs::read(folder.join("pccs/platform_collaterals.json")).expect("a file");
    let document: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let collaterals = &document["collaterals"];
    let chains = &collaterals["certificates"]["SGX-PCK-Certificate-Issuer-Chain"];
    let lists = collaterals["pck_certs"].as_array().expect("a list");
    assert!(!lists.is_empty());
    for list in lists {
        let chain = chains["PROCESSOR"].as_str().expect("text");
        let body = serde_json::to_vec(&list["certs"]).expect("JSON");
        let request = Request::PckCertificates {
            platform: bulla_protocol::pcs::PlatformKey::EncryptedPpid(Box::new(
                list["enc_ppid"]
                    .as_str()
                    .expect("text")
                    .parse()
                    .expect("768 digits"),
            )),
            pceid: "0000".parse().expect("4 digits"),
        };
        let parts = ResponseParts {
            status: Status::OK,
            headers: Headers::new()
                .with("Content-Type", "application/json")
                .with("SGX-FMSPC", "00906ED50000")
                .with("SGX-PCK-Certificate-CA-Type", "processor")
                .with("SGX-PCK-Certificate-Issuer-Chain", chain),
            body,
        };
        let response = Response::read(&request, parts).expect("a recorded list can be read");
        let written = response.clone().write();
        assert_eq!(
            written.headers.find("SGX-PCK-Certificate-Issuer-Chain"),
            Some(chain)
        );
        let Ok(Answer::PckCertificates { certificates, .. }) = response.outcome else {
            panic!("another answer");
        };
        // What was recorded went through a cache that sorts and spaces JSON in its own way.
        let entries: serde_json::Value = serde_json::from_slice(&written.body).expect("JSON");
        assert_eq!(entries, list["certs"]);
        assert!(certificates.iter().all(consistent));
    }
}

/// The vendor says the same TCB twice.
fn consistent(entry: &PckCertificateEntry) -> bool {
    entry.tcbm.pcesvn.0 == entry.pcesvn && entry.certificate.is_some()
}
