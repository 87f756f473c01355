//! What comes in changed, old, for another or from somebody else: never served, always explained.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bulla_collateral::{EnclaveId, PckCa, Selector, Series, SignedText, TcbInfoId};
use bulla_pki::Timestamp;
use bulla_protocol::pccs::{
    IdentityDocument, JsonObject, PlatformCollateral, TcbInfoDocument, Update, Version,
};
use bulla_protocol::pcs::{
    Answer, CrlEncoding, Enclave, EncodedCrl, IssuedDocument, Request, Selection, Tee,
};
use bulla_protocol::value::{Fmspc, Pem};
use bulla_service::collection::{Collection, Rejection};
use bulla_service::keeper::{Absent, Mode};
use bulla_service::want::Want;
use bulla_store::Audit as _;
use bulla_tests::liar::Liar;
use bulla_tests::service::{Keeping, realm, selected, standard, store};
use bulla_tests::site::{Clock, DAY, Site, vendor};
use bulla_vendor::answer::answer;
use bulla_vendor::{Charter, PLATFORM_FMSPC, PROCESSOR_FMSPC, Seed, Vendor};
use bulla_verifier::arrival::Received;

/// The family of one package, which most of these lies are about.
const FAMILY: Series = Series::TcbInfo {
    id: TcbInfoId::Sgx,
    fmspc: PROCESSOR_FMSPC,
    version: 3,
};

fn clock() -> Clock {
    Clock::at("2026-12-20T12:00:00Z")
}

/// What the vendor answered at another time, or to another question.
fn instead(request: &Request, at: Timestamp) -> Answer {
    answer(&vendor(), request, at).expect("an answer")
}

fn ask_tcb_info(tee: Tee, fmspc: [u8; 6]) -> Request {
    Request::TcbInfo {
        tee,
        fmspc: Fmspc(fmspc),
        selection: Selection::Standard,
    }
}

fn ask_identity(enclave: Enclave) -> Request {
    let selection = Selection::Standard;
    Request::EnclaveIdentity { enclave, selection }
}

fn ask_crl(ca: bulla_protocol::pcs::PckCa) -> Request {
    let encoding = CrlEncoding::Der;
    Request::PckCrl { ca, encoding }
}

/// Another vendor, whom nobody here trusts.
fn stranger(clock: &Clock) -> Vendor {
    let charter = Charter {
        public_url: "http://127.0.0.1:8181/vendor".parse().expect("an address"),
        founded: "2026-11-02T00:00:00Z".parse().expect("a time"),
        mark_critically: false,
    };
    let mut vendor = Vendor::new(Seed::from(66), charter);
    let order = bulla_vendor::Order {
        name: "other".parse().expect("a name"),
        ca: bulla_vendor::PckCa::Processor,
        fmspc: None,
        number: None,
    };
    let made = clock.now().saturating_sub(30 * DAY);
    vendor.make(order, made).expect("a platform");
    vendor
}

/// The text or the DER of what is signed in an answer.
fn content(answer: &mut Answer) -> &mut Vec<u8> {
    match answer {
        Answer::TcbInfo(issued)
        | Answer::EnclaveIdentity(issued)
        | Answer::EvaluationDataNumbers(issued) => &mut issued.document,
        Answer::PckCrl {
            crl: EncodedCrl::Der(der),
            ..
        }
        | Answer::RootCaCrl(EncodedCrl::Der(der)) => der,
        other => panic!("{other:?}"),
    }
}

type Twist = Box<dyn Fn(&Request, Answer) -> Answer + Send>;

fn changed(change: impl Fn(&mut Vec<u8>) + Send + 'static) -> Twist {
    Box::new(move |_, mut answer| {
        change(content(&mut answer));
        answer
    })
}

fn replaced(by: impl Fn() -> Answer + Send + 'static) -> Twist {
    Box::new(move |_, _| by())
}

/// A level that other platforms reach.
fn doctored() -> Twist {
    changed(|document| {
        let text = String::from_utf8(document.clone()).expect("text");
        let at = text.find("pcesvn\":").expect("an SVN") + "pcesvn\":".len();
        document[at] = b'9';
    })
}

/// A later end, so that nobody needs to ask for a new one.
fn prolonged() -> Twist {
    changed(|document| {
        let text = String::from_utf8(document.clone()).expect("text");
        let at = text.find("nextUpdate").expect("an end") + "nextUpdate\":\"202".len();
        document[at] = b'9';
    })
}

