//! Requests as clients send them.

use crate::pcs::{Enclave, PckCa, Selection, Tee};
use crate::wire::{Headers, Method, Status};

use super::*;

fn route(method: &str, path: &str) -> Result<Route, Refusal> {
    Route::read(method, path, RouteRules::default())
}

fn ask<'a>(path: &str, query: &'a str) -> Result<Request<'a>, Refusal> {
    route("GET", path).unwrap().request(query, None, b"")
}

fn sgx<'a>(name: &str, query: &'a str) -> Result<Request<'a>, Refusal> {
    ask(&format!("/sgx/certification/v4/{name}"), query)
}

#[test]
fn every_route_is_read_at_its_path() {
    let rules = RouteRules::default().refresh_by_get(true);
    let mut all = 0;
    for (method, path, route) in Route::every() {
        assert_eq!(Route::read(method.as_str(), &path, rules), Ok(route));
        all += 1;
    }
    assert_eq!(all, 14 + 2 + 14);
}

#[test]
fn paths_have_one_spelling_but_for_case_and_a_slash() {
    for path in [
        "/sgx/certification/v4/tcb",
        "/sgx/certification/v4/tcb/",
        "/SGX/Certification/V4/TCB",
    ] {
        let route = route("GET", path).unwrap();
        assert_eq!(route.operation, Operation::TcbInfo(Tee::Sgx), "{path}");
        assert_eq!((route.version, route.head), (Version::V4, false));
    }
    for path in [
        "",
        "/",
        "tcb",
        "//sgx/certification/v4/tcb",
        "/sgx//certification/v4/tcb",
        "/sgx/certification/v4//tcb",
        "/sgx/certification/v4/tcb//",
        "/sgx/certification/v4/./tcb",
        "/sgx/certification/v4/qe/../tcb",
        "/sgx/certification/v4/%74cb",
        "/sgx/certification/v4/qe%2fidentity",
        "/sgx/certification/v4/tcb%2f",
        "/sgx/certification/v4/tcb;a",
        "/sgx/certification/v4/tcb?fmspc=1",
        "/sgx/certification/v4",
        "/sgx/certification/v4/",
        "/sgx/certification/v2/tcb",
        "/sgx/certification/v5/tcb",
        "/tdx/certification/v3/tcb",
        "/tdx/certification/v4/pckcrl",
        "/tdx/certification/v4/platforms",
        "/sgx/certification/v4/pckcerts",
        "/sgx/certification/v4/fmspcs",
        "/sgx/certification/v4/qae/identity",
        "/sgx/certification/v4/tcbevaluationdatanumbers",
        "/sgx/certification/v4/tcb\u{212a}",
    ] {
        let refusal = route("GET", path).unwrap_err();
        assert!(
            matches!(refusal.reason, Reason::PathUnknown { .. }),
            "{path}"
        );
        assert_eq!(refusal.error_code, cause::PATH_UNKNOWN);
    }
}

#[test]
fn every_route_says_who_may_use_it() {
    let rows = [
        ("GET", "pckcert", Operation::PckCertificate, Access::Anybody),
        ("GET", "pckcrl", Operation::PckCrl, Access::Anybody),
        ("GET", "tcb", Operation::TcbInfo(Tee::Sgx), Access::Anybody),
        (
            "GET",
            "qe/identity",
            Operation::EnclaveIdentity(Enclave::SgxQe),
            Access::Anybody,
        ),
        (
            "GET",
            "qve/identity",
            Operation::EnclaveIdentity(Enclave::SgxQve),
            Access::Anybody,
        ),
        ("GET", "rootcacrl", Operation::RootCaCrl, Access::Anybody),
        ("GET", "crl", Operation::Crl, Access::Anybody),
        (
            "GET",
            "appraisalpolicy",
            Operation::AppraisalPolicy,
            Access::Anybody,
        ),
        ("POST", "platforms", Operation::AddPlatform, Access::User),
        (
            "GET",
            "platforms",
            Operation::Platforms,
            Access::Administrator,
        ),
        (
            "PUT",
            "platformcollateral",
            Operation::PutCollateral,
            Access::Administrator,
        ),
        ("POST", "refresh", Operation::Refresh, Access::Administrator),
        (
            "PUT",
            "appraisalpolicy",
            Operation::PutAppraisalPolicy,
            Access::Administrator,
        ),
    ];
    for (version, mount) in [
        (Version::V3, "/sgx/certification/v3/"),
        (Version::V4, "/sgx/certification/v4/"),
    ] {
        for (method, name, operation, access) in rows {
            let route = route(method, &format!("{mount}{name}")).unwrap();
            assert_eq!(route.operation, operation, "{name}");
            assert_eq!(route.access(), access, "{name}");
            assert_eq!(route.version, version, "{name}");
        }
    }
}

