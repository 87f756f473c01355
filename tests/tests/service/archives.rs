//! Archives at a service, by a clock that the test turns: what becomes of each thing in them.

use std::sync::atomic::Ordering::Relaxed;

use bulla_archive::{Anchor, Contents, Document, Platform, PlatformName, Sha256, key_sha256};
use bulla_collateral::Selector;
use bulla_pki::SigningKey;
use bulla_service::keeper::Mode;
use bulla_tests::archives::{seal, volumes};
use bulla_tests::daemon::Reply;
use bulla_tests::front::{ADMINISTRATOR, Front, JSON, USER};
use bulla_tests::host::Host;
use bulla_tests::site::{Clock, DAY, HOUR, Site, vendor};
use bulla_vendor::{Event, Part, Recovery, Vendor};
use rusqlite::Connection;
use serde_json::{Value, json};

const QE: &str = "/sgx/certification/v4/qe/identity";

/// Two services with one clock, of which one asks the vendor and one nobody.
struct World {
    clock: Clock,
    _site: Site,
    outside: Front,
    inside: Front,
    key: SigningKey,
}

impl World {
    fn new() -> Self {
        Self::of(vendor())
    }

    fn of(vendor: Vendor) -> Self {
        let clock = Clock::at("2026-11-23T12:00:00Z");
        let site = Site::open(vendor, &clock);
        Self {
            outside: Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy),
            inside: Front::open(&clock, Vec::new(), Mode::Offline),
            key: SigningKey::generate().expect("a key"),
            clock,
            _site: site,
        }
    }

    /// Has a platform of the vendor registered outside.
    fn register(&self, name: &str) -> Host {
        let host = Host::of(&vendor(), name, self.clock.now());
        assert_eq!(register(&self.outside, &host), 200);
        host
    }

    /// The documents that the outer service has.
    fn contents(&self) -> Contents {
        let collection = self.outside.keeping.keeper.collection();
        let anchor = collection.realm().anchor();
        let snapshot = collection.snapshot();
        let selected = |slot: bulla_collateral::Slot| -> Vec<Selector> {
            let all = snapshot.selections().filter(|(series, _, selected)| {
                slot.series() == Some(*series) && slot.number() == Some(selected.number)
            });
            all.map(|(_, selector, _)| selector).collect()
        };
        let documents = snapshot.documents().map(|held| Document {
            slot: held.slot,
            selected_as: selected(held.slot),
            issued: held.window.from,
            until: held.until(),
            body: held.body.to_vec(),
            issuer_chain: held.issuer_chain.to_vec(),
        });
        Contents {
            created: self.clock.now(),
            trust_anchor: Anchor {
                name: anchor.name().to_owned(),
                genuine: false,
                simulated: true,
                public_key_sha256: Sha256(*anchor.public_key_sha256()),
            },
            documents: documents.collect(),
        }
    }

    /// The platforms that the outer service has certificates of.
    fn platforms(&self) -> Vec<Platform> {
        let fleet = &self.outside.keeping.fleet;
        let (certified, next) = fleet.certified(None, 50).expect("a page");
        assert_eq!(next, None);
        let platforms = certified.into_iter().map(|one| Platform {
            name: PlatformName {
                qe_id: one.platform.qe_id.to_string(),
                pce_id: one.platform.pce_id.to_string(),
            },
            fmspc: one.fmspc.to_string(),
            until: one.until,
            body: one.platform.write(),
            issuer_chain: one.issuer_chain.into_bytes(),
        });
        platforms.collect()
    }

    /// An archive of these documents, and of the platforms that the outer service has.
    fn seal(&self, contents: &Contents, base: Option<&[u8]>) -> Vec<u8> {
        seal(contents, &self.platforms(), &self.key, base)
    }

    fn import(&self, volume: &[u8]) -> Reply {
        let signer = key_sha256(self.key.public_key());
        let target = format!("/collateral/archive?signer={signer}");
        self.inside.send("POST", &target, &[ADMINISTRATOR], volume)
    }

    /// Imports an archive of one volume.
    #[track_caller]
    fn imported(&self, archive: &[u8]) -> Value {
        self.imported_volume(&only_volume(archive))
    }

    #[track_caller]
    fn imported_volume(&self, volume: &[u8]) -> Value {
        let reply = self.import(volume);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()
    }

    /// The manifests of those that wait inside.
    fn manifests_that_wait(&self) -> Vec<String> {
        let path = "/sgx/certification/v4/platforms";
        let waiting = self.inside.administrate("GET", path).json();
        let waiting = waiting.as_array().expect("a list").iter();
        let manifests = waiting.filter_map(|one| one["platform_manifest"].as_str());
        let given = manifests.filter(|manifest| !manifest.is_empty());
        given.map(str::to_owned).collect()
    }

    #[track_caller]
    fn refused(&self, archive: &[u8]) -> String {
        self.refused_volume(&only_volume(archive))
    }

    #[track_caller]
    fn refused_volume(&self, volume: &[u8]) -> String {
        let before = self.inside.state();
        let reply = self.import(volume);
        assert_eq!(reply.status(), 409, "{}", reply.text());
        assert_eq!(self.inside.state(), before, "nothing entered");
        reply.json()["code"].as_str().expect("text").to_owned()
    }
}