fn forged() -> Twist {
    changed(|content| {
        let last = content.iter_mut().rev().find(|byte| byte.is_ascii_digit());
        let last = last.expect("a digit");
        *last = if *last == b'0' { b'1' } else { b'0' };
    })
}

fn cut() -> Twist {
    changed(|content| content.truncate(content.len() - 20))
}

fn of_stranger(clock: &Clock, ask: Request) -> Twist {
    let (vendor, now) = (stranger(clock), clock.now());
    replaced(move || answer(&vendor, &ask, now).expect("an answer"))
}

/// The document is right, and the chain is that of somebody else.
fn with_chain(chain: Pem) -> Twist {
    Box::new(move |_, answer| match answer {
        Answer::TcbInfo(issued) => Answer::TcbInfo(IssuedDocument {
            issuer_chain: chain.clone(),
            ..issued
        }),
        Answer::PckCrl { crl, .. } => Answer::PckCrl {
            crl,
            issuer_chain: chain.clone(),
        },
        other => other,
    })
}

fn chain_of(answer: Answer) -> Pem {
    match answer {
        Answer::TcbInfo(issued) => issued.issuer_chain,
        Answer::PckCrl { issuer_chain, .. } => issuer_chain,
        other => panic!("{other:?}"),
    }
}

/// Every lie: what it is called, about what, how, and for what it is refused.
fn lies(clock: &Clock) -> Vec<(&'static str, Want, Twist, &'static str)> {
    let now = clock.now();
    let expired = now.saturating_sub(35 * DAY);
    let tcb = || ask_tcb_info(Tee::Sgx, PROCESSOR_FMSPC);
    let family = standard(FAMILY);
    let qe = standard(Series::EnclaveIdentity(EnclaveId::Qe));
    let numbers = Want::EvaluationDataNumbers(TcbInfoId::Sgx);
    let processor = Want::PckCrl(PckCa::Processor);
    use bulla_protocol::pcs::PckCa::{Platform, Processor};
    let at = move |request: Request, at| replaced(move || instead(&request, at));
    let identity_as_tcb_info =
        replaced(move || match instead(&ask_identity(Enclave::SgxQe), now) {
            Answer::EnclaveIdentity(issued) => Answer::TcbInfo(issued),
            other => other,
        });
    let root_list = || Request::RootCaCrl(root_file());
    let signer = chain_of(instead(&tcb(), now));
    let ca = chain_of(instead(&ask_crl(Processor), now));
    let crl_of_other_ca = replaced(move || {
        let issuer_chain = chain_of(instead(&ask_crl(Processor), now));
        match instead(&ask_crl(Platform), now) {
            Answer::PckCrl { crl, .. } => Answer::PckCrl { crl, issuer_chain },
            other => other,
        }
    });
    let invalid = "DocumentSignatureInvalid";
    let other = "DocumentNotAsked";
    vec![
        ("doctored", family, doctored(), invalid),
        ("prolonged", family, prolonged(), invalid),
        ("forged", family, forged(), invalid),
        ("cut", family, cut(), "DocumentMalformed"),
        ("ended", family, at(tcb(), expired), "DocumentExpired"),
        (
            "of another family",
            family,
            at(ask_tcb_info(Tee::Sgx, PLATFORM_FMSPC), now),
            other,
        ),
        (
            "for another technology",
            family,
            at(ask_tcb_info(Tee::Tdx, PROCESSOR_FMSPC), now),
            other,
        ),
        ("of another kind", family, identity_as_tcb_info, other),
        (
            "of another root",
            family,
            of_stranger(clock, tcb()),
            "RootUntrusted",
        ),
        (
            "of a CA for platforms",
            family,
            with_chain(ca),
            "CertificateUnexpected",
        ),
        (
            "of another enclave",
            qe,
            at(ask_identity(Enclave::TdxQe), now),
            other,
        ),
        ("forged", qe, forged(), invalid),
        (
            "for another technology",
            numbers,
            at(Request::EvaluationDataNumbers(Tee::Tdx), now),
            other,
        ),
        ("forged", numbers, forged(), invalid),
        (
            "of another CA",
            processor,
            at(ask_crl(Platform), now),
            other,
        ),
        (
            "of another CA in the name of this",
            processor,
            crl_of_other_ca,
            "CrlIssuerMismatch",
        ),
        (
            "of the signer of documents",
            processor,
            with_chain(signer),
            "CertificateUnexpected",
        ),
        (
            "ended",
            processor,
            at(ask_crl(Processor), expired),
            "DocumentExpired",
        ),
        ("cut", processor, cut(), "CrlMalformed"),
        (
            "changed",
            processor,
            changed(|der| *der.last_mut().expect("a byte") ^= 1),
            "CrlSignatureInvalid",
        ),
        (
            "of another root",
            processor,
            of_stranger(clock, ask_crl(Processor)),
            "RootUntrusted",
        ),
        (
            "changed",
            Want::RootCaCrl,
            Box::new(move |request, mut answer| {
                if matches!(request, Request::RootCaCrl(_)) {
                    *content(&mut answer).last_mut().expect("a byte") ^= 1;
                }
                answer
            }),
            "CrlSignatureInvalid",
        ),
        (
            "of another root",
            Want::RootCaCrl,
            {
                let (vendor, now) = (stranger(clock), clock.now());
                Box::new(move |request, genuine| match request {
                    Request::RootCaCrl(_) => answer(&vendor, &root_list(), now).expect("an answer"),
                    _ => genuine,
                })
            },
            "CrlIssuerMismatch",
        ),
    ]
}

