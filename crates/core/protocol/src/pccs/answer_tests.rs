//! Answers as clients expect them.

use crate::pcs::{Enclave, IssuedDocument, PckCa, Selection, Tee};
use crate::value::Pem;
use crate::wire::{Headers, ResponseParts, Status};

use super::*;

const CHAIN: &str = "-----BEGIN CERTIFICATE-----\nMII+/==\n-----END CERTIFICATE-----\n";
const ENCODED: &str =
    "-----BEGIN%20CERTIFICATE-----%0AMII%2B%2F%3D%3D%0A-----END%20CERTIFICATE-----%0A";

fn chain() -> Pem {
    Pem::new(CHAIN).unwrap()
}

fn issued() -> IssuedDocument {
    IssuedDocument {
        document: b"{\"tcbInfo\":{},\"signature\":\"\"}".to_vec(),
        issuer_chain: chain(),
    }
}

fn pairs(parts: &ResponseParts) -> Vec<(&str, &str)> {
    parts.headers.iter().collect()
}

#[test]
fn a_pck_certificate() {
    let answer = Answer::PckCertificate {
        certificate: chain(),
        tcbm: "0b0b0202ff01000000000000000000000d00".parse().unwrap(),
        fmspc: "00906ed50000".parse().unwrap(),
        ca: PckCa::Platform,
        issuer_chain: chain(),
    };
    let parts = answer.write(Version::V4);
    assert_eq!(parts.status, Status::OK);
    assert_eq!(
        pairs(&parts),
        [
            ("SGX-TCBm", "0B0B0202FF01000000000000000000000D00"),
            ("SGX-FMSPC", "00906ED50000"),
            ("SGX-PCK-Certificate-CA-Type", "PLATFORM"),
            ("SGX-PCK-Certificate-Issuer-Chain", ENCODED),
            ("Content-Type", "application/x-pem-file"),
        ]
    );
    assert_eq!(parts.body, CHAIN.as_bytes());
}

#[test]
fn crls_in_both_forms() {
    let crl = vec![0x30, 0xab, 0x0c];
    let pck = |form| {
        let answer = Answer::PckCrl {
            crl: crl.clone(),
            form,
            issuer_chain: chain(),
        };
        answer.write(Version::V4)
    };
    let root = Answer::RootCaCrl(crl.clone()).write(Version::V4);
    let by_uri = Answer::Crl(crl.clone()).write(Version::V4);
    for (parts, media_type, body, has_chain) in [
        (
            pck(CrlForm::Hex),
            "application/x-pem-file; charset=utf-8",
            b"30ab0c".as_slice(),
            true,
        ),
        (pck(CrlForm::Der), "application/pkix-crl", &crl, true),
        (
            root,
            "application/pkix-crl; charset=utf-8",
            b"30ab0c",
            false,
        ),
        (by_uri, "application/pkix-crl", &crl, false),
    ] {
        assert_eq!(parts.headers.find("Content-Type"), Some(media_type));
        assert_eq!(parts.body, body);
        let chain = parts.headers.find("SGX-PCK-CRL-Issuer-Chain");
        assert_eq!(chain, has_chain.then_some(ENCODED));
    }
}

#[test]
fn signed_documents_with_the_headers_of_each_version() {
    let json = "application/json; charset=utf-8";
    let parts = Answer::TcbInfo(issued()).write(Version::V4);
    assert_eq!(
        pairs(&parts),
        [
            ("TCB-Info-Issuer-Chain", ENCODED),
            ("SGX-TCB-Info-Issuer-Chain", ENCODED),
            ("Content-Type", json),
        ]
    );
    assert_eq!(parts.body, issued().document);
    let parts = Answer::TcbInfo(issued()).write(Version::V3);
    assert_eq!(
        pairs(&parts)[..2],
        [
            ("SGX-TCB-Info-Issuer-Chain", ENCODED),
            ("Content-Type", json)
        ]
    );
    assert!(pairs(&parts)[2].1.starts_with("299 - "));
    let parts = Answer::EnclaveIdentity(issued()).write(Version::V4);
    assert_eq!(
        pairs(&parts),
        [
            ("SGX-Enclave-Identity-Issuer-Chain", ENCODED),
            ("Content-Type", json)
        ]
    );
}

