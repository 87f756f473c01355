//! Routes about platforms, imports, refreshing and policies over HTTP, with what they change.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bulla_pki::digest::sha384;
use bulla_protocol::pcs::{Answer, PlatformKey, Request};
use bulla_protocol::percent;
use bulla_protocol::value::{EncryptedPpid, PceId};
use bulla_service::keeper::Mode;
use bulla_store::Fleet as _;
use bulla_tests::daemon::Reply;
use bulla_tests::front::{ADMINISTRATOR, Front, JSON, USER};
use bulla_tests::host::Host;
use bulla_tests::site::{Clock, DAY, Site, vendor};
use bulla_vendor::answer::answer;
use bulla_vendor::{PLATFORM_FMSPC, PROCESSOR_FMSPC};
use serde_json::{Value, json};

const V4: &str = "/sgx/certification/v4";

fn noon() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

fn lazy(clock: &Clock) -> (Site, Front) {
    let site = Site::open(vendor(), clock);
    let front = Front::open(clock, vec![site.upstream("vendor")], Mode::Lazy);
    (site, front)
}

/// What the vendor has for a host, by its PPID.
fn certificates(host: &Host, clock: &Clock) -> Answer {
    let request = Request::PckCertificates {
        platform: PlatformKey::EncryptedPpid(Box::new(EncryptedPpid(host.encrypted_ppid))),
        pceid: PceId([0; 2]),
    };
    answer(&vendor(), &request, clock.now()).expect("certificates")
}

#[test]
fn a_pck_certificate_is_the_vendor_s_with_the_headers_of_its_dialect() {
    let clock = noon();
    let (site, front) = lazy(&clock);
    let host = Host::of(&vendor(), "one", clock.now());
    let Answer::PckCertificates {
        certificates,
        issuer_chain,
        ..
    } = certificates(&host, &clock)
    else {
        panic!("certificates");
    };
    let chain = percent::encode(issuer_chain.as_str());
    let fmspc = hex::encode_upper(PROCESSOR_FMSPC);
    let v3 = host.target_with_ppid().replace("/v4/", "/v3/");
    let lower = host.target().to_lowercase();
    for target in [&host.target_with_ppid(), &host.target(), &v3, &lower] {
        let reply = front.get(target);
        assert_eq!(reply.status(), 200, "{target}");
        assert_eq!(reply.header("Content-Type"), Some("application/x-pem-file"));
        assert_eq!(reply.header("SGX-FMSPC"), Some(&*fmspc));
        assert_eq!(
            reply.header("SGX-PCK-Certificate-CA-Type"),
            Some("PROCESSOR")
        );
        assert_eq!(
            reply.header("SGX-PCK-Certificate-Issuer-Chain"),
            Some(&*chain)
        );
        let tcbm = reply.header("SGX-TCBm").expect("a TCB");
        let entry = certificates
            .iter()
            .find(|entry| entry.tcbm.to_string() == tcbm)
            .expect("one of the vendor's");
        let expected = entry.certificate.as_ref().expect("a certificate");
        assert_eq!(reply.text(), expected.as_str(), "{target}");
        let head = front.send("HEAD", target, &[], b"");
        assert_eq!(head.status(), 200);
        assert_eq!(head.header("SGX-TCBm"), Some(tcbm));
    }
    // In the vendor's own dialect it is passed on.
    let query = format!(
        "encrypted_ppid={}&cpusvn={}&pcesvn={}&pceid=0000",
        hex::encode(host.encrypted_ppid),
        hex::encode(host.cpu_svn),
        bulla_protocol::value::PceSvn(host.pce_svn)
    );
    let one = front.get(&format!("/pcs{V4}/pckcert?{query}"));
    assert_eq!(one.status(), 200, "{}", one.head);
    assert_eq!(one.body, front.get(&host.target()).body);
    assert_eq!(one.header("SGX-PCK-Certificate-CA-Type"), Some("processor"));
    for (path, query) in [
        (
            "pckcerts",
            query.replace("cpusvn", "x").replace("pcesvn", "y"),
        ),
        ("pckcerts/config", query.replace("pcesvn", "y")),
    ] {
        let reply = front.get(&format!("/pcs{V4}/{path}?{query}"));
        assert_eq!(reply.status(), 200, "{path}: {}", reply.head);
        assert_eq!(reply.header("Content-Type"), Some("application/json"));
        let list = reply.json();
        assert_eq!(
            list.as_array().map(Vec::len),
            Some(certificates.len()),
            "{path}"
        );
        let first = percent::decode(list[0]["cert"].as_str().expect("text")).expect("encoded");
        assert_eq!(
            Some(first.as_str()),
            certificates[0].certificate.as_ref().map(|pem| pem.as_str())
        );
    }
    // With another header for the PPID's key than the only one there is.
    let other = [("PPID-Encryption-Key", "RSA-2048")];
    let target = format!("/pcs{V4}/pckcerts?{}", query.replace("pcesvn", "y"));
    assert_eq!(front.send("GET", &target, &other, b"").status(), 400);
    // What is known is served while the vendor is away; what only the vendor knows is not.
    site.set(&["* reset"]);
    assert_eq!(front.get(&host.target()).status(), 200);
    assert_eq!(
        front.get(&format!("/pcs{V4}/pckcert?{query}")).status(),
        503
    );
}

