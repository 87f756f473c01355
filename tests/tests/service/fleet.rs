//! Platforms: their certificates, registration, the queue, and evidence.

use bulla_collateral::{Selector, TcbInfoId, TcbStatus};
use bulla_pki::Timestamp;
use bulla_protocol::pccs::{PlatformCertificates, PlatformCollateral, QeId, Version};
use bulla_protocol::pcs::{self, Answer, PckCertificateEntry, PlatformKey, Request};
use bulla_protocol::value::{EncryptedPpid, Fmspc, PceId, Pem, PlatformManifest};
use bulla_service::fleet::{LEASE, NotObserved, Queued, Regression};
use bulla_service::keeper::Mode;
use bulla_store::{Audit as _, Fleet as _};
use bulla_tests::front::{ADMINISTRATOR, Front, USER};
use bulla_tests::host::Host;
use bulla_tests::liar::Liar;
use bulla_tests::service::{Keeping, Said, standard, store, tcb_info};
use bulla_tests::site::{Clock, HOUR, Site, platform, vendor};
use bulla_vendor::answer::{answer, registration};
use bulla_vendor::{
    ComponentNumber, Event, PLATFORM_FMSPC, PROCESSOR_FMSPC, Part, QuoteKind, Recovery, Selection,
    Subject, Vendor,
};
use serde_json::Value;

const PLATFORMS: &str = "/sgx/certification/v4/platforms";
const IMPORT: &str = "/sgx/certification/v4/platformcollateral";

