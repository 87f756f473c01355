//! Taking over from Intel's cache: its data come in verified, and the same clients are answered the
//! same before and after.

mod cache;
mod serve;
mod shadow;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use bulla_issuer::{DocumentKind, QuoteKind, Scenario, Seed, sign_text};
use bulla_protocol::pccs::{PlatformCollateral, Version};
use bulla_protocol::percent;
use bulla_service::keeper::Mode;
use bulla_store::Fleet as _;
use bulla_store::pccs_database::PccsDatabase;
use bulla_tests::daemon::{Reply, exchange};
use bulla_tests::front::{ADMINISTRATOR, Front};
use bulla_tests::host::Host;
use bulla_tests::pccs_database as database;
use bulla_tests::site::{Clock, Site, vendor};
use bulla_tests::workbench::{Answer, Folder, run};
use bulla_vendor::{PLATFORM_FMSPC, PROCESSOR_FMSPC};
use rusqlite::params;
use serde_json::{Value, json};

/// A service that asks nobody, with nothing in it, and whoever brings something.
struct World {
    clock: Clock,
    folder: Folder,
    front: Front,
}

fn world() -> World {
    let clock = Clock::at("2026-11-23T12:00:00Z");
    let folder = Folder::new();
    let token = folder.write("token", ADMINISTRATOR.1);
    let alone = Permissions::from_mode(0o600);
    std::fs::set_permissions(token, alone).expect("permissions");
    let front = Front::open(&clock, Vec::new(), Mode::Offline);
    World {
        clock,
        folder,
        front,
    }
}

impl World {
    fn host(&self, name: &str) -> Host {
        Host::of(&vendor(), name, self.clock.now())
    }

    fn hosts(&self) -> Vec<Host> {
        ["one", "twin", "two"].map(|name| self.host(name)).to_vec()
    }

    /// A database of the cache with all documents of now and these hosts' platforms; its path.
    fn fill(&self, hosts: &[Host]) -> PathBuf {
        let path = self.folder.path("pckcache.db");
        drop(database::filled(&path, &vendor(), hosts, self.clock.now()));
        path
    }

    fn import(&self, option: &str, name: &str, more: &[&str]) -> Answer {
        let file = self.folder.text_path(name);
        let token = self.folder.text_path("token");
        let url = format!("http://{}", self.front.address);
        let mut arguments = vec!["pccs", "import", option, &file, "--service", &url];
        arguments.extend(["--token-file", &token]);
        arguments.extend(more);
        run(&arguments)
    }
}

/// What quoting hosts and verifiers ask.
fn requests(hosts: &[Host]) -> Vec<String> {
    let mut all: Vec<String> = hosts.iter().map(Host::target).collect();
    all.extend(hosts.iter().map(zeros));
    for family in [PROCESSOR_FMSPC, PLATFORM_FMSPC] {
        let family = hex::encode_upper(family);
        for (tee, update) in [("sgx", "standard"), ("sgx", "early"), ("tdx", "standard")] {
            let query = format!("fmspc={family}&update={update}");
            all.push(format!("/{tee}/certification/v4/tcb?{query}"));
        }
    }
    for path in [
        "/sgx/certification/v4/pckcrl?ca=processor",
        "/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
        "/sgx/certification/v4/qe/identity?update=standard",
        "/sgx/certification/v4/qve/identity?update=standard",
        "/tdx/certification/v4/qe/identity?update=early",
        "/sgx/certification/v4/rootcacrl",
        "/sgx/certification/v4/crl?uri=https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
        // What nobody has registered, and a family that there is not.
        "/sgx/certification/v4/pckcert?qeid=00&cpusvn=00000000000000000000000000000000&pcesvn=0000&pceid=0000",
        "/sgx/certification/v4/tcb?fmspc=000000000000",
    ] {
        all.push(path.to_owned());
    }
    all
}

/// What a client reads of an answer.
fn read(reply: &Reply) -> (u16, String, Vec<Option<String>>, Vec<u8>) {
    let of = |name: &str| reply.header(name).map(str::to_owned);
    // A line more or less between two certificates is the same chain.
    let chain = |name: &str| {
        let text = percent::decode(&of(name)?).expect("encoded");
        Some(text.split_whitespace().collect())
    };
    let headers = vec![
        of("SGX-TCBm"),
        of("SGX-FMSPC"),
        of("SGX-PCK-Certificate-CA-Type"),
        chain("SGX-PCK-Certificate-Issuer-Chain"),
        chain("SGX-PCK-CRL-Issuer-Chain"),
        chain("TCB-Info-Issuer-Chain"),
        chain("SGX-Enclave-Identity-Issuer-Chain"),
    ];
    let media_type = of("Content-Type").unwrap_or_default();
    (reply.status(), media_type, headers, reply.body.clone())
}