#[test]
fn what_only_the_vendor_knows_is_passed_on() {
    let clock = noon();
    let (_site, front) = lazy(&clock);
    let list = front.get(&format!("/pcs{V4}/fmspcs")).json();
    let families: Vec<&str> = list
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["fmspc"].as_str())
        .collect();
    let expected = [PROCESSOR_FMSPC, PLATFORM_FMSPC].map(hex::encode_upper);
    assert_eq!(families, expected);
    for (filter, count) in [("all", 2), ("E5", 1), ("client", 0)] {
        let list = front
            .get(&format!("/pcs{V4}/fmspcs?platform={filter}"))
            .json();
        let found = list.as_array().map(Vec::len);
        assert!(found.is_some_and(|found| found <= 2), "{filter}: {list}");
        assert!(filter != "all" || found == Some(count));
    }
    // A platform of several packages registers with the vendor, and is known to him.
    let host = Host::of(&vendor(), "two", clock.now());
    let manifest = host.manifest.clone().expect("a manifest");
    let octets = [("Content-Type", "application/octet-stream")];
    let path = "/pcs/sgx/registration/v1/platform";
    let reply = front.send("POST", path, &octets, &manifest);
    assert_eq!(reply.status(), 201, "{}", reply.head);
    assert_eq!(reply.header("Content-Type"), Some("text/plain"));
    assert_eq!(reply.body.len(), 32);
    let body = json!({ "platformManifest": hex::encode(&manifest), "pceid": "0000" });
    let target = format!("/pcs{V4}/pckcerts");
    let reply = front.send("POST", &target, &[JSON], body.to_string().as_bytes());
    assert_eq!(reply.status(), 200, "{}", reply.head);
    assert_eq!(
        reply.header("SGX-PCK-Certificate-CA-Type"),
        Some("platform")
    );
    for wrong in [&b""[..], &manifest[1..], b"x"] {
        let reply = front.send("POST", path, &octets, wrong);
        assert_eq!(reply.status(), 400, "{} bytes: {}", wrong.len(), reply.head);
        // In the vendor's own word, where he was asked.
        assert!(reply.header("Error-Code").is_some(), "{}", reply.head);
    }
    let key = ("Ocp-Apim-Subscription-Key", "key");
    let path = "/pcs/sgx/registration/v1/package";
    let reply = front.send("POST", path, &[octets[0], key], b"no request");
    assert_eq!(reply.status(), 400, "{}", reply.head);
    assert_eq!(reply.header("Error-Code"), Some("InvalidAddRequest"));
}

