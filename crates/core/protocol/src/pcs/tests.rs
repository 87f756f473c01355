//! Each rule of the interface, with the status that goes with breaking it.

use crate::value::{HeaderText, Pem, PlatformManifest, ValueError};
use crate::wire::{Headers, Method, RequestParts, ResponseParts, Status};

use super::*;

const S4: &str = "/sgx/certification/v4";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIC+/==\n-----END CERTIFICATE-----\n";

fn get(target: &str) -> RequestParts {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    RequestParts {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        ..RequestParts::default()
    }
}

fn post(path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> RequestParts {
    RequestParts {
        method: "POST".to_owned(),
        headers: Headers::new().with("content-type", media_type),
        body: body.into(),
        ..get(path)
    }
}

fn status(parts: RequestParts) -> u16 {
    match Request::read(parts) {
        Ok(_) => 200,
        Err(error) => error.status().number(),
    }
}

#[test]
fn every_path_of_the_interface_is_known_with_its_methods_and_no_other() {
    let both = ["GET", "POST"].as_slice();
    let get_only = ["GET"].as_slice();
    let post_only = ["POST"].as_slice();
    for (path, methods) in [
        ("/sgx/certification/v4/pckcert", both),
        ("/sgx/certification/v4/pckcerts", both),
        ("/sgx/certification/v4/pckcerts/config", both),
        ("/sgx/certification/v4/pckcrl", get_only),
        ("/sgx/certification/v4/tcb", get_only),
        ("/tdx/certification/v4/tcb", get_only),
        ("/sgx/certification/v4/qe/identity", get_only),
        ("/tdx/certification/v4/qe/identity", get_only),
        ("/sgx/certification/v4/qve/identity", get_only),
        ("/sgx/certification/v4/qae/identity", get_only),
        ("/sgx/certification/v4/fmspcs", get_only),
        ("/sgx/certification/v4/tcbevaluationdatanumbers", get_only),
        ("/tdx/certification/v4/tcbevaluationdatanumbers", get_only),
        ("/sgx/registration/v1/platform", post_only),
        ("/sgx/registration/v1/package", post_only),
        ("/IntelSGXRootCA.der", get_only),
        ("/IntelSGXRootCA.crl", get_only),
    ] {
        for method in ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get", ""] {
            let parts = RequestParts {
                method: method.to_owned(),
                ..get(path)
            };
            let refused = status(parts) == 405;
            assert_eq!(refused, !methods.contains(&method), "{method} {path}");
        }
    }
}

#[test]
fn paths_count_as_written() {
    for path in [
        "",
        "/",
        "//sgx/certification/v4/tcb",
        "/sgx/certification/v4/tcb/",
        "/sgx/certification/V4/tcb",
        "/SGX/certification/v4/tcb",
        "/sgx/certification/v3/tcb",
        "/sgx%2Fcertification/v4/tcb",
        "/tdx/certification/v4/qve/identity",
        "/tdx/certification/v4/pckcrl",
        "/sgx/../IntelSGXRootCA.der",
        "/a/IntelSGXRootCA.der",
        "/IntelSGXRootCA.cer",
        "/.der",
    ] {
        assert_eq!(
            Request::read(get(path)),
            Err(RequestError::PathUnknown),
            "{path}"
        );
    }
    assert_eq!(RequestError::PathUnknown.status(), Status::NOT_FOUND);
}

#[test]
fn both_selectors_together_are_refused() {
    let read = |query: &str| Request::read(get(&format!("{S4}/qe/identity?{query}")));
    let selected = |query: &str| match read(query) {
        Ok(Request::EnclaveIdentity { selection, .. }) => selection,
        other => panic!("{query}: {other:?}"),
    };
    assert_eq!(selected(""), Selection::Standard);
    assert_eq!(selected("update=standard"), Selection::Standard);
    assert_eq!(selected("update=early"), Selection::Early);
    assert_eq!(
        selected("tcbEvaluationDataNumber=017"),
        Selection::Number(17)
    );
    let huge = "tcbEvaluationDataNumber=99999999999999999999";
    assert_eq!(selected(huge), Selection::Number(u32::MAX));

    let together = "update=standard&tcbEvaluationDataNumber=17";
    let error = read(together).unwrap_err();
    assert_eq!(error, RequestError::SelectorsTogether);
    let refusal = error.refusal();
    assert_eq!(refusal.status(), Status::BAD_REQUEST);
    assert_eq!(refusal.error_code, Some(ErrorCode::INVALID_REQUEST_SYNTAX));

    for query in [
        "update=",
        "update=Early",
        "update=all",
        "update=early&update=early",
        "tcbEvaluationDataNumber=",
        "tcbEvaluationDataNumber=-1",
        "tcbEvaluationDataNumber=%2B1",
        "tcbEvaluationDataNumber=1e3",
    ] {
        assert_eq!(
            read(query).unwrap_err().status(),
            Status::BAD_REQUEST,
            "{query}"
        );
    }
}

