//! `bulla serve`: its configuration and its arguments, and the mistakes in them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use bulla_tests::binary::bulla;
use bulla_tests::daemon::found_vendor;
use bulla_tests::workbench::{Answer, Folder, run};
use serde_json::Value;

/// The code and message of a `bulla serve` that does not start.
#[track_caller]
fn refused(arguments: &[&str]) -> (String, String) {
    let answer = run(&[&["serve", "--format", "json"], arguments].concat());
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    let error = answer.json()["error"].clone();
    let text = |name: &str| error[name].as_str().expect("text").to_owned();
    (text("code"), text("message"))
}

/// What `--check-config` says of a configuration.
fn check(folder: &Folder, text: &str) -> Answer {
    folder.write("bulla.toml", text);
    let path = folder.text_path("bulla.toml");
    let store = folder.text_path("state");
    let arguments = [
        "serve",
        "--check-config",
        "--config",
        &path,
        "--format",
        "json",
    ];
    match text.contains("[store]") {
        true => run(&arguments),
        false => run(&[&arguments[..], &["--store", &store]].concat()),
    }
}

#[test]
fn a_configuration_in_order_is_said_to_be() {
    let folder = Folder::new();
    found_vendor(&folder);
    folder.write("key", "subscription\n");
    fs::set_permissions(folder.path("key"), Permissions::from_mode(0o600)).expect("a file");
    let sha512 = "ab".repeat(64);
    let text = format!(
        "mode = \"REQ\"\n\
         store = {{ path = \"here\" }}\n\
         listen = [{{ address = \"[::1]:0\" }}, {{ unix = \"s\", permissions = \"600\" }}, \
                   {{ systemd = 0, name = \"front\" }}, \
                   {{ address = \"192.0.2.1:80\", plain_text = true }}]\n\
         trust = {{ root = \"root.pem\", simulated = true }}\n\
         tokens = {{ users = [{{ name = \"a\", sha512 = \"{sha512}\" }}] }}\n\
         keep = {{ families = [\"00906ea10000\"], early = true }}\n\
         retention = {{ documents_days = 30, refused_days = 1 }}\n\
         limits = {{ connections = 16, idle_seconds = 5 }}\n\
         log = {{ format = \"json\", level = \"debug\", access = false }}\n\
         pccs = {{ refresh_by_get = true }}\n\
         [[upstream]]\nname = \"a\"\nurl = \"https://a.test.invalid\"\napi_key_file = \"key\"\n\
         proxy = \"environment\"\ndeadline = 0.5\n\
         [[upstream]]\nname = \"b\"\nkind = \"directory\"\npath = \"box\"\n\
         # [store] is above\n"
    );
    let answer = check(&folder, &text);
    assert_eq!(answer.status, 0, "{}", answer.stdout);
    let told = answer.json();
    assert_eq!(told["mode"], "req");
    assert_eq!(told["simulated"], true);
    let here = folder.text_path("here");
    assert_eq!(told["store"], here, "relative to the configuration");
    assert_eq!(told["upstreams"].as_array().map(Vec::len), Some(2));
    assert_eq!(told["listen"].as_array().map(Vec::len), Some(4));
    assert!(!folder.path("here").exists(), "nothing was started");
    assert!(!answer.stdout.contains("subscription"), "a key was shown");

    let store = folder.text_path("state");
    let nothing = run(&[
        "serve",
        "--check-config",
        "--format",
        "json",
        "--store",
        &store,
    ]);
    let first = nothing.json()["listen"][0].clone();
    assert_eq!(first, "http://127.0.0.1:8081", "where clients expect it");
    let empty = check(&folder, "");
    assert_eq!(empty.json()["trust_anchor"]["name"], "intel-sgx-root");
    assert_eq!(empty.json()["simulated"], false);
}