#[test]
fn platforms_register_wait_and_are_leased_once() {
    let clock = noon();
    let front = Front::open(&clock, Vec::new(), Mode::Offline);
    let vendor = vendor();
    let hosts = ["one", "two"].map(|name| Host::of(&vendor, name, clock.now()));
    let target = format!("{V4}/platforms");
    for host in &hosts {
        let body = host.body().to_string();
        for _ in 0..2 {
            let reply = front.send("POST", &target, &[USER, JSON], body.as_bytes());
            assert_eq!(
                (reply.status(), reply.text()),
                (200, "Operation successful.")
            );
            assert_eq!(
                reply.header("Content-Type"),
                Some("text/html; charset=utf-8")
            );
        }
    }
    let waiting = |source: &str| {
        let reply = front.administrate("GET", &format!("{target}{source}"));
        assert_eq!(reply.status(), 200, "{}", reply.head);
        assert_eq!(
            reply.header("Content-Type"),
            Some("application/json; charset=utf-8")
        );
        let list = reply.json();
        let size = list.as_array().expect("a list").len();
        assert_eq!(reply.header("platform-count"), Some(&*size.to_string()));
        list
    };
    // Not by a head, by a wrong question, or without the token.
    assert_eq!(
        front.send("HEAD", &target, &[ADMINISTRATOR], b"").status(),
        405
    );
    assert_eq!(
        front
            .administrate("GET", &format!("{target}?source=x"))
            .status(),
        400
    );
    assert_eq!(front.send("GET", &target, &[USER], b"").status(), 401);
    assert_eq!(waiting("?source=reg_na"), json!([]));
    assert_eq!(waiting("?source=[]"), json!([]));
    let length = || {
        let anchor = front.keeping.keeper.collection().realm().id();
        front.store.queue_length(anchor).expect("a length")
    };
    assert_eq!(length(), 2);
    let list = waiting("");
    for host in &hosts {
        let found = list.as_array().expect("a list");
        let one = found
            .iter()
            .find(|one| one["qe_id"] == host.qe_id)
            .expect("it waits");
        let keys: Vec<&String> = one.as_object().expect("an object").keys().collect();
        assert_eq!(keys.len(), 6, "{keys:?}");
        let digits = |bytes: &[u8]| Value::from(hex::encode(bytes));
        match &host.manifest {
            Some(manifest) => {
                assert_eq!(one["platform_manifest"], digits(manifest));
                assert_eq!(
                    [&one["cpu_svn"], &one["pce_svn"], &one["enc_ppid"]],
                    ["", "", ""]
                );
            }
            None => {
                assert_eq!(one["enc_ppid"], digits(&host.encrypted_ppid));
                assert_eq!(one["platform_manifest"], "");
            }
        }
    }
    // Leased, and still there: once the lease has ended they are handed out again.
    assert_eq!(waiting("?source=reg"), json!([]));
    assert_eq!(length(), 2);
    clock.pass(8 * DAY);
    assert_eq!(waiting("?source=reg"), list);
}

#[test]
fn a_registration_says_everything_that_it_must() {
    let clock = noon();
    let front = Front::open(&clock, Vec::new(), Mode::Offline);
    let good = Host::of(&vendor(), "one", clock.now()).body();
    let target = format!("{V4}/platforms");
    let post = |target: &str, body: &Value| {
        let body = body.to_string();
        front
            .send("POST", target, &[USER, JSON], body.as_bytes())
            .status()
    };
    let before = front.state();
    for (key, values) in [
        (
            "qe_id",
            vec![json!(""), json!("a".repeat(261)), json!(1), Value::Null],
        ),
        (
            "pce_id",
            vec![
                json!(""),
                json!("000"),
                json!("000g"),
                json!("00000"),
                Value::Null,
            ],
        ),
        (
            "cpu_svn",
            vec![
                json!(""),
                json!("00".repeat(15)),
                json!("0g".repeat(16)),
                json!([]),
            ],
        ),
        ("pce_svn", vec![json!(""), json!("0"), json!(13)]),
        (
            "enc_ppid",
            vec![json!(""), json!("00".repeat(383)), json!("00".repeat(385))],
        ),
        (
            "platform_manifest",
            vec![
                json!("00"),
                json!("0".repeat(16_861)),
                json!("00".repeat(56_443)),
                json!("gg".repeat(9_000)),
            ],
        ),
    ] {
        for value in values {
            let mut body = good.clone();
            body[key] = value;
            assert_eq!(
                post(&target, &body),
                400,
                "{key}: {:.80}",
                body[key].to_string()
            );
        }
        let mut body = good.clone();
        body.as_object_mut().expect("an object").remove(key);
        let expected = if key == "platform_manifest" { 200 } else { 400 };
        if expected == 400 {
            assert_eq!(post(&target, &body), expected, "{key}");
        }
    }
    let twice = good.to_string().replacen('{', "{\"pce_id\":\"0000\",", 1);
    let reply = front.send("POST", &target, &[USER, JSON], twice.as_bytes());
    assert_eq!(reply.status(), 400, "a key that stands twice");
    assert_eq!(post(&format!("{target}?update=none"), &good), 400);
    assert_eq!(front.state(), before);
    let mut more = good.clone();
    more["something"] = json!({ "else": [1] });
    for query in ["", "?update=ALL", "?update=early", "?update=Standard"] {
        assert_eq!(post(&format!("{target}{query}"), &more), 200, "{query}");
    }
}