#[test]
fn a_method_that_would_change_something_on_the_side_is_not_allowed() {
    let path = "/sgx/certification/v4/refresh";
    let rules = RouteRules::default();
    let lenient = RouteRules::default().refresh_by_get(true);
    assert_eq!(
        Route::read("GET", path, lenient).unwrap().operation,
        Operation::Refresh
    );
    for (method, path, rules, allow) in [
        ("GET", path, rules, "POST"),
        ("HEAD", path, rules, "POST"),
        ("HEAD", path, lenient, "POST, GET"),
        (
            "HEAD",
            "/sgx/certification/v4/platforms",
            rules,
            "POST, GET",
        ),
    ] {
        let refusal = Route::read(method, path, rules).unwrap_err();
        assert_eq!(refusal.status(), Status::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(refusal.write().headers.find("Allow"), Some(allow));
    }
    let route = route("HEAD", "/sgx/certification/v4/tcb").unwrap();
    assert!(route.head);
}

#[test]
fn a_method_that_nobody_knows_gets_the_page_of_the_cache() {
    for method in ["DELETE", "PATCH", "get", "PUT", "OPTIONS"] {
        let refusal = route(method, "/sgx/certification/v4/tcb").unwrap_err();
        let Reason::MethodUnknown { allowed, .. } = &refusal.reason else {
            panic!("{method}: {refusal:?}");
        };
        assert_eq!(*allowed, [Method::Get], "{method}");
        let parts = refusal.write();
        assert_eq!(parts.status, Status::NOT_FOUND);
        let body = String::from_utf8(parts.body).unwrap();
        let line = format!("<pre>Cannot {method} /sgx/certification/v4/tcb</pre>");
        assert!(body.contains(&line), "{body}");
    }
}

#[test]
fn requests_of_intel_s_client() {
    let zeros = "0".repeat(768);
    let query = format!(
        "qeid=0A0B&encrypted_ppid={zeros}&cpusvn=0B0B0202FF0100000000000000000000&pcesvn=0D00\
         &pceid=0000&own=1"
    );
    let Ok(Request::PckCertificate {
        qeid,
        cpusvn,
        pcesvn,
        pceid,
        encrypted_ppid,
    }) = sgx("pckcert", &query)
    else {
        panic!("another request");
    };
    assert_eq!(qeid.as_str(), "0A0B");
    assert_eq!((cpusvn.0[4], pcesvn.0, pceid.0), (0xff, 13, [0, 0]));
    assert!(encrypted_ppid.is_some_and(|ppid| ppid.is_zero()));

    let crl = |query| sgx("pckcrl", query);
    let of = |ca, form| Ok(Request::PckCrl { ca, form });
    assert_eq!(crl("ca=platform"), of(PckCa::Platform, CrlForm::Hex));
    assert_eq!(
        crl("ca=PROCESSOR&encoding=DER"),
        of(PckCa::Processor, CrlForm::Der)
    );
    assert_eq!(
        crl("ca=processor&encoding=pem"),
        of(PckCa::Processor, CrlForm::Hex)
    );

    let fmspc = "00906ED50000".parse().unwrap();
    let tcb = |selection| {
        Ok(Request::TcbInfo {
            tee: Tee::Tdx,
            fmspc,
            selection,
        })
    };
    let ask_tcb = |query| ask("/tdx/certification/v4/tcb", query);
    for (query, selection) in [
        ("fmspc=00906ed50000", Selection::Standard),
        (
            "fmspc=00906ED50000&update=STANDARD&customParameter=YQ==",
            Selection::Standard,
        ),
        ("fmspc=00906ED50000&update=early", Selection::Early),
        (
            "fmspc=00906ED50000&fmspc=1&tcbEvaluationDataNumber=17",
            Selection::Number(17),
        ),
        (
            "fmspc=00906ED50000&tcbEvaluationDataNumber=99999999999999",
            Selection::Number(u32::MAX),
        ),
    ] {
        assert_eq!(ask_tcb(query), tcb(selection), "{query}");
    }
    assert_eq!(sgx("rootcacrl", "a"), Ok(Request::RootCaCrl));
    let uri = "uri=https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
    let Ok(Request::Crl(uri)) = sgx("crl", uri) else {
        panic!("another request");
    };
    assert_eq!(uri.of_vendor(), Some(CrlTarget::RootCa));
}

#[test]
fn parameters_that_break_the_form_are_refused_with_the_cause() {
    for (name, query, message) in [
        ("tcb", "", "the parameter fmspc is missing"),
        (
            "tcb",
            "fmspc=00906ED5000",
            "the parameter fmspc: 11 characters instead of 12 hexadecimal digits",
        ),
        (
            "tcb",
            "fmspc=00906ED5000g",
            "the parameter fmspc: not hexadecimal digits",
        ),
        ("tcb", "fmspc[a]=1", "the parameter fmspc must be one value"),
        (
            "tcb",
            "fmspc=00906ED50000&update=",
            "the parameter update: not one of standard, early, all",
        ),
        (
            "tcb",
            "fmspc=00906ED50000&update=all",
            "the parameter update: one set is served at a time",
        ),
        (
            "tcb",
            "fmspc=00906ED50000&tcbEvaluationDataNumber=-1",
            "the parameter tcbEvaluationDataNumber: not a number",
        ),
        (
            "qe/identity",
            "update=standard&tcbEvaluationDataNumber=17",
            "update and tcbEvaluationDataNumber exclude each other",
        ),
        ("pckcrl", "ca=root", "ca is not processor or platform"),
        ("pckcert", "cpusvn=", "the parameter qeid is missing"),
        ("pckcert", "qeid=", "the parameter qeid: empty"),
        ("crl", "uri=", "uri is no URI, or too long"),
    ] {
        let refusal = sgx(name, query).unwrap_err();
        assert_eq!(refusal.reason, Reason::InvalidRequest, "{query}");
        let parts = refusal.write();
        assert_eq!(parts.headers.find("Error-Message"), Some(message));
        assert_eq!(
            parts.headers.find("Error-Code"),
            Some("InvalidRequestSyntax")
        );
        assert_eq!(parts.body, b"Invalid request parameters.");
    }
}

#[test]
fn names_of_platforms_have_a_length_and_become_upper_case() {
    assert_eq!(QeId::new("aä-b").unwrap().as_str(), "AÄ-B");
    assert!(QeId::new("ä".repeat(260)).is_ok());
    assert!(QeId::new("a".repeat(261)).is_err());
    assert!(QeId::new("").is_err());
}

#[test]
fn lists_of_platforms_have_a_source() {
    let [one, other] = ["00906ED50000", "00A067110000"].map(|text| text.parse().unwrap());
    for (query, source) in [
        ("", Source::Waiting),
        ("source=reg", Source::Waiting),
        ("source=reg_na", Source::NotAvailable),
        ("source=%5B%5D", Source::Cached(vec![])),
        ("source=[00906ed50000]", Source::Cached(vec![one])),
        (
            "source=[00906ed50000,00A067110000]",
            Source::Cached(vec![one, other]),
        ),
    ] {
        assert_eq!(sgx("platforms", query), Ok(Request::Platforms(source)));
    }
    for query in ["source=", "source=[", "source=[,]", "source=00906ED50000"] {
        assert!(sgx("platforms", query).is_err(), "{query}");
    }
}

#[test]
fn a_refresh_is_of_all_or_of_some() {
    let route = route("POST", "/sgx/certification/v4/refresh").unwrap();
    let [one, other] = ["00906ED50000", "00A067110000"].map(|text| text.parse().unwrap());
    let collateral = RefreshedDocuments::Collateral;
    let certificates = RefreshedDocuments::PckCertificates;
    for (query, documents, fmspcs) in [
        ("", collateral, vec![]),
        ("type=certs", certificates, vec![]),
        ("type=certs&fmspc=", certificates, vec![]),
        ("type=certs&fmspc=ALL", certificates, vec![]),
        ("type=certs&fmspc=00906ed50000", certificates, vec![one]),
        (
            "type=certs&fmspc=00906ed50000,00a067110000",
            certificates,
            vec![one, other],
        ),
        ("fmspc=00906ed50000", collateral, vec![one]),
    ] {
        let refresh = Refresh { documents, fmspcs };
        let read = route.request(query, None, b"");
        assert_eq!(read, Ok(Request::Refresh(refresh)), "{query}");
    }
    for query in ["type=", "type=other", "fmspc=1", "fmspc=00906ed50000,"] {
        assert!(route.request(query, None, b"").is_err(), "{query}");
    }
}

const JSON: Option<&str> = Some("application/json; charset=utf-8");

fn add_platform(body: &str) -> Result<Request<'static>, Refusal> {
    let route = route("POST", "/sgx/certification/v4/platforms").unwrap();
    route.request("update=All", JSON, body.as_bytes())
}