fn get(address: &str, target: &str) -> Reply {
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    exchange(address, head.as_bytes())
}

#[test]
fn the_same_clients_are_answered_the_same_before_and_after() {
    let world = world();
    let hosts = world.hosts();
    let path = world.fill(&hosts);
    let before = cache::open(&path);
    let address = before.address().to_string();
    for target in requests(&hosts) {
        let expected = if target.contains("qeid=00&") {
            461
        } else {
            404
        };
        let empty = world.front.get(&target).status();
        assert!([expected, 461].contains(&empty), "{target}: {empty}");
    }

    let answer = world.import("--database", "pckcache.db", &["--format", "json"]);
    assert_eq!(answer.status, 0, "{}{}", answer.stdout, answer.stderr);
    let told = answer.json();
    assert_eq!(told["simulated"], true);
    assert_eq!(
        (&told["certificates"], &told["tcbs"], &told["waiting"]),
        (&3.into(), &3.into(), &0.into())
    );
    assert_eq!(told["refused"].as_array().map(Vec::len), Some(0), "{told}");
    assert_eq!(told["left_out"].as_array().map(Vec::len), Some(0), "{told}");

    for target in requests(&hosts) {
        let expected = get(&address, &target);
        let found = world.front.get(&target);
        assert_eq!(read(&found), read(&expected), "{target}");
    }
    // To do it again changes nothing.
    let (state, _) = world.front.state();
    let again = world.import("--database", "pckcache.db", &["--format", "json"]);
    assert_eq!(again.status, 0, "{}", again.stdout);
    let outcomes = again.json();
    let outcomes = outcomes["documents"].as_array().expect("a list");
    assert!(
        outcomes.iter().all(|one| one["outcome"] == "same"),
        "{outcomes:?}"
    );
    assert_eq!(world.front.state().0, state);
}

#[test]
fn a_file_of_intel_s_client_is_taken_in_as_well() {
    let world = world();
    let hosts = world.hosts();
    let path = world.fill(&hosts);
    let database = PccsDatabase::open(&path).expect("a database");
    let rows = database.rows_of_platforms(None, 100).expect("rows");
    let page = database.platforms(&rows.by_name).expect("platforms");
    let collateral = PlatformCollateral {
        pck_certificates: page.certificates,
        platforms: page.reported.into_iter().map(|(one, _)| one).collect(),
        ..database.documents().expect("documents").version_4
    };
    let body = collateral.write(Version::V4);
    world.folder.write("platform_collaterals.json", &body);
    let answer = world.import("--file", "platform_collaterals.json", &["--format", "json"]);
    assert_eq!(answer.status, 0, "{}{}", answer.stdout, answer.stderr);
    let told = answer.json();
    assert_eq!(
        (&told["certificates"], &told["tcbs"]),
        (&3.into(), &3.into())
    );
    let cache = cache::open(&path);
    let address = cache.address().to_string();
    for target in requests(&hosts) {
        assert_eq!(
            read(&world.front.get(&target)),
            read(&get(&address, &target)),
            "{target}"
        );
    }
}

#[test]
fn the_way_back_is_a_file_that_the_cache_takes() {
    let there = world();
    let hosts = there.hosts();
    there.fill(&hosts);
    let imported = there.import("--database", "pckcache.db", &[]);
    assert_eq!(imported.status, 0, "{}", imported.stdout);
    let file = there.folder.text_path("platform_collaterals.json");
    // What is there already may be open to others.
    let there_already = there.folder.write("platform_collaterals.json", "{}");
    let open = Permissions::from_mode(0o644);
    std::fs::set_permissions(there_already, open).expect("permissions");
    let exported = run(&[
        "pccs",
        "export",
        "--output",
        &file,
        "--service",
        &format!("http://{}", there.front.address),
        "--token-file",
        &there.folder.text_path("token"),
        "--format",
        "json",
    ]);
    assert_eq!(exported.status, 0, "{}{}", exported.stdout, exported.stderr);
    let told = exported.json();
    assert_eq!(
        (&told["platforms"], &told["tcbs"]),
        (&3.into(), &3.into()),
        "{told}"
    );
    assert_eq!(told["left_out"].as_array().map(Vec::len), Some(0), "{told}");
    let body = std::fs::read(&file).expect("a file");
    let mode = std::fs::metadata(&file)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    accepted_by_the_cache(&serde_json::from_slice(&body).expect("JSON"));

    let back = world();
    back.folder.write("platform_collaterals.json", body);
    let imported = back.import("--file", "platform_collaterals.json", &[]);
    assert_eq!(imported.status, 0, "{}", imported.stdout);
    for target in requests(&hosts) {
        let expected = read(&there.front.get(&target));
        assert_eq!(read(&back.front.get(&target)), expected, "{target}");
    }
}