/// Stands in a file where TCB info is to stand, whose text must stay as it is.
const TCB_INFO: &str = "@tcb-info";

/// Puts a file.
fn put(front: &Front, clock: &Clock, file: &Value) -> Reply {
    let standard = bulla_vendor::Selection::Standard;
    let (tee, now) = (bulla_evidence::Tee::Sgx, clock.now());
    let info = vendor().tcb_info(tee, PROCESSOR_FMSPC, standard, now);
    let info = String::from_utf8(info.expect("TCB info").body).expect("text");
    let body = file.to_string().replace(&format!("\"{TCB_INFO}\""), &info);
    let headers = [ADMINISTRATOR, JSON];
    front.send(
        "PUT",
        &format!("{V4}/platformcollateral"),
        &headers,
        body.as_bytes(),
    )
}

/// A file for `PUT platformcollateral` with everything for a host.
fn file(host: &Host, clock: &Clock) -> Value {
    let vendor = vendor();
    let now = clock.now();
    let encoded = |chain: &[u8]| percent::encode(std::str::from_utf8(chain).expect("text"));
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).expect("text");
    let standard = bulla_vendor::Selection::Standard;
    let identity = |id| vendor.identity(id, standard, now).expect("an identity");
    let processor = vendor.pck_crl(bulla_vendor::PckCa::Processor, now);
    let platform = vendor.pck_crl(bulla_vendor::PckCa::Platform, now);
    let qe = identity(bulla_collateral::EnclaveId::Qe);
    let parts = bulla_protocol::pcs::Response {
        request_id: None,
        warning: None,
        outcome: Ok(certificates(host, clock)),
    };
    let certs: Value = serde_json::from_slice(&parts.write().body).expect("JSON");
    let ppid = hex::encode(host.encrypted_ppid);
    json!({
        "platforms": [host.body()],
        "collaterals": {
            "version": 4,
            "pck_certs": [{ "qe_id": host.qe_id, "pce_id": "0000", "enc_ppid": ppid, "certs": certs }],
            "tcbinfos": [{ "fmspc": hex::encode_upper(PROCESSOR_FMSPC), "sgx_tcbinfo": TCB_INFO }],
            "pckcacrl": {
                "processorCrl": hex::encode(&processor.der),
                "platformCrl": hex::encode(&platform.der),
            },
            "qeidentity": text(&qe.body),
            "tdqeidentity": text(&identity(bulla_collateral::EnclaveId::TdQe).body),
            "qveidentity": "",
            "certificates": {
                "SGX-PCK-Certificate-Issuer-Chain": {
                    "PROCESSOR": encoded(&processor.chain),
                    "PLATFORM": encoded(&platform.chain),
                },
                "TCB-Info-Issuer-Chain": encoded(&qe.chain),
                "SGX-Enclave-Identity-Issuer-Chain": encoded(&qe.chain),
            },
            "rootcacrl": hex::encode(vendor.root_ca_crl(now).der),
        },
    })
}