#[test]
fn lists_of_platforms_have_digits_in_two_cases() {
    let platform = ListedPlatform {
        qe_id: QeId::new("0a").unwrap(),
        pce_id: "00ab".parse().unwrap(),
        cpusvn: Some("0b0b0202ff0100000000000000000000".parse().unwrap()),
        pcesvn: Some("0d00".parse().unwrap()),
        manifest: None,
        encrypted_ppid: Some(Box::new("AB".repeat(384).parse().unwrap())),
    };
    for (cached, ppid) in [(false, "ab".repeat(384)), (true, "AB".repeat(384))] {
        let platforms = vec![platform.clone()];
        let parts = Answer::Platforms { platforms, cached }.write(Version::V4);
        assert_eq!(parts.headers.find("platform-count"), Some("1"));
        let expected = format!(
            "[{{\"qe_id\":\"0A\",\"pce_id\":\"00AB\",\
             \"cpu_svn\":\"0B0B0202FF0100000000000000000000\",\"pce_svn\":\"0D00\",\
             \"platform_manifest\":\"\",\"enc_ppid\":\"{ppid}\"}}]"
        );
        assert_eq!(String::from_utf8(parts.body).unwrap(), expected);
    }
    let none = Answer::Platforms {
        platforms: vec![],
        cached: false,
    };
    let parts = none.write(Version::V4);
    assert_eq!(parts.headers.find("platform-count"), Some("0"));
    assert_eq!(parts.body, b"[]");
}

#[test]
fn changes_are_confirmed_in_words() {
    let text = "text/html; charset=utf-8";
    for (answer, body) in [
        (Answer::Done, "Operation successful.".to_owned()),
        (Answer::PolicyStored([0xab; 48]), "ab".repeat(48)),
        (
            Answer::AppraisalPolicies(vec!["a.b.c".to_owned(), "d.e.f".to_owned()]),
            "a.b.c,d.e.f".to_owned(),
        ),
    ] {
        let parts = answer.write(Version::V4);
        assert_eq!(pairs(&parts), [("Content-Type", text)]);
        assert_eq!(String::from_utf8(parts.body).unwrap(), body);
    }
}

#[test]
fn what_clients_cannot_take_is_told() {
    let long = |size: usize| Pem::new(format!("-----BEGIN {}", "a".repeat(size - 11))).unwrap();
    let tcb_info = |document: usize, chain: usize| {
        let issued = IssuedDocument {
            document: vec![b' '; document],
            issuer_chain: long(chain),
        };
        Answer::TcbInfo(issued).fits_clients()
    };
    assert!(tcb_info(63_533, 2_000));
    assert!(!tcb_info(63_534, 2_000));
    assert!(tcb_info(10_000, 6_000));
    assert!(!tcb_info(10_000, 6_001));
    let crl = |size: usize| {
        let answer = Answer::PckCrl {
            crl: vec![0; size],
            form: CrlForm::Der,
            issuer_chain: long(2_001),
        };
        answer.fits_clients()
    };
    assert_eq!([31_766, 31_767].map(crl), [true, false]);
    assert!(!Answer::RootCaCrl(vec![0; 40_000]).fits_clients());
    assert!(Answer::Done.fits_clients());
}

#[test]
fn an_answer_of_another_cache_is_read() {
    let request = Request::TcbInfo {
        tee: Tee::Sgx,
        fmspc: "00906ED50000".parse().unwrap(),
        selection: Selection::Standard,
    };
    let parts = |status, name: &str, body: &[u8]| ResponseParts {
        status,
        headers: Headers::new().with(name, ENCODED),
        body: body.to_vec(),
    };
    let read = Answer::read(
        &request,
        parts(Status::OK, "sgx-tcb-info-issuer-chain", b"{}"),
    );
    assert!(matches!(read, Ok(Ok(Answer::TcbInfo(_)))), "{read:?}");
    for (name, body) in [("Other", b"{}".as_slice()), ("TCB-Info-Issuer-Chain", b"")] {
        assert!(Answer::read(&request, parts(Status::OK, name, body)).is_err());
    }
    let refusal = Refusal::new(Reason::NoCacheData)
        .coded(cause::FMSPC_UNKNOWN)
        .write();
    let Ok(Err(refusal)) = Answer::read(&request, refusal) else {
        panic!("no refusal");
    };
    assert_eq!(refusal.status(), Status::NOT_FOUND);
    assert_eq!(refusal.error_code, Some(cause::FMSPC_UNKNOWN));
    let identity = Request::EnclaveIdentity {
        enclave: Enclave::SgxQe,
        selection: Selection::Standard,
    };
    let created = parts(Status::CREATED, "SGX-Enclave-Identity-Issuer-Chain", b"{}");
    assert!(Answer::read(&identity, created).is_err());
}