#[track_caller]
fn only_volume(archive: &[u8]) -> Vec<u8> {
    let [volume] = <[_; 1]>::try_from(volumes(archive)).expect("one volume");
    volume
}

/// Registers a host, and tells the status.
fn register(front: &Front, host: &Host) -> u16 {
    let body = host.body().to_string();
    let path = "/sgx/certification/v4/platforms";
    let reply = front.send("POST", path, &[USER, JSON], body.as_bytes());
    reply.status()
}

/// What became of a document.
fn outcome(imported: &Value, document: &str) -> String {
    let rows = imported["documents"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["document"] == document);
    let row = row.unwrap_or_else(|| panic!("{document}: {imported}"));
    row["outcome"].as_str().expect("text").to_owned()
}

#[test]
fn platforms_with_a_manifest_and_without_are_carried() {
    let world = World::new();
    let hosts = [world.register("one"), world.register("two")];
    // What a platform with a manifest reports is told when it asks; by its family's documents.
    for host in &hosts {
        assert_eq!(world.outside.get(&host.target()).status(), 200);
    }
    let imported = world.imported(&world.seal(&world.contents(), None));
    assert_eq!(
        imported["platforms"],
        json!({"brought": 2, "unchanged": 0, "older": 0, "without": 0, "failed": []})
    );
    for host in &hosts {
        let (outside, inside) = (
            world.outside.get(&host.target()),
            world.inside.get(&host.target()),
        );
        assert_eq!(inside.status(), outside.status(), "{}", inside.text());
        assert_eq!(inside.body, outside.body);
    }
    // Whoever registers there again is known, by manifest or PPID, and does not wait.
    for host in &hosts {
        assert_eq!(register(&world.inside, host), 200);
    }
    assert!(world.manifests_that_wait().is_empty());
}

#[test]
fn a_machine_that_changed_while_an_archive_was_on_its_way_waits_on() {
    let world = World::new();
    let host = world.register("two");
    world.imported(&world.seal(&world.contents(), None));
    let mut changed = host.clone();
    let manifest = changed.manifest.as_mut().expect("of several packages");
    *manifest.last_mut().expect("a byte") ^= 1;
    let expected = hex::encode(&*manifest);
    assert_eq!(register(&world.inside, &changed), 200);

    // Of the machine as it was: its certificates are here, and say nothing of what it is now.
    world.clock.pass(HOUR);
    let imported = world.imported(&world.seal(&world.contents(), None));
    assert_eq!(imported["platforms"]["unchanged"], 1, "{imported}");
    let waiting = world.manifests_that_wait();
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].eq_ignore_ascii_case(&expected));
}