#[test]
fn what_is_put_is_verified_kept_and_served_without_any_upstream() {
    let clock = noon();
    let front = Front::open(&clock, Vec::new(), Mode::Offline);
    let host = Host::of(&vendor(), "one", clock.now());
    let documents = [
        format!("{V4}/tcb?fmspc={}", hex::encode(PROCESSOR_FMSPC)),
        format!("{V4}/qe/identity"),
        "/tdx/certification/v4/qe/identity".to_owned(),
        format!("{V4}/pckcrl?ca=processor"),
        format!("{V4}/pckcrl?ca=platform"),
        format!("{V4}/rootcacrl"),
        host.target(),
    ];
    // Each thing that is not genuine is refused by its name, and never served.
    for (pointer, expected) in [
        ("/collaterals/qeidentity", 460),
        ("/collaterals/pckcacrl/platformCrl", 460),
        ("/collaterals/rootcacrl", 460),
    ] {
        let doctored = Front::open(&clock, Vec::new(), Mode::Offline);
        let mut body = file(&host, &clock);
        let text = body
            .pointer(pointer)
            .and_then(Value::as_str)
            .expect("text")
            .to_owned();
        // The last digit, of the signature.
        let end = text
            .rfind(|digit: char| digit.is_ascii_hexdigit())
            .expect("a digit");
        let other = if &text[end..=end] == "0" { "1" } else { "0" };
        let changed = format!("{}{other}{}", &text[..end], &text[end + 1..]);
        *body.pointer_mut(pointer).expect("there") = Value::from(changed);
        let reply = put(&doctored, &clock, &body);
        assert_eq!(reply.status(), expected, "{pointer}: {}", reply.head);
        assert_eq!(reply.text(), "The integrity of the data can't be verified.");
        let refused = doctored.administrate("GET", "/collateral/refused").json();
        assert_eq!(refused.as_array().map(Vec::len), Some(1), "{refused}");
        // What is genuine was kept all the same.
        let served = documents
            .iter()
            .filter(|target| doctored.get(target).status() == 200);
        assert_eq!(served.count(), documents.len() - 1, "{pointer}");
    }
    for target in &documents {
        assert!([404, 461].contains(&front.get(target).status()), "{target}");
    }
    let reply = put(&front, &clock, &file(&host, &clock));
    assert_eq!(
        (reply.status(), reply.text()),
        (200, "Operation successful.")
    );
    for target in &documents {
        assert_eq!(front.get(target).status(), 200, "{target}");
    }
    let issued = vendor().identity(
        bulla_collateral::EnclaveId::Qe,
        bulla_vendor::Selection::Standard,
        clock.now(),
    );
    let served = front.get(&documents[1]).body;
    assert_eq!(served, issued.expect("an identity").body, "byte for byte");
    let before = front.state().0;
    for (pointer, value) in [
        ("/collaterals/version", json!(3)),
        ("/collaterals/version", Value::Null),
        ("/collaterals/pck_certs/0/certs", json!([])),
        ("/collaterals/pck_certs/0/qe_id", json!("")),
        ("/collaterals/tcbinfos/0/fmspc", json!("0")),
        ("/collaterals/tcbinfos/0/sgx_tcbinfo", json!("text")),
        ("/collaterals/pckcacrl/processorCrl", json!("zz")),
        ("/collaterals/qeidentity", json!("[]")),
        ("/collaterals/certificates", Value::Null),
        (
            "/collaterals/certificates/TCB-Info-Issuer-Chain",
            json!("%zz"),
        ),
        ("/platforms", Value::Null),
        ("/platforms/0/pce_id", json!("x")),
    ] {
        let mut body = file(&host, &clock);
        *body.pointer_mut(pointer).expect("there") = value;
        let reply = put(&front, &clock, &body);
        assert_eq!(reply.status(), 400, "{pointer}: {}", reply.head);
    }
    // The same again changes nothing.
    assert_eq!(put(&front, &clock, &file(&host, &clock)).status(), 200);
    assert_eq!(front.state().0, before);
    // The known ones, with what they reported.
    let list = front
        .administrate("GET", &format!("{V4}/platforms?source=[]"))
        .json();
    assert_eq!(list[0]["qe_id"], host.qe_id.as_str());
    assert_eq!(list[0]["enc_ppid"], hex::encode_upper(host.encrypted_ppid));
    let other = front.administrate("GET", &format!("{V4}/platforms?source=[FF0000000000]"));
    assert_eq!(other.json(), json!([]));
}

