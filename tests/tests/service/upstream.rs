//! Upstreams against the vendor in a box: everything it answers, and what is wrong with it at times.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::time::Duration;

use bulla_pki::{Crl, Timestamp};
use bulla_protocol::pcs::{
    Answer, CrlEncoding, CrlFile, Enclave, EncodedCrl, IssuedDocument, PckCa, PlatformFilter,
    PlatformKey, Request, Selection, Tee,
};
use bulla_protocol::value::{CpuSvn, EncryptedPpid, Fmspc, PceSvn, PlatformManifest};
use bulla_tests::site::{Clock, Site, platform, vendor};
use bulla_upstream::{Breaker, Failure, Kind, Supplied, UpstreamSettings, Upstreams};
use bulla_vendor::Vendor;
use serde_json::Value;

const NOW: &str = "2026-11-23T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn by_ppid(vendor: &Vendor, name: &str) -> PlatformKey {
    let running = platform(vendor, name).start(now());
    let info = running.pce_info(&vendor.provisioning_key().public_key());
    PlatformKey::EncryptedPpid(Box::new(EncryptedPpid(info.encrypted_ppid)))
}

/// The service of the vendor of all tests.
struct World(Site);

impl World {
    fn with_faults(faults: &[&str]) -> Self {
        let site = Site::open(vendor(), &Clock::at(NOW));
        site.set(faults);
        Self(site)
    }

    /// The service below a path, as one upstream of several.
    fn settings(&self, name: &str, path: &str) -> UpstreamSettings {
        let url = format!("http://{}{path}", self.0.address());
        let mut settings = self.0.upstream(name);
        settings.kind = Kind::Pcs { url };
        settings.has_last_word = None;
        settings
    }

    fn upstreams(&self) -> Upstreams {
        Upstreams::new(vec![self.0.upstream("vendor")]).unwrap()
    }
}

async fn ask(upstreams: &Upstreams, request: &Request) -> Result<Answer, Failure> {
    upstreams
        .ask(request, |supplied: Supplied| Ok(supplied.answer))
        .await
}

fn tcb_info(tee: Tee, selection: Selection) -> Request {
    let fmspc = Fmspc(bulla_issuer::SIMULATED_FMSPC);
    Request::TcbInfo {
        tee,
        fmspc,
        selection,
    }
}

fn qe(selection: Selection) -> Request {
    let enclave = Enclave::SgxQe;
    Request::EnclaveIdentity { enclave, selection }
}

fn root_crl(name: &str) -> Request {
    Request::RootCaCrl(CrlFile::new(name).unwrap())
}

/// The object that a document signs.
fn signed(issued: &IssuedDocument, member: &str) -> Value {
    assert!(
        issued
            .issuer_chain
            .as_str()
            .starts_with("-----BEGIN CERTIFICATE")
    );
    let document: Value = serde_json::from_slice(&issued.document).unwrap();
    document[member].clone()
}

fn list(crl: EncodedCrl) {
    let der = match crl {
        EncodedCrl::Der(der) => der,
        EncodedCrl::Pem(text) => {
            let text = text.as_str().as_bytes();
            bulla_pki::pem::decode(text, "X509 CRL", 1)
                .unwrap()
                .remove(0)
        }
    };
    Crl::parse(&der).unwrap();
}