fn root_file() -> bulla_protocol::pcs::CrlFile {
    let file = bulla_issuer::ROOT_CA_CRL_PATH.trim_start_matches('/');
    bulla_protocol::pcs::CrlFile::new(file).expect("a name")
}

#[tokio::test]
async fn an_upstream_that_lies_is_passed_over_and_its_lie_kept_for_inspection() {
    let clock = clock();
    let honest = Site::open(vendor(), &clock);
    for (name, want, twist, code) in lies(&clock) {
        let what = format!("{want}, {name}");
        let liar = Liar::open(vendor(), &clock, twist);
        let all = vec![liar.upstream("liar"), honest.upstream("honest")];
        let keeping = Keeping::open(&clock, &store(), all, Mode::Lazy);
        let held = keeping.keeper.get(want, false).await;
        let held = held.unwrap_or_else(|absent| panic!("{what}: {absent}"));
        assert_eq!(&*held.source, "honest", "{what}");
        assert!(want.is_met_by(held.slot), "{what}");
        assert_eq!(keeping.refused(), 1, "{what}");
        let aside = keeping.aside().remove(0);
        assert_eq!((&*aside.code, &*aside.source), (code, "liar"), "{what}");
        assert_eq!(aside.what, want.to_string(), "{what}");
        assert!(aside.reason.len() > 20 && !aside.body.is_empty(), "{what}");
        let health = keeping.keeper.upstreams().health();
        assert_eq!(health[0].counts.refused, 1, "{what}");
    }
}