#[test]
fn certificates_issued_before_those_that_are_here_replace_nothing() {
    let mut vendor = vendor();
    let recovery = Recovery {
        number: 2,
        date: "2026-11-10T00:00:00Z".parse().expect("a day"),
        raises: [Part::Pce].into(),
        below: bulla_collateral::TcbStatus::OutOfDate,
        advisory_ids: Default::default(),
    };
    let disclosed = "2026-11-24T00:00:00Z".parse().expect("a day");
    let recovered = vendor.record(disclosed, Event::Recovery(recovery));
    recovered.expect("a recovery");
    let world = World::of(vendor);
    let host = world.register("one");
    let earlier = world.platforms();
    world.clock.pass(3 * DAY);
    let all = "/sgx/certification/v4/refresh?type=certs&fmspc=all";
    assert_eq!(world.outside.administrate("POST", all).status(), 200);
    let later = world.platforms();
    assert!(later[0].body != earlier[0].body);

    let brought = |platforms: &[Platform], key: &SigningKey| {
        world.clock.pass(HOUR);
        let archive = seal(&world.contents(), platforms, key, None);
        let signer = key_sha256(key.public_key());
        let target = format!("/collateral/archive?signer={signer}");
        let volume = only_volume(&archive);
        let reply = world
            .inside
            .send("POST", &target, &[ADMINISTRATOR], &volume);
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()["platforms"].clone()
    };
    let counted = |counts: [u32; 3]| {
        let [brought, unchanged, older] = counts;
        json!({
            "brought": brought, "unchanged": unchanged, "older": older, "without": 0, "failed": [],
        })
    };
    // Of another signer no archive was imported, so that nothing says that this one is old.
    let other = SigningKey::generate().expect("a key");
    assert_eq!(brought(&later, &world.key), counted([1, 0, 0]));
    let kept = || {
        let fleet = world.inside.keeping.fleet.certified(None, 50);
        fleet.expect("a page").0.remove(0).platform.write()
    };
    let after = kept();
    assert_eq!(brought(&earlier, &other), counted([0, 0, 1]));
    assert!(kept() == after);
    assert_eq!(brought(&later, &world.key), counted([0, 1, 0]));
    assert!(kept() == after);

    // Whoever means it removes the platform.
    let target = format!("/platforms?qe_id={}&pce_id=0000", host.qe_id);
    let removed = world.inside.administrate("DELETE", &target);
    assert_eq!(removed.status(), 200, "{}", removed.text());
    assert_eq!(brought(&earlier, &other), counted([1, 0, 0]));
    assert!(kept() != after);
    assert_eq!(brought(&later, &world.key), counted([1, 0, 0]));
    assert!(kept() == after);
}

#[test]
fn what_is_older_than_what_is_here_replaces_nothing() {
    let world = World::new();
    world.outside.get(QE);
    world.outside.get("/sgx/certification/v4/rootcacrl");
    let first = world.contents();
    world.clock.pass(3 * DAY);
    let target = "/collateral/refresh?slot=enclave-identity/qe/1";
    world.outside.administrate("POST", target);
    let later = world.contents();
    world.imported(&world.seal(&later, None));
    let served = world.inside.get(QE).body;

    // Put together later, of what was there before.
    let mixed = Contents {
        created: world.clock.now().saturating_add(1),
        ..first.clone()
    };
    let imported = world.imported(&world.seal(&mixed, None));
    assert_eq!(outcome(&imported, "enclave-identity/qe/1"), "older");
    assert_eq!(outcome(&imported, "root-ca-crl"), "same");
    assert_eq!(world.inside.get(QE).body, served);
    assert_eq!(world.refused(&world.seal(&first, None)), "archive-older");
}

#[test]
fn a_document_under_several_selectors_is_verified_once() {
    let world = World::new();
    let early = format!("{QE}?update=early");
    for target in [QE, &early, "/sgx/certification/v4/rootcacrl"] {
        assert_eq!(world.outside.get(target).status(), 200, "{target}");
    }
    let contents = world.contents();
    let identity = contents.documents.iter();
    let identity = identity.filter(|document| document.selected_as.len() == 2);
    assert_eq!(identity.count(), 1);
    world.imported(&world.seal(&contents, None));
    let arrived = &world.inside.keeping.keeper.counters().arrived;
    let arrived: u64 = arrived.iter().map(|count| count.load(Relaxed)).sum();
    assert_eq!(usize::try_from(arrived), Ok(contents.documents.len()));
    for target in [QE, &early] {
        let (outside, inside) = (world.outside.get(target), world.inside.get(target));
        assert_eq!((inside.status(), inside.body), (200, outside.body));
    }
}

