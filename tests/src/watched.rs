//! The fleet of a service on loopback: platforms of which there is evidence, and one without.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use bulla_pki::hpke::KeyPair;
use bulla_protocol::percent;
use bulla_service::keeper::Mode;
use bulla_store::documents::SetAside;
use bulla_store::fleet::{Platform, PlatformId};
use bulla_store::{Documents as _, Fleet as _};
use bulla_vendor::{QuoteKind, Selection, Subject, Vendor};
use serde_json::Value;

use crate::front::{Front, JSON, USER};
use crate::gatehouse::Attempt;
use crate::site::{Clock, Site, platform};

/// A service with a vendor behind it, and platforms that it has seen.
pub struct Fleet {
    /// By which all of it goes.
    pub clock: Clock,
    /// Behind it.
    pub vendor: Vendor,
    /// The service.
    pub front: Front,
    _site: Site,
}

impl Fleet {
    /// A service without evidence.
    pub fn new(vendor: Vendor) -> Self {
        let clock = Clock::at("2026-11-23T12:00:00Z");
        let site = Site::open(vendor.clone(), &clock);
        let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
        front.block_on(front.keeping.settle());
        Self {
            clock,
            vendor,
            front,
            _site: site,
        }
    }

    /// The same that has seen `one` and `twin` as SGX, and `one` as TDX; and knows by its name one that
    /// it has not seen.
    pub fn seen(vendor: Vendor) -> Self {
        let fleet = Self::new(vendor);
        fleet.observe("one", QuoteKind::SgxV3);
        fleet.observe("one", QuoteKind::Td15V5);
        fleet.observe("twin", QuoteKind::SgxV3);
        fleet.register(&"AB".repeat(16));
        fleet
    }

    /// Has it know a platform by its name alone.
    pub fn register(&self, qe_id: &str) {
        let silent = Platform {
            id: PlatformId {
                qe_id: qe_id.to_owned(),
                pce_id: "0000".parse().expect("an id"),
            },
            encrypted_ppid: None,
            manifest: None,
            fmspc: None,
            ca: None,
            registered: self.clock.now(),
        };
        let anchor = self.front.keeping.keeper.collection().realm().id();
        let kept = self.front.store.put_platform(anchor, &silent);
        kept.expect("kept");
    }

    /// Has it see a platform by a quote of today.
    #[track_caller]
    pub fn observe(&self, name: &str, kind: QuoteKind) {
        let subject = Subject {
            kind,
            report_data: [0; 64],
            debug: false,
            launched: None,
        };
        let (one, now) = (platform(&self.vendor, name), self.clock.now());
        let attested = self.vendor.attest(one, &subject, Selection::Standard, now);
        let quote = attested.expect("a quote").quote;
        let reply = self
            .front
            .send("POST", "/platforms/evidence", &[USER], &quote);
        assert_eq!(reply.status(), 200, "{}", reply.text());
    }

    /// Has it refuse evidence at the gate, for a nonce that nobody gave out; and a document, for this
    /// reason.
    #[track_caller]
    pub fn refuse(&self, reason: &str) {
        let attempt = Attempt::new(&[0; 32], b"no quote", &KeyPair::generate().expect("a key"));
        let body = attempt.body.to_string();
        let reply = self.front.send("POST", "/attest", &[JSON], body.as_bytes());
        assert!((400..500).contains(&reply.status()), "{}", reply.text());
        let refused = SetAside {
            arrived: self.clock.now(),
            source: "vendor".to_owned(),
            what: "tcb-info/sgx/FF53494D554C/3/1".to_owned(),
            code: "DocumentRolledBack".to_owned(),
            reason: reason.to_owned(),
            body: b"{}".to_vec(),
        };
        let anchor = self.front.keeping.keeper.collection().realm().id();
        self.front.store.set_aside(anchor, &refused).expect("kept");
    }

    /// What a preview says.
    #[track_caller]
    pub fn preview(&self, query: &str) -> Value {
        let reply = self
            .front
            .administrate("GET", &format!("/baselines/preview?{query}"));
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()
    }

    /// Those who do not pass, fetched so many at a time.
    pub fn pages(&self, query: &str, limit: usize) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.preview(&format!("{query}&limit={limit}{after}"));
            let platforms = page["platforms"].as_array().expect("a list");
            assert!((1..=limit).contains(&platforms.len()), "{page:#}");
            all.extend(platforms.iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={}", percent::encode(next)),
                None => return all,
            }
        }
    }

    /// How many pass, fall out and are unknown in a preview.
    #[track_caller]
    pub fn counts(&self, query: &str) -> [u64; 3] {
        counts(&self.preview(query))
    }

    /// The value of a metric with these labels.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<i64> {
        let text = self.front.get("/metrics");
        let labels = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""));
        let labels: Vec<String> = labels.collect();
        let line = text.text().lines().find(|line| {
            let is_named = line.starts_with(&format!("{name}{{"));
            is_named && labels.iter().all(|label| line.contains(label))
        })?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

/// How many pass, fall out and are unknown.
#[track_caller]
pub fn counts(forecast: &Value) -> [u64; 3] {
    ["pass", "fall_out", "unknown"].map(|name| forecast["counts"][name].as_u64().expect("a count"))
}