#[test]
fn a_platform_has_a_ppid_or_a_manifest() {
    let ppid = "ab".repeat(384);
    let body = format!(
        r#"{{"qe_id":"0a","pce_id":"0000","cpu_svn":"0B0B0202FF0100000000000000000000",
            "pce_svn":"0d00","enc_ppid":"{ppid}","platform_manifest":null,"more":[1]}}"#
    );
    let Ok(Request::AddPlatform { platform, update }) = add_platform(&body) else {
        panic!("another request");
    };
    assert_eq!(update, UpdateScope::All);
    assert_eq!(platform.qe_id.as_str(), "0A");
    assert!(matches!(platform.identity, PlatformIdentity::Ppid { .. }));

    let manifest = "cd".repeat(9_000);
    let with_manifest = body.replace(
        "\"platform_manifest\":null",
        &format!("\"platform_manifest\":\"{manifest}\""),
    );
    for body in [
        with_manifest.replace(&ppid, ""),
        with_manifest.replace("enc_ppid", "x"),
        with_manifest,
    ] {
        let Ok(Request::AddPlatform { platform, .. }) = add_platform(&body) else {
            panic!("another request");
        };
        let PlatformIdentity::Manifest(read) = platform.identity else {
            panic!("no manifest");
        };
        assert_eq!(read.as_bytes().len(), 9_000);
    }
    for (from, to, message) in [
        ("qe_id", "x", "the body: missing field `qe_id`"),
        ("\"0a\"", "\"\"", "qe_id in the body: empty"),
        ("pce_svn", "x", "pce_svn is missing in the body"),
        ("0d00", "", "pce_svn is missing in the body"),
        ("0d00", "d00", "pce_svn in the body: 3 characters"),
        ("null", "\"ab\"", "platform_manifest in the body: 1 bytes"),
        ("\"0000\"", "0", "the body: invalid type"),
    ] {
        let refusal = add_platform(&body.replacen(from, to, 1)).unwrap_err();
        let text = refusal.message.unwrap();
        assert!(text.as_str().starts_with(message), "{text}");
    }
}

