//! Every endpoint, and every status that it has.

use bulla_collateral::{
    EnclaveIdentity, EvaluationDataNumbers, SignedKind, SignedText, TcbInfo, TcbInfoId,
};
use bulla_issuer::pem;
use bulla_pki::{Certificate, Crl, SgxExtension, Signature};
use bulla_protocol::pcs::{
    Answer, CrlEncoding, CrlFile, Enclave, EncodedCrl, ErrorCode, IssuedDocument, PckCa,
    PlatformClass, PlatformFilter, PlatformKey, Request, Selection, SubscriptionKey, Tee,
};
use bulla_protocol::value::{EncryptedPpid, Fmspc, Pem, PlatformManifest};
use bulla_protocol::wire::{Method, Status};
use bulla_vendor::web::{Books, Service};
use bulla_vendor::{
    Charter, Event, Order, PLATFORM_FMSPC, PROCESSOR_FMSPC, Registration, Revoked, StateDirectory,
};

use super::world::{
    World, by_ppid, get, manifest, now, of, pck_request, platform, secret, time, vendor,
};

fn tcb(tee: Tee, selection: Selection) -> Request {
    Request::TcbInfo {
        tee,
        fmspc: Fmspc(PROCESSOR_FMSPC),
        selection,
    }
}

fn identity(enclave: Enclave, selection: Selection) -> Request {
    Request::EnclaveIdentity { enclave, selection }
}

fn signed(issued: &IssuedDocument) -> (SignedKind, SignedText) {
    let chain = pem_blocks(&issued.issuer_chain);
    assert_eq!(chain.len(), 2, "the signer and the root");
    let (kind, text) = SignedText::from_wrapped(&issued.document).unwrap();
    let signer = Certificate::parse(&chain[0]).unwrap();
    let signature = Signature::from_hex(&text.signature).unwrap();
    assert!(
        signer
            .public_key()
            .unwrap()
            .verify(&text.body, &signature)
            .is_ok()
    );
    (kind, text)
}

fn pem_blocks(text: &Pem) -> Vec<Vec<u8>> {
    bulla_pki::pem::decode(text.as_str().as_bytes(), "CERTIFICATE", 4).unwrap()
}

fn tcb_info(world: &World, tee: Tee, selection: Selection) -> TcbInfo {
    let Answer::TcbInfo(issued) = world.answer(&tcb(tee, selection)) else {
        panic!("another answer");
    };
    let (kind, text) = signed(&issued);
    assert_eq!(kind, SignedKind::TcbInfo);
    TcbInfo::parse(&text.body).unwrap()
}

#[test]
fn tcb_info_of_every_set() {
    let world = World::new();
    for (tee, id) in [(Tee::Sgx, TcbInfoId::Sgx), (Tee::Tdx, TcbInfoId::Tdx)] {
        for (selection, number) in [
            (Selection::Standard, 1),
            (Selection::Early, 2),
            (Selection::Number(1), 1),
            (Selection::Number(2), 2),
        ] {
            let info = tcb_info(&world, tee, selection);
            assert_eq!((info.id, info.evaluation_data_number), (id, number));
            assert_eq!(info.fmspc, PROCESSOR_FMSPC);
            assert!(info.window.contains(now()));
        }
        let too_new = world.refusal(&tcb(tee, Selection::Number(3)));
        assert_eq!(too_new.status(), Status::NOT_FOUND);
        let gone = world.refusal(&tcb(tee, Selection::Number(0)));
        assert_eq!(gone.status(), Status::GONE);
        let unknown = world.refusal(&Request::TcbInfo {
            tee,
            fmspc: Fmspc([0xff; 6]),
            selection: Selection::Standard,
        });
        assert_eq!(unknown.status(), Status::NOT_FOUND);
    }
}