#[tokio::test]
async fn every_document_comes_through() {
    let world = World::with_faults(&[]);
    for path in ["", "/vendor", "/vendor/sgx/certification/v4/"] {
        let upstreams = Upstreams::new(vec![world.settings("vendor", path)]).unwrap();
        let Answer::TcbInfo(issued) = ask(&upstreams, &tcb_info(Tee::Sgx, Selection::Standard))
            .await
            .unwrap()
        else {
            panic!("TCB info was asked for")
        };
        assert_eq!(signed(&issued, "tcbInfo")["id"], "SGX", "{path}");
    }
    let upstreams = world.upstreams();
    for (request, id) in [
        (tcb_info(Tee::Sgx, Selection::Early), "SGX"),
        (tcb_info(Tee::Tdx, Selection::Number(1)), "TDX"),
    ] {
        let Answer::TcbInfo(issued) = ask(&upstreams, &request).await.unwrap() else {
            panic!("TCB info was asked for")
        };
        assert_eq!(signed(&issued, "tcbInfo")["id"], id);
    }
    for (enclave, id) in [
        (Enclave::SgxQe, "QE"),
        (Enclave::SgxQve, "QVE"),
        (Enclave::SgxQae, "QAE"),
        (Enclave::TdxQe, "TD_QE"),
    ] {
        let selection = Selection::Standard;
        let request = Request::EnclaveIdentity { enclave, selection };
        let Answer::EnclaveIdentity(issued) = ask(&upstreams, &request).await.unwrap() else {
            panic!("an identity was asked for")
        };
        assert_eq!(signed(&issued, "enclaveIdentity")["id"], id);
    }
    for tee in [Tee::Sgx, Tee::Tdx] {
        let request = Request::EvaluationDataNumbers(tee);
        let Answer::EvaluationDataNumbers(issued) = ask(&upstreams, &request).await.unwrap() else {
            panic!("numbers were asked for")
        };
        assert!(signed(&issued, "tcbEvaluationDataNumbers")["tcbEvalNumbers"].is_array());
    }
    let request = Request::Fmspcs(PlatformFilter::All);
    let Answer::Fmspcs(fmspcs) = ask(&upstreams, &request).await.unwrap() else {
        panic!("FMSPCs were asked for")
    };
    assert_eq!(fmspcs[0].fmspc, Fmspc(bulla_issuer::SIMULATED_FMSPC));
    assert_eq!(
        upstreams.health()[0].counts.accepted,
        upstreams.health()[0].exchanges
    );
}

#[tokio::test]
async fn every_list_comes_through() {
    let world = World::with_faults(&[]);
    let upstreams = world.upstreams();
    for ca in [PckCa::Processor, PckCa::Platform] {
        for encoding in [CrlEncoding::Pem, CrlEncoding::Der] {
            let request = Request::PckCrl { ca, encoding };
            let Answer::PckCrl { crl, issuer_chain } = ask(&upstreams, &request).await.unwrap()
            else {
                panic!("a list was asked for")
            };
            assert!(issuer_chain.as_str().starts_with("-----BEGIN CERTIFICATE"));
            list(crl);
        }
    }
    let file = bulla_issuer::ROOT_CA_CRL_PATH.trim_start_matches('/');
    for name in [file.to_owned(), file.replace(".der", ".crl")] {
        let Answer::RootCaCrl(crl) = ask(&upstreams, &root_crl(&name)).await.unwrap() else {
            panic!("a list was asked for")
        };
        list(crl);
    }
    // A vendor that is not Intel has its list under a name of its own, which settings say.
    let mut settings = world.settings("vendor", "");
    settings.root_crl_url = Some(format!("http://{}/{file}", world.0.address()));
    let told = Upstreams::new(vec![settings]).unwrap();
    let Answer::RootCaCrl(crl) = ask(&told, &root_crl("IntelSGXRootCA.der")).await.unwrap() else {
        panic!("a list was asked for")
    };
    list(crl);
}

#[tokio::test]
async fn platforms_get_their_certificates_and_register() {
    let world = World::with_faults(&[]);
    let upstreams = world.upstreams();
    let vendor = vendor();
    let pceid = "0000".parse().unwrap();
    let requests = |name: &str, key: PlatformKey| {
        let pck = platform(&vendor, name).start(now()).tcb().pck();
        let (cpusvn, pcesvn) = (CpuSvn(pck.cpusvn), PceSvn(pck.pcesvn));
        [
            Request::PckCertificate {
                platform: key.clone(),
                cpusvn,
                pcesvn,
                pceid,
            },
            Request::PckCertificates {
                platform: key.clone(),
                pceid,
            },
            Request::PckCertificatesConfig {
                platform: key,
                cpusvn,
                pceid,
            },
        ]
    };
    for request in requests("one", by_ppid(&vendor, "one")) {
        match ask(&upstreams, &request).await.unwrap() {
            Answer::PckCertificate { ca, .. } | Answer::PckCertificates { ca, .. } => {
                assert_eq!(ca, PckCa::Processor);
            }
            other => panic!("{other:?}"),
        }
    }
    let of_two = requests("two", by_ppid(&vendor, "two"));
    let failure = ask(&upstreams, &of_two[0]).await.unwrap_err();
    assert!(matches!(failure, Failure::NotFound { .. }), "{failure}");
    let manifest = vendor.manifest(platform(&vendor, "two")).unwrap();
    let manifest = PlatformManifest::new(manifest).unwrap();
    let register = Request::RegisterPlatform(manifest.clone());
    let registered = ask(&upstreams, &register).await.unwrap();
    assert!(matches!(registered, Answer::PlatformRegistered(_)));
    for request in &of_two {
        assert!(ask(&upstreams, request).await.is_ok(), "{request:?}");
    }
    let by_manifest = requests("two", PlatformKey::Manifest(manifest));
    assert!(ask(&upstreams, &by_manifest[1]).await.is_ok());

    let broken = Request::RegisterPlatform(PlatformManifest::new(vec![7; 9_000]).unwrap());
    let Err(Failure::NotFound { reason, .. }) = ask(&upstreams, &broken).await else {
        panic!("no manifest")
    };
    assert!(
        reason.contains("status 400, InvalidPlatformManifest"),
        "{reason}"
    );
}

