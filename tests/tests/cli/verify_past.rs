//! `bulla verify --service --at`: collateral that a service had at an instant, and what it has no more.

use bulla_pki::Timestamp;
use bulla_tests::binary::bulla;
use bulla_tests::cluster::{Clocks, until};
use bulla_tests::daemon::{Daemon, found_vendor_at};
use bulla_tests::site::DAY;
use bulla_tests::workbench::{Answer, Folder, now, run};
use serde_json::{Value, json};

use super::explain_past::{between, error, faults, with_old_documents};

/// Days from the first start of [`Years`] until today: documents of then have ended.
const AGO: u64 = 40;

/// When the TCB info of an answer was issued.
#[track_caller]
fn issued(answer: &Value) -> Timestamp {
    let documents = answer["collateral"]["documents"].as_array();
    let documents = documents.unwrap_or_else(|| panic!("{answer:#}"));
    let info = documents.iter().find(|one| one["name"] == "tcb_info");
    let from = info.expect("it is there")["from"].as_str();
    from.expect("text").parse().expect("a time")
}

#[test]
fn a_quote_is_verified_by_the_collateral_of_the_instant() {
    let world = with_old_documents();
    let (url, before) = (world.url(), between());
    let ask = |words: &[&str]| world.ask("verify", &url, words);
    let old = issued(&ask(&[]).json());
    let at_first = between();
    faults(&world, &json!([]));
    assert_eq!(world.administer(&["collateral", "refresh"]).status, 0);
    let new = issued(&ask(&[]).json());
    assert!(old < new, "{old} {new}");

    let at_last = between();
    for (at, expected) in [(at_first, old), (at_last, new)] {
        let at = at.to_string();
        let answer = ask(&["--at", &at]);
        assert_eq!(answer.status, 0, "{}", answer.stdout);
        assert_eq!(answer.json()["at"], at);
        assert_eq!(issued(&answer.json()), expected);
    }

    // The same of many, where each line has its instant, and a line without one means now.
    let quote = std::fs::read(world.folder.path("attested/quote.bin")).expect("a quote");
    let line = |at: Option<Timestamp>| {
        let mut line = json!({ "quote": hex::encode(&quote) });
        if let Some(at) = at {
            line["at"] = at.to_string().into();
        }
        format!("{line}\n")
    };
    let instants = [Some(at_first), None, Some(before), Some(at_last)];
    let lines = world.folder.write("lines", instants.map(line).concat());
    let lines = lines.to_str().expect("UTF-8");
    let many = world.judge("verify", &["--quote", lines, "--service", &url]);
    let answers = many.json_lines();
    assert_eq!(issued(&answers[0]), old);
    assert_eq!(issued(&answers[1]), new);
    assert_eq!(answers[2]["error"]["code"], "CollateralUnavailable");
    assert_eq!(issued(&answers[3]), new);

    // What it did not have is told, and what nobody can have.
    let at = before.to_string();
    let (code, message) = error(&ask(&["--at", &at]));
    assert_eq!(code, "CollateralUnavailable");
    for word in ["tcb-info/sgx/FF53494D554C/3/standard", &at, "--collateral"] {
        assert!(message.contains(word), "no {word} in {message}");
    }
    let (code, message) = error(&ask(&["--at", "2999-01-01T00:00:00Z"]));
    assert_eq!(code, "ArgumentInvalid");
    assert!(message.contains("is to come"), "{message}");
}

#[test]
fn the_past_is_asked_of_a_service_of_bulla_and_of_nobody_else() {
    let world = with_old_documents();
    let (service, vendor) = (&world.service.address, &world.vendor.address);
    let at = between().to_string();
    for address in [
        format!("http://{vendor}"),
        format!("pcs=http://{vendor}"),
        format!("http://{service}/pcs"),
        format!("http://{service}/ring/default"),
    ] {
        let answer = world.ask("verify", &address, &["--at", &at]);
        let (code, message) = error(&answer);
        assert_eq!(code, "ArgumentInvalid", "{address}: {message}");
    }
}

/// A vendor and a service at the same two addresses of a folder, started by any clock.
struct Years {
    folder: Folder,
    clocks: Clocks,
}

