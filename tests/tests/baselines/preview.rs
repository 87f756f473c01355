//! Previews over the fleet of a service: what they foresee is what comes, for every platform of which
//! there is evidence, and of no other is anything promised.

use bulla_tests::baselines::{ADVISORY, apply, in_force, plan, recovering};
use bulla_tests::site::DAY;
use bulla_tests::watched::{Fleet, counts};
use bulla_vendor::Event;
use serde_json::{Value, json};

#[test]
fn a_preview_says_who_would_fall_out_for_what_and_what_raises_it() {
    let fleet = Fleet::seen(recovering());
    assert_eq!(fleet.counts("number=standard"), [3, 0, 1]);
    assert_eq!(fleet.counts("number=1"), [3, 0, 1]);
    assert_eq!(fleet.counts("ring=default"), [3, 0, 1]);
    for query in ["number=early", "number=2"] {
        let forecast = fleet.preview(query);
        assert_eq!(counts(&forecast), [0, 3, 1], "{query}");
        assert_eq!(forecast["share"], 0);
        // Two that report the same are judged once.
        assert_eq!(forecast["different"], 2);
        let reasons = forecast["by_reason"].as_array().expect("a list");
        let of = |technology: &str, outcome: &str| {
            let mut reasons = reasons.iter();
            let is_it = |one: &&Value| one["technology"] == technology && one["outcome"] == outcome;
            reasons.find(is_it).expect("a reason")
        };
        assert_eq!(reasons.len(), 3, "{reasons:#?}");
        let (first, second) = (of("sgx", "falls-out"), of("tdx", "falls-out"));
        let last = of("sgx", "unknown");
        assert_eq!(reasons[0], *first, "the most first");
        assert_eq!(first["platforms"], 2);
        for one in [first, second] {
            assert_eq!(one["outcome"], "falls-out");
            assert_eq!(one["status"], "OutOfDate");
            assert_eq!(one["closes"], json!([ADVISORY]));
            let short = one["short"].as_array().expect("a list");
            assert_eq!(short.len(), 1, "{short:?}");
            assert_eq!(
                (&short[0]["part"], &short[0]["remedy"]),
                (&json!("pce"), &json!("enclaves"))
            );
            let by = short[0]["needs"].as_u64().zip(short[0]["has"].as_u64());
            assert!(by.is_some_and(|(needs, has)| needs == has + 1), "{short:?}");
        }
        assert_eq!(last["reason"], "no-evidence");
        let platforms = forecast["platforms"].as_array().expect("a list");
        assert_eq!(platforms.len(), 4);
        assert!(!platforms.iter().any(|one| one["outcome"] == "passes"));
        let silent = platforms.iter().find(|one| one["outcome"] == "unknown");
        assert_eq!(silent.expect("the silent one")["qe_id"], "AB".repeat(16));
        let limited = fleet.preview(&format!("{query}&limit=1"));
        assert_eq!(limited["platforms"].as_array().map(Vec::len), Some(1));
        assert_eq!(limited["counts"], forecast["counts"]);
        assert_eq!(forecast["next"], Value::Null);
        for limit in 1..=4 {
            assert_eq!(fleet.pages(query, limit), *platforms, "{limit} at a time");
        }
    }
    // What nobody has documents for is nobody's promise.
    let nothing = fleet.preview("number=99");
    assert_eq!(counts(&nothing), [0, 0, 4]);
    let empty = Fleet::new(recovering());
    assert_eq!(empty.counts("number=early"), [0, 0, 0]);
    assert_eq!(empty.preview("number=early")["share"], 10_000);
}

#[test]
fn what_cannot_be_previewed_is_told() {
    let fleet = Fleet::seen(recovering());
    for (query, status) in [
        ("", 200),
        ("number=2&after=sgx/00", 404),
        ("number=2&limit=0", 400),
        ("number=2&limit=1001", 400),
        ("ring=default&number=1", 400),
        ("number=latest", 400),
        ("number=4294967296", 400),
        ("ring=nowhere", 404),
        ("baseline=nothing", 404),
        ("ring=default&at=2026-11-23T11:59:59Z", 400),
        ("ring=default&at=2026-11-24T00:00:00Z", 200),
        ("baseline=standard", 200),
    ] {
        let target = format!("/baselines/preview?{query}");
        let reply = fleet.front.administrate("GET", &target);
        assert_eq!(reply.status(), status, "{query}: {}", reply.text());
    }
}

#[test]
fn a_plan_says_what_its_rollouts_would_do_and_a_ring_what_is_ahead() {
    let fleet = Fleet::seen(recovering());
    let text = r#"
[baselines.level-2]
sgx = { number = 2 }
[rings.prod]
[rollouts.prod-2]
ring = "prod"
baseline = "level-2"
from = "2026-12-01T00:00:00Z"
"#;
    let planned = plan(&fleet.front, text).json();
    let previews = planned["previews"].as_array().expect("a list");
    assert_eq!(previews.len(), 1);
    let first = &previews[0];
    assert_eq!(
        (&first["rollout"], &first["ring"]),
        (&json!("prod-2"), &json!("prod"))
    );
    assert_eq!(first["from"], "2026-12-01T00:00:00Z");
    // For TDX nothing is asked but what the vendor enforces.
    assert_eq!(counts(first), [1, 2, 1]);
    apply(&fleet.front, text);
    assert_eq!(fleet.counts("ring=prod"), [3, 0, 1]);
    assert_eq!(fleet.counts("ring=prod&at=2026-11-30T23:59:59Z"), [3, 0, 1]);
    assert_eq!(fleet.counts("ring=prod&at=2026-12-01T00:00:00Z"), [1, 2, 1]);
    let forecast = fleet.preview("baseline=level-2");
    assert_eq!(counts(&forecast), [1, 2, 1]);
    assert_eq!(forecast["demand"]["sgx"]["number"], 2);

    // An exception by name is for that one alone, and until its end.
    let fallen = forecast["platforms"].as_array().expect("a list").iter();
    let names = fallen.filter_map(|one| one["ppid_sha256"].as_str());
    let first = names.min().expect("one that falls out");
    let exception = format!(
        "[exceptions.one]\nadvisory = \"{ADVISORY}\"\ngroup = {{ platforms = [\"{first}\"] }}\n\
         until = \"2026-12-24T00:00:00Z\"\nreason = \"OPS\"\nauthor = \"k.lindt\"\n"
    );
    apply(&fleet.front, &exception);
    assert_eq!(fleet.counts("ring=prod&at=2026-12-24T00:00:00Z"), [2, 1, 1]);
    assert_eq!(fleet.counts("ring=prod&at=2026-12-24T00:00:01Z"), [1, 2, 1]);
}