#[tokio::test]
async fn what_the_vendor_does_not_have_he_says_so() {
    let world = World::with_faults(&[]);
    let other = World::with_faults(&[]);
    let mut settings = world.settings("vendor", "");
    settings.has_last_word = Some(true);
    let upstreams = Upstreams::new(vec![settings, other.settings("spare", "")]).unwrap();
    let unknown = Request::TcbInfo {
        tee: Tee::Sgx,
        fmspc: Fmspc([1; 6]),
        selection: Selection::Standard,
    };
    for request in [unknown, qe(Selection::Number(9))] {
        let failure = ask(&upstreams, &request).await.unwrap_err();
        let Failure::NotFound { upstream, .. } = failure else {
            panic!("{failure}")
        };
        assert_eq!(upstream, "vendor");
    }
    let failure = ask(&upstreams, &qe(Selection::Number(0)))
        .await
        .unwrap_err();
    let gone = Failure::Gone {
        upstream: "vendor".to_owned(),
    };
    assert_eq!(failure, gone);
    assert_eq!(upstreams.health()[1].exchanges, 0);
}

#[tokio::test]
async fn what_passes_is_survived() {
    for fault in [
        "* status=500 count=1",
        "* status=502 count=2",
        "* reset count=2",
        "* truncate count=1",
        "* latency=20 count=1",
    ] {
        let world = World::with_faults(&[fault]);
        let upstreams = world.upstreams();
        ask(&upstreams, &qe(Selection::Standard))
            .await
            .expect(fault);
        assert_eq!(upstreams.health()[0].breaker, Breaker::Closed);
    }
}

#[tokio::test]
async fn what_lasts_is_left_alone_while_the_next_is_asked() {
    let spare = World::with_faults(&[]);
    for (fault, counted) in [
        ("* status=500", "failed"),
        ("* reset", "failed"),
        ("* truncate", "failed"),
        ("* latency=600000", "timed_out"),
        ("* status=429", "throttled"),
        ("* status=503", "throttled"),
    ] {
        let world = World::with_faults(&[fault]);
        let mut settings = world.settings("vendor", "");
        if counted == "timed_out" {
            settings.deadline = Duration::from_millis(200);
        }
        let upstreams = Upstreams::new(vec![settings, spare.settings("spare", "")]).unwrap();
        for _ in 0..6 {
            let from = upstreams
                .ask(&qe(Selection::Standard), |supplied| Ok(supplied.upstream))
                .await;
            assert_eq!(&*from.unwrap(), "spare", "{fault}");
        }
        let health = upstreams.health().remove(0);
        let count = health
            .counts
            .named()
            .into_iter()
            .find(|(name, _)| *name == counted);
        assert!(
            count.is_some_and(|(_, count)| count >= 1),
            "{fault}: {health:?}"
        );
        if counted != "throttled" {
            assert!(
                matches!(health.breaker, Breaker::Open { .. }),
                "{fault}: {health:?}"
            );
        }
        assert!(health.exchanges <= 6, "{fault}: {health:?}");
    }
}

#[tokio::test]
async fn lies_are_for_whoever_asks_to_see() {
    let liar = World::with_faults(&["* wrong_signature"]);
    let honest = World::with_faults(&[]);
    let all = vec![liar.settings("liar", ""), honest.settings("honest", "")];
    let upstreams = Upstreams::new(all).unwrap();
    let request = qe(Selection::Standard);
    let genuine = ask(&honest.upstreams(), &request).await.unwrap();
    let examine = |supplied: Supplied| match supplied.answer == genuine {
        true => Ok(supplied.upstream),
        false => Err("the signature does not hold".to_owned()),
    };
    let from = upstreams.ask(&request, examine).await.unwrap();
    assert_eq!(&*from, "honest");
    assert_eq!(upstreams.health()[0].counts.refused, 1);
}
