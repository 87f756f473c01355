//! Settings that are refused, and proxies.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod fake;

use std::time::Duration;

use bulla_upstream::{Kind, Proxy, SettingsError, UpstreamSettings, Upstreams};

use fake::{Fake, ask, document, key, once, only, tcb_info};

fn pcs(url: &str) -> UpstreamSettings {
    UpstreamSettings::new(
        "a",
        Kind::Pcs {
            url: url.to_owned(),
        },
    )
}

/// The setting that is to blame.
fn refused(settings: UpstreamSettings) -> &'static str {
    match Upstreams::new(vec![settings]).unwrap_err() {
        SettingsError::Name { .. } => "name",
        SettingsError::Value {
            setting, problem, ..
        } => {
            assert!(!problem.is_empty());
            setting
        }
        other => panic!("{other}"),
    }
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let change = |change: &dyn Fn(&mut UpstreamSettings)| {
        let mut settings = pcs("http://127.0.0.1:1");
        change(&mut settings);
        refused(settings)
    };
    for name in ["", "a b", "ä", &"a".repeat(65)] {
        assert_eq!(change(&|settings| settings.name = name.to_owned()), "name");
    }
    assert_eq!(
        change(&|settings| settings.deadline = Duration::ZERO),
        "deadline"
    );
    assert_eq!(
        change(&|settings| settings.deadline = Duration::from_secs(121)),
        "deadline"
    );
    assert_eq!(change(&|settings| settings.attempts = 0), "attempts");
    assert_eq!(change(&|settings| settings.attempts = 11), "attempts");
    assert_eq!(change(&|settings| settings.concurrency = 0), "concurrency");
    assert_eq!(
        change(&|settings| settings.concurrency = 257),
        "concurrency"
    );
    assert_eq!(
        change(&|settings| settings.ca_file = Some("/nowhere".into())),
        "ca_file"
    );
    assert_eq!(
        change(&|settings| settings.ca_file = Some("Cargo.toml".into())),
        "ca_file"
    );
    let clear = "http://vendor.example".to_owned();
    assert_eq!(
        change(&|settings| settings.root_crl_url = Some(clear.clone())),
        "root_crl_url"
    );
    for proxy in ["", "vendor.example", "socks5://vendor.example"] {
        let proxy = Proxy::Address(proxy.to_owned());
        assert_eq!(change(&|settings| settings.proxy = proxy.clone()), "proxy");
    }
    assert_eq!(refused(pcs("http://vendor.example")), "url");
    let nowhere = Kind::Directory {
        path: "/nowhere".into(),
    };
    assert_eq!(refused(UpstreamSettings::new("a", nowhere)), "path");
}

#[test]
fn names_are_given_once() {
    let twice = vec![pcs("http://127.0.0.1:1"), pcs("http://127.0.0.1:2")];
    let error = Upstreams::new(twice).unwrap_err();
    assert_eq!(
        error,
        SettingsError::NameTwice {
            name: "a".to_owned()
        }
    );
}

#[test]
fn a_key_is_for_a_vendor_and_never_in_clear() {
    let mut settings = pcs("http://vendor.example");
    settings.insecure_http = true;
    assert!(Upstreams::new(vec![settings.clone()]).is_ok());
    settings.api_key = Some(key());
    assert_eq!(refused(settings.clone()), "api_key");
    settings.kind = Kind::Pccs {
        url: "http://127.0.0.1".to_owned(),
    };
    assert_eq!(refused(settings), "api_key");
    assert!(bulla_protocol::pcs::SubscriptionKey::new("").is_err());
}

#[tokio::test]
async fn a_proxy_is_used_where_it_is_named() {
    let proxy = Fake::saying(document()).await;
    let mut settings = once(pcs("http://vendor.example"));
    settings.insecure_http = true;
    settings.proxy = Proxy::Address(format!("http://me:hidden@{}", proxy.address));
    let shown = format!("{settings:?}");
    ask(&only(settings), &tcb_info()).await.unwrap();
    let asked = &proxy.asked()[0];
    let line = asked.line();
    assert!(line.starts_with("GET http://vendor.example/sgx/"), "{line}");
    assert_eq!(
        asked.header("proxy-authorization").as_deref(),
        Some("Basic bWU6aGlkZGVu")
    );
    assert!(!shown.contains("hidden"), "{shown}");
}

/// Runs the test below alone in another process with a proxy in its environment, and tells whether the
/// proxy was used there.
async fn is_proxy_of_environment_used(setting: &str) -> bool {
    let proxy = Fake::saying(document()).await;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "asks_with_the_proxy_of_the_environment"])
        .env("HTTP_PROXY", proxy.url())
        .env("http_proxy", proxy.url())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env("UPSTREAM_TEST_PROXY", setting)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap());
    assert!(status.await.unwrap().success());
    !proxy.asked().is_empty()
}

#[tokio::test]
async fn the_environment_names_a_proxy_only_where_it_is_asked() {
    assert!(!is_proxy_of_environment_used("none").await);
    assert!(is_proxy_of_environment_used("environment").await);
}

#[tokio::test]
async fn asks_with_the_proxy_of_the_environment() {
    // Nobody listens there: port 9 is for discarding.
    let mut settings = once(pcs("http://127.0.0.1:9"));
    let environment = std::env::var("UPSTREAM_TEST_PROXY").is_ok_and(|it| it == "environment");
    if environment {
        settings.proxy = Proxy::Environment;
    }
    assert_eq!(ask(&only(settings), &tcb_info()).await.is_ok(), environment);
}