#[test]
fn what_a_delta_builds_on_must_be_here() {
    let world = World::new();
    let host = world.register("one");
    world.outside.get(QE);
    let whole = world.seal(&world.contents(), None);
    world.clock.pass(HOUR);
    let delta = world.seal(&world.contents(), Some(&whole));
    assert_eq!(world.refused(&delta), "archive-base-missing");
    world.imported(&whole);
    let target = format!("/platforms?qe_id={}&pce_id=0000", host.qe_id);
    let removed = world.inside.administrate("DELETE", &target);
    assert_eq!(removed.status(), 200, "{}", removed.text());
    let imported = world.imported(&delta);
    assert_eq!(outcome(&imported, "enclave-identity/qe/1"), "present");
    let name = Sha256::of(format!("{}/0000", host.qe_id).as_bytes()).to_string();
    let failed = json!([{"name": name, "outcome": "missing"}]);
    assert_eq!(imported["platforms"]["failed"], failed);
    // A later one since the first will do, although there was another in between.
    world.clock.pass(HOUR);
    let another = world.seal(&world.contents(), Some(&whole));
    world.imported(&another);
}

#[test]
fn an_archive_of_tomorrow_is_refused() {
    let world = World::new();
    world.outside.get(QE);
    let mut contents = world.contents();
    contents.created = world.clock.now().saturating_add(301);
    let early = world.seal(&contents, None);
    assert_eq!(world.refused(&early), "archive-early");
    world.clock.pass(1);
    world.imported(&early);
}

#[test]
fn what_has_ended_on_the_way_is_named_and_not_served() {
    let world = World::new();
    world.outside.get(QE);
    let archive = world.seal(&world.contents(), None);
    world.clock.pass(40 * DAY);
    let imported = world.imported(&archive);
    let rows = imported["documents"].as_array().expect("a list");
    let identity = rows
        .iter()
        .find(|row| row["document"] == "enclave-identity/qe/1");
    let identity = identity.expect("it is listed");
    assert_eq!(identity["outcome"], "refused");
    assert_eq!(identity["code"], "DocumentExpired");
    assert_eq!(world.inside.get(QE).status(), 404);
}

#[test]
fn certificates_enter_as_those_of_their_platform_alone() {
    let world = World::new();
    world.register("one");
    let good = world.platforms().remove(0);
    let text = String::from_utf8(good.body.clone()).expect("text");
    let named = |qe_id: &str| PlatformName {
        qe_id: qe_id.to_owned(),
        ..good.name.clone()
    };
    let platform = |qe_id: &str, body: String| Platform {
        name: named(qe_id),
        body: body.into_bytes(),
        ..good.clone()
    };
    let elsewhere = Platform {
        fmspc: "FF0000000000".to_owned(),
        ..platform("E", text.replacen(&good.name.qe_id, "E", 1))
    };
    let platforms = [
        platform("A", "{}".to_owned()),
        platform("B", "no JSON".to_owned()),
        platform("C", text.clone()),
        elsewhere,
        good.clone(),
    ];
    let archive = seal(&world.contents(), &platforms, &world.key, None);
    let imported = world.imported(&archive);
    assert_eq!(imported["platforms"]["brought"], 1, "{imported}");
    let failed = imported["platforms"]["failed"].as_array().expect("a list");
    let mut codes: Vec<&str> = failed
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect();
    codes.sort_unstable();
    let malformed = "PlatformMalformed";
    assert_eq!(
        codes,
        ["FmspcMismatch", malformed, malformed, malformed],
        "{imported}"
    );
    assert!(
        failed
            .iter()
            .all(|one| !one["reason"].as_str().expect("text").is_empty())
    );
}

/// A fleet that takes several volumes: one machine under many names, with blanks in what is known of it.
fn large_fleet(world: &World) -> Vec<Platform> {
    world.register("one");
    let one = world.platforms().remove(0);
    let text = String::from_utf8(one.body).expect("text");
    let platforms = (0..20).map(|number| {
        let name = PlatformName {
            qe_id: format!("{number:032X}"),
            ..one.name.clone()
        };
        let mut body = text.replacen(&one.name.qe_id, &name.qe_id, 1).into_bytes();
        body.resize(1_000_000, b' ');
        Platform {
            name,
            body,
            fmspc: one.fmspc.clone(),
            until: one.until,
            issuer_chain: one.issuer_chain.clone(),
        }
    });
    platforms.collect()
}