/// What Intel's cache checks of the body of `PUT /platformcollateral`: which keys there are, that each
/// platform's family has TCB info for SGX, and that all chains end in one root.
fn accepted_by_the_cache(body: &Value) {
    let all = &body["collaterals"];
    assert_eq!(all["version"], 4);
    assert!(
        body["platforms"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
    );
    for key in ["pck_certs", "tcbinfos"] {
        assert!(
            all[key].as_array().is_some_and(|list| !list.is_empty()),
            "{key}"
        );
    }
    let mut families = Vec::new();
    for info in all["tcbinfos"].as_array().expect("a list") {
        let standard = &info["sgx_tcbinfo"];
        assert!(standard["tcbInfo"].is_object() && standard["signature"].is_string());
        families.push(info["fmspc"].clone());
    }
    families.sort_by_key(Value::to_string);
    let known = [PROCESSOR_FMSPC, PLATFORM_FMSPC].map(|fmspc| json!(hex::encode_upper(fmspc)));
    assert_eq!(families, known);
    for platform in all["pck_certs"].as_array().expect("a list") {
        assert!(
            platform["certs"]
                .as_array()
                .is_some_and(|list| !list.is_empty())
        );
    }
    let certificates = &all["certificates"];
    let pck = &certificates["SGX-PCK-Certificate-Issuer-Chain"];
    let chains = [
        &pck["PROCESSOR"],
        &pck["PLATFORM"],
        &certificates["TCB-Info-Issuer-Chain"],
        &certificates["SGX-Enclave-Identity-Issuer-Chain"],
    ];
    let roots = chains.map(|chain| {
        let chain = percent::decode(chain.as_str().expect("a chain")).expect("encoded");
        let end = "-----END CERTIFICATE-----";
        let certificates: Vec<&str> = chain.split(end).map(str::trim).collect();
        assert_eq!((certificates.len(), certificates[2]), (3, ""));
        certificates[1].to_owned()
    });
    assert!(roots.iter().all(|root| *root == roots[0]));
    for key in ["qeidentity", "tdqeidentity", "qveidentity", "rootcacrl"] {
        assert!(all[key].is_string(), "{key}");
    }
}

#[test]
fn what_is_not_good_is_named_and_keeps_nothing_else_from_coming_in() {
    let world = world();
    let hosts = world.hosts();
    let path = world.folder.path("pckcache.db");
    let database = database::filled(&path, &vendor(), &hosts[..2], world.clock.now());
    database::queue(&database, &world.host("two"));
    let family = hex::encode_upper(PROCESSOR_FMSPC);
    // A level that nobody has signed; a certificate for another TCB; a row that says nothing.
    let doctored = database.execute(
        "UPDATE fmspc_tcbs SET tcbinfo = replace(CAST(tcbinfo AS TEXT), 'UpToDate', 'OutOfDate') \
         WHERE type = 1 AND update_type = 'STANDARD' AND fmspc = ?1",
        params![family],
    );
    assert_eq!(doctored, Ok(1));
    let renamed = database.execute(
        "UPDATE pck_cert SET tcbm = 'FF' || substr(tcbm, 3) WHERE qe_id = ?1",
        params![hosts[1].qe_id],
    );
    assert!(renamed.is_ok_and(|rows| rows > 0));
    let text = "INSERT INTO fmspc_tcbs VALUES ('none', 0, 4, 'STANDARD', '{}', 1, 3, '', '')";
    assert_eq!(database.execute(text, []), Ok(1));
    drop(database);

    let answer = world.import("--database", "pckcache.db", &["--format", "json"]);
    assert_eq!(answer.status, 1, "{}{}", answer.stdout, answer.stderr);
    let told = answer.json();
    let refused = told["refused"].as_array().expect("a list");
    let find = |what: &str| {
        let mut rows = refused.iter();
        let row = rows.find(|row| row["what"].as_str().is_some_and(|text| text.contains(what)));
        row.unwrap_or_else(|| panic!("{what}: {told}"))
    };
    let info = format!("tcb-info/tdx/{family}/3/standard");
    assert_eq!(find(&info)["code"], "DocumentSignatureInvalid", "{told}");
    let certificates = format!("certificates of {}", hosts[1].qe_id);
    assert_eq!(find(&certificates)["code"], "TcbMismatch", "{told}");
    let left_out = told["left_out"].as_array().expect("a list");
    assert_eq!(
        left_out[0]["what"], "fmspc_tcbs none/0/4/STANDARD",
        "{told}"
    );
    assert_eq!(
        (&told["certificates"], &told["waiting"]),
        (&1.into(), &2.into()),
        "whoever has no certificates waits for some"
    );

    assert_eq!(world.front.get(&hosts[0].target()).status(), 200);
    assert_ne!(world.front.get(&hosts[1].target()).status(), 200);
    let target = format!("/tdx/certification/v4/tcb?fmspc={family}");
    assert_eq!(world.front.get(&target).status(), 404);
    let anchor = world.front.keeping.keeper.collection().realm().id();
    assert_eq!(world.front.store.queue_length(anchor).expect("a queue"), 2);

    let text = world.import("--database", "pckcache.db", &[]);
    assert_eq!(text.status, 1);
    for part in [
        "SIMULATED",
        "refused: ",
        "left out: 1",
        "TcbMismatch",
        &info,
    ] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
}

#[test]
fn a_value_that_cannot_be_is_left_out_wherever_it_stands() {
    let world = world();
    let path = world.folder.path("pckcache.db");
    let hosts = world.hosts();
    let database = database::filled(&path, &vendor(), &hosts, world.clock.now());
    database::queue(&database, &world.host("two"));
    let mut made = 0;
    for (table, columns) in [
        (
            "fmspc_tcbs",
            &["fmspc", "type", "version", "update_type", "tcbinfo"][..],
        ),
        (
            "enclave_identities",
            &["id", "version", "update_type", "identity"],
        ),
        ("pcs_certificates", &["cert", "crl"]),
        (
            "pck_crl",
            &["ca", "pck_crl", "root_cert_id", "intmd_cert_id"],
        ),
        (
            "platforms",
            &["qe_id", "pce_id", "platform_manifest", "enc_ppid"],
        ),
        ("platform_tcbs", &["cpu_svn", "pce_svn", "tcbm"]),
        ("pck_cert", &["tcbm", "pck_cert"]),
        (
            "platforms_registered",
            &["qe_id", "pce_id", "cpu_svn", "pce_svn", "enc_ppid"],
        ),
    ] {
        for column in columns {
            for value in [
                "NULL",
                "x'FF00'",
                "'%zz'",
                "9223372036854775807",
                "1.5",
                "''",
            ] {
                let change = format!(
                    "SAVEPOINT before; UPDATE OR IGNORE {table} SET {column} = {value} \
                     WHERE rowid = (SELECT max(rowid) FROM {table}); RELEASE before"
                );
                let copy = world.folder.path("changed.db");
                std::fs::copy(&path, &copy).expect("a copy");
                let changed = rusqlite::Connection::open(&copy).expect("a database");
                // A key that is no number is refused by the database itself.
                let done = changed.execute_batch(&change);
                drop(changed);
                made += usize::from(done.is_ok());
                let what = format!("{table}.{column} = {value}: {done:?}");
                let read = PccsDatabase::open(&copy).expect(&what);
                read.documents().expect(&what);
                let all = read.platform_count().expect(&what);
                let (mut seen, mut after) = (0, None);
                for _ in 0..=all {
                    let rows = read.rows_of_platforms(after, 1).expect(&what);
                    read.platforms(&rows.by_name).expect(&what);
                    seen += rows.by_name.len();
                    after = rows.last;
                }
                assert_eq!((u64::try_from(seen), after), (Ok(all), None), "{what}");
                read.waiting().expect(&what);
            }
        }
    }
    assert!(made > 100, "{made} changes");
}

#[test]
fn whoever_cannot_be_asked_about_now_waits() {
    let world = world();
    let clock = &world.clock;
    let site = Site::open(vendor(), clock);
    let front = Front::open(clock, vec![site.upstream("vendor")], Mode::Lazy);
    let lazy = World { front, ..world };
    let database = database::empty(&lazy.folder.path("pckcache.db"));
    let host = lazy.host("one");
    database::queue(&database, &host);
    drop(database);
    site.set(&["* status=503"]);
    let answer = lazy.import("--database", "pckcache.db", &["--format", "json"]);
    assert_eq!(answer.status, 0, "{}{}", answer.stdout, answer.stderr);
    let told = answer.json();
    assert_eq!(
        (&told["waiting"], &told["refused"]),
        (&1.into(), &json!([]))
    );
    let anchor = lazy.front.keeping.keeper.collection().realm().id();
    assert_eq!(lazy.front.store.queue_length(anchor).expect("a queue"), 1);
    // The vendor is back. Its breaker, which goes by the machine's clock, lets nobody through for a
    // while; whoever asks then is told when to come again.
    site.set(&[]);
    let served = within_a_minute(|| {
        let reply = lazy.front.get(&zeros(&host));
        if reply.status() != 200 {
            assert_eq!(reply.status(), 503, "{}", reply.head);
            assert!(reply.header("Retry-After").is_some(), "{}", reply.head);
        }
        reply.status() == 200
    });
    assert!(served, "its host is served, though it sends no PPID");
    assert_eq!(lazy.front.store.queue_length(anchor).expect("a queue"), 0);
}

#[test]
fn whoever_waits_is_asked_for_when_the_vendor_is_back() {
    let world = world();
    let site = Site::open(vendor(), &world.clock);
    let front = Front::open(&world.clock, vec![site.upstream("vendor")], Mode::Req);
    let req = World { front, ..world };
    let database = database::empty(&req.folder.path("pckcache.db"));
    let host = req.host("one");
    let mut ghost = req.host("twin");
    ghost.encrypted_ppid = [7; 384];
    database::queue(&database, &ghost);
    database::queue(&database, &host);
    drop(database);
    site.set(&["* status=503"]);
    let answer = req.import("--database", "pckcache.db", &["--format", "json"]);
    assert_eq!(answer.json()["waiting"], 2, "{}", answer.stdout);
    let fleet = &req.front.keeping.fleet;
    let look = || req.front.block_on(fleet.look_at_queue()).expect("a look");
    site.set(&[]);
    let served = within_a_minute(|| {
        look();
        req.front.get(&zeros(&host)).status() == 200
    });
    assert!(
        served,
        "by the turn of the queue, whatever stands before it"
    );
    // Of whom the vendor knows nothing is not asked again at each turn.
    assert_eq!(look(), 0);
    let anchor = req.front.keeping.keeper.collection().realm().id();
    assert_eq!(req.front.store.queue_length(anchor).expect("a queue"), 1);
}

/// What a client asks that sends zeros for its PPID, as Intel's does.
fn zeros(host: &Host) -> String {
    format!("{}&encrypted_ppid={}", host.target(), "0".repeat(768))
}

/// Whether something comes true while it is tried again.
fn within_a_minute(mut is_true: impl FnMut() -> bool) -> bool {
    (0..120).any(|_| {
        let now = is_true();
        if !now {
            std::thread::sleep(Duration::from_millis(500));
        }
        now
    })
}

#[test]
fn tcb_info_of_version_3_is_taken_over_for_version_3_and_a_bad_row_named() {
    let world = world();
    let at = world.clock.now();
    let path = world.folder.path("pckcache.db");
    let database = database::filled(&path, &vendor(), &world.hosts(), at);
    // What the vendor signed for the interface that it has closed: by the keys of its seed.
    let charter = vendor().charter().clone();
    let address = charter.public_url.as_str();
    let authorities = bulla_issuer::Vendor::new(&Seed::from(6), address, charter.founded);
    let mut scenario = Scenario::new(&Seed::from("version 3"), QuoteKind::SgxV3, at);
    scenario.tcb_info.version = 2;
    scenario.tcb_info.fmspc = PROCESSOR_FMSPC;
    let signed = sign_text(scenario.tcb_info.to_json(), &authorities.tcb_signer.key);
    let document = DocumentKind::TcbInfo.served(&signed);
    let family = hex::encode_upper(PROCESSOR_FMSPC);
    let row = "INSERT INTO fmspc_tcbs VALUES (?1, ?2, 3, ?3, ?4, 1, 3, '', '')";
    // A document that says nothing; an update and a technology that version 3 does not have.
    for (kind, update, body) in [
        (0, "STANDARD", &document[..]),
        (0, "EARLY", b"{}"),
        (0, "LATE", &document),
        (1, "STANDARD", &document),
    ] {
        let done = database.execute(row, params![family, kind, update, body]);
        assert_eq!(done, Ok(1));
    }
    drop(database);
    let answer = world.import("--database", "pckcache.db", &["--format", "json"]);
    assert_eq!(answer.status, 1, "{}{}", answer.stdout, answer.stderr);
    let told = answer.json();
    let named = |list: &str| -> Vec<String> {
        let rows = told[list].as_array().expect("a list").iter();
        rows.map(|row| row["what"].as_str().expect("a name").to_owned())
            .collect()
    };
    let refused = format!("tcb-info/sgx/{family}/2/early");
    assert_eq!(named("refused"), [refused], "{told}");
    let left_out = ["0/3/LATE", "1/3/STANDARD"].map(|row| format!("fmspc_tcbs {family}/{row}"));
    assert_eq!(named("left_out"), left_out, "{told}");
    assert_eq!(told["certificates"], 3, "{told}");
    for target in requests(&world.hosts()) {
        if !target.contains("qeid=00&") && !target.contains("fmspc=000000000000") {
            assert_eq!(world.front.get(&target).status(), 200, "{target}");
        }
    }

    let target = format!("/sgx/certification/v3/tcb?fmspc={family}");
    let reply = world.front.get(&target);
    assert_eq!((reply.status(), &reply.body), (200, &document));
    assert!(reply.header("SGX-TCB-Info-Issuer-Chain").is_some());
    assert!(
        reply
            .header("Warning")
            .is_some_and(|text| text.starts_with("299 "))
    );
    // Azure's client can be set to it as well.
    let azures = format!("/thim/sgx/certificates/v3/tcb/{family}?clientid=a");
    assert_eq!(world.front.get(&azures).body, document);
}

fn error(answer: &Answer) -> Value {
    answer.json()["error"].clone()
}

#[test]
fn what_is_no_database_of_the_cache_is_said_to_be_none() {
    let world = world();
    let code = |answer: &Answer| error(answer)["code"].clone();
    let missing = world.import("--database", "missing", &["--format", "json"]);
    assert_eq!((missing.status, code(&missing)), (2, "FileNotFound".into()));
    world.folder.write("text", "this is none");
    let text = world.import("--database", "text", &["--format", "json"]);
    assert_eq!(
        (text.status, code(&text)),
        (2, "PccsDatabaseUnreadable".into())
    );
    let path = world.folder.path("old.db");
    let old = database::empty(&path);
    assert_eq!(
        old.execute("UPDATE pcs_version SET db_version = 4", []),
        Ok(1)
    );
    drop(old);
    let old = world.import("--database", "old.db", &["--format", "json"]);
    assert_eq!(old.status, 2);
    let error = error(&old);
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("its schema is 4, and 5 is known"),
        "{message}"
    );
    // What is computed while it is read need not end.
    let path = world.folder.path("view.db");
    let view = database::empty(&path);
    let endless = "DROP TABLE platforms_registered; CREATE VIEW platforms_registered AS \
                   WITH RECURSIVE more(x) AS (SELECT 1 UNION ALL SELECT x FROM more) \
                   SELECT x AS qe_id, x AS pce_id, x AS cpu_svn, x AS pce_svn, x AS enc_ppid, \
                   x AS platform_manifest, 0 AS state, x AS created_time FROM more";
    view.execute_batch(endless).expect("a view");
    drop(view);
    let view = world.import("--database", "view.db", &["--format", "json"]);
    assert_eq!(
        (view.status, code(&view)),
        (2, "PccsDatabaseUnreadable".into())
    );
    // A page of a table whose rows change places.
    let path = world.fill(&world.hosts());
    let damaged = rusqlite::Connection::open(&path).expect("a database");
    let places =
        "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'platforms'";
    let (root, size): (usize, usize) = damaged
        .query_row(places, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("a table");
    drop(damaged);
    let mut bytes = std::fs::read(&path).expect("a file");
    let leaf = &mut bytes[(root - 1) * size..][..size];
    assert_eq!((leaf[0], leaf[4]), (13, 3), "a leaf with three rows");
    leaf[8..12].rotate_left(2);
    std::fs::write(&path, bytes).expect("a file");
    let damaged = world.import("--database", "pckcache.db", &["--format", "json"]);
    assert_eq!(
        (damaged.status, code(&damaged)),
        (2, "PccsDatabaseUnreadable".into())
    );
    let file = world.import("--file", "text", &["--format", "json"]);
    assert_eq!((file.status, code(&file)), (2, "PccsFileMalformed".into()));
}