#[test]
fn a_body_is_json_and_has_a_limit() {
    let route = route("POST", "/sgx/certification/v4/platforms").unwrap();
    for content_type in [None, Some("text/plain"), Some("application/jsonx")] {
        let refusal = route.request("", content_type, b"{}").unwrap_err();
        assert_eq!(refusal.reason, Reason::InvalidRequest);
    }
    for body in ["", "[]", "null", "{", "{}", "[\"0a\",\"0000\",1,1,1,1]"] {
        let refusal = route.request("", JSON, body.as_bytes()).unwrap_err();
        assert_eq!(refusal.reason, Reason::InvalidRequest, "{body}");
    }
    let long = vec![b' '; MAX_PLATFORM_BODY_SIZE + 1];
    let refusal = route.request("", JSON, &long).unwrap_err();
    assert_eq!(refusal.reason, Reason::ContentTooLarge);
    assert_eq!(refusal.write().body, b"Content too large.");
}

#[test]
fn version_3_warns_in_refusals_too() {
    let route = route("GET", "/sgx/certification/v3/tcb").unwrap();
    let parts = route.request("", None, b"").unwrap_err().write();
    let warning = parts.headers.find("Warning").unwrap();
    assert!(warning.starts_with("299 - \"PCS API version 3 is no longer available. Cached"));
    assert!(warning.ends_with("may expire. Please migrate to API version 4.\""));
    let parts = sgx("tcb", "").unwrap_err().write();
    assert_eq!(parts.headers.find("Warning"), None);
}