#[test]
fn volumes_are_imported_in_their_order_and_the_archive_with_the_last() {
    let world = World::new();
    let platforms = large_fleet(&world);
    let whole = seal(&world.contents(), &platforms, &world.key, None);
    let [first, second, third] = <[_; 3]>::try_from(volumes(&whole)).expect("three volumes");
    world.clock.pass(HOUR);
    let delta = seal(&world.contents(), &platforms, &world.key, Some(&whole));

    assert_eq!(world.refused_volume(&second), "archive-volume-missing");
    let told = world.imported_volume(&first);
    assert_eq!(
        (&told["archive"]["volume"], &told["archive"]["last"]),
        (&json!(1), &json!(false))
    );
    assert!(!told["documents"].as_array().expect("a list").is_empty());
    assert_eq!(world.refused_volume(&third), "archive-volume-missing");
    assert_eq!(world.imported_volume(&second)["documents"], json!([]));

    // Broken off here, it is not imported: nothing can build on it.
    assert_eq!(world.refused(&delta), "archive-base-missing");
    let imports = || {
        let log = world.inside.administrate("GET", "/audit?limit=1000").json();
        let entries = log.as_array().expect("a list").iter();
        entries
            .filter(|entry| entry["action"] == "archive.import")
            .cloned()
            .collect::<Vec<Value>>()
    };
    assert_eq!(imports(), Vec::<Value>::new());

    // From its beginning again, to its end.
    let again = world.imported_volume(&first);
    assert_eq!(again["platforms"]["brought"], 0, "{again}");
    let mut told = Vec::new();
    for volume in [&second, &third] {
        told.push(world.imported_volume(volume)["platforms"].clone());
    }
    assert_eq!(told[0]["brought"], 0, "{told:?}");
    assert!(told[1]["brought"].as_u64() > Some(0), "{told:?}");
    let all = imports();
    assert_eq!(all.len(), 1);
    let details: Value = serde_json::from_str(all[0]["details"].as_str().unwrap_or_default())
        .unwrap_or_else(|_| all[0]["details"].clone());
    assert_eq!(details["platforms"], platforms.len(), "{details}");
    assert_eq!(details["volumes"], 3, "{details}");
    let imported = world.imported(&delta);
    assert_eq!(imported["platforms"]["unchanged"], platforms.len());
}

#[test]
fn an_archive_that_was_begun_keeps_earlier_ones_out() {
    let world = World::new();
    let platforms = large_fleet(&world);
    let first = seal(&world.contents(), &[], &world.key, None);
    world.imported(&first);
    world.clock.pass(HOUR);
    let between = seal(&world.contents(), &[], &world.key, Some(&first));
    world.clock.pass(HOUR);
    let later = volumes(&seal(&world.contents(), &platforms, &world.key, None));
    world.imported_volume(&later[0]);
    // Broken off here. Of what has entered nothing goes back, not even to what was imported last.
    for archive in [&first, &between] {
        assert_eq!(world.refused(archive), "archive-older");
    }
    for volume in &later {
        world.imported_volume(volume);
    }
}

#[test]
fn a_store_that_fails_breaks_the_import_off() {
    let world = World::new();
    let hosts = [world.register("one"), world.register("two")];
    let earlier = seal(&world.contents(), &[], &world.key, None);
    world.clock.pass(HOUR);
    let archive = world.seal(&world.contents(), None);
    let store = world.inside.store.file().expect("a file");
    let store = Connection::open(store).expect("the store");
    // One platform alone cannot be kept, as on a disk that is full for a moment.
    let broken = format!(
        "CREATE TRIGGER broken BEFORE INSERT ON platforms WHEN NEW.qe_id = '{}'
         BEGIN SELECT RAISE(ABORT, 'no room'); END",
        hosts[0].qe_id
    );
    store.execute_batch(&broken).expect("a trigger");
    let reply = world.import(&only_volume(&archive));
    assert_eq!(reply.status(), 500, "{}", reply.text());
    assert_eq!(reply.json()["code"], "store-unavailable");
    let imports = || {
        let log = world.inside.administrate("GET", "/audit?limit=1000").json();
        let entries = log.as_array().expect("a list").iter();
        let imports = entries.filter(|entry| entry["action"] == "archive.import");
        imports.count()
    };
    assert_eq!(imports(), 0, "it does not count as imported");
    assert_eq!(world.refused(&earlier), "archive-older", "it was begun");
    store
        .execute_batch("DROP TRIGGER broken")
        .expect("no trigger");
    let imported = world.imported(&archive);
    assert_eq!(imported["platforms"]["without"], 0, "{imported}");
    assert_eq!(imports(), 1);
}