fn noon() -> Clock {
    Clock::at("2026-11-23T12:00:00Z")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// When `one` gets its update.
fn updated() -> Timestamp {
    time("2026-11-25T09:00:00Z")
}

/// The vendor after a recovery that `one` lacks until it is [`updated`].
fn recovered() -> Vendor {
    let mut vendor = vendor();
    let raised = Part::Component(ComponentNumber::new(1).expect("a component"));
    let recovery = Recovery {
        number: 2,
        date: time("2026-11-10T00:00:00Z"),
        raises: [raised, Part::Pce].into(),
        below: TcbStatus::OutOfDate,
        advisory_ids: Default::default(),
    };
    let day = recovery.date;
    vendor
        .record(day, Event::Recovery(recovery))
        .expect("a recovery");
    let name = "one".parse().expect("a name");
    vendor
        .update(&name, None, [raised, Part::Pce], updated())
        .expect("an update");
    vendor
}

fn tcbm(said: &Said) -> String {
    assert_eq!(said.status, 200, "{said:?}");
    said.header("sgx-tcbm").to_owned()
}

async fn post(keeping: &Keeping, host: &Host) -> Said {
    let body = host.body().to_string();
    keeping.ask("POST", PLATFORMS, body.as_bytes()).await
}

/// The names of the platforms that wait and are handed out.
async fn waiting(keeping: &Keeping) -> Vec<String> {
    let said = keeping.get(&format!("{PLATFORMS}?source=reg")).await;
    assert_eq!(said.status, 200, "{said:?}");
    let list: Value = serde_json::from_slice(&said.body).expect("JSON");
    let list = list.as_array().expect("a list");
    assert_eq!(said.header("platform-count"), list.len().to_string());
    let name = |one: &Value| one["qe_id"].as_str().expect("a name").to_owned();
    list.iter().map(name).collect()
}

#[tokio::test]
async fn lazily_a_platform_is_asked_for_by_its_ppid_and_then_known() {
    let clock = noon();
    let vendor = recovered();
    let site = Site::open(vendor.clone(), &clock);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Lazy);
    let host = Host::of(&vendor, "one", clock.now());

    let missing = keeping.get(&host.target()).await;
    assert_eq!(missing.status, 400);
    assert_eq!(missing.header("error-code"), "PlatformKeyMissing");
    let mut zeros = host.clone();
    zeros.encrypted_ppid = [0; 384];
    let empty = keeping.get(&zeros.target_with_ppid()).await;
    assert_eq!(empty.status, 404);
    assert_eq!(empty.header("error-code"), "PlatformKeyMissing");
    assert_eq!(keeping.exchanges(), 0, "there was nothing to ask with");

    let first = keeping.get(&host.target_with_ppid()).await;
    let low = tcbm(&first);
    assert_eq!(
        first.header("sgx-fmspc"),
        hex::encode_upper(PROCESSOR_FMSPC)
    );
    assert_eq!(first.header("sgx-pck-certificate-ca-type"), "PROCESSOR");
    assert!(
        first
            .header("sgx-pck-certificate-issuer-chain")
            .contains("%0A")
    );
    assert!(first.body.starts_with(b"-----BEGIN CERTIFICATE-----\n"));
    let raw = vendor.select_pck_certificate(
        platform(&vendor, "one"),
        bulla_vendor::PckTcb {
            cpusvn: host.cpu_svn,
            pcesvn: host.pce_svn,
        },
        clock.now(),
    );
    let raw = raw.expect("a certificate");
    assert_eq!(
        first.body,
        raw.pem().into_bytes(),
        "the vendor selects the same"
    );

    // What is known needs no PPID, and nobody else.
    let exchanges = keeping.exchanges();
    assert_eq!(tcbm(&keeping.get(&host.target()).await), low);
    clock.set(updated());
    let after = Host::of(&vendor, "one", clock.now());
    assert_ne!(after.cpu_svn, host.cpu_svn);
    let high = tcbm(&keeping.get(&after.target()).await);
    assert!(low < high, "{low} {high}");
    assert_eq!(keeping.exchanges(), exchanges);
    // Lower than anything that is certified.
    let mut bottom = host.clone();
    bottom.cpu_svn = [0; 16];
    let below = keeping.get(&bottom.target_with_ppid()).await;
    assert_eq!(below.status, 404);
    assert_eq!(below.header("error-code"), "TcbTooLow");
    assert_eq!(keeping.exchanges(), exchanges);

    // All of it is there after a restart, also with nobody to ask and TCB info that has ended.
    drop(keeping);
    clock.pass(40 * 24 * HOUR);
    let offline = Keeping::open(&clock, &store, Vec::new(), Mode::Offline);
    assert_eq!(tcbm(&offline.get(&host.target()).await), low);
    assert_eq!(tcbm(&offline.get(&after.target()).await), high);
    let mut other = after.clone();
    other.pce_svn += 1;
    assert_eq!(tcbm(&offline.get(&other.target()).await), high);
    let stranger = Host::of(&vendor, "twin", clock.now());
    assert_eq!(offline.get(&stranger.target_with_ppid()).await.status, 461);
}