#[test]
fn what_the_vendor_discloses_is_previewed_on_its_arrival_in_metrics() {
    let fleet = Fleet::seen(recovering());
    let under = |kind: &str, name: &str, outcome: &str| {
        let labels = [
            ("under", kind),
            ("name", name),
            ("technology", "sgx"),
            ("outcome", outcome),
        ];
        fleet.metric("bulla_baseline_platforms", &labels)
    };
    let look = || {
        // The outlook says what it needs, that is fetched, and then it is there.
        for _ in 0..2 {
            fleet.front.block_on(fleet.front.baselines.look());
            fleet.front.block_on(fleet.front.keeping.settle());
        }
        fleet.front.block_on(fleet.front.baselines.look());
    };
    assert_eq!(
        under("number", "early", "fall_out"),
        None,
        "nobody has looked"
    );
    look();
    assert_eq!(under("now", "default", "pass"), Some(2));
    assert_eq!(under("now", "default", "unknown"), Some(1));
    for name in ["early", "2"] {
        assert_eq!(under("number", name, "fall_out"), Some(2), "{name}");
        assert_eq!(under("number", name, "pass"), Some(0), "{name}");
    }
    assert_eq!(under("number", "1", "pass"), Some(2));
    let number = |kind: &str, ring: &str| {
        let labels = [("under", kind), ("name", ring), ("technology", "sgx")];
        fleet.metric("bulla_baseline_number", &labels)
    };
    assert_eq!(
        (number("now", "default"), number("next", "default")),
        (Some(1), None)
    );
    apply(
        &fleet.front,
        "[baselines.early]\nsgx.number = \"early\"\n\
         [rollouts.soon]\nring = \"default\"\nbaseline = \"early\"\nfrom = \"2026-11-24T00:00:00Z\"\n",
    );
    look();
    assert_eq!(
        (number("now", "default"), number("next", "default")),
        (Some(1), Some(2))
    );
    assert_eq!(under("next", "default", "fall_out"), Some(2));
    fleet.clock.pass(DAY);
    look();
    assert_eq!(number("now", "default"), Some(2));
    assert_eq!(under("now", "default", "fall_out"), Some(2));
    assert_eq!(under("next", "default", "fall_out"), None);
}

#[test]
fn a_pin_that_ends_is_announced_before_its_last_document_does() {
    let mut vendor = recovering();
    let end = "2026-11-29T09:00:00Z".parse().expect("a time");
    vendor
        .record(end, Event::EndOfSigning { number: 1 })
        .expect("an end");
    let fleet = Fleet::new(vendor);
    apply(
        &fleet.front,
        "[baselines.level-1]\nsgx.number = 1\n[rings.prod]\n\
         [rollouts.pin]\nring = \"prod\"\nbaseline = \"level-1\"\n",
    );
    fleet.front.block_on(fleet.front.baselines.look());
    fleet.front.block_on(fleet.front.keeping.settle());
    let pins = || in_force(&fleet.front)["ending_pins"].clone();
    assert_eq!(pins(), json!([]));
    fleet
        .clock
        .set("2026-12-05T12:00:00Z".parse().expect("a time"));
    fleet.front.block_on(fleet.front.keeping.settle());
    let announced = pins();
    let pin = &announced[0];
    assert_eq!(announced.as_array().map(Vec::len), Some(1), "{announced}");
    assert_eq!(
        (&pin["ring"], &pin["baseline"]),
        (&json!("prod"), &json!("level-1"))
    );
    assert_eq!(
        (&pin["technology"], &pin["number"]),
        (&json!("sgx"), &json!(1))
    );
    let last = pin["last_next_update"].as_str().expect("an end").to_owned();
    assert!(last > fleet.clock.now().to_string(), "{last}");
    let message = pin["message"].as_str().expect("a message");
    assert!(
        message.contains(&last) && message.contains("prod"),
        "{message}"
    );
    let labels = [("ring", "prod"), ("technology", "sgx"), ("number", "1")];
    let left = fleet.metric("bulla_baseline_pin_seconds_left", &labels);
    assert!(left.is_some_and(|left| left > 0), "{left:?}");
    // It is served to its last second, and nothing in its place after.
    let path = "/ring/prod/sgx/certification/v4/qe/identity";
    fleet.clock.set(last.parse().expect("a time"));
    assert_eq!(fleet.front.get(path).status(), 200);
    fleet.clock.pass(1);
    assert_eq!(fleet.front.get(path).status(), 410);
    let left = fleet.metric("bulla_baseline_pin_seconds_left", &labels);
    assert_eq!(left, Some(-1));
}