#[test]
fn identities_of_every_enclave() {
    let world = World::new();
    for (enclave, id) in [
        (Enclave::SgxQe, "QE"),
        (Enclave::SgxQve, "QVE"),
        (Enclave::SgxQae, "QAE"),
        (Enclave::TdxQe, "TD_QE"),
    ] {
        for (selection, number) in [(Selection::Standard, 1), (Selection::Early, 2)] {
            let Answer::EnclaveIdentity(issued) = world.answer(&identity(enclave, selection))
            else {
                panic!("another answer");
            };
            let (_, text) = signed(&issued);
            let identity = EnclaveIdentity::parse(&text.body).unwrap();
            assert_eq!(identity.id.as_str(), id);
            assert_eq!(identity.evaluation_data_number, number);
        }
        let too_new = world.refusal(&identity(enclave, Selection::Number(3)));
        assert_eq!(too_new.status(), Status::NOT_FOUND);
        let gone = world.refusal(&identity(enclave, Selection::Number(0)));
        assert_eq!(gone.status(), Status::GONE);
    }
}

#[test]
fn a_number_that_ended_is_gone_and_not_listed() {
    let mut vendor = vendor();
    let at = time("2026-11-20T00:00:00Z");
    vendor.record(at, Event::Promotion { number: 2 }).unwrap();
    vendor
        .record(at, Event::EndOfSigning { number: 1 })
        .unwrap();
    let world = World::of(Service::new(Books::in_memory(vendor), now));
    let gone = world.refusal(&tcb(Tee::Sgx, Selection::Number(1)));
    assert_eq!(gone.status(), Status::GONE);
    assert_eq!(
        tcb_info(&world, Tee::Sgx, Selection::Standard).evaluation_data_number,
        2
    );
    let Answer::EvaluationDataNumbers(issued) =
        world.answer(&Request::EvaluationDataNumbers(Tee::Tdx))
    else {
        panic!("another answer");
    };
    let (_, text) = signed(&issued);
    let numbers = EvaluationDataNumbers::parse(&text.body).unwrap().numbers;
    assert_eq!(numbers.iter().map(|n| n.number).collect::<Vec<_>>(), [2]);
}

#[test]
fn evaluation_numbers_of_both_technologies() {
    let world = World::new();
    for (tee, id) in [(Tee::Sgx, TcbInfoId::Sgx), (Tee::Tdx, TcbInfoId::Tdx)] {
        let Answer::EvaluationDataNumbers(issued) =
            world.answer(&Request::EvaluationDataNumbers(tee))
        else {
            panic!("another answer");
        };
        let (_, text) = signed(&issued);
        let list = EvaluationDataNumbers::parse(&text.body).unwrap();
        assert_eq!(list.id, id);
        assert_eq!(
            list.numbers.iter().map(|n| n.number).collect::<Vec<_>>(),
            [2, 1]
        );
    }
}

#[test]
fn crls_of_both_cas_in_both_forms_and_that_of_the_root() {
    let world = World::new();
    for ca in [PckCa::Processor, PckCa::Platform] {
        let crl = |encoding| match world.answer(&Request::PckCrl { ca, encoding }) {
            Answer::PckCrl { crl, issuer_chain } => (crl, issuer_chain),
            _ => panic!("another answer"),
        };
        let (EncodedCrl::Der(der), chain) = crl(CrlEncoding::Der) else {
            panic!("another form");
        };
        let issuer = Certificate::parse(&pem_blocks(&chain)[0])
            .unwrap()
            .public_key()
            .unwrap();
        assert!(Crl::parse(&der).unwrap().verify_signature(&issuer).is_ok());
        let (EncodedCrl::Pem(text), same) = crl(CrlEncoding::Pem) else {
            panic!("another form");
        };
        assert_eq!(text.as_str(), pem::block("X509 CRL", &der));
        assert_eq!(same, chain);
    }
    // As the certificates name it, and as it stands behind a proxy that cuts the path off.
    for path in ["/SimulatedSGXRootCA.der", "/vendor/SimulatedSGXRootCA.der"] {
        let parts = world.exchange(&get(path));
        assert_eq!(
            parts.headers.find("Content-Type"),
            Some("application/pkix-crl")
        );
        let crl = Crl::parse(&parts.body).unwrap();
        let root = vendor().root_certificate();
        let root = Certificate::parse(&root).unwrap().public_key().unwrap();
        assert!(crl.verify_signature(&root).is_ok());
    }
    let in_pem = Request::RootCaCrl(CrlFile::new("SimulatedSGXRootCA.crl").unwrap());
    let Answer::RootCaCrl(EncodedCrl::Pem(text)) = world.answer(&in_pem) else {
        panic!("another form");
    };
    let der = vendor().root_ca_crl(now()).der;
    assert_eq!(text.as_str(), pem::block("X509 CRL", &der));
    let other = Request::RootCaCrl(CrlFile::new("IntelSGXRootCA.der").unwrap());
    assert_eq!(world.refusal(&other).status(), Status::NOT_FOUND);
}