#[test]
fn refreshing_asks_the_vendor_for_what_is_kept() {
    let clock = noon();
    let (_site, front) = lazy(&clock);
    let host = Host::of(&vendor(), "one", clock.now());
    assert_eq!(front.get(&host.target_with_ppid()).status(), 200);
    front.block_on(front.keeping.settle());
    for (query, asks) in [
        ("", true),
        ("?fmspc=", true),
        ("?fmspc=all", true),
        ("?fmspc=FF53494D554C", true),
        ("?fmspc=ff53494d554c,FF53494D554D", true),
        ("?fmspc=FF0000000000", false),
        ("?type=certs", true),
        ("?type=certs&fmspc=FF53494D554C", true),
        ("?type=certs&fmspc=FF0000000000", false),
    ] {
        clock.pass(3_600);
        let before = front.keeping.exchanges();
        let reply = front.administrate("POST", &format!("{V4}/refresh{query}"));
        let done = (reply.status(), reply.text());
        assert_eq!(done, (200, "Operation successful."), "{query}");
        assert_eq!(front.keeping.exchanges() > before, asks, "{query}");
    }
    let before = front.keeping.exchanges();
    for query in [
        "?type=all",
        "?type=",
        "?fmspc=0",
        "?fmspc=FF53494D554C,",
        "?fmspc[]=all",
    ] {
        let reply = front.administrate("POST", &format!("{V4}/refresh{query}"));
        assert_eq!(reply.status(), 400, "{query}");
    }
    let reply = front.administrate("GET", &format!("{V4}/refresh"));
    assert_eq!((reply.status(), reply.header("Allow")), (405, Some("POST")));
    assert_eq!(front.keeping.exchanges(), before);
}

#[test]
fn a_policy_is_kept_under_its_digest_and_the_default_is_served() {
    let clock = noon();
    let front = Front::open(&clock, Vec::new(), Mode::Offline);
    let path = format!("{V4}/appraisalpolicy");
    let policy = |class: &str, number: u8| {
        let payload =
            json!({ "policy_array": [{ "environment": { "class_id": class }, "n": number }] });
        let claims = json!({ "policy_payload": payload.to_string() }).to_string();
        format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(claims))
    };
    let sgx = "3123ec35-8d38-4ea5-87a5-d6c48b567570";
    let tdx = "f708b97f-0fb2-4e6b-8b03-8a5bcd1221d3";
    let put = |is_default: Value, fmspc: &str, text: &str| {
        let body = json!({ "is_default": is_default, "fmspc": fmspc, "policy": text }).to_string();
        front.send("PUT", &path, &[ADMINISTRATOR, JSON], body.as_bytes())
    };
    let fmspc = "FF53494D554C";
    let get = |fmspc: &str| front.get(&format!("{path}?fmspc={fmspc}"));
    assert_eq!(get(fmspc).status(), 404);
    for (is_default, class, number) in [
        (false, sgx, 0),
        (true, sgx, 1),
        (true, tdx, 2),
        (true, sgx, 3),
    ] {
        let text = policy(class, number);
        let reply = put(json!(is_default), fmspc, &text);
        assert_eq!(reply.status(), 200, "{}", reply.head);
        assert_eq!(reply.text(), hex::encode(sha384(text.as_bytes())));
        assert_eq!(
            reply.header("Content-Type"),
            Some("text/html; charset=utf-8")
        );
    }
    let reply = get(&fmspc.to_lowercase());
    assert_eq!(reply.status(), 200);
    let mut texts: Vec<&str> = reply.text().split(',').collect();
    texts.sort_unstable();
    let mut expected = [policy(sgx, 3), policy(tdx, 2)];
    expected.sort_unstable();
    assert_eq!(
        texts, expected,
        "a new default takes the place of the old one of its kind"
    );
    assert_eq!(get("FF53494D554D").status(), 404);
    for (is_default, fmspc, text) in [
        (json!("true"), fmspc, policy(sgx, 1)),
        (json!(true), "FF", policy(sgx, 1)),
        (
            json!(true),
            fmspc,
            policy("00000000-0000-0000-0000-000000000000", 1),
        ),
        (json!(true), fmspc, "a.b.c".to_owned()),
        (json!(true), fmspc, String::new()),
    ] {
        assert_eq!(put(is_default, fmspc, &text).status(), 400, "{text}");
    }
}