#[tokio::test]
async fn alone_it_is_answered_for_as_if_it_were_down_and_what_was_good_stays() {
    let clock = clock();
    let honest = Site::open(vendor(), &clock);
    for (name, want, twist, code) in lies(&clock) {
        let what = format!("{want}, {name}");
        let liar = Liar::open(vendor(), &clock, twist);
        let alone = Keeping::open(&clock, &store(), vec![liar.upstream("liar")], Mode::Lazy);
        let absent = alone.bytes(want).await.expect_err(&what);
        let Absent::Unavailable { reason, .. } = absent else {
            panic!("{what}: {absent}")
        };
        assert!(reason.contains("liar"), "{what}: {reason}");
        // Whoever asks again, asks again: a lie is no answer that is believed for a minute.
        assert!(alone.bytes(want).await.is_err(), "{what}");
        assert_eq!(alone.refused(), 2, "{what}");
        assert_eq!(alone.aside().len(), 1, "one and the same lie is kept once");

        let store = store();
        let before = Keeping::open(&clock, &store, vec![honest.upstream("honest")], Mode::Lazy);
        let good = before
            .bytes(want)
            .await
            .unwrap_or_else(|_| panic!("{what}"));
        drop(before);
        let after = Keeping::open(&clock, &store, vec![liar.upstream("liar")], Mode::Lazy);
        assert!(after.keeper.fetch(want).await.is_err(), "{what}");
        assert_eq!(after.bytes(want).await, Ok(good), "{what}");
        assert_eq!(after.aside()[0].code, code, "{what}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_vendor_at_times_is_refused_too() {
    let clock = clock();
    let faulty = Site::open(vendor(), &clock);
    let honest = Site::open(vendor(), &clock);
    let expired = format!("* stale={}", 35 * DAY);
    for (fault, code) in [
        ("* wrong_signature", Some("DocumentSignatureInvalid")),
        ("* other_platform", Some("DocumentNotAsked")),
        (&expired, Some("DocumentExpired")),
        // This ends on the way.
        ("* truncate", None),
    ] {
        faulty.set(&[fault]);
        let all = vec![faulty.upstream("faulty"), honest.upstream("honest")];
        let keeping = Keeping::open(&clock, &store(), all, Mode::Lazy);
        let held = keeping.keeper.get(standard(FAMILY), false).await;
        assert_eq!(&*held.expect(fault).source, "honest", "{fault}");
        let codes: Vec<String> = keeping.aside().into_iter().map(|one| one.code).collect();
        assert_eq!(codes, Vec::from_iter(code), "{fault}");
    }
}

#[tokio::test]
async fn what_was_rolled_back_is_refused_and_whoever_stands_still_is_passed_over() {
    let clock = clock();
    let honest = Site::open(vendor(), &clock);
    let frozen = Clock::at("2026-12-19T12:00:00Z");
    let still = Liar::open(vendor(), &frozen, |_, answer| answer);
    let store = store();
    let want = standard(FAMILY);
    // It says the same for ever.
    let all = || vec![still.upstream("still"), honest.upstream("honest")];
    let keeping = Keeping::open(&clock, &store, all(), Mode::Lazy);
    let first = keeping.keeper.get(want, false).await.expect("a document");
    assert_eq!(&*first.source, "still");
    clock.pass(DAY);
    let same = keeping.keeper.fetch(want).await.expect("the same document");
    assert_eq!(same.sha256, first.sha256);
    // Ten days before the end that is not good enough any more.
    clock.pass(20 * DAY);
    let next = keeping.keeper.fetch(want).await.expect("the next issue");
    assert_eq!(&*next.source, "honest");
    assert!(first.window.from < next.window.from);
    assert_eq!(keeping.refused(), 0, "the document is genuine");
    // And what it says now lies far back.
    let again = keeping.keeper.fetch(want).await.expect("the next issue");
    assert_eq!(again.sha256, next.sha256);
    assert_eq!(keeping.refused(), 0, "it lags behind, and forges nothing");
    let older = keeping.keeper.counters().arrived[3].load(Ordering::Relaxed);
    assert_eq!(older, 1);
    assert_eq!(keeping.aside()[0].code, "DocumentRolledBack");
    assert_eq!(
        keeping.keeper.get(want, false).await.expect("held").sha256,
        next.sha256
    );
    drop(keeping);
    let alone = Keeping::open(&clock, &store, vec![still.upstream("still")], Mode::Lazy);
    assert!(alone.keeper.fetch(want).await.is_err());
    let held = alone.keeper.get(want, false).await.expect("held");
    assert_eq!(held.sha256, next.sha256);
}

#[tokio::test]
async fn a_smaller_number_under_a_selector_is_reported() {
    let clock = clock();
    let mut ahead = vendor();
    let recovery = bulla_vendor::Recovery {
        number: 2,
        date: "2026-12-01T00:00:00Z".parse().expect("a day"),
        raises: [bulla_vendor::Part::Pce].into(),
        below: bulla_collateral::TcbStatus::OutOfDate,
        advisory_ids: Default::default(),
    };
    let day = recovery.date;
    let event = bulla_vendor::Event::Recovery(recovery);
    ahead.record(day, event).expect("a recovery");
    let first = Liar::open(ahead.clone(), &clock, |_, answer| answer);
    let store = store();
    let want = selected(FAMILY, Selector::Early);
    let keeping = Keeping::open(&clock, &store, vec![first.upstream("first")], Mode::Lazy);
    keeping.bytes(want).await.expect("TCB info");
    assert_eq!(keeping.number(FAMILY, Selector::Early), Some(2));
    drop(keeping);
    // Genuine and signed later, of a number that was there before.
    clock.pass(DAY);
    let now = clock.clone();
    let back = Liar::open(
        ahead.clone(),
        &clock,
        move |request, genuine| match request {
            Request::TcbInfo { tee, fmspc, .. } => {
                let selection = Selection::Number(1);
                let (tee, fmspc) = (*tee, *fmspc);
                let request = Request::TcbInfo {
                    tee,
                    fmspc,
                    selection,
                };
                answer(&ahead, &request, now.now()).expect("an answer")
            }
            _ => genuine,
        },
    );
    let keeping = Keeping::open(&clock, &store, vec![back.upstream("back")], Mode::Lazy);
    keeping.keeper.fetch(want).await.expect("it is genuine");
    let entries = store.entries(0, 10).expect("entries");
    let reported = entries
        .iter()
        .find(|entry| entry.event.action == "selection.back");
    let details = &reported.expect("reported").event.details;
    assert!(details.contains("back"), "{details}");
}

/// No flipped bit of a document is served: where the service takes it, it is the document that the
/// vendor signed.
#[test]
fn no_flipped_bit_is_served() {
    let clock = clock();
    let vendor = vendor();
    let root = vendor.root_certificate();
    let reader = Arc::new(clock.reader());
    let collection = Collection::open(realm(&root), store(), reader).expect("a collection");
    let issued = vendor.tcb_info(
        bulla_evidence::Tee::Sgx,
        PROCESSOR_FMSPC,
        Selection::Standard,
        clock.now(),
    );
    let issued = issued.expect("TCB info");
    let (_, signed) = SignedText::from_wrapped(&issued.body).expect("a document");
    let want = standard(FAMILY);
    let bits = issued.body.len() * 8;
    let mut taken = 0;
    // A prime as the step, so that all bits of a byte have their turn.
    for bit in (0..bits).step_by(41) {
        let mut document = issued.body.clone();
        document[bit / 8] ^= 1 << (bit % 8);
        let received = Received::Signed {
            document: &document,
            issuer_chain: &issued.chain,
        };
        match collection.admit(received, Some(want), "bits") {
            Err(Rejection::Refused { .. }) => {}
            Err(other) => panic!("{other}"),
            Ok(admission) => {
                taken += 1;
                let (_, held) = SignedText::from_wrapped(&admission.held.body).expect("kept");
                assert_eq!(held.body, signed.body, "bit {bit}");
            }
        }
    }
    // Digits of the signature in capital letters are the same signature.
    assert!(taken < 20, "{taken}");
    let list = vendor.pck_crl(bulla_vendor::PckCa::Processor, clock.now());
    for bit in (0..list.der.len() * 8).step_by(7) {
        let mut crl = list.der.clone();
        crl[bit / 8] ^= 1 << (bit % 8);
        let received = Received::PckCrl {
            crl: &crl,
            issuer_chain: &list.chain,
        };
        let want = Want::PckCrl(PckCa::Processor);
        assert!(
            collection.admit(received, Some(want), "bits").is_err(),
            "bit {bit}"
        );
    }
}

/// What the vendor has at an instant, to be brought.
fn bundle(at: Timestamp) -> PlatformCollateral {
    let vendor = vendor();
    let text = |bytes: Vec<u8>| {
        JsonObject::new(String::from_utf8(bytes).expect("text")).expect("an object")
    };
    let pem = |bytes: Vec<u8>| Some(Pem::new(bytes).expect("PEM"));
    let info = vendor.tcb_info(
        bulla_evidence::Tee::Sgx,
        PROCESSOR_FMSPC,
        Selection::Standard,
        at,
    );
    let info = info.expect("TCB info");
    let identity = vendor.identity(EnclaveId::Qe, Selection::Standard, at);
    let identity = identity.expect("an identity");
    let list = vendor.pck_crl(bulla_vendor::PckCa::Processor, at);
    PlatformCollateral {
        tcb_infos: vec![TcbInfoDocument {
            tee: Tee::Sgx,
            fmspc: Fmspc(PROCESSOR_FMSPC),
            update: Update::Standard,
            document: text(info.body),
        }],
        identities: vec![IdentityDocument {
            enclave: Enclave::SgxQe,
            update: Update::Standard,
            document: text(identity.body),
        }],
        processor_crl: Some(list.der),
        root_ca_crl: Some(vendor.root_ca_crl(at).der),
        processor_chain: pem(list.chain),
        tcb_info_chain: pem(info.chain),
        identity_chain: pem(identity.chain),
        ..PlatformCollateral::default()
    }
}

async fn put(keeping: &Keeping, bundle: &PlatformCollateral) -> (u16, String) {
    let body = bundle.write(Version::V4);
    let said = keeping
        .ask("PUT", "/sgx/certification/v4/platformcollateral", &body)
        .await;
    (said.status, said.header("error-message").to_owned())
}

#[tokio::test]
async fn what_is_brought_passes_the_same_checks() {
    let clock = clock();
    let now = clock.now();
    let family = standard(FAMILY);
    let qe = standard(Series::EnclaveIdentity(EnclaveId::Qe));
    let list = Want::PckCrl(PckCa::Processor);
    let swap = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        JsonObject::new(text.replacen(from, to, 1)).expect("an object")
    };
    let mut doctored = bundle(now);
    let text = doctored.tcb_infos[0].document.as_str().to_owned();
    doctored.tcb_infos[0].document = swap(&text, "UpToDate", "UpToData");
    let mut softened = bundle(now);
    let text = softened.identities[0].document.as_str().to_owned();
    softened.identities[0].document = swap(&text, "\"isvsvn\":", "\"isvsvn\": ");
    let mut swapped = bundle(now);
    swapped.tcb_infos[0].fmspc = Fmspc(PLATFORM_FMSPC);
    let mut exchanged = bundle(now);
    exchanged.identities[0].enclave = Enclave::TdxQe;
    let mut other = bundle(now);
    other.processor_chain = {
        let list = vendor().pck_crl(bulla_vendor::PckCa::Platform, now);
        Some(Pem::new(list.chain).expect("PEM"))
    };
    let mut cut = bundle(now);
    cut.processor_crl.as_mut().expect("a list").pop();
    let expired = bundle(now.saturating_sub(35 * DAY));
    for (name, lie, about, code) in [
        ("doctored", &doctored, family, "DocumentMalformed"),
        ("softened", &softened, qe, "DocumentSignatureInvalid"),
        ("swapped", &swapped, family, "DocumentNotAsked"),
        ("exchanged", &exchanged, qe, "DocumentNotAsked"),
        ("of another CA", &other, list, "CrlIssuerMismatch"),
        ("cut", &cut, list, "CrlMalformed"),
        ("ended", &expired, family, "DocumentExpired"),
    ] {
        let keeping = Keeping::open(&clock, &store(), Vec::new(), Mode::Offline);
        let (status, message) = put(&keeping, lie).await;
        assert_eq!(status, 460, "{name}: {message}");
        assert!(keeping.bytes(about).await.is_err(), "{name}");
        assert!(keeping.refused() > 0, "{name}");
        let aside = keeping.aside();
        let found = aside.iter().find(|aside| aside.code == code);
        let found = found.unwrap_or_else(|| panic!("{name}: {aside:?}"));
        assert_eq!(found.source, "platformcollateral", "{name}");
        assert!(!message.is_empty(), "{name}");
        // The others of the same bundle were taken, if they are good.
        let root = keeping.bytes(Want::RootCaCrl).await;
        assert!(root.is_ok(), "{name}: {root:?}");

        let (status, message) = put(&keeping, &bundle(now)).await;
        assert_eq!(status, 200, "{name}: {message}");
        let good = keeping.bytes(about).await.expect(name);
        assert_eq!(put(&keeping, lie).await.0, 460, "{name}");
        assert_eq!(keeping.bytes(about).await, Ok(good), "{name}");
    }
    // What is older than what is there is told, and does not replace it.
    let keeping = Keeping::open(&clock, &store(), Vec::new(), Mode::Offline);
    assert_eq!(put(&keeping, &bundle(now)).await.0, 200);
    let good = keeping.bytes(family).await.expect("TCB info");
    let (status, message) = put(&keeping, &bundle(now.saturating_sub(10 * DAY))).await;
    assert_eq!(status, 460);
    assert!(message.contains("long after"), "{message}");
    assert_eq!(keeping.bytes(family).await, Ok(good));
    assert_eq!(keeping.keeper.counters().asked.load(Ordering::Relaxed), 0);
}
