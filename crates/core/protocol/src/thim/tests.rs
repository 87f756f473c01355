//! Requests as Azure's client and others send them.

use crate::pccs::{CrlForm, CrlTarget, Reason, Refusal};
use crate::pcs::{Enclave, PckCa, Selection, Tee};
use crate::value::{Fmspc, Pem};

use super::*;

fn ask<'a>(path: &str, query: &'a str) -> Result<Request<'a>, Refusal> {
    Route::read("GET", path)?.request(query)
}

fn sgx<'a>(name: &str, query: &'a str) -> Result<Request<'a>, Refusal> {
    ask(&format!("/sgx/certification/v4/{name}"), query)
}

/// What ends every query of the client.
const SIGNS: &str = "clientid=production_client&api-version=2018-10-01-preview";

#[test]
fn each_path_has_one_spelling_and_get_alone() {
    for path in Route::every() {
        for version in ["v2", "v3", "v4"] {
            let path = path.replace("{version}", version);
            let path = path.replace("{fmspc}", "00906ea10000");
            let route = Route::read("GET", &path).unwrap();
            assert_eq!(Route::read("HEAD", &path), Ok(route));
            let refusal = Route::read("POST", &path).unwrap_err();
            assert!(
                matches!(refusal.reason, Reason::MethodUnknown { .. }),
                "{path}"
            );
            for other in [
                path.to_uppercase(),
                format!("{path}/"),
                format!("/{path}"),
                path.replace("/cert", "/./cert"),
                path.replace("/sgx/", "/sgx2/").replace("/v", "/v1"),
                format!("{path}%00"),
            ] {
                let refusal = Route::read("GET", &other).unwrap_err();
                assert!(
                    matches!(refusal.reason, Reason::PathUnknown { .. }),
                    "{other}"
                );
            }
        }
    }
    for path in [
        "",
        "/",
        "/sgx/certification/v4",
        "/sgx/certification/v1/tcb",
        "/sgx/certification/v4/fmspcs",
        "/tdx/certification/v3/tcb",
        "/tdx/certification/v4/pckcrl",
    ] {
        assert!(Route::read("GET", path).is_err(), "{path}");
    }
}

#[test]
fn the_older_spellings_ask_for_the_same() {
    let uri = "uri=https%3A%2F%2Fcertificates.trustedservices.intel.com%2FIntelSGXRootCA.crl";
    assert_eq!(ask("/sgx/certificates/pckcrl", uri), sgx("pckcrl", uri));
    for version in ["v2", "v3", "v4"] {
        assert_eq!(
            ask(
                &format!("/sgx/certificates/{version}/tcb/00906ea10000"),
                SIGNS
            ),
            ask(
                &format!("/sgx/certification/{version}/tcb"),
                &format!("fmspc=00906EA10000&{SIGNS}")
            ),
        );
    }
    for path in [
        "/sgx/certificates/v3/pckcrl",
        "/sgx/certificates/tcb/00906ea10000",
        "/sgx/certificates/v3/tcb",
        "/sgx/certificates/v3/tcb/",
        "/sgx/certificates/v3/tcb/00906ea1000",
        "/sgx/certificates/v3/tcb/00906ea10000/",
        "/tdx/certificates/v4/tcb/00906ea10000",
    ] {
        let refusal = ask(path, SIGNS).unwrap_err();
        assert!(
            matches!(refusal.reason, Reason::PathUnknown { .. }),
            "{path}"
        );
    }
}