#[test]
fn each_mistake_in_a_configuration_has_its_message() {
    let folder = Folder::new();
    found_vendor(&folder);
    folder.write("open", "secret");
    fs::set_permissions(folder.path("open"), Permissions::from_mode(0o644)).expect("a file");
    folder.write("empty-certificate", "");
    let close = |name: &str| {
        folder.write(name, "secret\n");
        fs::set_permissions(folder.path(name), Permissions::from_mode(0o600)).expect("a file");
    };
    close("closed");
    let upstream = |more: &str| format!("[[upstream]]\nname = \"a\"\n{more}\n");
    let url = "url = \"https://a.test.invalid\"\n";
    let simulated = |more: &str| format!("mode = \"offline\"\n[trust]\n{more}\n");
    let invalid = "ConfigurationInvalid";
    let cases: Vec<(String, &str, &str)> = vec![
        (
            "mode = \"eager\"".into(),
            invalid,
            "line 1, column 8, `mode`: unknown variant `eager`",
        ),
        (
            "mod = \"lazy\"".into(),
            invalid,
            "`mod`: unknown field `mod`, expected one of `mode`",
        ),
        ("mode = ".into(), invalid, "line 1, column "),
        (
            "\n[log]\nlevel = \"trace\"".into(),
            invalid,
            "line 3, column 9, `log.level`",
        ),
        (
            "[keep]\nfamilies = [\"00\"]".into(),
            invalid,
            "`keep.families[0]`: `00` is no FMSPC",
        ),
        (
            "[limits]\nconnections = 0".into(),
            invalid,
            "`limits.connections`",
        ),
        (
            "[[listen]]\n".into(),
            invalid,
            "one of `address`, `unix` and `systemd`",
        ),
        (
            "[[listen]]\naddress = \"here\"".into(),
            invalid,
            "`here` is no address",
        ),
        (
            "[[listen]]\naddress = \"0.0.0.0:1\"".into(),
            invalid,
            "add `tls`, or `plain_text = true`",
        ),
        (
            "[[listen]]\nunix = \"s\"\npermissions = \"rw\"".into(),
            invalid,
            "`listen[0].permissions`: `rw` are no permissions",
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\npermissions = \"600\"".into(),
            invalid,
            "only a socket that is given by `unix`",
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\ntls = { certificate = \"c\" }".into(),
            invalid,
            "missing field `key`",
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\n\
             tls = { certificate = \"c\", key = \"open\" }"
                .into(),
            "SecretExposed",
            "everybody on this machine",
        ),
        (
            "[[listen]]\naddress = \"127.0.0.1:1\"\n\
             tls = { certificate = \"c\", key = \"closed\" }"
                .into(),
            invalid,
            "`listen[0].tls`",
        ),
        (
            "[[listen]]\nunix = \"s\"\ntls = { certificate = \"c\", key = \"closed\" }".into(),
            invalid,
            "`listen[0].tls`",
        ),
        (upstream(""), invalid, "a service has a `url`"),
        (
            upstream("kind = \"directory\""),
            invalid,
            "a directory has a `path`",
        ),
        (
            upstream("url = \"http://a.test.invalid\""),
            invalid,
            "`upstream[0].url`",
        ),
        (
            upstream("url = \"ftp://a.test.invalid\""),
            invalid,
            "`upstream[0].url`",
        ),
        (
            upstream(&format!("{url}deadline = -1")),
            invalid,
            "`upstream[0].deadline`: -1 is no time",
        ),
        (
            upstream(&format!("{url}deadline = 1e3")),
            invalid,
            "`upstream[0].deadline`",
        ),
        (
            upstream(&format!("{url}attempts = 99")),
            invalid,
            "`upstream[0].attempts`",
        ),
        (
            upstream(&format!("{url}api_key = \"secret\"")),
            invalid,
            "unknown field `api_key`",
        ),
        (
            upstream(&format!("{url}api_key_file = \"gone\"")),
            "FileNotFound",
            "gone",
        ),
        (
            upstream(&format!("{url}api_key_file = \"open\"")),
            "SecretExposed",
            "chmod 600",
        ),
        (
            upstream(&format!(
                "{url}proxy = \"http://me:secret@proxy.test.invalid\""
            )),
            invalid,
            "`proxy_file`",
        ),
        (
            [upstream(url), upstream(url)].concat(),
            invalid,
            "`upstream[1].name`: two upstreams are named `a`",
        ),
        (
            simulated("root = \"root.pem\""),
            "TrustRootInvalid",
            "belongs to a simulated vendor",
        ),
        (simulated("simulated = true"), invalid, "`trust.simulated`"),
        (simulated("root = \"gone.pem\""), "FileNotFound", "gone.pem"),
        (simulated("root = \"open\""), "TrustRootInvalid", "open"),
        (
            "[trust]\nroot = \"root.pem\"\nsimulated = true".into(),
            "UsageInvalid",
            "a root is named and no upstream",
        ),
        (
            "[tokens]\nusers = [{ name = \"a\", sha512 = \"secret\" }]".into(),
            invalid,
            "`tokens.users[0].sha512`",
        ),
        (
            "[tokens]\nadministrators = [{ name = \"\", sha512 = \"00\" }]".into(),
            invalid,
            "`tokens.administrators[0].name`",
        ),
        ("[store]\npath = 1".into(), invalid, "`store.path`"),
    ];
    for (text, code, message) in cases {
        let answer = check(&folder, &text);
        assert_eq!(answer.status, 2, "{text}: {}", answer.stdout);
        let error = answer.json()["error"].clone();
        let said = error["message"].as_str().expect("a message");
        assert_eq!(error["code"], code, "{text}: {said}");
        assert!(said.contains(message), "{text}: {said}");
        assert!(code != invalid || said.contains("bulla.toml: "), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let gone = refused(&["--config", "gone.toml", "--check-config"]);
    assert_eq!(gone.0, "FileNotFound");
    folder.write("bulla.toml", b"mode = \"\xff\"");
    let not_text = refused(&["--config", &folder.text_path("bulla.toml")]);
    assert_eq!(not_text.0, invalid);
}

#[test]
fn arguments_override_the_configuration_and_are_checked_alike() {
    let folder = Folder::new();
    found_vendor(&folder);
    let text = "mode = \"req\"\n[[listen]]\naddress = \"127.0.0.1:9\"\n[store]\npath = \"here\"\n";
    let config = folder.write("bulla.toml", text);
    let config = config.to_str().expect("UTF-8");
    let there = folder.text_path("there");
    let checked = |more: &[&str]| {
        let arguments = [
            "serve",
            "--check-config",
            "--format",
            "json",
            "--config",
            config,
        ];
        run(&[&arguments[..], more].concat())
    };
    let told = checked(&[
        "--mode",
        "OFFLINE",
        "--listen",
        "127.0.0.1:10",
        "--store",
        &there,
    ]);
    let told = told.json();
    assert_eq!(told["mode"], "offline");
    assert_eq!(told["listen"][0], "http://127.0.0.1:10");
    assert_eq!(told["store"], there);
    let told = checked(&["--upstream", "pccs=https://cache.test.invalid:8081"]).json();
    assert_eq!(told["mode"], "req");
    assert_eq!(
        told["upstreams"][0],
        "upstream-1 (pccs) https://cache.test.invalid:8081"
    );
    let root = folder.text_path("root.pem");
    for (arguments, code) in [
        (&["--listen", "0.0.0.0:8081"][..], "ArgumentInvalid"),
        (&["--listen", "localhost"], "ArgumentInvalid"),
        (
            &["--upstream", "http://cache.test.invalid"],
            "ArgumentInvalid",
        ),
        (&["--upstream", "cache"], "ArgumentInvalid"),
        (&["--mode", "eager"], "UsageInvalid"),
        (&["--simulated"], "UsageInvalid"),
        (
            &["--mode", "offline", "--trust-root", &root],
            "TrustRootInvalid",
        ),
        (&["--trust-root", &root, "--simulated"], "UsageInvalid"),
    ] {
        let answer = checked(arguments);
        assert_eq!(answer.status, 2, "{arguments:?}: {}", answer.stdout);
        assert_eq!(answer.json()["error"]["code"], code, "{arguments:?}");
    }
}

/// A root is trusted only where it was named: files in the usual places and variables of a likely
/// name change nothing.
#[test]
fn nothing_around_brings_in_a_root() {
    let folder = Folder::new();
    found_vendor(&folder);
    let text = format!(
        "mode = \"offline\"\n[trust]\nroot = \"{}\"\nsimulated = true\n",
        folder.text_path("root.pem")
    );
    for place in [
        "bulla.toml",
        ".bulla.toml",
        "config/bulla.toml",
        "config/bulla/bulla.toml",
        "config/bulla/config.toml",
        ".config/bulla/bulla.toml",
        "state/bulla.toml",
        "state/root.pem",
    ] {
        let path = folder.path(place);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, &text).expect("a file");
    }
    let output = bulla()
        .args(["serve", "--check-config", "--format", "json"])
        .current_dir(folder.path(""))
        .env("HOME", folder.path(""))
        .env("XDG_CONFIG_HOME", folder.path("config"))
        .env("STATE_DIRECTORY", folder.path("state"))
        .env("CONFIGURATION_DIRECTORY", folder.path("config/bulla"))
        .env("BULLA_CONFIG", folder.path("bulla.toml"))
        .env("BULLA_TRUST_ROOT", folder.path("root.pem"))
        .env("SSL_CERT_FILE", folder.path("root.pem"))
        .output()
        .expect("bulla runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["trust_anchor"]["name"], "intel-sgx-root");
    assert_eq!(told["trust_anchor"]["genuine"], true);
    assert_eq!(told["mode"], "lazy");
}