impl Years {
    fn start(&self, days_ago: u64, words: &[&str]) -> Daemon {
        let mut command = bulla();
        command.args(words).args(["--listen", "127.0.0.1:0"]);
        if days_ago > 0 {
            let seconds = i64::try_from(days_ago * DAY).expect("some weeks");
            self.clocks.set(&mut command, -seconds);
        }
        Daemon::start(&mut command, &self.folder.path("log"))
    }

    fn vendor(&self, days_ago: u64) -> Daemon {
        let directory = self.folder.text_path("box");
        self.start(days_ago, &["vendor", "serve", "--dir", &directory])
    }

    fn service(&self, days_ago: u64, vendor: &Daemon, retention: &str) -> Daemon {
        let text = format!(
            "[store]\npath = \"state\"\n[retention]\n{retention}\n\
             [[upstream]]\nname = \"box\"\nurl = \"http://{}\"\n",
            vendor.address
        );
        self.folder.write("bulla.toml", text);
        let configuration = self.folder.text_path("bulla.toml");
        let root = self.folder.text_path("root.pem");
        let words = ["serve", "--config", &configuration, "--trust-root", &root];
        self.start(days_ago, &[&words[..], &["--simulated"]].concat())
    }

    /// A question about the quote, by what the service had then.
    fn ask(&self, command: &str, service: &Daemon, at: Timestamp) -> Answer {
        let [quote, root, policy, token] = [
            "attested/quote.bin",
            "root.pem",
            "attested/policy.toml",
            "state/administrator-token",
        ]
        .map(|name| self.folder.text_path(name));
        let (url, at) = (format!("http://{}", service.address), at.to_string());
        let mut words = vec![command, "--quote", &quote, "--service", &url, "--at", &at];
        words.extend(["--trust-root", &root, "--simulated", "--policy", &policy]);
        words.extend(["--format", "json"]);
        if command == "explain" {
            words.extend(["--token-file", &token]);
        }
        run(&words)
    }
}

/// Of documents that have ended long ago, by the clock of the service, nothing is kept but the latest.
#[test]
fn what_a_service_remembers_no_more_is_told_and_nothing_is_taken_for_it() {
    let Some(clocks) = Clocks::find("documents that are kept no more") else {
        return;
    };
    let folder = Folder::new();
    found_vendor_at(&folder, now().saturating_sub((AGO + 20) * DAY));
    let years = Years { folder, clocks };

    let vendor = years.vendor(AGO);
    let service = years.service(AGO, &vendor, "");
    let tcb = service.get("/sgx/certification/v4/tcb?fmspc=FF53494D554C");
    assert_eq!(tcb.status(), 200, "{}", tcb.head);
    until("everything is there", || {
        service.get("/readyz").status() == 200
    });
    let then = between().saturating_sub(AGO * DAY);
    assert!(service.end().success());
    assert!(vendor.end().success());

    // Today there are later issues, and those of then are still kept.
    let vendor = years.vendor(0);
    let service = years.service(0, &vendor, "");
    let url = format!("http://{}", service.address);
    let token = years.folder.text_path("state/administrator-token");
    let place = ["--service", &url, "--token-file", &token];
    let refreshed = run(&[&["collateral", "refresh"], &place[..]].concat());
    assert_eq!(refreshed.status, 0, "{}", refreshed.stdout);
    for command in ["verify", "explain"] {
        let answer = years.ask(command, &service, then);
        assert_eq!(answer.status, 0, "{}", answer.stdout);
    }
    assert!(service.end().success());

    let service = years.service(0, &vendor, "documents_days = 1");
    for command in ["verify", "explain"] {
        let forgotten = || years.ask(command, &service, then);
        until("they are removed", || forgotten().status == 2);
        let (code, message) = error(&forgotten());
        assert_eq!(code, "CollateralUnavailable");
        let slot = "nothing of tcb-info/sgx/FF53494D554C/3/1 is kept that had arrived by";
        for word in [slot, &then.to_string(), "--at"] {
            assert!(message.contains(word), "no {word} in {message}");
        }
    }
    assert_eq!(years.ask("verify", &service, between()).status, 0);
}