#[test]
fn the_certificate_is_asked_for_in_lower_case_and_bears_a_sign() {
    let platform = "qeid=0123456789abcdef0123456789abcdef&cpusvn=0b0b0202ff0100000000000000000000\
                    &pcesvn=0a00&pceid=0000";
    let query = format!("{platform}&clientid=production_client&api-version=2021-07-22-preview");
    let Request::PckCertificate {
        qeid,
        pcesvn,
        encrypted_ppid: None,
        is_azures: true,
        ..
    } = sgx("pckcert", &query).unwrap()
    else {
        panic!("{query}");
    };
    assert_eq!(qeid.as_str(), "0123456789ABCDEF0123456789ABCDEF");
    assert_eq!(pcesvn.0, 10);
    for (more, expected) in [("", false), ("&api-version=", true), ("&clientid=a", true)] {
        let query = format!("{platform}&encrypted_ppid={}{more}", "5a".repeat(384));
        let request = sgx("pckcert", &query).unwrap();
        let Request::PckCertificate {
            encrypted_ppid,
            is_azures,
            ..
        } = request
        else {
            panic!("{query}");
        };
        assert!(encrypted_ppid.is_some());
        assert_eq!(is_azures, expected, "{more}");
    }
    let path = "/metadata/THIM/sgx/certification/v4/pckcert";
    let request = ask(path, platform).unwrap();
    let is_azures = matches!(
        request,
        Request::PckCertificate {
            is_azures: true,
            ..
        }
    );
    assert!(is_azures, "{request:?}");
}

#[test]
fn older_versions_have_older_tcb_info() {
    for (version, expected) in [("v2", 2), ("v3", 2), ("v4", 3)] {
        let path = format!("/sgx/certification/{version}/tcb");
        let query = format!("fmspc=00906ea10000&{SIGNS}");
        assert_eq!(
            ask(&path, &query),
            Ok(Request::TcbInfo {
                tee: Tee::Sgx,
                fmspc: Fmspc([0, 0x90, 0x6e, 0xa1, 0, 0]),
                version: expected,
                selection: Selection::Standard,
            })
        );
    }
}

#[test]
fn a_list_is_named_in_as_many_layers_of_escapes_as_clients_put() {
    let root = Request::Crl {
        place: CrlPlace::Vendors(CrlTarget::RootCa),
        der: false,
    };
    let pck = |ca| Request::Crl {
        place: CrlPlace::Vendors(CrlTarget::Pck(ca)),
        der: false,
    };
    let host = "certificates.trustedservices.intel.com";
    let once = format!("https%3a%2f%2f{host}%2fintelsgxrootca.crl");
    let twice = once.replace('%', "%25");
    for uri in [
        &once,
        &twice,
        &twice.replace('%', "%25"),
        &format!("https://{host}/IntelSGXRootCA.der"),
    ] {
        assert_eq!(
            sgx("pckcrl", &format!("uri={uri}&{SIGNS}")),
            Ok(root.clone()),
            "{uri}"
        );
    }
    let api = "https%253a%252f%252fapi.trustedservices.intel.com%252fsgx%252fcertification%252fv3\
               %252fpckcrl%253fca%253dplatform%2526encoding%253dpem";
    assert_eq!(
        sgx("pckcrl", &format!("uri={api}")),
        Ok(pck(PckCa::Platform))
    );
    let file = format!("https%253a%252f%252f{host}%252fintelsgxpckprocessor.crl");
    assert_eq!(
        sgx("pckcrl", &format!("uri={file}")),
        Ok(pck(PckCa::Processor))
    );

    let other = "http%3A%2F%2FVendor.example%2FRoot.der";
    let place = CrlPlace::Other("http://vendor.example/root.der".to_owned());
    let request = Request::Crl { place, der: true };
    assert_eq!(sgx("crl", &format!("uri={other}")), Ok(request));
    let deep = (0..6).fold("%".to_owned(), |text, _| text.replace('%', "%25"));
    for uri in ["", "a%2520b", "%25zz", &format!("https{deep}3a")] {
        assert!(sgx("pckcrl", &format!("uri={uri}")).is_err(), "{uri}");
    }
}