#[test]
fn supported_platforms_by_their_kind() {
    let world = World::new();
    let list = |filter| match world.answer(&Request::Fmspcs(filter)) {
        Answer::Fmspcs(list) => list
            .into_iter()
            .map(|platform| (platform.fmspc.0, platform.class))
            .collect::<Vec<_>>(),
        _ => panic!("another answer"),
    };
    let one = (PROCESSOR_FMSPC, PlatformClass::E3);
    let several = (PLATFORM_FMSPC, PlatformClass::E5);
    assert_eq!(list(PlatformFilter::All), [one.clone(), several.clone()]);
    assert_eq!(list(PlatformFilter::E3), [one]);
    assert_eq!(list(PlatformFilter::E5), [several]);
    assert_eq!(list(PlatformFilter::Client), []);
}

/// What a PCK certificate says of its platform.
fn extension(certificate: &Pem) -> SgxExtension {
    let der = pem_blocks(certificate).pop().unwrap();
    let certificate = Certificate::parse(&der).unwrap();
    SgxExtension::parse(certificate.extensions().sgx.unwrap()).unwrap()
}

#[test]
fn pck_certificates_of_one_package() {
    let vendor = vendor();
    let world = World::new();
    let request = pck_request(&vendor, "one", by_ppid(&vendor, "one"));
    let Answer::PckCertificate {
        certificate,
        tcbm,
        fmspc,
        ca,
        issuer_chain,
    } = world.answer(&request)
    else {
        panic!("another answer");
    };
    assert_eq!((fmspc.0, ca), (PROCESSOR_FMSPC, PckCa::Processor));
    assert_eq!(pem_blocks(&issuer_chain).len(), 2);
    let says = extension(&certificate);
    assert_eq!(says.ppid, platform(&vendor, "one").ppid());
    assert_eq!((says.cpusvn, says.pcesvn), (tcbm.cpusvn.0, tcbm.pcesvn.0));

    let Request::PckCertificate {
        platform: key,
        cpusvn,
        pceid,
        ..
    } = request
    else {
        unreachable!();
    };
    let list = |request| match world.answer(&request) {
        Answer::PckCertificates { certificates, .. } => certificates,
        _ => panic!("another answer"),
    };
    let all = list(Request::PckCertificates {
        platform: key.clone(),
        pceid,
    });
    assert_eq!(all.len(), 2, "one for each level");
    for entry in &all {
        let says = extension(entry.certificate.as_ref().unwrap());
        assert_eq!(
            (says.components, says.pcesvn),
            (entry.components, entry.pcesvn)
        );
        assert_eq!(
            (says.cpusvn, says.pcesvn),
            (entry.tcbm.cpusvn.0, entry.tcbm.pcesvn.0)
        );
    }
    let of_configuration = list(Request::PckCertificatesConfig {
        platform: key,
        cpusvn,
        pceid,
    });
    assert_eq!(of_configuration, all);
}

#[test]
fn platforms_that_are_unknown_and_tcbs_that_are_too_low() {
    let vendor = vendor();
    let world = World::new();
    let stranger = PlatformKey::EncryptedPpid(Box::new(EncryptedPpid([7; 384])));
    let pceid = "0000".parse().unwrap();
    let not_found = |request: &Request| {
        assert_eq!(world.refusal(request).status(), Status::NOT_FOUND);
    };
    not_found(&pck_request(&vendor, "one", stranger));
    // Of several packages, and not registered: its PPID is not known.
    not_found(&pck_request(&vendor, "two", by_ppid(&vendor, "two")));
    let platform = by_ppid(&vendor, "one");
    not_found(&Request::PckCertificates {
        platform: platform.clone(),
        pceid: "0100".parse().unwrap(),
    });
    let cpusvn = "00".repeat(16).parse().unwrap();
    not_found(&Request::PckCertificatesConfig {
        platform: platform.clone(),
        cpusvn,
        pceid,
    });
    not_found(&Request::PckCertificate {
        platform,
        cpusvn,
        pcesvn: "0000".parse().unwrap(),
        pceid,
    });
}