#[test]
fn every_refusal_has_the_text_of_the_cache_and_a_cause() {
    let page = |allowed: &'static [Method]| Refusal::not_found("GET", "/<a>'&\"", allowed).reason;
    for (reason, status, body) in [
        (Reason::InvalidRequest, 400, "Invalid request parameters."),
        (Reason::AuthenticationFailed, 401, "Authentication failed."),
        (Reason::NoCacheData, 404, "No cache data for this platform."),
        (
            Reason::Version3Ended,
            410,
            "The Intel PCS API version 3 reached planned EOL. Accordingly, collateral from this \
             API version cannot be retrieved any longer.",
        ),
        (Reason::ContentTooLarge, 413, "Content too large."),
        (
            Reason::IntegrityFailed,
            460,
            "The integrity of the data can't be verified.",
        ),
        (
            Reason::PlatformUnknown,
            461,
            "The platform was not found in the cache.",
        ),
        (Reason::Internal, 500, "Internal server error occurred."),
        (
            Reason::UpstreamFailed,
            502,
            "Unable to retrieve the collateral from the Intel SGX PCS.",
        ),
        (
            page(&[]),
            404,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <title>Error</title>\n</head>\n<body>\n\
             <pre>Cannot GET /&lt;a&gt;&#39;&amp;&quot;</pre>\n</body>\n</html>\n",
        ),
    ] {
        let refusal = Refusal::new(reason).because("line\nbreak");
        let parts = refusal.write();
        assert_eq!(parts.status.number(), status);
        assert_eq!(String::from_utf8(parts.body).unwrap(), body);
        assert_eq!(
            parts.headers.find("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        assert!(parts.headers.find("Error-Code").is_some());
        assert_eq!(parts.headers.find("Error-Message"), Some("line?break"));
    }
}

#[test]
fn what_is_unavailable_has_no_body() {
    let refusal = Refusal::new(Reason::Unavailable)
        .coded(cause::EXPIRED)
        .retry_after(30);
    let parts = refusal.write();
    assert_eq!(parts.status, Status::SERVICE_UNAVAILABLE);
    assert!(parts.body.is_empty());
    let headers = Headers::new()
        .with("Error-Code", "Expired")
        .with("Retry-After", "30");
    assert_eq!(parts.headers, headers);
}