#[tokio::test]
async fn on_request_platforms_are_asked_for_when_they_register() {
    let clock = noon();
    let vendor = vendor();
    let site = Site::open(vendor.clone(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Req);
    let host = Host::of(&vendor, "one", clock.now());
    let unknown = keeping.get(&host.target_with_ppid()).await;
    assert_eq!(unknown.status, 461);
    assert_eq!(unknown.body, b"The platform was not found in the cache.");
    assert_eq!(keeping.exchanges(), 0);

    assert_eq!(post(&keeping, &host).await.status, 200);
    let exchanges = keeping.exchanges();
    assert_eq!(keeping.get(&host.target()).await.status, 200);
    assert_eq!(post(&keeping, &host).await.status, 200, "known already");
    assert_eq!(keeping.exchanges(), exchanges);
    assert!(waiting(&keeping).await.is_empty());

    // One that the vendor does not know stays in the queue, and whoever registered it is told.
    let mut ghost = Host::of(&vendor, "twin", clock.now());
    ghost.encrypted_ppid = [7; 384];
    let refused = post(&keeping, &ghost).await;
    assert_eq!(refused.status, 404, "{refused:?}");
    assert_eq!(refused.header("error-code"), "UpstreamHasNone");
    assert_eq!(waiting(&keeping).await, [ghost.qe_id.clone()]);
    // With the vendor down, too.
    site.set(&["* status=503"]);
    let two = Host::of(&vendor, "two", clock.now());
    let down = post(&keeping, &two).await;
    assert_eq!(down.status, 502, "{down:?}");
    assert_eq!(waiting(&keeping).await, [two.qe_id]);
}

#[tokio::test]
async fn platforms_of_several_packages_come_with_their_manifest() {
    let clock = noon();
    let vendor = vendor();
    let site = Site::open(vendor.clone(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let host = Host::of(&vendor, "two", clock.now());
    let by_ppid = keeping.get(&host.target_with_ppid()).await;
    assert_eq!(by_ppid.status, 404, "the vendor does not know it yet");
    let registered = keeping.fleet.register(host.registration()).await;
    assert_eq!(registered.expect("registered"), Queued::Fetched);
    let exchanges = keeping.exchanges();
    let again = keeping.fleet.register(host.registration()).await;
    assert_eq!(again.expect("registered"), Queued::Known);
    assert_eq!(keeping.exchanges(), exchanges);
    let said = keeping.get(&host.target()).await;
    assert_eq!(said.status, 200, "{said:?}");
    assert_eq!(said.header("sgx-pck-certificate-ca-type"), "PLATFORM");
    assert_eq!(said.header("sgx-fmspc"), hex::encode_upper(PLATFORM_FMSPC));

    let mut damaged = host.clone();
    damaged.qe_id.replace_range(..2, "00");
    damaged.manifest.as_mut().expect("a manifest")[3_000] ^= 1;
    let refused = post(&keeping, &damaged).await;
    assert_eq!(refused.status, 404, "{refused:?}");
    let message = refused.header("error-message");
    assert!(message.contains("InvalidPlatformManifest"), "{message}");
}

/// What an administrator brings for a platform across an air gap.
fn certificates(vendor: &Vendor, host: &Host, at: Timestamp) -> PlatformCollateral {
    let key = match &host.manifest {
        Some(manifest) => {
            PlatformKey::Manifest(PlatformManifest::new(manifest.clone()).expect("a manifest"))
        }
        None => PlatformKey::EncryptedPpid(Box::new(EncryptedPpid(host.encrypted_ppid))),
    };
    let request = Request::PckCertificates {
        platform: key,
        pceid: PceId([0; 2]),
    };
    let mut vendor = vendor.clone();
    if let Some((manifest, how)) = registration(&request) {
        let registered = vendor.register(manifest.as_bytes(), how, at);
        registered.expect("registered");
    }
    let Ok(Answer::PckCertificates {
        certificates,
        ca,
        issuer_chain,
        ..
    }) = answer(&vendor, &request, at)
    else {
        panic!("the vendor has certificates")
    };
    let mut collateral = PlatformCollateral {
        pck_certificates: vec![PlatformCertificates {
            qe_id: QeId::new(host.qe_id.clone()).expect("a name"),
            pce_id: PceId([0; 2]),
            encrypted_ppid: Some(Box::new(EncryptedPpid(host.encrypted_ppid))),
            manifest: None,
            certificates,
        }],
        ..PlatformCollateral::default()
    };
    match ca {
        pcs::PckCa::Processor => collateral.processor_chain = Some(issuer_chain),
        pcs::PckCa::Platform => collateral.platform_chain = Some(issuer_chain),
    }
    collateral
}

/// The same with the TCB info of the platform's family, and the other CA's chain, as bundles have.
fn bundle(vendor: &Vendor, host: &Host, fmspc: [u8; 6], at: Timestamp) -> PlatformCollateral {
    let mut bundle = certificates(vendor, host, at);
    let chain = |ca| Some(Pem::new(vendor.pck_crl(ca, at).chain).expect("PEM"));
    bundle.processor_chain = chain(bulla_vendor::PckCa::Processor);
    bundle.platform_chain = chain(bulla_vendor::PckCa::Platform);
    let info = vendor.tcb_info(bulla_evidence::Tee::Sgx, fmspc, Selection::Standard, at);
    let info = info.expect("TCB info");
    bundle.tcb_info_chain = Some(Pem::new(info.chain).expect("PEM"));
    let text = String::from_utf8(info.body).expect("text");
    bundle.tcb_infos = vec![bulla_protocol::pccs::TcbInfoDocument {
        tee: pcs::Tee::Sgx,
        fmspc: Fmspc(fmspc),
        update: bulla_protocol::pccs::Update::Standard,
        document: bulla_protocol::pccs::JsonObject::new(text).expect("an object"),
    }];
    bundle
}

#[tokio::test]
async fn offline_platforms_wait_until_somebody_brings_their_certificates() {
    let clock = noon();
    let vendor = vendor();
    let store = store();
    let keeping = Keeping::open(&clock, &store, Vec::new(), Mode::Offline);
    let one = Host::of(&vendor, "one", clock.now());
    let two = Host::of(&vendor, "two", clock.now());
    for host in [&one, &two] {
        assert_eq!(post(&keeping, host).await.status, 200);
        assert_eq!(keeping.get(&host.target()).await.status, 461);
    }
    // Whoever only looks takes nothing.
    let target = format!("{PLATFORMS}?source=reg");
    assert_eq!(keeping.ask("HEAD", &target, b"").await.status, 405);
    assert_eq!(
        waiting(&keeping).await,
        [one.qe_id.clone(), two.qe_id.clone()]
    );
    assert!(
        waiting(&keeping).await.is_empty(),
        "they are handed out once"
    );
    clock.pass(LEASE - 1);
    assert!(waiting(&keeping).await.is_empty());
    clock.pass(1);
    assert_eq!(waiting(&keeping).await.len(), 2, "nobody brought anything");

    for (host, fmspc) in [(&one, PROCESSOR_FMSPC), (&two, PLATFORM_FMSPC)] {
        let bundle = bundle(&vendor, host, fmspc, clock.now());
        let body = bundle.write(Version::V4);
        let said = keeping.ask("PUT", IMPORT, &body).await;
        assert_eq!(said.status, 200, "{said:?}");
        assert_eq!(keeping.get(&host.target()).await.status, 200);
    }
    assert_eq!(keeping.refused(), 0, "{:?}", keeping.aside());
    clock.pass(LEASE);
    assert!(waiting(&keeping).await.is_empty(), "they are taken care of");
    let said = keeping.get(&format!("{PLATFORMS}?source=[]")).await;
    assert_eq!(said.header("platform-count"), "2", "{said:?}");
}

#[tokio::test]
async fn certificates_that_there_are_not_keep_nobody_from_the_others() {
    let clock = noon();
    let vendor = recovered();
    let without = |index: usize| {
        Liar::open(vendor.clone(), &clock, move |_, mut answer| {
            if let Answer::PckCertificates { certificates, .. } = &mut answer {
                assert_eq!(certificates.len(), 2);
                certificates[index].certificate = None;
            }
            answer
        })
    };
    let host = Host::of(&vendor, "one", updated());
    let mut seen = Vec::new();
    for index in 0..2 {
        let upstream = without(index);
        let keeping = Keeping::open(
            &clock,
            &store(),
            vec![upstream.upstream("vendor")],
            Mode::Req,
        );
        assert_eq!(post(&keeping, &host).await.status, 200);
        seen.push(tcbm(&keeping.get(&host.target()).await));
        let anchor = keeping.keeper.collection().realm().id();
        let kept = keeping
            .keeper
            .collection()
            .store()
            .pck_certificates(anchor, &host.id());
        let kept = kept.expect("read").expect("kept");
        assert_eq!((kept.certificates.len(), kept.not_available.len()), (1, 1));
        assert_ne!(seen.last(), Some(&kept.not_available[0].to_string()));
    }
    assert_ne!(seen[0], seen[1], "the best of what there is");
}

type Twist = Box<dyn Fn(&mut Vec<PckCertificateEntry>, &mut Fmspc, &mut Pem) + Send>;

#[tokio::test]
async fn certificates_that_do_not_hold_are_refused_and_kept_aside() {
    let clock = noon();
    let vendor = recovered();
    let now = clock.now();
    let of_twin = certificates(&vendor, &Host::of(&vendor, "twin", now), now);
    let of_twin = of_twin.pck_certificates[0].certificates.clone();
    let platform_chain = vendor.pck_crl(bulla_vendor::PckCa::Platform, now).chain;
    let platform_chain = Pem::new(platform_chain).expect("PEM");
    let signer = vendor
        .evaluation_numbers(bulla_evidence::Tee::Sgx, now)
        .expect("numbers");
    let signer = Pem::new(signer.chain).expect("PEM");
    let lies: Vec<(&str, Twist, &str)> = vec![
        (
            "of two platforms",
            Box::new(move |list, _, _| list[1] = of_twin[1].clone()),
            "PlatformsMixed",
        ),
        (
            "for a better TCB than they say",
            Box::new(|list, _, _| list[0].tcbm.cpusvn.0[0] += 1),
            "TcbMismatch",
        ),
        (
            "with one another's TCB",
            Box::new(|list, _, _| {
                let first = list[0].certificate.take();
                list[0].certificate = list[1].certificate.take();
                list[1].certificate = first;
            }),
            "TcbMismatch",
        ),
        (
            "of another family than is said",
            Box::new(|_, fmspc, _| *fmspc = Fmspc(PLATFORM_FMSPC)),
            "FmspcMismatch",
        ),
        (
            "with the chain of the other CA",
            Box::new(move |_, _, chain| *chain = platform_chain.clone()),
            "CertificateNameMismatch",
        ),
        (
            "with the chain of the signer",
            Box::new(move |_, _, chain| *chain = signer.clone()),
            "CertificateUnexpected",
        ),
        (
            "none at all",
            Box::new(|list, _, _| list.iter_mut().for_each(|entry| entry.certificate = None)),
            "CertificateMissing",
        ),
    ];
    let honest = Site::open(vendor.clone(), &clock);
    let host = Host::of(&vendor, "one", now);
    for (name, twist, code) in lies {
        let liar = Liar::open(vendor.clone(), &clock, move |_, mut answer| {
            if let Answer::PckCertificates {
                certificates,
                fmspc,
                issuer_chain,
                ..
            } = &mut answer
            {
                twist(certificates, fmspc, issuer_chain);
            }
            answer
        });
        let alone = Keeping::open(&clock, &store(), vec![liar.upstream("liar")], Mode::Lazy);
        let said = alone.get(&host.target_with_ppid()).await;
        assert_eq!((said.status, said.body.len()), (503, 0), "{name}");
        let anchor = alone.keeper.collection().realm().id();
        let platforms = alone.keeper.collection().store().platform_count(anchor);
        assert_eq!(platforms.expect("read"), 0, "{name}");
        assert_eq!(alone.refused(), 1, "{name}");
        let aside = alone.aside().remove(0);
        assert_eq!((&*aside.code, &*aside.source), (code, "liar"), "{name}");
        assert_eq!(aside.what, format!("pck-certificates/{}", host.qe_id));
        assert_eq!(post(&alone, &host).await.status, 502, "{name}");

        let all = vec![liar.upstream("liar"), honest.upstream("honest")];
        let both = Keeping::open(&clock, &store(), all, Mode::Lazy);
        assert_eq!(
            both.get(&host.target_with_ppid()).await.status,
            200,
            "{name}"
        );
    }
    honest.set(&["* wrong_signature"]);
    let forged = Keeping::open(
        &clock,
        &store(),
        vec![honest.upstream("forged")],
        Mode::Lazy,
    );
    assert_eq!(forged.get(&host.target_with_ppid()).await.status, 503);
    assert_eq!(forged.aside()[0].code, "CertificateSignatureInvalid");
}

#[tokio::test]
async fn a_platform_stays_in_its_family_and_keeps_what_was_good() {
    let clock = noon();
    let vendor = vendor();
    let keeping = Keeping::open(&clock, &store(), Vec::new(), Mode::Offline);
    let one = Host::of(&vendor, "one", clock.now());
    let two = Host::of(&vendor, "two", clock.now());
    let good = bundle(&vendor, &one, PROCESSOR_FMSPC, clock.now());
    let said = keeping.ask("PUT", IMPORT, &good.write(Version::V4)).await;
    assert_eq!(said.status, 200, "{said:?}");
    let before = tcbm(&keeping.get(&one.target()).await);
    let mut swapped = bundle(&vendor, &two, PLATFORM_FMSPC, clock.now());
    swapped.pck_certificates[0].qe_id = QeId::new(one.qe_id.clone()).expect("a name");
    let said = keeping
        .ask("PUT", IMPORT, &swapped.write(Version::V4))
        .await;
    assert_eq!(said.status, 460, "{said:?}");
    assert_eq!(tcbm(&keeping.get(&one.target()).await), before);
    let said = keeping.get(&one.target()).await;
    assert_eq!(said.header("sgx-fmspc"), hex::encode_upper(PROCESSOR_FMSPC));
    let aside = keeping.aside();
    assert_eq!((aside.len(), &*aside[0].code), (1, "FmspcMismatch"));
    assert_eq!(keeping.refused(), 1);
}

/// A quote of one of the vendor's platforms.
fn quote(vendor: &Vendor, name: &str, kind: QuoteKind, mark: u8, at: Timestamp) -> Vec<u8> {
    let subject = Subject {
        kind,
        report_data: [mark; 64],
        debug: false,
        launched: None,
    };
    let platform = platform(vendor, name);
    let attested = vendor.attest(platform, &subject, Selection::Standard, at);
    attested.expect("a quote").quote
}

#[tokio::test]
async fn the_last_genuine_quote_is_what_is_known_of_a_platform() {
    let clock = noon();
    let vendor = vendor();
    let site = Site::open(vendor.clone(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let anchor = keeping.keeper.collection().realm().id();
    let evidence = || {
        let store = keeping.keeper.collection().store();
        store.evidence(anchor, None, 100).expect("evidence")
    };
    for (name, fmspc) in [("one", PROCESSOR_FMSPC), ("two", PLATFORM_FMSPC)] {
        for kind in QuoteKind::ALL {
            let quote = quote(&vendor, name, kind, 1, clock.now());
            let seen = keeping.observe(&quote).await;
            let seen = seen.unwrap_or_else(|error| panic!("{name} {kind:?}: {error}"));
            assert_eq!(seen.fmspc, Fmspc(fmspc));
            assert!(evidence().iter().any(|kept| kept.quote == quote));
        }
    }
    // One for enclaves and one for trust domains.
    assert_eq!(evidence().len(), 4);
    assert!(evidence().iter().all(|kept| kept.tcb_status == "UpToDate"));

    let before = evidence();
    let good = quote(&vendor, "one", QuoteKind::ALL[0], 2, clock.now());
    for bit in (0..good.len() * 8).step_by(4_001) {
        let mut changed = good.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let Err(error) = keeping.observe(&changed).await else {
            panic!("bit {bit} is part of what is verified")
        };
        let is_refusal = matches!(error, NotObserved::Failed(_) | NotObserved::NoVerdict(_));
        assert!(is_refusal, "bit {bit}: {error}");
    }
    assert!(evidence() == before, "what was good stays");
    clock.pass(HOUR);
    keeping.observe(&good).await.expect("it is genuine");
    let kept: Vec<_> = evidence()
        .into_iter()
        .filter(|one| one.quote == good)
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].arrived, &*kept[0].tee), (clock.now(), "sgx"));
    assert_eq!(evidence().len(), 4);

    // From now on both TCB infos of its family are kept current, although nobody asks for them.
    let families = [PROCESSOR_FMSPC, PLATFORM_FMSPC];
    clock.pass(30 * HOUR);
    keeping.settle().await;
    let snapshot = keeping.keeper.collection().snapshot();
    for fmspc in families {
        for id in [TcbInfoId::Sgx, TcbInfoId::Tdx] {
            let held = snapshot.find(standard(tcb_info(id, fmspc))).expect("kept");
            assert_eq!(held.asked, clock.now());
        }
    }
    let series = tcb_info(TcbInfoId::Sgx, PROCESSOR_FMSPC);
    assert_eq!(
        keeping.number(series, Selector::Early),
        None,
        "nobody asked for it"
    );
}

#[tokio::test]
async fn an_older_genuine_quote_does_not_undo_what_is_known() {
    let clock = noon();
    let vendor = recovered();
    let site = Site::open(vendor.clone(), &clock);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Lazy);
    let anchor = keeping.keeper.collection().realm().id();
    let kept = |tee: &str| {
        let all = store.evidence(anchor, None, 100).expect("evidence");
        let mut quotes = all.into_iter().filter(|one| one.tee == tee);
        quotes.next().expect("evidence").quote
    };
    let audited = || {
        let entries = store.entries(0, 1_000).expect("the audit");
        let events = entries.into_iter().map(|entry| entry.event);
        let regressed = events.filter(|event| event.action == "evidence.regressed");
        regressed.collect::<Vec<_>>()
    };
    let pair = |kind| {
        let of = |at| quote(&vendor, "one", kind, 1, at);
        (of(noon().now()), of(updated()))
    };
    let kinds = [("sgx", QuoteKind::SgxV3), ("tdx", QuoteKind::Td15V5)];
    for (_, kind) in kinds {
        keeping.observe(&pair(kind).0).await.expect("it is genuine");
    }
    clock.set(updated().saturating_add(HOUR));
    for (tee, kind) in kinds {
        let (old, new) = pair(kind);
        let seen = keeping.observe(&new).await.expect("it is genuine");
        assert!(seen.lowered.is_empty(), "{tee}");
        for _ in 0..3 {
            let Err(NotObserved::Regressed(lowered)) = keeping.observe(&old).await else {
                panic!("{tee}: it is older");
            };
            let parts: Vec<String> = lowered.iter().map(ToString::to_string).collect();
            let pce = |part: &String| part.starts_with("provisioning certification enclave ");
            assert!(parts.iter().any(pce), "{tee}: {parts:?}");
        }
        assert!(kept(tee) == new, "{tee}");
        // The same state again is no older one.
        keeping.observe(&new).await.expect("it is genuine");
    }
    assert_eq!(audited().len(), 2, "{:?}", audited());
    assert!(audited().iter().all(|event| event.actor == "test"));
    clock.pass(25 * HOUR);
    for (tee, kind) in kinds {
        let (old, new) = pair(kind);
        assert!(keeping.observe(&old).await.is_err(), "{tee}");
        let back = keeping
            .fleet
            .observe(&old, Regression::Keep, "ops")
            .await
            .expect("an administrator says so");
        assert!(!back.lowered.is_empty(), "{tee}");
        assert!(kept(tee) == old, "{tee}");
        keeping.observe(&new).await.expect("it is genuine");
        assert!(kept(tee) == new, "{tee}");
    }
    let audited = audited();
    let by_ops: Vec<_> = audited
        .iter()
        .filter(|event| event.actor == "ops")
        .collect();
    assert_eq!((audited.len(), by_ops.len()), (6, 2), "{audited:?}");
    for event in by_ops {
        let details: Value = serde_json::from_str(&event.details).expect("JSON");
        assert_eq!(details["kept"], true);
        assert!(
            details["lowered"]
                .as_array()
                .is_some_and(|parts| !parts.is_empty())
        );
    }
}

#[test]
fn who_may_say_that_a_platform_went_back() {
    let clock = noon();
    let vendor = recovered();
    let site = Site::open(vendor.clone(), &clock);
    let front = Front::open(&clock, vec![site.upstream("vendor")], Mode::Lazy);
    let of = |at| quote(&vendor, "one", QuoteKind::SgxV3, 1, at);
    let (old, new) = (of(clock.now()), of(updated()));
    clock.set(updated());
    let send =
        |method, token, quote: &[u8]| front.send(method, "/platforms/evidence", &[token], quote);
    let said = send("POST", USER, &new);
    assert_eq!(
        (said.status(), &said.json()["regressed"]),
        (200, &false.into())
    );
    for token in [USER, ADMINISTRATOR] {
        let refused = send("POST", token, &old);
        assert_eq!(refused.status(), 409);
        let problem = refused.json();
        assert_eq!(problem["code"], "evidence-regressed");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.starts_with("regressed: "), "{detail}");
    }
    assert_eq!(send("PUT", USER, &old).status(), 401);
    let said = send("PUT", ADMINISTRATOR, &old);
    assert_eq!(
        (said.status(), &said.json()["regressed"]),
        (200, &true.into())
    );
    let said = send("PUT", ADMINISTRATOR, &old);
    assert_eq!(
        (said.status(), &said.json()["regressed"]),
        (200, &false.into())
    );
}