#[test]
fn a_platform_that_registers_is_known_by_its_ppid() {
    let vendor = vendor();
    let world = World::new();
    let manifest = manifest(&vendor, "two");
    for _ in 0..2 {
        let Answer::PlatformRegistered(ppid) =
            world.answer(&Request::RegisterPlatform(manifest.clone()))
        else {
            panic!("another answer");
        };
        assert_eq!(ppid.0, platform(&vendor, "two").ppid());
    }
    let request = pck_request(&vendor, "two", by_ppid(&vendor, "two"));
    let Answer::PckCertificate {
        certificate, ca, ..
    } = world.answer(&request)
    else {
        panic!("another answer");
    };
    assert_eq!(ca, PckCa::Platform);
    assert!(extension(&certificate).platform.unwrap().cached_keys);
}

#[test]
fn a_platform_that_asks_with_its_manifest_first_cannot_register() {
    let vendor = vendor();
    let world = World::new();
    let manifest = manifest(&vendor, "two");
    let key = PlatformKey::Manifest(manifest.clone());
    let request = pck_request(&vendor, "two", key);
    let Answer::PckCertificate { certificate, .. } = world.answer(&request) else {
        panic!("another answer");
    };
    assert!(!extension(&certificate).platform.unwrap().cached_keys);
    let refusal = world.refusal(&Request::RegisterPlatform(manifest));
    assert_eq!(refusal.status(), Status::BAD_REQUEST);
    assert_eq!(
        refusal.error_code,
        Some(ErrorCode::CACHED_KEYS_POLICY_VIOLATION)
    );
    let by_ppid = pck_request(&vendor, "two", by_ppid(&vendor, "two"));
    assert_eq!(world.refusal(&by_ppid).status(), Status::NOT_FOUND);
}

#[test]
fn manifests_that_are_refused_say_why() {
    let mut revoked = vendor();
    let name = "two".parse().unwrap();
    let of = Revoked::Platform(name);
    revoked.record(now(), Event::Revocation { of }).unwrap();
    let world = World::of(Service::new(Books::in_memory(revoked), now));
    let genuine = manifest(&vendor(), "two").into_bytes();
    let mut damaged = genuine.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let mut of_another = genuine.clone();
    of_another[50] ^= 1;
    for (bytes, code) in [
        (genuine, ErrorCode::INVALID_OR_REVOKED_PACKAGE),
        (damaged, ErrorCode::INVALID_PLATFORM_MANIFEST),
        (of_another, ErrorCode::INVALID_REGISTRATION_SERVER),
        (vec![0; 9_000], ErrorCode::INVALID_PLATFORM_MANIFEST),
    ] {
        let request = Request::RegisterPlatform(PlatformManifest::new(bytes).unwrap());
        let refusal = world.refusal(&request);
        assert_eq!(refusal.status(), Status::BAD_REQUEST);
        assert_eq!(refusal.error_code, Some(code));
    }
    let package = Request::AddPackage {
        add_request: vec![1],
        key: SubscriptionKey::new("key").unwrap(),
    };
    let refusal = world.refusal(&package);
    assert_eq!(refusal.error_code, Some(ErrorCode::INVALID_ADD_REQUEST));
}

