//! `bulla verify --service` and `bulla explain --service`: collateral from a service that nobody
//! trusts.

use bulla_tests::workbench::{now, run};
use bulla_tests::world::World;
use serde_json::{Value, json};

/// The service and the vendor, as they can be written.
fn addresses(world: &World) -> [String; 6] {
    let (service, vendor) = (&world.service.address, &world.vendor.address);
    [
        format!("http://{service}"),
        format!("http://{service}/"),
        format!("http://{service}/sgx/certification/v4/"),
        format!("http://{service}/pcs"),
        format!("pccs=http://{service}"),
        format!("pcs=http://{vendor}"),
    ]
}

#[test]
fn the_collateral_of_every_dialect_gives_the_verdict_of_the_set() {
    let world = World::new();
    let set = world.folder.text_path("attested/collateral.json");
    let facts = |answer: &Value| {
        let evidence = answer["evidence"].clone();
        let tcb = answer["tcb"].clone();
        (answer["appraisal"].clone(), evidence, tcb)
    };
    let quote = world.folder.text_path("attested/quote.bin");
    let given = ["--quote", &quote, "--collateral", &set, "--format", "json"];
    let by_set = world.judge("verify", &given);
    assert_eq!(by_set.status, 0, "{}", by_set.stdout);
    for address in addresses(&world) {
        let answer = world.ask("verify", &address, &[]);
        assert_eq!(answer.status, 0, "{address}: {}", answer.stdout);
        assert_eq!(facts(&answer.json()), facts(&by_set.json()), "{address}");
        assert_eq!(answer.json()["trust_anchor"]["genuine"], false);
    }
    let explained = world.ask("explain", &addresses(&world)[0], &[]);
    assert_eq!(explained.status, 0, "{}", explained.stdout);
    assert_eq!(explained.json()["answer"]["appraisal"], "accepted");
}

#[test]
fn a_baseline_says_of_which_number_the_collateral_is() {
    let world = World::new();
    world.happens("recover --raises microcode");
    let baseline = |number: &str| {
        let text = format!("[sgx]\nnumber = {number}\n");
        let path = world.folder.write("demanded.toml", text);
        let baseline = path.to_str().expect("UTF-8");
        let vendor = format!("pcs=http://{}", world.vendor.address);
        world.ask("verify", &vendor, &["--baseline", baseline])
    };
    for (number, taken, appraisal) in [
        ("\"standard\"", 1, "accepted"),
        ("\"early\"", 2, "refused"),
        ("1", 1, "accepted"),
        ("2", 2, "refused"),
    ] {
        let json = baseline(number).json();
        assert_eq!(json["appraisal"], appraisal, "{number}: {json:#}");
        let numbers = &json["tcb"]["evaluation_data_numbers"];
        assert_eq!(*numbers, json!({"tcb_info": taken, "qe_identity": taken}));
    }
    let answer = baseline("3");
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    assert_eq!(answer.json()["error"]["code"], "CollateralUnavailable");
}

#[test]
fn below_the_base_path_of_a_ring_is_the_collateral_that_the_ring_demands() {
    let world = World::founded(now(), &["recover --raises pce"]);
    world.apply(
        "[baselines.level-2]\nsgx.number = 2\n[rings.canary]\n\
         [rollouts.now]\nring = \"canary\"\nbaseline = \"level-2\"\n",
    );
    let service = &world.service.address;
    for (address, number, appraisal) in [
        (format!("http://{service}"), 1, "accepted"),
        (format!("http://{service}/ring/default"), 1, "accepted"),
        (format!("http://{service}/ring/canary"), 2, "refused"),
        (format!("http://{service}/ring/canary/pcs"), 2, "refused"),
        (format!("pccs=http://{service}/ring/canary"), 2, "refused"),
    ] {
        let answer = world.ask("verify", &address, &[]);
        let verdict = answer.json();
        let numbers = &verdict["tcb"]["evaluation_data_numbers"];
        assert_eq!(numbers["tcb_info"], number, "{address}: {verdict}");
        assert_eq!(numbers["qe_identity"], number, "{address}: {verdict}");
        assert_eq!(verdict["appraisal"], appraisal, "{address}: {verdict}");
    }
    let nowhere = world.ask("verify", &format!("http://{service}/ring/nowhere"), &[]);
    assert_eq!(nowhere.status, 2, "{}", nowhere.stdout);
}

#[test]
fn the_service_is_not_trusted() {
    let world = World::new();
    let quote = world.folder.text_path("attested/quote.bin");
    let service = world.url();
    // Its root is known to nobody here, whatever the service believes.
    let arguments = [
        "verify",
        "--quote",
        &quote,
        "--service",
        &service,
        "--format",
        "json",
    ];
    let answer = run(&arguments);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    assert_eq!(answer.json()["verification"], "failed");

    let vendor = format!("pcs=http://{}", world.vendor.address);
    let faults = json!([{"paths": "*/tcb", "fault": "wrong_signature"}]);
    let body = faults.to_string();
    let set = world.vendor.send(
        "PUT",
        "/simulation/faults",
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    );
    assert!(set.status() < 300, "{}", set.head);
    let answer = world.ask("verify", &vendor, &[]);
    assert_eq!(answer.status, 1, "{}", answer.stdout);
    let found = answer.json()["findings"].to_string();
    assert!(found.contains("SignatureInvalid"), "{found}");
}

#[test]
fn lines_share_what_was_fetched() {
    let world = World::new();
    let quote = std::fs::read(world.folder.path("attested/quote.bin")).expect("a quote");
    let line = json!({ "quote": hex::encode(&quote) });
    let own = json!({ "quote": hex::encode(&quote), "collateral": {} });
    let text = format!("{line}\n{line}\n{own}\n{{\"quote\": \"00\"}}\n");
    let lines = world.folder.write("quotes.jsonl", text);
    let vendor = format!("pcs=http://{}", world.vendor.address);
    let lines = lines.to_str().expect("UTF-8");
    let answer = world.judge("verify", &["--quote", lines, "--service", &vendor]);
    assert_eq!(answer.status, 2, "{}", answer.stdout);
    let answers = answer.json_lines();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["appraisal"], "accepted");
    assert_eq!(answers[1]["appraisal"], "accepted");
    assert_eq!(answers[2]["error"]["code"], "LineMalformed");
    let told = answers[2]["error"]["message"].as_str().expect("text");
    assert!(told.contains("--service"), "{told}");
    assert_eq!(answers[3]["error"]["code"], "CollateralUntold");
}

#[test]
fn without_collateral_there_is_no_verdict() {
    let world = World::new();
    let refuse = |service: &str| {
        let answer = world.ask("verify", service, &[]);
        assert_eq!(answer.status, 2, "{service}: {}", answer.stdout);
        let error = answer.json()["error"].clone();
        let message = error["message"].as_str().expect("text").to_owned();
        (error["code"].as_str().expect("text").to_owned(), message)
    };
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let (code, message) = refuse(&format!("http://{gone}"));
    assert_eq!(code, "CollateralUnavailable");
    assert!(message.contains(&gone.to_string()), "{message}");
    for wrong in ["nowhere", "ftp://127.0.0.1", "http://a:b@127.0.0.1"] {
        assert_eq!(refuse(wrong).0, "ArgumentInvalid", "{wrong}");
    }
    let set = world.folder.text_path("attested/collateral.json");
    let service = world.url();
    let both = world.ask("verify", &service, &["--collateral", &set]);
    assert_eq!(both.json()["error"]["code"], "UsageInvalid");
}
