//! A fleet of twenty-two nodes on the day on which the vendor promotes a level that seven of them do
//! not reach: known in advance, harmless while pinned, enforced on the operator's day.

use std::collections::BTreeSet;

use bulla_pki::digest::sha256;
use bulla_pki::hpke::KeyPair;
use bulla_tests::baselines::{apply, plan};
use bulla_tests::daemon::Reply;
use bulla_tests::gatehouse::{Attempt, Gatehouse};
use bulla_tests::nodes::{ADVISORY, BEHIND, NODES, PROMOTED, node, update, vendor_with_nodes};
use bulla_tests::site::platform;
use bulla_token::binding;
use bulla_vendor::QuoteKind;
use serde_json::{Value, json};

/// The number of before stays, until the operator's day.
const PLAN: &str = r#"
[baselines.level-1]
tdx = { number = 1 }

[baselines.level-2]
tdx = { number = 2 }

[rings.prod]
policies = ["payroll"]

[rollouts.prod-1]
ring = "prod"
baseline = "level-1"

[rollouts.prod-2]
ring = "prod"
baseline = "level-2"
from = "2026-12-10T06:00:00Z"
"#;

/// The policy of somebody who follows the vendor, as everybody does without a plan.
const UNPINNED: &str = "lab";

struct Incident {
    house: Gatehouse,
}

impl Incident {
    /// A gate that has seen every node.
    fn open() -> Self {
        let house = Gatehouse::with(vendor_with_nodes());
        house.put_policy(UNPINNED, &house.naming_root(""));
        let incident = Self { house };
        assert_eq!(incident.refused("payroll"), BTreeSet::new());
        incident
    }

    fn set(&self, at: &str) {
        self.house.clock.set(at.parse().expect("a time"));
        // What the service does by itself within minutes.
        let keeping = &self.house.front.keeping;
        self.house.front.block_on(keeping.settle());
    }

    /// What the gate says to a node.
    #[track_caller]
    fn attest(&self, number: u8, policy: &str) -> Reply {
        let (house, key) = (&self.house, KeyPair::generate().expect("a key"));
        let nonce = house.nonce();
        let data = binding::report_data(&nonce, key.public_key());
        let quote = house.quote_with(&node(number), QuoteKind::Td10V4, false, data);
        house.attest(&Attempt::new(&nonce, &quote, &key).with("policy", policy))
    }

    /// The nodes that the gate refuses, which it does for their level alone.
    #[track_caller]
    fn refused(&self, policy: &str) -> BTreeSet<u8> {
        let is_refused = |number: &u8| {
            let reply = self.attest(*number, policy);
            if reply.status() == 200 {
                return false;
            }
            assert_eq!(reply.status(), 403, "{}", reply.text());
            let findings = reply.json()["findings"].clone();
            assert_eq!(findings[0]["code"], "TcbStatusNotAccepted", "{findings}");
            let message = findings[0]["message"].as_str().expect("text");
            for word in ["OutOfDate", ADVISORY] {
                assert!(message.contains(word), "{message}");
            }
            true
        };
        (1..=NODES).filter(is_refused).collect()
    }

    /// What an operator names a node by.
    fn digest(&self, number: u8) -> String {
        let node = platform(&self.house.vendor, &node(number));
        hex::encode(sha256(&node.ppid()))
    }

    /// The nodes that a preview names as falling out.
    #[track_caller]
    fn previewed(&self, query: &str) -> BTreeSet<u8> {
        let target = format!("/baselines/preview?{query}");
        let reply = self.house.front.administrate("GET", &target);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let json = reply.json();
        let platforms = json["platforms"].as_array().expect("a list");
        let named: BTreeSet<&str> = platforms
            .iter()
            .filter(|one| one["outcome"] == "falls-out")
            .filter_map(|one| one["ppid_sha256"].as_str())
            .collect();
        let fall_out = json["counts"]["fall_out"].as_u64();
        assert_eq!(fall_out, u64::try_from(named.len()).ok(), "{json}");
        let is_named = |number: &u8| named.contains(self.digest(*number).as_str());
        (1..=NODES).filter(is_named).collect()
    }
}