#[test]
fn what_breaks_the_form_of_the_interface() {
    let world = World::new();
    let s4 = "/sgx/certification/v4";
    for (target, status) in [
        ("/", 404),
        ("/sgx/certification/v3/tcb?fmspc=ff53494d554c", 404),
        ("/sgx/certification/v4/rootcacrl", 404),
        ("/vendor/nothing", 404),
        ("/sgx/certification/v4/tcb", 400),
        (
            "/sgx/certification/v4/qe/identity?update=early&tcbEvaluationDataNumber=1",
            400,
        ),
        ("/sgx/registration/v1/platform", 405),
    ] {
        assert_eq!(world.status(target), status, "{target}");
    }
    let long = format!("{s4}/fmspcs?{}", "a".repeat(5_000));
    assert_eq!(world.status(&long), 414);

    let parts = world.exchange(&of("POST", &format!("{s4}/tcb"), Vec::new()));
    assert_eq!(parts.status, Status::METHOD_NOT_ALLOWED);
    assert_eq!(parts.headers.find("Allow"), Some(Method::Get.as_str()));
    let head = world.exchange(&of("HEAD", &format!("{s4}/fmspcs"), Vec::new()));
    assert_eq!(head.status, Status::METHOD_NOT_ALLOWED);

    let mut manifest = of("POST", "/sgx/registration/v1/platform", vec![0; 9_000]);
    manifest.headers.add("Content-Type", "text/plain");
    let parts = world.exchange(&manifest);
    assert_eq!(parts.status, Status::UNSUPPORTED_MEDIA_TYPE);
    let package = of("POST", "/sgx/registration/v1/package", vec![0]);
    assert_eq!(world.exchange(&package).status, Status::UNAUTHORIZED);
    let mut empty_key = get(&format!("{s4}/fmspcs"));
    empty_key.headers.add("Ocp-Apim-Subscription-Key", "");
    assert_eq!(world.exchange(&empty_key).status, Status::UNAUTHORIZED);
}

#[test]
fn every_exchange_has_a_name_of_its_own() {
    let world = World::new();
    let mut names: Vec<_> = (0..5)
        .map(|_| {
            world
                .respond(&Request::Fmspcs(PlatformFilter::All))
                .request_id
        })
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5);
}

#[test]
fn before_the_founding_there_is_nothing() {
    let world = World::of(Service::new(Books::in_memory(vendor()), || {
        time("2026-01-01T00:00:00Z")
    }));
    let refusal = world.refusal(&identity(Enclave::SgxQe, Selection::Standard));
    assert_eq!(refusal.status(), Status::SERVICE_UNAVAILABLE);
}

#[test]
fn a_directory_that_changes_is_read_anew_and_keeps_registrations() {
    let folder = std::env::temp_dir().join(format!("bulla-web-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let directory = StateDirectory::new(&folder);
    let charter = Charter {
        public_url: "http://127.0.0.1:8181".parse().unwrap(),
        founded: time("2026-11-01T00:00:00Z"),
        mark_critically: false,
    };
    directory.found(&secret(), charter).unwrap();
    let books = Books::open(directory.clone()).unwrap();
    let world = World::of(Service::new(books, now));
    let standard = tcb(Tee::Sgx, Selection::Standard);
    assert_eq!(world.refusal(&standard).status(), Status::NOT_FOUND);

    let order = |name: &str, ca| Order {
        name: name.parse().unwrap(),
        ca,
        fmspc: None,
        number: None,
    };
    let made = directory.change(|vendor| {
        vendor.make(order("one", bulla_vendor::PckCa::Processor), now())?;
        vendor.make(order("two", bulla_vendor::PckCa::Platform), now())?;
        Ok::<_, Box<dyn std::error::Error>>(())
    });
    made.unwrap();
    assert!(matches!(world.answer(&standard), Answer::TcbInfo(_)));

    let vendor = directory.read().unwrap();
    let registered = world.answer(&Request::RegisterPlatform(manifest(&vendor, "two")));
    assert!(matches!(registered, Answer::PlatformRegistered(_)));
    let kept = directory.read().unwrap();
    let registration = platform(&kept, "two").registration(now());
    assert_eq!(registration, Some(Registration::Direct));
    let before = directory.stamp().unwrap();
    world.answer(&Request::RegisterPlatform(manifest(&vendor, "two")));
    assert_eq!(
        directory.stamp().unwrap(),
        before,
        "nothing new is not written"
    );

    std::fs::remove_file(folder.join("vendor.state")).unwrap();
    assert_eq!(
        world.refusal(&standard).status(),
        Status::INTERNAL_SERVER_ERROR
    );
    drop(world);
    std::fs::remove_dir_all(&folder).unwrap();
}
