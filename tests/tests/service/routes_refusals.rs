//! What no route takes: other paths and methods, parameters and bodies that cannot be. Nothing of it
//! changes anything, and nobody comes past a token by it.

use bulla_appraisal::baseline;
use bulla_protocol::gate::Name;
use bulla_protocol::percent;
use bulla_service::keeper::Mode;
use bulla_tests::daemon::exchange;
use bulla_tests::front::{ADMINISTRATOR, Front, JSON, USER};
use bulla_tests::routes::{Dialect, Operation, operations};
use bulla_tests::site::{Clock, Site, vendor};

/// The service with a vendor behind it.
fn with_vendor() -> (Site, Front) {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let site = Site::open(vendor(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    (site, front)
}

/// The service that asks nobody.
fn alone() -> Front {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    Front::open(&clock, Vec::new(), Mode::Offline)
}

fn paths() -> Vec<Operation> {
    let mut all = operations();
    all.dedup_by_key(|operation| operation.path);
    all
}

#[test]
fn a_path_has_one_spelling_with_and_without_tokens() {
    let front = alone();
    let before = front.state();
    for operation in operations() {
        let Operation { path, method, .. } = operation;
        let (folder, name) = path.rsplit_once('/').expect("a path");
        let (first, rest) = name.split_at(1);
        let encoded = format!("%{:02x}", first.as_bytes()[0]);
        let mut others = vec![
            format!("/{path}"),
            format!("{path}//"),
            format!("{folder}//{name}"),
            format!("{folder}/./{name}"),
            format!("{folder}/x/../{name}"),
            format!("/..{path}"),
            format!("{folder}%2f{name}"),
            format!("{folder}%2F{name}"),
            format!("/%2f{}", &path[1..]),
            format!("{folder}/{encoded}{rest}"),
            format!("{path}%00"),
            format!("{path}%20"),
            format!("{path}%2f"),
            format!("{path};a=b"),
            format!("{folder}\\{name}"),
            format!("{path}%3f"),
        ];
        if operation.dialect() != Dialect::Cache {
            others.extend([format!("{path}/"), path.to_uppercase()]);
        }
        // Without a slash at its beginning it would be no request.
        for other in others.into_iter().filter(|other| other.starts_with('/')) {
            for headers in [&[][..], &[USER, ADMINISTRATOR, JSON]] {
                let reply = front.send(method, &other, headers, b"");
                // The file of the root's list may have any name.
                assert_eq!(reply.status(), 404, "{method} {other}");
            }
        }
        // Another letter case is the same route, with the same lock.
        if let (Dialect::Cache, Some(_)) = (operation.dialect(), operation.token()) {
            for other in [path.to_uppercase(), format!("{path}/")] {
                let expected = match (method, path.ends_with("/refresh")) {
                    ("GET", true) => 405,
                    _ => 401,
                };
                assert_eq!(
                    front.send(method, &other, &[], b"").status(),
                    expected,
                    "{other}"
                );
            }
        }
    }
    for path in [
        "/",
        "/pcs",
        "/pcs/",
        "/sgx",
        "/sgx/certification/v4",
        "*",
        "/pcs/a.txt",
    ] {
        assert_eq!(front.get(path).status(), 404, "{path}");
    }
    assert_eq!(front.state(), before);
}

#[test]
fn a_page_for_a_path_that_is_not_there_repeats_it_harmlessly() {
    let front = alone();
    let reply = front.get("/a'b&c");
    let text = reply.text();
    assert_eq!(
        reply.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert!(text.contains("Cannot GET /a&#39;b&amp;c"), "{text}");
    assert_eq!(
        reply.header("Content-Security-Policy"),
        Some("default-src 'none'")
    );
    assert_eq!(reply.header("Error-Code"), Some("PathUnknown"));
}

#[test]
fn a_path_knows_its_methods_alone() {
    let front = alone();
    let before = front.state();
    let every = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "X",
    ];
    let all = operations();
    for place in paths() {
        let path = place.path;
        let here = all.iter().filter(|operation| operation.path == path);
        let known: Vec<&str> = here.map(|operation| operation.method).collect();
        for method in every.iter().filter(|method| !known.contains(method)) {
            let reply = front.send(method, path, &[USER, ADMINISTRATOR], b"");
            let expected = match place.dialect() {
                Dialect::Cache | Dialect::Azure => 404,
                Dialect::Vendor | Dialect::Own => 405,
            };
            assert_eq!(reply.status(), expected, "{method} {path}");
            let allowed = reply.header("Allow").unwrap_or_default();
            let mut allowed: Vec<&str> = allowed.split(", ").collect();
            allowed.sort_unstable();
            let mut known = known.clone();
            known.sort_unstable();
            assert_eq!(allowed, known, "{method} {path}");
        }
        // What would hand something out or fetch is not done for the sake of a head.
        let gives = path.contains("/certification/v")
            && (path.ends_with("/platforms") || path.ends_with("/refresh"));
        let head = front.send("HEAD", path, &[ADMINISTRATOR], b"").status();
        if gives {
            assert_eq!(head, 405, "{path}");
        } else if !known.contains(&"GET") {
            assert!([404, 405].contains(&head), "{path}: {head}");
        }
    }
    assert_eq!(front.state(), before);
}

/// Whether a parameter takes any text, or is not looked at.
fn takes(operation: &Operation, name: &str, value: &str) -> bool {
    let Ok(text) = percent::decode(value) else {
        return false;
    };
    match (operation.dialect(), name) {
        (Dialect::Cache | Dialect::Azure, "encoding") => true,
        (Dialect::Azure, "clientid" | "api-version") => true,
        (Dialect::Cache, "fmspc") => text.is_empty() && operation.path.ends_with("/refresh"),
        (Dialect::Cache | Dialect::Azure, "qeid") => (1..=260).contains(&text.len()),
        (Dialect::Own, "qe_id" | "after_qe_id" | "kid") => true,
        (Dialect::Own, "name" | "ring" | "rollout" | "baseline")
            if operation.path.starts_with("/baselines") =>
        {
            text.parse::<baseline::Name>().is_ok()
        }
        (Dialect::Own, "name") => text.parse::<Name>().is_ok(),
        (Dialect::Own, "reason") => {
            let is_plain = !text.chars().any(char::is_control);
            is_plain && !text.trim().is_empty() && text.len() <= 1_000
        }
        _ => false,
    }
}

#[test]
fn every_parameter_is_there_once_of_its_length_and_rightly_encoded() {
    let (_site, front) = with_vendor();
    let long = "0".repeat(8_200);
    for operation in operations() {
        let what = |target: &str| format!("{} {target:.200}", operation.method);
        // What a request without flaw is told, which is not 400 unless for want of a body.
        let plain = operation.target(&[]);
        let flawless = operation.status(&front, &plain);
        let has_body = operation.body_limit().is_some();
        assert!(
            flawless != 400 || has_body || plain.contains("pckcert?"),
            "{}",
            what(&plain)
        );
        assert_eq!(operation.status(&front, &format!("{plain}?{long}")), 414);
        if has_body || (operation.method == "GET" && plain.contains("/refresh")) {
            continue;
        }
        let before = front.state();
        let refused = |target: String, expected: u16| {
            assert_eq!(
                operation.status(&front, &target),
                expected,
                "{}",
                what(&target)
            );
        };
        let unknown = match operation.path {
            "/healthz" | "/readyz" | "/metrics" => flawless,
            _ if operation.dialect() == Dialect::Own => 400,
            _ => flawless,
        };
        refused(operation.target(&[("unknown", "1")]), unknown);
        for (name, required, value) in operation.parameters() {
            if required {
                let without = plain.replacen(&format!("{name}={value}"), "", 1);
                refused(without, 400);
            }
            let last = &value[..value.len() - 1];
            for wrong in [
                String::new(),
                last.to_owned(),
                format!("{value}0"),
                format!("{last}%67%67"),
                format!("{last}%7"),
                format!("{last}%zz"),
                format!("{last}%ff"),
                format!("{value}%00"),
                format!("%20{value}"),
                format!("+{value}"),
                format!("{value},"),
                value.repeat(if value.len() < 100 { 12 } else { 2 }),
            ] {
                let number: Option<u64> = match wrong.starts_with('+') {
                    true => None,
                    false => wrong.parse().ok(),
                };
                let is_number = number.is_some_and(|number| match name {
                    "after" | "from" | "tcbEvaluationDataNumber" => true,
                    "limit" => (1..=1_000).contains(&number),
                    _ => false,
                });
                let is_good = is_number || takes(&operation, name, &wrong);
                if is_good {
                    continue;
                }
                let target = operation.target(&[(name, &wrong)]);
                let target = match name {
                    "after_qe_id" => format!("{target}&after_pce_id=0000"),
                    "after_pce_id" => format!("{target}&after_qe_id=A"),
                    _ => target,
                };
                refused(target, 400);
            }
            let single = operation.target(&[(name, &value)]);
            let listed = single
                .replacen(&format!("?{name}="), &format!("?{name}[]="), 1)
                .replacen(&format!("&{name}="), &format!("&{name}[]="), 1);
            let as_list = match operation.dialect() {
                Dialect::Vendor if !required => flawless,
                Dialect::Vendor | Dialect::Cache | Dialect::Azure | Dialect::Own => 400,
            };
            refused(listed, as_list);
            let once = operation.target(&[(name, &value)]);
            let once = match name {
                "after_qe_id" => format!("{once}&after_pce_id=0000"),
                "after_pce_id" => format!("{once}&after_qe_id=A"),
                _ => once,
            };
            let answered = operation.status(&front, &once);
            let twice = match operation.dialect() {
                Dialect::Cache | Dialect::Azure => answered,
                Dialect::Vendor | Dialect::Own => 400,
            };
            refused(format!("{once}&{name}={value}"), twice);
            refused(format!("{once}&{name}=%zz"), twice);
        }
        let (state, _) = front.state();
        let is_get = operation.method == "GET";
        // A document may have been fetched, a platform was removed by nobody.
        assert!(is_get || state == before.0, "{}", operation.path);
    }
}

#[test]
fn two_selectors_exclude_each_other() {
    let (_site, front) = with_vendor();
    for operation in operations() {
        let names: Vec<&str> = operation
            .parameters()
            .iter()
            .map(|(name, ..)| *name)
            .collect();
        if names.contains(&"tcbEvaluationDataNumber") {
            let both = [("update", "standard"), ("tcbEvaluationDataNumber", "1")];
            let target = operation.target(&both);
            assert_eq!(operation.status(&front, &target), 400, "{target}");
            let all = operation.target(&[("update", "all")]);
            assert_eq!(operation.status(&front, &all), 400, "{all}");
        }
    }
}

/// A request with a head of its own, by whoever may make it.
fn raw(
    front: &Front,
    operation: &Operation,
    lines: &str,
    body: &[u8],
) -> bulla_tests::daemon::Reply {
    let token = operation
        .token()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let key = "Ocp-Apim-Subscription-Key: key\r\n";
    let head = format!(
        "{} {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{key}{}{lines}\r\n",
        operation.method,
        operation.target(&[]),
        token.unwrap_or_default()
    );
    exchange(&front.address, &[head.as_bytes(), body].concat())
}

#[test]
fn bodies_have_a_limit_announced_or_not() {
    let front = alone();
    let before = front.state();
    let mut all = 0;
    for operation in operations() {
        let Some(limit) = operation.body_limit() else {
            continue;
        };
        all += 1;
        let what = format!("{} {}", operation.method, operation.path);
        let json = "Content-Type: application/json\r\n";
        // Announced, and refused before it was sent.
        let length = format!("{json}Content-Length: {}\r\n", limit + 1);
        assert_eq!(
            raw(&front, &operation, &length, b"").status(),
            413,
            "{what}"
        );
        // One byte less is read, and is no sense.
        if limit < 1024 * 1024 {
            let length = format!("{json}Content-Length: {limit}\r\n");
            let status = raw(&front, &operation, &length, &vec![b' '; limit]).status();
            let expected = match operation.path.contains("/registration/") {
                true => 415,
                false => 400,
            };
            assert_eq!(status, expected, "{what}");
            // Not announced.
            let chunk = vec![b' '; limit + 1];
            let chunk = [
                format!("{:x}\r\n", chunk.len()).as_bytes(),
                &chunk,
                b"\r\n0\r\n\r\n",
            ]
            .concat();
            let lines = format!("{json}Transfer-Encoding: chunked\r\n");
            assert_eq!(
                raw(&front, &operation, &lines, &chunk).status(),
                413,
                "{what}"
            );
        }
        // Nobody's body is read who must not send one.
        if operation.token().is_some() {
            let request = format!(
                "{} {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                 Content-Length: 1000000000000\r\n\r\n",
                operation.method, operation.path
            );
            let reply = exchange(&front.address, request.as_bytes());
            assert_eq!(reply.status(), 401, "{what}");
        }
    }
    assert_eq!(all, 26);
    assert_eq!(front.state(), before);
}

#[test]
fn bodies_are_json_of_their_form() {
    let front = alone();
    let before = front.state();
    for operation in operations() {
        if operation.body_limit().is_none() {
            continue;
        }
        let send = |media_type: &str, body: &[u8]| {
            let lines = format!("{media_type}Content-Length: {}\r\n", body.len());
            raw(&front, &operation, &lines, body).status()
        };
        let json = "Content-Type: application/json\r\n";
        let expected = match operation.path.contains("/registration/") {
            true => 415,
            false => 400,
        };
        let deep = "[".repeat(100_000 / 2);
        for body in [
            "",
            "{",
            "{}",
            "[]",
            "null",
            "\"\"",
            "0",
            "{\"qe_id\":1}",
            "[{\"qe_id\":\"A\"}]",
            "{\"platforms\":[],\"collaterals\":{\"version\":3}}",
            "{\"is_default\":\"true\"}",
            "{\"platformManifest\":\"00\"}",
            "\u{feff}{}",
            "{\"qe_id\":\"\\ud800\"}",
            &deep,
        ] {
            // A nonce is asked for with nothing.
            if operation.path == "/challenge" && ["", "{}"].contains(&body) {
                continue;
            }
            let expected = match operation.body_limit() {
                Some(limit) if body.len() > limit => 413,
                _ => expected,
            };
            assert_eq!(
                send(json, body.as_bytes()),
                expected,
                "{} {body:.80}",
                operation.path
            );
        }
        assert_eq!(
            send(json, b"{\"a\":\"\xff\"}"),
            expected,
            "{}",
            operation.path
        );
        if operation.path == "/challenge" {
            continue;
        }
        for media_type in [
            "",
            "Content-Type: text/plain\r\n",
            "Content-Type: \r\n",
            "Content-Type: application/x-www-form-urlencoded\r\n",
            "Content-Type: application/jsonx\r\n",
        ] {
            assert_eq!(
                send(media_type, b"{}"),
                expected,
                "{} {media_type}",
                operation.path
            );
        }
    }
    assert_eq!(front.state(), before);
}

#[test]
fn an_empty_subscription_key_is_refused_as_the_vendor_does() {
    let (_site, front) = with_vendor();
    for operation in operations() {
        if operation.dialect() == Dialect::Vendor {
            let target = operation.target(&[]);
            let empty = [("Ocp-Apim-Subscription-Key", "")];
            let reply = front.send(operation.method, &target, &empty, b"");
            assert_eq!(reply.status(), 401, "{target}");
            assert_eq!(reply.body, b"", "{target}");
        }
    }
    let path = "/pcs/sgx/registration/v1/package";
    assert_eq!(front.send("POST", path, &[], b"a").status(), 401);
}

#[test]
fn heads_that_are_none_are_refused() {
    let front = alone();
    for (request, expected) in [
        ("GET /healthz HTTP/1.1\r\n\r\n", 200),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        ("GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (
            "GET /health\u{e9} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            404,
        ),
        (
            "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            400,
        ),
        ("nonsense\r\n\r\n", 400),
    ] {
        if expected == 200 {
            continue;
        }
        let reply = exchange(&front.address, request.as_bytes());
        assert_eq!(reply.status(), expected, "{request:?}");
        // Where there was no request, the library answers; where there was one, the service does.
        let says_so = reply.header("Bulla-Simulated").is_some();
        assert_eq!(says_so, expected != 400, "{request:?}");
        assert!(says_so || reply.body.is_empty(), "{request:?}");
    }
    let long = format!(
        "GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "a".repeat(32 * 1024)
    );
    assert_eq!(exchange(&front.address, long.as_bytes()).status(), 431);
}