#[test]
fn parameters_of_collateral() {
    for (target, expected) in [
        ("/tcb?fmspc=00906ED50000", 200),
        ("/tcb?fmspc=00906ed50000&unknown=1", 200),
        ("/tcb?FMSPC=00906ED50000", 400),
        ("/tcb", 400),
        ("/tcb?fmspc", 400),
        ("/tcb?fmspc=00906ED5000", 400),
        ("/tcb?fmspc=00906ED5000g", 400),
        ("/tcb?fmspc=00906ED50000&fmspc=00906ED50000", 400),
        ("/tcb?fmspc=00906ED5%300%300", 200),
        ("/tcb?fmspc=00906ED50000&x=%", 400),
        ("/tcb?fmspc=00906ED50000&x=%ff", 400),
        ("/pckcrl?ca=processor", 200),
        ("/pckcrl?ca=platform&encoding=der", 200),
        ("/pckcrl?encoding=pem&ca=platform", 200),
        ("/pckcrl", 400),
        ("/pckcrl?ca=root", 400),
        ("/pckcrl?ca=PROCESSOR", 400),
        ("/pckcrl?ca=processor&encoding=hex", 400),
        ("/fmspcs", 200),
        ("/fmspcs?platform=all", 200),
        ("/fmspcs?platform=client", 200),
        ("/fmspcs?platform=E3", 200),
        ("/fmspcs?platform=E5", 200),
        ("/fmspcs?platform=e5", 400),
        ("/fmspcs?platform=", 400),
        ("/tcbevaluationdatanumbers?a=b", 200),
    ] {
        assert_eq!(status(get(&format!("{S4}{target}"))), expected, "{target}");
    }
    let unset = Request::read(get(&format!("{S4}/pckcrl?ca=processor")));
    let encoding = CrlEncoding::Pem;
    let ca = PckCa::Processor;
    assert_eq!(unset, Ok(Request::PckCrl { ca, encoding }));
}

fn certificate_query(ppid: usize, cpusvn: usize, pcesvn: usize, pceid: usize) -> RequestParts {
    get(&format!(
        "{S4}/pckcert?encrypted_ppid={}&cpusvn={}&pcesvn={}&pceid={}",
        "aB".repeat(ppid / 2),
        "0".repeat(cpusvn),
        "0".repeat(pcesvn),
        "0".repeat(pceid),
    ))
}

#[test]
fn every_digit_of_a_platform_is_counted() {
    assert_eq!(status(certificate_query(768, 32, 4, 4)), 200);
    for (ppid, cpusvn, pcesvn, pceid) in [
        (766, 32, 4, 4),
        (770, 32, 4, 4),
        (0, 32, 4, 4),
        (768, 31, 4, 4),
        (768, 34, 4, 4),
        (768, 32, 3, 4),
        (768, 32, 4, 5),
        (768, 32, 4, 0),
    ] {
        assert_eq!(status(certificate_query(ppid, cpusvn, pcesvn, pceid)), 400);
    }
}

#[test]
fn the_ppid_is_encrypted_in_one_way() {
    let with = |value: &str| {
        let mut parts = certificate_query(768, 32, 4, 4);
        parts.headers.add("ppid-encryption-key", value);
        status(parts)
    };
    assert_eq!(["RSA-3072", "RSA-2048", ""].map(with), [200, 400, 400]);
}

