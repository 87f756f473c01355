//! bulla's own routes over HTTP: what they tell, of whom, and that asking changes nothing.

use bulla_collateral::EnclaveId;
use bulla_pki::Timestamp;
use bulla_pki::digest::sha256;
use bulla_protocol::wire::Method;
use bulla_service::keeper::Mode;
use bulla_store::Retention;
use bulla_tests::baselines::recovering;
use bulla_tests::daemon::Reply;
use bulla_tests::front::{ADMINISTRATOR, Front, USER};
use bulla_tests::host::Host;
use bulla_tests::routes::{Dialect, operations};
use bulla_tests::site::{Clock, DAY, HOUR, Site, platform, vendor};
use bulla_vendor::{PROCESSOR_FMSPC, QuoteKind, Selection, Subject};
use serde_json::Value;

fn noon() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

fn lazy(clock: &Clock) -> (Site, Front) {
    let site = Site::open(vendor(), clock);
    let front = Front::open(clock, vec![site.upstream("vendor")], Mode::Lazy);
    (site, front)
}

const QE: &str = "/sgx/certification/v4/qe/identity";

#[test]
fn what_is_kept_is_listed_with_its_history_and_given_as_of_an_instant() {
    let clock = noon();
    let (_site, front) = lazy(&clock);
    let first = front.get(QE).body;
    let begin = clock.now();
    clock.pass(DAY);
    let fetched = front.administrate("POST", "/collateral/refresh?slot=enclave-identity/qe/1");
    assert_eq!(
        fetched.json()["failed"],
        Value::Array(Vec::new()),
        "{}",
        fetched.text()
    );
    let second = front.get(QE).body;
    assert_ne!(first, second);

    let list = front.get("/collateral").json();
    assert_eq!(list["mode"], "lazy");
    assert_eq!(list["trust_anchor"]["genuine"], false);
    assert_eq!(list["trust_anchor"]["simulated"], true);
    assert_eq!(list["now"], clock.now().to_string());
    let documents = list["documents"].as_array().expect("a list");
    let slot = "enclave-identity/qe/1";
    let found = documents.iter().find(|document| document["slot"] == slot);
    let found = found.expect("it is kept");
    assert_eq!(found["freshness"], "current");
    assert_eq!(found["source"], "vendor");
    assert_eq!(found["sha256"], hex::encode(sha256(&second)));
    assert_eq!(found["size"], second.len());
    let selected: Vec<&Value> = found["selected_as"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert!(selected.contains(&&Value::from("standard")), "{selected:?}");

    let history = |query: &str| {
        front
            .get(&format!("/collateral/history?slot={slot}{query}"))
            .json()
    };
    let issues = history("");
    assert_eq!(issues.as_array().map(Vec::len), Some(2));
    assert_eq!(
        issues[0]["sha256"],
        hex::encode(sha256(&second)),
        "latest first"
    );
    assert_eq!(history("&limit=1").as_array().map(Vec::len), Some(1));
    assert_eq!(
        front.get("/collateral/history?slot=root-ca-crl").json(),
        Value::Array(Vec::new())
    );

    let document = |query: &str| front.get(&format!("/collateral/document?slot={slot}{query}"));
    let text = |body: &[u8]| Value::from(String::from_utf8(body.to_vec()).expect("text"));
    assert_eq!(document("").json()["document"], text(&second));
    assert_eq!(
        document(&format!("&at={begin}")).json()["document"],
        text(&first)
    );
    let chain = document("").json()["issuer_chain"].clone();
    assert!(
        chain
            .as_str()
            .expect("text")
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    let before = begin.saturating_sub(1);
    assert_eq!(document(&format!("&at={before}")).status(), 404);
    let crl = front.get("/sgx/certification/v4/pckcrl?ca=platform").body;
    let given = front
        .get("/collateral/document?slot=pck-crl/platform")
        .json();
    assert_eq!(given["document_hex"], text(&crl));
    for slot in [
        "",
        "qe",
        "enclave-identity/qe",
        "enclave-identity/qe/x",
        "pck-crl/root",
        "a/b/c",
    ] {
        for route in ["/collateral/document", "/collateral/history"] {
            let reply = front.get(&format!("{route}?slot={slot}"));
            assert_eq!(reply.status(), 400, "{route} {slot}");
            assert_eq!(reply.json()["code"], "invalid-request");
        }
    }
    for at in ["", "now", "2026-11-23", "2026-13-23T12:00:00Z", "1"] {
        assert_eq!(document(&format!("&at={at}")).status(), 400, "{at}");
    }
    let missing = front.administrate("POST", "/collateral/refresh?slot=enclave-identity/qe/9");
    assert_eq!(
        (missing.status(), &missing.json()["code"]),
        (404, &"not-found".into())
    );
}

#[test]
fn what_was_given_out_at_an_instant_is_found_by_its_selector_until_it_is_removed() {
    let clock = noon();
    let site = Site::open(recovering(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    let document = |selector: &str, at: Timestamp| {
        let slot = format!("enclave-identity/qe/{selector}");
        front.get(&format!("/collateral/document?slot={slot}&at={at}"))
    };
    let detail = |reply: Reply| {
        assert_eq!(reply.status(), 404, "{}", reply.text());
        reply.json()["detail"].as_str().expect("text").to_owned()
    };
    let at_first = clock.now();
    front.get(QE);
    front.get(&format!("{QE}?update=early"));
    clock.pass(6 * DAY);
    front.administrate("POST", "/collateral/refresh");
    let promoted = clock.now();
    for (selector, at, slot) in [
        ("standard", at_first, "enclave-identity/qe/1"),
        ("early", at_first, "enclave-identity/qe/2"),
        ("standard", promoted, "enclave-identity/qe/2"),
        ("early", promoted, "enclave-identity/qe/2"),
    ] {
        let found = document(selector, at).json();
        assert_eq!(found["slot"], slot, "{selector} at {at}");
        let arrived = found["arrived"].as_str().expect("text");
        assert!(arrived.parse::<Timestamp>().expect("a time") <= at);
    }
    let before = at_first.saturating_sub(1);
    let told = detail(document("standard", before));
    assert!(told.contains(&before.to_string()), "{told}");

    let anchor = front.keeping.keeper.collection().realm().id();
    let long_after = promoted.saturating_add(500 * DAY);
    let pruned = front.store.prune(anchor, &Retention::default(), long_after);
    assert!(pruned.expect("a store").documents > 0);
    let told = detail(document("early", at_first));
    assert!(
        told.contains(&format!("the earliest that is arrived {promoted}")),
        "{told}"
    );
}

#[test]
fn evidence_is_verified_kept_and_shown_without_a_ppid_and_a_platform_removed() {
    let clock = noon();
    let (_site, front) = lazy(&clock);
    let vendor = vendor();
    let host = Host::of(&vendor, "one", clock.now());
    assert_eq!(front.get(&host.target_with_ppid()).status(), 200);
    let subject = Subject {
        kind: QuoteKind::SgxV3,
        report_data: [0; 64],
        debug: false,
        launched: None,
    };
    let attested = vendor
        .attest(
            platform(&vendor, "one"),
            &subject,
            Selection::Standard,
            clock.now(),
        )
        .expect("a quote");
    let post = |body: &[u8], headers: &[(&str, &str)]| {
        front.send("POST", "/platforms/evidence", headers, body)
    };
    let raw = attested.quote.clone();
    for body in [raw.clone(), hex::encode(&raw).into_bytes()] {
        for token in [USER, ADMINISTRATOR] {
            let reply = post(&body, &[token]);
            assert_eq!(reply.status(), 200, "{}", reply.text());
            let said = reply.json();
            assert_eq!(said["genuine"], false, "it is simulated");
            assert_eq!(said["fmspc"], hex::encode_upper(PROCESSOR_FMSPC));
            assert_eq!(said["tcb_status"], "UpToDate");
        }
    }
    assert_eq!(post(&raw, &[]).status(), 401);
    let before = front.state().0;
    let mut doctored = raw.clone();
    doctored[100] ^= 1;
    let refused = post(&doctored, &[USER]);
    assert_eq!(
        (refused.status(), &refused.json()["code"]),
        (422, &"verification-failed".into())
    );
    for body in [&raw[..raw.len() / 2], b"", b"zz", b"00", b"\0"] {
        let reply = post(body, &[USER]);
        assert_eq!(reply.status(), 400, "{}", reply.text());
        assert_eq!(reply.json()["code"], "invalid-request");
    }
    assert_eq!(front.state().0, before);
    let shown = front.administrate("GET", "/platforms/evidence");
    let ppid = shown.json()[0]["ppid_sha256"].clone();
    assert_eq!(shown.json().as_array().map(Vec::len), Some(1));
    assert_eq!(ppid.as_str().map(str::len), Some(64));

    let listed = front.administrate("GET", "/platforms");
    let platforms = listed.json();
    assert_eq!(platforms[0]["qe_id"], host.qe_id.as_str());
    assert_eq!(platforms[0]["has_manifest"], false);
    let encrypted = hex::encode(host.encrypted_ppid);
    for text in [shown.text(), listed.text()] {
        assert!(!text.to_lowercase().contains(&encrypted[..64]), "{text}");
    }
    // The quote has it in its certificate: of one platform, to an administrator.
    let quotes = |qe_id: &str| {
        front.administrate("GET", &format!("/platforms/evidence/quotes?qe_id={qe_id}"))
    };
    let evidence = shown.json()[0].clone();
    let qe_id = evidence["qe_id"].as_str().expect("text");
    for spelt in [qe_id, &qe_id.to_lowercase()] {
        let given = quotes(spelt).json();
        assert_eq!(given.as_array().map(Vec::len), Some(1));
        assert_eq!(given[0]["quote_hex"], hex::encode(&raw));
        assert_eq!(given[0]["arrived"], evidence["arrived"]);
    }
    assert_eq!(quotes(&"0".repeat(32)).status(), 404);
    for wrong in ["", "00", "one", &"g".repeat(32)] {
        assert_eq!(quotes(wrong).status(), 400, "{wrong}");
    }
    let none = [
        format!("/platforms?after_qe_id={}&after_pce_id=0000", host.qe_id),
        "/platforms?fmspc=FF0000000000".to_owned(),
    ];
    for target in none {
        assert_eq!(
            front.administrate("GET", &target).json(),
            Value::Array(Vec::new())
        );
    }
    let named = format!("/platforms?qe_id={}&pce_id=0000", host.qe_id.to_lowercase());
    let removed = front.administrate("DELETE", &named);
    assert_eq!(
        (removed.status(), &removed.json()["removed"]),
        (200, &host.qe_id.clone().into())
    );
    assert_eq!(front.administrate("DELETE", &named).status(), 404);
    assert_eq!(
        front.get(&host.target()).status(),
        400,
        "nothing is known of it"
    );

    let audit = front.administrate("GET", "/audit").json();
    let audit = audit.as_array().expect("a list").clone();
    let actions: Vec<&str> = audit
        .iter()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    assert!(actions.contains(&"platform.remove"), "{actions:?}");
    let last = audit.last().expect("an entry")["sequence"]
        .as_u64()
        .expect("a number");
    let rest = front
        .administrate("GET", &format!("/audit?after={}", last - 1))
        .json();
    assert_eq!(rest.as_array().map(Vec::len), Some(1));
    let none = front.administrate("GET", "/audit?after=18446744073709551615");
    assert_eq!(
        (none.status(), none.json()),
        (200, Value::Array(Vec::new()))
    );
}

#[test]
fn whoever_watches_is_told_how_it_is() {
    let clock = noon();
    let (site, front) = lazy(&clock);
    let alive = front.get("/healthz");
    assert_eq!((alive.status(), alive.text()), (200, "alive\n"));
    let ready = front.get("/readyz").json();
    assert_eq!(ready["ready"], true);
    site.set(&["* reset"]);
    assert_eq!(front.get(QE).status(), 503);
    let upstreams = front.administrate("GET", "/upstreams").json();
    assert_eq!(upstreams[0]["name"], "vendor");
    assert!(
        upstreams[0]["last_failure_reason"].is_string(),
        "{upstreams}"
    );
    assert!(
        upstreams[0]["counts"]["failed"]
            .as_u64()
            .is_some_and(|count| count > 0)
    );
    let metrics = front.get("/metrics");
    let counted = "route=\"pccs.identity\",status=\"503\"";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
    assert!(metrics.text().ends_with("# EOF\n"));
    let checked = front.administrate("GET", "/store/check");
    assert_eq!(checked.status(), 200, "{}", checked.text());
    let written = front.administrate("POST", "/store/backup").json();
    assert!(std::path::Path::new(written["file"].as_str().expect("a path")).is_file());
    let again = front.administrate("POST", "/store/backup");
    assert_eq!(
        (again.status(), &again.json()["code"]),
        (409, &"backup-exists".into())
    );
    let other = front.administrate("GET", "/collateral/refused").json();
    assert_eq!(other, Value::Array(Vec::new()));
}

/// Everything that is asked for by a `GET`, and by a `HEAD` where there is one.
fn look_at_everything(front: &Front, host: &Host) {
    for operation in operations() {
        if operation.method != "GET" {
            continue;
        }
        let mut targets = vec![operation.target(&[])];
        if operation.path.ends_with("certification/v4/pckcert")
            && operation.dialect() == Dialect::Cache
        {
            targets.extend([host.target(), host.target_with_ppid()]);
        }
        for target in targets {
            for method in [Method::Get, Method::Head] {
                let tokens = [USER, ADMINISTRATOR];
                let reply = front.send(method.as_str(), &target, &tokens, b"");
                assert_ne!(reply.status(), 500, "{target}");
            }
        }
    }
}

#[test]
fn asking_changes_nothing_but_that_it_fills_the_cache() {
    let clock = noon();
    let host = Host::of(&vendor(), "one", clock.now());
    let alone = Front::open(&clock, Vec::new(), Mode::Offline);
    let body = Host::of(&vendor(), "two", clock.now()).body().to_string();
    let headers = [USER, ("Content-Type", "application/json")];
    let target = "/sgx/certification/v4/platforms";
    assert_eq!(
        alone
            .send("POST", target, &headers, body.as_bytes())
            .status(),
        200
    );
    let (before, _) = alone.state();
    look_at_everything(&alone, &host);
    // Who waits still waits.
    assert_eq!(alone.state().0, before);

    let (_site, front) = lazy(&clock);
    look_at_everything(&front, &host);
    let (filled, _) = front.state();
    assert!(filled.contains(&host.qe_id), "{filled}");
    let exchanges = front.keeping.exchanges();
    clock.pass(HOUR / 2);
    look_at_everything(&front, &host);
    assert_eq!(front.state().0, filled);
    // Only what nothing is kept of was asked for again: the vendor's own, and what is not there.
    let again = front.keeping.exchanges() - exchanges;
    assert!(again < 40, "{again}");
}

#[test]
fn what_a_stranger_asks_for_does_not_make_the_store_grow() {
    let clock = noon();
    let (_site, front) = lazy(&clock);
    let vendor = vendor();
    let host = Host::of(&vendor, "one", clock.now());
    assert_eq!(front.get(&host.target_with_ppid()).status(), 200);
    let issued = vendor.identity(EnclaveId::Qe, Selection::Standard, clock.now());
    assert_eq!(front.get(QE).body, issued.expect("an identity").body);
    let mut sizes = Vec::new();
    for round in 0..2_u8 {
        for number in 0..100_u8 {
            // TCBs that no platform has, all above what is certified.
            let mut other = host.clone();
            other.cpu_svn = [255; 16];
            other.cpu_svn[15] = number;
            other.cpu_svn[14] = 254 + round;
            assert_eq!(front.get(&other.target()).status(), 200, "{number}");
            // Families and numbers that there are not.
            let family = format!("/sgx/certification/v4/tcb?fmspc=00{round:02x}000000{number:02x}");
            assert!(
                [404, 503].contains(&front.get(&family).status()),
                "{family}"
            );
        }
        sizes.push(front.state().0.len());
    }
    assert!(sizes[1] <= sizes[0] + 1_024, "{sizes:?}");
}