#[tokio::test]
async fn what_is_removed_is_not_known_any_more() {
    let clock = noon();
    let vendor = vendor();
    let site = Site::open(vendor.clone(), &clock);
    let store = store();
    let keeping = Keeping::open(&clock, &store, vec![site.upstream("vendor")], Mode::Req);
    let host = Host::of(&vendor, "one", clock.now());
    assert_eq!(post(&keeping, &host).await.status, 200);
    assert_eq!(keeping.get(&host.target()).await.status, 200);
    assert!(keeping.fleet.remove(&host.id()).expect("removed"));
    assert!(!keeping.fleet.remove(&host.id()).expect("nothing there"));
    assert_eq!(keeping.get(&host.target_with_ppid()).await.status, 461);
    // It may come back.
    assert_eq!(post(&keeping, &host).await.status, 200);
    assert_eq!(keeping.get(&host.target()).await.status, 200);
}

#[tokio::test]
async fn certificates_are_asked_for_anew_when_the_vendor_enforces_a_new_number() {
    let clock = noon();
    let mut vendor = recovered();
    let promoted = time("2026-11-26T09:00:00Z");
    let promotion = Event::Promotion { number: 2 };
    vendor.record(promoted, promotion).expect("a promotion");
    let site = Site::open(vendor.clone(), &clock);
    let keeping = Keeping::open(&clock, &store(), vec![site.upstream("vendor")], Mode::Lazy);
    let hosts = ["one", "twin"].map(|name| Host::of(&vendor, name, clock.now()));
    for host in &hosts {
        assert_eq!(keeping.get(&host.target_with_ppid()).await.status, 200);
    }
    keeping.settle().await;
    assert_eq!(keeping.fleet.look().await.expect("a look"), 0);
    clock.set(promoted.saturating_add(30 * HOUR));
    keeping.settle().await;
    // With the vendor away the first failure ends the look, and nothing is lost.
    site.set(&["*/pckcerts* reset"]);
    assert_eq!(keeping.fleet.look().await.expect("a look"), 1);
    for host in &hosts {
        assert_eq!(keeping.get(&host.target()).await.status, 200);
    }
    site.set(&[]);
    assert_eq!(keeping.fleet.look().await.expect("a look"), 2);
    assert_eq!(keeping.fleet.look().await.expect("a look"), 0);
    for host in &hosts {
        assert_eq!(keeping.get(&host.target()).await.status, 200);
    }
    // And after thirty days in any case.
    clock.pass(31 * 24 * HOUR);
    keeping.settle().await;
    assert_eq!(keeping.fleet.look().await.expect("a look"), 2);
}