fn manifest_json(path: &str, fields: &str, digits: usize) -> RequestParts {
    let manifest = "0".repeat(digits);
    let body = format!(r#"{{"platformManifest":"{manifest}"{fields}}}"#);
    post(
        &format!("{S4}{path}"),
        "application/json; charset=utf-8",
        body,
    )
}

#[test]
fn manifests_come_as_json() {
    let raw = r#","cpusvn":"00000000000000000000000000000000","pcesvn":"0D00","pceid":"0000""#;
    for (path, fields, digits, expected) in [
        ("/pckcert", raw, 16_862, 200),
        ("/pckcert", raw, 112_884, 200),
        ("/pckcert", raw, 16_860, 400),
        ("/pckcert", raw, 112_886, 400),
        ("/pckcert", raw, 16_863, 400),
        ("/pckcert", r#","pceid":"0000""#, 16_862, 400),
        (
            "/pckcerts",
            r#","pceid":"0000","other":{"a":[1]}"#,
            16_862,
            200,
        ),
        ("/pckcerts", r#","pceid":"000""#, 16_862, 400),
        ("/pckcerts", r#","pceid":0"#, 16_862, 400),
        ("/pckcerts", r#","pceid":null"#, 16_862, 400),
        (
            "/pckcerts",
            r#","pceid":"0000","pceid":"0000""#,
            16_862,
            400,
        ),
        ("/pckcerts", "", 16_862, 400),
        ("/pckcerts/config", raw, 16_862, 200),
        ("/pckcerts/config", r#","pceid":"0000""#, 16_862, 400),
    ] {
        let found = status(manifest_json(path, fields, digits));
        assert_eq!(found, expected, "{path} {fields} {digits}");
    }
    for (media_type, body) in [
        ("text/plain", r#"{"pceid":"0000"}"#),
        ("application/json", ""),
        ("application/json", "[]"),
        ("application/json", r#"["00",null,null,"0000"]"#),
        ("application/json", r#"{"pceid":"0000"}"#),
        ("application/json", r#"{"pceid":"0000"} {}"#),
    ] {
        assert_eq!(
            status(post(&format!("{S4}/pckcerts"), media_type, body)),
            400,
            "{body}"
        );
    }
}

#[test]
fn registrations_are_octets() {
    let platform = "/sgx/registration/v1/platform";
    let octets = "application/octet-stream";
    let of = |size: usize| status(post(platform, octets, vec![1; size]));
    assert_eq!(
        [0, 8_430, 8_431, 56_442, 56_443].map(of),
        [400, 400, 200, 200, 400]
    );
    let error = Request::read(post(platform, "application/json", vec![1; 8_431])).unwrap_err();
    assert_eq!(error, RequestError::MediaType { expected: octets });
    assert_eq!(error.status(), Status::UNSUPPORTED_MEDIA_TYPE);
    let mut untyped = post(platform, octets, vec![1; 8_431]);
    untyped.headers = Headers::new();
    assert_eq!(status(untyped), 415);
}

#[test]
fn packages_need_a_key() {
    let with = |key: Option<&str>, media_type: &str, body: &str| {
        let mut parts = post("/sgx/registration/v1/package", media_type, body);
        if let Some(key) = key {
            parts.headers.add("ocp-apim-subscription-key", key);
        }
        status(parts)
    };
    let octets = "application/octet-stream";
    assert_eq!(with(Some("key"), octets, "add"), 200);
    assert_eq!(with(None, octets, "add"), 401);
    assert_eq!(with(Some(""), octets, "add"), 401);
    assert_eq!(with(Some("key"), "text/plain", "add"), 415);
    assert_eq!(with(Some("key"), octets, ""), 400);
}

#[test]
fn an_empty_key_is_refused_everywhere() {
    let mut parts = get(&format!("{S4}/fmspcs"));
    parts.headers.add("Ocp-Apim-Subscription-Key", "");
    assert_eq!(status(parts), 401);
    let mut parts = get(&format!("{S4}/fmspcs"));
    parts
        .headers
        .add("Ocp-Apim-Subscription-Key", "0123456789abcdef");
    assert_eq!(status(parts), 200);
}

#[test]
fn a_key_is_not_shown() {
    let key = SubscriptionKey::new("secret").unwrap();
    let add_request = vec![1];
    let shown = format!("{:?}", Request::AddPackage { add_request, key });
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn sizes_have_limits() {
    let query = |size: usize| status(get(&format!("{S4}/fmspcs?{}", "a".repeat(size))));
    assert_eq!([MAX_QUERY_SIZE, MAX_QUERY_SIZE + 1].map(query), [200, 414]);
    let body = |size: usize| {
        let path = "/sgx/registration/v1/platform";
        status(post(path, "application/octet-stream", vec![0; size]))
    };
    assert_eq!(
        [MAX_REQUEST_BODY_SIZE, MAX_REQUEST_BODY_SIZE + 1].map(body),
        [400, 413]
    );
}

fn written(outcome: Result<Answer, Refusal>) -> ResponseParts {
    let response = Response {
        request_id: Some("00112233445566778899AABBCCDDEEFF".parse().unwrap()),
        warning: Some(HeaderText::new("299 - \"soon\"").unwrap()),
        outcome,
    };
    response.write()
}

fn pairs(parts: &ResponseParts) -> Vec<(&str, &str)> {
    parts.headers.iter().collect()
}

const ENCODED: &str =
    "-----BEGIN%20CERTIFICATE-----%0AMIIC%2B%2F%3D%3D%0A-----END%20CERTIFICATE-----%0A";

#[test]
fn a_pck_certificate_on_the_wire() {
    let parts = written(Ok(Answer::PckCertificate {
        certificate: Pem::new(PEM).unwrap(),
        tcbm: "0B0B0202FF01000000000000000000000D00".parse().unwrap(),
        fmspc: "00906ed50000".parse().unwrap(),
        ca: PckCa::Platform,
        issuer_chain: Pem::new(PEM).unwrap(),
    }));
    assert_eq!(parts.status, Status::OK);
    assert_eq!(parts.body, PEM.as_bytes());
    assert_eq!(
        pairs(&parts),
        [
            ("SGX-PCK-Certificate-Issuer-Chain", ENCODED),
            ("SGX-FMSPC", "00906ED50000"),
            ("SGX-PCK-Certificate-CA-Type", "platform"),
            ("SGX-TCBm", "0B0B0202FF01000000000000000000000D00"),
            ("Content-Type", "application/x-pem-file"),
            ("Request-ID", "00112233445566778899aabbccddeeff"),
            ("Warning", "299 - \"soon\""),
        ]
    );
}

#[test]
fn each_document_has_its_header_and_media_type() {
    let issued = || IssuedDocument {
        document: b"{ \"tcbInfo\": 1 }".to_vec(),
        issuer_chain: Pem::new(PEM).unwrap(),
    };
    let issuer_chain = Pem::new(PEM).unwrap();
    let certificates = MembershipCertificates::new(vec![0; 16], 2).unwrap();
    for (answer, status, chain, media_type) in [
        (
            Answer::PckCertificates {
                certificates: Vec::new(),
                fmspc: "00906ed50000".parse().unwrap(),
                ca: PckCa::Processor,
                issuer_chain: issuer_chain.clone(),
            },
            200,
            Some("SGX-PCK-Certificate-Issuer-Chain"),
            "application/json",
        ),
        (
            Answer::PckCrl {
                crl: EncodedCrl::Der(vec![1]),
                issuer_chain: issuer_chain.clone(),
            },
            200,
            Some("SGX-PCK-CRL-Issuer-Chain"),
            "application/pkix-crl",
        ),
        (
            Answer::PckCrl {
                crl: EncodedCrl::Pem(issuer_chain.clone()),
                issuer_chain,
            },
            200,
            Some("SGX-PCK-CRL-Issuer-Chain"),
            "application/x-pem-file",
        ),
        (
            Answer::TcbInfo(issued()),
            200,
            Some("TCB-Info-Issuer-Chain"),
            "application/json",
        ),
        (
            Answer::TcbInfo(issued()),
            200,
            Some("SGX-TCB-Info-Issuer-Chain"),
            "application/json",
        ),
        (
            Answer::EnclaveIdentity(issued()),
            200,
            Some("SGX-Enclave-Identity-Issuer-Chain"),
            "application/json",
        ),
        (
            Answer::EvaluationDataNumbers(issued()),
            200,
            Some("TCB-Evaluation-Data-Numbers-Issuer-Chain"),
            "application/json",
        ),
        (Answer::Fmspcs(Vec::new()), 200, None, "application/json"),
        (
            Answer::PlatformRegistered("00112233445566778899aabbccddeeff".parse().unwrap()),
            201,
            None,
            "text/plain",
        ),
        (
            Answer::PackageAdded(certificates),
            200,
            None,
            "application/octet-stream",
        ),
        (
            Answer::RootCaCrl(EncodedCrl::Der(vec![1])),
            200,
            None,
            "application/pkix-crl",
        ),
    ] {
        let parts = written(Ok(answer));
        assert_eq!(parts.status.number(), status);
        assert_eq!(parts.headers.find("Content-Type"), Some(media_type));
        if let Some(chain) = chain {
            assert_eq!(parts.headers.find(chain), Some(ENCODED));
        }
    }
}

#[test]
fn a_refusal_on_the_wire() {
    let refusal = Refusal::new(Status::TOO_MANY_REQUESTS).retry_after(30);
    let parts = written(Err(refusal));
    assert_eq!((parts.status.number(), parts.body.len()), (429, 0));
    assert_eq!(parts.headers.find("Retry-After"), Some("30"));

    let error = Request::read(RequestParts {
        method: "PUT".to_owned(),
        ..get(&format!("{S4}/pckcert"))
    });
    let parts = written(Err(error.unwrap_err().refusal()));
    assert_eq!(parts.headers.find("Allow"), Some("GET, POST"));

    let error = Request::read(get(&format!("{S4}/tcb?fmspc=0090\u{e9}"))).unwrap_err();
    let problem = ValueError::Length {
        expected: 12,
        found: 5,
    };
    let name = "fmspc";
    assert_eq!(error, RequestError::Value { name, problem });
    let parts = written(Err(error.refusal()));
    assert_eq!(
        parts.headers.find("Error-Code"),
        Some("InvalidRequestSyntax")
    );
    assert_eq!(
        parts.headers.find("Error-Message"),
        Some("fmspc: 5 characters instead of 12 hexadecimal digits")
    );
    assert_eq!(
        Refusal::new(Status::OK).status(),
        Status::INTERNAL_SERVER_ERROR
    );
}

#[test]
fn a_client_reads_what_others_answer() {
    let request = Request::TcbInfo {
        tee: Tee::Sgx,
        fmspc: "00906ED50000".parse().unwrap(),
        selection: Selection::Standard,
    };
    let answer = |status: u16, headers: &[(&str, &str)], body: &str| {
        let headers = headers
            .iter()
            .fold(Headers::new(), |headers, (name, value)| {
                headers.with(*name, *value)
            });
        let status = Status::new(status).unwrap();
        let body = body.as_bytes().to_vec();
        Response::read(
            &request,
            ResponseParts {
                status,
                headers,
                body,
            },
        )
    };
    let json = ("content-type", "application/json;charset=UTF-8");
    let chain = ("sgx-tcb-info-issuer-chain", ENCODED);

    let response = answer(200, &[json, chain], "{}").unwrap();
    assert_eq!(response.request_id, None);
    assert!(matches!(response.outcome, Ok(Answer::TcbInfo(issued)) if issued.document == b"{}"));

    let name = "TCB-Info-Issuer-Chain";
    let media_type = "application/json";
    let (created, ok) = (Status::CREATED, Status::OK);
    for (status, headers, body, error) in [
        (
            200,
            [json, json],
            "{}",
            ResponseError::HeaderMissing { name },
        ),
        (200, [json, chain], "", ResponseError::BodyMissing),
        (
            200,
            [("content-type", "text/html"), chain],
            "{}",
            ResponseError::MediaType {
                expected: media_type,
            },
        ),
        (
            201,
            [json, chain],
            "{}",
            ResponseError::Status {
                expected: ok,
                actual: created,
            },
        ),
        (
            200,
            [json, (name, "-----BEGIN%2")],
            "{}",
            ResponseError::Header {
                name,
                problem: ValueError::Percent(crate::percent::PercentError::Digits { offset: 10 }),
            },
        ),
        (
            200,
            [json, (name, "MIIC")],
            "{}",
            ResponseError::Header {
                name,
                problem: ValueError::Pem,
            },
        ),
    ] {
        assert_eq!(answer(status, &headers, body), Err(error));
    }
    let long = "{".repeat(MAX_RESPONSE_BODY_SIZE + 1);
    assert!(matches!(
        answer(200, &[json, chain], &long),
        Err(ResponseError::BodyTooLong { .. })
    ));

    let headers = [
        ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("error-code", "not a name"),
        ("error-message", "na\u{ef}ve"),
        ("allow", "GET, PATCH"),
    ];
    let refusal = answer(503, &headers, "<html>")
        .unwrap()
        .outcome
        .unwrap_err();
    assert_eq!(refusal.status(), Status::SERVICE_UNAVAILABLE);
    assert_eq!((refusal.retry_after, refusal.error_code), (None, None));
    assert_eq!(refusal.message.unwrap().as_str(), "na?ve");
    assert_eq!(refusal.allow, [Method::Get]);
}

#[test]
fn membership_certificates_stand_in_eight_slots() {
    for (size, count, fine) in [
        (8, 0, true),
        (16, 8, true),
        (16, 9, false),
        (9, 1, false),
        (0, 0, false),
    ] {
        assert_eq!(
            MembershipCertificates::new(vec![0; size], count).is_ok(),
            fine
        );
    }
    assert_eq!(PlatformManifest::SMALLEST * 2, 16_862);
}