fn behind() -> BTreeSet<u8> {
    BTreeSet::from(BEHIND)
}

#[test]
fn seven_of_twenty_two_nodes_are_known_in_advance_and_refused_on_the_operators_day() {
    let incident = Incident::open();
    let front = &incident.house.front;

    // Five days ahead: who would fall out, and what raises him.
    assert_eq!(incident.previewed("number=early"), behind());
    let planned = plan(front, PLAN).json();
    let previews = planned["previews"].as_array().expect("a list");
    let of = |name: &str| {
        let found = previews.iter().find(|one| one["rollout"] == name);
        found.unwrap_or_else(|| panic!("{previews:#?}")).clone()
    };
    let counts =
        |fall_out: u8| json!({"pass": NODES - fall_out, "fall_out": fall_out, "unknown": 0});
    assert_eq!(of("prod-1")["counts"], counts(0));
    assert_eq!(of("prod-2")["counts"], counts(7));
    let reason = &of("prod-2")["by_reason"][0];
    let remedies = |short: &Value| short["remedy"].clone();
    let short = reason["short"].as_array().expect("a list");
    assert!(
        short.iter().all(|short| remedies(short) == "microcode"),
        "{reason}"
    );
    assert_eq!(
        (&reason["platforms"], &reason["closes"]),
        (&json!(7), &json!([ADVISORY]))
    );
    apply(front, PLAN);

    // On the day of promotion whoever follows the vendor loses seven nodes, and the ring none.
    incident.set(PROMOTED);
    assert_eq!(incident.refused(UNPINNED), behind());
    assert_eq!(incident.refused("payroll"), BTreeSet::new());
    assert_eq!(incident.previewed("ring=prod"), BTreeSet::new());

    // On the operator's day, without anybody doing anything.
    incident.set("2026-12-10T05:59:59Z");
    assert_eq!(incident.refused("payroll"), BTreeSet::new());
    incident.set("2026-12-10T06:00:00Z");
    assert_eq!(incident.refused("payroll"), behind());
    assert_eq!(incident.previewed("ring=prod"), behind());
}

#[test]
fn an_exception_lets_one_node_pass_to_its_last_second_and_an_update_for_good() {
    let mut incident = Incident::open();
    let [excepted, updated, ..] = BEHIND;
    apply(&incident.house.front, PLAN);
    let exception = format!(
        "[exceptions.rack-12]\nadvisory = \"{ADVISORY}\"\nuntil = \"2026-12-10T18:00:00Z\"\n\
         reason = \"OPS-4711\"\nauthor = \"k.lindt\"\ngroup = {{ platforms = [\"{}\"] }}\n",
        incident.digest(excepted)
    );
    apply(&incident.house.front, &exception);
    incident.set("2026-12-10T06:00:00Z");
    let status = |incident: &Incident, number| incident.attest(number, "payroll").status();
    assert_eq!(
        (status(&incident, excepted), status(&incident, updated)),
        (200, 403)
    );
    let mut others = behind();
    others.remove(&excepted);
    assert_eq!(incident.previewed("ring=prod"), others);

    incident.set("2026-12-10T18:00:00Z");
    let last = incident.attest(excepted, "payroll");
    assert_eq!(last.status(), 200, "{}", last.text());
    assert_eq!(last.json()["expires"], "2026-12-10T18:00:01Z");
    let query = |at: &str| incident.previewed(&format!("ring=prod&at={at}"));
    assert!(!query("2026-12-10T18:00:00Z").contains(&excepted));
    assert!(query("2026-12-10T18:00:01Z").contains(&excepted));
    incident.set("2026-12-10T18:00:01Z");
    assert_eq!(incident.refused("payroll"), behind());

    let now = incident.house.clock.now();
    update(&mut incident.house.vendor, updated, now);
    assert_eq!(status(&incident, updated), 200);
    let mut left = behind();
    left.remove(&updated);
    assert_eq!(incident.previewed("ring=prod"), left);
}
