//! Who may use which route: by the right token in its own header, and by nothing else.

use bulla_service::keeper::Mode;
use bulla_tests::front::{ADMINISTRATOR, Front, USER};
use bulla_tests::routes::{Dialect, Operation, operations};
use bulla_tests::site::Clock;

/// How many wrong tokens from one address are looked at in a row.
const GUESSES: usize = 10;

/// The service that asks nobody.
fn alone() -> Front {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    Front::open(&clock, Vec::new(), Mode::Offline)
}

fn with_tokens() -> impl Iterator<Item = (Operation, (&'static str, &'static str))> {
    let all = operations().into_iter();
    all.filter_map(|operation| Some((operation, operation.token()?)))
        // By default nobody refreshes by it, whoever he is.
        .filter(|(operation, _)| operation.method != "GET" || !operation.path.ends_with("/refresh"))
}

#[test]
fn nobody_is_let_in_without_the_token_of_the_route() {
    let mut all = 0;
    for (operation, (header, token)) in with_tokens() {
        all += 1;
        let front = alone();
        let before = front.state();
        let Operation { path, method, .. } = operation;
        let other = match header {
            "user-token" => ADMINISTRATOR,
            _ => USER,
        };
        let either = [
            ("POST", "/platforms/evidence"),
            ("GET", "/baselines"),
            ("GET", "/baselines/history"),
        ]
        .contains(&(method, path));
        let mut guesses = 0;
        let mut ask = |headers: &[(&str, &str)], is_guess: bool| {
            guesses += usize::from(is_guess);
            let reply = front.send(method, &operation.target(&[]), headers, b"");
            let what = format!("{method} {path} {headers:?}");
            assert_eq!(reply.status(), 401, "{what}");
            match operation.dialect() {
                Dialect::Cache => {
                    assert_eq!(reply.text(), "Authentication failed.", "{what}");
                    let code = if is_guess {
                        "TokenWrong"
                    } else {
                        "TokenMissing"
                    };
                    assert_eq!(reply.header("Error-Code"), Some(code), "{what}");
                }
                _ if path.starts_with("/page") => {
                    assert!(reply.text().contains("<h1>Sign in</h1>"), "{what}");
                }
                _ => {
                    let code = if is_guess {
                        "token-wrong"
                    } else {
                        "token-missing"
                    };
                    assert_eq!(reply.json()["code"], code, "{what}");
                }
            }
        };
        ask(&[], false);
        ask(&[(header, "")], false);
        ask(&[("authorization", token)], false);
        ask(&[(header, "no")], true);
        ask(&[(header, &token[1..])], true);
        ask(&[(header, &token.to_uppercase())], true);
        ask(&[(header, &format!("{token}{token}"))], true);
        ask(&[(header, &"a".repeat(4_096))], true);
        // The token of the other role is none here, in whichever header.
        ask(&[(header, other.1)], true);
        if !either {
            ask(&[other], false);
            ask(&[(other.0, token)], false);
        }
        // The first of two counts.
        ask(&[(header, "no"), (header, token)], true);
        assert_eq!(front.state(), before, "{method} {path}");
        let reply = front.send(method, &operation.target(&[]), &[(header, token)], b"");
        assert!(![401, 429].contains(&reply.status()), "{method} {path}");
        if either {
            let reply = front.send(method, path, &[ADMINISTRATOR], b"");
            let status = if method == "POST" { 400 } else { 200 };
            assert_eq!(reply.status(), status, "an administrator may, too");
        }
        assert!(guesses < GUESSES);
    }
    assert_eq!(all, 51);
}

#[test]
fn after_ten_wrong_tokens_none_is_looked_at_for_a_while() {
    for (path, code) in [
        ("/sgx/certification/v4/platforms", None),
        ("/audit", Some("too-many-attempts")),
    ] {
        let front = alone();
        for _ in 0..GUESSES {
            let reply = front.send("GET", path, &[("admin-token", "no")], b"");
            assert_eq!(reply.status(), 401, "{path}");
        }
        // Not even the right one, of which the answer would tell.
        for token in ["no", ADMINISTRATOR.1] {
            let reply = front.send("GET", path, &[("admin-token", token)], b"");
            assert_eq!(reply.status(), 429, "{path}");
            let wait: u32 = reply
                .header("Retry-After")
                .expect("a time")
                .parse()
                .expect("seconds");
            assert!((1..=7).contains(&wait), "{path}: {wait}");
            match code {
                Some(code) => assert_eq!(reply.json()["code"], code),
                None => assert_eq!(reply.text(), "Too many attempts."),
            }
        }
        // What needs no token goes on, and whoever sends none is told so.
        assert_eq!(front.get("/healthz").status(), 200);
        assert_eq!(front.get(path).status(), 401);
    }
}

#[test]
fn what_needs_no_token_looks_at_none() {
    let front = alone();
    let open = operations()
        .into_iter()
        .filter(|operation| operation.token().is_none());
    for operation in open {
        let target = operation.target(&[]);
        let plain = front.send(operation.method, &target, &[], b"").status();
        for _ in 0..2 {
            let wrong = [("user-token", "no"), ("admin-token", "no")];
            let reply = front.send(operation.method, &target, &wrong, b"");
            assert_eq!(reply.status(), plain, "{target}");
        }
    }
}