#[test]
fn lists_are_asked_for_by_their_ca_too() {
    for (query, ca, form) in [
        ("ca=platform&clientid=a", PckCa::Platform, CrlForm::Hex),
        ("ca=PROCESSOR&encoding=der", PckCa::Processor, CrlForm::Der),
    ] {
        assert_eq!(
            sgx("pckcrl", query),
            Ok(Request::PckCrl { ca, form }),
            "{query}"
        );
    }
    for query in ["", "ca=root", "ca=platform&uri=https%3a%2f%2fa.example%2fb"] {
        assert!(sgx("pckcrl", query).is_err(), "{query}");
    }
    assert_eq!(sgx("rootcacrl", "clientid=a"), Ok(Request::RootCaCrl));
}

fn number(parameter: &str) -> Result<Selection, Refusal> {
    let query = format!("customParameter={parameter}&{SIGNS}");
    match ask("/tdx/certification/v4/qe/identity", &query)? {
        Request::EnclaveIdentity {
            enclave: Enclave::TdxQe,
            selection,
        } => Ok(selection),
        other => panic!("{other:?}"),
    }
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_baseline_is_a_number_among_pairs() {
    for text in [
        "tcbEvaluationDataNumber=14;region=us central\0",
        "tcbevaluationdatanumber=14&region=us central",
        "REGION=x; TcbEvaluationDataNumber = 014 ;",
        "tcbEvaluationDataNumber=14",
    ] {
        let plain = encoded(text);
        let escaped = plain
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        for parameter in [plain, escaped] {
            assert_eq!(number(&parameter), Ok(Selection::Number(14)), "{text}");
        }
    }
    // A plus of base64 that nobody escaped.
    let with_plus = encoded("tcbEvaluationDataNumber=14;region=~~>>");
    assert!(with_plus.contains('+'), "{with_plus}");
    assert_eq!(number(&with_plus), Ok(Selection::Number(14)));
    let no_number = encoded("region=us central\0");
    assert_eq!(number(&no_number), Ok(Selection::Standard));
    let huge = encoded("tcbEvaluationDataNumber=99999999999");
    assert_eq!(number(&huge), Ok(Selection::Number(u32::MAX)));
}

#[test]
fn what_is_no_baseline_is_refused() {
    for text in [
        "",
        "\0",
        " ;",
        "tcbEvaluationDataNumber",
        "tcbEvaluationDataNumber=",
        "tcbEvaluationDataNumber=-1",
        "tcbEvaluationDataNumber=14;tcbEvaluationDataNumber=15",
        "region=a;region=a",
        "tcbEvaluationDataNumber=14;ring=b",
    ] {
        let refusal = number(&encoded(text)).unwrap_err();
        assert_eq!(refusal.reason, Reason::InvalidRequest, "{text}");
    }
    for parameter in ["a", "====", "%FF", &"QUJD".repeat(400)] {
        assert!(number(parameter).is_err(), "{parameter}");
    }
    let both = format!("{}&update=standard", encoded("tcbEvaluationDataNumber=14"));
    assert!(number(&both).is_err());
    assert_eq!(
        number(&format!("{}&update=early", encoded("region=a"))),
        Ok(Selection::Early)
    );
}

#[test]
fn the_certificate_has_its_four_keys_in_their_case() {
    let certificate = PckCertificate {
        certificate: Pem::new("-----BEGIN CERTIFICATE-----\nAA==\n").unwrap(),
        tcbm: "0B0B0202FF01000000000000000000000D00".parse().unwrap(),
        issuer_chain: Pem::new("-----BEGIN CERTIFICATE-----\nBB==\n").unwrap(),
        max_age: 100_000,
    };
    assert_eq!(
        String::from_utf8(certificate.write()).unwrap(),
        "{\"pckCert\":\"-----BEGIN CERTIFICATE-----\\nAA==\\n\",\
          \"sgx-Pck-Certificate-Issuer-Chain\":\"-----BEGIN%20CERTIFICATE-----%0ABB%3D%3D%0A\",\
          \"sgx-Tcbm\":\"0B0B0202FF01000000000000000000000D00\",\"cacheMaxAge\":\"86400\"}"
    );
}
